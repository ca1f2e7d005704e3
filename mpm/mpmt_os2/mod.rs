//! mpmt_os2: a few processes, always the same number; in each the main thread accepts and puts connections into a queue, threads of
//! a pool serve them, and a thread of its own sizes that pool every half second.
//!
//! Apache's ended the whole server at the first accept that failed; here a child that runs short waits a second.

mod limits;
mod sizing;

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::common::child::{wait_mask, Child};
use super::common::codes::SICK;
use super::common::inplace::{serve_queued, Orders};
use super::common::share::Share;
use super::common::threads::conf::pool_directives;
use super::common::threads::{End, Pool, NUMBERS};
use super::common::voice::Voice;
use super::common::{accept, conf, parent, system, Ceilings, Mpm, Numbers, Wanted};
use crate::config::directive::Directive;
use crate::listen::{Accepted, Acceptor, Next};
use crate::log::Level;
use crate::os::poll::{wait, Waiting};
use crate::run::Executor;
use crate::scoreboard::Status;
use crate::sync::{Popped, Queue, Shared};
use limits::fit_processes;
use sizing::{size, Seen, Spare};

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![
    conf::one(
        "StartServers",
        conf::start_servers,
        "Processes, always this many"
    ),
    row("MaxConnectionsPerChild"),
    row("MaxRequestsPerChild"),
    row("ThreadStackSize"),
];

/// Most threads of a child.
const THREADS: u32 = 256;

/// Connections that may wait in a child's queue; more wait in the kernel's.
const QUEUE: usize = THREADS as usize;

/// How often the pool is sized.
const SIZING: Duration = Duration::from_millis(500);

/// How long a child that is short of something, or full, takes no connection.
const PAUSE: Duration = Duration::from_secs(1);

/// How long threads may take to end once told to end at once.
const STOPPING: Duration = Duration::from_secs(2);

/// Exit code of a child one of whose threads broke.
const BROKEN: i32 = 1;

/// What the common half must know.
pub static MPM: Mpm = parent::record(
    // How large each pool is nobody outside its child decides, so the child says that there is no room (20178).
    Numbers {
        at_limit: 0,
        ..NUMBERS
    },
    Ceilings {
        first_message: 20170,
        server_limit: 10,
        thread_limit: THREADS as i64,
    },
    Wanted {
        server_limit: 10,
        thread_limit: THREADS as i64,
        threads_per_child: THREADS as i64,
        max_request_workers: 0,
        start_servers: 2,
        min_spare: 5,
        max_spare: 10,
        buckets: 1,
    },
    fit_processes,
    serve,
);

/// What is put into the queue.
enum Message {
    Serve(Accepted, u32),
    /// Whoever takes this one ends.
    Exit,
}

/// What the threads of a child share.
struct Hall {
    share: Share,
    pool: Shared<Pool>,
    queue: Queue<Message>,
    /// Closed when the pool is not to be sized any more.
    over: Queue<()>,
    spare: Spare,
}

/// A child's life.
fn serve(child: &Child) -> i32 {
    let conf = child.conf();
    let wanted = conf.wanted(&MPM.defaults, 1);
    let number = |value: i64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
    let min = number(wanted.min_spare);
    let Ok(pool) = Pool::new(THREADS, "worker", conf.thread_stack_size) else {
        return SICK;
    };
    let hall = Shared::new(Hall {
        share: child.share(),
        pool,
        queue: Queue::new(),
        over: Queue::new(),
        spare: Spare {
            min,
            max: number(wanted.max_spare).max(min),
        },
    });
    // Before it accepts: a child that has enough connections at once ends when its last thread has.
    let told = keep_size(&hall, false);
    let sized = hall.clone();
    let sizer = std::thread::Builder::new().name("sizer".into());
    if let Err(error) = sizer.spawn(move || keep_sized(&sized, told)) {
        return hall.share.sick(
            20177,
            "the thread that sizes the pool cannot be started",
            &error,
        );
    }
    child.report_ready();
    let code = take_connections(child, &hall);
    child.report_finishing();
    hall.share.close_listeners();
    while let Some((accepted, number)) = hall.share.leftover() {
        let _ = hall.queue.push(Message::Serve(accepted, number));
    }
    hall.over.close();
    // An exit for each thread, behind what still waits.
    hall.queue.close();
    match see_out(child, &hall.pool) {
        0 => code,
        worse => worse,
    }
}

// --- the thread that sizes the pool ---

fn keep_sized(hall: &Shared<Hall>, mut told: bool) {
    while hall.over.pop(Some(SIZING)) != Popped::Closed {
        told |= keep_size(hall, told);
    }
}

