//! The writing side of an HTTP/1.x connection: a response's head and body, framed, gathered and sent.

use super::super::response;
use super::super::transport::Transport;
use super::{timed, Body, Http1};
use crate::filters::{Brigade, Bucket, FileRange};
use crate::protocol::http1::chunked;
use crate::request::Request;
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{ready, Context, Poll};

/// Responses wait in memory up to this size for the answers to pipelined requests behind them, and files are read in
/// pieces of it.
const GATHER: usize = 64 * 1024;
/// Files up to this size are read and leave in one write with their head.
const SMALL_FILE: u64 = 32 * 1024;

/// Answers up to this size are copied to one place before they are sent.
const TOGETHER: usize = 8 * 1024;

/// Pieces that one write takes at most.
const SLICES: usize = 32;

impl Http1 {
    /// See [`Exchange::spoil`].
    pub fn spoil(&mut self) {
        self.broken = true;
    }

    /// True if the head of the final response has been made.
    pub fn is_committed(&self) -> bool {
        self.framed.is_some()
    }

    /// True if the connection will wait for another request behind the response that was made.
    pub fn stays_alive(&self) -> bool {
        self.keep_alive && !self.broken && self.framed.is_some()
    }

    /// Bytes read that no request has taken yet, and bytes made that wait to be sent.
    pub fn backlog(&self) -> (u64, u64) {
        let unsent: usize = self.output.iter().map(Bytes::len).sum();
        // Behind a request that was refused nothing is a request.
        let unread = if self.keep_alive { self.input.len() } else { 0 };
        (unread as u64, unsent as u64)
    }

