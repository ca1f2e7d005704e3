//! event: several processes, in each as many loops as there are processors. A loop drives all the connections it has, so one that
//! is idle or slow at any stage holds no thread; work that blocks goes to the process's threads.
//!
//! ThreadsPerChild bounds the requests in work, each with its permit (`permits`); AsyncRequestWorkerFactor the connections
//! (`hall`). One round of a loop is in `turn`.

mod hall;
mod permits;
mod turn;

use super::common::child::Child;
use super::common::codes::SICK;
use super::common::conf::{self, thread_directives, MpmConf};
use super::common::crew::{Crew, Orders};
use super::common::fit::fit;
use super::common::{parent, Ceilings, ChildNumbers, Mpm, Numbers, Wanted};
use crate::config::directive::{Cmd, Directive};
use crate::os::limits::usable_cpus;
use crate::sync::Shared;
use hall::Hall;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = thread_directives![conf::one(
    "AsyncRequestWorkerFactor",
    async_factor,
    "Connections that a process takes for each idle thread, beside one for each thread"
),];

/// What the common half must know.
pub static MPM: Mpm = Mpm {
    parks: true,
    ..parent::record(
        Numbers {
            configured: 489,
            built: 490,
            caught_term: 491,
            caught_winch: 492,
            graceful: 493,
            restart: 494,
            at_limit: 484,
            busy: 486,
            children: ChildNumbers {
                near_limit: 10159,
                fork_failed: 481,
                old_fatal: 487,
                stranger: 488,
                killed_in_a_row: 10392,
                never_started: 2324,
            },
        },
        Ceilings {
            first_message: 497,
            server_limit: 20_000,
            thread_limit: 100_000,
        },
        Wanted::OF_THREADS,
        fit,
        serve,
    )
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
    let Ok(orders) = Orders::new() else {
        return SICK;
    };
    let threads = child.board.own.view().shape().threads;
    let loops = (usable_cpus() as u32).min(threads).max(1);
    let hall = Shared::new(Hall::new(child, orders.clone(), loops));
    let inside = hall.clone();
    // Each loop begins to look for a permit at another place, so that loops seldom write to the same slot.
    let work = move |number| turn::run(&inside, number * threads / loops);
    let crew = Crew {
        name: "loop",
        threads: loops,
        first: loops,
        cannot_start: 3104,
    };
    let mut publish = || hall.publish();
    let mut finishing = || {
        hall.finish();
        true
    };
    crew.serve(child, &orders, work, &mut publish, &mut finishing)
}
