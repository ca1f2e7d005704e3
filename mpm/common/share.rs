//! What all serving threads of a child have in common.

use super::codes::SICK;
use super::door::Door;
use super::voice::Voice;
use crate::connection::host::ChildFacts;
use crate::listen::Listener;
use crate::log::Level;
use crate::scoreboard::Board;
use crate::server::Generation;
use crate::sync::Shared;

/// What all threads of a child share.
#[derive(Clone)]
pub struct Share {
    pub generation: Shared<Generation>,
    pub board: Board,
    pub bucket: usize,
    pub door: Shared<Door>,
}

impl Share {
    /// The listeners of the child's bucket with their numbers in the generation.
    pub fn listeners(&self) -> Vec<(u32, &Listener)> {
        let all = self.generation.listeners.iter().enumerate();
        let own = all.filter(|(_, listener)| listener.bucket() == self.bucket);
        own.map(|(index, listener)| (index as u32, listener))
            .collect()
    }

    /// Logs what the kernel refused, which is scarcity, and gives the exit code for that.
    pub fn sick(&self, number: u32, what: &str, error: &std::io::Error) -> i32 {
        let told = format!("{what}: {error}");
        Voice::of(&self.generation).own(Level::Alert, number, told);
        SICK
    }

    /// Who serves, for logs and status pages.
    pub fn facts(&self) -> ChildFacts {
        ChildFacts {
            pid: u32::try_from(self.board.own.pid()).unwrap_or(0),
            slot: self.board.own.number(),
            generation: self.generation.number,
        }
    }
}
