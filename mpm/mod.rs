//! Multi-Processing Modules: in which process and on which thread a connection is driven. Exactly one is compiled in.
//!
//! This file is the seam. Above it `main` knows [`run`], [`MODULE`], the few paths and numbers that the MPM's directives set, and
//! the trait [`Owner`] by which the MPM asks back; below it each folder is one MPM, and `common` what they share. A new
//! MPM is a folder, a feature, and a line here. Nothing in `src` names this module.

mod common;

#[cfg_attr(mpm = "beos", path = "beos/mod.rs")]
#[cfg_attr(mpm = "event", path = "event/mod.rs")]
#[cfg_attr(mpm = "mpm_netware", path = "mpm_netware/mod.rs")]
#[cfg_attr(mpm = "mpm_winnt", path = "mpm_winnt/mod.rs")]
#[cfg_attr(mpm = "mpmt_os2", path = "mpmt_os2/mod.rs")]
#[cfg_attr(mpm = "prefork", path = "prefork/mod.rs")]
#[cfg_attr(mpm = "worker", path = "worker/mod.rs")]
mod chosen;

use crate::hooks::module::Module;
use crate::hooks::{Hook, HookEntry};
#[cfg(unix)]
use crate::os::process::{Exit as Ended, Pid};
use crate::server::{Draft, Generation};
use crate::sync::Shared;

#[cfg(windows)]
pub use chosen::{handed, service, Handed};
#[cfg(unix)]
pub use common::capacity::{self as arithmetic, Capacity};
pub use common::conf::{MpmConf, StatusPlace};
pub use common::pidfile::{self, Outcome};
#[cfg(unix)]
pub use common::upgrade::{ask as ask_for_upgrade, Predecessor};
pub use common::Exit;

/// The name of the MPM in the error log.
pub const LOG_MODULE: &str = env!("HTTPD_MPM_LOG_NAME");

/// The MPM as the module system sees it: `httpd -l`, `-M` and `-L` list it, `<IfModule>` tests it.
pub static MODULE: Module = Module {
    name: env!("HTTPD_MPM_FILE"),
    identifier: env!("HTTPD_MPM_IDENTIFIER"),
    directives: chosen::DIRECTIVES,
    hooks: &[HookEntry::new(Hook::CheckConfig(check_config))],
    ..Module::EMPTY
};

/// Why a configuration was not taken: the mistakes, each with file and line where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

/// What the parent process asks of the program it belongs to. All of it runs in the parent, between two rounds of its loop.
pub trait Owner {
    /// Reads and checks the configuration without any lasting effect. Runs in a process of its own, which is thrown away: a
    /// configuration that hangs or crashes its reader harms nothing.
    fn check(&mut self, serving: &Shared<Generation>) -> Result<(), Refused>;

    /// Reads the configuration and makes a generation of it, with logs and sockets open; sockets that `serving` has open for the
    /// same addresses are taken over as duplicates. If it fails nothing has changed.
    fn build(&mut self, serving: &Shared<Generation>) -> Result<Shared<Generation>, Refused>;

    /// Another program of this server serves on until `serving` is called, with so many workers. PidFile and the like are left to
    /// it until then.
    #[cfg(unix)]
    fn succeeds(&self) -> Option<u32> {
        None
    }

    /// The first child takes connections: whoever waits for the server to come up can be told. Called once.
    fn serving(&mut self, _generation: &Generation) {}

    /// Another program has taken the server over from this process, which only finishes what it has.
    #[cfg(unix)]
    fn handed_over(&mut self, _successor: Pid) {}

    /// The words of the command line that the configuration depends on, for a child that is a program started anew.
    #[cfg(windows)]
    fn arguments(&self) -> Vec<String>;

    /// This process is a child that was just forked: what belongs to the parent alone is closed.
    #[cfg(unix)]
    fn in_child(&mut self);

