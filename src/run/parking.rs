//! Idle connections without a task: a record in a row, its registration with the poller, a deadline. A connection waits here
//! before its first byte and between its requests, and costs little more than the record itself.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::pages::Pages;
use super::wheel::{Link, Linked, Wheel};
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
    places: Pages<Place<P>>,
    /// The first free place; the others hang on it.
    free: Option<u32>,
    taken: usize,
    deadlines: Wheel,
    /// Places of connections that were readable when they were parked.
    readable: Vec<u32>,
}

#[derive(Debug)]
struct Place<P> {
    connection: Option<P>,
    /// Where it stands among the deadlines, or among the free places.
    link: Link,
}

impl<P> Linked for Pages<Place<P>> {
    fn link(&mut self, place: u32) -> &mut Link {
        &mut self[place as usize].link
    }
}

impl<P> Default for Lot<P> {
    fn default() -> Self {
        Lot(RefCell::new(Inner {
            places: Pages::default(),
            free: None,
            taken: 0,
            deadlines: Wheel::default(),
            readable: Vec::new(),
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
        self.0.borrow().taken
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Parks a connection. It comes back, with the error, if the kernel has no room for its registration.
    pub fn park(&self, executor: &Rc<Executor>, mut connection: P) -> Result<(), (P, io::Error)> {
        let inner = &mut *self.0.borrow_mut();
        let place = inner.free.unwrap_or(inner.places.len() as u32);
        match connection.fd().park(executor, place) {
            Ok(false) => {}
            Ok(true) => inner.readable.push(place),
            Err(error) => return Err((connection, error)),
        }
        inner.put(place, connection);
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

    /// When to look for deadlines again; up to a tick of the wheel behind the next one.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.borrow().deadlines.next()
    }

    /// Takes out the connections whose time is over, in the order of their deadlines.
    pub(super) fn take_expired(&self, now: Instant) -> Vec<P> {
        let inner = &mut *self.0.borrow_mut();
        let mut expired = Vec::new();
        while let Some(place) = inner.deadlines.first_before(now) {
            let connection = inner.places[place as usize].connection.as_ref();
            match connection.and_then(P::deadline) {
                // It was beyond the wheel's horizon.
                Some(later) if later > now => {
                    inner.deadlines.remove(&mut inner.places, place);
                    inner.deadlines.insert(&mut inner.places, place, later);
                }
                _ => expired.extend(inner.take(place)),
            }
        }
        expired.sort_by_key(P::deadline);
        expired
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
    /// Fills the place that is the next free one.
    fn put(&mut self, place: u32, connection: P) {
        let deadline = connection.deadline();
        match self.places.get_mut(place as usize) {
            Some(free) => {
                self.free = free.link.behind();
                *free = Place::of(connection);
            }
            None => self.places.push(Place::of(connection)),
        }
        self.taken += 1;
        if let Some(deadline) = deadline {
            self.deadlines.insert(&mut self.places, place, deadline);
        }
    }

    fn take(&mut self, place: u32) -> Option<P> {
        let mut connection = self.places.get_mut(place as usize)?.connection.take()?;
        connection.fd().unpark();
        if connection.deadline().is_some() {
            self.deadlines.remove(&mut self.places, place);
        }
        if !self.readable.is_empty() {
            self.readable.retain(|&readable| readable != place);
        }
        *self.places.link(place) = Link::before(self.free.replace(place));
        self.taken -= 1;
        Some(connection)
    }
}

impl<P> Place<P> {
    fn of(connection: P) -> Place<P> {
        Place {
            connection: Some(connection),
            link: Link::default(),
        }
    }
}
