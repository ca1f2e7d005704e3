//! mpm_netware: one process with a large pool of threads. Each accepts and serves one connection at a time, and looks once a second
//! whether it is to go: maintenance marks the highest slot that is idle (letter `I`).
//!
//! A restart waits for all threads before the new configuration serves. What Apache's waits for without end, this one bounds where
//! somebody asks twice.

use std::time::Duration;

use super::common::threads::alone::{self, Ways};
use super::common::threads::conf::{
    pool_directives, MAX_CONNECTIONS_PER_CHILD, MAX_REQUESTS_PER_CHILD, START_THREADS,
    THREAD_STACK_SIZE,
};
use super::common::threads::limits::{fit_pool, Words};
use super::common::threads::Pool;
use super::common::Mpm;
use crate::config::directive::Directive;
use crate::scoreboard::{ProcessSlot, Status};

/// The name of this MPM in the error log.
pub const LOG_MODULE: &str = "mpm_netware";

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![
    Directive::new(
        "MaxThreads",
        Scope::SERVER,
        Take1,
        set::max_request_workers,
        "The most threads, so the most connections, at once"
    ),
    START_THREADS,
    THREAD_STACK_SIZE,
    MAX_CONNECTIONS_PER_CHILD,
    MAX_REQUESTS_PER_CHILD,
];

const WORDS: Words = Words {
    most: "MaxThreads",
    instead: 1,
    gap: 1,
};

/// What the common half must know.
pub static MPM: Mpm = alone::record(
    20160,
    2048,
    (50, 10, 100),
    |wanted, ceilings, starting| fit_pool(&WORDS, wanted, ceilings, starting),
    Ways {
        most: WORDS.most,
        side_by_side: false,
        top_rate: 64,
        stop_wait: Duration::from_secs(8),
        patience: Some(Duration::from_secs(1)),
        dismiss,
    },
);

/// Marks the thread; it notices within a second.
fn dismiss(pool: &Pool, own: &ProcessSlot, number: u32) {
    pool.dismiss(number);
    own.worker(number).set(Status::IdleKill);
}
