//! The command's side: asks the running server to let another program take over, and waits until it has.

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::desk::{DONE, REFUSED, REQUEST};
use crate::mpm::common::{conf, pidfile};
use crate::server::Generation;

/// What the answer may take beyond the time that the new program has.
const MARGIN: Duration = Duration::from_secs(15);

/// Has `program` take over from the server whose PidFile the configuration names, and gives the new pid. An error says why the
/// old one goes on.
pub fn ask(generation: &Generation, program: &Path) -> Result<u32, String> {
    let conf = conf::of(generation);
    let path = pidfile::beside(&conf.pid_path(generation), ".upgrade");
    let name = program.as_os_str().as_bytes();
    if name.contains(&b'\n') {
        return Err("the program's name has a line end in it".into());
    }
    let unheard = |error| {
        format!(
            "the server cannot be asked through {}: {error}",
            path.display()
        )
    };
    let mut server = UnixStream::connect(&path).map_err(unheard)?;
    let request = [REQUEST.as_bytes(), name, b"\n"].concat();
    let mut answer = Vec::new();
    server
        .set_read_timeout(Some(conf.upgrade_timeout() + MARGIN))
        .and_then(|()| server.write_all(&request))
        .and_then(|()| server.read_to_end(&mut answer))
        .map_err(unheard)?;
    understand(&String::from_utf8_lossy(&answer))
}

fn understand(answer: &str) -> Result<u32, String> {
    let done = answer.strip_prefix(DONE);
    if let Some(pid) = done.and_then(|pid| pid.trim().parse().ok()) {
        return Ok(pid);
    }
    match answer.strip_prefix(REFUSED) {
        Some(why) => Err(why.trim_end().to_owned()),
        None => Err("the server did not answer".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        assert_eq!(understand("done 42\n"), Ok(42));
        assert_eq!(
            understand("refused\na: 1\nb: 2\n"),
            Err("a: 1\nb: 2".into())
        );
        for nothing in ["", "done", "done x", "what"] {
            assert!(understand(nothing).unwrap_err().contains("not answer"));
        }
    }
}
