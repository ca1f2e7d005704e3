//! What the pure parts of an MPM have to say, before anybody knows where it is logged.
//!
//! A decision returns its notes; the shell around it writes them to the error log. So a test can read them.

use std::fmt;

use crate::log::Level;

/// One line for the error log. `number` is the one that Apache gives to the same event (`AH00161` is 161), or one of our own from 20000 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub level: Level,
    pub number: u32,
    pub text: String,
}

impl Note {
    /// A note of level `level` that carries the message number `number`.
    pub fn new(level: Level, number: u32, text: impl Into<String>) -> Note {
        Note {
            level,
            number,
            text: text.into(),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AH{:05}: {}", self.number, self.text)
    }
}

/// The message numbers with which one Unix MPM tells the events that all of them have.
#[cfg(unix)]
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    /// The server is configured and serves from now on.
    pub configured: u32,
    /// When it was built.
    pub built: u32,
    /// It was told to stop.
    pub caught_term: u32,
    /// It was told to stop gracefully.
    pub caught_winch: u32,
    /// It was told to restart gracefully.
    pub graceful: u32,
    /// It was told to restart.
    pub restart: u32,
    /// There are as many workers as there may be; 0 where nobody can say that.
    pub at_limit: u32,
    /// Many workers are started at once.
    pub busy: u32,
    #[cfg(uses = "children")]
    pub children: ChildNumbers,
}

/// Those that only an MPM with child processes has a use for.
#[cfg(uses = "children")]
#[derive(Clone, Copy, Debug)]
pub struct ChildNumbers {
    /// As many processes as allowed, and fewer idle workers than MinSpareThreads; 0 where that is not told.
    pub near_limit: u32,
    /// No process could be made.
    pub fork_failed: u32,
    /// A child of an earlier generation ended for good, which ends nothing else.
    pub old_fatal: u32,
    /// A process ended that is no child of this server.
    pub stranger: u32,
    /// Several children in a row were killed by a signal.
    pub killed_in_a_row: u32,
    /// The server gives up: no child ever took connections.
    pub never_started: u32,
}

#[cfg(unix)]
impl Numbers {
    /// Those of the greeting: that the server is configured, and when it was built.
    pub fn greeting(&self) -> (u32, u32) {
        (self.configured, self.built)
    }
}
