//! Room for those who serve a generation: descriptors, and the scoreboard.

use std::io;

use super::limits::Fitted;
use crate::os::limits::{self as limit, Resource};
use crate::scoreboard::{Segment, Shape};
use crate::server::Generation;

/// The scoreboard of a generation, with room for `slots` processes.
pub fn segment(
    generation: &Generation,
    slots: u32,
    fitted: &Fitted,
    server_started: u64,
) -> io::Result<Segment> {
    let threads = fitted.limits.threads_per_child;
    let shape = Shape { slots, threads };
    Segment::new(shape, generation.number, server_started)
}

/// Descriptors of a process beside those it has for each child or thread: logs, sockets, programs.
pub const OTHER_DESCRIPTORS: u64 = 256;

/// Lets this process have `wanted` descriptors and some more, where the system allows.
pub fn allow_descriptors(wanted: u32) -> io::Result<()> {
    let needed = u64::from(wanted) + OTHER_DESCRIPTORS;
    let (soft, hard) = limit::get(Resource::Files)?;
    if soft >= needed.min(hard) {
        return Ok(());
    }
    limit::set(Resource::Files, needed.min(hard), hard)
}
