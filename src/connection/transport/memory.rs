//! A transport of byte slices, for tests of all that stands on one: what the peer sends is scripted, step by step, and what it
//! was sent is looked at afterwards.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::Transport;

/// One step of what the peer does; each read takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Bytes that arrive together. A read with a smaller buffer leaves the rest for the next.
    Bytes(Vec<u8>),
    /// Nothing has arrived: the read is `Pending`, the task is woken at once.
    Wait,
    /// Nothing will ever arrive: the read is `Pending` and nobody is woken. The step stays.
    Hang,
    /// The read fails.
    Fail(io::ErrorKind),
}

/// A transport whose peer follows a script and then ends its side.
#[derive(Debug)]
pub struct MemTransport {
    script: VecDeque<Script>,
    written: Vec<u8>,
    /// Bytes one write takes at most.
    most: usize,
    /// Writes still to be made `Pending`, one before each that succeeds.
    slow: bool,
    waited: bool,
    /// The kind of error that writes meet.
    broken: Option<io::ErrorKind>,
    shut_down: bool,
    reads: usize,
    local: SocketAddr,
    peer: SocketAddr,
}

impl MemTransport {
    /// A peer that does these steps.
    pub fn new(script: impl IntoIterator<Item = Script>) -> MemTransport {
        MemTransport {
            script: script.into_iter().collect(),
            written: Vec::new(),
            most: usize::MAX,
            slow: false,
            waited: false,
            broken: None,
            shut_down: false,
            reads: 0,
            local: SocketAddr::from(([127, 0, 0, 1], 80)),
            peer: SocketAddr::from(([127, 0, 0, 1], 50000)),
        }
    }

    /// A peer that sends these slices, each arriving by itself.
    pub fn of(slices: &[&[u8]]) -> MemTransport {
        MemTransport::new(slices.iter().map(|slice| Script::Bytes(slice.to_vec())))
    }

    /// A peer that sends these bytes, each arriving by itself: the worst that a network can do.
    pub fn byte_by_byte(bytes: &[u8]) -> MemTransport {
        let steps = bytes
            .iter()
            .flat_map(|&byte| [Script::Wait, Script::Bytes(vec![byte])]);
        MemTransport::new(steps)
    }

    /// Every write takes at most `most` bytes, and only after it was `Pending` once.
    #[must_use]
    pub fn writing_slowly(mut self, most: usize) -> MemTransport {
        (self.most, self.slow) = (most.max(1), true);
        self
    }

    /// Every write fails.
    #[must_use]
    pub fn broken(mut self, kind: io::ErrorKind) -> MemTransport {
        self.broken = Some(kind);
        self
    }

    /// The addresses it claims to have.
    #[must_use]
    pub fn with_addresses(mut self, local: SocketAddr, peer: SocketAddr) -> MemTransport {
        (self.local, self.peer) = (local, peer);
        self
    }

    /// One more step at the end.
    pub fn push(&mut self, step: Script) {
        self.script.push_back(step);
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// What was written since this was last asked.
    pub fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    /// Whether the writing side was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.shut_down
    }

    /// Reads so far, those that found nothing too.
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// Whether the peer has done all of its script.
    pub fn is_read_up(&self) -> bool {
        self.script.is_empty()
    }

    fn poll_before_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.slow && !std::mem::replace(&mut self.waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        match self.broken {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None if self.shut_down => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Transport for MemTransport {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.reads += 1;
        match self.script.front_mut() {
            None => Poll::Ready(Ok(0)),
            Some(Script::Hang) => Poll::Pending,
            Some(Script::Wait) => {
                self.script.pop_front();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Script::Fail(kind)) => {
                let kind = *kind;
                self.script.pop_front();
                Poll::Ready(Err(kind.into()))
            }
            Some(Script::Bytes(bytes)) => {
                let n = bytes.len().min(buf.len());
                buf[..n].copy_from_slice(&bytes[..n]);
                bytes.drain(..n);
                if bytes.is_empty() {
                    self.script.pop_front();
                }
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.script.front() {
            Some(Script::Hang) => Poll::Pending,
            Some(Script::Wait) => {
                self.script.pop_front();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_writev(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_before_write(cx))?;
        let mut taken = 0;
        for buf in bufs {
            let n = buf.len().min(self.most - taken);
            self.written.extend_from_slice(&buf[..n]);
            taken += n;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_shutdown_write(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}
