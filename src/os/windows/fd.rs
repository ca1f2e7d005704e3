//! Descriptors that can be awaited: sockets. What is a pipe elsewhere is a pair of connected sockets here.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket, RawSocket};

use socket2::{SockRef, Socket};

/// A descriptor that is closed when it is dropped.
pub type OwnedFd = OwnedSocket;
/// A descriptor that somebody else closes.
pub type BorrowedFd<'a> = BorrowedSocket<'a>;
/// Its number.
pub type RawFd = RawSocket;

/// What has a descriptor.
pub trait AsFd {
    /// Lends it.
    fn as_fd(&self) -> BorrowedFd<'_>;
}

impl<T: AsFd + ?Sized> AsFd for &T {
    fn as_fd(&self) -> BorrowedFd<'_> {
        T::as_fd(self)
    }
}

/// What has a descriptor's number.
pub trait AsRawFd {
    /// Tells it.
    fn as_raw_fd(&self) -> RawFd;
}

macro_rules! sockets {
    ($($type:ty)*) => { $(
        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.as_socket()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.as_raw_socket()
            }
        }
    )* };
}
sockets!(OwnedSocket BorrowedSocket<'_> TcpListener TcpStream Socket);

/// Numbers of another process mean nothing in this one.
pub fn inherit(_raw: i32) -> Option<OwnedFd> {
    None
}

/// A way for bytes: (reading end, writing end).
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    super::socket::pair()
}

/// Whether calls wait until they can do something.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    SockRef::from(&fd.as_fd()).set_nonblocking(on)
}

/// Handles made here are not inherited by programs, so there is nothing to do.
pub fn set_close_on_exec(_fd: impl AsFd, _on: bool) -> io::Result<()> {
    Ok(())
}

/// Reads once.
pub fn read(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(&fd.as_fd())).read(buf)
}

/// Writes once.
pub fn write(fd: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    (&*SockRef::from(&fd.as_fd())).write(buf)
}

/// Slices that one [`write_vectored`] takes.
pub const MOST_SLICES: usize = 1024;

/// Writes several slices in one call; more than [`MOST_SLICES`] are left for the next one.
pub fn write_vectored(fd: impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let some = bufs.get(..MOST_SLICES).unwrap_or(bufs);
    (&*SockRef::from(&fd.as_fd())).write_vectored(some)
}
