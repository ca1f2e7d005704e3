//! The parent's mind: what happened goes in, what to do comes out.
//!
//! Pure. It forks nothing and reads no clock: `parent.rs` feeds it signals, ends of children, reports and the time,
//! and carries out the acts it queues. So every stop, restart and crash can be simulated by the thousand.
//!
//! A reload is a transaction: the new generation is read, then one child of it is started; only when that child reports
//! ready does the generation become the serving one. Until then, and for ever if something fails, the old one serves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::exits::{self, Ended, Verdict};
use super::ladder::{Ladder, Step};
use super::limits::Fitted;
use super::note::{Note, Numbers};
use super::plan::{self, Plan, Rate, Remark, Status};
use super::pool::{Child, Phase, Pool};
use crate::log::Level;

/// How long the first child of a new generation may take until it reports ready.
pub const PROBE_TIME: Duration = Duration::from_secs(30);

/// How long no child is started after the system refused to make one.
pub const FORK_PAUSE: Duration = Duration::from_secs(10);

/// Broken children replaced on the spot before a second without a death is waited for.
const QUICK_REPLACEMENTS: u32 = 3;

/// What an administrator asks for with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Stop,
    GracefulStop,
    Reload(Kind),
}

/// How a new generation takes over. The later one overrides the earlier, never the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Old children finish what they hold.
    Graceful,
    /// Old children end at once.
    Restart,
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Stopped,
    /// A child found that there is no hope, or none ever came up.
    Fatal,
}

/// What the mind knows of one generation.
#[derive(Clone, Debug)]
pub struct Spec {
    pub number: u32,
    pub fitted: Fitted,
    /// Processes that may drain beside the live ones before the oldest is ended.
    pub max_draining: u32,
    /// GracefulShutdownTimeout; `None` waits for ever.
    pub graceful_timeout: Option<Duration>,
    /// Where a crashing child would leave its core.
    pub core_folder: String,
}

impl Spec {
    /// Process slots of the generation's scoreboard.
    pub fn slots(&self) -> u32 {
        let live = self.fitted.limits.max_processes;
        live.saturating_add(self.max_draining)
    }
}

/// What the parent has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Fork a child; answer with `started` or `not_started`.
    Start {
        generation: u32,
        slot: u32,
        bucket: u32,
    },
    /// Tell the child through its pipe to take no more and to finish.
    Finish(i32),
    /// Send a signal to the child.
    Signal { pid: i32, number: i32 },
    /// Read the configuration anew; answer with `reloaded`.
    Reload(Kind),
    /// The generation is the serving one from now on.
    Commit { generation: u32, kind: Kind },
    /// The reload came to nothing, for this reason.
    Refuse { why: String },
    /// Children of that generation are to take no more connections.
    Drain(u32),
    /// The last child of that generation is gone.
    Over(u32),
    /// Nobody will accept any more.
    CloseListeners,
    /// A line for the error log.
    Note(Note),
}

#[derive(Debug)]
enum Stage {
    Reading(Kind),
    Probing {
        kind: Kind,
        spec: Spec,
        pid: Option<i32>,
        until: Instant,
    },
}

#[derive(Debug)]
enum Mode {
    Running,
    /// Children finish; after the time, if there is one, they are stopped.
    LeavingGently(Option<Instant>),
    Leaving,
    Done,
}

/// See the module's head.
#[derive(Debug)]
pub struct Supervisor {
    numbers: Numbers,
    pool: Pool,
    spec: Spec,
    mode: Mode,
    exit: Exit,
    stage: Option<Stage>,
    pending: Option<Kind>,
    rates: Vec<Rate>,
    ladders: BTreeMap<i32, Ladder>,
    /// Children that have not reported ready, and when they were forked.
    infants: BTreeMap<i32, Instant>,
    on_the_way: BTreeSet<(u32, u32)>,
    owed: u32,
    quick: u32,
    deaths: bool,
    ever_ready: bool,
    no_fork_until: Option<Instant>,
    /// The latest time anybody told.
    clock: Instant,
    acts: VecDeque<Act>,
}

impl Supervisor {
    /// A server that begins with the generation `spec`. Its first acts start the children.
    pub fn new(numbers: Numbers, spec: Spec, now: Instant) -> Supervisor {
        let mut this = Supervisor {
            numbers,
            pool: Pool::default(),
            mode: Mode::Running,
            exit: Exit::Stopped,
            stage: None,
            pending: None,
            rates: Vec::new(),
            ladders: BTreeMap::new(),
            infants: BTreeMap::new(),
            on_the_way: BTreeSet::new(),
            owed: 0,
            quick: 0,
            deaths: false,
            ever_ready: false,
            no_fork_until: None,
            clock: now,
            acts: VecDeque::new(),
            spec,
        };
        this.pool.open(this.spec.number, this.spec.slots());
        this.fresh_rates(0);
        this.start_many(this.spec.fitted.start_servers);
        this
    }

