//! Whose child is whose: pids, slots and generations, in the parent's own memory.
//!
//! Nothing here is ever read back from memory that a child can write. Capacity is counted per generation, and
//! within one a child that drains is no capacity: it keeps its slot, but the generation has more slots than live children.

use std::collections::{BTreeMap, BTreeSet};

/// What a child is doing for its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Forked, has not reported ready.
    Starting,
    /// Takes connections.
    Live,
    /// Takes no more, finishes what it holds.
    Draining,
    /// Has been told to end now.
    Stopping,
}

/// One child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    pub generation: u32,
    pub slot: u32,
    pub phase: Phase,
    /// Grows with each child that is written down, so it tells who came first.
    pub order: u64,
}

impl Child {
    /// Whether it counts against the generation's process limit.
    pub fn is_capacity(&self) -> bool {
        self.phase <= Phase::Live
    }
}

#[derive(Debug)]
struct Generation {
    free: BTreeSet<u32>,
    slots: u32,
}

/// All children of all generations.
#[derive(Debug, Default)]
pub struct Pool {
    generations: BTreeMap<u32, Generation>,
    children: BTreeMap<i32, Child>,
    order: u64,
}

impl Pool {
    /// Opens a generation with room for `slots` children, live and draining together.
    pub fn open(&mut self, generation: u32, slots: u32) {
        let free = (0..slots).collect();
        self.generations
            .insert(generation, Generation { free, slots });
    }

    /// Takes the lowest free slot of `generation` whose number belongs to `bucket` of `buckets`.
    pub fn take_slot(&mut self, generation: u32, bucket: u32, buckets: u32) -> Option<u32> {
        let free = &mut self.generations.get_mut(&generation)?.free;
        let buckets = buckets.max(1);
        let slot = free.iter().copied().find(|s| s % buckets == bucket)?;
        free.remove(&slot);
        Some(slot)
    }

    /// Gives back a slot that no child came to use.
    pub fn give_back(&mut self, generation: u32, slot: u32) {
        if let Some(generation) = self.generations.get_mut(&generation) {
            if slot < generation.slots {
                generation.free.insert(slot);
            }
        }
    }

    /// Writes down a child that was forked into a taken slot.
    pub fn add(&mut self, pid: i32, generation: u32, slot: u32) {
        self.order += 1;
        let child = Child {
            generation,
            slot,
            phase: Phase::Starting,
            order: self.order,
        };
        self.children.insert(pid, child);
    }

    /// The child with that pid, if it is one of ours.
    pub fn get(&self, pid: i32) -> Option<&Child> {
        self.children.get(&pid)
    }

    /// Moves a child on to `phase`; never back. Answers whether anything changed.
    pub fn advance(&mut self, pid: i32, phase: Phase) -> bool {
        match self.children.get_mut(&pid) {
            Some(child) if child.phase < phase => {
                child.phase = phase;
                true
            }
            _ => false,
        }
    }

    /// Strikes out a child that has ended (or was given up) and frees its slot.
    pub fn remove(&mut self, pid: i32) -> Option<Child> {
        let child = self.children.remove(&pid)?;
        self.give_back(child.generation, child.slot);
        Some(child)
    }

    /// All children with their pids, by pid.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Child)> {
        self.children.iter().map(|(pid, child)| (*pid, child))
    }

    /// The children of one generation.
    pub fn of(&self, generation: u32) -> impl Iterator<Item = (i32, &Child)> {
        self.iter().filter(move |(_, c)| c.generation == generation)
    }

    /// How many children of `generation` count against its limit.
    pub fn capacity_used(&self, generation: u32) -> u32 {
        self.of(generation).filter(|(_, c)| c.is_capacity()).count() as u32
    }

    /// Whether no child is left, of any generation.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Forgets `generation` if it has no child any more; answers whether it did.
    pub fn close_if_over(&mut self, generation: u32) -> bool {
        self.of(generation).next().is_none() && self.generations.remove(&generation).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_taken_lowest_first_and_by_bucket() {
        let mut pool = Pool::default();
        pool.open(1, 5);
        assert_eq!(pool.take_slot(1, 1, 2), Some(1));
        assert_eq!(pool.take_slot(1, 1, 2), Some(3));
        assert_eq!(pool.take_slot(1, 1, 2), None);
        assert_eq!(pool.take_slot(1, 0, 1), Some(0));
        pool.add(100, 1, 1);
        assert!(pool.remove(100).is_some());
        assert_eq!(pool.take_slot(1, 0, 1), Some(1));
        assert_eq!(pool.take_slot(9, 0, 1), None);
    }

    #[test]
    fn a_draining_child_is_no_capacity_and_never_becomes_live_again() {
        let mut pool = Pool::default();
        pool.open(1, 2);
        let slot = pool.take_slot(1, 0, 1).unwrap();
        pool.add(100, 1, slot);
        assert_eq!(pool.capacity_used(1), 1);
        assert!(pool.advance(100, Phase::Draining));
        assert!(!pool.advance(100, Phase::Live));
        assert_eq!(pool.capacity_used(1), 0);
        assert!(!pool.close_if_over(1));
        pool.remove(100);
        assert!(pool.close_if_over(1));
    }
}
