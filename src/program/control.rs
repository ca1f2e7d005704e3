//! `-k`: speaks with the server that runs already, by its PidFile and signals.

use super::{pid_path, verb};
use httpd::mpm::pidfile::{self, Outcome};
use httpd::options::{Command, Verb};
use httpd::os::process::{exists, kill, Pid};
use httpd::server::Generation;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a reload's outcome is waited for.
const PATIENCE: Duration = Duration::from_secs(70);

/// What is left to do.
pub enum Next {
    /// Nothing: leave with this code.
    Leave(i32),
    /// Start serving.
    Start,
}

/// Sends the signal that the verb stands for, or finds that the server is to be started.
pub fn begin(command: &Command, generation: &Generation) -> Next {
    let path = pid_path(generation);
    let running = running(&path);
    match (verb(command), running) {
        (Verb::Start, Ok(pid)) => {
            println!("httpd (pid {pid}) already running");
            Next::Leave(0)
        }
        (Verb::Start, Err(_)) => Next::Start,
        (Verb::Stop, Ok(pid)) => signal(pid, libc::SIGTERM),
        (Verb::GracefulStop, Ok(pid)) => signal(pid, libc::SIGWINCH),
        (Verb::Restart, Ok(pid)) => reload(pid, libc::SIGHUP, &path),
        (Verb::Graceful, Ok(pid)) => reload(pid, libc::SIGUSR1, &path),
        (Verb::Stop | Verb::GracefulStop, Err(stale)) => {
            println!("httpd ({stale}) not running");
            Next::Leave(0)
        }
        (Verb::Restart | Verb::Graceful, Err(_)) => {
            println!("httpd not running, trying to start");
            Next::Start
        }
    }
}

/// The pid of the running server, or what the PidFile says instead.
fn running(path: &Path) -> Result<Pid, String> {
    let Some(pid) = pidfile::read(path) else {
        return Err("no pid file".into());
    };
    match Pid::try_from(pid) {
        Ok(number) if pid != std::process::id() && exists(number) => Ok(number),
        _ => Err(format!("pid {pid}?")),
    }
}

fn signal(pid: Pid, number: i32) -> Next {
    match kill(pid, number) {
        Ok(()) => Next::Leave(0),
        Err(error) => Next::Leave(super::fail(&format!(
            "httpd: sending signal to pid {pid}: {error}"
        ))),
    }
}

/// Asks for a reload and tells how it went.
fn reload(pid: Pid, number: i32, path: &Path) -> Next {
    let before = Outcome::read(path)
        .filter(|outcome| outcome.pid == pid as u32)
        .map_or(0, |outcome| outcome.number);
    if let Next::Leave(code @ 1..) = signal(pid, number) {
        return Next::Leave(code);
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match Outcome::read(path) {
            Some(outcome) if outcome.pid == pid as u32 && outcome.number > before => {
                return Next::Leave(match outcome.refused {
                    None => 0,
                    Some(why) => super::fail(&format!(
                        "httpd: the reload was refused, the old configuration goes on:\n{why}"
                    )),
                });
            }
            // A restart that changed the PidFile or a server that went away leaves nothing to wait for.
            _ if !exists(pid) => break,
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    Next::Leave(super::fail(&format!(
        "httpd: the server (pid {pid}) did not tell how the reload went"
    )))
}
