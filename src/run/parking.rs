//! Idle connections without a task: a record in a slab, its registration with the poller, a deadline. A connection waits here
//! before its first byte and between its requests, and costs little more than the record itself.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::{Executor, Fd};

/// A connection that can be parked.
pub trait Park {
    /// Its socket, which is awaited for reading.
    fn fd(&mut self) -> &mut Fd;
    /// When it has waited long enough; `None`: never.
    fn deadline(&self) -> Option<Instant>;
}

/// The parked connections of one executor. `Executor::turn` takes out those that became readable and those whose time is
/// over. Tasks and the loop share it, so every method takes `&self`.
#[derive(Debug)]
pub struct Lot<P>(RefCell<Inner<P>>);

#[derive(Debug)]
struct Inner<P> {
    places: Vec<Option<P>>,
    free: Vec<u32>,
    deadlines: BTreeSet<(Instant, u32)>,
    /// Places of connections that were readable when they were parked.
    readable: Vec<u32>,
}

impl<P> Default for Lot<P> {
    fn default() -> Self {
        let (places, free, readable) = (Vec::new(), Vec::new(), Vec::new());
        Lot(RefCell::new(Inner {
            places,
            free,
            deadlines: BTreeSet::new(),
            readable,
        }))
    }
}

impl<P: Park> Lot<P> {
    /// An empty lot. An executor serves one.
    pub fn new() -> Lot<P> {
        Lot::default()
    }

    /// Connections parked.
    pub fn len(&self) -> usize {
        let inner = self.0.borrow();
        inner.places.len() - inner.free.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Parks a connection. It comes back, with the error, if the kernel has no room for its registration.
    pub fn park(&self, executor: &Rc<Executor>, mut connection: P) -> Result<(), (P, io::Error)> {
        let inner = &mut *self.0.borrow_mut();
        let place = inner
            .free
            .last()
            .copied()
            .unwrap_or(inner.places.len() as u32);
        match connection.fd().park(executor, place) {
            Ok(false) => {}
            Ok(true) => inner.readable.push(place),
            Err(error) => return Err((connection, error)),
        }
        if let Some(deadline) = connection.deadline() {
            inner.deadlines.insert((deadline, place));
        }
        match inner.free.pop() {
            Some(place) => inner.places[place as usize] = Some(connection),
            None => inner.places.push(Some(connection)),
        }
        Ok(())
    }

    /// Takes out the connection at a place.
    pub(super) fn take(&self, place: u32) -> Option<P> {
        self.0.borrow_mut().take(place)
    }

    /// Places of connections that need no event.
    pub(super) fn take_readable(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.borrow_mut().readable)
    }

    pub(super) fn has_readable(&self) -> bool {
        !self.0.borrow().readable.is_empty()
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.borrow().deadlines.first().map(|first| first.0)
    }

    /// Takes out the connections whose time is over.
    pub(super) fn take_expired(&self, now: Instant) -> Vec<P> {
        let mut inner = self.0.borrow_mut();
        let mut expired = Vec::new();
        while let Some(&(deadline, place)) = inner.deadlines.first() {
            if deadline > now {
                break;
            }
            inner.deadlines.pop_first();
            expired.extend(inner.take(place));
        }
        expired
    }

    /// Takes out the connection that would be the next to expire: to make room.
    pub fn take_oldest(&self) -> Option<P> {
        let mut inner = self.0.borrow_mut();
        let place = inner.deadlines.first()?.1;
        inner.take(place)
    }

    /// Takes out all connections: the child is ending, or has no idle thread for them.
    pub fn take_all(&self) -> Vec<P> {
        let mut inner = self.0.borrow_mut();
        (0..inner.places.len() as u32)
            .filter_map(|place| inner.take(place))
            .collect()
    }
}

impl<P: Park> Inner<P> {
    fn take(&mut self, place: u32) -> Option<P> {
        let mut connection = self.places.get_mut(place as usize)?.take()?;
        connection.fd().unpark();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, place));
        }
        self.readable.retain(|&readable| readable != place);
        self.free.push(place);
        Some(connection)
    }
}
