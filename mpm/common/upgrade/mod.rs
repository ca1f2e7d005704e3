//! Upgrades: another program takes the server over, of this build or of another one, of this MPM or of another one, and no client
//! is refused meanwhile.
//!
//! The command (`ask`) speaks with the running server over a socket beside the PidFile (`desk`). The server starts the new
//! program and gives it its listening sockets (`successor`); the new program takes them (`predecessor`), starts its children, and
//! once the first of them serves it writes the PidFile and says so. Both serve for a moment more; only then does the old server stop
//! taking connections. A new program that fails before, however it does, is ended, and nothing has changed.
//!
//! What the two say to each other must be understood between builds of different age: it is lines of text, and one that is not known
//! is no harm. A line with a colon tells something; to each of the others belongs a descriptor.

mod ask;
mod desk;
mod predecessor;
mod successor;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use ask::ask;
pub use desk::{Caller, Desk};
pub use predecessor::Predecessor;

use super::conf;
use super::voice::Voice;
use crate::log::Level;
use crate::os::poll::Waiting;
use crate::os::process::{self, Exit, Pid};
use crate::server::Generation;
use successor::{Heritage, Successor};

/// Names what a new program finds on its standard input: a line to the server that it is to take over from.
const VARIABLE: &str = "HTTPD_UPGRADE";

/// How long both programs serve before the old one lets go. A new one that dies by then has not taken over.
const PROOF: Duration = Duration::from_secs(2);

/// How many workers the old server has.
const WORKERS: &str = "workers: ";

/// First line of what the old server says, with the number of this protocol.
const HELLO: &str = "httpd-upgrade 1";

/// How this program was started: so the next one is, too.
struct Launch {
    arguments: Vec<OsString>,
    /// Where relative names of the command line begin.
    folder: Option<PathBuf>,
}

/// An upgrade on its way.
struct Attempt {
    successor: Successor,
    caller: Caller,
    ended: Option<Exit>,
    /// Once it serves: from when on it counts as the server.
    proven: Option<Instant>,
}

impl Attempt {
    /// When something has to be done, whatever the new program says.
    fn until(&self) -> Instant {
        self.proven.unwrap_or(self.successor.until())
    }

    /// Whether it has served for long enough, or has served and then was told to stop, as the server is.
    fn has_taken_over(&self, now: Instant) -> bool {
        match (self.proven, self.ended) {
            (None, _) => false,
            (Some(at), None) => at <= now,
            (Some(_), Some(exit)) => exit == Exit::Code(0),
        }
    }
}

/// Whether the server can be taken over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// It serves, with so many workers, and does nothing else.
    Good {
        /// Busy and idle ones.
        workers: u32,
    },
    /// It starts, or changes its configuration: who asks waits.
    Early,
    /// It ends.
    Late,
}

/// What became of an upgrade.
pub enum Event {
    Nothing,
    /// The new program serves and has the PidFile.
    TakenOver(Pid),
    /// It came to nothing. What the new program may have taken of the PidFile and the like is to be had back; then the caller is
    /// to be told.
    Failed(Refusal),
}

/// A caller who does not know yet that the upgrade he asked for came to nothing.
pub struct Refusal {
    caller: Caller,
    why: String,
}

impl Refusal {
    /// Tells him why.
    pub fn tell(self) {
        self.caller.answer(&Err(self.why));
    }
}

/// The old server's side of upgrades.
pub struct Upgrades {
    launch: Launch,
    /// Who has asked, and for which program, but too early.
    asked: VecDeque<(PathBuf, Caller)>,
    attempt: Option<Attempt>,
    /// New programs that are this process's children and to be reaped.
    started: Vec<Pid>,
}

impl Upgrades {
    /// To be made when the server starts, before anything changes its folder.
    pub fn new() -> Upgrades {
        Upgrades {
            launch: Launch {
                arguments: std::env::args_os().skip(1).collect(),
                folder: std::env::current_dir().ok(),
            },
            asked: VecDeque::new(),
            attempt: None,
            started: Vec::new(),
        }
    }

    /// Whether a new program has been started and has not taken over yet.
    pub fn under_way(&self) -> bool {
        self.attempt.is_some()
    }

