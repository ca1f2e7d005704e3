//! A program that this very process started, for servers whose processes may have children of their own: no spawner is asked.

use super::super::process::{self, Pid};
use super::{system, Request};
use std::io;
use std::os::fd::OwnedFd;

/// A program of ours, which leads a group of its own. Dropping it kills and reaps it, with all that it started.
#[derive(Debug)]
pub struct Child {
    /// None once it is reaped.
    pid: Option<Pid>,
}

/// Starts a program from this very process. Its limits are set, but it cannot become another user.
pub fn start_here(request: &Request, standard: [Option<OwnedFd>; 3]) -> io::Result<Child> {
    match request.identity {
        Some(_) => Err(io::Error::from_raw_os_error(libc::EPERM)),
        None => Ok(Child {
            pid: Some(system::spawn(request, standard)?),
        }),
    }
}

impl Child {
    /// Its number; none after it was seen to have ended.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Whether it has ended. If so it is reaped.
    pub fn has_ended(&mut self) -> bool {
        let Some(pid) = self.pid else { return true };
        if !matches!(process::reap_pid(pid), Ok(None)) || !process::exists(pid) {
            self.pid = None;
        }
        self.pid.is_none()
    }

    /// Asks it, and all that it started, to end. False if it has ended.
    pub fn ask_to_end(&self) -> bool {
        self.signal(libc::SIGTERM)
    }

    /// Ends it, and all that it started.
    pub fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    fn signal(&self, signal: i32) -> bool {
        let Some(pid) = self.pid else { return false };
        process::kill_group(pid, signal).is_ok()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if let Some(pid) = self.pid {
            // After SIGKILL the wait is short, and there is no other place that would reap it.
            let _ = process::wait(pid);
        }
    }
}
