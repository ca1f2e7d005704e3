//! How one generation takes over from another, and how the server ends.

use std::time::Instant;

use super::drain::Retired;
use super::{Act, Exit, Kind, Mode, Spec, Stage, Supervisor, PROBE_TIME};
use crate::log::Level;
use crate::mpm::common::plan;

impl Supervisor {
    // --- reloads ---

    pub(super) fn reload(&mut self, kind: Kind) {
        if self.stage.is_some() {
            self.pending = self.pending.max(Some(kind));
            return;
        }
        let (number, told) = match kind {
            Kind::Graceful if self.numbers.graceful == 171 => {
                (171, "Graceful restart requested, doing restart")
            }
            Kind::Graceful => (
                self.numbers.graceful,
                "SIGUSR1 received.  Doing graceful restart",
            ),
            Kind::Restart => (
                self.numbers.restart,
                "SIGHUP received.  Attempting to restart",
            ),
        };
        self.note(Level::Notice, number, told.into());
        self.stage = Some(Stage::Reading(kind));
        self.acts.push_back(Act::Reload(kind));
    }

    pub(super) fn probe(&mut self, kind: Kind, spec: Spec, now: Instant) {
        self.pool.open(spec.number, spec.slots());
        let generation = spec.number;
        self.stage = Some(Stage::Probing {
            kind,
            spec,
            pid: None,
            until: now + PROBE_TIME,
        });
        // The generation is new, so slot 0 is free.
        if let Some(slot) = self.pool.take_slot(generation, 0, 1) {
            self.launch(generation, slot, 0);
        }
    }

    pub(super) fn refuse(&mut self, why: String) {
        self.acts.push_back(Act::Refuse { why });
        self.next_reload();
    }

    pub(super) fn next_reload(&mut self) {
        if let Some(kind) = self.pending.take() {
            if !self.is_leaving() {
                self.reload(kind);
            }
        }
    }

    pub(super) fn give_up_probe(&mut self, why: &str, now: Instant) {
        let Some(Stage::Probing { spec, pid, .. }) = self.stage.take() else {
            return;
        };
        if let Some(pid) = pid {
            self.stop_child(pid, now);
        }
        self.unqueue_starts(spec.number);
        self.end_of(spec.number);
        self.refuse(format!("the first child of the new configuration {why}"));
    }

    pub(super) fn commit(&mut self, kind: Kind, spec: Spec, now: Instant) {
        let old = self.spec.number;
        let running = self.pool.capacity_used(old);
        self.unqueue_starts(old);
        self.retire(now);
        self.spec = spec;
        let generation = self.spec.number;
        self.acts.push_back(Act::Commit { generation, kind });
        self.fresh_rates(match kind {
            Kind::Graceful => plan::HOLD_OFF_ROUNDS,
            Kind::Restart => 0,
        });
        self.acts.push_back(Act::Drain(old));
        self.release(old, kind, now);
        self.end_of(old);
        self.owed = 0;
        let wanted = match kind {
            Kind::Graceful => self.spec.fitted.start_servers.max(running),
            Kind::Restart => self.spec.fitted.start_servers,
        };
        let most = self.spec.fitted.limits.max_processes;
        self.start_many(wanted.min(most).saturating_sub(1));
        self.next_reload();
    }

    /// Lets the children of a generation that serves no more go, gently or not.
    pub(super) fn release(&mut self, generation: u32, kind: Kind, now: Instant) {
        let pids: Vec<i32> = self.pool.of(generation).map(|(pid, _)| pid).collect();
        for pid in pids {
            match kind {
                Kind::Graceful => self.finish_child(pid),
                Kind::Restart => self.stop_child(pid, now),
            }
        }
    }

    // --- the end ---

    pub(super) fn leave_gently(&mut self, now: Instant) {
        let number = self.numbers.caught_winch;
        let told = "caught SIGWINCH, shutting down gracefully";
        self.note(Level::Notice, number, told.into());
        self.mode = Mode::LeavingGently(self.spec.graceful_timeout.map(|t| now + t));
        self.finish_all(Act::CloseListeners, now);
    }

    /// As when a generation takes over from another, but it is another program's.
    pub(super) fn hand_over(&mut self, now: Instant) {
        self.mode = Mode::HandedOver;
        self.retire(now);
        self.finish_all(Act::LetGoListeners, now);
    }

    fn finish_all(&mut self, listeners: Act, now: Instant) {
        self.abandon_reload(now);
        self.acts.push_back(listeners);
        self.acts.push_back(Act::Drain(self.spec.number));
        let pids: Vec<i32> = self.pool.iter().map(|(pid, _)| pid).collect();
        pids.into_iter().for_each(|pid| self.finish_child(pid));
    }

    /// From now on the serving generation counts as one that drains.
    fn retire(&mut self, now: Instant) {
        let retired = Retired {
            since: now,
            threads: self.spec.fitted.limits.threads_per_child,
        };
        self.retired.insert(self.spec.number, retired);
    }

    pub(super) fn leave(&mut self, now: Instant) {
        self.abandon_reload(now);
        self.mode = Mode::Leaving;
        let pids: Vec<i32> = self.pool.iter().map(|(pid, _)| pid).collect();
        pids.into_iter().for_each(|pid| self.stop_child(pid, now));
    }

    pub(super) fn abandon_reload(&mut self, now: Instant) {
        self.pending = None;
        self.owed = 0;
        self.unqueue_starts(self.spec.number);
        match &self.stage {
            Some(Stage::Reading(_)) => {
                self.stage = None;
                self.refuse("the server stops".into());
            }
            Some(Stage::Probing { .. }) => self.give_up_probe("was stopped with the server", now),
            None => {}
        }
    }

    /// Once nobody is left, a server that leaves is done.
    pub(super) fn settle(&mut self) {
        let leaving = self.is_leaving() && !matches!(self.mode, Mode::Done);
        if !leaving || !self.pool.is_empty() || !self.on_the_way.is_empty() {
            return;
        }
        if matches!(self.mode, Mode::Leaving) && self.exit == Exit::Stopped {
            let told = "caught SIGTERM, shutting down";
            self.note(Level::Notice, self.numbers.caught_term, told.into());
        }
        self.mode = Mode::Done;
        self.end_of_current();
    }

    pub(super) fn end_of_current(&mut self) {
        if self.pool.close_if_over(self.spec.number) {
            self.acts.push_back(Act::Over(self.spec.number));
        }
    }
}
