//! The right to work on a request: as many as ThreadsPerChild in a process, each with its scoreboard slot, shared by all loops.
//!
//! Taking and giving back are a bit in a word; only when all are taken does a loop queue up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::sync::Lock;

/// The permits of one process.
#[derive(Debug)]
pub struct Permits {
    /// A bit is set for each free permit.
    words: Vec<AtomicU64>,
    free: AtomicUsize,
    queued: AtomicUsize,
    queue: Lock<VecDeque<Waker>>,
}

impl Permits {
    /// `count` permits, all free.
    pub fn new(count: u32) -> Permits {
        let count = count as usize;
        let word = |index: usize| match count - index * 64 {
            64.. => u64::MAX,
            rest => (1 << rest) - 1,
        };
        Permits {
            words: (0..count.div_ceil(64))
                .map(|i| AtomicU64::new(word(i)))
                .collect(),
            free: AtomicUsize::new(count),
            queued: AtomicUsize::new(0),
            queue: Lock::new(VecDeque::new()),
        }
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    /// Requests that wait for one.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Takes the first free permit from number `from` on, or has the task woken when it is worth trying again.
    pub fn poll_take(&self, cx: &mut Context<'_>, from: u32) -> Poll<u32> {
        if let Some(number) = self.try_take(from) {
            self.leave_queue(cx.waker());
            return Poll::Ready(number);
        }
        let mut queue = self.queue.lock();
        if !queue.iter().any(|waker| waker.will_wake(cx.waker())) {
            queue.push_back(cx.waker().clone());
        }
        self.queued.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        // One may have been given back before the queue was seen to be used.
        match self.try_take(from) {
            Some(number) => {
                self.leave_queue(cx.waker());
                Poll::Ready(number)
            }
            None => Poll::Pending,
        }
    }

    /// A task that has its permit must not be woken in another's stead.
    fn leave_queue(&self, waker: &Waker) {
        if self.queued() > 0 {
            let mut queue = self.queue.lock();
            queue.retain(|other| !other.will_wake(waker));
            self.queued.store(queue.len(), Ordering::SeqCst);
        }
    }

    fn try_take(&self, from: u32) -> Option<u32> {
        let first = from as usize / 64 % self.words.len().max(1);
        let (before, behind) = self.words.split_at(first);
        let words = (first..).zip(behind).chain((0..).zip(before));
        for (index, word) in words {
            let mut bits = word.load(Ordering::SeqCst);
            while bits != 0 {
                let turned = bits.rotate_right(from).trailing_zeros();
                let bit = (turned + from) % 64;
                let taken = bits & !(1 << bit);
                match word.compare_exchange(bits, taken, Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(_) => {
                        self.free.fetch_sub(1, Ordering::SeqCst);
                        return Some(index as u32 * 64 + bit);
                    }
                    Err(now) => bits = now,
                }
            }
        }
        None
    }

    /// Gives a permit back and wakes one that waits.
    pub fn give_back(&self, number: u32) {
        let Some(word) = self.words.get(number as usize / 64) else {
            return;
        };
        word.fetch_or(1 << (number % 64), Ordering::SeqCst);
        self.free.fetch_add(1, Ordering::SeqCst);
        self.nudge();
    }

    /// Wakes one task that waits, if there is a permit for it. Called at each return, and by the loops now and then: a task
    /// that was woken and dropped at the same moment does not pass the word on.
    pub fn nudge(&self) {
        if self.queued.load(Ordering::SeqCst) == 0 || self.free() == 0 {
            return;
        }
        let mut queue = self.queue.lock();
        let waker = queue.pop_front();
        self.queued.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Shared;
    use std::future::{poll_fn, Future as _};

    fn take_now(permits: &Permits) -> Option<u32> {
        let mut cx = Context::from_waker(Waker::noop());
        match permits.poll_take(&mut cx, 0) {
            Poll::Ready(number) => Some(number),
            Poll::Pending => None,
        }
    }

    #[test]
    fn each_number_once_and_the_lowest_first() {
        let permits = Permits::new(130);
        let taken: Vec<u32> = (0..130).filter_map(|_| take_now(&permits)).collect();
        assert_eq!(taken, (0..130).collect::<Vec<_>>());
        assert_eq!((take_now(&permits), permits.free()), (None, 0));
        permits.give_back(77);
        assert_eq!(take_now(&permits), Some(77));
        (0..130).for_each(|number| permits.give_back(number));
        let mut cx = Context::from_waker(Waker::noop());
        let mut take = |from| permits.poll_take(&mut cx, from);
        assert_eq!(
            [take(70), take(70), take(129), take(63), take(63)],
            [70, 71, 129, 63, 0].map(Poll::Ready)
        );
    }

    /// A small executor: polls until ready, parking the thread in between.
    #[allow(clippy::disallowed_types)] // std's Wake asks for it
    fn wait_for(permits: &Permits) -> u32 {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut taking = std::pin::pin!(poll_fn(|cx| permits.poll_take(cx, 0)));
        loop {
            if let Poll::Ready(number) = taking.as_mut().poll(&mut cx) {
                return number;
            }
            std::thread::park();
        }
    }

    #[test]
    fn many_threads_few_permits_nobody_starves() {
        let permits = Shared::new(Permits::new(3));
        let held: Shared<Vec<AtomicUsize>> =
            Shared::new((0..3).map(|_| AtomicUsize::new(0)).collect());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (permits, held) = (permits.clone(), held.clone());
                std::thread::spawn(move || {
                    for _ in 0..500 {
                        let number = wait_for(&permits);
                        let holder = &held[number as usize];
                        assert_eq!(holder.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        holder.fetch_sub(1, Ordering::SeqCst);
                        permits.give_back(number);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((permits.free(), permits.queued()), (3, 0));
    }
}
