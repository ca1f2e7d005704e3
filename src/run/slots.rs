//! Who waits for which descriptor: one slot for each that is registered with the poller, for as long as it is. A slot outlives
//! the requests of its connection, so a kept-alive connection is registered once, whether a task drives it or it is parked.

use std::task::Waker;

use super::pages::Pages;

/// What a descriptor is awaited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// The poller's number for a registration: the slot and how often it was used before, so that an event that comes late is
/// not taken for the next owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(pub usize);

/// Half of the number counts slots; of the other half the top bit stays free for listeners and the waker.
const INDEX_BITS: u32 = usize::BITS / 2 + usize::BITS / 16;
const GENERATIONS: u32 = 1 << (usize::BITS - INDEX_BITS - 1);
/// Marks the numbers of listeners.
const LISTENER: usize = 1 << (usize::BITS - 1);

impl Token {
    /// The poller's number for what wakes it.
    #[cfg_attr(not(threaded), allow(dead_code))]
    pub const WAKER: Token = Token(usize::MAX);

    pub fn listener(index: usize) -> Token {
        Token(LISTENER | index)
    }

    /// The listener that this number stands for.
    pub fn as_listener(self) -> Option<usize> {
        (self.0 & LISTENER != 0).then_some(self.0 & !LISTENER)
    }

    fn of(index: usize, generation: u32) -> Token {
        Token((generation as usize) << INDEX_BITS | index)
    }

    fn index(self) -> usize {
        self.0 & ((1 << INDEX_BITS) - 1)
    }

    fn generation(self) -> u32 {
        (self.0 >> INDEX_BITS) as u32
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    read: Option<Waker>,
    write: Option<Waker>,
    /// Where in the lot its connection is parked.
    parked: Option<u32>,
    used: bool,
    /// An operation may succeed; false once it would have blocked, until the poller says otherwise.
    readable: bool,
    writable: bool,
    /// The peer will send no more: stays true.
    closed: bool,
}

/// What one event is good for.
#[derive(Debug, Default)]
pub(super) struct Woken {
    pub read: Option<Waker>,
    pub write: Option<Waker>,
    /// The parked connection that became readable.
    pub parked: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    all: Pages<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// A slot for a descriptor about to be registered. What is not known yet counts as possible.
    pub fn insert(&mut self) -> Token {
        let free = self.free.pop().map(|index| index as usize);
        let index = free.unwrap_or_else(|| {
            self.all.push(Slot::default());
            self.all.len() - 1
        });
        let slot = &mut self.all[index];
        let generation = slot.generation;
        *slot = Slot {
            generation,
            used: true,
            readable: true,
            writable: true,
            ..Slot::default()
        };
        Token::of(index, generation)
    }

    fn get(&mut self, token: Token) -> Option<&mut Slot> {
        let slot = self.all.get_mut(token.index())?;
        (slot.used && slot.generation == token.generation()).then_some(slot)
    }

    /// Frees a slot. Its wakers are given back, to be dropped when nothing is borrowed: dropping one may drop a task.
    pub fn remove(&mut self, token: Token) -> Woken {
        let Some(slot) = self.get(token) else {
            return Woken::default();
        };
        let woken = Woken {
            read: slot.read.take(),
            write: slot.write.take(),
            parked: None,
        };
        slot.used = false;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.free.push(token.index() as u32);
        woken
    }

    /// Registered descriptors.
    pub fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Notes an event; says whom to wake.
    pub fn ready(&mut self, token: Token, readable: bool, writable: bool, closed: bool) -> Woken {
        let Some(slot) = self.get(token) else {
            return Woken::default();
        };
        let mut woken = Woken::default();
        slot.closed |= closed;
        if readable || closed {
            slot.readable = true;
            woken.read = slot.read.take();
            woken.parked = slot.parked.take();
        }
        if writable {
            slot.writable = true;
            woken.write = slot.write.take();
        }
        woken
    }

    /// Whether an operation may succeed.
    pub fn may(&mut self, token: Token, direction: Direction) -> bool {
        self.get(token).is_none_or(|slot| match direction {
            Direction::Read => slot.readable,
            Direction::Write => slot.writable,
        })
    }

    /// An operation would have blocked.
    pub fn would_block(&mut self, token: Token, direction: Direction) {
        let Some(slot) = self.get(token) else { return };
        match direction {
            Direction::Read => slot.readable = false,
            Direction::Write => slot.writable = false,
        }
    }

    /// An operation did less than it was asked to: the next would block, unless the end is near.
    pub fn drained(&mut self, token: Token, direction: Direction) {
        if self.get(token).is_some_and(|slot| !slot.closed) {
            self.would_block(token, direction);
        }
    }

    /// Keeps the waker of the one who waits; gives back the one before if it was another's.
    pub fn wait(&mut self, token: Token, direction: Direction, waker: &Waker) -> Option<Waker> {
        let slot = self.get(token)?;
        let place = match direction {
            Direction::Read => &mut slot.read,
            Direction::Write => &mut slot.write,
        };
        match place {
            Some(old) if old.will_wake(waker) => None,
            _ => place.replace(waker.clone()),
        }
    }

    /// Parks the descriptor's connection at `place`. Tells whether it is readable already, so that no event may come; gives back
    /// the wakers of the task that is left behind, whose memory they would keep.
    pub fn park(&mut self, token: Token, place: u32) -> (bool, Woken) {
        let Some(slot) = self.get(token) else {
            return (true, Woken::default());
        };
        if !slot.readable {
            slot.parked = Some(place);
        }
        let left = Woken {
            read: slot.read.take(),
            write: slot.write.take(),
            parked: None,
        };
        (slot.readable, left)
    }

    pub fn unpark(&mut self, token: Token) {
        if let Some(slot) = self.get(token) {
            slot.parked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_event_wakes_nobody() {
        let mut slots = Slots::default();
        let first = slots.insert();
        slots.wait(first, Direction::Read, Waker::noop());
        assert!(slots.remove(first).read.is_some() && slots.len() == 0);
        let second = slots.insert();
        assert_eq!(first.index(), second.index());
        slots.wait(second, Direction::Read, Waker::noop());
        assert!(slots.ready(first, true, true, true).read.is_none());
        assert!(slots.ready(second, true, false, false).read.is_some());
        assert!(slots.remove(first).read.is_none() && slots.len() == 1);
    }

    #[test]
    fn numbers_do_not_meet() {
        let last = Token::of((1 << INDEX_BITS) - 1, GENERATIONS - 1);
        assert_eq!(last.as_listener(), None);
        assert_eq!(
            (last.index(), last.generation()),
            ((1 << INDEX_BITS) - 1, GENERATIONS - 1)
        );
        assert_eq!(Token::listener(3).as_listener(), Some(3));
        assert!(Token::WAKER
            .as_listener()
            .is_some_and(|index| index > 1 << 20));
    }

    #[test]
    fn what_is_drained_is_not_tried_unless_closed() {
        let mut slots = Slots::default();
        let token = slots.insert();
        assert!(slots.may(token, Direction::Read));
        slots.drained(token, Direction::Read);
        assert!(!slots.may(token, Direction::Read) && slots.may(token, Direction::Write));
        slots.wait(token, Direction::Read, Waker::noop());
        let (readable, left) = slots.park(token, 4);
        assert!(!readable && left.read.is_some());
        assert_eq!(slots.ready(token, false, false, true).parked, Some(4));
        slots.drained(token, Direction::Read);
        assert!(slots.may(token, Direction::Read) && slots.park(token, 5).0);
    }
}
