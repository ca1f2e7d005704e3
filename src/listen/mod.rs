//! From a `Listen` directive to an accepted socket: where every connection's path begins. `spec.rs` reads the directive,
//! `bind.rs` makes the sockets (or takes over those of the generation before), `handed.rs` finds sockets that a service manager
//! opened, `wait.rs` waits for a connection where a thread serves one at a time.
//!
//! A listener is always non-blocking: the flag belongs to the open socket, which all processes and generations share.

mod bind;
mod handed;
mod spec;
#[cfg(test)]
mod tests;
mod wait;

use crate::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::io;
use std::net::{IpAddr, SocketAddr};

use bstr::BString;

pub use bind::{bind_all, Bound, Options, Problem};
pub use handed::handed_down;
pub use spec::{ListenSpec, Refused, MULTIPLE};
pub use wait::{Acceptor, Next};

use crate::os::{errno, socket};

/// A socket that connections come from.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    addr: SocketAddr,
    protocol: BString,
    bucket: usize,
    /// Somebody else made the socket and may go on with it: a service manager, another program.
    lent: bool,
}

/// A connection just taken from a listener.
#[derive(Debug)]
pub struct Accepted {
    /// Non-blocking, closed on exec.
    pub socket: OwnedFd,
    /// Our side; an IPv4 address where the listener has a mapped one.
    pub local: SocketAddr,
    /// The other side, likewise.
    pub peer: SocketAddr,
}

/// What a failed accept asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is wrong here: another process took the connection, or the peer gave up, or a signal came. Wait again.
    Retry,
    /// The listener is closed: this child is ending.
    Closed,
    /// The network is down. The child gives up like one that lacks something, but says so with more noise.
    NetworkDown,
    /// Descriptors or memory are lacking, or something unknown went wrong: the child should end (code 7), so that its parent
    /// slows down.
    Shortage,
}

impl Failure {
    /// Sorts an error of accept.
    pub fn of(error: &io::Error) -> Failure {
        let Some(number) = error.raw_os_error() else {
            return Failure::Shortage;
        };
        match number {
            errno::EINTR
            | errno::EPROTO
            | errno::ECONNABORTED
            | errno::ECONNRESET
            | errno::ECONNREFUSED => Failure::Retry,
            errno::ETIMEDOUT | errno::EHOSTUNREACH | errno::ENETUNREACH => Failure::Retry,
            errno::ENETDOWN => Failure::NetworkDown,
            // EINVAL: the socket was stopped, by whichever process shares it.
            errno::EBADF | errno::EINVAL => Failure::Closed,
            _ if error.kind() == io::ErrorKind::WouldBlock => Failure::Retry,
            _ => Failure::Shortage,
        }
    }

    /// The line for the log, with Apache's words; `None` where there is nothing to say.
    pub fn message(self) -> Option<&'static str> {
        match self {
            Failure::Retry | Failure::Closed => None,
            Failure::NetworkDown => Some("apr_socket_accept: giving up."),
            Failure::Shortage => Some("apr_socket_accept: (client socket)"),
        }
    }
}

impl Listener {
    /// The address it is bound to; the port is the real one.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What is spoken on it: `http`, `https` or what the directive says.
    pub fn protocol(&self) -> &BString {
        &self.protocol
    }

    /// Which group of children serves it (ListenCoresBucketsRatio); 0 where there are no groups.
    pub fn bucket(&self) -> usize {
        self.bucket
    }

    /// Stops listening in every process that shares the socket, where the system can do that (Linux): clients are refused from
    /// now on, however long a busy child still holds it.
    pub fn stop(&self) {
        if self.lent {
            return;
        }
        // Elsewhere the call fails, and the socket ends with the last process that has it.
        let _ = socket2::SockRef::from(&self.socket).shutdown(std::net::Shutdown::Both);
    }

    /// The same socket once more, for the next generation.
    pub fn duplicate(&self) -> io::Result<Listener> {
        Ok(Listener {
            socket: self.socket.try_clone()?,
            addr: self.addr,
            protocol: self.protocol.clone(),
            bucket: self.bucket,
            lent: self.lent,
        })
    }

    /// Takes a connection, without waiting. Errors are sorted by [`Failure::of`].
    pub fn accept(&self) -> io::Result<Accepted> {
        let (fd, peer) = socket::accept(&self.socket)?;
        // Where a listener's options are not handed on to its connections.
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            let _ = socket2::SockRef::from(&fd).set_tcp_nodelay(true);
        }
        let local = if self.addr.ip().is_unspecified() {
            let name = socket2::SockRef::from(&fd)
                .local_addr()
                .ok()
                .and_then(|addr| addr.as_socket());
            name.unwrap_or(self.addr)
        } else {
            self.addr
        };
        Ok(Accepted {
            socket: fd,
            local: plain(local),
            peer: plain(peer),
        })
    }
}

/// An IPv4 address for one that is mapped into IPv6 (RFC 4291 section 2.5.5.2), any other as it is.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, addr.port())),
        IpAddr::V6(_) => addr,
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> crate::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}
