//! The new program as the old server sees it: started with a line to it, given the listening sockets, heard, and ended if it
//! takes too long.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{waiting, Launch, HELLO, VARIABLE, WORKERS};
use crate::listen::Listener;
use crate::os::poll::Waiting;
use crate::os::process::{kill_group, Exit, Pid};
use crate::os::{fd, socket};

/// What the new program says once it serves and has the PidFile.
pub(super) const TAKEN: &str = "taken\n";
/// What it says before a reason for which it gives up.
pub(super) const REFUSED: &str = "refused\n";

/// As much of what it says is kept.
const MOST: usize = 16 * 1024;

/// A program that was started to take over.
pub struct Successor {
    pid: Pid,
    line: Option<OwnedFd>,
    /// Its standard error until it has a log of its own.
    errors: Option<OwnedFd>,
    said: Vec<u8>,
    complained: Vec<u8>,
    patience: Duration,
    until: Instant,
}

/// What it is given.
pub struct Heritage<'a> {
    pub listeners: &'a [Listener],
    /// Of the old server, busy and idle ones.
    pub workers: u32,
}

impl Successor {
    /// Starts it and gives it its heritage. It leads a process group, so that it can be ended with all that it started.
    pub fn start(
        program: &Path,
        launch: &Launch,
        heritage: &Heritage<'_>,
        patience: Duration,
    ) -> io::Result<Successor> {
        let (line, theirs) = socket::pair()?;
        fd::set_nonblocking(&line, true)?;
        let (errors, complaints) = fd::pipe()?;
        fd::set_nonblocking(&errors, true)?;
        hand_over(&line, heritage)?;
        let mut command = Command::new(program);
        command
            .args(&launch.arguments)
            .env(VARIABLE, "stdin")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::from(complaints))
            .process_group(0);
        if let Some(folder) = &launch.folder {
            command.current_dir(folder);
        }
        let child = command.spawn()?;
        Ok(Successor {
            pid: Pid::try_from(child.id()).map_err(io::Error::other)?,
            line: Some(line),
            errors: Some(errors),
            said: Vec::new(),
            complained: Vec::new(),
            patience,
            until: Instant::now() + patience,
        })
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When waiting ends.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// What is to be waited for.
    pub fn fds(&self) -> impl Iterator<Item = Waiting<'_>> {
        self.line.iter().chain(&self.errors).map(waiting)
    }

    /// Takes what it says; true once it serves. That its side is closed means nothing yet: how it ended is told when it is
    /// reaped.
    pub fn hear(&mut self) -> bool {
        take(&mut self.line, &mut self.said);
        take(&mut self.errors, &mut self.complained);
        self.said == TAKEN.as_bytes()
    }

    /// Ends it with all that it started. Not to be done once it has been reaped: the number may be another's then.
    pub fn kill(&self) {
        let _ = kill_group(self.pid, libc::SIGKILL);
    }

    /// Why it came to nothing, after it has ended by itself.
    pub fn why(&self, exit: Exit) -> String {
        let said = String::from_utf8_lossy(&self.said);
        if let Some(why) = said.strip_prefix(REFUSED) {
            return format!("the new program gave up: {}", why.trim_end());
        }
        let how = match exit {
            Exit::Code(code) => format!("ended with exit code {code}"),
            Exit::Signal { signal, .. } => {
                format!("was ended by signal {signal}")
            }
        };
        let when = match self.said == TAKEN.as_bytes() {
            true => "as soon as it served",
            false => "before it served",
        };
        self.with_complaints(format!("the new program {how} {when}"))
    }

    /// Why it came to nothing, if it took too long.
    pub fn why_late(&self) -> String {
        let seconds = self.patience.as_secs();
        self.with_complaints(format!(
            "the new program did not take over within {seconds} seconds (UpgradeTimeout) and was ended"
        ))
    }

    fn with_complaints(&self, why: String) -> String {
        let complaints = String::from_utf8_lossy(&self.complained);
        match complaints.trim_end() {
            "" => format!("{why}; the error log may tell more"),
            complaints => format!("{why}:\n{complaints}"),
        }
    }
}

