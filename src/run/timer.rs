//! Timers: a tree of deadlines, and the futures that stand on it. One that ends before its time leaves nothing behind.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Executor;

/// A timer in the tree: when, and which of those.
pub(super) type Key = (Instant, u64);

/// All timers of one executor.
#[derive(Debug, Default)]
pub(super) struct Timers {
    tree: BTreeMap<Key, Waker>,
    next: u64,
}

impl Timers {
    pub fn insert(&mut self, deadline: Instant, waker: Waker) -> Key {
        let key = (deadline, self.next);
        self.next += 1;
        self.tree.insert(key, waker);
        key
    }

    /// The waker is given back, to be dropped when nothing is borrowed.
    pub fn remove(&mut self, key: Key) -> Option<Waker> {
        self.tree.remove(&key)
    }

    /// Renews the waker of a timer; false if it is over.
    fn renew(&mut self, key: Key, waker: &Waker) -> bool {
        match self.tree.get_mut(&key) {
            Some(old) => {
                old.clone_from(waker);
                true
            }
            None => false,
        }
    }

    pub fn first(&self) -> Option<Instant> {
        self.tree.first_key_value().map(|(key, _)| key.0)
    }

    /// Takes one timer whose time has come.
    pub fn pop(&mut self, now: Instant) -> Option<Waker> {
        let first = self.tree.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub fn len(&self) -> usize {
        self.tree.len()
    }
}

/// Ends when a time has come.
#[derive(Debug)]
pub struct Sleep {
    /// `None`: never.
    deadline: Option<Instant>,
    key: Option<Key>,
}

/// Waits for a time.
pub fn sleep(time: Duration) -> Sleep {
    Sleep {
        deadline: Instant::now().checked_add(time),
        key: None,
    }
}

/// Waits until a time.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        deadline: Some(deadline),
        key: None,
    }
}

impl Sleep {
    /// Sleeps until another time from now on. Putting it off is cheap: the timer in the tree stays, and is asked again when it
    /// fires. So one `Sleep` serves all reads of a connection.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        if self.key.is_some_and(|(fires, _)| fires > deadline) {
            self.cancel();
        }
    }

    /// `None`: it never ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn cancel(&mut self) {
        let Some(key) = self.key.take() else { return };
        if let Some(executor) = Executor::try_current() {
            executor.remove_timer(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let executor = Executor::current();
        if deadline <= Instant::now() {
            self.cancel();
            return Poll::Ready(());
        }
        let waits = self
            .key
            .is_some_and(|key| executor.timers().renew(key, cx.waker()));
        if !waits {
            self.key = Some(executor.timers().insert(deadline, cx.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A time limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time limit ran out")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(_: Elapsed) -> Self {
        std::io::ErrorKind::TimedOut.into()
    }
}

/// Lets a future run for this long. What is ready at once costs no timer, nor a look at the clock.
pub async fn timeout<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let at_once = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    match at_once {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => within(sleep(time), future).await,
    }
}

/// Lets a future run until then; see [`timeout`].
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    within(sleep_until(deadline), future).await
}

async fn within<F: Future>(sleep: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = pin!(sleep);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(cx).map(|()| Err(Elapsed))
    })
    .await
}
