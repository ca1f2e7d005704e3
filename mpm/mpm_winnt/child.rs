//! The child's main thread: starts the others, tells that the child is ready, and waits for the word to end: to finish what it
//! has (a restart), or to stop (the server ends). It also watches the deadlines of parked connections.

use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use super::accept::accept;
use super::house::{Door, House};
use super::system::{cpu_times, wait_any, Event};
use super::{worker, MPM};
use crate::log::Level;
use crate::mpm::common::codes::{FATAL, SICK};
use crate::mpm::common::conf;
use crate::mpm::common::front::View;
use crate::mpm::Owner;
use crate::os::process::pid;
use crate::scoreboard::publish::State;
use crate::scoreboard::{Board, Segment, Shape, Standing};
use crate::server::Generation;
use crate::sync::{Counter, Lock, Shared};

/// The one slot of the scoreboard.
const SLOT: u32 = 0;

/// How often small duties are done.
const ROUND: Duration = Duration::from_secs(1);

/// How long what is in work may take to end when the server does. A restart gives it Timeout.
const LAST_WORK: Duration = Duration::from_secs(5);

/// How often the log is told of threads that are waited for.
const REPORT: Duration = Duration::from_secs(30);

/// What a child begins with.
pub struct Start {
    pub generation: Shared<Generation>,
    pub doors: Vec<Door>,
    /// When the server started, in microseconds since 1970.
    pub server_started: u64,
    pub orders: Orders,
}

/// What the control process and a child say to each other.
pub struct Orders {
    /// To the child: take no more connections, finish those you have.
    pub finish: Event,
    /// To the child: the server ends.
    pub stop: Event,
    /// From the child: it takes connections.
    pub ready: Event,
    /// From the child: it has had as many connections as it may.
    pub worn: Event,
    /// The control process; a child does not outlive it. `None` under `-X`.
    pub control: Option<OwnedHandle>,
}

impl Orders {
    /// None of them given yet, and no control process.
    pub fn new() -> io::Result<Orders> {
        Ok(Orders {
            finish: Event::new()?,
            stop: Event::new()?,
            ready: Event::new()?,
            worn: Event::new()?,
            control: None,
        })
    }
}

/// Serves until told to end; gives the exit code.
pub fn serve(start: Start, owner: &mut dyn Owner) -> i32 {
    let Start {
        generation,
        doors,
        server_started,
        orders,
    } = start;
    let house = match open(generation.clone(), server_started, doors.len()) {
        Ok((house, segment)) => (Shared::new(house), segment),
        Err(error) => {
            let told = format!("the child cannot begin: {error}");
            crate::mpm::common::voice::Voice::of(&generation).own(Level::Alert, 20_432, told);
            return SICK;
        }
    };
    let (house, segment) = house;
    let mut child = Child {
        crew: Shared::new(Crew::default()),
        view: View::open(&MPM, &house.generation),
        told: false,
        stopping: false,
        until: None,
        worn: false,
        house,
        segment,
        orders,
        owner,
    };
    child.live(doors)
}

fn open(
    generation: Shared<Generation>,
    server_started: u64,
    doors: usize,
) -> io::Result<(House, Segment)> {
    let shape = Shape {
        slots: 1,
        threads: conf::fit(&MPM, &generation).limits.threads_per_child,
    };
    let segment = Segment::new(shape, generation.number, server_started)?;
    segment.enter(SLOT, pid(), 0);
    let board = Board {
        own: segment.lend(SLOT, pid())?,
        views: vec![segment.view().clone()],
        max_processes: 1,
    };
    Ok((House::new(generation, board, doors)?, segment))
}

/// How many threads there are, and why one could not go on.
#[derive(Default)]
struct Crew {
    workers: Counter,
    doors: Counter,
    failed: Lock<Option<String>>,
}

struct Child<'o> {
    house: Shared<House>,
    segment: Segment,
    crew: Shared<Crew>,
    orders: Orders,
    owner: &'o mut dyn Owner,
    view: View,
    /// No more connections are taken.
    told: bool,
    /// Nor are idle ones waited for.
    stopping: bool,
    /// When what is still in work is given up.
    until: Option<Instant>,
    /// The control process knows that this child is to be replaced.
    worn: bool,
}

