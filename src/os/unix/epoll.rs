//! Linux's poller, where the server needs what portable crates leave out: EPOLLEXCLUSIVE for listeners and a signal mask
//! for the wait.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use super::check;
use super::signal::SignalSet;

/// What a listener is registered for: one of the waiting processes or threads is woken, not all of them. It cannot be changed
/// afterwards, only removed and added anew.
pub const LISTEN: u32 = (libc::EPOLLIN | libc::EPOLLEXCLUSIVE) as u32;
/// Something to read, told for as long as there is.
pub const READ: u32 = libc::EPOLLIN as u32;

/// One event: which bits, and the number its registration gave.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Event(libc::epoll_event);

impl Event {
    /// For making room.
    pub const NONE: Event = Event(libc::epoll_event { events: 0, u64: 0 });

    /// The number that the registration gave.
    pub fn data(&self) -> u64 {
        self.0.u64
    }

    /// Something can be read, or a read will tell the end or an error.
    pub fn readable(&self) -> bool {
        let bits = libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
        self.0.events & bits as u32 != 0
    }

    /// Something can be written, or a write will tell the error.
    pub fn writable(&self) -> bool {
        self.0.events & (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }

    /// The peer will send no more.
    pub fn read_closed(&self) -> bool {
        self.0.events & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }
}

/// Makes a set.
pub fn create() -> io::Result<OwnedFd> {
    // SAFETY: takes a number only.
    let raw = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the kernel just made it.
    Ok(unsafe { super::fd::own(raw) })
}

/// Adds `fd` to the set for the events of `bits`; `data` comes back with each.
pub fn add(set: &impl AsRawFd, fd: impl AsFd, bits: u32, data: u64) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: bits,
        u64: data,
    };
    let (set, fd) = (set.as_raw_fd(), fd.as_fd().as_raw_fd());
    // SAFETY: two numbers; the event outlives the call.
    check(unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
}

/// Takes `fd` out of the set.
pub fn remove(set: &impl AsRawFd, fd: impl AsFd) -> io::Result<()> {
    let (set, fd) = (set.as_raw_fd(), fd.as_fd().as_raw_fd());
    // SAFETY: two numbers; no event is needed to delete.
    check(unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) }).map(drop)
}

/// Waits for events (`None`: for ever; times are rounded up to milliseconds) and gives how many were written to `events`.
/// While it waits the thread blocks only the signals of `mask` (`None`: those it blocks anyway). A signal's handler ends the
/// wait with `Interrupted`, but only where no event was ready: see `signal::deliver_pending`.
pub fn wait(
    set: &impl AsRawFd,
    events: &mut [Event],
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<usize> {
    let millis = timeout.map_or(-1, |time| {
        let millis = time.as_nanos().div_ceil(1_000_000);
        libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)
    });
    let room = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    let mask = mask.map_or(std::ptr::null(), SignalSet::as_ptr);
    let raw = set.as_raw_fd();
    // SAFETY: Event is an epoll_event by repr(transparent), and there is room for so many; the mask outlives the call.
    let found = unsafe { libc::epoll_pwait(raw, events.as_mut_ptr().cast(), room, millis, mask) };
    check(found).map(|found| found as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::fd;

    #[test]
    fn finds_what_is_ready() {
        let set = create().unwrap();
        let (from, to) = fd::pipe().unwrap();
        add(&set, &from, READ, 7).unwrap();
        let mut events = [Event::NONE; 4];
        assert_eq!(
            wait(&set, &mut events, Some(Duration::ZERO), None).unwrap(),
            0
        );
        fd::write(&to, b"x").unwrap();
        assert_eq!(wait(&set, &mut events, None, None).unwrap(), 1);
        assert!(events[0].data() == 7 && events[0].readable() && !events[0].writable());
        remove(&set, &from).unwrap();
        assert_eq!(
            wait(&set, &mut events, Some(Duration::ZERO), None).unwrap(),
            0
        );
    }
}
