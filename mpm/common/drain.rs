//! How long and how many connections of the past may go on: GracefulDrainTimeout and MaxDrainingWorkers.
//!
//! Pure. What drains is a child, or, where one process does all, the threads of a generation; whoever asks ends what is named.

use std::time::{Duration, Instant};

use super::note::Note;
use crate::log::Level;

/// Where MaxDrainingWorkers is not set: as many times MaxRequestWorkers.
const USUAL_FACTOR: u32 = 4;

/// What the configuration that serves allows. `None`: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// GracefulDrainTimeout.
    pub time: Option<Duration>,
    /// MaxDrainingWorkers.
    pub workers: Option<u32>,
}

impl Bounds {
    /// The bounds by what the directives say (`None`: nothing), for a pool of `max_workers`. 0 is no bound.
    pub fn new(time: Option<Duration>, workers: Option<u32>, max_workers: u32) -> Bounds {
        let usual = max_workers.saturating_mul(USUAL_FACTOR);
        Bounds {
            time: time.filter(|time| !time.is_zero()),
            workers: Some(workers.unwrap_or(usual)).filter(|most| *most > 0),
        }
    }
}

/// One that drains.
#[derive(Clone, Copy, Debug)]
pub struct Draining<K> {
    pub key: K,
    pub generation: u32,
    /// When another generation took over from its own.
    pub since: Instant,
    /// Workers, or connections, that it still has.
    pub workers: u32,
}

/// Who is to end, and what the log is told about it.
#[derive(Debug)]
pub struct Ends<K> {
    pub keys: Vec<K>,
    pub notes: Vec<Note>,
}

/// Finds those that have drained for too long and, where still too many are left, the oldest. `draining` begins with the oldest.
pub fn over<K: Copy>(bounds: &Bounds, draining: &[Draining<K>], now: Instant) -> Ends<K> {
    let is_late = |one: &&Draining<K>| {
        let left_for = now.saturating_duration_since(one.since);
        bounds.time.is_some_and(|time| time <= left_for)
    };
    let late: Vec<_> = draining.iter().filter(is_late).collect();
    let mut notes = Vec::new();
    let times = late.chunk_by(|a, b| a.generation == b.generation);
    notes.extend(times.map(|those| tell_late(those, bounds.time.unwrap_or_default())));
    // One that has nothing any more is about to end by itself.
    let rest = draining.iter().filter(|one| !is_late(one));
    let rest: Vec<_> = rest.filter(|one| one.workers > 0).collect();
    let surplus = surplus(bounds, &rest);
    notes.extend(tell_surplus(surplus, bounds.workers.unwrap_or_default()));
    let ends = late.iter().chain(surplus);
    Ends {
        keys: ends.map(|one| one.key).collect(),
        notes,
    }
}

/// The fewest of the oldest without which no more are left than may be.
fn surplus<'a, 'b, K>(bounds: &Bounds, rest: &'b [&'a Draining<K>]) -> &'b [&'a Draining<K>] {
    let Some(most) = bounds.workers else {
        return &[];
    };
    let mut left = sum(rest);
    let too_many = rest.iter().take_while(|one| {
        let goes = left > u64::from(most);
        left -= u64::from(one.workers);
        goes
    });
    &rest[..too_many.count()]
}

fn sum<K>(those: &[&Draining<K>]) -> u64 {
    those.iter().map(|one| u64::from(one.workers)).sum()
}

fn tell_late<K>(those: &[&Draining<K>], time: Duration) -> Note {
    let (count, generation) = (sum(those), those[0].generation);
    let time = time.as_secs_f32();
    let told = format!("{count} connections of generation {generation} are ended: they had not finished {time} seconds after the reload (GracefulDrainTimeout)");
    Note::new(Level::Warn, 20105, told)
}

fn tell_surplus<K>(those: &[&Draining<K>], most: u32) -> Option<Note> {
    let (first, last) = (those.first()?.generation, those.last()?.generation);
    let which = match first == last {
        true => format!("generation {first}"),
        false => format!("generations {first} to {last}"),
    };
    let count = sum(those);
    let told = format!("{count} connections of {which} are ended, the oldest that drained: there were more than {most} (MaxDrainingWorkers)");
    Some(Note::new(Level::Warn, 20101, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Three generations of the past.
    fn draining(now: Instant) -> Vec<Draining<i32>> {
        let one = |key, generation, since, workers| Draining {
            key,
            generation,
            since,
            workers,
        };
        vec![
            one(1, 0, now - 20 * SECOND, 3),
            one(2, 0, now - 20 * SECOND, 2),
            one(3, 1, now - 5 * SECOND, 4),
            one(4, 2, now, 5),
        ]
    }

    fn ends(time: u64, workers: u32) -> (Vec<i32>, Vec<String>) {
        let now = Instant::now() + 60 * SECOND;
        let bounds = Bounds::new(Some(Duration::from_secs(time)), Some(workers), 64);
        let ends = over(&bounds, &draining(now), now);
        let notes = ends.notes.iter().map(ToString::to_string).collect();
        (ends.keys, notes)
    }

    #[test]
    fn without_bounds_all_go_on() {
        assert_eq!(ends(0, 0), (vec![], vec![]));
        assert_eq!(ends(21, 14), (vec![], vec![]));
        assert_eq!(Bounds::new(None, None, 64).workers, Some(256));
    }

    #[test]
    fn what_is_late_ends_by_generations() {
        let (keys, notes) = ends(20, 0);
        assert_eq!(keys, [1, 2]);
        assert_eq!(notes, ["AH20105: 5 connections of generation 0 are ended: they had not finished 20 seconds after the reload (GracefulDrainTimeout)"]);
        assert_eq!(ends(5, 0).1.len(), 2);
        assert_eq!(ends(1, 0).0, [1, 2, 3]);
    }

    #[test]
    fn of_too_many_the_oldest_end() {
        assert_eq!(ends(0, 13).0, [1]);
        assert_eq!(ends(0, 9).0, [1, 2]);
        let (keys, notes) = ends(0, 8);
        assert_eq!(keys, [1, 2, 3]);
        assert_eq!(notes, ["AH20101: 9 connections of generations 0 to 1 are ended, the oldest that drained: there were more than 8 (MaxDrainingWorkers)"]);
    }

    #[test]
    fn those_that_have_nothing_any_more_are_let_alone() {
        let now = Instant::now();
        let bounds = Bounds::new(None, Some(2), 64);
        let one = |key, workers| Draining {
            key,
            generation: 0,
            since: now,
            workers,
        };
        let draining = [one(1, 0), one(2, 1), one(3, 0), one(4, 2)];
        assert_eq!(over(&bounds, &draining, now).keys, [2]);
    }

    #[test]
    fn those_that_are_late_do_not_count_as_too_many() {
        assert_eq!(ends(20, 9).0, [1, 2]);
        let (keys, notes) = ends(20, 5);
        assert_eq!((keys, notes.len()), (vec![1, 2, 3], 2));
    }
}
