//! The few system calls that only MPMs need.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::os::fd::set_close_on_exec;

/// Processor time of this process so far, in microseconds: user, system, ended children's user, ended children's system.
pub fn cpu_times() -> [u64; 4] {
    let [user, system] = usage(libc::RUSAGE_SELF);
    let [child_user, child_system] = usage(libc::RUSAGE_CHILDREN);
    [user, system, child_user, child_system]
}

fn usage(who: libc::c_int) -> [u64; 2] {
    // SAFETY: zeroed numbers are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the record is ours and large enough.
    if unsafe { libc::getrusage(who, &mut usage) } != 0 {
        return [0; 2];
    }
    let micros = |t: libc::timeval| (t.tv_sec as u64) * 1_000_000 + t.tv_usec as u64;
    [micros(usage.ru_utime), micros(usage.ru_stime)]
}

/// Puts `/dev/null` in the place of a descriptor, so that this process no longer holds what it stood for, while its owner
/// (here: an immutable generation) still owns a valid descriptor. For a listening socket this is how a process stops
/// listening without disturbing the others that share the socket.
pub fn let_go(fd: impl AsFd) -> io::Result<()> {
    let nothing = File::open("/dev/null")?;
    let fd = fd.as_fd();
    // SAFETY: both descriptors are open, and `fd` stays owned by whoever owns it: only what it refers to changes.
    let done = unsafe { libc::dup2(nothing.as_raw_fd(), fd.as_raw_fd()) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    // A program that another thread starts right now is lent /dev/null, which harms nobody.
    set_close_on_exec(fd, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_let_go_is_closed_for_the_other_side() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let_go(&other).unwrap();
        assert_eq!(one.read(&mut [0; 1]).unwrap(), 0);
        drop(other);
    }

    #[test]
    fn time_passes() {
        let before = cpu_times();
        let mut sum = 0u64;
        while cpu_times()[0] + cpu_times()[1] <= before[0] + before[1] {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
