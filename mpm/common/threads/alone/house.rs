//! One generation in a server of one process: its threads, its page of the scoreboard, and how many threads it is to have.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use super::super::{End, Pool};
use super::Ways;
use crate::log::Level;
use crate::mpm::common::codes::FATAL;
use crate::mpm::common::conf;
use crate::mpm::common::inplace::{serve_one_by_one, Orders};
use crate::mpm::common::limits::Limits;
use crate::mpm::common::plan::{self, Rate, Remark, Status};
use crate::mpm::common::room;
use crate::mpm::common::sandbox;
use crate::mpm::common::share::Share;
use crate::mpm::common::turns::START_PAUSE;
use crate::mpm::common::voice::Voice;
use crate::mpm::common::{system, Mpm};
use crate::os::process;
use crate::os::thread_rights::ThreadRights;
use crate::run::Executor;
use crate::scoreboard::{self, Board, Segment, Standing, View};
use crate::server::Generation;
use crate::sync::Shared;

/// The one process has the one slot of its generation's scoreboard.
const SLOT: u32 = 0;

/// A generation with its threads.
pub struct House {
    pub generation: Shared<Generation>,
    pub pool: Shared<Pool>,
    ways: &'static Ways,
    segment: Segment,
    share: Share,
    start: u32,
    limits: Limits,
    rate: Rate,
    rights: Option<Shared<ThreadRights>>,
    /// The system has refused a thread: none is asked for before this.
    no_start_until: Option<Instant>,
    /// When it was closed.
    pub closed: Cell<Option<Instant>>,
    /// It has let go of its sockets.
    deaf: Cell<bool>,
}

impl House {
    /// Prepares a generation; `older` are the pages of those that still have threads. Nobody serves yet.
    pub fn new(
        mpm: &'static Mpm,
        generation: Shared<Generation>,
        server_started: u64,
        older: Vec<Shared<View>>,
        rights: Option<Shared<ThreadRights>>,
    ) -> io::Result<House> {
        let fitted = conf::fit(mpm, &generation);
        let segment = room::segment(&generation, SLOT + 1, &fitted, server_started)?;
        let pid = process::pid();
        segment.enter(SLOT, pid, 0);
        segment.stand(SLOT, Standing::Live);
        let own_view = segment.view().clone();
        let board = Board {
            own: segment.lend(SLOT, pid)?,
            views: std::iter::once(own_view).chain(older).collect(),
            max_processes: 1,
        };
        let stack = conf::of(&generation).thread_stack_size;
        let share = Share {
            generation: generation.clone(),
            board,
            bucket: 0,
            door: Shared::default(),
        };
        Ok(House {
            pool: Pool::new(fitted.max_workers, "worker", stack)?,
            ways: &mpm.ways,
            segment,
            share,
            start: fitted.start_servers,
            limits: Limits {
                max_processes: fitted.max_workers,
                threads_per_child: 1,
                ..fitted.limits
            },
            rate: Rate::up_to(mpm.ways.top_rate),
            rights,
            no_start_until: None,
            closed: Cell::new(None),
            deaf: Cell::new(false),
            generation,
        })
    }

    pub fn view(&self) -> &Shared<View> {
        self.segment.view()
    }

    /// Begins with as many threads as another program has that this one takes over from, where they may be so many.
    pub fn begin_with(&mut self, workers: u32) {
        self.start = self.start.max(workers.min(self.limits.max_processes));
    }

    /// Starts the first threads; an error if not even one can be made.
    pub fn open(&mut self, now: Instant) -> Result<(), String> {
        for _ in 0..self.start.max(1) {
            if !self.start_one(now) {
                break;
            }
        }
        match self.pool.running() {
            0 => Err("no thread can be started".into()),
            _ => Ok(()),
        }
    }

    /// Threads take no more connections, and their next answers close those they have. `last`: no generation follows.
    pub fn close(&self, last: bool) {
        self.closed.set(self.closed.get().or(Some(Instant::now())));
        self.segment.close(last);
        self.segment.stand(SLOT, Standing::Draining);
        self.share.board.own.quiesce();
        self.pool.finish();
        self.let_go();
    }

    /// Lets go of the sockets of a house that is closed, as soon as no thread waits at them.
    pub fn let_go(&self) {
        if self.closed.get().is_some() && !self.deaf.get() {
            self.deaf.set(self.share.close_unattended());
        }
    }

    /// Whether it has let go of its sockets.
    pub fn is_deaf(&self) -> bool {
        self.deaf.get()
    }

    /// What this generation has counted is added to what `next` shows.
    pub fn hand_over(&self, next: &House) {
        // Processor time belongs to the process, which goes on and counts it itself.
        self.share.board.own.spent([0; 4]);
        self.segment.leave(SLOT);
        next.segment.add_retired(&self.view().retired());
    }

