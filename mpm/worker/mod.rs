//! worker: several processes, in each a fixed number of threads, each of which drives one connection at a time.
//!
//! Apache has one thread accept for all; here each thread waits for itself, exclusively, so that the kernel wakes one that is
//! idle. As there, a process never takes a connection that it has no thread for.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use super::common::child::Child;
use super::common::conf::thread_directives;
use super::common::crew::{self, Orders};
use super::common::exits::SICK;
use super::common::inplace::{self, serve_one_by_one};
use super::common::limits::{self, Ceilings, Wanted};
use super::common::note::Numbers;
use super::common::parent;
use super::common::share::Share;
use super::common::Mpm;
use crate::config::directive::Directive;
use crate::run::Executor;
use crate::sync::Shared;

/// The name of this MPM in the error log.
pub const LOG_MODULE: &str = "mpm_worker";

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = thread_directives![];

/// What the common half must know.
pub static MPM: Mpm = Mpm {
    numbers: Numbers {
        configured: 292,
        built: 293,
        caught_term: 295,
        caught_winch: 296,
        graceful: 297,
        restart: 298,
        at_limit: 286,
        near_limit: 287,
        busy: 289,
        fork_failed: 283,
        old_fatal: 290,
        stranger: 291,
        killed_in_a_row: 10393,
        never_started: 2325,
    },
    ceilings: Ceilings {
        first_message: 300,
        server_limit: 20_000,
        thread_limit: 20_000,
    },
    defaults: Wanted {
        server_limit: 16,
        thread_limit: 64,
        threads_per_child: 25,
        max_request_workers: 400,
        start_servers: 3,
        min_spare: 75,
        max_spare: 250,
        buckets: 1,
    },
    parks: false,
    fit: limits::fit,
    run: parent::run,
    serve,
};

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
        }
        more
    }

    fn ready(&self, executor: &Executor) {
        self.orders.wake_at_orders(executor.handle());
    }
}

/// A child's life.
fn serve(child: &Child) -> i32 {
    let orders = match Orders::new() {
        Ok(orders) => orders,
        Err(_) => return SICK,
    };
    let threads = child.board.own.view().shape().threads;
    let common = Shared::new(Common {
        share: Share::of(child),
        orders: orders.clone(),
        connections: AtomicU64::new(0),
        most: child.conf().max_connections_per_child,
    });
    let stack = child.conf().thread_stack_size;
    let work = move |number| work(&common, number);
    if let Err(error) = crew::start(&orders, threads, "worker", stack, work) {
        return crew::cannot_start(child, &orders, 3142, &error);
    }
    child.report_ready();
    // Idle threads leave by themselves; a busy one does not look at its listeners any more.
    let share = Share::of(child);
    let mut finishing = || share.close_listeners();
    crew::watch(child, &orders, threads, &mut || {}, &mut finishing)
}

/// A thread's life.
fn work(common: &Common, number: u32) -> Result<(), i32> {
    serve_one_by_one(&common.share, number, &[common.orders.as_fd()], common)
}
