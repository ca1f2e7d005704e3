//! Threads for work that blocks: in a threaded build they start when work comes that none is free for, up to a limit, and end
//! when they have long had nothing to do. Without threads the work is done on the spot.

use std::io;

pub use imp::Call;

use crate::sync::{MaybeSend, Work};

/// A pool of threads, shared by the loops of a process.
#[derive(Clone)]
pub struct Pool(imp::Pool);

impl Pool {
    /// A pool of at most `most` threads (at least one), each with a stack of `stack` bytes (`None`: the default). None is
    /// started yet.
    pub fn new(most: usize, stack: Option<usize>) -> Pool {
        Pool(imp::Pool::new(most.max(1), stack))
    }

    /// Does the work, some time, on some thread. A panic in it is that work's alone. An error: no thread can be made and
    /// there is none; the work is dropped.
    pub fn run(&self, work: Work) -> io::Result<()> {
        self.0.run(work)
    }

    /// Does the work and gives its result to the task that waits for it. An error: as for [`Pool::run`], or the work
    /// panicked.
    pub fn call<T, W>(&self, work: W) -> Call<T>
    where
        T: MaybeSend + 'static,
        W: FnOnce() -> T + MaybeSend + 'static,
    {
        imp::call(|job| self.0.run(job), work)
    }

    /// Threads alive.
    pub fn threads(&self) -> usize {
        self.0.threads()
    }

    /// Work that waits for a thread.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }

    /// No more work is taken; what waits is done, then the threads end.
    pub fn close(&self) {
        self.0.close();
    }
}

/// Has work done by `run` (a pool, or the spot) and gives its result to the task that waits for it. An error: `run`'s own, or
/// the work panicked.
pub fn call<T: MaybeSend + 'static>(
    run: impl FnOnce(Work) -> io::Result<()>,
    work: impl FnOnce() -> T + MaybeSend + 'static,
) -> Call<T> {
    imp::call(run, work)
}

fn failed() -> io::Error {
    io::Error::other("the work was lost to a panic or a closed pool")
}

#[cfg(threaded)]
mod imp {
    use super::*;
    use std::future::Future;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use crate::os::{crash, signal};
    use crate::sync::{Lock, Popped, Queue, Shared};

    /// A thread ends after so long without work.
    const IDLE: Duration = Duration::from_secs(30);

    #[derive(Clone)]
    pub struct Pool(Shared<Inner>);

    struct Inner {
        queue: Queue<Work>,
        threads: Lock<usize>,
        most: usize,
        stack: Option<usize>,
    }

    impl Pool {
        pub fn new(most: usize, stack: Option<usize>) -> Pool {
            Pool(Shared::new(Inner {
                queue: Queue::new(),
                threads: Lock::new(0),
                most,
                stack,
            }))
        }

        pub fn run(&self, work: Work) -> io::Result<()> {
            match self.0.queue.push(work) {
                Ok(true) => Ok(()),
                Ok(false) => self.start(),
                Err(_) => Err(failed()),
            }
        }

        /// Starts a thread if the limit allows. Having fewer than wanted is no error, having none is.
        fn start(&self) -> io::Result<()> {
            let mut threads = self.0.threads.lock();
            if *threads >= self.0.most {
                return Ok(());
            }
            let mut builder = std::thread::Builder::new().name("blocking".to_owned());
            if let Some(stack) = self.0.stack {
                builder = builder.stack_size(stack);
            }
            let inner = Shared::clone(&self.0);
            match builder.spawn(move || inner.work()) {
                Ok(_) => *threads += 1,
                Err(_) if *threads > 0 => {}
                Err(error) => {
                    drop(threads);
                    drop(self.0.queue.try_pop());
                    return Err(error);
                }
            }
            Ok(())
        }

        pub fn threads(&self) -> usize {
            *self.0.threads.lock()
        }

        pub fn waiting(&self) -> usize {
            self.0.queue.len()
        }

        pub fn close(&self) {
            self.0.queue.close();
        }
    }

    impl Inner {
        fn work(&self) {
            // Signals are for the thread that waits for them.
            let _ = signal::block(&crash::all_others());
            while let Popped::Item(work) = self.queue.pop(Some(IDLE)) {
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
            *self.threads.lock() -= 1;
        }
    }

    enum State<T> {
        Waiting(Option<Waker>),
        Done(io::Result<T>),
        Taken,
    }

    pub fn call<T: Send + 'static>(
        run: impl FnOnce(Work) -> io::Result<()>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Call<T> {
        let shared = Shared::new(Lock::new(State::Waiting(None)));
        let answer = Answer(Shared::clone(&shared));
        let started = run(Box::new(move || answer.give(Ok(work()))));
        if let Err(error) = started {
            *shared.lock() = State::Done(Err(error));
        }
        Call(shared)
    }

    /// The side of the work: whatever becomes of it, the task is told.
    struct Answer<T>(Shared<Lock<State<T>>>);

    impl<T> Answer<T> {
        fn give(&self, result: io::Result<T>) {
            let mut state = self.0.lock();
            if let State::Waiting(waker) = &mut *state {
                let waker = waker.take();
                *state = State::Done(result);
                drop(state);
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }

    impl<T> Drop for Answer<T> {
        fn drop(&mut self) {
            self.give(Err(failed()));
        }
    }

    /// The result of work done elsewhere, to be awaited.
    pub struct Call<T>(Shared<Lock<State<T>>>);

    impl<T> Future for Call<T> {
        type Output = io::Result<T>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let mut state = self.0.lock();
            match &mut *state {
                State::Waiting(waker) => {
                    *waker = Some(cx.waker().clone());
                    Poll::Pending
                }
                _ => match std::mem::replace(&mut *state, State::Taken) {
                    State::Done(result) => Poll::Ready(result),
                    _ => Poll::Ready(Err(failed())),
                },
            }
        }
    }
}

#[cfg(not(threaded))]
mod imp {
    use super::*;
    use std::cell::Cell;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::rc::Rc;

    /// The result is there when the call returns.
    pub type Call<T> = std::future::Ready<io::Result<T>>;

    #[derive(Clone)]
    pub struct Pool;

    impl Pool {
        pub fn new(_most: usize, _stack: Option<usize>) -> Pool {
            Pool
        }

        pub fn run(&self, work: Work) -> io::Result<()> {
            let _ = catch_unwind(AssertUnwindSafe(work));
            // It may have taken long.
            if let Some(executor) = super::super::Executor::try_current() {
                executor.clock().refresh();
            }
            Ok(())
        }

        pub fn threads(&self) -> usize {
            0
        }

        pub fn waiting(&self) -> usize {
            0
        }

        pub fn close(&self) {}
    }

    pub fn call<T: 'static>(
        run: impl FnOnce(Work) -> io::Result<()>,
        work: impl FnOnce() -> T + 'static,
    ) -> Call<T> {
        let answer = Rc::new(Cell::new(None));
        let place = answer.clone();
        let started = run(Box::new(move || place.set(Some(work()))));
        let done = answer.take();
        std::future::ready(started.and_then(|()| done.ok_or_else(failed)))
    }
}
