//! mpm_netware: one process with a large pool of threads. Each accepts and serves one connection at a time, and looks once a second
//! whether it is to go: maintenance marks the highest slot that is idle (letter `I`).
//!
//! A restart waits for all threads before the new configuration serves. What Apache's waits for without end, this one bounds where
//! somebody asks twice.

use std::time::Duration;

use super::common::limits::{Ceilings, Fitted, Wanted};
use super::common::note::Note;
use super::common::threads::alone::{self, Ways};
use super::common::threads::conf::pool_directives;
use super::common::threads::limits::{fit_pool, Words};
use super::common::threads::{Pool, NUMBERS};
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
    Directive::new(
        "StartThreads",
        Scope::SERVER,
        Take1,
        set::start_servers,
        "Threads to start with"
    ),
    Directive::new(
        "ThreadStackSize",
        Scope::SERVER,
        Take1,
        set::thread_stack_size,
        "Stack of each thread in bytes; 0 is the system's default"
    ),
    Directive::new(
        "MaxConnectionsPerChild",
        Scope::SERVER,
        Take1,
        set::max_connections_per_child,
        "Connections after which a thread is replaced; 0 is without limit"
    ),
    Directive::new(
        "MaxRequestsPerChild",
        Scope::SERVER,
        Take1,
        set::max_requests_per_child,
        "The old name of MaxConnectionsPerChild"
    ),
];

const WORDS: Words = Words {
    most: "MaxThreads",
    instead: 1,
    gap: 1,
};

/// What the common half must know.
pub static MPM: Mpm = Mpm {
    numbers: NUMBERS,
    ceilings: Ceilings {
        first_message: 20160,
        server_limit: 1,
        thread_limit: 2048,
    },
    defaults: Wanted {
        server_limit: 1,
        thread_limit: 2048,
        threads_per_child: 2048,
        max_request_workers: 2048,
        start_servers: 50,
        min_spare: 10,
        max_spare: 100,
        buckets: 1,
    },
    parks: false,
    fit,
    run: alone::run,
    ways: Ways {
        most: WORDS.most,
        side_by_side: false,
        top_rate: 64,
        stop_wait: Duration::from_secs(8),
        patience: Some(Duration::from_secs(1)),
        dismiss,
    },
};

fn fit(wanted: &Wanted, ceilings: &Ceilings, starting: bool) -> (Fitted, Vec<Note>) {
    fit_pool(&WORDS, wanted, ceilings, starting)
}

/// Marks the thread; it notices within a second.
fn dismiss(pool: &Pool, own: &ProcessSlot, number: u32) {
    pool.dismiss(number);
    own.worker(number).set(Status::IdleKill);
}
