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
    pub configured: u32,
    pub built: u32,
    pub caught_term: u32,
    pub caught_winch: u32,
    pub graceful: u32,
    pub restart: u32,
    pub at_limit: u32,
    pub busy: u32,
    #[cfg(uses = "children")]
    pub children: ChildNumbers,
}

/// Those that only an MPM with child processes has a use for.
#[cfg(uses = "children")]
#[derive(Clone, Copy, Debug)]
pub struct ChildNumbers {
    pub near_limit: u32,
    pub fork_failed: u32,
    pub old_fatal: u32,
    pub stranger: u32,
    pub killed_in_a_row: u32,
    pub never_started: u32,
}

#[cfg(unix)]
impl Numbers {
    /// Those of the greeting: that the server is configured, and when it was built.
    pub fn greeting(&self) -> (u32, u32) {
        (self.configured, self.built)
    }
}
