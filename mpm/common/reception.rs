//! The status socket (`ServerStatusSocket`): answers when all workers are held, since no worker has a part in it.
//!
//! The loop of the parent only accepts here. Who was accepted is answered elsewhere, so that neither a slow visitor nor a large
//! page ever delays it: in a process forked for the one answer, which has given up its rights before it reads a byte; where
//! the server is one process with threads, in a thread. There are few at a time, each with a short time to live, and a bounded
//! number a second; further visitors wait in the kernel.

use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::conf::{self, StatusPlace};
use super::named_socket::NamedSocket;
use super::voice::Voice;
use super::Mpm;
use crate::log::Level;
use crate::os::poll::Waiting;
#[cfg(uses = "children")]
use crate::os::process::{self, Pid};
use crate::scoreboard::Snapshot;
use crate::server::Generation;
use crate::status::{Figures, Visit};

/// How long one visit may take, from the first byte to the last.
const VISIT: Duration = Duration::from_secs(5);

/// Visitors that are answered at a time.
const AT_A_TIME: usize = 4;

/// Visitors that are let in between two rounds of maintenance.
const A_ROUND: u32 = 32;

/// Who answers one visitor.
#[cfg(uses = "children")]
pub type Answerer = Pid;
/// See above.
#[cfg(not(uses = "children"))]
pub type Answerer = std::thread::JoinHandle<()>;

/// See the module's head.
#[derive(Default)]
pub struct Reception {
    open: Option<(StatusPlace, Door)>,
    /// The place that could not be opened, once it was told.
    refused: Option<StatusPlace>,
    answerers: Vec<Answerer>,
    let_in: u32,
}

enum Door {
    Named(NamedSocket),
    Loopback(TcpListener),
}

impl Reception {
    /// Once a second, and when the server begins: opens the place that the generation names, where another was or none.
    pub fn tend(&mut self, generation: &Generation) {
        self.let_in = 0;
        #[cfg(not(uses = "children"))]
        self.answerers.retain(|answerer| !answerer.is_finished());
        let place = conf::of(generation).status_place(generation);
        if self.open.as_ref().is_some_and(|(open, _)| *open == place) {
            return;
        }
        self.close();
        match Door::open(&place) {
            Ok(door) => {
                if self.refused.take().as_ref() == Some(&place) {
                    let told = format!("the status socket {place} is open now");
                    Voice::of(generation).own(Level::Notice, 20503, told);
                }
                self.open = door.map(|door| (place, door));
            }
            Err(error) => self.tell(generation, place, &error),
        }
    }

    /// It is tried again every second; the log hears it once.
    fn tell(&mut self, generation: &Generation, place: StatusPlace, error: &io::Error) {
        if self.refused.as_ref() != Some(&place) {
            let told = format!("the status socket {place} cannot be opened: {error}");
            Voice::of(generation).own(Level::Warn, 20501, told);
            self.refused = Some(place);
        }
    }

    /// Removes the name of the socket.
    pub fn close(&mut self) {
        if let Some((_, Door::Named(socket))) = self.open.take() {
            socket.close();
        }
    }

    /// The server leaves: nobody is answered any more.
    pub fn end(&mut self) {
        self.close();
        #[cfg(uses = "children")]
        for pid in &self.answerers {
            // Ours until it is reaped, so the number is nobody else's.
            let _ = process::kill(*pid, libc::SIGKILL);
        }
    }

    /// What is to be waited for while there is room.
    pub fn fd(&self) -> Option<Waiting<'_>> {
        let (_, door) = self.open.as_ref().filter(|_| self.has_room())?;
        Some(match door {
            Door::Named(named) => Waiting::to_read(named.socket()),
            Door::Loopback(socket) => Waiting::to_read(socket),
        })
    }

    fn has_room(&self) -> bool {
        self.answerers.len() < AT_A_TIME && self.let_in < A_ROUND
    }

    /// Lets one visitor in, if there is one and room for it.
    pub fn visitor(&mut self) -> Option<Visitor> {
        let (_, door) = self.open.as_ref().filter(|_| self.has_room())?;
        let visitor = door.accept().ok()?;
        self.let_in += 1;
        Some(visitor)
    }

    /// A visitor is answered by this one from now on.
    pub fn answered_by(&mut self, answerer: Answerer) {
        self.answerers.push(answerer);
    }

    /// A process has ended. False if it answered nobody.
    #[cfg(uses = "children")]
    pub fn reaped(&mut self, pid: Pid) -> bool {
        let place = self.answerers.iter().position(|answerer| *answerer == pid);
        place
            .map(|place| self.answerers.swap_remove(place))
            .is_some()
    }
}

impl Door {
    fn open(place: &StatusPlace) -> io::Result<Option<Door>> {
        Ok(match place {
            StatusPlace::Off => None,
            StatusPlace::Path(path) => Some(Door::Named(NamedSocket::open(path)?)),
            StatusPlace::Address(address) => {
                let socket = TcpListener::bind(address)?;
                socket.set_nonblocking(true)?;
                Some(Door::Loopback(socket))
            }
        })
    }

    fn accept(&self) -> io::Result<Visitor> {
        let (socket, anybody) = match self {
            Door::Named(named) => (Socket::from(named.socket().accept()?.0), false),
            Door::Loopback(socket) => (Socket::from(socket.accept()?.0), true),
        };
        socket.set_nonblocking(false)?;
        Ok(Visitor { socket, anybody })
    }
}

/// Somebody who has connected.
pub struct Visitor {
    socket: Socket,
    /// It came by a port, which any program of the machine may do, a browser too.
    anybody: bool,
}

impl Visitor {
    /// Answers, in a process or thread that has nothing else to do.
    pub fn answer(self, mpm: &Mpm, generation: &Generation, snapshot: Snapshot) {
        let host = generation.main_server().host().to_owned();
        let extended = generation.main.extended_status;
        let figures = Figures::take(host, snapshot, extended, mpm.parks);
        // One who leaves early has seen enough.
        let _ = Visit::new(self.socket, Instant::now() + VISIT, self.anybody).answer(&figures);
    }

    /// There is nobody to answer: one line, if the visitor's buffer has room for it.
    #[cfg(uses = "children")]
    pub fn turn_away(self) {
        let _ = self.socket.set_nonblocking(true);
        let _ = self.socket.send(crate::status::UNAVAILABLE);
    }
}
