//! The rule by which MaxRequestWorkers, ServerLimit, ThreadsPerChild and the spare limits are made to fit together, where the number
//! of processes follows the load. Pure.

use super::limits::Limits;
use super::limits::{Ceilings, Fitted, Teller, Wanted};
use super::note::Note;

/// Fits `wanted` under `ceilings`. `starting` chooses the wording.
pub fn fit(wanted: &Wanted, ceilings: &Ceilings, starting: bool) -> (Fitted, Vec<Note>) {
    let mut teller = Teller::new(starting);
    let fitted = if ceilings.thread_limit > 1 {
        fit_threads(*wanted, ceilings, &mut teller)
    } else {
        fit_servers(*wanted, ceilings, &mut teller)
    };
    (fitted, teller.notes)
}

fn fit_servers(mut w: Wanted, ceilings: &Ceilings, teller: &mut Teller) -> Fitted {
    let first = ceilings.first_message;
    fit_server_limit(&mut w, ceilings, teller);
    if w.max_request_workers > w.server_limit {
        let (asked, limit) = (w.max_request_workers, w.server_limit);
        teller.tell(
            first + 5,
            format!("MaxRequestWorkers of {asked} exceeds ServerLimit value of {limit} servers, decreasing MaxRequestWorkers to {limit}. To increase, please see the ServerLimit directive."),
            format!("MaxRequestWorkers of {asked} exceeds ServerLimit value of {limit}, decreasing to match"),
        );
        w.max_request_workers = limit;
    }
    teller.at_least_one(first + 7, "MaxRequestWorkers", &mut w.max_request_workers);
    teller.at_least_one(first + 9, "StartServers", &mut w.start_servers);
    teller.spare_at_least_one(first + 11, "MinSpareServers", &mut w.min_spare);
    w.thread_limit = 1;
    w.threads_per_child = 1;
    finish(&w, 1)
}

fn fit_threads(mut w: Wanted, ceilings: &Ceilings, teller: &mut Teller) -> Fitted {
    let first = ceilings.first_message;
    fit_server_limit(&mut w, ceilings, teller);
    teller.cut(
        first + 5,
        "ThreadLimit",
        &mut w.thread_limit,
        ceilings.thread_limit,
        "threads",
    );
    teller.at_least_one(first + 7, "ThreadLimit", &mut w.thread_limit);
    if w.threads_per_child > w.thread_limit {
        let (asked, limit) = (w.threads_per_child, w.thread_limit);
        teller.tell(
            first + 10,
            format!("ThreadsPerChild of {asked} exceeds ThreadLimit of {limit} threads, decreasing to {limit}. To increase, please see the ThreadLimit directive."),
            format!("ThreadsPerChild of {asked} exceeds ThreadLimit of {limit}, decreasing to match"),
        );
        w.threads_per_child = limit;
    }
    teller.at_least_one(first + 12, "ThreadsPerChild", &mut w.threads_per_child);
    fit_workers(&mut w, first, teller);
    teller.at_least_one(first + 20, "StartServers", &mut w.start_servers);
    teller.spare_at_least_one(first + 22, "MinSpareThreads", &mut w.min_spare);
    finish(&w, w.threads_per_child)
}

fn fit_server_limit(w: &mut Wanted, ceilings: &Ceilings, teller: &mut Teller) {
    let (first, most) = (ceilings.first_message, ceilings.server_limit);
    teller.cut(first, "ServerLimit", &mut w.server_limit, most, "servers");
    teller.at_least_one(first + 2, "ServerLimit", &mut w.server_limit);
}

/// MaxRequestWorkers must be a whole number of processes, at least one and at most ServerLimit.
fn fit_workers(w: &mut Wanted, first: u32, teller: &mut Teller) {
    let threads = w.threads_per_child;
    let asked = w.max_request_workers;
    if asked < threads {
        teller.tell(
            first + 14,
            format!("MaxRequestWorkers of {asked} is less than ThreadsPerChild of {threads}, increasing to {threads}. MaxRequestWorkers must be at least as large as the number of threads in a single server."),
            format!("MaxRequestWorkers of {asked} is less than ThreadsPerChild of {threads}, increasing to match"),
        );
        w.max_request_workers = threads;
    }
    let mut processes = w.max_request_workers / threads;
    if w.max_request_workers % threads != 0 {
        let (asked, nearest) = (w.max_request_workers, processes * threads);
        let head = format!("MaxRequestWorkers of {asked} is not an integer multiple of ThreadsPerChild of {threads}, decreasing to nearest multiple {nearest}");
        teller.tell(
            first + 16,
            format!("{head}, for a maximum of {processes} servers."),
            head,
        );
        w.max_request_workers = nearest;
    }
    if processes > w.server_limit {
        let (asked, limit) = (w.max_request_workers, w.server_limit);
        let fitting = limit * threads;
        teller.tell(
            first + 18,
            format!("MaxRequestWorkers of {asked} would require {processes} servers and would exceed ServerLimit of {limit}, decreasing to {fitting}. To increase, please see the ServerLimit directive."),
            format!("MaxRequestWorkers of {asked} would require {processes} servers and exceed ServerLimit of {limit}, decreasing to {fitting}"),
        );
        processes = limit;
    }
    w.max_request_workers = processes * threads;
}

