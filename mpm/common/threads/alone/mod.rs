//! A server of one process: its main thread hears signals, reads the configuration and sizes the pool, the others each accept
//! and serve. There is no parent, so a crash ends the server, and the configuration is read in the process that serves.
//!
//! Nothing here forks: a process with threads must not. What the reload's checker is elsewhere, a panic that is caught is here.
//!
//! As root, the serving threads give up their rights one by one where the system has rights for each thread (`os::thread_rights`);
//! the main thread keeps them, for logs and ports of later configurations. Elsewhere the whole process gives them up.

mod dismissal;
mod drain;
mod house;
mod limits;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use super::{End, NUMBERS};
use crate::log::{self, Level};
use crate::mpm::common::codes::FATAL;
use crate::mpm::common::conf;
use crate::mpm::common::front;
use crate::mpm::common::office::Office;
use crate::mpm::common::plan::MAX_SPAWN_RATE;
use crate::mpm::common::privileges::drop_privileges;
use crate::mpm::common::saturation::{explain, Saturation};
use crate::mpm::common::turns::{Exit, Kind, Untold};
use crate::mpm::common::upgrade::Time;
use crate::mpm::common::voice::Voice;
use crate::mpm::common::{Ceilings, Fit, Mpm, Wanted};
use crate::mpm::Owner;
use crate::os::crash;
use crate::os::poll::{wait, Waiting};
use crate::os::process;
use crate::os::signal::{self, SignalSet};
use crate::os::thread_rights::{ThreadRights, SUPPORTED};
use crate::os::user;
use crate::scoreboard::publish::State;
use crate::scoreboard::{self, Snapshot, Status};
use crate::server::Generation;
use crate::sync::Shared;
pub use dismissal::Surplus;
use house::House;
pub use limits::{fit_pool, Words};

/// How often maintenance is done.
const ROUND: Duration = Duration::from_secs(1);

/// The `monitor` hook runs every so many rounds.
const ROUNDS_PER_MONITOR: u32 = 10;

/// How long threads may take to end once told to end at once.
const STOPPING: Duration = Duration::from_secs(2);

/// In what the MPMs of one process differ.
pub struct Ways {
    pub words: Words,
    /// Whether old threads finish beside the new ones; else a new generation begins when the last old thread has ended.
    pub side_by_side: bool,
    /// The most threads that one round may start.
    pub top_rate: u32,
    /// How long a stop lets threads finish.
    pub stop_wait: Duration,
    /// How long a thread waits for connections without a look at whether it is to go; `None`: it is woken for that.
    pub patience: Option<Duration>,
    /// How the highest idle thread is marked in the scoreboard when it is to go, which it notices when it looks; `None`: whichever
    /// idle thread wakes first goes.
    pub mark: Option<Status>,
}

impl Ways {
    /// Each thread is woken for every order; generations live side by side.
    pub const fn usual(words: Words) -> Ways {
        Ways {
            words,
            side_by_side: true,
            top_rate: MAX_SPAWN_RATE,
            stop_wait: Duration::from_secs(1),
            patience: None,
            mark: None,
        }
    }
}

/// The record of an MPM of one process: its first message about limits, the most threads it can have, and how many it has where
/// the configuration is silent: at first, idle at least, idle at most.
pub const fn record(
    first_message: u32,
    threads: i64,
    (start_servers, min_spare, max_spare): (i64, i64, i64),
    fit: Fit,
    ways: Ways,
) -> Mpm {
    Mpm {
        numbers: NUMBERS,
        ceilings: Ceilings {
            first_message,
            server_limit: 1,
            thread_limit: threads,
        },
        defaults: Wanted {
            server_limit: 1,
            thread_limit: threads,
            threads_per_child: threads,
            max_request_workers: threads,
            start_servers,
            min_spare,
            max_spare,
            buckets: 1,
        },
        parks: false,
        fit,
        run,
        ways,
    }
}

enum Mode {
    Running,
    /// Threads finish what they have, until then (`None`: for ever).
    Leaving {
        until: Option<Instant>,
        gently: bool,
    },
    /// Threads were told to end at once; those that do not are left behind.
    Ending(Instant),
}

