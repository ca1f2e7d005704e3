//! Windows: mio's poller, which asks the socket driver through a completion port of its own. It wants to own what it polls, so
//! each registered socket has a second owner here, which never closes it.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::windows::io::{FromRawSocket, IntoRawSocket};
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Ready;
use crate::os::fd::{AsRawFd, BorrowedFd, RawFd};
use crate::os::signal::SignalSet;

/// Events fetched at once.
const BATCH: usize = 256;

pub(in crate::run) struct Poller {
    inner: RefCell<Inner>,
}

struct Inner {
    poll: Poll,
    events: Events,
    sockets: HashMap<RawFd, Lent>,
}

/// A socket as mio has it (whatever its kind, for only its readiness is asked), with what was said of its registration.
struct Lent(Option<TcpStream>);

impl Lent {
    fn new(raw: RawFd) -> Lent {
        // SAFETY: the socket is open while it is registered, and given up unclosed when this is dropped.
        Lent(Some(unsafe { TcpStream::from_raw_socket(raw) }))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The registration goes, the socket stays with its owner.
        if let Some(stream) = self.0.take() {
            let _ = stream.into_raw_socket();
        }
    }
}

impl Inner {
    fn add(&mut self, raw: RawFd, token: usize, interest: Interest) -> io::Result<()> {
        // A socket that was closed on another thread may have left its number.
        drop(self.sockets.remove(&raw));
        let mut lent = Lent::new(raw);
        if let Some(stream) = &mut lent.0 {
            stream.register(self.poll.registry(), Token(token), interest)?;
        }
        self.sockets.insert(raw, lent);
        Ok(())
    }

    /// Asks again for what was asked for.
    fn again(&self, raw: RawFd) -> io::Result<()> {
        let stream = self.sockets.get(&raw).and_then(|lent| lent.0.as_ref());
        let blocked = || Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock));
        match stream.map_or(Ok(()), |stream| stream.try_io(blocked)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl Poller {
    /// The second owner has to go.
    pub const CLOSING_DEREGISTERS: bool = false;
    /// A state is reported once for each time that it is asked for.
    pub const PARTIAL_MEANS_DRAINED: bool = false;

    pub fn new() -> io::Result<Poller> {
        Ok(Poller {
            inner: RefCell::new(Inner {
                poll: Poll::new()?,
                events: Events::with_capacity(BATCH),
                sockets: HashMap::new(),
            }),
        })
    }

    pub fn waker(&self, token: usize) -> io::Result<Waker> {
        Waker::new(self.inner.borrow().poll.registry(), Token(token))
    }

    /// Adds a socket for changes of either kind; what holds already is reported by the next wait.
    pub fn register(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.inner.borrow_mut().add(fd.as_raw_fd(), token, both)
    }

    /// Called when an operation would block.
    pub fn rearm(&self, fd: BorrowedFd<'_>, _token: usize) -> io::Result<()> {
        self.inner.borrow().again(fd.as_raw_fd())
    }

    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        drop(self.inner.borrow_mut().sockets.remove(&fd.as_raw_fd()));
        Ok(())
    }

    pub fn add_listener(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        let raw = fd.as_raw_fd();
        self.inner.borrow_mut().add(raw, token, Interest::READABLE)
    }

    pub fn remove_listener(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.deregister(fd)
    }

    /// Called after a connection was taken from a listener: others may be waiting.
    pub fn accepted(&self, fd: BorrowedFd<'_>, _token: usize, _count: u32) -> io::Result<()> {
        self.inner.borrow().again(fd.as_raw_fd())
    }

    /// Waits, and puts what is ready into `ready`.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        _mask: Option<&SignalSet>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        ready.clear();
        let inner = &mut *self.inner.borrow_mut();
        inner.poll.poll(&mut inner.events, timeout)?;
        ready.extend(inner.events.iter().map(|event| Ready {
            token: event.token().0,
            readable: event.is_readable() || event.is_read_closed(),
            writable: event.is_writable(),
            closed: event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }
}
