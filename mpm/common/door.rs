//! The listening sockets of a process that has several things to do when it stops listening.
//!
//! The kernel tells one waiter of each connection. So the sockets are not closed under a thread that waits at them: it may have
//! been told, and would find nothing, and nobody else would look. Where the server stops gracefully, who waits on the sockets has
//! been let in by the kernel and will be served by nobody else: so they are taken before the sockets are closed, and served before
//! the process ends.

use std::collections::VecDeque;
#[cfg(uses = "inplace")]
use std::sync::atomic::{AtomicU32, Ordering};

use super::share::Share;
use super::system;
use crate::listen::Accepted;
use crate::sync::Lock;

/// More than any backlog holds: a bound, should connections come as fast as they are taken.
const MOST: usize = 8192;

/// What the threads of a process know of its sockets.
#[derive(Default)]
pub struct Door {
    /// Threads that wait for connections at this moment.
    #[cfg(uses = "inplace")]
    attending: AtomicU32,
    hallway: Lock<Hallway>,
}

/// What is behind the door.
#[derive(Default)]
struct Hallway {
    /// Connections that were taken when the sockets were closed and wait for somebody to serve them, with their listeners' numbers.
    gathered: VecDeque<(Accepted, u32)>,
    closed: bool,
}

/// A thread waits for connections as long as it has this.
#[cfg(uses = "inplace")]
pub struct Attending<'a>(&'a Door);

#[cfg(uses = "inplace")]
impl Drop for Attending<'_> {
    fn drop(&mut self) {
        self.0.attending.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Share {
    /// To be held by a thread while it waits at the sockets.
    #[cfg(uses = "inplace")]
    pub fn attend(&self) -> Attending<'_> {
        self.door.attending.fetch_add(1, Ordering::SeqCst);
        Attending(&self.door)
    }

    /// Whether a thread waits for connections.
    #[cfg(all(uses = "inplace", uses = "crew"))]
    pub fn is_attended(&self) -> bool {
        self.door.attending.load(Ordering::Relaxed) > 0
    }

    /// Closes the sockets as `close_listeners` does, unless a thread waits at them; true if it did. For a process whose threads have
    /// been told that it finishes, so that those who wait will not for long.
    #[cfg(uses = "inplace")]
    pub fn close_unattended(&self) -> bool {
        let unattended = self.door.attending.load(Ordering::SeqCst) == 0;
        if unattended {
            self.close_listeners();
        }
        unattended
    }

    /// Stops listening, in this process alone, so that a port that the next generation does not serve is free in time. Who waits
    /// and would be served by nobody is taken first (see `leftover`).
    pub fn close_listeners(&self) {
        // Under the lock: a thread that leaves must not find nobody while somebody is on the way in.
        let mut hallway = self.door.hallway.lock();
        if hallway.closed {
            return;
        }
        let waiting = std::iter::from_fn(|| self.take_waiting()).take(MOST);
        hallway.gathered.extend(waiting);
        for listener in &self.generation.listeners {
            if system::let_go(listener).is_err() {
                // No descriptor for /dev/null: the socket then lives until this child ends, which is soon.
                return;
            }
        }
        hallway.closed = true;
    }

    /// The next connection that nobody else would serve; `None` if there is none, or if others go on listening.
    pub fn leftover(&self) -> Option<(Accepted, u32)> {
        let gathered = self.door.hallway.lock().gathered.pop_front();
        gathered.or_else(|| self.take_waiting())
    }

    fn take_waiting(&self) -> Option<(Accepted, u32)> {
        if !self.board.own.is_last() {
            return None;
        }
        // An error: nobody waits there any more, or the socket is closed already.
        let take = |(number, listener): (u32, &crate::listen::Listener)| {
            Some((listener.accept().ok()?, number))
        };
        self.listeners().into_iter().find_map(take)
    }
}
