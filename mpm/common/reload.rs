//! The checker: a process that reads the configuration first and is thrown away, so that the parent neither hangs nor dies over
//! it. The parent's loop goes on meanwhile and hears the answer through a pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::mpm::Refused;
use crate::os::process::{exit_now, fork, kill, Fork, Pid};
use crate::os::{fd, signal};

/// How long reading the configuration may take.
const READING_TIME: Duration = Duration::from_secs(60);

/// What the checker writes when there is no mistake.
const GOOD: &[u8] = b"\0good";

/// A checker at work.
#[derive(Debug)]
pub struct Checker {
    pub pid: Pid,
    pipe: OwnedFd,
    said: Vec<u8>,
    until: Instant,
}

/// What is known of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Good,
    Refused(String),
}

impl Checker {
    /// Starts one that runs `check`.
    pub fn start(check: impl FnOnce() -> Result<(), Refused>) -> io::Result<Checker> {
        let (read, write) = fd::pipe()?;
        let Fork::Parent(pid) = fork()? else {
            drop(read);
            answer(&write, check())
        };
        drop(write);
        fd::set_nonblocking(&read, true)?;
        Ok(Checker {
            pid,
            pipe: read,
            said: Vec::new(),
            until: Instant::now() + READING_TIME,
        })
    }

    /// When waiting ends.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Takes what has been said so far.
    pub fn hear(&mut self, now: Instant) -> Heard {
        let mut bytes = [0; 4096];
        loop {
            match fd::read(&self.pipe, &mut bytes) {
                Ok(0) => return self.verdict(),
                Ok(count) => self.said.extend(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    return Heard::Refused(format!("the checker cannot be heard: {error}"))
                }
            }
        }
        if now < self.until {
            return Heard::Nothing;
        }
        let _ = kill(self.pid, libc::SIGKILL);
        let seconds = READING_TIME.as_secs();
        Heard::Refused(format!(
            "reading the configuration took more than {seconds} seconds"
        ))
    }

    fn verdict(&self) -> Heard {
        if self.said == GOOD {
            return Heard::Good;
        }
        let said = String::from_utf8_lossy(&self.said);
        Heard::Refused(match said.trim() {
            "" => "the process that read the configuration died over it".into(),
            said => said.to_owned(),
        })
    }
}

impl AsFd for Checker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// The checker's own side: gives the answer and ends.
fn answer(pipe: &OwnedFd, checked: Result<(), Refused>) -> ! {
    for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let _ = signal::default(number);
    }
    let text = match &checked {
        Ok(()) => GOOD,
        Err(Refused(why)) => why.as_bytes(),
    };
    let mut rest = text;
    while !rest.is_empty() {
        match fd::write(pipe, rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(_) => break,
        }
    }
    exit_now(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::poll::{wait, Waiting};

    fn outcome(check: impl FnOnce() -> Result<(), Refused>) -> Heard {
        let mut checker = Checker::start(check).unwrap();
        loop {
            match checker.hear(Instant::now()) {
                Heard::Nothing => {
                    wait(&mut [Waiting::to_read(&checker)], None, None).unwrap();
                }
                heard => {
                    crate::os::process::wait(checker.pid).unwrap();
                    return heard;
                }
            }
        }
    }

    #[test]
    fn good_bad_and_deadly() {
        assert_eq!(outcome(|| Ok(())), Heard::Good);
        let long = "x".repeat(100_000);
        let why = long.clone();
        assert_eq!(outcome(move || Err(Refused(why))), Heard::Refused(long));
        let dead = outcome(|| exit_now(3));
        assert!(matches!(dead, Heard::Refused(why) if why.contains("died")));
    }
}
