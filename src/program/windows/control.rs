//! `-k`: speaks with the server that runs at a console already, by its PidFile and its named events.

use super::{fail, pid_path, verb};
use httpd::mpm::pidfile::{self, Outcome};
use httpd::mpm::service;
use httpd::options::{Command, Verb};
use httpd::os::process::{exists, Pid};
use httpd::server::Generation;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a restart's outcome is waited for.
const PATIENCE: Duration = Duration::from_secs(70);

/// What is left to do.
pub enum Next {
    /// Nothing: leave with this code.
    Leave(i32),
    /// Start serving.
    Start,
}

/// Tells the running server what the verb says, or finds that one is to be started.
pub fn begin(command: &Command, generation: &Generation) -> Next {
    let path = pid_path(generation);
    let running = pidfile::read(&path).filter(|pid| runs(*pid));
    Next::Leave(match (verb(command), running) {
        (Verb::Start, None) => return Next::Start,
        (Verb::Start, Some(pid)) => {
            println!("httpd (pid {pid}) already running");
            0
        }
        (Verb::Stop, Some(pid)) => tell(pid, true),
        (Verb::Restart, Some(pid)) => restart(pid, &path),
        (Verb::Restart, None) => {
            println!("httpd not running, trying to start");
            return Next::Start;
        }
        (_, None) => {
            println!("httpd (no pid file) not running");
            0
        }
        // The others do not come here.
        (_, Some(_)) => fail("httpd: this is for a service"),
    })
}

fn runs(pid: u32) -> bool {
    pid != std::process::id() && Pid::try_from(pid).is_ok_and(exists)
}

fn tell(pid: u32, ends: bool) -> i32 {
    match service::tell_console(pid, ends) {
        Ok(()) => 0,
        Err(error) => fail(&format!(
            "httpd: telling the server with pid {pid}: {error}"
        )),
    }
}

/// Asks for a restart and tells how it went.
fn restart(pid: u32, path: &Path) -> i32 {
    let outcome = || Outcome::read(path).filter(|outcome| outcome.pid == pid);
    let before = outcome().map_or(0, |outcome| outcome.number);
    match tell(pid, false) {
        0 => {}
        code => return code,
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && runs(pid) {
        match outcome().filter(|outcome| outcome.number > before) {
            None => std::thread::sleep(Duration::from_millis(20)),
            Some(Outcome { refused: None, .. }) => return 0,
            Some(Outcome {
                refused: Some(why), ..
            }) => {
                return fail(&format!(
                    "httpd: the reload was refused, the old configuration goes on:\n{why}"
                ))
            }
        }
    }
    fail(&format!(
        "httpd: the server (pid {pid}) did not tell how the reload went"
    ))
}
