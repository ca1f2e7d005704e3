//! The voice of a generation's main server: where an MPM tells the error log what happens, in the parent and in each child.

use super::note::Note;
use crate::log::{ErrorLog, Level, Levels, Site};
use crate::server::Generation;

/// The main server as a place to log from.
pub struct Voice<'a> {
    levels: &'a Levels,
    log: ErrorLog,
}

impl<'a> Voice<'a> {
    /// The voice of a generation's main server.
    pub fn of(generation: &'a Generation) -> Voice<'a> {
        let server = generation.main_server();
        Voice {
            levels: &server.levels,
            log: server.error_log.clone(),
        }
    }

    /// Logs a note, as the core or as the MPM, as Apache does for its number.
    #[cfg(any(uses = "children", uses = "alone"))]
    pub fn tell(&self, note: &Note) {
        match note.number {
            ..=100 => core::tell(self, note),
            _ => own::tell(self, note),
        }
    }

    /// Logs a message of the core's.
    pub fn core(&self, level: Level, number: u32, text: impl Into<String>) {
        core::tell(self, &Note::new(level, number, text));
    }

    /// Logs a message of the MPM's.
    pub fn own(&self, level: Level, number: u32, text: impl Into<String>) {
        own::tell(self, &Note::new(level, number, text));
    }
}

impl Site for Voice<'_> {
    fn log_levels(&self) -> &Levels {
        self.levels
    }

    fn log_errors(&self) -> &ErrorLog {
        &self.log
    }
}

mod core {
    use super::*;
    const LOG_MODULE: &str = "core";

    pub fn tell(voice: &Voice<'_>, note: &Note) {
        crate::log!(voice, note.level, note.number, "{}", note.text);
    }
}

mod own {
    use super::*;
    const LOG_MODULE: &str = crate::mpm::LOG_MODULE;

    pub fn tell(voice: &Voice<'_>, note: &Note) {
        crate::log!(voice, note.level, note.number, "{}", note.text);
    }
}