    /// The next thing to do.
    pub fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// How the server ended, once it has.
    pub fn done(&self) -> Option<Exit> {
        (matches!(self.mode, Mode::Done) && self.acts.is_empty()).then_some(self.exit)
    }

    /// The serving generation's number.
    pub fn generation(&self) -> u32 {
        self.spec.number
    }

    /// All children, for whoever shows or checks them.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether a stop is on its way.
    pub fn is_leaving(&self) -> bool {
        !matches!(self.mode, Mode::Running)
    }

    /// When `poll` has something to do next, `None` if nothing but the tick.
    pub fn next_at(&self) -> Option<Instant> {
        let ladders = self.ladders.values().filter_map(Ladder::next_at);
        let probe = match &self.stage {
            Some(Stage::Probing { until, .. }) => Some(*until),
            _ => None,
        };
        let gently = match self.mode {
            Mode::LeavingGently(until) => until,
            _ => None,
        };
        ladders.chain(probe).chain(gently).min()
    }

    /// An administrator's wish came in.
    pub fn wish(&mut self, wish: Wish, now: Instant) {
        match (wish, &self.mode) {
            (Wish::Stop, Mode::Running | Mode::LeavingGently(_)) => self.leave(now),
            (Wish::GracefulStop, Mode::Running) => self.leave_gently(now),
            (Wish::Reload(kind), Mode::Running) => self.reload(kind),
            _ => {}
        }
        self.settle();
    }

    /// The configuration was read: here is the new generation, or why there is none.
    pub fn reloaded(&mut self, outcome: Result<Spec, String>, now: Instant) {
        let Some(Stage::Reading(kind)) = self.stage.take() else {
            if let Ok(spec) = outcome {
                self.acts.push_back(Act::Over(spec.number));
            }
            return;
        };
        match outcome {
            Ok(spec) => self.probe(kind, spec, now),
            Err(why) => self.refuse(why),
        }
    }

    /// A child was forked as asked.
    pub fn started(&mut self, pid: i32, generation: u32, slot: u32, now: Instant) {
        self.on_the_way.remove(&(generation, slot));
        self.pool.add(pid, generation, slot);
        self.infants.insert(pid, now);
        if let Some(Stage::Probing {
            spec, pid: probe, ..
        }) = &mut self.stage
        {
            if spec.number == generation {
                *probe = Some(pid);
                return;
            }
        }
        if self.is_leaving() || generation != self.spec.number {
            self.stop_child(pid, now);
        }
    }

    /// The system refused to fork.
    pub fn not_started(&mut self, generation: u32, slot: u32, why: &str, now: Instant) {
        self.on_the_way.remove(&(generation, slot));
        self.pool.give_back(generation, slot);
        self.no_fork_until = Some(now + FORK_PAUSE);
        self.slow_down();
        let told = format!("fork: Unable to fork new process: {why}");
        self.note(Level::Error, self.numbers.fork_failed, told);
        if self.probes(generation) {
            self.stage = None;
            self.refuse(format!(
                "no child of the new configuration could be started: {why}"
            ));
        }
        self.end_of(generation);
        self.settle();
    }

    /// A child reports that it takes connections.
    pub fn ready(&mut self, pid: i32, now: Instant) {
        self.pool.advance(pid, Phase::Live);
        self.infants.remove(&pid);
        self.ever_ready = true;
        match self.stage.take() {
            Some(Stage::Probing {
                kind,
                spec,
                pid: Some(probe),
                ..
            }) if probe == pid => self.commit(kind, spec, now),
            other => self.stage = other,
        }
    }

    /// A child says that it takes no more connections, by its own decision.
    pub fn finishing(&mut self, pid: i32) {
        let Some(child) = self.pool.get(pid).copied() else {
            return;
        };
        if self.pool.advance(pid, Phase::Draining) && self.serves(&child) {
            self.start_one(self.bucket_of(child.slot));
        }
    }

    /// A child has ended.
    pub fn ended(&mut self, pid: i32, how: Ended, now: Instant) {
        self.clock = now;
        let Some(child) = self.pool.remove(pid) else {
            let told = format!("long lost child came home! (pid {pid})");
            return self.note(Level::Warn, self.numbers.stranger, told);
        };
        self.ladders.remove(&pid);
        self.infants.remove(&pid);
        self.deaths = true;
        let epitaph = exits::epitaph(pid, how, &self.spec.core_folder);
        self.acts.extend(epitaph.map(Act::Note));
        if self.probed_by(pid) {
            self.stage = None;
            self.refuse(format!(
                "the first child of the new configuration {}",
                words(how)
            ));
        } else {
            self.mourn(pid, &child, how, now);
        }
        self.end_of(child.generation);
        self.settle();
    }

