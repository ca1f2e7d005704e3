//! `-k`: speaks with the server that runs already, by its PidFile and signals.

use super::{pid_path, status, verb};
use httpd::mpm::pidfile::{self, Outcome};
use httpd::mpm::Predecessor;
use httpd::options::{Command, Verb};
use httpd::os::process::{exists, kill, Pid};
use httpd::server::Generation;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a reload's outcome is waited for.
const PATIENCE: Duration = Duration::from_secs(70);

/// What is left to do.
pub enum Next {
    /// Nothing: leave with this code.
    Leave(i32),
    /// Start serving.
    Start,
    /// Take over from a server, which has started this program for that.
    TakeOver(Predecessor),
}

/// Sends the signal that the verb stands for, or finds that the server is to be started.
pub fn begin(command: &Command, generation: &Generation) -> Next {
    match Predecessor::find() {
        Ok(None) => {}
        Ok(Some(old)) => return Next::TakeOver(old),
        Err(message) => return Next::Leave(super::fail(&message)),
    }
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
        (Verb::Upgrade, Ok(pid)) => upgrade(command, generation, pid),
        (Verb::Status, Ok(_)) => Next::Leave(status::show(generation, false)),
        (Verb::FullStatus, Ok(_)) => Next::Leave(status::show(generation, true)),
        (Verb::Status | Verb::FullStatus, Err(stale)) => {
            Next::Leave(super::fail(&format!("httpd ({stale}) not running")))
        }
        (Verb::Stop | Verb::GracefulStop, Err(stale)) => {
            println!("httpd ({stale}) not running");
            Next::Leave(0)
        }
        (Verb::Restart | Verb::Graceful | Verb::Upgrade, Err(_)) => {
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

/// Has another program take over, this one if none is named, and tells how it went.
fn upgrade(command: &Command, generation: &Generation, pid: Pid) -> Next {
    let program = command.program.clone().map_or_else(own_path, Ok);
    let program = program.and_then(std::path::absolute);
    let asked = program
        .map_err(|error| format!("the program cannot be found: {error}"))
        .and_then(|program| httpd::mpm::ask_for_upgrade(generation, &program));
    match asked {
        Ok(new) => {
            println!("httpd (pid {new}) has taken over from pid {pid}");
            Next::Leave(0)
        }
        Err(why) => Next::Leave(super::fail(&format!(
            "httpd: the upgrade failed, the server (pid {pid}) goes on: {why}"
        ))),
    }
}

/// Where this program is, by the name under which it was started: a link that leads elsewhere tomorrow stays a link.
fn own_path() -> std::io::Result<PathBuf> {
    let name = std::env::args_os().next().map(PathBuf::from);
    match name.filter(|name| name.components().count() > 1) {
        Some(name) => Ok(name),
        None => std::env::current_exe(),
    }
}

/// Asks for a reload and tells how it went.
fn reload(mut pid: Pid, number: i32, path: &Path) -> Next {
    let mut before = Outcome::read(path)
        .filter(|outcome| outcome.pid == pid as u32)
        .map_or(0, |outcome| outcome.number);
    if let Next::Leave(code @ 1..) = signal(pid, number) {
        return Next::Leave(code);
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(successor) = running(path).ok().filter(|now| *now != pid) {
            // Another program has taken over, and the signal was passed on to it.
            (pid, before) = (successor, 0);
        }
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
