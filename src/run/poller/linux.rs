//! Linux: mio keeps the set and makes the waker; listeners are added and the set is awaited past it, on its own descriptor.
//!
//! A listener is registered with EPOLLEXCLUSIVE, so that a new connection wakes one of the processes and threads that wait for
//! it. That alone gives every connection to the same one; a listener that is removed and added anew now and then goes to the end
//! of the kernel's list, which spreads them.

use crate::os::fd::{AsRawFd, BorrowedFd};
use std::cell::RefCell;
use std::io;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};

use super::Ready;
use crate::os::epoll;
use crate::os::signal::SignalSet;

/// Events fetched at once.
const BATCH: usize = 256;
/// After so many connections a listener is added anew.
const RENEW_EVERY: u32 = 16;

pub(in crate::run) struct Poller {
    poll: Poll,
    /// Made at the first wait: most threads of a large pool wait elsewhere.
    events: RefCell<Vec<epoll::Event>>,
}

impl Poller {
    /// Closing a descriptor takes it out of the set, if no other process has the same open file.
    pub const CLOSING_DEREGISTERS: bool = true;
    /// After a read that filled only part of its buffer (a write that took only part of its bytes), the next change of state is
    /// reported: there is no need to try again and be told that it would block.
    pub const PARTIAL_MEANS_DRAINED: bool = true;

    pub fn new() -> io::Result<Poller> {
        Ok(Poller {
            poll: Poll::new()?,
            events: RefCell::default(),
        })
    }

    #[cfg_attr(not(threaded), allow(dead_code))]
    pub fn waker(&self, token: usize) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), Token(token))
    }

    /// Adds a descriptor for changes of either kind; what holds already is reported by the next wait.
    pub fn register(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        let (raw, both) = (fd.as_raw_fd(), Interest::READABLE | Interest::WRITABLE);
        let (source, token) = (&mut SourceFd(&raw), Token(token));
        match self.poll.registry().register(source, token, both) {
            // It was closed under this number while another descriptor kept its file open: it is still in the set.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.poll.registry().reregister(source, token, both)
            }
            done => done,
        }
    }

    /// Called when an operation would block: nothing to do, a change of state is always reported.
    pub fn rearm(&self, _fd: BorrowedFd<'_>, _token: usize) -> io::Result<()> {
        Ok(())
    }

    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poll
            .registry()
            .deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    pub fn add_listener(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        epoll::add(&self.poll, fd, epoll::LISTEN, token as u64)
    }

    pub fn remove_listener(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        epoll::remove(&self.poll, fd)
    }

    /// Called after the `count`th connection was taken from a listener.
    pub fn accepted(&self, fd: BorrowedFd<'_>, token: usize, count: u32) -> io::Result<()> {
        if count % RENEW_EVERY != 0 {
            return Ok(());
        }
        self.remove_listener(fd)?;
        self.add_listener(fd, token)
    }

    /// Waits, and puts what is ready into `ready`. `Interrupted` if a signal's handler ran.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        mask: Option<&SignalSet>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        ready.clear();
        let mut events = self.events.borrow_mut();
        if events.is_empty() {
            events.resize(BATCH, epoll::Event::NONE);
        }
        let found = epoll::wait(&self.poll, &mut events, timeout, mask)?;
        ready.extend(events.iter().take(found).map(|event| Ready {
            token: event.data() as usize,
            readable: event.readable(),
            writable: event.writable(),
            closed: event.read_closed(),
        }));
        Ok(())
    }
}
