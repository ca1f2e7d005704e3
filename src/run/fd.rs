//! A descriptor that a task waits for: a connection's socket, a pipe, anything that can be polled. It joins the poller when
//! an operation would block for the first time, and stays until it is dropped, across requests and while it is parked.

use crate::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::executor::Home;
use super::slots::{Direction, Token};
use super::Executor;

/// A non-blocking descriptor. It may be sent to another thread; after [`Fd::leave`] it joins the executor there.
#[derive(Debug)]
pub struct Fd {
    /// `None` only after [`Fd::into_owned`].
    fd: Option<OwnedFd>,
    registration: Option<Registration>,
    /// The last read (write) was partial, before the descriptor was registered.
    read_drained: bool,
    write_drained: bool,
}

#[derive(Debug)]
struct Registration {
    home: Home,
    token: Token,
}

impl Fd {
    /// `fd` must be non-blocking: the executor's thread does nothing else while a call blocks.
    pub fn new(fd: OwnedFd) -> Fd {
        Fd {
            fd: Some(fd),
            registration: None,
            read_drained: false,
            write_drained: false,
        }
    }

    /// Tries to read by `read`, which reports `WouldBlock` when it cannot; the task is woken when it may be able to.
    pub fn poll_read_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_with(cx, Direction::Read, read)
    }

    /// Tries to write by `write`; see [`Fd::poll_read_with`].
    pub fn poll_write_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_with(cx, Direction::Write, write)
    }

    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !self.may(direction) {
            return self.wait(cx, direction);
        }
        loop {
            match operation(self.as_fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
        self.wait(cx, direction)
    }

    /// Waits until a read may succeed. It need not: another task or an earlier event may have been meant.
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Direction::Read)
    }

    /// Waits until a write may succeed; see [`Fd::poll_read_ready`].
    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Direction::Write)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        if self.is_registered() && self.may(direction) {
            return Poll::Ready(Ok(()));
        }
        self.wait(cx, direction)
    }

    /// Waits until a read may succeed.
    pub async fn readable(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits until a write may succeed.
    pub async fn writable(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_ready(cx)).await
    }

    /// An operation said that it would block, or its success used up what there was: [`Fd::readable`] waits for the next event.
    pub fn clear_read_ready(&mut self) {
        if let Some((executor, token)) = self.registered() {
            executor.slots().would_block(token, Direction::Read);
        }
    }

    /// A read of a stream filled only part of its buffer. Where the poller reports each change, the next read need not be tried
    /// before it does.
    pub fn read_was_partial(&mut self) {
        if super::poller::Poller::PARTIAL_MEANS_DRAINED {
            match self.registered() {
                Some((executor, token)) => executor.slots().drained(token, Direction::Read),
                None => self.read_drained = true,
            }
        }
    }

    /// A write to a stream took only part of its bytes; see [`Fd::read_was_partial`].
    pub fn write_was_partial(&mut self) {
        if super::poller::Poller::PARTIAL_MEANS_DRAINED {
            match self.registered() {
                Some((executor, token)) => executor.slots().drained(token, Direction::Write),
                None => self.write_drained = true,
            }
        }
    }

    /// Takes the descriptor out of the poller. Needed before it is sent to another thread.
    pub fn leave(&mut self) {
        let Some(Registration { home, token }) = self.registration.take() else {
            return;
        };
        match (
            Executor::try_current().filter(|executor| executor.is_home(&home)),
            &self.fd,
        ) {
            (Some(executor), Some(fd)) => executor.deregister(token, fd.as_fd()),
            _ => home.release(token),
        }
    }

    /// The descriptor alone, out of the poller.
    pub fn into_owned(mut self) -> OwnedFd {
        self.leave();
        match self.fd.take() {
            Some(fd) => fd,
            None => unreachable!("only this function, which consumes, takes it"),
        }
    }

    /// Parks the connection at `place` of a lot. Tells whether it is readable already; then no event will be reported.
    pub(super) fn park(&mut self, executor: &Rc<Executor>, place: u32) -> io::Result<bool> {
        let token = self.join(executor, Direction::Read)?;
        let (readable, left) = executor.slots().park(token, place);
        drop(left);
        Ok(readable)
    }

    /// Takes the connection back from its place.
    pub(super) fn unpark(&mut self) {
        if let Some((executor, token)) = self.registered() {
            executor.slots().unpark(token);
        }
    }

    /// The executor of this thread and our number there, if we are registered there.
    fn registered(&self) -> Option<(Rc<Executor>, Token)> {
        let registration = self.registration.as_ref()?;
        let executor = Executor::try_current()?;
        executor
            .is_home(&registration.home)
            .then_some((executor, registration.token))
    }

    fn is_registered(&self) -> bool {
        self.registered().is_some()
    }

    fn may(&self, direction: Direction) -> bool {
        match self.registered() {
            Some((executor, token)) => executor.slots().may(token, direction),
            None => match direction {
                Direction::Read => !self.read_drained,
                Direction::Write => !self.write_drained,
            },
        }
    }

    /// Has the task woken when the operation may succeed.
    fn wait<T>(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<T>> {
        let executor = Executor::current();
        let token = match self.join(&executor, direction) {
            Ok(token) => token,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let mut slots = executor.slots();
        slots.would_block(token, direction);
        let before = slots.wait(token, direction, cx.waker());
        drop(slots);
        drop(before);
        Poll::Pending
    }

    /// Registers the descriptor if it is not; `blocks` is what it is known not to be ready for.
    fn join(&mut self, executor: &Rc<Executor>, blocks: Direction) -> io::Result<Token> {
        if let Some((_, token)) = self.registered() {
            executor.rearm(token, self.as_fd())?;
            return Ok(token);
        }
        self.leave();
        let token = executor.register(self.as_fd())?;
        executor.slots().would_block(token, blocks);
        (self.read_drained, self.write_drained) = (false, false);
        self.registration = Some(Registration {
            home: executor.home(),
            token,
        });
        Ok(token)
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            Some(fd) => fd.as_fd(),
            None => unreachable!("gone only in into_owned, which consumes"),
        }
    }
}

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl From<OwnedFd> for Fd {
    fn from(fd: OwnedFd) -> Fd {
        Fd::new(fd)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        let Some(Registration { home, token }) = self.registration.take() else {
            return;
        };
        match (
            Executor::try_current().filter(|executor| executor.is_home(&home)),
            &self.fd,
        ) {
            (Some(executor), Some(fd)) => executor.closing(token, fd.as_fd()),
            _ => home.release(token),
        }
    }
}
