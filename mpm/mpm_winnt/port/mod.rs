//! The child's completion port: here its workers wait, for new connections, for parked ones that have something, and for the
//! word to leave. A parked connection holds no thread: it is a record, and a read of no bytes that the system has.

mod system;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

pub use system::{Accept, AcceptEx, Taken};

use crate::connection::Parked;
use crate::sync::Lock;
use system::Told;

/// The words between threads.
const ARRIVED: usize = 1;
const LEAVE: usize = 2;

/// What a worker is to do.
pub enum Work {
    /// Serve this connection: it is new, or has something to read.
    Serve(Parked),
    /// Close this one, which has been idle for long enough.
    Retire(Parked),
    /// End.
    Leave,
}

/// The port, and what waits at it.
pub struct Port {
    port: system::Port,
    arrived: Lock<VecDeque<Parked>>,
    lot: Lock<Lot>,
}

/// The parked connections.
#[derive(Default)]
struct Lot {
    parked: HashMap<u64, Parked>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Nobody is to wait any more.
    closed: bool,
}

impl Lot {
    fn take(&mut self, number: u64) -> Option<Parked> {
        let parked = self.parked.remove(&number)?;
        if let Some(deadline) = parked.deadline {
            self.deadlines.remove(&(deadline, number));
        }
        Some(parked)
    }
}

impl Port {
    /// An error: the system lacks memory.
    pub fn new() -> io::Result<Port> {
        Ok(Port {
            port: system::Port::new()?,
            arrived: Lock::default(),
            lot: Lock::default(),
        })
    }

    /// Takes a new connection in; its `id` is nobody else's.
    pub fn arrive(&self, new: Parked) -> io::Result<()> {
        self.port.attach(&new.socket)?;
        self.arrived.lock().push_back(new);
        self.port.post(ARRIVED)
    }

    /// Keeps an idle connection until it has something to read or its deadline is over. Tells whether it is the first whose
    /// deadline will be over. It comes back as an error if it cannot be parked.
    pub fn park(&self, parked: Parked) -> Result<bool, Parked> {
        let mut lot = self.lot.lock();
        if lot.closed || system::when_readable(&parked.socket, parked.id).is_err() {
            return Err(parked);
        }
        let before = lot.deadlines.first().copied();
        if let Some(deadline) = parked.deadline {
            lot.deadlines.insert((deadline, parked.id));
        }
        lot.parked.insert(parked.id, parked);
        Ok(lot.deadlines.first().copied() != before)
    }

    /// What there is to do; `None` after `limit`.
    pub fn next(&self, limit: Option<Duration>) -> io::Result<Option<Work>> {
        Ok(match self.port.next(limit)? {
            Some(Told::Word(ARRIVED)) => self.arrived.lock().pop_front().map(Work::Serve),
            Some(Told::Word(_)) => Some(Work::Leave),
            Some(Told::Readable(number)) => self.lot.lock().take(number).map(Work::Serve),
            Some(Told::Cancelled(number)) => self.lot.lock().take(number).map(Work::Retire),
            None => None,
        })
    }

    /// Has workers close those whose deadline is over, and gives the next deadline.
    pub fn expire(&self, now: Instant) -> Option<Instant> {
        let mut lot = self.lot.lock();
        while let Some((deadline, number)) = lot.deadlines.first().copied() {
            if deadline > now {
                return Some(deadline);
            }
            lot.deadlines.pop_first();
            if let Some(parked) = lot.parked.get(&number) {
                system::cancel(&parked.socket);
            }
        }
        None
    }

    /// Has workers close all that are parked; none is parked any more.
    pub fn close(&self) {
        let mut lot = self.lot.lock();
        lot.closed = true;
        lot.parked
            .values()
            .for_each(|parked| system::cancel(&parked.socket));
    }

    /// Whether nobody is to wait any more.
    pub fn is_closed(&self) -> bool {
        self.lot.lock().closed
    }

    /// How many are parked.
    pub fn idle(&self) -> u64 {
        self.lot.lock().parked.len() as u64
    }

    /// Tells one worker to leave, when what came before is done.
    pub fn dismiss(&self) -> io::Result<()> {
        self.port.post(LEAVE)
    }
}
