//! mpm_netware: one process with a large pool of threads. Each accepts and serves one connection at a time, and looks once a second
//! whether it is to go: maintenance marks the highest slot that is idle (letter `I`).
//!
//! A restart waits for all threads before the new configuration serves. What Apache's waits for without end, this one bounds where
//! somebody asks twice.

use std::time::Duration;

use super::common::threads::alone::{self, fit_pool, Ways, Words};
use super::common::threads::conf::pool_directives;
use super::common::{conf, Mpm};
use crate::config::directive::Directive;
use crate::scoreboard::Status;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![
    conf::one(
        "MaxThreads",
        conf::max_request_workers,
        "The most threads, so the most connections, at once"
    ),
    row("StartThreads"),
    row("ThreadStackSize"),
    row("MaxConnectionsPerChild"),
    row("MaxRequestsPerChild"),
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
        side_by_side: false,
        top_rate: 64,
        stop_wait: Duration::from_secs(8),
        patience: Some(Duration::from_secs(1)),
        mark: Some(Status::IdleKill),
        ..Ways::usual(WORDS)
    },
);