struct Alone<'o> {
    mpm: &'static Mpm,
    owner: &'o mut dyn Owner,
    office: Office,
    /// The serving generation, then older ones that still have threads.
    houses: Vec<House>,
    /// A generation that begins when the old threads have ended.
    next: Option<Shared<Generation>>,
    /// A reload that came while another was on its way.
    again: Option<Kind>,
    mode: Mode,
    exit: Exit,
    reloads: u64,
    untold: Untold,
    /// How many threads the log was last told to be waited for.
    waited_for: u32,
    saturation: Saturation,
    server_started: u64,
    next_round: Instant,
    rounds: u32,
    mask: SignalSet,
    /// `-X`: no reloads, and the whole process gives up its rights.
    debug: bool,
}

/// Runs the server in this process until it ends.
pub fn run(mpm: &'static Mpm, first: Shared<Generation>, owner: &mut dyn Owner) -> Exit {
    let exit = match Alone::new(mpm, first, owner) {
        Some(mut alone) => {
            let exit = alone.run();
            alone.tell_taken();
            alone.office.leave();
            exit
        }
        None => Exit::Fatal,
    };
    log::flush_all();
    exit
}

/// What the scoreboards of all generations say, that of the serving one first.
fn snapshot(houses: &[House]) -> Snapshot {
    let views: Vec<_> = houses.iter().map(|house| house.view().clone()).collect();
    Snapshot::take(&views, 1)
}

