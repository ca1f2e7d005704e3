//! How many threads a child is to have, decided twice a second. Pure: what waits is served at once, what is too much goes one by one.

/// MinSpareThreads and MaxSpareThreads, for each child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spare {
    pub min: u32,
    pub max: u32,
}

/// The pool as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Threads that wait for work.
    pub idle: u32,
    /// All threads.
    pub running: u32,
    /// Connections that wait for a thread.
    pub queued: u32,
}

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Threads to start.
    pub start: u32,
    /// Whether one is to go.
    pub dismiss: bool,
    /// More were wanted than there may be.
    pub at_limit: bool,
}

/// Decides one round, for at most `most` threads.
pub fn size(seen: Seen, spare: Spare, most: u32) -> Change {
    let wanted = spare.min.saturating_add(seen.queued);
    let missing = wanted.saturating_sub(seen.idle);
    let start = missing.min(most.saturating_sub(seen.running));
    Change {
        start,
        dismiss: seen.idle.saturating_sub(seen.queued) > spare.max,
        at_limit: start < missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPARE: Spare = Spare { min: 5, max: 10 };

    fn seen(idle: u32, running: u32, queued: u32) -> Seen {
        Seen {
            idle,
            running,
            queued,
        }
    }

    #[test]
    fn threads_grow_at_once_and_shrink_one_by_one() {
        assert_eq!(size(seen(0, 0, 0), SPARE, 256).start, 5);
        assert_eq!(size(seen(1, 30, 40), SPARE, 256).start, 44);
        assert_eq!(size(seen(5, 9, 0), SPARE, 256), Change::default());
        assert!(size(seen(11, 20, 0), SPARE, 256).dismiss);
        assert!(!size(seen(11, 20, 3), SPARE, 256).dismiss);
    }

    #[test]
    fn the_limit_is_kept_and_told() {
        let full = size(seen(0, 250, 40), SPARE, 256);
        assert_eq!((full.start, full.at_limit), (6, true));
        assert_eq!(size(seen(0, 256, 40), SPARE, 256).start, 0);
    }

    proptest! {
        /// Connections come and go as they like: the pool never leaves its bounds, starts enough for all that wait as long as
        /// it may, and comes to rest between its spare limits.
        #[test]
        fn many_half_seconds(arrivals in proptest::collection::vec((0u32..60, 0u32..60), 1..60), min in 1u32..20, more in 0u32..20, most in 20u32..256) {
            let spare = Spare { min, max: min + more };
            let (mut running, mut busy, mut queued) = (0u32, 0u32, 0u32);
            let calm = std::iter::repeat_n((0, u32::MAX), 300);
            for (come, end) in arrivals.into_iter().chain(calm) {
                busy -= end.min(busy);
                queued += come;
                let taken = queued.min(running - busy);
                (busy, queued) = (busy + taken, queued - taken);
                let change = size(seen(running - busy, running, queued), spare, most);
                prop_assert!(!(change.start > 0 && change.dismiss));
                running += change.start;
                running -= u32::from(change.dismiss);
                prop_assert!(running <= most && busy <= running);
                prop_assert!(queued <= running - busy || running == most, "{queued} wait, {busy} of {running} work");
            }
            prop_assert_eq!((busy, queued), (0, 0));
            prop_assert!(running >= spare.min && running <= spare.max.max(spare.min), "{}", running);
        }
    }
}
