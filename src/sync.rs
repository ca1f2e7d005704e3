//! What several connections share, by the build's threadedness: in a threaded build reference counts and locks are
//! atomic, in an unthreaded one they are plain. Only *shared* data uses these (a generation, a pool, a queue between
//! threads); what stays on one connection is `Rc`, `RefCell` and `Cell` in every build.
//!
//! This is the one file where `Arc`, `Mutex` and `OnceLock` may be named; clippy.toml refuses them elsewhere.
#![allow(clippy::disallowed_types)]

#[cfg(threaded)]
mod imp {
    use std::collections::VecDeque;
    use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
    use std::time::{Duration, Instant};

    pub use std::sync::{Arc as Shared, MutexGuard as Guard, OnceLock as Once, Weak};

    /// Marks what may cross to another thread if this build has other threads.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// Marks what all threads may look at if this build has several: configuration.
    pub trait MaybeShare: Send + Sync {}
    impl<T: Send + Sync + ?Sized> MaybeShare for T {}

    /// Work for `blocking`: it may run on another thread.
    pub type Work = Box<dyn FnOnce() + Send + 'static>;

    /// A value behind a lock. See [`Lock::lock`].
    #[derive(Debug, Default)]
    pub struct Lock<T: ?Sized>(Mutex<T>);

    impl<T> Lock<T> {
        /// Puts a value behind a lock.
        pub const fn new(value: T) -> Self {
            Lock(Mutex::new(value))
        }

