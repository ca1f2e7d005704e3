//! Single children: started, replaced when they break, brought to their end step by step.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Act, Exit, Stage, Supervisor, PROBE_TIME, QUICK_REPLACEMENTS, START_AT_ONCE};
use crate::log::Level;
use crate::mpm::common::exits::{self, Ended, Verdict};
use crate::mpm::common::ladder::{Ladder, Step};
use crate::mpm::common::plan::Rate;
use crate::mpm::common::pool::{Child, Phase};

impl Supervisor {
    // --- children ---

    pub(super) fn mourn(&mut self, pid: i32, child: &Child, how: Ended, now: Instant) {
        let serving = self.serves(child);
        match exits::judge(how) {
            Verdict::Fatal if self.is_leaving() => {}
            Verdict::Fatal if child.generation == self.spec.number => {
                let told = format!("Child {pid} returned a Fatal error... httpd is exiting!");
                self.give_up(50, told, now);
            }
            Verdict::Fatal => {
                let told =
                    format!("Ignoring fatal error in child of previous generation (pid {pid}).");
                self.note(Level::Warn, self.numbers.children.old_fatal, told);
            }
            Verdict::Sick if serving && !self.ever_ready => {
                let told = "A resource shortage or other unrecoverable failure was encountered before any child process initialized successfully... httpd is exiting!";
                self.give_up(self.numbers.children.never_started, told.into(), now);
            }
            Verdict::Sick => self.slow_down(),
            // A child that breaks before it is ready would do so again at once.
            Verdict::Broken if serving && child.phase == Phase::Starting => self.slow_down(),
            Verdict::Broken if serving => self.replace_broken(child.slot),
            Verdict::Normal if serving && child.phase == Phase::Live => {
                self.start_one(self.bucket_of(child.slot));
            }
            _ => {}
        }
    }

    /// Whether the child was, until now, capacity of the serving generation of a server that goes on.
    pub(super) fn serves(&self, child: &Child) -> bool {
        child.generation == self.spec.number && child.is_capacity() && !self.is_leaving()
    }

    pub(super) fn replace_broken(&mut self, slot: u32) {
        self.quick += 1;
        if self.quick <= QUICK_REPLACEMENTS {
            return self.start_one(self.bucket_of(slot));
        }
        self.owed += 1;
        if self.quick == QUICK_REPLACEMENTS + 1 {
            let told = "children are killed successively!";
            self.note(
                Level::Warn,
                self.numbers.children.killed_in_a_row,
                told.into(),
            );
        }
    }

    pub(super) fn give_up(&mut self, number: u32, told: String, now: Instant) {
        self.note(Level::Alert, number, told);
        self.exit = Exit::Fatal;
        self.leave(now);
    }

    pub(super) fn slow_down(&mut self) {
        self.rates.iter_mut().for_each(|rate| rate.now = 1);
    }

    pub(super) fn fresh_rates(&mut self, hold_off: u32) {
        let rate = Rate::held_off(hold_off);
        self.rates = vec![rate; self.spec.fitted.limits.buckets.max(1) as usize];
    }

    pub(super) fn bucket_of(&self, slot: u32) -> u32 {
        slot % self.spec.fitted.limits.buckets.max(1)
    }

    /// Starts `count` children, evenly over the buckets; what is more than can be started at once waits for the next round.
    pub(super) fn start_many(&mut self, count: u32) {
        let now = count.min(START_AT_ONCE);
        self.owed += count - now;
        let buckets = self.spec.fitted.limits.buckets.max(1);
        for _ in 0..now {
            let emptiest = (0..buckets).min_by_key(|b| self.live_in(*b)).unwrap_or(0);
            self.start_one(emptiest);
        }
    }

    pub(super) fn live_in(&self, bucket: u32) -> usize {
        let here = |slot: u32| self.bucket_of(slot) == bucket;
        let live = self.pool.of(self.spec.number);
        let live = live.filter(|(_, c)| c.is_capacity() && here(c.slot));
        let coming = self.on_the_way.iter();
        let coming = coming.filter(|(g, slot)| *g == self.spec.number && here(*slot));
        live.count() + coming.count()
    }

    /// Starts one child of the serving generation if a limit does not forbid it.
    pub(super) fn start_one(&mut self, bucket: u32) {
        let limits = self.spec.fitted.limits;
        let generation = self.spec.number;
        let coming = self.on_the_way.iter().filter(|(g, _)| *g == generation);
        let used = self.pool.capacity_used(generation) + coming.count() as u32;
        if used >= limits.max_processes || self.is_leaving() {
            return;
        }
        if let Some(slot) = self.pool.take_slot(generation, bucket, limits.buckets) {
            self.launch(generation, slot, bucket);
        } else {
            self.make_room(generation, bucket);
        }
    }

