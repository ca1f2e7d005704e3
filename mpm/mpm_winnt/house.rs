//! What the threads of a child share: its generation, its scoreboard page, the port, and who has been told what.

use std::io;
use std::net::SocketAddr;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedSocket};

use super::port::{Port, Taken};
use super::system::Event;
use crate::connection::host::ChildFacts;
use crate::connection::Parked;
use crate::log::Level;
use crate::mpm::common::conf;
use crate::mpm::common::voice::Voice;
use crate::run::Fd;
use crate::scoreboard::{Board, Held};
use crate::server::Generation;
use crate::sync::{Counter, Once, Shared};

/// A listening socket of the child's own.
pub struct Door {
    pub socket: OwnedSocket,
    pub addr: SocketAddr,
    /// What is spoken there: AcceptFilter names its rule by it.
    pub protocol: String,
}

/// What the threads of a child share.
pub struct House {
    pub generation: Shared<Generation>,
    pub board: Board,
    pub port: Port,
    /// Threads that accept end when this is set.
    pub shut: Event,
    /// The main thread has something to look at.
    pub look: Event,
    /// Those that accept may go on: a connection ended, or was parked.
    room: Event,
    /// Threads that wait for `room`.
    starved: Counter,
    /// Open connections.
    connections: Counter,
    /// Connections so far.
    taken: Counter,
    /// How many may be in work or wait for it.
    most: u64,
    told_full: Once<()>,
}

impl House {
    /// A child for `generation` with so many doors. An error: the system lacks memory.
    pub fn new(generation: Shared<Generation>, board: Board, doors: usize) -> io::Result<House> {
        let threads = board.own.view().shape().threads;
        Ok(House {
            generation,
            board,
            port: Port::new()?,
            shut: Event::new()?,
            look: Event::new()?,
            room: Event::new()?,
            starved: Counter::new(0),
            connections: Counter::new(0),
            taken: Counter::new(0),
            most: u64::from(threads) + doors as u64,
            told_full: Once::new(),
        })
    }

    pub fn voice(&self) -> Voice<'_> {
        Voice::of(&self.generation)
    }

    /// Who serves, for logs and status pages.
    pub fn facts(&self) -> ChildFacts {
        ChildFacts {
            pid: std::process::id(),
            slot: self.board.own.number(),
            generation: self.generation.number,
        }
    }

    /// Takes a new connection in, from the door with this number.
    pub fn arrive(&self, (socket, local, peer): Taken, door: usize) {
        let id = self.taken.add(1) + 1;
        let worn = conf::of(&self.generation).max_connections_per_child;
        self.connections.add(1);
        let new = Parked::new(
            Fd::new(socket),
            mapped(local),
            mapped(peer),
            door as u32,
            id,
        );
        // An error: the system has no memory for it, and it is closed.
        if self.port.arrive(new).is_err() {
            self.leave();
        }
        if worn > 0 && id == worn {
            let _ = self.look.set();
        }
    }

    /// A connection has ended.
    pub fn leave(&self) {
        self.connections.sub(1);
        self.settle();
    }

    /// A thread is done with a connection, for now: others may come in.
    pub fn settle(&self) {
        if self.starved.get() > 0 {
            let _ = self.room.set();
        }
        if self.shut.is_set() {
            let _ = self.look.set();
        }
    }

    /// Open connections.
    pub fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// Whether MaxConnectionsPerChild is reached.
    pub fn is_worn(&self) -> bool {
        let most = conf::of(&self.generation).max_connections_per_child;
        most > 0 && self.taken.get() >= most
    }

    /// Whether no more connections fit in, as long as no thread has time.
    pub fn is_full(&self) -> bool {
        self.connections.get().saturating_sub(self.port.idle()) >= self.most
    }

    /// Says, once, that there are too few threads.
    pub fn tell_full(&self) {
        if self.told_full.set(()).is_ok() {
            let told = "Server ran out of threads to serve requests. Consider raising the ThreadsPerChild setting";
            self.voice().own(Level::Error, 326, told);
        }
    }

    /// Begins to wait for room; what to wait for.
    pub fn starve(&self) -> BorrowedHandle<'_> {
        self.starved.add(1);
        let _ = self.room.reset();
        self.room.as_handle()
    }

    /// Waits for room no more.
    pub fn fed(&self) {
        self.starved.sub(1);
    }

    /// Shows in the scoreboard how many connections there are.
    pub fn publish(&self) {
        self.board.own.hold(&Held {
            connections: self.connections(),
            kept_alive: self.port.idle(),
            ..Held::default()
        });
    }
}

/// An IPv4 peer of an IPv6 listener is known by its IPv4 address.
fn mapped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
