//! The turns that the life of every server takes: how a new generation takes over, how all of it ended, and how long it rests when
//! the system gives no more.

#[cfg(unix)]
use std::time::Duration;

/// How long no child or thread is started after the system refused to make one.
#[cfg(unix)]
pub const START_PAUSE: Duration = Duration::from_secs(10);

/// How long idle workers of the past have to leave the sockets before a reload counts as done all the same.
#[cfg(unix)]
pub const SETTLE: Duration = Duration::from_millis(500);

/// How often it is looked whether they have.
#[cfg(unix)]
pub const LOOK_EVERY: Duration = Duration::from_millis(2);

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
