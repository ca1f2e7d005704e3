//! Waiting for sockets without a set kept in the kernel.

use std::io;
use std::time::Duration;

use windows_sys::Win32::Networking::WinSock::{
    WSAPoll, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLWRNORM, WSAPOLLFD,
};

use super::fd::{AsFd, AsRawFd, BorrowedFd};
use super::signal::SignalSet;

/// One descriptor to wait for.
#[derive(Debug)]
pub struct Waiting<'a> {
    fd: BorrowedFd<'a>,
    events: i16,
    /// Something can be read, or the other side is gone. Set by [`wait`].
    pub readable: bool,
    /// Something can be written, or the other side is gone. Set by [`wait`].
    pub writable: bool,
}

impl<'a> Waiting<'a> {
    /// Waits until it can be read.
    pub fn to_read(fd: &'a impl AsFd) -> Waiting<'a> {
        Waiting::new(fd.as_fd(), POLLRDNORM)
    }

    /// Waits until it can be written.
    pub fn to_write(fd: &'a impl AsFd) -> Waiting<'a> {
        Waiting::new(fd.as_fd(), POLLWRNORM)
    }

    fn new(fd: BorrowedFd<'a>, events: i16) -> Waiting<'a> {
        Waiting {
            fd,
            events,
            readable: false,
            writable: false,
        }
    }
}

/// Waits until one of `fds` is ready or the time is over, and gives how many are. There are no signals to mask.
pub fn wait(
    fds: &mut [Waiting<'_>],
    timeout: Option<Duration>,
    _mask: Option<&SignalSet>,
) -> io::Result<usize> {
    let mut polled: Vec<WSAPOLLFD> = fds
        .iter()
        .map(|waiting| WSAPOLLFD {
            fd: waiting.fd.as_raw_fd() as usize,
            events: waiting.events,
            revents: 0,
        })
        .collect();
    let millis = timeout.map_or(-1, |time| {
        i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    // SAFETY: so many records are there, of sockets that are borrowed.
    let ready = unsafe { WSAPoll(polled.as_mut_ptr(), polled.len() as u32, millis) };
    let ready = usize::try_from(ready).map_err(|_| io::Error::last_os_error())?;
    let gone = POLLHUP | POLLERR | POLLNVAL;
    for (waiting, polled) in fds.iter_mut().zip(&polled) {
        let met = polled.revents & (waiting.events | gone) != 0;
        waiting.readable = met && waiting.events == POLLRDNORM;
        waiting.writable = met && waiting.events == POLLWRNORM;
    }
    Ok(ready)
}
