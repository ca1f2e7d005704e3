//! The executor of one thread: tasks, timers, a poller, and parked connections. Every thread that serves makes one after the
//! fork and never shares it; a connection's path runs inside it from the first byte to the close.
//!
//! Read `executor.rs` first: it is the loop. `poller/` asks the kernel, `slots.rs` remembers who waits for which descriptor,
//! `fd.rs` is such a descriptor, `timer.rs` and `clock.rs` keep the time, `parking.rs` holds idle connections without a task
//! (`wheel.rs` their deadlines, `pages.rs` their memory),
//! `remote.rs` lets other threads wake this one, `blocking.rs` lends threads to work that blocks.

mod blocking;
mod clock;
mod executor;
mod fd;
mod pages;
mod parking;
mod poller;
#[cfg(threaded)]
mod remote;
mod slots;
#[cfg(test)]
mod tests;
mod timer;
mod wheel;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

pub use blocking::{call, Call, Pool};
pub use clock::DateString;
pub use executor::{Event, Executor};
pub use fd::Fd;
pub use parking::{Lot, Park};
#[cfg(threaded)]
pub use remote::Handle;
pub use timer::{sleep, sleep_until, timeout, timeout_at, Elapsed, Sleep};

/// The time, as it was when this thread last came back from the kernel. For deadlines take [`Instant::now`] where work may
/// have blocked in between; without an executor this does.
pub fn now() -> Instant {
    Executor::try_current().map_or_else(Instant::now, |executor| executor.clock().now())
}

/// The time of day, as it was when this thread last came back from the kernel.
pub fn time_of_day() -> SystemTime {
    Executor::try_current().map_or_else(SystemTime::now, |executor| executor.clock().time_of_day())
}

/// The time of day as a `Date` header has it (RFC 9110 section 5.6.7), made once a second.
pub fn date() -> DateString {
    match Executor::try_current() {
        Some(executor) => executor.clock().date(),
        None => DateString::of(SystemTime::now()),
    }
}

/// Starts a task on this thread's executor; see [`Executor::spawn`].
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    Executor::current().spawn(future);
}

/// Lets the other tasks and the poller have their turn.
pub fn yield_now() -> impl Future<Output = ()> {
    Yield(false)
}

struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
