//! Every other system: mio's poller, which is kqueue on the BSDs and macOS, epoll on illumos, and poll where there is nothing
//! better. A signal mask is honoured by waiting in ppoll for the poller's own descriptor first.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Ready;
use crate::os::signal::SignalSet;

/// Events fetched at once.
const BATCH: usize = 256;

pub(in crate::run) struct Poller {
    inner: RefCell<(Poll, Events)>,
}

#[cfg_attr(target_os = "linux", allow(dead_code))] // Linux builds it for its tests only
impl Poller {
    /// Not everywhere does a closed descriptor leave the set by itself.
    pub const CLOSING_DEREGISTERS: bool = false;
    /// Not known of every system.
    pub const PARTIAL_MEANS_DRAINED: bool = false;

    pub fn new() -> io::Result<Poller> {
        let inner = (Poll::new()?, Events::with_capacity(BATCH));
        Ok(Poller {
            inner: RefCell::new(inner),
        })
    }

    #[cfg_attr(not(threaded), allow(dead_code))]
    pub fn waker(&self, token: usize) -> io::Result<Waker> {
        Waker::new(self.inner.borrow().0.registry(), Token(token))
    }

    /// Adds a descriptor for changes of either kind; what holds already is reported by the next wait.
    pub fn register(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        self.add(fd, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Called when an operation would block: where mio stands on poll it reports each state once and must be asked again.
    pub fn rearm(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        if cfg!(not(any(
            target_os = "haiku",
            target_os = "aix",
            target_os = "hurd",
            target_os = "cygwin"
        ))) {
            return Ok(());
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        self.inner.borrow().0.registry().reregister(
            &mut SourceFd(&fd.as_raw_fd()),
            Token(token),
            both,
        )
    }

    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.inner
            .borrow()
            .0
            .registry()
            .deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    pub fn add_listener(&self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        self.add(fd, token, Interest::READABLE)
    }

    pub fn remove_listener(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.deregister(fd)
    }

    /// Called after a connection was taken from a listener: asks again, for others may be waiting.
    pub fn accepted(&self, fd: BorrowedFd<'_>, token: usize, _count: u32) -> io::Result<()> {
        let inner = self.inner.borrow();
        inner.0.registry().reregister(
            &mut SourceFd(&fd.as_raw_fd()),
            Token(token),
            Interest::READABLE,
        )
    }

    fn add(&self, fd: BorrowedFd<'_>, token: usize, interest: Interest) -> io::Result<()> {
        self.inner.borrow().0.registry().register(
            &mut SourceFd(&fd.as_raw_fd()),
            Token(token),
            interest,
        )
    }

    /// Waits, and puts what is ready into `ready`. `Interrupted` if a signal's handler ran.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        mask: Option<&SignalSet>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        ready.clear();
        let (poll, events) = &mut *self.inner.borrow_mut();
        match mask {
            None => poll.poll(events, timeout)?,
            Some(mask) => {
                let rest = wait_with_mask(poll, timeout, mask)?;
                poll.poll(events, Some(rest))?;
            }
        }
        ready.extend(events.iter().map(|event| Ready {
            token: event.token().0,
            readable: event.is_readable() || event.is_read_closed(),
            writable: event.is_writable(),
            closed: event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }
}

/// Waits with the mask until the poller has something to tell; it is then asked without waiting.
#[cfg(not(any(target_os = "haiku", target_os = "aix")))]
fn wait_with_mask(
    poll: &Poll,
    timeout: Option<Duration>,
    mask: &SignalSet,
) -> io::Result<Duration> {
    crate::os::poll::wait_readable(poll, timeout, Some(mask))?;
    Ok(Duration::ZERO)
}

/// Where mio's poller is no descriptor: in short steps, letting signals in before each.
#[cfg(any(target_os = "haiku", target_os = "aix"))]
fn wait_with_mask(
    _poll: &Poll,
    timeout: Option<Duration>,
    mask: &SignalSet,
) -> io::Result<Duration> {
    let step = Duration::from_millis(100);
    crate::os::signal::deliver_pending(mask)?;
    Ok(timeout.map_or(step, |timeout| timeout.min(step)))
}
