//! Deadlines of parked connections: a wheel of lists, one for each tick. Putting one in or out is a few steps, however many there
//! are, and takes no memory but two links beside the connection; idle connections seldom wait to the end, so being exact to a tick
//! is enough.

use std::time::{Duration, Instant};

/// Milliseconds of a tick.
const TICK: u64 = 64;
/// Ticks of a round, a multiple of 64; what is farther off than a round is looked at again when it is over.
const ROUND: u64 = 1024;

/// No place.
const NONE: u32 = u32::MAX;

/// The neighbours of a place in its list, and the list's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    before: u32,
    behind: u32,
    list: u16,
}

impl Default for Link {
    fn default() -> Self {
        Link::before(None)
    }
}

impl Link {
    /// Before another place, in no list of the wheel.
    pub fn before(behind: Option<u32>) -> Link {
        Link {
            before: NONE,
            behind: behind.unwrap_or(NONE),
            list: 0,
        }
    }

    /// The place behind this one.
    pub fn behind(&self) -> Option<u32> {
        Some(self.behind).filter(|place| *place != NONE)
    }
}

/// Where the links are kept.
pub(super) trait Linked {
    /// The link of a place that there is.
    fn link(&mut self, place: u32) -> &mut Link;
}

#[derive(Debug)]
pub(super) struct Wheel {
    start: Instant,
    /// The first tick that may have something in its list.
    first: u64,
    /// The first place of each list; made when there is one.
    heads: Vec<u32>,
    /// A bit for each list that is not empty.
    filled: [u64; ROUND as usize / 64],
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel {
            start: Instant::now(),
            first: 0,
            heads: Vec::new(),
            filled: [0; ROUND as usize / 64],
        }
    }
}

impl Wheel {
    /// Puts a place in, which is in no list.
    pub fn insert(&mut self, links: &mut impl Linked, place: u32, deadline: Instant) {
        if self.heads.is_empty() {
            self.heads.resize(ROUND as usize, NONE);
        }
        let tick = self.tick(deadline);
        let list = tick.clamp(self.first, self.first + ROUND - 1) % ROUND;
        let head = &mut self.heads[list as usize];
        let behind = std::mem::replace(head, place);
        *links.link(place) = Link {
            before: NONE,
            behind,
            list: list as u16,
        };
        if behind != NONE {
            links.link(behind).before = place;
        }
        self.filled[list as usize / 64] |= 1 << (list % 64);
    }

    /// Takes a place out, which was put in.
    pub fn remove(&mut self, links: &mut impl Linked, place: u32) {
        let Link {
            before,
            behind,
            list,
        } = std::mem::take(links.link(place));
        if behind != NONE {
            links.link(behind).before = before;
        }
        if before != NONE {
            links.link(before).behind = behind;
            return;
        }
        let list = usize::from(list);
        self.heads[list] = behind;
        if behind == NONE {
            self.filled[list / 64] &= !(1 << (list % 64));
        }
    }

    /// When the first tick is over that has something in its list.
    pub fn next(&self) -> Option<Instant> {
        let ticks = self.first_filled()? + 1;
        Some(self.start + Duration::from_millis(ticks * TICK))
    }

    /// A place whose tick is over.
    pub fn first_before(&mut self, now: Instant) -> Option<u32> {
        let present = self.tick(now);
        match self.first_filled() {
            Some(tick) if tick < present => {
                self.first = tick;
                Some(self.heads[(tick % ROUND) as usize])
            }
            _ => {
                self.first = self.first.max(present);
                None
            }
        }
    }

    /// The tick in which a time lies.
    fn tick(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.start).as_millis() as u64 / TICK
    }

    /// The first tick from `first` on, within a round, that has something in its list.
    fn first_filled(&self) -> Option<u64> {
        let start = self.first % ROUND;
        let (words, bit) = (self.filled.len() as u64, start % 64);
        for step in 0..=words {
            let at = (start / 64 + step) % words;
            let mut word = self.filled[at as usize];
            // The word in which the round begins is looked at twice, for its later bits first.
            match step {
                0 => word &= u64::MAX << bit,
                last if last == words => word &= !(u64::MAX << bit),
                _ => {}
            }
            if word != 0 {
                let list = at * 64 + u64::from(word.trailing_zeros());
                return Some(self.first + (list + ROUND - start) % ROUND);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Linked for Vec<Link> {
        fn link(&mut self, place: u32) -> &mut Link {
            &mut self[place as usize]
        }
    }

    fn after(wheel: &Wheel, millis: u64) -> Instant {
        wheel.start + Duration::from_millis(millis)
    }

    /// Takes out what is over at a time.
    fn over(wheel: &mut Wheel, links: &mut Vec<Link>, millis: u64) -> Vec<u32> {
        let now = after(wheel, millis);
        let mut all = Vec::new();
        while let Some(place) = wheel.first_before(now) {
            wheel.remove(links, place);
            all.push(place);
        }
        all
    }

    #[test]
    fn what_is_over_comes_out_in_ticks() {
        let (mut wheel, mut links) = (Wheel::default(), vec![Link::default(); 6]);
        let times = [5_000, 10, 5_010, 70_000, 10, 1_000_000];
        for (place, time) in (0..).zip(times) {
            let deadline = after(&wheel, time);
            wheel.insert(&mut links, place, deadline);
        }
        assert_eq!(over(&mut wheel, &mut links, 9), []);
        assert_eq!(wheel.next(), Some(after(&wheel, TICK)));
        assert_eq!(over(&mut wheel, &mut links, TICK), [4, 1]);
        wheel.remove(&mut links, 2);
        assert_eq!(over(&mut wheel, &mut links, 6_000), [0]);
        // Beyond the horizon of the time they were put in: at its end.
        let end = (ROUND - 1) * TICK;
        assert_eq!(wheel.next(), Some(after(&wheel, end + TICK)));
        assert_eq!(over(&mut wheel, &mut links, end + TICK), [5, 3]);
        assert_eq!((wheel.next(), wheel.filled), (None, Default::default()));
    }

    #[test]
    fn the_round_begins_anew() {
        let (mut wheel, mut links) = (Wheel::default(), vec![Link::default(); 1]);
        let mut now = 0;
        for step in 1..500 {
            let wait = step * 131 % (ROUND * TICK - TICK);
            let deadline = after(&wheel, now + wait);
            wheel.insert(&mut links, 0, deadline);
            let next = wheel.next().expect("one is in");
            assert!(next > deadline && next <= deadline + Duration::from_millis(TICK));
            assert_eq!(over(&mut wheel, &mut links, now + wait), []);
            now += wait + TICK;
            assert_eq!(over(&mut wheel, &mut links, now), [0]);
        }
    }
}