    /// Every slot beside the live children is held by one that drains: the one that has lived longest must go.
    pub(super) fn make_room(&mut self, generation: u32, bucket: u32) {
        self.owed += 1;
        let here = |c: &Child| c.phase == Phase::Draining && self.bucket_of(c.slot) == bucket;
        let draining = self.pool.of(generation).filter(|(_, c)| here(c));
        if let Some((pid, _)) = draining.min_by_key(|(_, c)| c.order) {
            let told = format!("child {pid} is ended: its slot is needed and it has been finishing old connections the longest");
            self.note(Level::Warn, 20102, told);
            self.stop_child(pid, self.clock);
        }
    }

    pub(super) fn launch(&mut self, generation: u32, slot: u32, bucket: u32) {
        self.on_the_way.insert((generation, slot));
        self.acts.push_back(Act::Start {
            generation,
            slot,
            bucket,
        });
    }

    /// Takes back starts that were queued but not carried out.
    pub(super) fn unqueue_starts(&mut self, generation: u32) {
        let mut kept = VecDeque::with_capacity(self.acts.len());
        for act in self.acts.drain(..) {
            match act {
                Act::Start {
                    generation: g,
                    slot,
                    ..
                } if g == generation => {
                    self.on_the_way.remove(&(g, slot));
                    self.pool.give_back(g, slot);
                }
                other => kept.push_back(other),
            }
        }
        self.acts = kept;
    }

    pub(super) fn finish_child(&mut self, pid: i32) {
        if self.pool.advance(pid, Phase::Draining) {
            self.acts.push_back(Act::Finish(pid));
        }
    }

    pub(super) fn stop_child(&mut self, pid: i32, now: Instant) {
        self.pool.advance(pid, Phase::Stopping);
        self.ladders.entry(pid).or_insert(Ladder::new(now));
    }

    /// A child that hangs before it is ready counts as idle for the planner, so it must not hang for ever.
    pub(super) fn end_stillborn(&mut self, now: Instant) {
        let late = |born: &Instant| *born + PROBE_TIME <= now;
        let late: Vec<i32> = self
            .infants
            .iter()
            .filter(|(_, born)| late(born))
            .map(|(pid, _)| *pid)
            .collect();
        for pid in late {
            self.infants.remove(&pid);
            if !self.probed_by(pid) {
                let told = format!(
                    "child {pid} did not become ready in {} seconds and is ended",
                    PROBE_TIME.as_secs()
                );
                self.note(Level::Error, 20103, told);
                self.stop_child(pid, now);
            }
        }
    }

    /// Carries out the steps of ladders that are due.
    pub(super) fn climb(&mut self, now: Instant) {
        let due: Vec<(i32, Step)> = self
            .ladders
            .iter_mut()
            .filter_map(|(pid, ladder)| Some((*pid, ladder.due(now)?)))
            .collect();
        for (pid, step) in due {
            self.climb_down(pid, step);
        }
    }

    pub(super) fn climb_down(&mut self, pid: i32, step: Step) {
        let number = match step {
            Step::Ask => libc::SIGTERM,
            Step::AskAgain => {
                let told = format!("child process {pid} still did not exit, sending a SIGTERM");
                self.note(Level::Warn, 45, told);
                libc::SIGTERM
            }
            Step::Kill => {
                let told = format!("child process {pid} still did not exit, sending a SIGKILL");
                self.note(Level::Error, 46, told);
                libc::SIGKILL
            }
            Step::GiveUp => return self.forget(pid),
        };
        self.acts.push_back(Act::Signal { pid, number });
    }

    pub(super) fn forget(&mut self, pid: i32) {
        let told =
            format!("could not make child process {pid} exit, attempting to continue anyway");
        self.note(Level::Error, 47, told);
        self.ladders.remove(&pid);
        self.infants.remove(&pid);
        if let Some(child) = self.pool.remove(pid) {
            self.end_of(child.generation);
        }
    }

    /// Says that a generation is over if it is neither serving nor coming and has no child.
    pub(super) fn end_of(&mut self, generation: u32) {
        let needed = generation == self.spec.number || self.probes(generation);
        let coming = self.on_the_way.iter().any(|(g, _)| *g == generation);
        if !needed && !coming && self.pool.close_if_over(generation) {
            self.retired.remove(&generation);
            self.acts.push_back(Act::Over(generation));
        }
    }

    pub(super) fn probes(&self, generation: u32) -> bool {
        matches!(&self.stage, Some(Stage::Probing { spec, .. }) if spec.number == generation)
    }

    pub(super) fn probed_by(&self, pid: i32) -> bool {
        matches!(&self.stage, Some(Stage::Probing { pid: Some(probe), .. }) if *probe == pid)
    }
}
