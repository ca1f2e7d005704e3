//! toy: one process with two threads, each of which accepts and serves one connection at a time. Made by docs/adding-an-mpm.md, to
//! show that nothing else is needed; it is no MPM of this release.

use super::common::threads::alone::{self, fit_pool, Ways, Words};
use super::common::threads::conf::pool_directives;
use super::common::Mpm;
use crate::config::directive::Directive;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = pool_directives![];

const WORDS: Words = Words {
    most: "The number of threads",
    instead: 2,
    gap: 0,
};

/// What the common half must know.
pub static MPM: Mpm = alone::record(
    29_900,
    2,
    (2, 1, 2),
    |wanted, ceilings, starting| fit_pool(&WORDS, wanted, ceilings, starting),
    Ways::usual(WORDS),
);
