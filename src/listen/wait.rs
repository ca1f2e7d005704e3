//! Waits for the next connection where a thread serves one at a time (prefork, worker's listener). The stop signals are let in
//! only here. On Linux each waiter has a set of its own in the kernel, with the listeners in it exclusive: a connection wakes one
//! waiter. Elsewhere it is poll, and all wake.

use crate::os::fd::BorrowedFd;
use std::io;
use std::time::{Duration, Instant};

use super::{Accepted, Failure, Listener};
use crate::os::signal::{self, SignalSet};

/// A waiter that never waits, for there is always a connection, lets signals in this often.
const LET_SIGNALS_IN: Duration = Duration::from_millis(250);

/// What [`Acceptor::next`] waited for.
#[derive(Debug)]
pub enum Next {
    /// A connection, and the place of its listener among those given.
    Connection(Accepted, usize),
    /// This one of the pipes has something to read, or its other end is closed. It is reported again until that is read.
    Told(usize),
    /// A signal's handler ran.
    Signal,
    /// The time is over.
    TimedOut,
    /// Accepting failed, in a way that waiting does not mend.
    Failed(Failure, io::Error),
}

/// Waits for connections on some listeners and for word from some pipes.
pub struct Acceptor<'a> {
    listeners: Vec<&'a Listener>,
    set: imp::Set<'a>,
    mask: Option<SignalSet>,
    /// Places of listeners, then of pipes, that the last wait found ready and that were not looked at since.
    ready: Vec<usize>,
    /// Pipes found ready together with a listener: they have their turn after the connection.
    told: Option<usize>,
    /// Where the search for a ready listener begins, so that none is always first.
    turn: usize,
    signals_seen: u32,
    signals_let_in: Instant,
}

impl<'a> Acceptor<'a> {
    /// `mask` is what stays blocked while it waits, as in `os::signal::set_mask`; `None` leaves the thread's mask alone.
    pub fn new(
        listeners: impl IntoIterator<Item = &'a Listener>,
        pipes: &[BorrowedFd<'a>],
        mask: Option<SignalSet>,
    ) -> io::Result<Acceptor<'a>> {
        let listeners: Vec<&Listener> = listeners.into_iter().collect();
        let set = imp::Set::new(&listeners, pipes)?;
        Ok(Acceptor {
            listeners,
            set,
            mask,
            ready: Vec::new(),
            told: None,
            turn: 0,
            signals_seen: signal::arrivals(),
            signals_let_in: Instant::now(),
        })
    }

    /// Waits until there is something to do, at most `limit`.
    ///
    /// A connection found together with word from a pipe comes first, and the word at once in the next call: the kernel told
    /// only this waiter of the connection, so leaving it could leave it for long.
    pub fn next(&mut self, limit: Option<Duration>) -> Next {
        if let Some(pipe) = self.told.take() {
            return Next::Told(pipe);
        }
        loop {
            while let Some(place) = self.next_listener() {
                match self.listeners[place].accept() {
                    Ok(connection) => {
                        self.told = self.ready_pipe();
                        self.ready.clear();
                        return Next::Connection(connection, place);
                    }
                    Err(error) => match Failure::of(&error) {
                        // Another took it. Those that are still ready have their turn.
                        Failure::Retry => {}
                        failure => return Next::Failed(failure, error),
                    },
                }
            }
            if let Some(pipe) = self.ready_pipe() {
                self.ready.clear();
                return Next::Told(pipe);
            }
            if let Err(next) = self.wait(limit) {
                return next;
            }
        }
    }

    /// Takes the next ready listener, round robin.
    fn next_listener(&mut self) -> Option<usize> {
        let count = self.listeners.len();
        let distance = |place: usize| (place + count - self.turn) % count;
        let nearest = (0..self.ready.len())
            .filter(|&at| self.ready[at] < count)
            .min_by_key(|&at| distance(self.ready[at]))?;
        let place = self.ready.swap_remove(nearest);
        self.turn = (place + 1) % count;
        Some(place)
    }

    fn ready_pipe(&self) -> Option<usize> {
        let count = self.listeners.len();
        self.ready
            .iter()
            .filter_map(|place| place.checked_sub(count))
            .min()
    }

    fn wait(&mut self, limit: Option<Duration>) -> Result<(), Next> {
        let failed = |error| Next::Failed(Failure::Shortage, error);
        let now = Instant::now();
        if let Some(mask) = &self.mask {
            if now.saturating_duration_since(self.signals_let_in) >= LET_SIGNALS_IN {
                self.signals_let_in = now;
                signal::deliver_pending(mask).map_err(failed)?;
            }
        }
        // A handler that ran here, or while the last connection was served.
        if self.signals_came() {
            return Err(Next::Signal);
        }
        match self.set.wait(limit, self.mask.as_ref(), &mut self.ready) {
            Ok(()) if self.ready.is_empty() => Err(Next::TimedOut),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.signals_came();
                Err(Next::Signal)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn signals_came(&mut self) -> bool {
        let arrivals = signal::arrivals();
        std::mem::replace(&mut self.signals_seen, arrivals) != arrivals
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use super::*;
    use crate::os::epoll::{self, Event};
    use crate::os::fd::OwnedFd;
    use std::marker::PhantomData;

    pub struct Set<'a> {
        set: OwnedFd,
        events: Vec<Event>,
        /// What is in the set stays open as long as it does.
        _fds: PhantomData<&'a ()>,
    }

    impl<'a> Set<'a> {
        pub fn new(listeners: &[&'a Listener], pipes: &[BorrowedFd<'a>]) -> io::Result<Set<'a>> {
            let set = epoll::create()?;
            for (place, listener) in listeners.iter().enumerate() {
                epoll::add(&set, listener, epoll::LISTEN, place as u64)?;
            }
            for (place, pipe) in pipes.iter().enumerate() {
                epoll::add(&set, pipe, epoll::READ, (listeners.len() + place) as u64)?;
            }
            let events = vec![Event::NONE; (listeners.len() + pipes.len()).max(1)];
            Ok(Set {
                set,
                events,
                _fds: PhantomData,
            })
        }

        pub fn wait(
            &mut self,
            limit: Option<Duration>,
            mask: Option<&SignalSet>,
            ready: &mut Vec<usize>,
        ) -> io::Result<()> {
            ready.clear();
            let found = epoll::wait(&self.set, &mut self.events, limit, mask)?;
            ready.extend(
                self.events
                    .iter()
                    .take(found)
                    .map(|event| event.data() as usize),
            );
            Ok(())
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use super::*;
    use crate::os::fd::AsFd;
    use crate::os::poll::{wait, Waiting};

    pub struct Set<'a>(Vec<BorrowedFd<'a>>);

    impl<'a> Set<'a> {
        pub fn new(listeners: &[&'a Listener], pipes: &[BorrowedFd<'a>]) -> io::Result<Set<'a>> {
            let listeners = listeners.iter().map(|&listener| listener.as_fd());
            Ok(Set(listeners.chain(pipes.iter().copied()).collect()))
        }

        pub fn wait(
            &mut self,
            limit: Option<Duration>,
            mask: Option<&SignalSet>,
            ready: &mut Vec<usize>,
        ) -> io::Result<()> {
            ready.clear();
            let mut fds: Vec<Waiting<'_>> = self.0.iter().map(Waiting::to_read).collect();
            wait(&mut fds, limit, mask)?;
            ready.extend((0..fds.len()).filter(|&place| fds[place].readable));
            Ok(())
        }
    }
}
