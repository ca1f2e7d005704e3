//! Threads of generations that serve no more, in a server of one process: bounded in time and number. All of a generation's end
//! together.

use std::time::Instant;

use super::Alone;
use crate::mpm::common::conf;
use crate::mpm::common::drain::{over, Draining};
use crate::mpm::common::voice::Voice;

impl Alone<'_> {
    /// Once a second: ends what has drained for too long, or is too much, by the configuration that serves or waits to do so.
    pub(super) fn tend_draining(&self, now: Instant) {
        let newest = self.next.clone().unwrap_or_else(|| self.current());
        let fitted = conf::fit(self.mpm, &newest);
        let bounds = conf::of(&newest).drain_bounds(fitted.max_workers);
        let ends = over(&bounds, &self.draining(), now);
        for place in ends.keys {
            self.houses[place].pool.stop();
        }
        for note in &ends.notes {
            Voice::of(&newest).tell(note);
        }
    }

    /// The houses that have been closed and were not told to end, oldest generation first.
    fn draining(&self) -> Vec<Draining<usize>> {
        let houses = self.houses.iter().enumerate().rev();
        let one = |(place, house): (usize, &super::House)| {
            Some(Draining {
                key: place,
                generation: house.generation.number,
                since: house.closed.get()?,
                workers: house.pool.running(),
            })
        };
        houses
            .filter(|(_, house)| !house.pool.is_stopping())
            .filter_map(one)
            .collect()
    }
}
