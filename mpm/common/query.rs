//! The answers to `AP_MPMQ_...`, the questions of `include/ap_mpm.h`.

use super::Mpm;
use crate::server::Generation;

/// Not supported, fixed, as the load asks.
const NO: i64 = 0;
const STATIC: i64 = 1;
const DYNAMIC: i64 = 2;

/// The state: a generation that can be asked is one that serves.
const RUNNING: i64 = 1;

/// Answers the question with number `code`.
pub fn answer(mpm: &Mpm, generation: &Generation, code: u32) -> Option<i64> {
    let conf = super::conf::of(generation);
    let wanted = conf.wanted(&mpm.defaults, 1);
    let fitted = (mpm.fit)(&wanted, &mpm.ceilings, false).0;
    let limits = fitted.limits;
    let threaded = mpm.ceilings.thread_limit > 1;
    let servers = |value: u32| if threaded { 0 } else { i64::from(value) };
    // Where each process sizes a pool of its own, there is no number for all.
    let known = |value: u32| threaded && value != u32::MAX;
    let threads = |value: u32| if known(value) { i64::from(value) } else { 0 };
    Some(match code {
        1 | 12 => i64::from(limits.max_processes),
        2 => kind(env!("HTTPD_MPM_THREADS")),
        3 => kind(env!("HTTPD_MPM_PROCESSES")),
        4 => i64::from(fitted.server_limit),
        5 => i64::from(fitted.thread_limit),
        6 => i64::from(limits.threads_per_child),
        7 => servers(limits.min_spare),
        8 => threads(limits.min_spare),
        9 => servers(limits.max_spare),
        10 => threads(limits.max_spare),
        11 => i64::try_from(conf.max_connections_per_child).unwrap_or(i64::MAX),
        13 => RUNNING,
        14 => i64::from(mpm.parks),
        15 => i64::from(generation.number),
        16..=19 => NO,
        _ => return None,
    })
}

fn kind(fact: &str) -> i64 {
    match fact {
        "none" => NO,
        "fixed" => STATIC,
        _ => DYNAMIC,
    }
}
