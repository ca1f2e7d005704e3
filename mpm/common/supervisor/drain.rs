//! Children of generations that serve no more and finish what they hold: bounded in time and number.

use std::time::Instant;

use super::{Act, Supervisor};
use crate::mpm::common::drain::{over, Draining};
use crate::mpm::common::plan::Status;
use crate::mpm::common::pool::{Child, Phase};

/// A generation that another has taken over from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retired {
    /// Since when.
    pub since: Instant,
    /// Workers of each of its children.
    pub threads: u32,
}

impl Supervisor {
    /// Once a second: ends what has drained for too long, or is too much.
    pub(super) fn tend_draining(
        &mut self,
        now: Instant,
        look: &mut dyn FnMut(i32, &Child) -> Status,
    ) {
        let ends = over(&self.spec.drain, &self.draining(look), now);
        for pid in ends.keys {
            self.stop_child(pid, now);
        }
        // Told when it has been done.
        self.climb(now);
        self.acts.extend(ends.notes.into_iter().map(Act::Note));
    }

    /// The children that drain, oldest generation first.
    fn draining(&self, look: &mut dyn FnMut(i32, &Child) -> Status) -> Vec<Draining<i32>> {
        let mut all = Vec::new();
        for (generation, retired) in &self.retired {
            let children = self.pool.of(*generation);
            let mut children: Vec<_> = children
                .filter(|(_, child)| child.phase == Phase::Draining)
                .collect();
            children.sort_unstable_by_key(|(_, child)| child.order);
            for (pid, child) in children {
                let seen = look(pid, child);
                all.push(Draining {
                    key: pid,
                    generation: *generation,
                    since: retired.since,
                    // What its page says is only believed within what a child can be.
                    workers: seen.busy.max(seen.connections).min(retired.threads),
                });
            }
        }
        all
    }
}
