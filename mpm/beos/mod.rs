//! beos: one process, in it a pool of threads, each of which accepts and serves one connection at a time.
//!
//! Apache's (which 2.4 no longer has) woke its threads by a datagram to port 7772 of its own machine; here it is a pipe. Its pool
//! only grew; this one shrinks, too, by the rule that the other MPMs have.

use std::time::Duration;

use super::common::plan::MAX_SPAWN_RATE;
use super::common::threads::alone::{self, Ways};
use super::common::threads::conf::{pool_directives, START_THREADS};
use super::common::threads::limits::{fit_pool, Words};
use super::common::Mpm;
use crate::config::directive::Directive;

/// The name of this MPM in the error log.
pub const LOG_MODULE: &str = "mpm_beos";

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![
    START_THREADS,
    Directive::new(
        "MaxClients",
        Scope::SERVER,
        Take1,
        set::max_request_workers,
        "The most threads, so the most connections, at once"
    ),
    Directive::new(
        "MaxRequestsPerThread",
        Scope::SERVER,
        Take1,
        set::max_connections_per_child,
        "Connections after which a thread is replaced; 0 is without limit"
    ),
    Directive::new(
        "RequestsPerThread",
        Scope::SERVER,
        Take1,
        set::max_connections_per_child,
        "The old name of MaxRequestsPerThread"
    ),
];

const WORDS: Words = Words {
    most: "MaxClients",
    instead: 50,
    gap: 0,
};

/// What the common half must know.
pub static MPM: Mpm = alone::record(
    20150,
    50,
    (10, 1, 50),
    |wanted, ceilings, starting| fit_pool(&WORDS, wanted, ceilings, starting),
    Ways {
        most: WORDS.most,
        side_by_side: true,
        top_rate: MAX_SPAWN_RATE,
        stop_wait: Duration::from_secs(1),
        patience: None,
        // Whichever idle thread wakes first goes, as with Apache's datagram.
        dismiss: |pool, _, _| pool.dismiss_any(),
    },
);
