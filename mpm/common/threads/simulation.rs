//! Pools of one process against many random days: connections come in bursts, last as they like, threads break or wear out, and
//! the system sometimes refuses a new one. What must hold is asserted each second; the seed stands in each failure.

use crate::mpm::common::limits::Limits;
use crate::mpm::common::plan::{plan, Rate, Remark, Status};

/// A small generator of numbers (xorshift), so that a seed is all a failure needs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// A thread in its seat.
#[derive(Clone, Copy)]
struct Sitting {
    /// Seconds that its connection still lasts; 0: it is idle.
    left: u64,
    dismissed: bool,
}

struct Day {
    seed: u64,
    dice: Dice,
    seats: Vec<Option<Sitting>>,
    limits: Limits,
    rate: Rate,
    waiting: u64,
    /// Whether a marked thread is the only one to go (mpm_netware), or any idle one (beos).
    marked: bool,
    told: u32,
}

impl Day {
    fn new(seed: u64) -> Day {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let most = 1 + dice.roll(80) as u32;
        let min_spare = 1 + dice.roll(10) as u32;
        let limits = Limits {
            min_spare: min_spare.min(most),
            max_spare: min_spare + 1 + dice.roll(20) as u32,
            max_processes: most,
            threads_per_child: 1,
            buckets: 1,
        };
        let start = dice.roll(u64::from(most) + 1).max(1) as usize;
        let mut seats = vec![None; most as usize];
        seats[..start].fill(Some(Sitting {
            left: 0,
            dismissed: false,
        }));
        Day {
            seed,
            seats,
            limits,
            rate: Rate::up_to(if seed % 2 == 0 { 32 } else { 64 }),
            waiting: 0,
            marked: seed % 2 == 1,
            told: 0,
            dice,
        }
    }

    fn second(&mut self, wild: bool) {
        for place in 0..self.seats.len() {
            self.live(place, wild);
        }
        let taken = self.seats.iter().enumerate();
        let taken: Vec<(usize, Sitting)> = taken.filter_map(|(n, s)| Some((n, (*s)?))).collect();
        let statuses: Vec<Status> = taken.iter().map(|(_, s)| status(s)).collect();
        let plan = plan(&statuses, &self.limits, &mut self.rate);
        assert!(plan.start <= self.rate.top, "seed {}", self.seed);
        if plan.remark == Some(Remark::AtLimit) {
            self.told += 1;
        }
        for _ in 0..plan.start {
            let refused = wild && self.dice.roll(20) == 0;
            if !refused {
                self.sit_down();
            }
        }
        if let Some((place, sitting)) = plan.retire.map(|index| taken[index]) {
            assert_eq!(sitting.left, 0, "seed {}: a busy thread is sent", self.seed);
            self.dismiss(place);
        }
    }

    fn sit_down(&mut self) {
        let free = self.seats.iter_mut().find(|seat| seat.is_none());
        let free = free.unwrap_or_else(|| panic!("seed {}: more threads than seats", self.seed));
        *free = Some(Sitting {
            left: 0,
            dismissed: false,
        });
    }

    fn dismiss(&mut self, place: usize) {
        if self.marked {
            if let Some(sitting) = &mut self.seats[place] {
                sitting.dismissed = true;
            }
            return;
        }
        let idle = |seat: &&mut Option<Sitting>| seat.is_some_and(|s| s.left == 0);
        if let Some(seat) = self.seats.iter_mut().find(idle) {
            *seat = None;
        }
    }

    fn live(&mut self, place: usize, wild: bool) {
        let Some(sitting) = &mut self.seats[place] else {
            return;
        };
        sitting.left = sitting.left.saturating_sub(1);
        let breaks = wild && self.dice.roll(300) == 0;
        if breaks || (sitting.dismissed && sitting.left == 0) {
            self.seats[place] = None;
        } else if sitting.left == 0 && self.waiting > 0 {
            self.waiting -= 1;
            let long = self.dice.roll(30) == 0;
            let seconds = 1 + self.dice.roll(if long { 60 } else { 3 });
            self.seats[place] = Some(Sitting {
                left: seconds,
                dismissed: false,
            });
        }
    }

    fn running(&self) -> u32 {
        self.seats.iter().flatten().count() as u32
    }
}

fn status(sitting: &Sitting) -> Status {
    let busy = u32::from(sitting.left > 0);
    Status {
        idle: 1 - busy,
        busy,
        draining: sitting.dismissed,
        ..Status::default()
    }
}

fn spend(seed: u64) {
    let mut day = Day::new(seed);
    for _ in 0..200 {
        if day.dice.roll(8) == 0 {
            day.waiting += day.dice.roll(80);
        }
        day.second(true);
    }
    // The calm: all that waits is served, and the pool comes to rest between its spare limits. No more waits than the smallest pool
    // can serve in the time.
    day.waiting = day.waiting.min(40);
    for _ in 0..400 {
        day.second(false);
    }
    let Limits {
        min_spare,
        max_spare,
        ..
    } = day.limits;
    assert_eq!(day.waiting, 0, "seed {seed}: connections wait for ever");
    let rest = day.running();
    assert!(
        rest >= min_spare && rest <= max_spare,
        "seed {seed}: {rest} threads, not {min_spare} to {max_spare}"
    );
    assert!(day.told <= 1, "seed {seed}: the limit is told again");
}

#[test]
fn many_days() {
    (1..=400).for_each(spend);
}
