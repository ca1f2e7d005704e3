//! What the Unix MPMs have in common. The pure half decides (`plan`, `limits`, `ladder`, `exits`, `pool`, `supervisor`) and is
//! simulated without forking anything; the other half carries out: `parent` is the loop of the parent process, `child` what a
//! child does before and after it serves, `line` how the two speak.

pub mod accept;
pub mod child;
pub mod conf;
#[cfg(threaded)]
pub mod crew;
pub mod exits;
pub mod front;
// Where a thread drives many connections it is not compiled.
#[cfg(not(mpm = "event"))]
pub mod inplace;
pub mod ladder;
pub mod limits;
pub mod line;
pub mod note;
pub mod parent;
pub mod pidfile;
pub mod plan;
pub mod pool;
pub mod query;
pub mod reload;
pub mod serving;
pub mod share;
pub mod single;
pub mod supervisor;
pub mod system;

#[cfg(test)]
mod simulation;

use child::Child;
use limits::{Ceilings, Wanted};
use note::Numbers;

/// All that one Unix MPM is to the common half.
pub struct Mpm {
    /// The numbers of its messages.
    pub numbers: Numbers,
    /// What is fixed at compile time.
    pub ceilings: Ceilings,
    /// What holds where the configuration says nothing.
    pub defaults: Wanted,
    /// Whether idle connections are parked without a thread.
    pub parks: bool,
    /// A child's whole life between its set-up and its exit; gives the exit code.
    pub serve: fn(&Child) -> i32,
}
