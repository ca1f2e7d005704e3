//! The socket of the system's log daemon.

use std::io;
use std::os::unix::net::UnixDatagram;

/// A connection to the log daemon.
#[derive(Debug)]
pub struct Daemon(UnixDatagram);

impl Daemon {
    /// Whether this system has a log daemon at all.
    pub const EXISTS: bool = true;

    /// Connects to the first of the sockets that is there. No later call waits.
    pub fn connect(paths: &[&str]) -> io::Result<Daemon> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let mut result = Err(io::ErrorKind::NotFound.into());
        for path in paths {
            result = socket.connect(path);
            if result.is_ok() {
                break;
            }
        }
        result.map(|()| Daemon(socket))
    }

    /// Sends a datagram.
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }
}