    /// Once a second: idle maintenance. `look` reads what a child's scoreboard page says.
    pub fn tick(&mut self, now: Instant, look: &mut dyn FnMut(i32, &Child) -> Status) {
        self.clock = now;
        if !std::mem::take(&mut self.deaths) {
            self.quick = 0;
        }
        self.end_stillborn(now);
        let paused = self.no_fork_until.is_some_and(|until| now < until);
        if self.is_leaving() || paused {
            return;
        }
        let owed = std::mem::take(&mut self.owed);
        if owed > 0 {
            return self.start_many(owed);
        }
        for bucket in 0..self.spec.fitted.limits.buckets {
            self.maintain(bucket, look);
        }
    }

    /// Carries out what has become due: steps of ladders and time limits.
    pub fn poll(&mut self, now: Instant) {
        self.clock = now;
        let due: Vec<(i32, Step)> = self
            .ladders
            .iter_mut()
            .filter_map(|(pid, ladder)| Some((*pid, ladder.due(now)?)))
            .collect();
        for (pid, step) in due {
            self.climb_down(pid, step);
        }
        if matches!(&self.stage, Some(Stage::Probing { until, .. }) if *until <= now) {
            self.give_up_probe("did not report ready in time", now);
        }
        if matches!(self.mode, Mode::LeavingGently(Some(until)) if until <= now) {
            self.leave(now);
        }
        self.settle();
    }

    // --- reloads ---