impl Child<'_> {
    fn live(&mut self, doors: Vec<Door>) -> i32 {
        if let Err(error) = self.start(doors) {
            let told = format!("a thread cannot be started: {error}");
            self.house.voice().own(Level::Alert, 20_433, told);
            return SICK;
        }
        self.segment.stand(SLOT, Standing::Live);
        // Nobody may wait for it.
        let _ = self.orders.ready.set();
        let code = self.watch();
        self.view.end();
        code
    }

    fn start(&mut self, doors: Vec<Door>) -> io::Result<()> {
        let threads = self.house.board.own.view().shape().threads;
        let told = format!("Child: Starting {threads} worker threads.");
        self.house.voice().own(Level::Notice, 354, told);
        for number in 0..threads {
            let house = self.house.clone();
            self.crew.workers.add(1);
            self.thread(
                format!("worker{number}"),
                |crew| &crew.workers,
                move || worker::work(&house, number).map_err(|error| error.to_string()),
            )?;
        }
        for (number, door) in doors.into_iter().enumerate() {
            let house = self.house.clone();
            self.crew.doors.add(1);
            self.thread(
                format!("accept{number}"),
                |crew| &crew.doors,
                move || accept(&house, &door, number),
            )?;
        }
        Ok(())
    }

    /// Starts a thread that is counted out when it ends; an error that it ends with is the child's.
    fn thread(
        &self,
        name: String,
        count: fn(&Crew) -> &Counter,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> io::Result<()> {
        let (house, crew) = (self.house.clone(), self.crew.clone());
        let stack = conf::of(&house.generation).thread_stack_size;
        let mut builder = std::thread::Builder::new().name(name);
        if stack > 0 {
            builder = builder.stack_size(stack);
        }
        builder.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(work));
            let done = done.unwrap_or_else(|_| Err("it panicked".into()));
            if let Err(why) = done {
                crew.failed.lock().get_or_insert(why);
            }
            count(&crew).sub(1);
            let _ = house.look.set();
        })?;
        Ok(())
    }

    /// Waits and watches to the end; gives the exit code.
    fn watch(&mut self) -> i32 {
        let mut duties = Instant::now();
        let mut report = Instant::now() + REPORT;
        loop {
            let _ = self.house.look.reset();
            self.listen();
            let now = Instant::now();
            let deadline = self.house.port.expire(now);
            if now >= duties {
                duties = now + ROUND;
                self.do_duties();
            }
            let failed = self.crew.failed.lock().take();
            if let Some(why) = failed {
                let told = format!("a thread of the child had to end: {why}");
                self.house.voice().own(Level::Alert, 20_434, told);
                return SICK;
            }
            if self.told {
                if self.is_done(now) {
                    return self.dismiss();
                }
                if now >= report {
                    report = now + REPORT;
                    self.report(now);
                }
            }
            let next = [deadline, self.until]
                .into_iter()
                .flatten()
                .fold(duties, Instant::min);
            if let Err(error) = self.wait(next.saturating_duration_since(now)) {
                let told = format!("the child cannot wait: {error}");
                self.house.voice().own(Level::Alert, 20_435, told);
                return FATAL;
            }
        }
    }

    fn wait(&self, limit: Duration) -> io::Result<()> {
        let mut handles = vec![self.house.look.as_handle()];
        if !self.told {
            handles.push(self.orders.finish.as_handle());
        }
        if !self.stopping {
            handles.push(self.orders.stop.as_handle());
            handles.extend(self.orders.control.iter().map(AsHandle::as_handle));
        }
        wait_any(&handles, Some(limit)).map(drop)
    }

    /// Hears what the control process says, or that it is gone.
    fn listen(&mut self) {
        let gone = |control: &OwnedHandle| {
            let ended = wait_any(&[control.as_handle()], Some(Duration::ZERO));
            !matches!(ended, Ok(None))
        };
        if self.house.is_worn() && !std::mem::replace(&mut self.worn, true) {
            let told = "Child: Process exiting because it reached MaxConnectionsPerChild. Signaling the parent to restart a new child process.";
            self.house.voice().own(Level::Notice, 358, told);
            let _ = self.orders.worn.set();
        }
        let stop = self.orders.stop.is_set() || self.orders.control.as_ref().is_some_and(gone);
        if stop && !std::mem::replace(&mut self.stopping, true) {
            self.finish();
            self.house.port.close();
            let latest = Instant::now() + LAST_WORK;
            self.until = self.until.map(|until| until.min(latest));
        }
        if self.orders.finish.is_set() {
            self.finish();
        }
    }

    /// Takes no more connections; the next answer on each is its last.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        // Whether another child comes after it is not told to this one.
        self.segment.close(false);
        self.segment.stand(SLOT, Standing::Draining);
        self.house.board.own.quiesce();
        let _ = self.house.shut.set();
        // Another child shows what it does from now on.
        self.view.end();
        let timeout = self.house.generation.main_server().core().timeout();
        self.until = Some(Instant::now() + timeout);
    }

    fn is_done(&self, now: Instant) -> bool {
        let quiet = self.crew.doors.get() == 0 && self.house.connections() == 0;
        quiet || self.until.is_some_and(|until| now >= until)
    }

    /// Lets the threads go; those that do not hear it end with the process.
    fn dismiss(&mut self) -> i32 {
        for _ in 0..self.crew.workers.get() {
            let _ = self.house.port.dismiss();
        }
        let end = Instant::now() + ROUND;
        while self.crew.workers.get() > 0 && Instant::now() < end {
            let _ = self.house.look.reset();
            if self.crew.workers.get() > 0 {
                let _ = wait_any(&[self.house.look.as_handle()], Some(ROUND / 10));
            }
        }
        let voice = self.house.voice();
        match self.crew.workers.get() {
            0 => voice.own(Level::Notice, 364, "Child: All worker threads have exited."),
            left => {
                let told = format!("Child: Terminating {left} threads that failed to exit.");
                voice.own(Level::Notice, 363, told);
            }
        }
        0
    }

    fn report(&self, now: Instant) {
        let left = self
            .until
            .map_or(0, |until| until.saturating_duration_since(now).as_secs());
        let busy = self
            .house
            .connections()
            .saturating_sub(self.house.port.idle());
        let told =
            format!("Child: Waiting {left} more seconds for {busy} worker threads to finish.");
        self.house.voice().own(Level::Notice, 362, told);
    }

    fn do_duties(&mut self) {
        self.owner.every_second(&self.house.generation);
        self.house.board.own.spent(cpu_times());
        self.house.publish();
        let board = &self.house.board;
        let snapshot = || board.snapshot();
        self.view
            .publish(&self.house.generation, State::Running, snapshot);
    }
}
