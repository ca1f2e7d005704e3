//! The bytes under a connection: read, vectored write, send file, shut down. Everything from TLS to a handler's body speaks
//! through this trait, so a plain socket, TLS over it and a test's byte slices look the same.
//!
//! `tcp.rs` is the socket, `memory.rs` the test's slices, `io.rs` the async functions that most callers want.

mod io;
mod memory;
mod tcp;

use std::fs::File;
use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::task::{ready, Context, Poll};

pub use io::{
    flush_slices, read, read_until, readable, send_file_all, send_file_all_until, shutdown_write,
    write_all, write_all_until, write_all_vectored, write_all_vectored_until,
};
pub use memory::{MemTransport, Script};
pub use tcp::TcpTransport;

/// One side of a connection. A call that cannot go on now gives `Pending` and has the task woken; nothing of it was done then.
pub trait Transport {
    /// Reads what there is, 0 at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>>;

    /// Waits until a read may find something, without a buffer: for idle connections. The default says that it may.
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Writes some of the bytes, more than none unless there are none.
    fn poll_writev(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<Result<usize>>;

    /// Sends some of the `len` bytes of a file from `offset` on, and gives how many; 0 means that the file ends there. The default
    /// reads and writes.
    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        len: u64,
    ) -> Poll<Result<u64>> {
        poll_copy_file(self, cx, file, offset, len)
    }

    /// Tells the peer that no more will come. Bytes already written still arrive.
    fn poll_shutdown_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// Our side of the connection.
    fn local_addr(&self) -> SocketAddr;

    /// The other side of the connection.
    fn peer_addr(&self) -> SocketAddr;
}

/// Bytes of a file in hand while it is copied: what a socket's buffer takes at once, mostly.
const COPY: usize = 32 * 1024;

/// Sends part of a file through memory: for a transport or a system that cannot do without. What the write did not take is read
/// again, for a call keeps nothing when it gives `Pending`.
pub fn poll_copy_file<T: Transport + ?Sized>(
    transport: &mut T,
    cx: &mut Context<'_>,
    file: &File,
    offset: u64,
    len: u64,
) -> Poll<Result<u64>> {
    let mut buf = [0u8; COPY];
    let want = usize::try_from(len).map_or(COPY, |len| len.min(COPY));
    let got = loop {
        match crate::os::file::read_at(file, &mut buf[..want], offset) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            done => break done?,
        }
    };
    if got == 0 {
        return Poll::Ready(Ok(0));
    }
    let wrote = ready!(transport.poll_writev(cx, &[IoSlice::new(&buf[..got])]))?;
    Poll::Ready(Ok(wrote as u64))
}

#[cfg(test)]
mod tests;
