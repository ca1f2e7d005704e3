//! Connections that were busy a moment ago, where idle ones are parked. Making task and state anew for each request of a busy
//! client costs more than to keep them, and to keep them for each idle one costs memory. So a connection rests as a task first,
//! if few others do, and is parked when it has rested through a whole round of [`Awake::look`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// Connections of a thread that are kept awake at most.
const MOST: usize = 128;
/// How often is looked who rests.
const ROUND: Duration = Duration::from_millis(250);
/// Where less than this is left until a connection is closed, it is parked at once, for it may be told late.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Those of one thread.
#[derive(Default)]
pub struct Awake {
    all: RefCell<Vec<Rc<Rest>>>,
    resting: Cell<usize>,
    round: Cell<u32>,
    looked: Cell<Option<Instant>>,
}

/// A connection's entry.
#[derive(Default)]
pub struct Rest {
    waker: RefCell<Option<Waker>>,
    /// The round in which it began to rest; none while it is busy.
    since: Cell<Option<u32>>,
    over: Cell<bool>,
}

impl Awake {
    /// A connection begins to rest, unless too many are awake. `entry` is the one it had before. None rests on a thread that never
    /// looks: it drives one at a time, and others wait for it.
    pub fn rest(&self, entry: Option<Rc<Rest>>) -> Option<Rc<Rest>> {
        self.looked.get()?;
        let rest = entry.or_else(|| self.enter())?;
        rest.since.set(Some(self.round.get()));
        rest.over.set(false);
        self.resting.set(self.resting.get() + 1);
        Some(rest)
    }

    fn enter(&self) -> Option<Rc<Rest>> {
        let mut all = self.all.borrow_mut();
        if all.len() >= MOST {
            return None;
        }
        let rest = Rc::new(Rest::default());
        all.push(rest.clone());
        Some(rest)
    }

    /// It rests no more.
    pub fn resume(&self, rest: &Rest) {
        rest.since.set(None);
        self.resting.set(self.resting.get() - 1);
    }

    /// How many rest at the moment.
    pub fn resting(&self) -> usize {
        self.resting.get()
    }

    /// Tells those that have rested for long enough to park. Called at every turn of a loop.
    pub fn look(&self, now: Instant) {
        let begun = self.looked.get().unwrap_or(now);
        if now.saturating_duration_since(begun) < ROUND {
            self.looked.set(Some(begun));
            return;
        }
        self.looked.set(Some(now));
        let round = self.round.get();
        self.round.set(round.wrapping_add(1));
        // Who has the only reference to its entry is gone.
        self.all
            .borrow_mut()
            .retain(|rest| Rc::strong_count(rest) > 1);
        for rest in self.all.borrow().iter() {
            if rest.since.get().is_some_and(|since| since != round) {
                rest.over.set(true);
                rest.waker.borrow().iter().for_each(Waker::wake_by_ref);
            }
        }
    }
}

impl Rest {
    /// Whether it is to be parked. If not, the task is woken when it is.
    pub fn is_over(&self, cx: &Context<'_>) -> bool {
        let over = self.over.get();
        if !over {
            let mut waker = self.waker.borrow_mut();
            if !waker
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                *waker = Some(cx.waker().clone());
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_rests_through_a_round_is_parked() {
        let (awake, start) = (Awake::default(), Instant::now());
        let cx = Context::from_waker(Waker::noop());
        assert!(awake.rest(None).is_none());
        awake.look(start);
        let busy = awake.rest(None).unwrap();
        let idle = awake.rest(None).unwrap();
        awake.look(start + ROUND);
        assert!(!busy.is_over(&cx) && !idle.is_over(&cx));
        awake.resume(&busy);
        let busy = awake.rest(Some(busy)).unwrap();
        awake.look(start + ROUND * 2);
        assert!(!busy.is_over(&cx) && idle.is_over(&cx));
        assert_eq!((awake.resting(), awake.all.borrow().len()), (2, 2));
        awake.resume(&idle);
        drop(idle);
        awake.look(start + ROUND * 3);
        assert_eq!((awake.resting(), awake.all.borrow().len()), (1, 1));
        let others: Vec<_> = (0..MOST).map_while(|_| awake.rest(None)).collect();
        assert_eq!(others.len(), MOST - 1);
    }
}
