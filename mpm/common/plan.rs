//! Idle maintenance: how many children to start, or which one to let go, decided once a second.
//!
//! Pure: it is given what is known of the children and answers with a plan. Nothing is forked, read or slept here,
//! so the whole growth curve (1, 2, 4 ... 32 a round up, one a round down) can be tested and simulated.

use super::limits::Limits;

/// The most children that one round may start, over all listener buckets.
pub const MAX_SPAWN_RATE: u32 = 32;

/// Rounds without exponential growth after a graceful restart, when many children change places anyway.
#[cfg(any(test, uses = "children"))]
pub const HOLD_OFF_ROUNDS: u32 = 10;

/// From this rate on the log says that the pool has to hurry.
const RATE_WORTH_TELLING: u32 = 8;

/// One child of the present generation, as the planner sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Workers that wait for work; those still starting count too, since they will.
    pub idle: u32,
    /// Workers that have a request (worker, prefork: a connection).
    pub busy: u32,
    /// All connections it holds, where that is more than `busy`.
    pub connections: u32,
    /// Whether it has been told to finish, or finishes by itself: it is no capacity any more.
    pub draining: bool,
    /// Whether it has stopped listening for now because it is full: its idle workers help nobody.
    pub closed: bool,
}

impl Limits {
    fn top_rate(&self, top: u32) -> u32 {
        top.div_ceil(self.buckets.max(1))
    }
}

/// How fast a pool grows, and what has been said about it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Children that the next round may start.
    pub now: u32,
    /// Rounds during which the rate does not double.
    pub hold_off: u32,
    /// The most that one round may start, over all listener buckets.
    pub top: u32,
    told_at_limit: bool,
    told_near_limit: bool,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate {
            now: 1,
            hold_off: 0,
            top: MAX_SPAWN_RATE,
            told_at_limit: false,
            told_near_limit: false,
        }
    }
}

impl Rate {
    /// A rate that grows up to `top`.
    #[cfg(uses = "alone")]
    pub fn up_to(top: u32) -> Rate {
        Rate {
            top,
            ..Rate::default()
        }
    }

    /// A rate that does not double for the first `rounds` rounds of growth.
    #[cfg(any(test, uses = "children"))]
    pub fn held_off(rounds: u32) -> Rate {
        Rate {
            hold_off: rounds,
            ..Rate::default()
        }
    }
}

/// Something worth a line in the log. The MPM knows its words and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Every worker that MaxRequestWorkers allows exists and none is idle.
    AtLimit,
    /// As many processes as allowed, fewer idle workers than MinSpareThreads.
    NearLimit,
    /// Many children start at once.
    Busy { start: u32, idle: u32, total: u32 },
}

/// What to do in this round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many children to start.
    pub start: u32,
    /// Which child (index into the given slice) to let finish.
    pub retire: Option<usize>,
    /// What to tell.
    pub remark: Option<Remark>,
    /// There are as many processes as allowed and no idle worker.
    pub full: bool,
}

/// Decides one round for one bucket. `children` are those of the present generation in that bucket, in slot order.
pub fn plan(children: &[Status], limits: &Limits, rate: &mut Rate) -> Plan {
    let live = children.iter().filter(|c| !c.draining);
    let total = live.clone().count() as u32;
    let idle: u32 = live.filter(|c| !c.closed).map(|c| c.idle).sum();
    if idle > limits.max_spare && total > 1 {
        rate.now = 1;
        Plan {
            retire: least_missed(children),
            ..Plan::default()
        }
    } else if idle < limits.min_spare || total == 0 {
        grow(idle, total, limits, rate)
    } else {
        rate.now = 1;
        Plan::default()
    }
}

fn grow(idle: u32, total: u32, limits: &Limits, rate: &mut Rate) -> Plan {
    let free = limits.max_processes.saturating_sub(total);
    if free == 0 {
        rate.now = 1;
        return Plan {
            remark: limit_reached(idle, rate),
            full: idle == 0,
            ..Plan::default()
        };
    }
    let start = rate.now.min(free);
    let remark = (rate.now >= RATE_WORTH_TELLING).then_some(Remark::Busy { start, idle, total });
    if rate.hold_off > 0 {
        rate.hold_off -= 1;
    } else {
        rate.now = (rate.now * 2).min(limits.top_rate(rate.top));
    }
    Plan {
        start,
        remark,
        ..Plan::default()
    }
}

