//! A connection, from its first byte to its close: `serve` is the future that MPMs drive.
//!
//! It chooses the protocol, reads requests, has them processed, keeps the connection alive and closes it lingering.
//! When it is idle it ends with [`Outcome::Park`], a small record without a future, where the MPM wants that.

pub mod awake;
pub mod context;
pub mod exchange;
pub mod files;
pub mod host;
pub mod http1;
pub mod limits;
pub mod response;
pub mod transport;

use crate::log::Mark;
use crate::os::driven::Driven;
use context::ServeContext;
use limits::ReadLimits;
use std::cell::{Cell, RefCell};
use std::future::{poll_fn, Future};
use std::net::{SocketAddr, SocketAddrV4};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use transport::{TcpTransport, Transport};

/// A connection that waits for its peer, without a task.
pub struct Parked {
    /// The socket, non-blocking, with its place in the poller if it has one.
    pub socket: crate::run::Fd,
    ends: Ends,
    /// Index of the listener that accepted it.
    pub listener: u32,
    /// Requests answered so far.
    pub requests: u32,
    /// When waiting ends.
    pub deadline: Option<Instant>,
    /// Its number in this child.
    pub id: u64,
}

/// Both ends of a connection, in little room for most.
enum Ends {
    /// Local and remote.
    V4(SocketAddrV4, SocketAddrV4),
    Other(Box<(SocketAddr, SocketAddr)>),
}

/// How serving a connection ended for now.
pub enum Outcome {
    /// It is closed.
    Close,
    /// It is idle: give it back to [`serve`] when its socket is readable, or to [`retire`] when its deadline is over.
    Park(Parked),
}

/// The facts of a connection that its requests share.
pub struct ConnInfo {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Index of the listener that accepted it.
    pub listener: u32,
    /// Its number in this child.
    pub id: u64,
    /// Requests answered before the present one.
    pub requests: Cell<u32>,
    /// The server found by the local address.
    pub base_server: usize,
    /// Its number in the error log.
    pub mark: Mark,
    /// Time limits for reading (RequestReadTimeout).
    pub read_limits: ReadLimits,
    /// Bytes read and written on the socket, for mod_logio.
    pub bytes_in: Cell<u64>,
    /// See `bytes_in`.
    pub bytes_out: Cell<u64>,
    /// What of both belongs to requests that are logged already, for mod_logio.
    pub bytes_logged: Cell<(u64, u64)>,
    /// A module wants the lingering close to be short.
    pub short_linger: Cell<bool>,
    /// Words that modules leave for the whole connection.
    pub notes: RefCell<crate::request::table::Table>,
    /// The request in work, for the report of a crash.
    pub driven: Driven,
}

impl Parked {
    /// A connection that has just been accepted.
    pub fn new(
        socket: crate::run::Fd,
        local: SocketAddr,
        peer: SocketAddr,
        listener: u32,
        id: u64,
    ) -> Parked {
        let ends = match (local, peer) {
            (SocketAddr::V4(local), SocketAddr::V4(peer)) => Ends::V4(local, peer),
            others => Ends::Other(Box::new(others)),
        };
        Parked {
            socket,
            ends,
            listener,
            requests: 0,
            deadline: None,
            id,
        }
    }

    /// Our end.
    pub fn local(&self) -> SocketAddr {
        match &self.ends {
            Ends::V4(local, _) => SocketAddr::V4(*local),
            Ends::Other(ends) => ends.0,
        }
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        match &self.ends {
            Ends::V4(_, peer) => SocketAddr::V4(*peer),
            Ends::Other(ends) => ends.1,
        }
    }
}

/// Serves a connection until it is closed, or until it is idle and the MPM parks idle connections.
pub async fn serve(ctx: Rc<ServeContext>, parked: Parked) -> Outcome {
    let (local, peer) = (parked.local(), parked.peer());
    let mut info = ConnInfo {
        local,
        peer,
        listener: parked.listener,
        id: parked.id,
        requests: Cell::new(parked.requests),
        base_server: ctx
            .generation
            .vhosts
            .at(local)
            .first()
            .copied()
            .unwrap_or(0),
        mark: Mark::new(),
        read_limits: ReadLimits::default(),
        bytes_in: Cell::new(0),
        bytes_out: Cell::new(0),
        bytes_logged: Cell::new((0, 0)),
        short_linger: Cell::new(false),
        notes: RefCell::default(),
        driven: Driven::default(),
    };
    for hook in &ctx.generation.hooks.pre_connection {
        hook(&mut info, &ctx);
    }
    let transport = TcpTransport::new(parked.socket, local, peer);
    let info = Rc::new(info);
    let mut serving = pin!(http1::serve(ctx, info.clone(), transport, parked.deadline));
    // Whatever a poll of this connection breaks is not its neighbours' doing.
    poll_fn(|cx| info.driven.during(|| serving.as_mut().poll(cx))).await
}

/// Closes a parked connection whose deadline is over.
pub async fn retire(ctx: Rc<ServeContext>, parked: Parked) {
    let (local, peer) = (parked.local(), parked.peer());
    let mut transport = TcpTransport::new(parked.socket, local, peer);
    linger(&ctx, &mut transport, true).await;
}

/// Lingering close: no more is written; what the peer still sends is read and dropped, for 2 s at a time and 30 s in
/// all (2 s in all where `short`), so that the last answer is not lost to a reset.
pub async fn linger(ctx: &ServeContext, transport: &mut TcpTransport, short: bool) {
    let shut = std::future::poll_fn(|cx| transport.poll_shutdown_write(cx)).await;
    if shut.is_err() {
        return;
    }
    ctx.host.count(host::Stage::Closing, 1);
    let end = Instant::now() + Duration::from_secs(if short { 2 } else { 30 });
    loop {
        let step = end.min(Instant::now() + Duration::from_secs(2));
        let read = std::future::poll_fn(|cx| transport.poll_read(cx, &mut ctx.read_buffer()));
        match crate::run::timeout_at(step, read).await {
            Ok(Ok(n)) if n > 0 && Instant::now() < end => {}
            _ => break,
        }
    }
    ctx.host.count(host::Stage::Closing, -1);
}

impl crate::run::Park for Parked {
    fn fd(&mut self) -> &mut crate::run::Fd {
        &mut self.socket
    }
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(threaded)]
    #[test]
    fn a_parked_connection_may_change_threads() {
        fn sendable<T: Send>() {}
        sendable::<Parked>();
    }

    #[test]
    fn a_parked_connection_is_small() {
        assert!(std::mem::size_of::<Parked>() <= 80);
    }
}
