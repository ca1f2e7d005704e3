//! Descriptors: pipes, flags, plain reads and writes on borrowed ones. A descriptor made here is closed in programs that
//! the server starts.

use std::io;
use std::os::fd::FromRawFd;
pub use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{check, check_size, restart};

/// Owns a descriptor that a system call just made.
///
/// # Safety
/// `raw` is open and nobody else owns it.
pub(super) unsafe fn own(raw: RawFd) -> OwnedFd {
    // SAFETY: as the caller promises.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

/// Takes a descriptor over by its number, as a parent handed it down (LISTEN_FDS, a spawner's pipe). `None` if nothing is
/// open there. The caller vouches that nobody in this process owns it; the standard three are refused.
pub fn inherit(raw: RawFd) -> Option<OwnedFd> {
    // SAFETY: F_GETFD on any number is harmless.
    if raw < 3 || unsafe { libc::fcntl(raw, libc::F_GETFD) } == -1 {
        return None;
    }
    // SAFETY: it is open, and the caller vouches for the rest.
    Some(unsafe { own(raw) })
}

/// A pipe: (reading end, writing end), both closed on exec.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    #[cfg(not(any(target_vendor = "apple", target_os = "haiku", target_os = "aix")))]
    // SAFETY: room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    #[cfg(any(target_vendor = "apple", target_os = "haiku", target_os = "aix"))]
    // SAFETY: room for two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: the kernel just made them.
    let (read, write) = unsafe { (own(ends[0]), own(ends[1])) };
    #[cfg(any(target_vendor = "apple", target_os = "haiku", target_os = "aix"))]
    {
        set_close_on_exec(&read, true)?;
        set_close_on_exec(&write, true)?;
    }
    Ok((read, write))
}

/// Sets or clears O_NONBLOCK. The flag belongs to the open file, so it shows in every process that has it.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: takes numbers only.
    let flags = check(unsafe { libc::fcntl(raw, libc::F_GETFL) })?;
    let wanted = if on {
        flags | libc::O_NONBLOCK
    } else {
        flags & !libc::O_NONBLOCK
    };
    if wanted != flags {
        // SAFETY: takes numbers only.
        check(unsafe { libc::fcntl(raw, libc::F_SETFL, wanted) })?;
    }
    Ok(())
}

/// Whether O_NONBLOCK is set.
pub fn is_nonblocking(fd: impl AsFd) -> io::Result<bool> {
    // SAFETY: takes numbers only.
    let flags = check(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) })?;
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// Whether programs started from here see the descriptor.
pub fn set_close_on_exec(fd: impl AsFd, on: bool) -> io::Result<()> {
    let flags = if on { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: takes numbers only.
    check(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETFD, flags) }).map(drop)
}

/// Puts a second name for `fd` at the number `at`, closing what was there. This is for the standard three, in a process that
/// becomes a daemon or is about to start a program.
pub fn duplicate_to_standard(fd: impl AsFd, at: RawFd) -> io::Result<()> {
    if !(0..3).contains(&at) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: the standard three are never owned by an OwnedFd here.
    restart(|| check(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), at) })).map(drop)
}

/// Reads once; `Interrupted` is retried.
pub fn read(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the buffer is as long as said.
    restart(|| check_size(unsafe { libc::read(raw, buf.as_mut_ptr().cast(), buf.len()) }))
}

/// Writes once; `Interrupted` is retried. Up to PIPE_BUF bytes on a pipe arrive in one piece.
pub fn write(fd: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the buffer is as long as said.
    restart(|| check_size(unsafe { libc::write(raw, buf.as_ptr().cast(), buf.len()) }))
}

/// Slices that one [`write_vectored`] takes: the least any system here allows.
pub const MOST_SLICES: usize = 1024;

/// Writes several slices in one call; more than [`MOST_SLICES`] are left for the next one.
pub fn write_vectored(fd: impl AsFd, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    let raw = fd.as_fd().as_raw_fd();
    let count = bufs.len().min(MOST_SLICES) as libc::c_int;
    // SAFETY: IoSlice has the layout of iovec on Unix, and so many of them are there.
    restart(|| check_size(unsafe { libc::writev(raw, bufs.as_ptr().cast(), count) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_carries_bytes() {
        let (from, to) = pipe().unwrap();
        assert_eq!(
            write_vectored(&to, &[io::IoSlice::new(b"ab"), io::IoSlice::new(b"c")]).unwrap(),
            3
        );
        assert_eq!(write(&to, b"d").unwrap(), 1);
        let mut buf = [0; 8];
        assert_eq!(read(&from, &mut buf).unwrap(), 4);
        assert_eq!(&buf[..4], b"abcd");
        set_nonblocking(&from, true).unwrap();
        assert!(is_nonblocking(&from).unwrap());
        assert_eq!(
            read(&from, &mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(to);
        assert_eq!(read(&from, &mut buf).unwrap(), 0);
    }

    #[test]
    fn nothing_is_inherited_from_nowhere() {
        assert!(inherit(0).is_none() && inherit(-1).is_none() && inherit(1_000_000).is_none());
    }
}