/// Puts all that the new program needs into the line. A socket holds that many descriptors for one that does not read.
fn hand_over(line: &OwnedFd, heritage: &Heritage<'_>) -> io::Result<()> {
    let stderr = io::stderr();
    let mut things: Vec<(String, BorrowedFd<'_>)> = vec![("stderr".into(), stderr.as_fd())];
    let listeners = heritage.listeners.iter();
    things.extend(listeners.map(|l| (l.handed_as(), l.as_fd())));
    let workers = heritage.workers;
    send(line, &format!("{HELLO}\n{WORKERS}{workers}\n"), &[])?;
    for some in things.chunks(socket::MAX_FDS) {
        let text: String = some.iter().map(|(words, _)| format!("{words}\n")).collect();
        let fds: Vec<BorrowedFd<'_>> = some.iter().map(|(_, fd)| *fd).collect();
        send(line, &text, &fds)?;
    }
    send(line, "end\n", &[])
}

fn send(line: &OwnedFd, text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let sent = socket::send_with_fds(line, text.as_bytes(), fds)?;
    match sent == text.len() {
        true => Ok(()),
        false => Err(io::Error::other("too many sockets to hand over")),
    }
}

/// Reads what is there into `kept`, and drops the descriptor at its end.
fn take(from: &mut Option<OwnedFd>, kept: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    while let Some(open) = from {
        match fd::read(open, &mut bytes) {
            Ok(count @ 1..) => {
                let room = MOST.saturating_sub(kept.len()).min(count);
                kept.extend(&bytes[..room]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => *from = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::poll::wait;
    use crate::os::process;

    const NOTHING: Heritage<'_> = Heritage {
        listeners: &[],
        workers: 0,
    };

    /// A shell that is started as a new program.
    fn shell(script: &str, patience: Duration) -> Successor {
        let launch = Launch {
            arguments: vec!["-c".into(), script.into()],
            folder: Some("/".into()),
        };
        Successor::start(Path::new("/bin/sh"), &launch, &NOTHING, patience).unwrap()
    }

    fn outcome(mut shell: Successor) -> Result<(), String> {
        while !shell.hear() {
            if let Some(exited) = process::reap_pid(shell.pid()).unwrap() {
                shell.hear();
                return Err(shell.why(exited.exit));
            }
            if shell.until() <= Instant::now() {
                shell.kill();
                return Err(shell.why_late());
            }
            let left = Duration::from_millis(20);
            wait(&mut shell.fds().collect::<Vec<_>>(), Some(left), None).unwrap();
        }
        Ok(())
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_end_is_told() {
        let said = |script| outcome(shell(script, LONG)).unwrap_err();
        assert!(said("echo no such library >&2; exit 3").contains("exit code 3"));
        assert!(said("echo no such library >&2; exit 3").ends_with(":\nno such library"));
        assert!(said("kill -SEGV $$").contains("signal 11"));
        assert_eq!(
            said("printf 'refused\\nline 3 is bad\\n' >&0; exit 1"),
            "the new program gave up: line 3 is bad"
        );
        let gone = Path::new("/nonexistent/httpd");
        let launch = Launch {
            arguments: Vec::new(),
            folder: None,
        };
        assert!(Successor::start(gone, &launch, &NOTHING, LONG).is_err());
    }

    #[test]
    fn one_that_takes_over_is_heard_and_one_that_hangs_is_ended() {
        let taker = shell("printf 'taken\\n' >&0; read -r line", LONG);
        let pid = taker.pid();
        assert_eq!(outcome(taker), Ok(()));
        process::wait(pid).unwrap();
        let hanging = shell("sleep 1000", Duration::from_millis(50));
        let pid = hanging.pid();
        assert!(outcome(hanging).unwrap_err().contains("UpgradeTimeout"));
        process::wait(pid).unwrap();
    }
}
