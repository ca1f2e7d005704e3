//! The parent's mind: what happened goes in, what to do comes out.
//!
//! Pure. It forks nothing and reads no clock: `parent` feeds it signals, ends of children, reports and the time,
//! and carries out the acts it queues. So every stop, restart and crash can be simulated by the thousand.
//!
//! A reload is a transaction: the new generation is read, then one child of it is started; only when that child reports
//! ready does the generation become the serving one. Until then, and for ever if something fails, the old one serves.

mod change;
mod children;
mod drain;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::log::Level;
use crate::mpm::common::drain::Bounds;
use crate::mpm::common::exits::{self, Ended};
use crate::mpm::common::ladder::Ladder;
use crate::mpm::common::limits::Fitted;
use crate::mpm::common::note::{Note, Numbers};
use crate::mpm::common::plan::{self, Plan, Rate, Remark, Status};
use crate::mpm::common::pool::{Child, Phase, Pool};
use crate::mpm::common::saturation::Saturation;
use crate::mpm::common::turns::{Exit, Kind, START_PAUSE};
use drain::Retired;

/// How long the first child of a new generation may take until it reports ready.
pub const PROBE_TIME: Duration = Duration::from_secs(30);

/// Draining processes of one generation may be this many times the live ones.
const DRAINING_FACTOR: u32 = 4;

/// And may be this many however few live.
const FEW_DRAINING: u32 = 256;

/// Children that may be started at once where a whole pool begins: a reload must not leave a busy server without workers.
const START_AT_ONCE: u32 = 128;

/// Broken children replaced on the spot before a second without a death is waited for.
const QUICK_REPLACEMENTS: u32 = 3;

/// What an administrator asks for with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Stop,
    GracefulStop,
    /// Another program serves from now on: finish what there is.
    HandOver,
    Reload(Kind),
}

/// What the mind knows of one generation.
#[derive(Clone, Debug)]
pub struct Spec {
    pub number: u32,
    pub fitted: Fitted,
    /// How long and how many of the past may drain while this one serves.
    pub drain: Bounds,
    /// GracefulShutdownTimeout; `None` waits for ever.
    pub graceful_timeout: Option<Duration>,
    /// Where a crashing child would leave its core.
    pub core_folder: String,
}

impl Spec {
    /// Begins with as many workers as another program has that this one takes over from, where they may be so many.
    pub fn begin_with(&mut self, workers: u32) {
        let limits = self.fitted.limits;
        let like = workers.div_ceil(limits.threads_per_child.max(1));
        let most = like.min(limits.max_processes);
        self.fitted.start_servers = self.fitted.start_servers.max(most);
    }

    /// Process slots of the generation's scoreboard: for the live children, and for those that drain beside them because the pool
    /// shrank or they have served enough.
    pub fn slots(&self) -> u32 {
        let live = self.fitted.limits.max_processes;
        let most = live.saturating_mul(DRAINING_FACTOR).max(FEW_DRAINING);
        live.saturating_add(most)
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
    /// This process listens no more; another program does.
    LetGoListeners,
    /// A line for the error log.
    Note(Note),
    /// All workers have been held for this time: tell by whom.
    Explain(Duration),
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
    /// The same, but another program serves.
    HandedOver,
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
    saturation: Saturation,
    ladders: BTreeMap<i32, Ladder>,
    /// Children that have not reported ready, and when they were forked.
    infants: BTreeMap<i32, Instant>,
    /// Generations that others have taken over from, as long as they have children.
    retired: BTreeMap<u32, Retired>,
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
            saturation: Saturation::default(),
            ladders: BTreeMap::new(),
            infants: BTreeMap::new(),
            retired: BTreeMap::new(),
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

    /// Workers of the serving generation, busy and idle.
    pub fn workers(&self) -> u32 {
        let children = self.pool.capacity_used(self.spec.number);
        children.saturating_mul(self.spec.fitted.limits.threads_per_child.max(1))
    }

    /// Whether nobody serves after this process.
    pub fn is_last(&self) -> bool {
        self.is_leaving() && !matches!(self.mode, Mode::HandedOver)
    }

    /// Whether a reload is on its way.
    pub fn is_changing(&self) -> bool {
        self.stage.is_some()
    }

    /// Whether a child was forked that has not come as far as to report ready.
    pub fn awaits_infants(&self) -> bool {
        !self.infants.is_empty()
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
            (Wish::Stop, Mode::Running | Mode::LeavingGently(_) | Mode::HandedOver) => {
                self.leave(now)
            }
            (Wish::GracefulStop, Mode::Running) => self.leave_gently(now),
            (Wish::HandOver, Mode::Running) => self.hand_over(now),
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
        self.no_fork_until = Some(now + START_PAUSE);
        self.slow_down();
        let told = format!("fork: Unable to fork new process: {why}");
        self.note(Level::Error, self.numbers.children.fork_failed, told);
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
            return self.note(Level::Warn, self.numbers.children.stranger, told);
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
        self.tend_draining(now, look);
        let paused = self.no_fork_until.is_some_and(|until| now < until);
        if self.is_leaving() || paused {
            return;
        }
        let owed = std::mem::take(&mut self.owed);
        if owed > 0 {
            return self.start_many(owed);
        }
        let mut full = false;
        for bucket in 0..self.spec.fitted.limits.buckets {
            full |= self.maintain(bucket, look);
        }
        let told = self.saturation.look(full, now);
        self.acts.extend(told.map(Act::Explain));
    }

    /// Carries out what has become due: steps of ladders and time limits.
    pub fn poll(&mut self, now: Instant) {
        self.clock = now;
        self.climb(now);
        if matches!(&self.stage, Some(Stage::Probing { until, .. }) if *until <= now) {
            self.give_up_probe("did not report ready in time", now);
        }
        if matches!(self.mode, Mode::LeavingGently(Some(until)) if until <= now) {
            self.leave(now);
        }
        self.settle();
    }

    // --- maintenance ---

    /// Keeps the pool of one bucket; tells whether all its workers are held and it may not grow.
    fn maintain(&mut self, bucket: u32, look: &mut dyn FnMut(i32, &Child) -> Status) -> bool {
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
            return false;
        };
        let plan = plan::plan(&statuses, &limits.share(bucket), rate);
        // Without a number for it, the children of this MPM grow by themselves.
        let grows =
            |one: &Status| self.numbers.at_limit == 0 && one.busy < limits.threads_per_child;
        let full = plan.full && !statuses.iter().any(grows);
        self.carry_out(plan, bucket, &children);
        full
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
            Remark::AtLimit if numbers.at_limit == 0 => {}
            Remark::AtLimit => self.note(
                Level::Error,
                numbers.at_limit,
                "server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting".into(),
            ),
            Remark::NearLimit if numbers.children.near_limit == 0 => {}
            Remark::NearLimit => self.note(
                Level::Error,
                numbers.children.near_limit,
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
