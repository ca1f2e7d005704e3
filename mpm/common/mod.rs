//! What MPMs have in common. The pure half decides (`plan`, `limits`, `fit`, `ladder`, `exits`, `pool`, `supervisor`) and is
//! simulated without forking anything; the other half carries out: `parent` is the loop of the parent process, `child` what a
//! child does before and after it serves, `line` how the two speak.
//!
//! An MPM's facts say of which parts it is made (`uses=`), and the others are not compiled:
//!
//! - `children`: a parent process with children that it forks and replaces;
//! - `servers`: the table of directives of those whose number of children follows the load; `fit`: the rule that fits their limits;
//! - `crew`: threads of a child whose number does not change;
//! - `inplace`: threads that each accept and drive one connection at a time; `queue`: the same with another thread accepting;
//! - `pool`: threads whose number changes;
//! - `alone`: the process that was started serves by itself, with such a pool.

#[cfg(unix)]
pub mod accept;
#[cfg(unix)]
pub mod capacity;
#[cfg(uses = "children")]
pub mod child;
pub mod codes;
pub mod conf;
#[cfg(uses = "crew")]
pub mod crew;
#[cfg(unix)]
pub mod door;
#[cfg(unix)]
pub mod drain;
#[cfg(uses = "children")]
pub mod exits;
#[cfg(uses = "fit")]
pub mod fit;
pub mod front;
#[cfg(any(uses = "inplace", uses = "queue"))]
pub mod inplace;
#[cfg(uses = "children")]
pub mod ladder;
pub mod limits;
#[cfg(uses = "children")]
pub mod line;
#[cfg(unix)]
pub mod named_socket;
pub mod note;
#[cfg(unix)]
pub mod office;
#[cfg(uses = "children")]
pub mod parent;
pub mod pidfile;
#[cfg(unix)]
pub mod plan;
#[cfg(uses = "children")]
pub mod pool;
#[cfg(unix)]
pub mod privileges;
#[cfg(uses = "children")]
pub mod quarantine;
pub mod query;
#[cfg(unix)]
pub mod reception;
#[cfg(uses = "children")]
pub mod reload;
#[cfg(unix)]
pub mod room;
#[cfg(unix)]
pub mod sandbox;
#[cfg(unix)]
pub mod saturation;
#[cfg(uses = "children")]
pub mod serving;
#[cfg(unix)]
pub mod share;
#[cfg(uses = "children")]
pub mod single;
#[cfg(uses = "children")]
pub mod supervisor;
#[cfg(unix)]
pub mod system;
#[cfg(uses = "pool")]
pub mod threads;
pub mod turns;
#[cfg(unix)]
pub mod upgrade;
pub mod voice;

#[cfg(all(test, uses = "children"))]
mod simulation;

pub use limits::{Ceilings, Wanted};
#[cfg(uses = "servers")]
pub use note::ChildNumbers;
#[cfg(unix)]
pub use note::Numbers;

#[cfg(uses = "children")]
use child::Child;
use limits::Fitted;
use note::Note;
pub use turns::Exit;

use super::Owner;
use crate::server::Generation;
use crate::sync::Shared;

/// A rule that makes what is asked for fit together. The flag chooses the wording of the start.
pub type Fit = fn(&Wanted, &Ceilings, bool) -> (Fitted, Vec<Note>);

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
    /// Makes what is asked for fit together: `fit::fit`, or a rule of `threads::limits`.
    pub fit: Fit,
    /// The life of the started process: `parent::run`, or `threads::alone::run` where that process serves by itself.
    pub run: fn(&'static Mpm, Shared<Generation>, &mut dyn Owner) -> Exit,
    /// A child's whole life between its set-up and its exit; gives the exit code.
    #[cfg(uses = "children")]
    pub serve: fn(&Child) -> i32,
    /// In what MPMs of one process differ.
    #[cfg(uses = "alone")]
    pub ways: threads::alone::Ways,
}
