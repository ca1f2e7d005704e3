//! Limits, which this system does not have in this form, and the number of processors.

use std::io;

/// What could be limited elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Seconds of processor time.
    Cpu,
    /// Bytes of memory.
    Memory,
    /// Processes of the user.
    Processes,
    /// Open files.
    Files,
    /// Bytes of a core dump.
    Core,
}

/// The limits of this process, which has none.
pub fn get(_resource: Resource) -> io::Result<(u64, u64)> {
    super::unsupported()
}

/// Processors that this process may use.
pub fn usable_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Processors of this machine, as far as a process is told of them.
pub fn online_cpus() -> usize {
    usable_cpus()
}

/// This system keeps no such averages.
pub fn load_averages() -> Option<[f64; 3]> {
    None
}
