//! What the idle threads of a pool hear: that all are to finish, that this one is to go, that there is one too many.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::Pool;
use crate::os::fd;

/// Threads that are to go, whichever they are.
pub struct Surplus {
    /// A byte for each of them: the first idle one to wake takes it.
    nudge: (OwnedFd, OwnedFd),
    count: AtomicU32,
}

impl Surplus {
    /// None yet.
    pub fn new() -> io::Result<Surplus> {
        let nudge = fd::pipe()?;
        fd::set_nonblocking(&nudge.0, true)?;
        fd::set_nonblocking(&nudge.1, true)?;
        Ok(Surplus {
            nudge,
            count: AtomicU32::new(0),
        })
    }
}

impl Pool {
    /// What a thread that waits for connections must listen to besides.
    pub fn calls(&self) -> [BorrowedFd<'_>; 2] {
        [self.call.0.as_fd(), self.surplus.nudge.0.as_fd()]
    }

    /// Tells all to take no more connections and to end; true the first time.
    pub fn finish(&self) -> bool {
        let first = !self.finish.swap(true, Ordering::SeqCst);
        if first {
            self.wake();
        }
        first
    }

    /// Whether all are to take no more connections.
    pub fn is_finishing(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }

    /// Tells one thread to end as soon as it has nothing to do. It notices when it looks; nobody wakes it.
    pub fn dismiss(&self, number: u32) {
        if let Some(seat) = self.seats.get(number as usize) {
            seat.dismissed.store(true, Ordering::Relaxed);
        }
    }

    /// Tells any one thread to end: the first idle one that wakes.
    pub fn dismiss_any(&self) {
        self.surplus.count.fetch_add(1, Ordering::SeqCst);
        let _ = fd::write(&self.surplus.nudge.1, b"!");
    }

    /// Whether thread `number`, having nothing to do, is to end. A place among those that are too many is taken with the answer.
    pub fn excuses(&self, number: u32) -> bool {
        let Some(seat) = self.seats.get(number as usize) else {
            return true;
        };
        if seat.dismissed.load(Ordering::Relaxed) {
            return true;
        }
        let fewer = |left: u32| left.checked_sub(1);
        let order = Ordering::SeqCst;
        let count = &self.surplus.count;
        if count.load(order) == 0 || count.fetch_update(order, order, fewer).is_err() {
            return false;
        }
        let _ = fd::read(&self.surplus.nudge.0, &mut [0; 1]);
        seat.dismissed.store(true, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::await_ends;
    use super::super::super::End;
    use super::*;
    use crate::os::poll::{wait, Waiting};
    use crate::sync::Shared;

    /// Waits as a thread without connections does.
    fn idle(pool: &Pool, number: u32) -> Result<End, i32> {
        while !pool.is_finishing() && !pool.excuses(number) {
            let calls = pool.calls();
            let mut fds: Vec<Waiting<'_>> = calls.iter().map(Waiting::to_read).collect();
            wait(&mut fds, None, None).map_err(|_| 7)?;
        }
        Ok(End::Told)
    }

    fn start_idle(pool: &Shared<Pool>) -> Option<u32> {
        let inside = pool.clone();
        pool.start(move |number| idle(&inside, number)).unwrap()
    }

    #[test]
    fn seats_are_taken_lowest_first_and_again() {
        let pool = Pool::new(2, "t", 0).unwrap();
        assert_eq!(start_idle(&pool), Some(0));
        assert_eq!(start_idle(&pool), Some(1));
        assert_eq!((start_idle(&pool), pool.running()), (None, 2));
        pool.dismiss_any();
        let gone = await_ends(&pool, 1)[0];
        assert_eq!((gone.1, pool.running()), (End::Told, 1));
        assert_eq!(start_idle(&pool), Some(gone.0));
        assert!(pool.finish());
        assert!(!pool.finish());
        assert_eq!(await_ends(&pool, 2), [(0, End::Told), (1, End::Told)]);
        assert_eq!(pool.taken().count(), 0);
    }

    #[test]
    fn one_that_is_chosen_goes_when_it_looks() {
        let pool = Pool::new(3, "t", 0).unwrap();
        assert!(!pool.excuses(0));
        pool.dismiss(1);
        assert!(!pool.excuses(0));
        assert!(pool.excuses(1));
        assert!(pool.excuses(9), "a seat that does not exist holds nobody");
    }
}
