//! `-k status` and `-k fullstatus`: asks the running server at its status socket, and prints what it tells.

use httpd::mpm::{self, StatusPlace};
use httpd::server::Generation;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The exit code where ServerStatusSocket is off: whoever called may ask in another way.
const OFF: i32 = 3;

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints the status, single requests too if `full`. The value is the exit code.
pub fn show(generation: &Generation, full: bool) -> i32 {
    let place = mpm::conf(generation).status_place(generation);
    let asked = match &place {
        StatusPlace::Off => return OFF,
        StatusPlace::Path(path) => UnixStream::connect(path).and_then(|socket| {
            socket.set_read_timeout(Some(PATIENCE))?;
            ask(socket, full)
        }),
        StatusPlace::Address(address) => TcpStream::connect(address).and_then(|socket| {
            socket.set_read_timeout(Some(PATIENCE))?;
            ask(socket, full)
        }),
    };
    let told = asked
        .map_err(|error| format!("httpd: the status cannot be asked at {place}: {error}"))
        .and_then(|answer| understand(&answer).map(<[u8]>::to_vec));
    match told {
        Ok(page) => {
            // Whoever reads only the beginning has seen enough.
            let _ = io::stdout().write_all(&page);
            0
        }
        Err(why) => super::fail(&why),
    }
}

fn ask(mut socket: impl Read + Write, full: bool) -> io::Result<Vec<u8>> {
    let query = if full { "text" } else { "text=brief" };
    let request = format!("GET /server-status?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The body of an answer that is good; else the line that says what it is.
fn understand(answer: &[u8]) -> Result<&[u8], String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or(answer);
    match end.and_then(|end| answer.get(end + 4..)) {
        Some(body) if line.starts_with(b"HTTP/1.1 200 ") => Ok(body),
        _ => Err(format!(
            "httpd: the server did not tell its status: {}",
            String::from_utf8_lossy(line).escape_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(understand(good), Ok(&b"hi"[..]));
        let busy = understand(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert!(busy.is_err_and(|why| why.ends_with(": HTTP/1.1 503 Service Unavailable")));
        assert!(understand(b"").is_err());
    }
}
