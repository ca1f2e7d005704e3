//! beos: one process, in it a pool of threads, each of which accepts and serves one connection at a time.
//!
//! Apache's (which 2.4 no longer has) woke its threads by a datagram to port 7772 of its own machine; here it is a pipe. Its pool
//! only grew; this one shrinks, too, by the rule that the other MPMs have.

use super::common::threads::alone::{self, fit_pool, Ways, Words};
use super::common::threads::conf::pool_directives;
use super::common::{conf, Mpm};
use crate::config::directive::Directive;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![
    row("StartThreads"),
    conf::one(
        "MaxClients",
        conf::max_request_workers,
        "The most threads, so the most connections, at once"
    ),
    conf::one(
        "MaxRequestsPerThread",
        conf::max_connections_per_child,
        "Connections after which a thread is replaced; 0 is without limit"
    ),
    conf::one(
        "RequestsPerThread",
        conf::max_connections_per_child,
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
    Ways::usual(WORDS),
);
