//! What the parent keeps for each generation that has children: its scoreboard, its limits and, while it takes connections,
//! the generation itself.

use std::io;

use super::conf::{self, MpmConf};
use super::room::{allow_descriptors, segment};
use super::supervisor::Spec;
use super::Mpm;
use crate::scoreboard::Segment;
use crate::server::Generation;
use crate::sync::Shared;

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
        let spec = Spec {
            number: id,
            fitted,
            drain: conf.drain_bounds(fitted.max_workers),
            graceful_timeout: conf.graceful_shutdown_timeout,
            core_folder: core_folder(conf, &generation),
        };
        // Without it the pool is smaller, and each refused fork says so.
        let _ = allow_descriptors(spec.slots());
        let segment = segment(&generation, spec.slots(), &fitted, server_started)?;
        Ok(Serving {
            generation: Some(generation),
            segment,
            spec,
        })
    }
}

fn core_folder(conf: &MpmConf, generation: &Generation) -> String {
    let folder = conf.core_dump_directory.as_ref();
    let folder = folder.unwrap_or(&generation.globals.root);
    folder.display().to_string()
}
