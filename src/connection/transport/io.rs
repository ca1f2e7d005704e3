//! Async functions over any transport. The `_until` ones end with `TimedOut` when a deadline is over before they are done;
//! `None` is no deadline. What they did until then stays done.

use std::fs::File;
use std::future::{poll_fn, Future};
use std::io::{self, IoSlice};
use std::time::Instant;

use super::Transport;
use crate::run;

/// Reads what there is, 0 at the end.
pub async fn read(transport: &mut dyn Transport, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| transport.poll_read(cx, buf)).await
}

/// As [`read`], until a deadline.
pub async fn read_until(
    transport: &mut dyn Transport,
    buf: &mut [u8],
    deadline: Option<Instant>,
) -> io::Result<usize> {
    until(deadline, read(transport, buf)).await
}

/// Waits until a read may find something, until a deadline.
pub async fn readable(transport: &mut dyn Transport, deadline: Option<Instant>) -> io::Result<()> {
    until(deadline, poll_fn(|cx| transport.poll_read_ready(cx))).await
}

/// Writes all bytes of all slices; what is left of them is empty afterwards. `WriteZero` if the transport takes nothing.
pub async fn write_all_vectored(
    transport: &mut dyn Transport,
    bufs: &mut [IoSlice<'_>],
) -> io::Result<()> {
    let mut left = bufs;
    // Empty slices at the front would look like a transport that takes nothing.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        let wrote = poll_fn(|cx| transport.poll_writev(cx, left)).await?;
        if wrote == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, wrote);
    }
    Ok(())
}

/// As [`write_all_vectored`], until a deadline.
pub async fn write_all_vectored_until(
    transport: &mut dyn Transport,
    bufs: &mut [IoSlice<'_>],
    deadline: Option<Instant>,
) -> io::Result<()> {
    until(deadline, write_all_vectored(transport, bufs)).await
}

/// Writes all bytes.
pub async fn write_all(transport: &mut dyn Transport, bytes: &[u8]) -> io::Result<()> {
    write_all_vectored(transport, &mut [IoSlice::new(bytes)]).await
}

/// As [`write_all`], until a deadline.
pub async fn write_all_until(
    transport: &mut dyn Transport,
    bytes: &[u8],
    deadline: Option<Instant>,
) -> io::Result<()> {
    until(deadline, write_all(transport, bytes)).await
}

/// Writes some of the slices' bytes and drops them from `bufs`: for a caller that gives each write its own time limit
/// (TimeOut is between two of them, not for all). Tells whether anything is left.
pub async fn flush_slices(
    transport: &mut dyn Transport,
    bufs: &mut &mut [IoSlice<'_>],
    deadline: Option<Instant>,
) -> io::Result<bool> {
    IoSlice::advance_slices(bufs, 0);
    if bufs.is_empty() {
        return Ok(false);
    }
    let wrote = until(deadline, poll_fn(|cx| transport.poll_writev(cx, bufs))).await?;
    if wrote == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    IoSlice::advance_slices(bufs, wrote);
    Ok(!bufs.is_empty())
}

/// Sends `len` bytes of a file from `offset` on. `UnexpectedEof` if the file became shorter.
pub async fn send_file_all(
    transport: &mut dyn Transport,
    file: &File,
    mut offset: u64,
    len: u64,
) -> io::Result<()> {
    let end = offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
    while offset < end {
        let sent = poll_fn(|cx| transport.poll_send_file(cx, file, offset, end - offset)).await?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += sent;
    }
    Ok(())
}

/// As [`send_file_all`], until a deadline.
pub async fn send_file_all_until(
    transport: &mut dyn Transport,
    file: &File,
    offset: u64,
    len: u64,
    deadline: Option<Instant>,
) -> io::Result<()> {
    until(deadline, send_file_all(transport, file, offset, len)).await
}

/// Tells the peer that no more will come.
pub async fn shutdown_write(transport: &mut dyn Transport) -> io::Result<()> {
    poll_fn(|cx| transport.poll_shutdown_write(cx)).await
}

async fn until<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match deadline {
        None => future.await,
        Some(deadline) => run::timeout_at(deadline, future).await?,
    }
}