    /// Frames what the filters let through, and sends it; with `last` the response is complete.
    pub async fn send(&mut self, r: &mut Request, last: bool) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.framed.is_none() {
            if !last && r.out.ready.is_empty() {
                return Ok(());
            }
            self.begin(r, last);
        }
        let brigade = std::mem::take(&mut r.out.ready);
        let result = match self.push_all(r, brigade) {
            Ok(()) => self.send_pushed(r, last).await,
            Err(brigade) => Box::pin(self.send_brigade(r, brigade, last)).await,
        };
        self.broken |= result.is_err();
        result
    }

    /// Puts a body that is in memory and not large behind what waits to be sent. Gives any other back.
    fn push_all(&mut self, r: &mut Request, brigade: Brigade) -> Result<(), Brigade> {
        let Some(framed) = &self.framed else {
            return Err(brigade);
        };
        let threshold = threshold(r);
        let plain = |bucket: &Bucket| matches!(bucket, Bucket::Bytes(_) | Bucket::End);
        let fits = self.output_len as u64 + brigade.len() <= threshold as u64;
        if framed.chunked || !fits || !brigade.buckets.iter().all(plain) {
            return Err(brigade);
        }
        if framed.has_body {
            for bucket in brigade.buckets {
                if let Bucket::Bytes(bytes) = bucket {
                    r.bytes_sent += bytes.len() as u64;
                    self.push(bytes);
                }
            }
        }
        Ok(())
    }

    /// Sends what waits, unless it may travel with the next answer.
    async fn send_pushed(&mut self, r: &Request, last: bool) -> io::Result<()> {
        if last && self.may_hold(r) {
            self.held += 1;
            return Ok(());
        }
        // Nearly always the socket takes all of it.
        let at_once = poll_fn(|cx| Poll::Ready(self.poll_write(cx))).await;
        match at_once {
            Poll::Ready(Ok(())) if self.output.is_empty() => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            _ => Box::pin(self.flush()).await,
        }
    }

    /// Makes the head: from here on nothing of it can be changed.
    fn begin(&mut self, r: &mut Request, last: bool) {
        let may_keep = self.keep_alive && !self.ctx.host.closing();
        let unread = !matches!(self.body, Body::Done) && r.expecting_continue;
        let framed = response::frame(r, last, may_keep && !unread);
        self.keep_alive = framed.keep_alive;
        if !framed.head.is_empty() {
            self.push(framed.head.clone());
        }
        self.framed = Some(framed);
    }

    async fn send_brigade(
        &mut self,
        r: &mut Request,
        brigade: Brigade,
        last: bool,
    ) -> io::Result<()> {
        let (chunks, has_body) = self
            .framed
            .as_ref()
            .map_or((false, false), |f| (f.chunked, f.has_body));
        let threshold = threshold(r);
        for bucket in brigade.buckets {
            if !has_body {
                continue;
            }
            r.bytes_sent += bucket.len();
            if chunks && !bucket.is_empty() {
                self.push(Bytes::copy_from_slice(
                    chunked::size_line(bucket.len()).as_bytes(),
                ));
            }
            let framed = chunks && !bucket.is_empty();
            match bucket {
                Bucket::Bytes(bytes) => self.push(bytes),
                Bucket::File(range) => self.send_file(range).await?,
                Bucket::Flush => self.flush().await?,
                Bucket::End => {}
            }
            if framed {
                self.push(Bytes::from_static(chunked::CHUNK_END));
            }
            if self.output_len > threshold {
                self.flush().await?;
            }
        }
        if last && chunks && has_body {
            self.push(Bytes::from_static(chunked::LAST));
        }
        self.send_pushed(r, last).await
    }

    /// A pipelined request's answer may travel with the next one's, as far as FlushMaxPipelined allows.
    fn may_hold(&self, r: &Request) -> bool {
        let most = r.core_server().flush_max_pipelined.unwrap_or(5);
        self.keep_alive && !self.input.is_empty() && (most < 0 || self.held < most)
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.output_len += bytes.len();
        self.output.push(bytes);
    }

    /// A small file is read and goes with what is waiting; a large one by sendfile, or read piece by piece.
    async fn send_file(&mut self, range: FileRange) -> io::Result<()> {
        if range.len <= SMALL_FILE {
            let mut bytes = Vec::new();
            range.read_into(&mut bytes)?;
            self.push(Bytes::from(bytes));
            return Ok(());
        }
        if !range.sendfile {
            return self.copy_file(range).await;
        }
        self.flush().await?;
        let (mut offset, end) = (range.offset, range.offset + range.len);
        while offset < end {
            let transport = &mut self.transport;
            let send =
                poll_fn(|cx| transport.poll_send_file(cx, &range.file, offset, end - offset));
            let sent = timed(self.timeout, send).await?;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += sent;
            self.info.bytes_out.set(self.info.bytes_out.get() + sent);
        }
        Ok(())
    }

    async fn copy_file(&mut self, range: FileRange) -> io::Result<()> {
        let (mut offset, end) = (range.offset, range.offset + range.len);
        while offset < end {
            let len = (end - offset).min(GATHER as u64);
            let mut bytes = Vec::new();
            FileRange {
                offset,
                len,
                ..range.clone()
            }
            .read_into(&mut bytes)?;
            self.push(Bytes::from(bytes));
            self.flush().await?;
            offset += len;
        }
        Ok(())
    }

    /// Writes all that is waiting. A peer that takes nothing for TimeOut is given up.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let timeout = self.timeout;
            timed(timeout, poll_fn(|cx| self.poll_write(cx))).await?;
        }
        Ok(())
    }

    /// Writes some of what is waiting.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (transport, output) = (&mut self.transport, &self.output);
        // Small pieces are put together: that is cheaper than to tell the kernel of each.
        let written = if self.output_len <= TOGETHER && output.len() > 1 {
            let mut together = self.ctx.write_buffer.borrow_mut();
            together.clear();
            output
                .iter()
                .for_each(|bytes| together.extend_from_slice(bytes));
            transport.poll_writev(cx, &[IoSlice::new(&together)])
        } else {
            let mut slices = [IoSlice::new(b""); SLICES];
            let used = output.len().min(SLICES);
            for (slice, bytes) in slices.iter_mut().zip(output) {
                *slice = IoSlice::new(bytes);
            }
            transport.poll_writev(cx, &slices[..used])
        };
        match ready!(written)? {
            0 if self.output_len > 0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => {
                self.wrote(written);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Takes away what was written.
    fn wrote(&mut self, mut written: usize) {
        self.info
            .bytes_out
            .set(self.info.bytes_out.get() + written as u64);
        self.output_len -= written;
        if self.output_len == 0 {
            self.held = 0;
            return self.output.clear();
        }
        let mut whole = |bytes: &Bytes| {
            let taken = bytes.len() <= written;
            written -= if taken { bytes.len() } else { 0 };
            taken
        };
        let done = self.output.iter().take_while(|bytes| whole(bytes)).count();
        self.output.drain(..done);
        if let Some(bytes) = self.output.first_mut() {
            bytes.advance(written);
        }
    }
}

/// What waits beyond this is sent before more is gathered (FlushMaxThreshold), in bytes.
fn threshold(r: &Request) -> usize {
    r.core_server().flush_max_threshold.unwrap_or(GATHER - 1)
}