/// The silent part: each bucket has a process, and the spare limits lie so far apart that one child more or less stays between them.
fn finish(w: &Wanted, threads: i64) -> Fitted {
    let max_processes = (w.max_request_workers / threads).max(1);
    let buckets = i64::from(w.buckets.max(1)).min(max_processes);
    let (min_spare, gap) = if threads > 1 || w.thread_limit > 1 {
        let least = threads * (buckets - 1) + buckets;
        (w.min_spare.max(least), (threads + 1) * buckets)
    } else {
        (w.min_spare.max(buckets), buckets)
    };
    let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    Fitted {
        limits: Limits {
            min_spare: number(min_spare),
            max_spare: number(w.max_spare.max(min_spare + gap)),
            max_processes: number(max_processes),
            threads_per_child: number(threads),
            buckets: number(buckets),
        },
        start_servers: number(w.start_servers.max(buckets).min(max_processes)),
        server_limit: number(w.server_limit),
        thread_limit: number(w.thread_limit),
        max_workers: number(max_processes * threads),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PREFORK: Ceilings = Ceilings {
        first_message: 175,
        server_limit: 200_000,
        thread_limit: 1,
    };
    const EVENT: Ceilings = Ceilings {
        first_message: 497,
        server_limit: 20_000,
        thread_limit: 100_000,
    };
    const DEFAULTS: Wanted = Wanted::OF_THREADS;

    fn texts(wanted: Wanted, ceilings: &Ceilings, starting: bool) -> Vec<String> {
        let notes = fit(&wanted, ceilings, starting).1;
        notes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn defaults_pass_in_silence() {
        let (fitted, notes) = fit(&DEFAULTS, &EVENT, true);
        assert_eq!(notes, []);
        assert_eq!(fitted.limits.max_processes, 16);
        assert_eq!(fitted.max_workers, 400);
    }

    #[test]
    fn prefork_messages() {
        let wanted = Wanted {
            server_limit: 4,
            max_request_workers: 300,
            start_servers: 0,
            min_spare: 0,
            max_spare: 0,
            ..DEFAULTS
        };
        assert_eq!(
            texts(wanted, &PREFORK, true),
            [
                "AH00180: WARNING: MaxRequestWorkers of 300 exceeds ServerLimit value of 4 servers, decreasing MaxRequestWorkers to 4. To increase, please see the ServerLimit directive.",
                "AH00184: WARNING: StartServers of 0 not allowed, increasing to 1.",
                "AH00186: WARNING: MinSpareServers of 0 not allowed, increasing to 1 to avoid almost certain server failure. Please read the documentation.",
            ]
        );
        assert_eq!(
            texts(wanted, &PREFORK, false)[0],
            "AH00181: MaxRequestWorkers of 300 exceeds ServerLimit value of 4, decreasing to match"
        );
        let fitted = fit(&wanted, &PREFORK, true).0;
        assert_eq!(fitted.limits.max_spare, 2);
    }

    #[test]
    fn threaded_messages() {
        let wanted = Wanted {
            max_request_workers: 450,
            threads_per_child: 65,
            ..DEFAULTS
        };
        assert_eq!(
            texts(wanted, &EVENT, true),
            [
                "AH00507: WARNING: ThreadsPerChild of 65 exceeds ThreadLimit of 64 threads, decreasing to 64. To increase, please see the ThreadLimit directive.",
                "AH00513: WARNING: MaxRequestWorkers of 450 is not an integer multiple of ThreadsPerChild of 64, decreasing to nearest multiple 448, for a maximum of 7 servers.",
            ]
        );
        let many = Wanted {
            max_request_workers: 1000,
            ..DEFAULTS
        };
        assert_eq!(
            texts(many, &EVENT, false),
            ["AH00516: MaxRequestWorkers of 1000 would require 40 servers and exceed ServerLimit of 16, decreasing to 400"]
        );
        let few = Wanted {
            max_request_workers: 3,
            server_limit: 30_000,
            ..DEFAULTS
        };
        assert_eq!(texts(few, &EVENT, false).len(), 2);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_the_limits_fit(
            server_limit in -5i64..300_000, thread_limit in -5i64..200_000, threads_per_child in -5i64..200_000,
            max_request_workers in -5i64..2_000_000, start_servers in -5i64..500_000, min_spare in -5i64..500_000,
            max_spare in -5i64..500_000, buckets in 0u32..100, threaded: bool,
        ) {
            let wanted = Wanted { server_limit, thread_limit, threads_per_child, max_request_workers, start_servers, min_spare, max_spare, buckets };
            let ceilings = if threaded { EVENT } else { PREFORK };
            let (fitted, _) = fit(&wanted, &ceilings, true);
            let l = fitted.limits;
            prop_assert!(l.max_processes >= 1 && l.max_processes <= fitted.server_limit);
            prop_assert!(l.threads_per_child >= 1 && l.threads_per_child <= fitted.thread_limit);
            prop_assert!(fitted.start_servers >= l.buckets && fitted.start_servers <= l.max_processes);
            prop_assert!(l.max_spare > l.min_spare && l.min_spare >= 1 && l.buckets >= 1);
            prop_assert_eq!(fitted.max_workers, l.max_processes * l.threads_per_child);
            // Fitting what already fits changes nothing and says nothing.
            let again = Wanted {
                server_limit: fitted.server_limit.into(), thread_limit: fitted.thread_limit.into(),
                threads_per_child: l.threads_per_child.into(), max_request_workers: fitted.max_workers.into(),
                start_servers: fitted.start_servers.into(), min_spare: l.min_spare.into(), max_spare: l.max_spare.into(), buckets: l.buckets,
            };
            prop_assert_eq!(fit(&again, &ceilings, true), (fitted, vec![]));
        }
    }
}
