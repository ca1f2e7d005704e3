//! Limits of the one pool of a process, fitted together; the names in the warnings are the MPM's own. Pure.

use crate::mpm::common::limits::Limits;
use crate::mpm::common::limits::{Ceilings, Fitted, Teller, Wanted};
use crate::mpm::common::note::Note;

/// What differs in fitting between MPMs of one process.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The directive that says how many threads there may be.
    pub most: &'static str,
    /// What it is where the configuration says less than 1.
    pub instead: i64,
    /// How much more MaxSpareThreads is than MinSpareThreads at least.
    pub gap: i64,
}

/// The limits of the one pool of a process.
pub fn fit_pool(
    words: &Words,
    wanted: &Wanted,
    ceilings: &Ceilings,
    starting: bool,
) -> (Fitted, Vec<Note>) {
    let first = ceilings.first_message;
    let mut teller = Teller::new(starting);
    let mut w = *wanted;
    let most = &mut w.max_request_workers;
    teller.cut(first, words.most, most, ceilings.thread_limit, "threads");
    if *most < 1 {
        let head = format!(
            "{} of {most} not allowed, using {}",
            words.most, words.instead
        );
        teller.tell(first + 2, format!("{head}."), head.clone());
        *most = words.instead;
    }
    let most = w.max_request_workers;
    // None to start with is no mistake: the first round of maintenance starts what is missing.
    if w.start_servers < 0 {
        teller.at_least_one(first + 4, "StartThreads", &mut w.start_servers);
    }
    teller.spare_at_least_one(first + 6, "MinSpareThreads", &mut w.min_spare);
    let min_spare = w.min_spare.min(most);
    let limits = Limits {
        min_spare: number(min_spare),
        max_spare: number(w.max_spare.max(min_spare + words.gap)),
        max_processes: 1,
        threads_per_child: number(most),
        buckets: 1,
    };
    let fitted = Fitted {
        limits,
        start_servers: number(w.start_servers.min(most)),
        server_limit: number(ceilings.server_limit),
        thread_limit: number(ceilings.thread_limit),
        max_workers: number(most),
    };
    (fitted, teller.notes)
}

fn number(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: Words = Words {
        most: "MaxClients",
        instead: 50,
        gap: 0,
    };
    const CEILINGS: Ceilings = Ceilings {
        first_message: 20_140,
        server_limit: 1,
        thread_limit: 50,
    };

    fn wanted(most: i64, start: i64, min_spare: i64, max_spare: i64) -> Wanted {
        Wanted {
            server_limit: 1,
            thread_limit: 50,
            threads_per_child: 1,
            max_request_workers: most,
            start_servers: start,
            min_spare,
            max_spare,
            buckets: 1,
        }
    }

    #[test]
    fn what_is_too_much_is_cut_with_a_warning() {
        let (fitted, notes) = fit_pool(&WORDS, &wanted(99, -3, 0, -1), &CEILINGS, true);
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert_eq!(
            notes[0],
            "AH20140: WARNING: MaxClients of 99 exceeds compile-time limit of 50 threads, decreasing to 50."
        );
        assert_eq!((fitted.max_workers, fitted.start_servers), (50, 1));
        let limits = fitted.limits;
        assert_eq!((limits.min_spare, limits.max_spare), (1, 1));
        let (fitted, notes) = fit_pool(&WORDS, &wanted(0, 10, 1, 50), &CEILINGS, false);
        assert_eq!((fitted.max_workers, notes.len()), (50, 1));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_the_pool_can_live(most in -9i64..9999, start in -9i64..9999, min in -9i64..9999, max in -9i64..9999, gap in 0i64..2) {
            let words = Words { gap, ..WORDS };
            let (fitted, _) = fit_pool(&words, &wanted(most, start, min, max), &CEILINGS, true);
            let l = fitted.limits;
            prop_assert!((1..=50).contains(&fitted.max_workers));
            prop_assert!(fitted.start_servers <= fitted.max_workers);
            prop_assert!(l.min_spare >= 1 && l.min_spare <= fitted.max_workers && l.max_spare >= l.min_spare);
        }
    }
}
