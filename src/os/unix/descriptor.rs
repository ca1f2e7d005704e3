//! What the log needs of its descriptors: that another file can take the place of one that threads are writing to, that a
//! pipe to a log program holds more than the usual 64 KiB, and whether anybody still writes to it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::poll::{self, Waiting};

/// Makes the descriptor `place` stand for the file of `with`, in one step: whoever writes to `place` at this moment
/// writes to the old file or to the new one. It stays closed on exec.
pub fn replace(place: impl AsFd, with: impl AsFd) -> io::Result<()> {
    let (place, with) = (place.as_fd().as_raw_fd(), with.as_fd().as_raw_fd());
    if place == with {
        return Ok(());
    }
    loop {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: both are open; the number `place` goes on belonging to whoever lent it.
        let result = unsafe { libc::dup3(with, place, libc::O_CLOEXEC) };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        // SAFETY: as above; F_SETFD takes numbers only.
        let result = unsafe {
            let result = libc::dup2(with, place);
            libc::fcntl(place, libc::F_SETFD, libc::FD_CLOEXEC);
            result
        };
        if result != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Has a write to the pipe report `WouldBlock` where it would have to wait for the reader.
pub fn never_wait(pipe: impl AsFd) -> io::Result<()> {
    super::fd::set_nonblocking(pipe, true)
}

/// Waits until the pipe takes more, at most so long. A signal is no answer of the reader's: the caller tries again.
pub fn becomes_writable(pipe: &impl AsFd, limit: Duration) -> bool {
    let ready = poll::wait(&mut [Waiting::to_write(pipe)], Some(limit), None);
    ready.map_or(true, |ready| ready > 0)
}

/// Lets a pipe hold about so many bytes, where the system can do that; a smaller pipe is no error.
pub fn grow_pipe(pipe: impl AsFd, bytes: u32) {
    #[cfg(target_os = "linux")]
    // SAFETY: takes numbers only.
    unsafe {
        libc::fcntl(
            pipe.as_fd().as_raw_fd(),
            libc::F_SETPIPE_SZ,
            bytes as libc::c_int,
        );
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (pipe, bytes);
}

/// Whether the pipe with this reading end is done with: it is empty, and nobody has its writing end any more.
pub fn is_finished(reading_end: impl AsFd) -> bool {
    let mut polled = libc::pollfd {
        fd: reading_end.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live record, as said; it does not wait.
    let ready = unsafe { libc::poll(&mut polled, 1, 0) };
    ready == 1 && polled.revents & (libc::POLLIN | libc::POLLHUP) == libc::POLLHUP
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn another_file_takes_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let mut file = std::fs::File::create(&one).unwrap();
        file.write_all(b"1").unwrap();
        replace(&file, std::fs::File::create(&two).unwrap()).unwrap();
        file.write_all(b"2").unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), b"1");
        assert_eq!(std::fs::read(&two).unwrap(), b"2");
        replace(&file, &file).unwrap();
    }

    #[test]
    fn a_pipe_is_finished_when_empty_and_left() {
        let (read, write) = crate::os::fd::pipe().unwrap();
        grow_pipe(&write, 1 << 17);
        assert!(!is_finished(&read));
        crate::os::fd::write(&write, b"x").unwrap();
        drop(write);
        assert!(!is_finished(&read));
        crate::os::fd::read(&read, &mut [0; 4]).unwrap();
        assert!(is_finished(&read));
    }
}
