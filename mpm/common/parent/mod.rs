//! The parent process: it forks children, hears of their ends, counts idle workers once a second, and takes signals. It drives no
//! connection, has no thread and no executor, and never waits for anything outside its one poll.
//!
//! What to do is decided in `supervisor`; here it is done: the loop and its one wait in this file, the making of children in `births`,
//! reloads, upgrades and the sockets in `changes`, the scoreboard in `sight`.

mod births;
mod changes;
mod sight;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sight::{look, snapshot};

use super::child::{self, Child};
use super::conf;
use super::exits::Ended;
use super::front;
use super::line::{ParentEnd, Report};
use super::office::Office;
use super::plan::Status;
use super::pool::Child as Known;
use super::quarantine::{self, Quarantine};
use super::reload::Checker;
use super::saturation::explain;
use super::serving::Serving;
use super::supervisor::{Act, Supervisor, Wish};
use super::turns::{Exit, Kind, Untold};
use super::voice::Voice;
use super::{single, Ceilings, Fit, Mpm, Numbers, Wanted};
use crate::listen::Listener;
use crate::log::Level;
use crate::mpm::Owner;
use crate::os::poll::{wait, Waiting};
use crate::os::process::{self, Exit as OsExit, Pid};
use crate::os::signal::{self, SignalSet};
use crate::scoreboard;
use crate::scoreboard::publish::State;
use crate::server::Generation;
use crate::sync::Shared;

/// How often maintenance is done.
const ROUND: Duration = Duration::from_secs(1);

/// The `monitor` hook runs every so many rounds.
const ROUNDS_PER_MONITOR: u32 = 10;

/// The record of an MPM that has a parent and children: the numbers of its messages, what is fixed, what holds where the
/// configuration is silent, the rule that makes limits fit, and a child's life.
pub const fn record(
    numbers: Numbers,
    ceilings: Ceilings,
    defaults: Wanted,
    fit: Fit,
    serve: fn(&Child) -> i32,
) -> Mpm {
    Mpm {
        numbers,
        ceilings,
        defaults,
        parks: false,
        fit,
        run,
        serve,
    }
}

/// Runs the server in this process as the parent (or, under `-X`, as its only process) until it ends.
pub fn run(mpm: &'static Mpm, first: Shared<Generation>, owner: &mut dyn Owner) -> Exit {
    let defined = |name: &str| first.globals.defines.contains_key(name);
    if defined("ONE_PROCESS") || defined("DEBUG") {
        let Ok(pid_file) = front::begin(&first, false) else {
            return Exit::Fatal;
        };
        owner.serving(&first);
        let exit = single::run(mpm, first);
        let _ = pid_file.remove();
        return exit;
    }
    match Parent::new(mpm, first, owner) {
        Some(mut parent) => parent.run(),
        None => Exit::Fatal,
    }
}

struct Parent<'o> {
    mpm: &'static Mpm,
    owner: &'o mut dyn Owner,
    office: Office,
    sup: Supervisor,
    /// The generation that serves; what `servings` has under the supervisor's number.
    current: Shared<Generation>,
    servings: BTreeMap<u32, Serving>,
    next_id: u32,
    lines: BTreeMap<Pid, ParentEnd>,
    checker: Option<Checker>,
    /// Checkers that have given their answer, or were given up, and are still to be reaped.
    spent_checkers: Vec<Pid>,
    quarantine: Quarantine,
    reloads: u64,
    untold: Untold,
    server_started: u64,
    /// A child has been ready.
    up: bool,
    /// Sockets that are to be stopped, and when.
    leaving: Vec<Listener>,
    leave_at: Instant,
    next_round: Instant,
    rounds: u32,
    wait_mask: SignalSet,
}