    /// Starts a thread; false if there can be none now.
    pub fn start_one(&mut self, now: Instant) -> bool {
        if self.pool.is_finishing() || self.no_start_until.is_some_and(|until| now < until) {
            return false;
        }
        let (share, pool) = (self.share.clone(), self.pool.clone());
        let (ways, rights) = (self.ways, self.rights.clone());
        let most = conf::of(&self.generation).max_connections_per_child;
        let life = move |number| live(&share, &pool, ways, rights.as_deref(), number, most);
        match self.pool.start(life) {
            Ok(started) => started.is_some(),
            Err(error) => {
                let told = format!("ap_thread_create: unable to create worker thread: {error}");
                Voice::of(&self.generation).own(Level::Alert, 20141, told);
                self.no_start_until = Some(now + START_PAUSE);
                self.rate.now = 1;
                false
            }
        }
    }

    /// Something went wrong in a thread: the pool grows slowly again.
    pub fn slow_down(&mut self) {
        self.rate.now = 1;
    }

    /// Once a second: starts what is missing, dismisses what is too much. Tells whether all threads are busy that there may be.
    pub fn maintain(&mut self, now: Instant) -> bool {
        self.share.board.own.spent(system::cpu_times());
        let seats: Vec<(u32, Status)> = self.pool.taken().map(|seat| self.look(seat)).collect();
        let statuses: Vec<Status> = seats.iter().map(|(_, status)| *status).collect();
        let plan = plan::plan(&statuses, &self.limits, &mut self.rate);
        if let Some(remark) = plan.remark {
            self.tell(remark);
        }
        for _ in 0..plan.start {
            if !self.start_one(now) {
                break;
            }
        }
        if let Some((number, _)) = plan.retire.and_then(|index| seats.get(index)) {
            self.dismiss(*number);
        }
        plan.full
    }

    fn dismiss(&self, number: u32) {
        match self.ways.mark {
            Some(mark) => {
                self.pool.dismiss(number);
                self.share.board.own.worker(number).set(mark);
            }
            None => self.pool.dismiss_any(),
        }
    }

    fn look(&self, (number, dismissed): (u32, bool)) -> (u32, Status) {
        let doing = self.share.board.own.worker(number).status();
        let busy = u32::from(doing.is_busy());
        let status = Status {
            idle: 1 - busy,
            busy,
            draining: dismissed || doing == scoreboard::Status::Graceful,
            ..Status::default()
        };
        (number, status)
    }

    fn tell(&self, remark: Remark) {
        let voice = Voice::of(&self.generation);
        match remark {
            Remark::AtLimit => {
                let most = self.ways.words.most;
                let told =
                    format!("server reached {most} setting, consider raising the {most} setting");
                voice.own(Level::Error, super::super::NUMBERS.at_limit, told);
            }
            Remark::NearLimit => {}
            Remark::Busy { start, idle, total } => {
                let told = format!("server seems busy, (you may need to increase StartThreads, or Min/MaxSpareThreads), starting {start} threads, there are {idle} idle, and {total} total threads");
                voice.own(Level::Info, super::super::NUMBERS.busy, told);
            }
        }
    }
}

/// What one thread is told.
struct Post<'a> {
    pool: &'a Pool,
    ways: &'static Ways,
    number: u32,
    served: Cell<u64>,
    most: u64,
    excused: Cell<bool>,
}

impl Orders for Post<'_> {
    fn finish(&self) -> bool {
        if !self.excused.get() {
            let go = self.pool.is_finishing() || self.pool.excuses(self.number);
            self.excused.set(go);
        }
        self.excused.get()
    }

    fn stop(&self) -> bool {
        self.pool.is_stopping()
    }

    fn count_connection(&self) -> bool {
        self.served.set(self.served.get() + 1);
        !self.is_worn()
    }

    fn ready(&self, executor: &Executor) {
        self.pool.sit(self.number, executor.handle());
    }

    fn patience(&self) -> Option<Duration> {
        self.ways.patience
    }
}

impl Post<'_> {
    fn is_worn(&self) -> bool {
        self.most > 0 && self.served.get() >= self.most
    }
}

/// A thread's life.
fn live(
    share: &Share,
    pool: &Pool,
    ways: &'static Ways,
    rights: Option<&ThreadRights>,
    number: u32,
    most: u64,
) -> Result<End, i32> {
    let slot = share.board.own.worker(number);
    slot.set(scoreboard::Status::Starting);
    let post = Post {
        pool,
        ways,
        number,
        served: Cell::new(0),
        most,
        excused: Cell::new(false),
    };
    let outcome = give_up_rights(share, rights)
        .and_then(|()| sandbox::enter(&share.generation))
        .and_then(|()| serve_one_by_one(share, number, &pool.calls(), &post));
    slot.set(scoreboard::Status::Dead);
    outcome?;
    Ok(match post.is_worn() {
        true => End::Worn,
        false => End::Told,
    })
}

fn give_up_rights(share: &Share, rights: Option<&ThreadRights>) -> Result<(), i32> {
    let Some(rights) = rights else {
        return Ok(());
    };
    if let Err(error) = rights.take() {
        let told = format!("this thread cannot give up the rights of root: {error}");
        Voice::of(&share.generation).own(Level::Alert, 20142, told);
        return Err(FATAL);
    }
    // The kernel forbids dumps whenever rights change.
    if conf::of(&share.generation).core_dump_directory.is_some() {
        let _ = process::allow_core_dumps(true);
    }
    Ok(())
}
