//! What the Unix MPMs have in common. The pure half decides (`plan`, `limits`, `ladder`, `exits`, `pool`, `supervisor`) and is
//! simulated without forking anything; the other half carries out: `parent` is the loop of the parent process, `child` what a
//! child does before and after it serves, `line` how the two speak.

// Where one process does all, some of these are half used: its own children are what the unused halves are about. They stay
// compiled, so that their tests hold in every build.
#[cfg(unix)]
pub mod accept;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod child;
// An MPM has one of two tables of directives.
#[cfg_attr(
    not(any(mpm = "prefork", mpm = "worker", mpm = "event")),
    allow(unused)
)]
pub mod conf;
// The threads of a child whose number does not change.
#[cfg(any(mpm = "worker", mpm = "event"))]
pub mod crew;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod exits;
pub mod front;
// Where a thread drives many connections it is not compiled.
#[cfg(all(unix, not(mpm = "event")))]
#[cfg_attr(mpm = "mpmt_os2", allow(dead_code))]
pub mod inplace;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod ladder;
#[cfg_attr(
    not(any(mpm = "prefork", mpm = "worker", mpm = "event")),
    allow(dead_code)
)]
pub mod limits;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod line;
pub mod note;
#[cfg(all(unix, not(one_process)))]
pub mod parent;
pub mod pidfile;
#[cfg_attr(any(one_process, windows), allow(dead_code))]
pub mod plan;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod pool;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod quarantine;
pub mod query;
#[cfg(all(unix, not(one_process)))]
pub mod reload;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod serving;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod share;
#[cfg(all(unix, not(one_process)))]
pub mod single;
#[cfg(unix)]
#[cfg_attr(one_process, allow(dead_code))]
pub mod supervisor;
#[cfg(unix)]
pub mod system;
// The threads of a process whose number changes.
#[cfg(all(unix, threaded, not(any(mpm = "worker", mpm = "event"))))]
// Each takes what it needs.
#[allow(dead_code)]
pub mod threads;
#[cfg_attr(any(one_process, windows), allow(dead_code))]
pub mod voice;

#[cfg(all(test, unix))]
mod simulation;

#[cfg(all(unix, not(one_process)))]
use child::Child;
use limits::{Ceilings, Fitted, Wanted};
use note::Note;
#[cfg(unix)]
use note::Numbers;

use super::Owner;
use crate::server::Generation;
use crate::sync::Shared;

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Stopped,
    /// A child found that there is no hope, or none ever came up.
    Fatal,
}

/// All that one MPM is to the common half.
pub struct Mpm {
    /// The numbers of its messages.
    #[cfg(unix)]
    pub numbers: Numbers,
    /// What is fixed at compile time.
    pub ceilings: Ceilings,
    /// What holds where the configuration says nothing.
    pub defaults: Wanted,
    /// Whether idle connections are parked without a thread.
    pub parks: bool,
    /// Makes what is asked for fit together: a rule of `limits`, or of `threads::limits`. The flag chooses the wording of the start.
    pub fit: fn(&Wanted, &Ceilings, bool) -> (Fitted, Vec<Note>),
    /// The life of the started process: `parent::run`, or `threads::alone::run` where that process serves by itself.
    pub run: fn(&'static Mpm, Shared<Generation>, &mut dyn Owner) -> Exit,
    /// A child's whole life between its set-up and its exit; gives the exit code.
    #[cfg(all(unix, not(one_process)))]
    pub serve: fn(&Child) -> i32,
    /// In what MPMs of one process differ.
    #[cfg(one_process)]
    pub ways: threads::alone::Ways,
}
