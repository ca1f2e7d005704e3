//! How the parent makes children.

use std::io;
use std::time::Instant;

use super::Parent;
use crate::mpm::common::child::{self, Child};
use crate::mpm::common::codes::SICK;
use crate::mpm::common::line;
use crate::os::process::{self, fork, Fork, Pid};
use crate::scoreboard::Board;
use crate::server::Generation;
use crate::sync::Shared;

impl Parent<'_> {
    pub(super) fn start(&mut self, id: u32, slot: u32, bucket: u32) {
        let now = Instant::now();
        match self.fork_child(id, slot, bucket) {
            Ok(pid) => self.sup.started(pid, id, slot, now),
            Err(error) => self.sup.not_started(id, slot, &error.to_string(), now),
        }
    }

    fn fork_child(&mut self, id: u32, slot: u32, bucket: u32) -> io::Result<Pid> {
        let known = self.servings.get(&id).and_then(|s| s.generation.clone());
        let Some(generation) = known else {
            return Err(io::Error::other("its generation is over"));
        };
        let (parent_end, child_end) = line::make()?;
        match fork()? {
            Fork::Parent(pid) => {
                drop(child_end);
                self.lines.insert(pid, parent_end);
                if let Some(serving) = self.servings.get(&id) {
                    serving.segment.enter(slot, pid, bucket);
                }
                Ok(pid)
            }
            Fork::Child => {
                drop(parent_end);
                self.become_child(generation, id, slot, bucket, child_end)
            }
        }
    }

    /// In the child: what was the parent's alone is closed, the rest of its life is the MPM's.
    fn become_child(
        &mut self,
        generation: Shared<Generation>,
        id: u32,
        slot: u32,
        bucket: u32,
        line: line::ChildEnd,
    ) -> ! {
        self.owner.in_child();
        self.lines.clear();
        self.leaving.clear();
        // The first child of a new generation has the old one in its memory too: that one's sockets are not its own.
        self.current = generation.clone();
        self.checker = None;
        self.office.forget();
        let mut servings = std::mem::take(&mut self.servings);
        let Some(serving) = servings.remove(&id) else {
            process::exit_now(SICK)
        };
        let own_view = serving.segment.view().clone();
        let older = servings.into_values().map(|s| s.segment.view().clone());
        let views = std::iter::once(own_view).chain(older).collect();
        let fitted = serving.spec.fitted;
        let own = match serving.segment.attach(slot, process::pid()) {
            Ok(own) => own,
            Err(_) => process::exit_now(SICK),
        };
        let board = Board {
            own,
            views,
            max_processes: fitted.limits.max_processes,
        };
        let child = Child::new(generation, board, bucket, Some(line));
        child::live(self.mpm, &child)
    }
}
