//! Waiting for descriptors without a set kept in the kernel: for the parent's loop, for start-up, and for systems whose
//! better way is not known here.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use super::check;
use super::signal::SignalSet;

/// One descriptor to wait for.
#[derive(Debug)]
pub struct Waiting<'a> {
    fd: BorrowedFd<'a>,
    read: bool,
    write: bool,
    /// Something can be read, or the other side is gone. Set by [`wait`].
    pub readable: bool,
    /// Something can be written, or the other side is gone. Set by [`wait`].
    pub writable: bool,
}

impl<'a> Waiting<'a> {
    /// Waits until it can be read.
    pub fn to_read(fd: &'a impl AsFd) -> Waiting<'a> {
        Waiting {
            fd: fd.as_fd(),
            read: true,
            write: false,
            readable: false,
            writable: false,
        }
    }

    /// Waits until it can be written.
    pub fn to_write(fd: &'a impl AsFd) -> Waiting<'a> {
        Waiting {
            fd: fd.as_fd(),
            read: false,
            write: true,
            readable: false,
            writable: false,
        }
    }
}

/// Waits until one of `fds` is ready or the time is over, and gives how many are. While it waits the thread blocks only the
/// signals of `mask` (`None`: those it blocks anyway). A signal's handler ends the wait with `Interrupted`.
pub fn wait(
    fds: &mut [Waiting<'_>],
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<usize> {
    let mut polled: Vec<libc::pollfd> = fds
        .iter()
        .map(|fd| {
            let read = if fd.read { libc::POLLIN } else { 0 };
            let write = if fd.write { libc::POLLOUT } else { 0 };
            libc::pollfd {
                fd: fd.fd.as_raw_fd(),
                events: read | write,
                revents: 0,
            }
        })
        .collect();
    let ready = poll(&mut polled, timeout, mask)?;
    let gone = libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
    for (fd, polled) in fds.iter_mut().zip(&polled) {
        fd.readable = fd.read && polled.revents & (libc::POLLIN | gone) != 0;
        fd.writable = fd.write && polled.revents & (libc::POLLOUT | gone) != 0;
    }
    Ok(ready)
}

/// Waits until one descriptor, which may be a poller's own, has something to read; tells whether it has.
pub fn wait_readable(
    fd: &impl AsRawFd,
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<bool> {
    let mut one = [libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    }];
    poll(&mut one, timeout, mask).map(|ready| ready > 0)
}

fn timespec(timeout: Duration) -> libc::timespec {
    // SAFETY: a timespec of zeroes is a valid one (some systems have padding in it).
    let mut spec: libc::timespec = unsafe { std::mem::zeroed() };
    spec.tv_sec = timeout.as_secs().min(i32::MAX as u64) as _; // any width of time_t holds it
    spec.tv_nsec = timeout.subsec_nanos() as _; // below 10^9, fits any width
    spec
}

fn pointer<T>(value: Option<&T>) -> *const T {
    value.map_or(std::ptr::null(), |value| value)
}

#[cfg(not(any(target_vendor = "apple", target_os = "solaris", target_os = "illumos")))]
fn poll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<usize> {
    let spec = timeout.map(timespec);
    let mask = mask.map_or(std::ptr::null(), SignalSet::as_ptr);
    // SAFETY: the slice is as long as said; time and mask outlive the call or are null.
    let ready = unsafe {
        libc::ppoll(
            fds.as_mut_ptr(),
            fds.len() as _,
            pointer(spec.as_ref()),
            mask,
        )
    };
    check(ready).map(|ready| ready as usize)
}

/// Without ppoll: pselect waits with the mask, poll then tells what is ready.
#[cfg(any(target_vendor = "apple", target_os = "solaris", target_os = "illumos"))]
fn poll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<usize> {
    if let Some(mask) = mask {
        select(fds, timeout, mask)?;
    }
    let millis = match (mask, timeout) {
        (Some(_), _) => 0,
        (None, None) => -1,
        (None, Some(time)) => {
            libc::c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
        }
    };
    // SAFETY: the slice is as long as said.
    check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as _, millis) })
        .map(|ready| ready as usize)
}

#[cfg(any(target_vendor = "apple", target_os = "solaris", target_os = "illumos"))]
fn select(fds: &[libc::pollfd], timeout: Option<Duration>, mask: &SignalSet) -> io::Result<()> {
    // SAFETY: zeroed sets are empty ones; only numbers below FD_SETSIZE are put in.
    let (mut read, mut write): (libc::fd_set, libc::fd_set) = unsafe { std::mem::zeroed() };
    let mut limit = 0;
    for fd in fds {
        if usize::try_from(fd.fd).map_or(true, |n| n >= libc::FD_SETSIZE as usize) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let set = if fd.events & libc::POLLIN != 0 {
            &mut read
        } else {
            &mut write
        };
        // SAFETY: the number is below FD_SETSIZE.
        unsafe { libc::FD_SET(fd.fd, set) };
        limit = limit.max(fd.fd + 1);
    }
    let spec = timeout.map(timespec);
    let none = std::ptr::null_mut();
    // SAFETY: sets, time and mask outlive the call.
    check(unsafe {
        libc::pselect(
            limit,
            &mut read,
            &mut write,
            none,
            pointer(spec.as_ref()),
            mask.as_ptr(),
        )
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{fd, signal};

    #[test]
    fn tells_which_is_ready() {
        let (from, to) = fd::pipe().unwrap();
        let (quiet, _open) = fd::pipe().unwrap();
        let mut fds = [
            Waiting::to_read(&from),
            Waiting::to_read(&quiet),
            Waiting::to_write(&to),
        ];
        assert_eq!(wait(&mut fds, None, None).unwrap(), 1);
        assert!(!fds[0].readable && !fds[1].readable && fds[2].writable);
        fd::write(&to, b"x").unwrap();
        assert_eq!(wait(&mut fds[..2], None, None).unwrap(), 1);
        assert!(fds[0].readable && !fds[1].readable);
        assert_eq!(
            wait(&mut fds[1..2], Some(Duration::from_millis(1)), None).unwrap(),
            0
        );
    }

    #[test]
    fn a_pending_signal_ends_the_wait() {
        crate::os::alone(|| {
            let signal = libc::SIGCONT;
            signal::catch(signal).unwrap();
            let before = signal::block(&SignalSet::of(&[signal])).unwrap();
            // SAFETY: takes a number only.
            unsafe { libc::raise(signal) };
            let (quiet, _open) = fd::pipe().unwrap();
            let woken = wait(&mut [Waiting::to_read(&quiet)], None, Some(&before));
            assert_eq!(woken.unwrap_err().kind(), io::ErrorKind::Interrupted);
            assert!(signal::take(signal));
            signal::set_mask(&before).unwrap();
        });
    }
}
