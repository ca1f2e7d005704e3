//! What the parent keeps for each generation that has children: its scoreboard, its limits and, while it takes connections,
//! the generation itself.

use std::io;

use super::conf::{self, MpmConf};
use super::limits::Fitted;
use super::note::Note;
use super::supervisor::Spec;
use super::Mpm;
use crate::log::{ErrorLog, Level, Levels, Site};
use crate::os::limits::{self as limit, Resource};
use crate::scoreboard::{Segment, Shape};
use crate::server::Generation;
use crate::sync::Shared;

/// Draining processes may be this many times the live ones.
const DRAINING_FACTOR: u32 = 4;

/// One generation in the parent.
pub struct Serving {
    /// `None` once it only drains: then its sockets and files are the children's alone.
    pub generation: Option<Shared<Generation>>,
    pub segment: Segment,
    pub spec: Spec,
}

impl Serving {
    /// Prepares a generation to be served under the parent's own number `id`.
    pub fn new(
        mpm: &Mpm,
        generation: Shared<Generation>,
        id: u32,
        server_started: u64,
    ) -> io::Result<Serving> {
        let conf = conf::of(&generation);
        let fitted = fit(mpm, &generation);
        let max_draining = fitted.limits.max_processes.saturating_mul(DRAINING_FACTOR);
        let spec = Spec {
            number: id,
            fitted,
            max_draining,
            graceful_timeout: conf.graceful_shutdown_timeout,
            core_folder: core_folder(conf, &generation),
        };
        let shape = Shape {
            slots: spec.slots(),
            threads: fitted.limits.threads_per_child,
        };
        // Without it the pool is smaller, and each refused fork says so.
        let _ = allow_descriptors(spec.slots());
        let segment = Segment::new(shape, generation.number, server_started)?;
        Ok(Serving {
            generation: Some(generation),
            segment,
            spec,
        })
    }
}

/// Descriptors of a process beside those it has for each child or thread: logs, sockets, programs.
const OTHER_DESCRIPTORS: u64 = 256;

/// Lets this process have `wanted` descriptors and some more, where the system allows.
pub fn allow_descriptors(wanted: u32) -> io::Result<()> {
    let needed = u64::from(wanted) + OTHER_DESCRIPTORS;
    let (soft, hard) = limit::get(Resource::Files)?;
    if soft >= needed.min(hard) {
        return Ok(());
    }
    limit::set(Resource::Files, needed.min(hard), hard)
}

/// The limits of a generation; the warnings were given when it was read.
pub fn fit(mpm: &Mpm, generation: &Generation) -> Fitted {
    let buckets = generation.listeners.iter().map(|l| l.bucket() + 1).max();
    let wanted = conf::of(generation).wanted(&mpm.defaults, buckets.unwrap_or(1) as u32);
    (mpm.fit)(&wanted, &mpm.ceilings, false).0
}

fn core_folder(conf: &MpmConf, generation: &Generation) -> String {
    let folder = conf.core_dump_directory.as_ref();
    let folder = folder.unwrap_or(&generation.globals.root);
    folder.display().to_string()
}

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