    /// What is to be waited for.
    pub fn fds(&self) -> impl Iterator<Item = Waiting<'_>> {
        let attempt = self.attempt.iter();
        attempt.flat_map(|attempt| attempt.successor.fds())
    }

    /// When waiting ends.
    pub fn until(&self) -> Option<Instant> {
        self.attempt.as_ref().map(Attempt::until)
    }

    /// A caller asks that this program takes over.
    pub fn ask(&mut self, program: PathBuf, caller: Caller) {
        self.asked.push_back((program, caller));
    }

    /// Starts what was asked for, if this is the time for it.
    pub fn begin(&mut self, current: &Generation, time: Time) {
        let workers = match time {
            Time::Good { workers } => workers,
            Time::Early => return,
            Time::Late => 0,
        };
        while let Some((program, caller)) = self.asked.pop_front() {
            let reason = match time {
                Time::Late => Some("the server is ending"),
                _ if self.under_way() => Some("another upgrade is on its way"),
                // Its end would be that of the whole container.
                _ if process::pid() == 1 => Some("the process of number 1 cannot be replaced"),
                _ => None,
            };
            match reason {
                Some(reason) => caller.answer(&Err(reason.into())),
                None => self.start(current, workers, &program, caller),
            }
        }
    }

    fn start(&mut self, current: &Generation, workers: u32, program: &Path, caller: Caller) {
        let shown = program.display();
        let patience = conf::of(current).upgrade_timeout();
        let heritage = Heritage {
            listeners: &current.listeners,
            workers,
        };
        match Successor::start(program, &self.launch, &heritage, patience) {
            Ok(successor) => {
                let pid = successor.pid();
                let told = format!("upgrade requested: {shown} was started (pid {pid})");
                Voice::of(current).own(Level::Notice, 20250, told);
                self.started.push(pid);
                self.attempt = Some(Attempt {
                    successor,
                    caller,
                    ended: None,
                    proven: None,
                });
            }
            Err(error) => {
                let why = format!("{shown} cannot be started: {error}");
                tell_failed(current, &why);
                caller.answer(&Err(why));
            }
        }
    }

    /// Takes what the new program says, and ends one that takes too long.
    pub fn hear(&mut self, current: &Generation, now: Instant) -> Event {
        let Some(attempt) = &mut self.attempt else {
            return Event::Nothing;
        };
        if attempt.successor.hear() {
            attempt.proven.get_or_insert(now + PROOF);
        }
        if attempt.has_taken_over(now) {
            return self.succeed(current);
        }
        if let Some(exit) = attempt.ended {
            let why = attempt.successor.why(exit);
            return self.fail(current, why);
        }
        if attempt.until() <= now {
            attempt.successor.kill();
            let why = attempt.successor.why_late();
            return self.fail(current, why);
        }
        Event::Nothing
    }

    /// A process has ended. False if it is nobody that upgrades know.
    pub fn reaped(&mut self, pid: Pid, exit: Exit) -> bool {
        let Some(place) = self.started.iter().position(|started| *started == pid) else {
            return false;
        };
        self.started.swap_remove(place);
        if let Some(attempt) = &mut self.attempt {
            if attempt.successor.pid() == pid {
                attempt.ended = Some(exit);
            }
        }
        true
    }

    /// Ends the new program, if there is one: the server is told to do something else.
    pub fn abandon(&mut self, current: &Generation) -> Event {
        if let Some(attempt) = self.attempt.as_ref().filter(|one| one.ended.is_none()) {
            attempt.successor.kill();
        }
        self.fail(current, "the server was told to stop".into())
    }

    /// In a child of this process: nothing of it is the child's business.
    #[cfg(uses = "children")]
    pub fn forget(&mut self) {
        self.asked.clear();
        self.attempt = None;
    }

    fn succeed(&mut self, current: &Generation) -> Event {
        let Some(attempt) = self.attempt.take() else {
            return Event::Nothing;
        };
        let pid = attempt.successor.pid();
        let told = format!(
            "the new program (pid {pid}) has taken over; this one finishes the connections it has"
        );
        Voice::of(current).own(Level::Notice, 20251, told);
        attempt.caller.answer(&Ok(pid));
        Event::TakenOver(pid)
    }

    fn fail(&mut self, current: &Generation, why: String) -> Event {
        let Some(attempt) = self.attempt.take() else {
            return Event::Nothing;
        };
        tell_failed(current, &why);
        Event::Failed(Refusal {
            caller: attempt.caller,
            why,
        })
    }
}

fn tell_failed(current: &Generation, why: &str) {
    let told = format!("the upgrade failed, this program goes on serving: {why}");
    Voice::of(current).own(Level::Error, 20252, told);
}

/// Waits for what can be read on one descriptor.
fn waiting(fd: &impl AsFd) -> Waiting<'_> {
    Waiting::to_read(fd)
}
