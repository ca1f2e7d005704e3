//! worker: several processes, in each a fixed number of threads, each of which drives one connection at a time.
//!
//! Apache has one thread accept for all; here each thread waits for itself, exclusively, so that the kernel wakes one that is
//! idle. As there, a process never takes a connection that it has no thread for. A few threads are there from the start; the others
//! are started when connections come that keep those busy, for a thread that waits costs memory too.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use super::common::child::{wait_mask, Child};
use super::common::codes::SICK;
use super::common::conf::thread_directives;
use super::common::crew::{Crew, Orders};
use super::common::fit::fit;
use super::common::inplace::{self, serve_one_by_one};
use super::common::share::Share;
use super::common::{parent, Ceilings, ChildNumbers, Mpm, Numbers, Wanted};
use crate::config::directive::Directive;
use crate::os::signal::SignalSet;
use crate::run::Executor;
use crate::scoreboard::Status;
use crate::sync::Shared;

/// Threads that a child begins with.
const FIRST: u32 = 8;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = thread_directives![];

/// What the common half must know.
pub static MPM: Mpm = parent::record(
    Numbers {
        configured: 292,
        built: 293,
        caught_term: 295,
        caught_winch: 296,
        graceful: 297,
        restart: 298,
        at_limit: 286,
        busy: 289,
        children: ChildNumbers {
            near_limit: 287,
            fork_failed: 283,
            old_fatal: 290,
            stranger: 291,
            killed_in_a_row: 10393,
            never_started: 2325,
        },
    },
    Ceilings {
        first_message: 300,
        server_limit: 20_000,
        thread_limit: 20_000,
    },
    Wanted::OF_THREADS,
    fit,
    serve,
);

/// What the threads share.
struct Common {
    share: Share,
    orders: Shared<Orders>,
    connections: AtomicU64,
    most: u64,
}

impl inplace::Orders for Common {
    fn finish(&self) -> bool {
        self.orders.is_finishing() || self.share.board.own.is_closing()
    }

    fn stop(&self) -> bool {
        self.orders.is_stopping()
    }

    fn count_connection(&self) -> bool {
        let count = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let more = self.most == 0 || count < self.most;
        if !more {
            self.orders.finish();
        } else if !self.share.is_attended() {
            self.orders.ask_for_help();
        }
        more
    }

    fn wait_mask(&self) -> Option<SignalSet> {
        Some(wait_mask())
    }

    fn ready(&self, executor: &Executor) {
        self.orders.wake_at_orders(executor.handle());
    }
}

/// A child's life.
fn serve(child: &Child) -> i32 {
    let threads = child.board.own.view().shape().threads;
    let Ok(orders) = Orders::new() else {
        return SICK;
    };
    let share = child.share();
    let common = Shared::new(Common {
        share: share.clone(),
        orders: orders.clone(),
        connections: AtomicU64::new(0),
        most: child.conf().max_connections_per_child,
    });
    // Those that are not there yet are so soon when they are wanted.
    let later = || (FIRST..threads).map(|number| share.board.own.worker(number));
    later().for_each(|slot| slot.set(Status::Ready));
    let crew = Crew {
        name: "worker",
        threads,
        first: FIRST,
        cannot_start: 3142,
    };
    let work = move |number| work(&common, number);
    // Idle threads leave by themselves; a busy one does not look at its listeners any more.
    let mut finishing = || {
        let waiting = later().filter(|slot| slot.status() == Status::Ready);
        waiting.for_each(|slot| slot.set(Status::Graceful));
        share.close_unattended()
    };
    crew.serve(child, &orders, work, &mut || {}, &mut finishing)
}

/// A thread's life.
fn work(common: &Common, number: u32) -> Result<(), i32> {
    serve_one_by_one(&common.share, number, &[common.orders.as_fd()], common)
}
