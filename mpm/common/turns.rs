//! The turns that the life of every server takes: how a new generation takes over, how all of it ended, and how long it rests when
//! the system gives no more.

#[cfg(unix)]
use std::time::{Duration, Instant};

/// How long no child or thread is started after the system refused to make one.
#[cfg(unix)]
pub const START_PAUSE: Duration = Duration::from_secs(10);

/// How long idle workers of the past have to leave the sockets before a reload counts as done all the same.
#[cfg(unix)]
const SETTLE: Duration = Duration::from_millis(500);

/// How often it is looked whether they have.
#[cfg(unix)]
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A reload that was taken and has not been told: whoever waits for that may rely on it that connections made from then on are
/// served by it. Holds the time at which it is told at the latest.
#[cfg(unix)]
#[derive(Default)]
pub struct Untold(Option<Instant>);

#[cfg(unix)]
impl Untold {
    /// One that was taken now.
    pub fn since(now: Instant) -> Untold {
        Untold(Some(now + SETTLE))
    }

    /// When to look again.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        self.0.map(|until| until.min(now + LOOK_EVERY))
    }

    /// Whether it is to be told: no worker of the past waits for connections any more, or it has been waited for long enough.
    pub fn is_due(&self, now: Instant, past_attends: impl FnOnce() -> bool) -> bool {
        self.0.is_some_and(|until| now >= until || !past_attends())
    }

    /// Whether there is one, which then is no more.
    pub fn take(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// How a new generation takes over. The later one overrides the earlier, never the reverse.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Old children finish what they hold.
    Graceful,
    /// Old children end at once.
    Restart,
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Stopped,
    /// A child found that there is no hope, or none ever came up.
    Fatal,
}
