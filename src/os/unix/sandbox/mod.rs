//! Rights that a thread gives up for good, together with the threads and processes that it starts: system calls that nobody who
//! serves needs (`seccomp`), and files that the configuration does not name (`landlock`). Linux has both; elsewhere this says that it
//! cannot.
//!
//! The crates `seccompiler` and `landlock` do this, too, and much more; what is needed here is two short tables.

#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    path = "lacking.rs"
)]
mod landlock;
#[cfg_attr(
    not(all(
        any(target_os = "linux", target_os = "android"),
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    )),
    path = "lacking.rs"
)]
mod seccomp;

use std::io;
use std::path::PathBuf;

/// Whether this system has rights that cannot be had back, so that it is worth a word if its kernel lacks them.
pub const EXPECTED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Files that a thread may still open by name. Folders stand for all that is in them; what does not exist is left out.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// To read.
    pub read: &'a [PathBuf],
    /// To read, to write, and to make files in.
    pub write: &'a [PathBuf],
}

/// Whether [`filter_calls`] can work here.
pub fn can_filter_calls() -> bool {
    seccomp::supported()
}

/// Whether [`limit_files`] can work here.
pub fn can_limit_files() -> bool {
    landlock::supported()
}

/// From now on system calls that only administrators, debuggers and intruders make fail with EPERM. Asks for
/// [`no_new_privileges`](super::process::no_new_privileges) before.
pub fn filter_calls() -> io::Result<()> {
    seccomp::apply(())
}

/// From now on only these files can be opened. What is open stays so; names and attributes of other files can still be asked for.
/// Asks for [`no_new_privileges`](super::process::no_new_privileges) before.
pub fn limit_files(files: Files<'_>) -> io::Result<()> {
    landlock::apply(files)
}