/// One look at the pool. Whether more threads are wanted than there may be, which is logged unless it was `told`.
fn keep_size(hall: &Shared<Hall>, told: bool) -> bool {
    let board = &hall.share.board.own;
    let doing = |(number, _)| board.worker(number).status();
    let seats: Vec<Status> = hall.pool.taken().map(doing).collect();
    let seen = Seen {
        idle: seats.iter().filter(|status| !status.is_busy()).count() as u32,
        running: seats.len() as u32,
        queued: u32::try_from(hall.queue.len()).unwrap_or(u32::MAX),
    };
    let change = size(seen, hall.spare, THREADS);
    if change.at_limit && !told {
        let words = format!("all {THREADS} threads of this child exist and more are wanted, consider raising the StartServers setting");
        Voice::of(&hall.share.generation).own(Level::Error, 20178, words);
    }
    for _ in 0..change.start {
        let inside = hall.clone();
        if let Err(error) = hall.pool.start(move |number| work(&inside, number)) {
            hall.share
                .sick(20179, "a worker thread cannot be started", &error);
            break;
        }
    }
    if change.dismiss {
        // A closed queue says so to everybody.
        let _ = hall.queue.push(Message::Exit);
    }
    change.at_limit
}

// --- a thread of the pool ---

struct Post<'a> {
    pool: &'a Pool,
    number: u32,
    excused: Cell<bool>,
}

impl Orders for Post<'_> {
    fn finish(&self) -> bool {
        self.excused.get()
    }

    fn stop(&self) -> bool {
        self.pool.is_stopping()
    }

    /// The main thread counts.
    fn count_connection(&self) -> bool {
        true
    }

    fn ready(&self, executor: &Executor) {
        self.pool.sit(self.number, executor.handle());
    }
}

/// A thread's life.
fn work(hall: &Hall, number: u32) -> Result<End, i32> {
    let slot = hall.share.board.own.worker(number);
    slot.set(Status::Starting);
    let post = Post {
        pool: &hall.pool,
        number,
        excused: Cell::new(false),
    };
    let outcome = serve_queued(&hall.share, number, &post, &mut |limit| {
        match hall.queue.pop(limit) {
            Popped::Item(Message::Serve(accepted, listener)) => return Some((accepted, listener)),
            Popped::TimedOut => {}
            Popped::Item(Message::Exit) | Popped::Closed => post.excused.set(true),
        }
        None
    });
    slot.set(Status::Dead);
    outcome.map(|()| End::Told)
}

// --- the main thread ---

/// Accepts until this child is to end; the exit code.
fn take_connections(child: &Child, hall: &Hall) -> i32 {
    let listeners = hall.share.listeners();
    let sockets = listeners.iter().map(|(_, listener)| *listener);
    let line: Vec<_> = child.line.iter().map(AsFd::as_fd).collect();
    let mut acceptor = match Acceptor::new(sockets, &line, Some(wait_mask())) {
        Ok(acceptor) => acceptor,
        Err(error) => return hall.share.sick(20118, "this child cannot wait", &error),
    };
    let most = child.conf().max_connections_per_child;
    let mut taken = 0;
    while !child.told_to_stop() && !child.told_to_finish() && !child.board.own.is_closing() {
        if let Some(code) = trouble(&hall.pool) {
            return code;
        }
        child.board.own.spent(system::cpu_times());
        if hall.queue.len() >= QUEUE {
            rest(&line, SIZING / 10);
            continue;
        }
        match acceptor.next(Some(PAUSE)) {
            Next::Connection(accepted, place) => {
                let number = listeners.get(place).map_or(0, |(number, _)| *number);
                let _ = hall.queue.push(Message::Serve(accepted, number));
                taken += 1;
                if most > 0 && taken >= most {
                    return 0;
                }
            }
            Next::Failed(failure, error) => {
                // Said in the log; those who wait may wait longer.
                if accept::go_on(failure, &error, &child.voice()).is_err() {
                    rest(&line, PAUSE);
                }
            }
            Next::Told(_) | Next::Signal | Next::TimedOut => {}
        }
    }
    0
}

/// Waits without taking connections; something to read or a signal ends it.
fn rest(fds: &[BorrowedFd<'_>], time: Duration) {
    let mut fds: Vec<_> = fds.iter().map(Waiting::to_read).collect();
    let _ = wait(&mut fds, Some(time), Some(&wait_mask()));
}

/// The exit code of a child whose threads do not end as they should.
fn trouble(pool: &Pool) -> Option<i32> {
    pool.take_ends().into_iter().find_map(|(_, end)| match end {
        End::Told => None,
        End::Failed(code) => Some(code),
        End::Broken => Some(BROKEN),
    })
}

/// Waits until the last thread has ended. Told to stop, it does not wait long.
fn see_out(child: &Child, pool: &Pool) -> i32 {
    let mut until = None;
    let mut code = 0;
    loop {
        code = trouble(pool).unwrap_or(code);
        if pool.running() == 0 {
            return code;
        }
        let now = Instant::now();
        if child.told_to_stop() {
            pool.stop();
            if now >= *until.get_or_insert(now + STOPPING) {
                return code;
            }
        }
        rest(&[pool.ended()], SIZING);
    }
}
