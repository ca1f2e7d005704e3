//! `-k`: speaks with the server that runs already.

use super::{pid_path, verb};
use httpd::mpm::pidfile;
use httpd::options::{Command, Verb};
use httpd::os::process::{exists, Pid};
use httpd::server::Generation;

/// What is left to do.
pub enum Next {
    /// Nothing: leave with this code.
    Leave(i32),
    /// Start serving.
    Start,
}

/// Finds that the server is to be started, or that it runs.
pub fn begin(command: &Command, generation: &Generation) -> Next {
    let path = pid_path(generation);
    let pid = pidfile::read(&path).and_then(|pid| Pid::try_from(pid).ok());
    match (verb(command), pid.filter(|pid| exists(*pid))) {
        (Verb::Start, Some(pid)) => {
            println!("httpd (pid {pid}) already running");
            Next::Leave(0)
        }
        (Verb::Start, None) => Next::Start,
        _ => Next::Leave(super::fail("httpd: -k: only start is known here")),
    }
}