impl<'o> Parent<'o> {
    /// Prepares everything; `None` after a reason was logged.
    fn new(
        mpm: &'static Mpm,
        first: Shared<Generation>,
        owner: &'o mut dyn Owner,
    ) -> Option<Parent<'o>> {
        let mut office = Office::vacant();
        let succeeds = owner.succeeds();
        if succeeds.is_none() {
            office.take(mpm, &first, false).ok()?;
        }
        let server_started = scoreboard::now();
        let prepared = front::take_on_signals()
            .and_then(|mask| Ok((mask, Serving::new(mpm, first.clone(), 0, server_started)?)));
        let (wait_mask, mut serving) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let told = format!("the parent cannot begin: {error}");
                Voice::of(&first).own(Level::Emerg, 20113, told);
                office.leave();
                return None;
            }
        };
        if let Some(workers) = succeeds {
            serving.spec.begin_with(workers);
        }
        let now = Instant::now();
        let sup = Supervisor::new(mpm.numbers, serving.spec.clone(), now);
        let mut parent = Parent {
            mpm,
            owner,
            office,
            sup,
            current: first,
            servings: BTreeMap::from([(0, serving)]),
            next_id: 1,
            lines: BTreeMap::new(),
            checker: None,
            spent_checkers: Vec::new(),
            quarantine: Quarantine::default(),
            reloads: 0,
            untold: Untold::default(),
            server_started,
            up: false,
            leaving: Vec::new(),
            leave_at: now,
            next_round: now + ROUND,
            rounds: 0,
            wait_mask,
        };
        parent.publish(State::Starting);
        front::introduce(mpm.numbers.greeting(), &parent.current);
        Some(parent)
    }

    fn run(&mut self) -> Exit {
        loop {
            while let Some(act) = self.sup.next_act() {
                self.carry_out(act);
            }
            if let Some(exit) = self.sup.done() {
                self.end();
                return exit;
            }
            self.wait();
            self.hear_signals();
            self.reap();
            self.hear_checker();
            self.hear_office();
            self.hear_visitor();
            let now = Instant::now();
            self.sup.poll(now);
            self.tell_if_settled(now);
            if now >= self.next_round {
                self.next_round = now + ROUND;
                self.round(now);
            }
        }
    }

    // --- the one wait ---

    fn wait(&mut self) {
        let now = Instant::now();
        let checker = self.checker.as_ref().map(Checker::until);
        let upgrade = self.office.until();
        let look = self.untold.next_at(now);
        let times = [
            Some(self.next_round),
            self.sup.next_at(),
            checker,
            upgrade,
            look,
        ];
        let next = times.into_iter().flatten().min().unwrap_or(now);
        let timeout = next.saturating_duration_since(now);
        let pids: Vec<Pid> = self.lines.keys().copied().collect();
        let mut fds: Vec<Waiting<'_>> = self.lines.values().map(Waiting::to_read).collect();
        fds.extend(self.checker.as_ref().map(Waiting::to_read));
        fds.extend(self.office.fds());
        // An error is a signal that came, or a kernel short of memory: both are answered by going round.
        let woken = wait(&mut fds, Some(timeout), Some(&self.wait_mask)).is_ok();
        let ready = |(_, fd): &(&Pid, &Waiting<'_>)| woken && fd.readable;
        let heard: Vec<Pid> = pids
            .iter()
            .zip(&fds)
            .filter(ready)
            .map(|(p, _)| *p)
            .collect();
        for pid in heard {
            self.hear_child(pid);
        }
    }

    fn hear_child(&mut self, pid: Pid) {
        let Some(line) = self.lines.get(&pid) else {
            return;
        };
        for report in line.reports() {
            match report {
                Report::Ready => {
                    self.sup.ready(pid, Instant::now());
                    self.show_standing(pid);
                    if !std::mem::replace(&mut self.up, true) {
                        self.begin_to_serve();
                    }
                }
                Report::Finishing => {
                    self.sup.finishing(pid);
                    self.show_standing(pid);
                }
                Report::Gone => {
                    self.lines.remove(&pid);
                }
            }
        }
    }

    fn hear_signals(&mut self) {
        let now = Instant::now();
        if signal::take(libc::SIGTERM) | signal::take(libc::SIGINT) {
            self.office.abandon_upgrade(self.mpm, &self.current);
            self.sup.wish(Wish::Stop, now);
        }
        if self.office.is_changing_hands() {
            return; // What else was wished is for whoever is the server then.
        }
        if signal::take(libc::SIGWINCH) {
            self.sup.wish(Wish::GracefulStop, now);
        }
        let restart = signal::take(libc::SIGHUP);
        let graceful = signal::take(libc::SIGUSR1);
        if restart || graceful {
            let kind = if restart {
                Kind::Restart
            } else {
                Kind::Graceful
            };
            self.sup.wish(Wish::Reload(kind), now);
        }
        if signal::take(libc::SIGUSR2) {
            let reopened = self.owner.reopen_logs(&self.current);
            self.hand_logs_on(&reopened);
        }
    }

    fn reap(&mut self) {
        signal::take(libc::SIGCHLD);
        while let Ok(Some(exited)) = process::reap() {
            let pid = exited.pid;
            if let Some(place) = self.spent_checkers.iter().position(|spent| *spent == pid) {
                self.spent_checkers.swap_remove(place);
                continue; // What it had to say was in its pipe.
            }
            if self.office.reaped(pid, exited.exit) {
                continue; // What follows from it is seen when the office is heard.
            }
            let ours = self.sup.pool().get(pid).copied();
            if ours.is_none() && self.owner.reaped(&self.current, pid, exited.exit) {
                continue;
            }
            // A child may have reported and ended since the last wait.
            self.hear_child(pid);
            self.lines.remove(&pid);
            if let Some(child) = ours {
                self.look_for_crash(pid, child, ended(exited.exit));
                if let Some(serving) = self.servings.get(&child.generation) {
                    serving.segment.leave(child.slot);
                }
            }
            self.sup.ended(pid, ended(exited.exit), Instant::now());
        }
    }

    /// Tells what a child that crashed was at work on, and holds the URL back if it did so too often.
    fn look_for_crash(&mut self, pid: Pid, child: Known, ended: Ended) {
        let Ended::Signal { number, .. } = ended else {
            return;
        };
        let serving = self.servings.get(&child.generation);
        let Some(crash) = serving.and_then(|s| s.segment.view().crash(child.slot)) else {
            return;
        };
        let Some(note) = quarantine::tell(pid, number, &crash) else {
            return;
        };
        let voice = Voice::of(&self.current);
        voice.tell(&note);
        let rule = conf::of(&self.current).crash_quarantine;
        let Some(key) = crash.key() else { return };
        if self.quarantine.crashed(key, &rule, Instant::now()) {
            voice.tell(&quarantine::tell_held(&rule, &crash));
            self.shun();
        }
    }

    /// Tells the children of all generations what is held back.
    fn shun(&self) {
        let keys = self.quarantine.keys();
        self.servings.values().for_each(|s| s.segment.shun(&keys));
    }

    // --- once a second ---

    fn round(&mut self, now: Instant) {
        self.leave(now);
        if self.quarantine.release(now) {
            self.shun();
        }
        let servings = &self.servings;
        self.sup
            .tick(now, &mut |_, child| match servings.get(&child.generation) {
                Some(serving) => look(&serving.segment, child),
                None => Status::default(),
            });
        self.publish(State::Running);
        self.office.tend(&self.current);
        let reopened = self.owner.every_second(&self.current);
        self.hand_logs_on(&reopened);
        self.rounds += 1;
        if self.rounds == ROUNDS_PER_MONITOR {
            self.rounds = 0;
            for hook in &self.current.hooks.monitor {
                hook(&self.current);
            }
        }
    }

    /// Gives logs that were opened anew to the children, who may not open files themselves. Those of older generations keep
    /// what they have: their logs are numbered otherwise.
    fn hand_logs_on(&self, reopened: &[usize]) {
        for index in reopened {
            let Some(log) = self.current.logs.at(*index) else {
                continue;
            };
            let (Some(file), Ok(number)) = (log.descriptor(), u8::try_from(*index)) else {
                continue;
            };
            let live = |pid: &Pid| {
                let child = self.sup.pool().get(*pid);
                child.is_some_and(|child| child.generation == self.sup.generation())
            };
            for (_, line) in self.lines.iter().filter(|(pid, _)| live(pid)) {
                line.give_log(number, file);
            }
        }
    }

    // --- acts ---

    fn carry_out(&mut self, act: Act) {
        match act {
            Act::Start {
                generation,
                slot,
                bucket,
            } => self.start(generation, slot, bucket),
            Act::Finish(pid) => {
                // First where it can look, then the word that has it look.
                self.show_standing(pid);
                if let Some(line) = self.lines.get(&pid) {
                    line.finish();
                }
                // Where its only thread waits for a peer it does not listen to the line.
                let _ = process::kill(pid, child::WAKE);
            }
            Act::Signal { pid, number } => {
                // Only pids of the parent's own table come here; one that has just ended is still ours until reaped.
                let _ = process::kill(pid, number);
                self.show_standing(pid);
            }
            Act::Reload(_) => self.begin_reload(),
            Act::Commit { generation, kind } => self.commit(generation, kind),
            Act::Refuse { why } => self.refuse(why),
            Act::Drain(generation) => {
                if let Some(serving) = self.servings.get(&generation) {
                    serving.segment.close(self.sup.is_last());
                }
            }
            Act::Over(generation) => self.over(generation),
            Act::CloseListeners => self.close_listeners(),
            Act::LetGoListeners => self.let_go_listeners(),
            Act::Note(note) => Voice::of(&self.current).tell(&note),
            Act::Explain(held) => {
                let now = snapshot(&self.servings, self.sup.generation());
                // Without a number for that message, each of a fixed number of children has all the threads it can have.
                let limit = match self.mpm.numbers.at_limit {
                    0 => "StartServers",
                    _ => "MaxRequestWorkers",
                };
                let told = explain(&now, held, limit);
                Voice::of(&self.current).own(Level::Warn, 20500, told);
            }
        }
    }

    fn end(&mut self) {
        self.tell_taken();
        self.office.leave();
    }
}

fn ended(exit: OsExit) -> Ended {
    match exit {
        OsExit::Code(code) => Ended::Code(code),
        OsExit::Signal { signal, core } => Ended::Signal {
            number: signal,
            core,
        },
    }
}
