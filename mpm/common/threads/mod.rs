//! A pool of threads that grows and shrinks in one process: who sits where, what they are told, how they ended.
//!
//! beos and mpm_netware have one such pool for each generation, mpmt_os2 one in each child. How large it is to be is
//! decided elsewhere (`plan`, or the MPM's own rule); here threads are started and dismissed.

#[cfg(uses = "alone")]
pub mod alone;
pub mod conf;

#[cfg(all(test, uses = "alone"))]
mod simulation;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[cfg(uses = "children")]
use super::note::ChildNumbers;
use super::note::Numbers;
use super::room::allow_descriptors;
use crate::os::fd;
use crate::run::Handle;
use crate::sync::{Lock, Shared};

/// Numbers of what these MPMs log; Apache gave none to beos, and the events are the same in all three.
pub const NUMBERS: Numbers = Numbers {
    configured: 20180,
    built: 20181,
    caught_term: 20182,
    caught_winch: 20183,
    graceful: 20184,
    restart: 20185,
    at_limit: 20186,
    busy: 20187,
    #[cfg(uses = "children")]
    children: ChildNumbers {
        near_limit: 0,
        fork_failed: 20188,
        old_fatal: 20189,
        stranger: 20190,
        killed_in_a_row: 20191,
        never_started: 20192,
    },
};

/// Descriptors that a busy thread has: its poller and what wakes that, its set of listeners, a connection, a file, and one more.
const PER_THREAD: u32 = 6;

/// How a thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Told,
    #[cfg(uses = "alone")]
    /// It has served as many connections as one thread may: another is to sit in its place.
    Worn,
    /// Something is scarce, or hopeless: an exit code.
    Failed(i32),
    /// It panicked.
    Broken,
}

/// A place for a thread; its number is that of the worker's slot in the scoreboard.
#[derive(Default)]
struct Seat {
    taken: AtomicBool,
    dismissed: AtomicBool,
    /// Wakes the executor of the thread that sits here.
    handle: Lock<Option<Handle>>,
}

/// See the module's head.
pub struct Pool {
    name: &'static str,
    /// Bytes of stack for each thread; 0 is the system's default.
    stack: usize,
    seats: Vec<Seat>,
    running: AtomicU32,
    finish: AtomicBool,
    stop: AtomicBool,
    /// Readable from the moment all are to finish: wakes threads that wait for connections.
    call: (OwnedFd, OwnedFd),
    /// Threads that are to go, whichever they are.
    #[cfg(uses = "alone")]
    surplus: alone::Surplus,
    /// A byte for each thread that has ended, for whoever waits for that.
    ended: (OwnedFd, OwnedFd),
    ends: Lock<Vec<(u32, End)>>,
}

impl Pool {
    /// An empty pool with room for `size` threads, which will be called `name` and a number.
    pub fn new(size: u32, name: &'static str, stack: usize) -> io::Result<Shared<Pool>> {
        let (call, ended) = (fd::pipe()?, fd::pipe()?);
        // Without it the pool stays smaller, and each refusal is logged.
        let _ = allow_descriptors(size.saturating_mul(PER_THREAD));
        for end in [&call.1, &ended.0, &ended.1] {
            fd::set_nonblocking(end, true)?;
        }
        Ok(Shared::new(Pool {
            name,
            stack,
            seats: (0..size).map(|_| Seat::default()).collect(),
            running: AtomicU32::new(0),
            finish: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            call,
            #[cfg(uses = "alone")]
            surplus: alone::Surplus::new()?,
            ended,
            ends: Lock::new(Vec::new()),
        }))
    }