        /// Gives the value back when nobody else can hold the lock.
        pub fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T: ?Sized> Lock<T> {
        /// Waits for the lock. A holder that panicked does not poison it: its request is lost, the server goes on.
        pub fn lock(&self) -> Guard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// A value that all may look at together, and one at a time may change. See [`SharedLock::look`].
    #[derive(Debug, Default)]
    pub struct SharedLock<T: ?Sized>(RwLock<T>);

    impl<T: ?Sized> SharedLock<T> {
        /// Waits until nobody changes it. A holder that panicked does not poison it, as with [`Lock::lock`].
        pub fn look(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        /// Waits until nobody looks at it.
        pub fn lock(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[cfg(target_has_atomic = "64")]
    mod counter {
        use std::sync::atomic::{AtomicU64, Ordering};

        /// A number many may add to. It orders nothing else.
        #[derive(Debug, Default)]
        pub struct Counter(AtomicU64);

        impl Counter {
            /// Begins at `value`.
            pub const fn new(value: u64) -> Self {
                Counter(AtomicU64::new(value))
            }

            /// Adds, wrapping, and gives the value before.
            pub fn add(&self, n: u64) -> u64 {
                self.0.fetch_add(n, Ordering::Relaxed)
            }

            /// Subtracts, wrapping, and gives the value before.
            pub fn sub(&self, n: u64) -> u64 {
                self.0.fetch_sub(n, Ordering::Relaxed)
            }

            /// The number now.
            pub fn get(&self) -> u64 {
                self.0.load(Ordering::Relaxed)
            }

            /// Sets the number, whatever it was.
            pub fn set(&self, value: u64) {
                self.0.store(value, Ordering::Relaxed)
            }
        }
    }

    #[cfg(not(target_has_atomic = "64"))]
    mod counter {
        /// A number many may add to, where the processor has no atomic one of this size.
        #[derive(Debug, Default)]
        pub struct Counter(super::Lock<u64>);

        impl Counter {
            /// Begins at `value`.
            pub const fn new(value: u64) -> Self {
                Counter(super::Lock::new(value))
            }

            /// Adds, wrapping, and gives the value before.
            pub fn add(&self, n: u64) -> u64 {
                let mut value = self.0.lock();
                std::mem::replace(&mut *value, value.wrapping_add(n))
            }

            /// Subtracts, wrapping, and gives the value before.
            pub fn sub(&self, n: u64) -> u64 {
                self.add(n.wrapping_neg())
            }

            /// The number now.
            pub fn get(&self) -> u64 {
                *self.0.lock()
            }

            /// Sets the number, whatever it was.
            pub fn set(&self, value: u64) {
                *self.0.lock() = value;
            }
        }
    }
    pub use counter::Counter;

    /// A queue that threads wait on. Closing it wakes all of them; what is queued is still handed out.
    #[derive(Debug)]
    pub struct Queue<T> {
        state: Mutex<QueueState<T>>,
        ready: Condvar,
    }

    #[derive(Debug)]
    struct QueueState<T> {
        items: VecDeque<T>,
        waiting: usize,
        closed: bool,
    }

    /// What [`Queue::pop`] found.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Popped<T> {
        /// The oldest item.
        Item(T),
        /// Nothing came within the time.
        TimedOut,
        /// The queue is closed and empty.
        Closed,
    }

    impl<T> Default for Queue<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<T> Queue<T> {
        /// An open, empty queue.
        pub const fn new() -> Self {
            let state = QueueState {
                items: VecDeque::new(),
                waiting: 0,
                closed: false,
            };
            Queue {
                state: Mutex::new(state),
                ready: Condvar::new(),
            }
        }

        fn state(&self) -> Guard<'_, QueueState<T>> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Adds an item and wakes one waiting thread. Tells whether a thread was free to take it; `Err` gives the item
        /// back if the queue is closed.
        pub fn push(&self, item: T) -> Result<bool, T> {
            let mut state = self.state();
            if state.closed {
                return Err(item);
            }
            state.items.push_back(item);
            let free = state.waiting >= state.items.len();
            drop(state);
            self.ready.notify_one();
            Ok(free)
        }

        /// Takes the oldest item, waiting for one as long as `limit` says (`None`: for ever).
        pub fn pop(&self, limit: Option<Duration>) -> Popped<T> {
            let end = limit.and_then(|limit| Instant::now().checked_add(limit));
            let mut state = self.state();
            loop {
                if let Some(item) = state.items.pop_front() {
                    return Popped::Item(item);
                }
                if state.closed {
                    return Popped::Closed;
                }
                let left = end.map(|end| end.saturating_duration_since(Instant::now()));
                if left == Some(Duration::ZERO) {
                    return Popped::TimedOut;
                }
                state.waiting += 1;
                state = match left {
                    Some(left) => {
                        let waited = self.ready.wait_timeout(state, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self
                        .ready
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner),
                };
                state.waiting -= 1;
            }
        }

        /// Takes the oldest item if there is one.
        pub fn try_pop(&self) -> Option<T> {
            self.state().items.pop_front()
        }

        /// Items that nobody took yet.
        pub fn len(&self) -> usize {
            self.state().items.len()
        }

        /// Whether there is none.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// Refuses further items and wakes all who wait.
        pub fn close(&self) {
            self.state().closed = true;
            self.ready.notify_all();
        }
    }
}

#[cfg(not(threaded))]
mod imp {
    use std::cell::{Cell, Ref, RefCell};

    pub use std::cell::{OnceCell as Once, RefMut as Guard};
    pub use std::rc::{Rc as Shared, Weak};

    /// Marks what may cross to another thread if this build has other threads; it has none.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// Marks what all threads may look at if this build has several; it has one.
    pub trait MaybeShare {}
    impl<T: ?Sized> MaybeShare for T {}

    /// Work for `blocking`: it runs on the spot.
    pub type Work = Box<dyn FnOnce() + 'static>;

    /// A value behind a lock, which costs one flag here. See [`Lock::lock`].
    #[derive(Debug, Default)]
    pub struct Lock<T: ?Sized>(RefCell<T>);

    impl<T> Lock<T> {
        /// Puts a value behind a lock.
        pub const fn new(value: T) -> Self {
            Lock(RefCell::new(value))
        }

        /// Gives the value back.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> Lock<T> {
        /// Takes the lock. Taking it twice is a mistake in the program in every build: it panics here and would
        /// never return where there are threads.
        pub fn lock(&self) -> Guard<'_, T> {
            self.0.borrow_mut()
        }
    }

    /// A value that all may look at together, and one at a time may change. See [`SharedLock::look`].
    #[derive(Debug, Default)]
    pub struct SharedLock<T: ?Sized>(RefCell<T>);

    impl<T: ?Sized> SharedLock<T> {
        /// To look at it while nobody changes it.
        pub fn look(&self) -> Ref<'_, T> {
            self.0.borrow()
        }

        /// To change it while nobody looks at it. Taking it twice panics, as with [`Lock::lock`].
        pub fn lock(&self) -> Guard<'_, T> {
            self.0.borrow_mut()
        }
    }

    /// A number many may add to.
    #[derive(Debug, Default)]
    pub struct Counter(Cell<u64>);

    impl Counter {
        /// Begins at `value`.
        pub const fn new(value: u64) -> Self {
            Counter(Cell::new(value))
        }

        /// Adds, wrapping, and gives the value before.
        pub fn add(&self, n: u64) -> u64 {
            self.0.replace(self.0.get().wrapping_add(n))
        }

        /// Subtracts, wrapping, and gives the value before.
        pub fn sub(&self, n: u64) -> u64 {
            self.0.replace(self.0.get().wrapping_sub(n))
        }

        /// The number now.
        pub fn get(&self) -> u64 {
            self.0.get()
        }

        /// Sets the number, whatever it was.
        pub fn set(&self, value: u64) {
            self.0.set(value)
        }
    }
}

pub use imp::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_locks() {
        let shared = Shared::new((Counter::new(5), Lock::new(vec![1])));
        assert_eq!(shared.0.add(3), 5);
        assert_eq!(shared.0.sub(1), 8);
        shared.1.lock().push(2);
        assert_eq!((shared.0.get(), shared.1.lock().len()), (7, 2));
        let once: Once<u8> = Once::new();
        assert_eq!((once.get_or_init(|| 1), once.set(2)), (&1, Err(2)));
        let seen = SharedLock::default();
        *seen.lock() = 3;
        assert_eq!(*seen.look() + *seen.look(), 6);
    }

    #[cfg(threaded)]
    #[test]
    fn a_panic_poisons_nothing() {
        let lock = Shared::new(Lock::new(1));
        let other = Shared::clone(&lock);
        let panicked = std::thread::spawn(move || {
            let _held = other.lock();
            panic!("expected by the test");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*lock.lock(), 1);
    }

    #[cfg(threaded)]
    #[test]
    fn a_queue_hands_out_what_it_held_when_closed() {
        use std::time::Duration;
        let queue = Shared::new(Queue::new());
        assert_eq!(queue.pop(Some(Duration::ZERO)), Popped::<u8>::TimedOut);
        assert_eq!(queue.push(1), Ok(false));
        queue.close();
        assert_eq!(queue.push(2), Err(2));
        assert_eq!(queue.pop(None), Popped::Item(1));
        assert_eq!(queue.pop(None), Popped::Closed);
        let queue = Shared::new(Queue::new());
        let other = Shared::clone(&queue);
        let waiter = std::thread::spawn(move || other.pop(None));
        assert!(queue.push(7).is_ok());
        assert_eq!(waiter.join().ok(), Some(Popped::Item(7)));
    }
}
