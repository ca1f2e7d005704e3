//! A plain socket: system calls on `run::Fd`, and the addresses.

use crate::os::fd::{AsFd, BorrowedFd};
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::{poll_copy_file, Transport};
use crate::os::{fd, socket};
use crate::run::Fd;

/// A TCP connection. It is moved between a task and the lot of idle ones by [`TcpTransport::into_socket`], which leaves it
/// registered.
#[derive(Debug)]
pub struct TcpTransport {
    // Before the socket, which it needs to the end.
    #[cfg(windows)]
    transmit: crate::os::transmit::Transmit,
    fd: Fd,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpTransport {
    /// `fd` is a connected, non-blocking socket.
    pub fn new(fd: Fd, local: SocketAddr, peer: SocketAddr) -> TcpTransport {
        TcpTransport {
            #[cfg(windows)]
            transmit: Default::default(),
            fd,
            local,
            peer,
        }
    }

    /// The socket with its registration.
    pub fn into_socket(self) -> Fd {
        self.fd
    }

    /// The socket, for its options.
    pub fn socket(&mut self) -> &mut Fd {
        &mut self.fd
    }

    /// The system's own way to send a file.
    fn poll_system(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        len: u64,
    ) -> Poll<io::Result<u64>> {
        #[cfg(windows)]
        return self.transmit.poll(cx, &self.fd, file, offset, len);
        #[cfg(not(windows))]
        {
            let send = |fd: BorrowedFd<'_>| socket::send_file(fd, file, offset, len);
            self.fd.poll_write_with(cx, send).map_ok(|sent| sent as u64)
        }
    }
}

impl AsFd for TcpTransport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Transport for TcpTransport {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let done = self.fd.poll_read_with(cx, |fd| socket::receive(fd, buf));
        if let Poll::Ready(Ok(n)) = done {
            // 0 is the end, which a read finds again and again.
            if n > 0 && n < buf.len() {
                self.fd.read_was_partial();
            }
        }
        done
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd.poll_read_ready(cx)
    }

    fn poll_writev(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = self.fd.poll_write_with(cx, |fd| match bufs {
            [one] => socket::send(fd, one),
            _ => fd::write_vectored(fd, bufs),
        });
        if let Poll::Ready(Ok(n)) = done {
            // More slices than one call takes leave bytes without the socket being full.
            if bufs.len() <= fd::MOST_SLICES && n < bufs.iter().map(|buf| buf.len()).sum() {
                self.fd.write_was_partial();
            }
        }
        done
    }

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        len: u64,
    ) -> Poll<io::Result<u64>> {
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        match self.poll_system(cx, file, offset, len) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {
                poll_copy_file(self, cx, file, offset, len)
            }
            done => done,
        }
    }

    fn poll_shutdown_write(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket::shutdown_write(&self.fd))
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}
