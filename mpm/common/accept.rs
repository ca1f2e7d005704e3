//! From an accepted socket to a connection that can be served, and what a failed accept means for the child.

use std::io;

use super::codes::SICK;
use super::voice::Voice;
use crate::connection::Parked;
use crate::listen::{Accepted, Failure};
use crate::log::Level;
use crate::run::Fd;

/// The connection that stands for an accepted socket. `listener` is its listener's number in the generation, `id` its own in
/// this child.
pub fn connection(accepted: Accepted, listener: u32, id: u64) -> Parked {
    let fd = Fd::new(accepted.socket);
    Parked::new(fd, accepted.local, accepted.peer, listener, id)
}

/// Whether accepting can go on after this failure; if not, the reason is logged and the child's exit code given.
pub fn go_on(failure: Failure, error: &io::Error, voice: &Voice<'_>) -> Result<(), i32> {
    // A listener that this process has let go of is no socket any more.
    if error.raw_os_error() == Some(libc::ENOTSOCK) {
        return Ok(());
    }
    let Some(words) = failure.message() else {
        return Ok(());
    };
    let told = format!("{words}: {error}");
    match failure {
        Failure::NetworkDown => voice.core(Level::Emerg, 2177, told),
        _ => voice.core(Level::Error, 2179, told),
    }
    Err(SICK)
}