    /// A process has ended that is no child of the MPM: a log program, the spawner. False if it is nobody's.
    #[cfg(unix)]
    fn reaped(&mut self, serving: &Generation, pid: Pid, ended: Ended) -> bool;

    /// Small duties, about once a second: restart log programs, notice renamed logs.
    /// Gives the numbers of logs that were opened anew (see `Logs::at`).
    fn every_second(&mut self, serving: &Generation) -> Vec<usize>;

    /// Reopens the logs and nothing else.
    /// Gives the numbers of those that were.
    fn reopen_logs(&mut self, serving: &Generation) -> Vec<usize>;
}

/// Serves, from the first generation on, until the server is told to stop. Reloads happen inside: one that is refused is logged,
/// its outcome written beside the PidFile, and the old generation goes on.
///
/// With `-X` (`ONE_PROCESS`, `DEBUG`) this very process serves and nothing is reloaded.
pub fn run(first: Shared<Generation>, owner: &mut dyn Owner) -> Exit {
    (chosen::MPM.run)(&chosen::MPM, first, owner)
}

/// The record that the MPM's directives left in the main server.
pub fn conf(generation: &Generation) -> &MpmConf {
    common::conf::of(generation)
}

/// What the configuration's limits come to, and what the system allows.
#[cfg(unix)]
pub fn capacity(generation: &Generation) -> Capacity {
    common::capacity::capacity(&chosen::MPM, generation)
}

/// Fits the limits together, with a warning for each one that had to change, when a configuration has been read.
fn check_config(draft: &mut Draft<'_>) -> Result<(), String> {
    #[cfg(unix)]
    common::capacity::settle(&chosen::MPM, draft);
    let starting = draft.generation.number == 0;
    let wanted = conf(draft.generation).wanted(&chosen::MPM.defaults, 1);
    let (_, notes) = (chosen::MPM.fit)(&wanted, &chosen::MPM.ceilings, starting);
    draft.warnings.extend(notes.iter().map(ToString::to_string));
    Ok(())
}

/// `AP_MPMQ_...`: what `ap_mpm.h` asks, by its code; `None` for a code that nobody knows.
pub fn query(generation: &Generation, code: u32) -> Option<i64> {
    common::query::answer(&chosen::MPM, generation, code)
}

#[cfg(test)]
mod tests {
    use super::chosen::{DIRECTIVES, MPM};

    /// The default that the MPM's own text for the manual gives for a directive.
    fn told(page: &str, directive: &str) -> Option<i64> {
        let row = format!("<tr><td>{directive}</td><td>");
        let (number, _) = page.split_once(&row)?.1.split_once('<')?;
        number.parse().ok()
    }

    #[test]
    fn the_manual_tells_the_defaults() {
        let place = format!(
            "{}/mpm/{}/manual.html",
            env!("CARGO_MANIFEST_DIR"),
            env!("HTTPD_MPM_NAME")
        );
        let page = std::fs::read_to_string(&place).expect("the MPM's section of the manual");
        let defaults = MPM.defaults;
        let numbers = [
            ("StartServers", defaults.start_servers),
            ("StartThreads", defaults.start_servers),
            ("MinSpareServers", defaults.min_spare),
            ("MinSpareThreads", defaults.min_spare),
            ("MaxSpareServers", defaults.max_spare),
            ("MaxSpareThreads", defaults.max_spare),
            ("ThreadsPerChild", defaults.threads_per_child),
            ("MaxRequestWorkers", defaults.max_request_workers),
            ("MaxThreads", defaults.max_request_workers),
            ("ServerLimit", defaults.server_limit),
            ("ThreadLimit", defaults.thread_limit),
            ("MaxConnectionsPerChild", 0),
        ];
        for (name, number) in numbers {
            if DIRECTIVES.iter().any(|directive| directive.name == name) {
                assert_eq!(told(&page, name), Some(number), "{name} in {place}");
            }
        }
    }
}