/// Each of the two remarks is made once in a generation's life.
fn limit_reached(idle: u32, rate: &mut Rate) -> Option<Remark> {
    let (told, remark) = if idle == 0 {
        (&mut rate.told_at_limit, Remark::AtLimit)
    } else {
        (&mut rate.told_near_limit, Remark::NearLimit)
    };
    (!std::mem::replace(told, true)).then_some(remark)
}

/// The child whose end disturbs least: fewest busy workers, then fewest connections, then the highest slot.
fn least_missed(children: &[Status]) -> Option<usize> {
    children
        .iter()
        .enumerate()
        .filter(|(_, c)| !c.draining)
        .min_by_key(|(index, c)| (c.busy, c.connections, std::cmp::Reverse(*index)))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFORK: Limits = Limits {
        min_spare: 5,
        max_spare: 10,
        max_processes: 256,
        threads_per_child: 1,
        buckets: 1,
    };

    fn servers(idle: usize, busy: usize) -> Vec<Status> {
        let one = |idle, busy| Status {
            idle,
            busy,
            connections: busy,
            ..Status::default()
        };
        [vec![one(1, 0); idle], vec![one(0, 1); busy]].concat()
    }

    #[test]
    fn growth_doubles_up_to_32_and_falls_back() {
        let mut rate = Rate::default();
        let mut busy = 5;
        let mut starts = Vec::new();
        for _ in 0..9 {
            let plan = plan(&servers(0, busy), &PREFORK, &mut rate);
            starts.push(plan.start);
            busy += plan.start as usize;
        }
        assert_eq!(starts, [1, 2, 4, 8, 16, 32, 32, 32, 32]);
        assert_eq!(plan(&servers(7, 200), &PREFORK, &mut rate), Plan::default());
        assert_eq!(rate.now, 1);
    }

    #[test]
    fn the_limit_is_told_once_and_kept() {
        let mut rate = Rate {
            now: 32,
            ..Rate::default()
        };
        let some = plan(&servers(0, 250), &PREFORK, &mut rate);
        assert_eq!(some.start, 6);
        let full = plan(&servers(0, 256), &PREFORK, &mut rate);
        assert_eq!(full.remark, Some(Remark::AtLimit));
        assert!(full.full && !some.full);
        assert_eq!(full.start, 0);
        let again = plan(&servers(0, 256), &PREFORK, &mut rate);
        assert_eq!((again.remark, again.full), (None, true));
        let near = plan(&servers(2, 254), &PREFORK, &mut rate);
        assert!(!near.full);
        assert_eq!(near.remark, Some(Remark::NearLimit));
    }

    #[test]
    fn hold_off_keeps_the_rate_for_ten_rounds() {
        let mut rate = Rate::held_off(HOLD_OFF_ROUNDS);
        let starts: Vec<u32> = (0..13)
            .map(|_| plan(&servers(0, 5), &PREFORK, &mut rate).start)
            .collect();
        assert_eq!(&starts[..11], [1; 11]);
        assert_eq!(&starts[11..], [2, 4]);
    }

    #[test]
    fn the_idlest_youngest_child_goes() {
        let mut rate = Rate::default();
        let mut children = servers(12, 1);
        children[11].draining = true;
        assert_eq!(plan(&children, &PREFORK, &mut rate).retire, Some(10));
    }

    #[test]
    fn children_that_drain_or_are_full_are_no_spare() {
        let threads = Limits {
            min_spare: 75,
            max_spare: 250,
            max_processes: 16,
            threads_per_child: 25,
            buckets: 1,
        };
        let idle = Status {
            idle: 25,
            ..Status::default()
        };
        let draining = Status {
            draining: true,
            ..idle
        };
        let closed = Status {
            closed: true,
            ..idle
        };
        let mut rate = Rate::default();
        let children = [idle, idle, draining, closed];
        assert_eq!(plan(&children, &threads, &mut rate).start, 1);
        assert_eq!(plan(&[idle, idle, idle], &threads, &mut rate).start, 0);
    }

    #[test]
    fn shares_add_up() {
        let limits = Limits {
            buckets: 3,
            max_processes: 16,
            ..PREFORK
        };
        let sum: u32 = (0..3).map(|b| limits.share(b).max_processes).sum();
        assert_eq!(sum, 16);
        assert_eq!(limits.top_rate(MAX_SPAWN_RATE), 11);
    }
}
