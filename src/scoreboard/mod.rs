//! One shared slot a worker: what each process and worker is doing, for the parent, for status pages and for programs outside.
//!
//! A connection meets it at every step, by a store or two. Each generation has a segment of its own; in it each process
//! has pages that only it can write, and the directory (who is in which slot) is the parent's alone. What decides anything
//! stays in the parent's own memory: the scoreboard is only ever shown and, for idle maintenance, counted.

pub mod crash;
pub mod layout;
pub mod publish;
pub mod segment;
pub mod slot;
pub mod snapshot;
pub mod status;

pub use crash::Crash;
pub use layout::Shape;
pub use segment::{Segment, Standing, Totals, View};
pub use slot::{Held, ProcessSlot, RequestFacts, WorkerSlot};
pub use snapshot::{Process, Snapshot, Worker};
pub use status::Status;

use crate::sync::Shared;

/// Microseconds since 1970 by the wall clock, the unit of every time in the scoreboard.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// What a child sees of the whole server: its own generation and those that were there when it was forked.
#[derive(Clone, Debug)]
pub struct Board {
    /// This process's record.
    pub own: ProcessSlot,
    /// The own generation's view first.
    pub views: Vec<Shared<View>>,
    /// Most live processes of the own generation.
    pub max_processes: u32,
}

impl Board {
    /// Reads everything now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.views, self.max_processes)
    }
}

#[cfg(test)]
mod tests;