    /// Starts a thread in the lowest free seat. `work` is given its number and answers how it ended; an error is an exit code.
    /// `Ok(None)`: all seats are taken. Only one thread at a time may call this.
    pub fn start(
        self: &Shared<Pool>,
        work: impl FnOnce(u32) -> Result<End, i32> + Send + 'static,
    ) -> io::Result<Option<u32>> {
        let free = |seat: &Seat| !seat.taken.load(Ordering::Acquire);
        let Some(place) = self.seats.iter().position(free) else {
            return Ok(None);
        };
        let (seat, number) = (&self.seats[place], place as u32);
        seat.dismissed.store(false, Ordering::Relaxed);
        seat.taken.store(true, Ordering::Release);
        self.running.fetch_add(1, Ordering::SeqCst);
        let mut builder = std::thread::Builder::new().name(format!("{}{number}", self.name));
        if self.stack > 0 {
            builder = builder.stack_size(self.stack);
        }
        let pool = self.clone();
        let started = builder.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| work(number)));
            crate::log::flush_all();
            pool.stand_up(
                number,
                match done {
                    Ok(Ok(end)) => end,
                    Ok(Err(code)) => End::Failed(code),
                    Err(_) => End::Broken,
                },
            );
        });
        if let Err(error) = started {
            self.running.fetch_sub(1, Ordering::SeqCst);
            seat.taken.store(false, Ordering::Release);
            return Err(error);
        }
        Ok(Some(number))
    }

    /// The last that a thread does.
    fn stand_up(&self, number: u32, end: End) {
        if let Some(seat) = self.seats.get(number as usize) {
            seat.handle.lock().take();
            seat.taken.store(false, Ordering::Release);
        }
        self.ends.lock().push((number, end));
        self.running.fetch_sub(1, Ordering::SeqCst);
        let _ = fd::write(&self.ended.1, b".");
    }

    /// How many threads there are.
    pub fn running(&self) -> u32 {
        self.running.load(Ordering::SeqCst)
    }

    /// The seats that are taken, and whether their threads have been told to go.
    pub fn taken(&self) -> impl Iterator<Item = (u32, bool)> + '_ {
        let seats = (0u32..).zip(&self.seats);
        let taken = seats.filter(|(_, seat)| seat.taken.load(Ordering::Acquire));
        taken.map(|(number, seat)| (number, seat.dismissed.load(Ordering::Relaxed)))
    }

    /// The threads that have ended since this was last asked, and how.
    pub fn take_ends(&self) -> Vec<(u32, End)> {
        let mut bytes = [0; 256];
        while let Ok(1..) = fd::read(&self.ended.0, &mut bytes) {}
        std::mem::take(&mut *self.ends.lock())
    }

    /// Readable when a thread has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.0.as_fd()
    }

    // --- what threads are told ---

    /// The executor of a thread can be woken from now on.
    pub fn sit(&self, number: u32, handle: Handle) {
        if let Some(seat) = self.seats.get(number as usize) {
            *seat.handle.lock() = Some(handle);
        }
    }

    /// Tells all to end at once.
    pub fn stop(&self) {
        if !self.stop.swap(true, Ordering::SeqCst) {
            self.finish.store(true, Ordering::SeqCst);
            self.wake();
        }
    }

    fn wake(&self) {
        let _ = fd::write(&self.call.1, b"!");
        for seat in &self.seats {
            if let Some(handle) = seat.handle.lock().as_ref() {
                handle.wake();
            }
        }
    }

    /// Whether all are to end at once.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::poll::{wait, Waiting};
    use crate::sync::Queue;

    /// The ends of `count` threads, in the order of their seats.
    pub fn await_ends(pool: &Pool, count: usize) -> Vec<(u32, End)> {
        let mut ends = Vec::new();
        while ends.len() < count {
            wait(&mut [Waiting::to_read(&pool.ended())], None, None).unwrap();
            ends.extend(pool.take_ends());
        }
        ends.sort_by_key(|(number, _)| *number);
        ends
    }

    #[test]
    fn each_end_is_told_as_it_was() {
        let pool = Pool::new(4, "t", 65_536).unwrap();
        let hold: Shared<Queue<()>> = Shared::new(Queue::new());
        let started = hold.clone();
        let wait_for_all = move || {
            let _ = started.pop(None);
        };
        for kind in 0..3 {
            let wait_for_all = wait_for_all.clone();
            let work = move |_| {
                wait_for_all();
                match kind {
                    0 => Ok(End::Told),
                    1 => Err(7),
                    _ => std::panic::resume_unwind(Box::new("broken")),
                }
            };
            pool.start(work).unwrap();
        }
        hold.close();
        let ends = await_ends(&pool, 3);
        assert_eq!(
            ends,
            [(0, End::Told), (1, End::Failed(7)), (2, End::Broken)]
        );
    }
}
