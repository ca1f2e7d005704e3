//! What the parent sees on the scoreboard, and what it lets others see.

use std::collections::BTreeMap;

use super::Parent;
use crate::mpm::common::child;
use crate::mpm::common::plan::Status;
use crate::mpm::common::pool::{Child as Known, Phase};
use crate::mpm::common::privileges::drop_privileges;
use crate::mpm::common::reception::Visitor;
use crate::mpm::common::serving::Serving;
use crate::os::process::{self, fork, Fork, Pid};
use crate::scoreboard::publish::State;
use crate::scoreboard::snapshot::{glance, Snapshot};
use crate::scoreboard::{Segment, Standing};

impl Parent<'_> {
    /// Lets one visitor of the status socket in, whom another process answers.
    pub(super) fn hear_visitor(&mut self) {
        let Some(visitor) = self.office.visitor() else {
            return;
        };
        match fork() {
            Ok(Fork::Parent(pid)) => self.office.answered_by(pid),
            Ok(Fork::Child) => self.answer(visitor),
            Err(_) => visitor.turn_away(),
        }
    }

    /// In the process that answers one visitor: nothing of the parent's stays open, and root's rights are gone before a byte is read.
    fn answer(&mut self, visitor: Visitor) -> ! {
        let snapshot = snapshot(&self.servings, self.sup.generation());
        self.lines.clear();
        self.leaving.clear();
        self.checker = None;
        self.office.forget();
        child::take_default_signals();
        if drop_privileges(&self.current).is_ok() {
            visitor.answer(self.mpm, &self.current, snapshot);
        }
        process::exit_now(0)
    }

    pub(super) fn show_standing(&self, pid: Pid) {
        let Some(child) = self.sup.pool().get(pid) else {
            return;
        };
        if let Some(serving) = self.servings.get(&child.generation) {
            serving.segment.stand(child.slot, standing(child.phase));
        }
    }

    pub(super) fn publish(&mut self, state: State) {
        let state = if self.sup.is_leaving() {
            State::Stopping
        } else {
            state
        };
        let (servings, current) = (&self.servings, self.sup.generation());
        let snapshot = || snapshot(servings, current);
        self.office.publish(&self.current, state, snapshot);
    }
}

/// What the scoreboards of all generations say, that of the `current` one first.
pub(super) fn snapshot(servings: &BTreeMap<u32, Serving>, current: u32) -> Snapshot {
    let others = servings.iter().filter(|(id, _)| **id != current);
    let first = servings.get(&current);
    let all = first.into_iter().chain(others.map(|(_, serving)| serving));
    let views: Vec<_> = all.map(|s| s.segment.view().clone()).collect();
    Snapshot::take(
        &views,
        first.map_or(0, |s| s.spec.fitted.limits.max_processes),
    )
}

/// What a child's page says, for the planner. A child that says itself that it finishes is believed; that only costs it work.
pub(super) fn look(segment: &Segment, child: &Known) -> Status {
    let seen = glance(segment.view(), child.slot);
    Status {
        idle: seen.idle,
        busy: seen.busy,
        connections: seen.connections,
        draining: seen.quiescing,
        closed: !seen.accepting,
    }
}

fn standing(phase: Phase) -> Standing {
    match phase {
        Phase::Starting => Standing::Starting,
        Phase::Live => Standing::Live,
        Phase::Draining => Standing::Draining,
        Phase::Stopping => Standing::Stopping,
    }
}