    fn reload(&mut self, kind: Kind) {
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

    fn probe(&mut self, kind: Kind, spec: Spec, now: Instant) {
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

    fn refuse(&mut self, why: String) {
        self.acts.push_back(Act::Refuse { why });
        self.next_reload();
    }

    fn next_reload(&mut self) {
        if let Some(kind) = self.pending.take() {
            if !self.is_leaving() {
                self.reload(kind);
            }
        }
    }

    fn give_up_probe(&mut self, why: &str, now: Instant) {
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

    fn commit(&mut self, kind: Kind, spec: Spec, now: Instant) {
        let old = self.spec.number;
        let running = self.pool.capacity_used(old);
        self.unqueue_starts(old);
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
        self.trim_draining(now);
        self.next_reload();
    }

    /// Lets the children of a generation that serves no more go, gently or not.
    fn release(&mut self, generation: u32, kind: Kind, now: Instant) {
        let pids: Vec<i32> = self.pool.of(generation).map(|(pid, _)| pid).collect();
        for pid in pids {
            match kind {
                Kind::Graceful => self.finish_child(pid),
                Kind::Restart => self.stop_child(pid, now),
            }
        }
    }

    // --- the end ---

    fn leave_gently(&mut self, now: Instant) {
        self.abandon_reload(now);
        self.mode = Mode::LeavingGently(self.spec.graceful_timeout.map(|t| now + t));
        let number = self.numbers.caught_winch;
        let told = "caught SIGWINCH, shutting down gracefully";
        self.note(Level::Notice, number, told.into());
        self.acts.push_back(Act::CloseListeners);
        self.acts.push_back(Act::Drain(self.spec.number));
        let pids: Vec<i32> = self.pool.iter().map(|(pid, _)| pid).collect();
        pids.into_iter().for_each(|pid| self.finish_child(pid));
    }

    fn leave(&mut self, now: Instant) {
        self.abandon_reload(now);
        self.mode = Mode::Leaving;
        let pids: Vec<i32> = self.pool.iter().map(|(pid, _)| pid).collect();
        pids.into_iter().for_each(|pid| self.stop_child(pid, now));
    }

    fn abandon_reload(&mut self, now: Instant) {
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
    fn settle(&mut self) {
        let leaving = matches!(self.mode, Mode::Leaving | Mode::LeavingGently(_));
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

    fn end_of_current(&mut self) {
        if self.pool.close_if_over(self.spec.number) {
            self.acts.push_back(Act::Over(self.spec.number));
        }
    }

    // --- children ---

    fn mourn(&mut self, pid: i32, child: &Child, how: Ended, now: Instant) {
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
                self.note(Level::Warn, self.numbers.old_fatal, told);
            }
            Verdict::Sick if serving && !self.ever_ready => {
                let told = "A resource shortage or other unrecoverable failure was encountered before any child process initialized successfully... httpd is exiting!";
                self.give_up(self.numbers.never_started, told.into(), now);
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
    fn serves(&self, child: &Child) -> bool {
        child.generation == self.spec.number && child.is_capacity() && !self.is_leaving()
    }

    fn replace_broken(&mut self, slot: u32) {
        self.quick += 1;
        if self.quick <= QUICK_REPLACEMENTS {
            return self.start_one(self.bucket_of(slot));
        }
        self.owed += 1;
        if self.quick == QUICK_REPLACEMENTS + 1 {
            let told = "children are killed successively!";
            self.note(Level::Warn, self.numbers.killed_in_a_row, told.into());
        }
    }

    fn give_up(&mut self, number: u32, told: String, now: Instant) {
        self.note(Level::Alert, number, told);
        self.exit = Exit::Fatal;
        self.leave(now);
    }

    fn slow_down(&mut self) {
        self.rates.iter_mut().for_each(|rate| rate.now = 1);
    }

    fn fresh_rates(&mut self, hold_off: u32) {
        let rate = Rate::held_off(hold_off);
        self.rates = vec![rate; self.spec.fitted.limits.buckets.max(1) as usize];
    }

    fn bucket_of(&self, slot: u32) -> u32 {
        slot % self.spec.fitted.limits.buckets.max(1)
    }

    /// Starts `count` children, evenly over the buckets; what is more than one round may start waits for the next.
    fn start_many(&mut self, count: u32) {
        let now = count.min(plan::MAX_SPAWN_RATE);
        self.owed += count - now;
        let buckets = self.spec.fitted.limits.buckets.max(1);
        for _ in 0..now {
            let emptiest = (0..buckets).min_by_key(|b| self.live_in(*b)).unwrap_or(0);
            self.start_one(emptiest);
        }
    }

    fn live_in(&self, bucket: u32) -> usize {
        let here = |slot: u32| self.bucket_of(slot) == bucket;
        let live = self.pool.of(self.spec.number);
        let live = live.filter(|(_, c)| c.is_capacity() && here(c.slot));
        let coming = self.on_the_way.iter();
        let coming = coming.filter(|(g, slot)| *g == self.spec.number && here(*slot));
        live.count() + coming.count()
    }

    /// Starts one child of the serving generation if a limit does not forbid it.
    fn start_one(&mut self, bucket: u32) {
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
    fn make_room(&mut self, generation: u32, bucket: u32) {
        self.owed += 1;
        let here = |c: &Child| c.phase == Phase::Draining && self.bucket_of(c.slot) == bucket;
        let draining = self.pool.of(generation).filter(|(_, c)| here(c));
        if let Some((pid, _)) = draining.min_by_key(|(_, c)| c.order) {
            let told = format!("child {pid} is ended: its slot is needed and it has been finishing old connections the longest");
            self.note(Level::Warn, 20102, told);
            self.stop_child(pid, self.clock);
        }
    }

    fn launch(&mut self, generation: u32, slot: u32, bucket: u32) {
        self.on_the_way.insert((generation, slot));
        self.acts.push_back(Act::Start {
            generation,
            slot,
            bucket,
        });
    }

    /// Takes back starts that were queued but not carried out.
    fn unqueue_starts(&mut self, generation: u32) {
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

    fn finish_child(&mut self, pid: i32) {
        if self.pool.advance(pid, Phase::Draining) {
            self.acts.push_back(Act::Finish(pid));
        }
    }

    fn stop_child(&mut self, pid: i32, now: Instant) {
        self.pool.advance(pid, Phase::Stopping);
        self.ladders.entry(pid).or_insert(Ladder::new(now));
    }

    /// A child that hangs before it is ready counts as idle for the planner, so it must not hang for ever.
    fn end_stillborn(&mut self, now: Instant) {
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

    fn climb_down(&mut self, pid: i32, step: Step) {
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

    fn forget(&mut self, pid: i32) {
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
    fn end_of(&mut self, generation: u32) {
        let needed = generation == self.spec.number || self.probes(generation);
        let coming = self.on_the_way.iter().any(|(g, _)| *g == generation);
        if !needed && !coming && self.pool.close_if_over(generation) {
            self.acts.push_back(Act::Over(generation));
        }
    }

    fn probes(&self, generation: u32) -> bool {
        matches!(&self.stage, Some(Stage::Probing { spec, .. }) if spec.number == generation)
    }

    fn probed_by(&self, pid: i32) -> bool {
        matches!(&self.stage, Some(Stage::Probing { pid: Some(probe), .. }) if *probe == pid)
    }

    /// Draining processes are bounded in number: beyond it the oldest are ended.
    fn trim_draining(&mut self, now: Instant) {
        let draining = |(_, c): &(i32, &Child)| c.phase == Phase::Draining;
        let mut oldest: Vec<(u64, i32)> = self
            .pool
            .iter()
            .filter(draining)
            .map(|(pid, c)| (c.order, pid))
            .collect();
        let most = self.spec.max_draining as usize;
        if oldest.len() <= most {
            return;
        }
        oldest.sort_unstable();
        oldest.truncate(oldest.len() - most);
        let told = format!(
            "{} old children are ended: more than {most} processes were finishing old connections",
            oldest.len()
        );
        self.note(Level::Warn, 20101, told);
        for (_, pid) in oldest {
            self.stop_child(pid, now);
        }
    }

    // --- maintenance ---

    fn maintain(&mut self, bucket: u32, look: &mut dyn FnMut(i32, &Child) -> Status) {
        let limits = self.spec.fitted.limits;
        let mut children: Vec<(u32, i32, Status)> = Vec::new();
        for (pid, child) in self.pool.of(self.spec.number) {
            if self.bucket_of(child.slot) == bucket {
                let status = self.see(pid, child, look);
                children.push((child.slot, pid, status));
            }
        }
        children.sort_unstable_by_key(|(slot, ..)| *slot);
        let statuses: Vec<Status> = children.iter().map(|(.., status)| *status).collect();
        let Some(rate) = self.rates.get_mut(bucket as usize) else {
            return;
        };
        let plan = plan::plan(&statuses, &limits.share(bucket), rate);
        self.carry_out(plan, bucket, &children);
    }

    /// What a child's page says is only believed within what a child can be.
    fn see(&self, pid: i32, child: &Child, look: &mut dyn FnMut(i32, &Child) -> Status) -> Status {
        let most = self.spec.fitted.limits.threads_per_child;
        match child.phase {
            Phase::Starting => Status {
                idle: most,
                ..Status::default()
            },
            Phase::Live => {
                let seen = look(pid, child);
                let busy = seen.busy.min(most);
                Status {
                    busy,
                    idle: seen.idle.min(most - busy),
                    draining: false,
                    ..seen
                }
            }
            Phase::Draining | Phase::Stopping => Status {
                draining: true,
                ..Status::default()
            },
        }
    }

    fn carry_out(&mut self, plan: Plan, bucket: u32, children: &[(u32, i32, Status)]) {
        if let Some(remark) = plan.remark {
            let draining = children.iter().filter(|(.., s)| s.draining).count() as u32;
            self.tell(remark, draining);
        }
        for _ in 0..plan.start {
            self.start_one(bucket);
        }
        if let Some((_, pid, _)) = plan.retire.and_then(|index| children.get(index)) {
            self.finish_child(*pid);
        }
    }

    fn tell(&mut self, remark: Remark, draining: u32) {
        let numbers = self.numbers;
        match remark {
            Remark::AtLimit => self.note(
                Level::Error,
                numbers.at_limit,
                "server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting".into(),
            ),
            Remark::NearLimit if numbers.near_limit == 0 => {}
            Remark::NearLimit => self.note(
                Level::Error,
                numbers.near_limit,
                "server is within MinSpareThreads of MaxRequestWorkers, consider raising the MaxRequestWorkers setting".into(),
            ),
            Remark::Busy { start, idle, total } => {
                let told = busy_words(numbers.busy, start, idle, total, draining);
                self.note(Level::Info, numbers.busy, told);
            }
        }
    }

    fn note(&mut self, grade: Level, number: u32, text: String) {
        self.acts
            .push_back(Act::Note(Note::new(grade, number, text)));
    }
}

fn busy_words(number: u32, start: u32, idle: u32, total: u32, draining: u32) -> String {
    match number {
        162 => format!("server seems busy, (you may need to increase StartServers, or Min/MaxSpareServers), spawning {start} children, there are {idle} idle, and {total} total children"),
        289 => format!("server seems busy, (you may need to increase StartServers, ThreadsPerChild or Min/MaxSpareThreads), spawning {start} children, there are around {idle} idle threads, and {total} total children"),
        _ => format!("server seems busy, (you may need to increase StartServers, ThreadsPerChild or Min/MaxSpareThreads), spawning {start} children, there are around {idle} idle threads, {total} active children, and {draining} children that are shutting down"),
    }
}

fn words(how: Ended) -> String {
    match how {
        Ended::Code(code) => format!("ended with exit code {code} before it was ready"),
        Ended::Signal { number, .. } => format!(
            "was ended by signal {number} ({}) before it was ready",
            exits::signal_words(number)
        ),
    }
}