impl<'o> Alone<'o> {
    /// Begins to serve; `None` after a reason was logged.
    fn new(
        mpm: &'static Mpm,
        first: Shared<Generation>,
        owner: &'o mut dyn Owner,
    ) -> Option<Alone<'o>> {
        let defined = |name: &str| first.globals.defines.contains_key(name);
        let mut alone = Alone {
            mpm,
            owner,
            office: Office::vacant(),
            houses: Vec::new(),
            next: None,
            again: None,
            mode: Mode::Running,
            exit: Exit::Stopped,
            reloads: 0,
            untold: Untold::default(),
            waited_for: 0,
            saturation: Saturation::default(),
            server_started: scoreboard::now(),
            next_round: Instant::now() + ROUND,
            rounds: 0,
            mask: SignalSet::empty(),
            debug: defined("ONE_PROCESS") || defined("DEBUG"),
        };
        let succeeds = alone.owner.succeeds().is_some();
        if !succeeds {
            alone.office.take(mpm, &first, false).ok()?;
        }
        // Whoever is served may look into the file.
        alone
            .office
            .publish(&first, State::Starting, Snapshot::default);
        let folder = conf::of(&first).core_dump_directory.as_ref();
        let _ = crash::dump_core_in(folder.unwrap_or(&first.globals.root));
        crash::tell_on_stderr();
        let begun = front::take_on_signals()
            .map(|mask| alone.mask = mask)
            .map_err(|error| error.to_string())
            .and_then(|()| alone.move_in(first.clone()));
        if let Err(why) = begun {
            let told = format!("the server cannot begin: {why}");
            Voice::of(&first).own(Level::Emerg, 20113, told);
            alone.office.leave();
            return None;
        }
        if succeeds && alone.office.take(mpm, &first, true).is_err() {
            // Its threads have connections by now; the other program goes on.
            alone.exit = Exit::Fatal;
            alone.finish_for_another();
            return Some(alone);
        }
        front::introduce(mpm.numbers.greeting(), &first);
        alone.owner.serving(&first);
        Some(alone)
    }

    fn current(&self) -> Shared<Generation> {
        self.houses[0].generation.clone()
    }

    fn run(&mut self) -> Exit {
        loop {
            self.wait();
            let now = Instant::now();
            self.hear_signals(now);
            self.reap();
            self.hear_threads(now);
            self.hear_office(now);
            self.hear_visitor();
            if now >= self.next_round {
                self.next_round = now + ROUND;
                self.round(now);
            }
            self.houses.iter().for_each(House::let_go);
            self.tell_if_settled(now);
            self.let_old_ones_go(now);
            if self.is_over(now) {
                return self.exit;
            }
        }
    }

    fn wait(&self) {
        let now = Instant::now();
        let until = match self.mode {
            Mode::Leaving { until, .. } => until,
            Mode::Ending(until) => Some(until),
            Mode::Running => None,
        };
        let look = self.untold.next_at(now);
        let times = [until, self.office.until(), Some(self.next_round), look];
        let next = times.into_iter().flatten().min().unwrap_or(now);
        let ended: Vec<_> = self.houses.iter().map(|house| house.pool.ended()).collect();
        let mut fds: Vec<Waiting<'_>> = ended.iter().map(Waiting::to_read).collect();
        fds.extend(self.office.fds());
        let timeout = next.saturating_duration_since(now);
        // An error is a signal that came, or a kernel short of memory: both are answered by going round.
        let _ = wait(&mut fds, Some(timeout), Some(&self.mask));
    }

    fn hear_signals(&mut self, now: Instant) {
        let hang_up = self.debug && signal::take(libc::SIGHUP);
        if signal::take(libc::SIGTERM) | signal::take(libc::SIGINT) | hang_up {
            self.office.abandon_upgrade(self.mpm, &self.current());
            self.leave(now);
        }
        if self.office.is_changing_hands() {
            return; // What else was wished is for whoever is the server then.
        }
        if signal::take(libc::SIGWINCH) {
            self.leave_gently(now);
        }
        let (hang_up, graceful) = (signal::take(libc::SIGHUP), signal::take(libc::SIGUSR1));
        if !self.debug && matches!(self.mode, Mode::Running) {
            if hang_up {
                self.reload(Kind::Restart, now);
            } else if graceful {
                self.reload(Kind::Graceful, now);
            }
        }
        if signal::take(libc::SIGUSR2) {
            let current = self.current();
            self.owner.reopen_logs(&current);
        }
    }

    /// Log programs and the like; no MPM's child is among them.
    fn reap(&mut self) {
        signal::take(libc::SIGCHLD);
        let current = self.current();
        while let Ok(Some(exited)) = process::reap() {
            if !self.office.reaped(exited.pid, exited.exit) {
                self.owner.reaped(&current, exited.pid, exited.exit);
            }
        }
    }

    fn hear_threads(&mut self, now: Instant) {
        let mut hopeless = false;
        for house in &mut self.houses {
            for (number, end) in house.pool.take_ends() {
                match end {
                    End::Told => {}
                    End::Worn => _ = house.start_one(now),
                    End::Failed(FATAL) => hopeless = true,
                    // What the reason was has been logged. Maintenance starts another, with a pause between.
                    End::Failed(_) => house.slow_down(),
                    End::Broken => {
                        house.slow_down();
                        let told = format!("worker thread {number} broke and is replaced");
                        Voice::of(&house.generation).own(Level::Error, 20143, told);
                    }
                }
            }
        }
        if hopeless && self.exit != Exit::Fatal {
            self.exit = Exit::Fatal;
            let told = "A thread returned a Fatal error... httpd is exiting!";
            Voice::of(&self.current()).own(Level::Alert, 20144, told);
            self.leave(now);
        }
    }

    // --- once a second ---

    fn round(&mut self, now: Instant) {
        let current = self.current();
        match self.mode {
            Mode::Running if self.next.is_none() => {
                self.waited_for = 0;
                let full = self.houses[0].maintain(now);
                self.explain(full, now);
            }
            _ => self.count_down(),
        }
        if matches!(self.mode, Mode::Running) {
            self.tend_draining(now);
        }
        self.publish();
        self.owner.every_second(&current);
        self.rounds += 1;
        if self.rounds == ROUNDS_PER_MONITOR {
            self.rounds = 0;
            for hook in &current.hooks.monitor {
                hook(&current);
            }
        }
    }

    /// Tells by whom all threads are held, if they are.
    fn explain(&mut self, full: bool, now: Instant) {
        if let Some(held) = self.saturation.look(full, now) {
            let told = explain(&snapshot(&self.houses), held, self.mpm.ways.words.most);
            Voice::of(&self.current()).own(Level::Warn, 20500, told);
        }
    }

    fn running(&self) -> u32 {
        self.houses.iter().map(|house| house.pool.running()).sum()
    }

    /// Tells who is still waited for, whenever the number has changed.
    fn count_down(&mut self) {
        let left = self.running();
        if std::mem::replace(&mut self.waited_for, left) != left {
            let told = format!("waiting for {left} threads to end");
            Voice::of(&self.current()).own(Level::Notice, 20145, told);
        }
    }

    fn publish(&mut self) {
        let state = match self.mode {
            Mode::Running => State::Running,
            _ => State::Stopping,
        };
        let current = self.current();
        let houses = &self.houses;
        self.office.publish(&current, state, || snapshot(houses));
        self.office.tend(&current);
    }

    /// Lets one visitor of the status socket in, whom another thread answers.
    fn hear_visitor(&mut self) {
        let Some(visitor) = self.office.visitor() else {
            return;
        };
        let (mpm, generation, now) = (self.mpm, self.current(), snapshot(&self.houses));
        let answer = move || visitor.answer(mpm, &generation, now);
        // Without a thread the visitor sees the connection closed.
        let thread = std::thread::Builder::new().name("status".into());
        if let Ok(thread) = thread.spawn(answer) {
            self.office.answered_by(thread);
        }
    }

    // --- reloads ---

    fn reload(&mut self, kind: Kind, now: Instant) {
        if self.next.is_some() {
            // A second restart while old threads are waited for means that nobody wants to wait.
            if kind == Kind::Restart {
                self.houses[0].pool.stop();
            } else {
                self.again = Some(kind);
            }
            return;
        }
        let current = self.current();
        let (number, told) = match kind {
            Kind::Graceful => (
                self.mpm.numbers.graceful,
                "SIGUSR1 received.  Doing graceful restart",
            ),
            Kind::Restart => (
                self.mpm.numbers.restart,
                "SIGHUP received.  Attempting to restart",
            ),
        };
        Voice::of(&current).own(Level::Notice, number, told);
        self.tell_taken();
        self.reloads += 1;
        match self.read(&current) {
            Ok(generation) => self.change(generation, kind, now),
            Err(why) => self.refuse(why),
        }
    }

    fn read(&mut self, current: &Shared<Generation>) -> Result<Shared<Generation>, String> {
        let owner = &mut *self.owner;
        let read = catch_unwind(AssertUnwindSafe(|| owner.build(current)));
        let generation = match read {
            Ok(outcome) => outcome.map_err(|refused| refused.0)?,
            Err(_) => return Err("reading the configuration broke down over it".into()),
        };
        match generation.listeners.is_empty() {
            true => Err("no listening sockets available".into()),
            false => Ok(generation),
        }
    }

    fn change(&mut self, generation: Shared<Generation>, kind: Kind, now: Instant) {
        if !self.mpm.ways.side_by_side {
            self.houses[0].close(false);
            self.next = Some(generation);
            return self.let_old_ones_go(now);
        }
        match self.move_in(generation) {
            Ok(()) => self.changed(kind),
            Err(why) => self.refuse(why),
        }
    }

    fn changed(&mut self, kind: Kind) {
        for old in &self.houses[1..] {
            old.close(false);
            if kind == Kind::Restart {
                old.pool.stop();
            }
        }
        let current = self.current();
        front::introduce(self.mpm.numbers.greeting(), &current);
        self.untold = Untold::since(Instant::now());
    }

    /// Says that the reload was taken, once no thread of the past waits for connections any more.
    fn tell_if_settled(&mut self, now: Instant) {
        let past_attends = || self.houses[1..].iter().any(|house| !house.is_deaf());
        if self.untold.is_due(now, past_attends) {
            self.tell_taken();
        }
    }

    fn tell_taken(&mut self) {
        if self.untold.take() {
            let current = self.current();
            self.office.tell_outcome(&current, self.reloads, None);
        }
    }

    fn refuse(&mut self, why: String) {
        let current = self.current();
        front::tell_refused(&current, &why);
        self.office.tell_outcome(&current, self.reloads, Some(why));
    }

    /// Has the generation's threads started. From now on it is the serving one.
    fn move_in(&mut self, generation: Shared<Generation>) -> Result<(), String> {
        let rights = self.rights(&generation)?;
        let older = self.houses.iter().map(|house| house.view().clone());
        let older = older.collect();
        let house = House::new(self.mpm, generation, self.server_started, older, rights);
        let mut house = house.map_err(|error| error.to_string())?;
        if let Some(workers) = self.owner.succeeds() {
            house.begin_with(workers);
        }
        house.open(Instant::now())?;
        self.houses.insert(0, house);
        Ok(())
    }

    /// Whom serving threads are to be, if they have to become somebody else.
    fn rights(&self, generation: &Generation) -> Result<Option<Shared<ThreadRights>>, String> {
        let identity = generation.main.identity.as_ref();
        let identity = identity.filter(|_| SUPPORTED && !self.debug && user::effective_uid() == 0);
        let Some(identity) = identity else {
            return drop_privileges(generation)
                .map(|()| None)
                .map_err(|_| "the rights of root could not be given up".into());
        };
        let root = generation.main.chroot.clone();
        ThreadRights::of(identity.uid, identity.gid, &identity.name, root)
            .map(|rights| Some(Shared::new(rights)))
            .map_err(|error| format!("the groups of the user cannot be had: {error}"))
    }

    /// Old generations end with their last thread; one that waited for that begins.
    fn let_old_ones_go(&mut self, now: Instant) {
        if self.houses[0].pool.running() == 0 {
            if let Some(generation) = self.next.take() {
                match self.move_in(generation) {
                    Ok(()) => self.changed(Kind::Graceful),
                    Err(why) => return self.give_up(why, now),
                }
            }
        }
        while let Some(place) = (1..self.houses.len()).find(|p| self.houses[*p].pool.running() == 0)
        {
            let old = self.houses.remove(place);
            old.hand_over(&self.houses[0]);
        }
        if let (None, Some(kind)) = (&self.next, self.again.take()) {
            self.reload(kind, now);
        }
    }

    /// The old threads have ended, and new ones cannot be had.
    fn give_up(&mut self, why: String, now: Instant) {
        let told = format!("the new configuration cannot begin, and the old one has ended: {why}");
        Voice::of(&self.current()).own(Level::Emerg, 20146, told);
        self.refuse(why);
        self.exit = Exit::Fatal;
        self.leave(now);
    }

    // --- upgrades ---

    /// If another program has taken over, this one only finishes what it has.
    fn hear_office(&mut self, now: Instant) {
        let time = match self.mode {
            Mode::Running if self.next.is_some() => Time::Early,
            Mode::Running => Time::Good {
                workers: self.houses[0].pool.running(),
            },
            _ => Time::Late,
        };
        let current = self.current();
        if let Some(successor) = self.office.hear(self.mpm, &current, time, now) {
            self.owner.handed_over(successor);
            self.finish_for_another();
        }
    }

    /// Another program serves: what this one has is finished, and no more taken.
    fn finish_for_another(&mut self) {
        self.close_all(false);
        self.mode = Mode::Leaving {
            until: None,
            gently: true,
        };
    }

    // --- the end ---

    fn close_all(&mut self, last: bool) {
        self.again = None;
        if self.next.take().is_some() {
            self.refuse("the server stops".into());
        }
        self.houses.iter().for_each(|house| house.close(last));
    }

    fn leave(&mut self, now: Instant) {
        match self.mode {
            Mode::Running => {
                self.close_all(true);
                let until = Some(now + self.mpm.ways.stop_wait);
                self.mode = Mode::Leaving {
                    until,
                    gently: false,
                };
            }
            // Asked again, or in a hurry after all.
            Mode::Leaving { .. } => self.end_at_once(now),
            Mode::Ending(_) => {}
        }
    }

    fn leave_gently(&mut self, now: Instant) {
        if !matches!(self.mode, Mode::Running) {
            return;
        }
        let told = "caught SIGWINCH, shutting down gracefully";
        Voice::of(&self.current()).own(Level::Notice, self.mpm.numbers.caught_winch, told);
        self.close_all(true);
        let limit = conf::of(&self.current()).graceful_shutdown_timeout;
        self.mode = Mode::Leaving {
            until: limit.map(|limit| now + limit),
            gently: true,
        };
    }

    fn end_at_once(&mut self, now: Instant) {
        self.houses.iter().for_each(|house| house.pool.stop());
        self.mode = Mode::Ending(now + STOPPING);
    }

    fn is_over(&mut self, now: Instant) -> bool {
        let (late, gently) = match self.mode {
            Mode::Running => return false,
            Mode::Leaving { until, gently } => (until.is_some_and(|until| until <= now), gently),
            Mode::Ending(until) => (until <= now, false),
        };
        let left = self.running();
        if left > 0 && !late {
            return false;
        }
        if left > 0 && !matches!(self.mode, Mode::Ending(_)) {
            self.end_at_once(now);
            return false;
        }
        let current = self.current();
        let voice = Voice::of(&current);
        if left > 0 {
            let told = format!("{left} threads did not end and are left behind");
            voice.own(Level::Error, 20147, told);
        }
        if !gently && self.exit == Exit::Stopped {
            let told = "caught SIGTERM, shutting down";
            voice.own(Level::Notice, self.mpm.numbers.caught_term, told);
        }
        true
    }
}
