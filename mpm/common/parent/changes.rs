//! How the parent has one generation take over from another, and one program from another; which sockets it keeps.

use std::time::{Duration, Instant};

use super::sight::look;
use super::Parent;
use crate::listen::Listener;
use crate::mpm::common::pool::Child as Known;
use crate::mpm::common::reload::{Checker, Heard};
use crate::mpm::common::serving::Serving;
use crate::mpm::common::supervisor::{Spec, Wish};
use crate::mpm::common::turns::{Kind, Untold};
use crate::mpm::common::upgrade::Time;
use crate::mpm::common::{front, system};
use crate::server::Generation;
use crate::sync::Shared;

/// How long children have to take the connections that wait on a socket which is to be stopped.
const GRACE: Duration = Duration::from_millis(800);

impl Parent<'_> {
    pub(super) fn begin_reload(&mut self) {
        self.tell_taken();
        self.reloads += 1;
        let owner = &mut *self.owner;
        let current = &self.current;
        match Checker::start(|| owner.check(current)) {
            Ok(checker) => {
                self.spent_checkers.push(checker.pid);
                self.checker = Some(checker);
            }
            // No process for it: the parent reads the configuration without one.
            Err(_) => self.build(),
        }
    }

    pub(super) fn hear_checker(&mut self) {
        let Some(checker) = &mut self.checker else {
            return;
        };
        match checker.hear(Instant::now()) {
            Heard::Nothing => {}
            Heard::Good => {
                self.checker = None;
                self.build();
            }
            Heard::Refused(why) => {
                self.checker = None;
                self.sup.reloaded(Err(why), Instant::now());
            }
        }
    }

    fn build(&mut self) {
        let outcome = match self.owner.build(&self.current) {
            Ok(generation) => self.open_generation(generation),
            Err(refused) => Err(refused.0),
        };
        self.sup.reloaded(outcome, Instant::now());
    }

    fn open_generation(&mut self, generation: Shared<Generation>) -> Result<Spec, String> {
        if generation.listeners.is_empty() {
            return Err("no listening sockets available".into());
        }
        let id = self.next_id;
        self.next_id += 1;
        let serving = Serving::new(self.mpm, generation, id, self.server_started)
            .map_err(|error| format!("no memory for the scoreboard: {error}"))?;
        let spec = serving.spec.clone();
        serving.segment.shun(&self.quarantine.keys());
        self.servings.insert(id, serving);
        Ok(spec)
    }

    pub(super) fn commit(&mut self, id: u32, _kind: Kind) {
        let Some(serving) = self.servings.get_mut(&id) else {
            return;
        };
        let Some(generation) = serving.generation.clone() else {
            return;
        };
        let old = std::mem::replace(&mut self.current, generation);
        self.leave_vanished(&old);
        // Older generations are their children's alone now: sockets that nobody serves any more close with the last of them.
        for (other, serving) in &mut self.servings {
            if *other != id {
                serving.generation = None;
            }
        }
        front::introduce(self.mpm.numbers.greeting(), &self.current);
        self.untold = Untold::since(Instant::now());
    }

    pub(super) fn tell_if_settled(&mut self, now: Instant) {
        if self.untold.is_due(now, || self.past_attends()) {
            self.tell_taken();
        }
    }

    /// Says that the reload was taken, if that has not been said.
    pub(super) fn tell_taken(&mut self) {
        if self.untold.take() {
            self.tell_outcome(None);
        }
    }

    /// Whether a worker of an older generation still waits for connections. Those at work look before they take another.
    fn past_attends(&self) -> bool {
        let attends = |child: &Known| {
            let serving = self.servings.get(&child.generation);
            let seen = serving.map(|serving| look(&serving.segment, child));
            seen.is_some_and(|seen| seen.idle > 0 && !seen.closed)
        };
        let mut all = self.sup.pool().iter();
        all.any(|(_, child)| child.generation != self.sup.generation() && attends(child))
    }

    /// Ports that the new generation does not serve are closed soon, however long a child of the old one is busy.
    fn leave_vanished(&mut self, old: &Generation) {
        let served = |listener: &Listener| {
            let mut now = self.current.listeners.iter();
            now.any(|other| other.addr() == listener.addr())
        };
        let gone = old.listeners.iter().filter(|old| !served(old));
        let gone: Vec<_> = gone.filter_map(|l| l.duplicate().ok()).collect();
        self.leaving.extend(gone);
        self.leave_at = Instant::now() + GRACE;
    }

    /// Stops the sockets that nobody is to serve any more, once children had the time to take what was waiting on them.
    pub(super) fn leave(&mut self, now: Instant) {
        if self.sup.awaits_infants() {
            // They have not even begun; then they take who waits, like the others.
            self.leave_at = now + GRACE;
        }
        if now >= self.leave_at {
            self.leaving.drain(..).for_each(|listener| listener.stop());
        }
    }

    pub(super) fn refuse(&mut self, why: String) {
        // The checker may still be at work when the server is told to stop.
        self.checker = None;
        front::tell_refused(&self.current, &why);
        self.tell_outcome(Some(why));
    }

    fn tell_outcome(&self, refused: Option<String>) {
        self.office
            .tell_outcome(&self.current, self.reloads, refused);
    }

    pub(super) fn over(&mut self, id: u32) {
        let Some(serving) = self.servings.remove(&id) else {
            return;
        };
        let totals = serving.segment.view().retired();
        if let Some(current) = self.servings.get(&self.sup.generation()) {
            current.segment.add_retired(&totals);
        }
    }

    pub(super) fn close_listeners(&mut self) {
        let all = self
            .current
            .listeners
            .iter()
            .filter_map(|l| l.duplicate().ok());
        self.leaving.extend(all);
        self.leave_at = Instant::now() + GRACE;
        self.let_go_listeners();
    }

    pub(super) fn let_go_listeners(&self) {
        for listener in &self.current.listeners {
            let _ = system::let_go(listener);
        }
    }

    // --- upgrades ---

    /// The first child serves. If there is a server to take over from, that one finishes now.
    pub(super) fn begin_to_serve(&mut self) {
        let succeeds = self.owner.succeeds().is_some();
        if succeeds && self.office.take(self.mpm, &self.current, true).is_err() {
            // The other program goes on; the children may have connections by now.
            return self.sup.wish(Wish::HandOver, Instant::now());
        }
        self.owner.serving(&self.current);
    }

    /// If another program has taken over, this process only finishes what it has.
    pub(super) fn hear_office(&mut self) {
        let now = Instant::now();
        let time = match (self.sup.is_leaving(), self.up && !self.sup.is_changing()) {
            (true, _) => Time::Late,
            (false, true) => Time::Good {
                workers: self.sup.workers(),
            },
            (false, false) => Time::Early,
        };
        if let Some(successor) = self.office.hear(self.mpm, &self.current, time, now) {
            self.owner.handed_over(successor);
            self.sup.wish(Wish::HandOver, now);
        }
    }
}
