//! event: several processes, in each as many loops as there are processors. A loop drives all the connections it has, so one that
//! is idle or slow at any stage holds no thread; work that blocks goes to the process's threads.
//!
//! ThreadsPerChild bounds the requests in work, each with its permit (`permits`); AsyncRequestWorkerFactor the connections
//! (`hall`). One round of a loop is in `turn`.

mod hall;
mod permits;
mod turn;

use super::common::child::Child;
use super::common::conf::{thread_directives, MpmConf};
use super::common::crew::{self, Orders};
use super::common::exits::SICK;
use super::common::limits::{self, Ceilings, Wanted};
use super::common::note::Numbers;
use super::common::parent;
use super::common::Mpm;
use crate::config::directive::{Cmd, Directive};
use crate::os::limits::usable_cpus;
use crate::sync::Shared;
use hall::Hall;

/// The name of this MPM in the error log.
pub const LOG_MODULE: &str = "mpm_event";

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = thread_directives![Directive::new(
    "AsyncRequestWorkerFactor",
    Scope::SERVER,
    Take1,
    async_factor,
    "Connections that a process takes for each idle thread, beside one for each thread"
),];

/// What the common half must know.
pub static MPM: Mpm = Mpm {
    numbers: Numbers {
        configured: 489,
        built: 490,
        caught_term: 491,
        caught_winch: 492,
        graceful: 493,
        restart: 494,
        at_limit: 484,
        near_limit: 10159,
        busy: 486,
        fork_failed: 481,
        old_fatal: 487,
        stranger: 488,
        killed_in_a_row: 10392,
        never_started: 2324,
    },
    ceilings: Ceilings {
        first_message: 497,
        server_limit: 20_000,
        thread_limit: 100_000,
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
    parks: true,
    fit: limits::fit,
    run: parent::run,
    serve,
};

fn async_factor(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let factor: f64 = cmd.arg(0).parse().unwrap_or(0.0);
    if !factor.is_finite() || factor <= 0.0 {
        return Err("AsyncRequestWorkerFactor argument must be a positive number".into());
    }
    cmd.server_conf::<MpmConf>().async_factor = Some(factor);
    Ok(())
}

/// A child's life.
fn serve(child: &Child) -> i32 {
    let orders = match Orders::new() {
        Ok(orders) => orders,
        Err(_) => return SICK,
    };
    let threads = child.board.own.view().shape().threads;
    let loops = (usable_cpus() as u32).min(threads).max(1);
    let hall = Shared::new(Hall::new(child, orders.clone(), loops));
    let stack = child.conf().thread_stack_size;
    let inside = hall.clone();
    // Each loop begins to look for a permit at another place, so that loops seldom write to the same slot.
    let work = move |number| turn::run(&inside, number * threads / loops);
    if let Err(error) = crew::start(&orders, loops, "loop", stack, work) {
        return crew::cannot_start(child, &orders, 3104, &error);
    }
    child.report_ready();
    let mut publish = || hall.publish();
    let mut finishing = || hall.finish();
    crew::watch(child, &orders, loops, &mut publish, &mut finishing)
}
