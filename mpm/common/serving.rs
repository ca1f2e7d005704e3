//! What the parent keeps for each generation that has children: its scoreboard, its limits and, while it takes connections,
//! the generation itself.

use std::io;

use super::conf::{self, MpmConf};
use super::supervisor::Spec;
use super::Mpm;
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
        let fitted = conf::fit(mpm, &generation);
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

fn core_folder(conf: &MpmConf, generation: &Generation) -> String {
    let folder = conf.core_dump_directory.as_ref();
    let folder = folder.unwrap_or(&generation.globals.root);
    folder.display().to_string()
}
