//! Sockets: what std and socket2 leave out.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use socket2::{SockRef, Socket};

pub use super::fd::{read as receive, write as send};
use super::fd::{AsFd, OwnedFd};

/// Takes one connection from a listener: a non-blocking socket and the peer's address.
pub fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let (socket, peer) = SockRef::from(&listener.as_fd()).accept()?;
    socket.set_nonblocking(true)?;
    let peer = peer.as_socket();
    let peer = peer.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    Ok((socket.into(), peer))
}

/// Two connected sockets of this machine, which nobody else can have got between.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let ours = TcpStream::connect(address)?;
    let name = ours.local_addr()?;
    loop {
        let (theirs, peer) = listener.accept()?;
        // Whoever else found the port in this moment is turned away.
        if peer == name {
            ours.set_nodelay(true)?;
            theirs.set_nodelay(true)?;
            return Ok((theirs.into(), ours.into()));
        }
    }
}

/// Tells the peer that no more will be sent.
pub fn shutdown_write(socket: impl AsFd) -> io::Result<()> {
    SockRef::from(&socket.as_fd()).shutdown(Shutdown::Write)
}

/// The number of a network interface, by its name.
pub fn interface_number(name: &str) -> Option<u32> {
    use windows_sys::Win32::NetworkManagement::IpHelper::if_nametoindex;
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a C string.
    let number = unsafe { if_nametoindex(name.as_ptr().cast()) };
    (number > 0).then_some(number)
}

/// Claims the address of a socket that is to be bound: nobody else can have it meanwhile. (SO_REUSEADDR would let two
/// servers share a port here.)
pub fn claim_address(socket: &Socket) -> io::Result<()> {
    use windows_sys::Win32::Networking::WinSock::{setsockopt, SOL_SOCKET, SO_EXCLUSIVEADDRUSE};
    let on = 1i32.to_ne_bytes();
    let raw = std::os::windows::io::AsRawSocket::as_raw_socket(socket) as usize;
    // SAFETY: the value is as long as said.
    let result = unsafe {
        setsockopt(
            raw,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            on.as_ptr(),
            on.len() as i32,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a socket listens.
pub fn is_listener(socket: impl AsFd) -> bool {
    use windows_sys::Win32::Networking::WinSock::{getsockopt, SOL_SOCKET, SO_ACCEPTCONN};
    let (mut on, mut length) = ([0; 4], 4);
    let raw = super::fd::AsRawFd::as_raw_fd(&socket.as_fd()) as usize;
    // SAFETY: the value is as long as said.
    let result =
        unsafe { getsockopt(raw, SOL_SOCKET, SO_ACCEPTCONN, on.as_mut_ptr(), &mut length) };
    result == 0 && on != [0; 4]
}

/// Sockets cannot share a port's connections here.
pub fn set_reuse_port(_socket: impl AsFd) -> io::Result<()> {
    super::unsupported()
}

/// A socket cannot be bound to an address that does not exist.
pub fn set_free_bind(_socket: impl AsFd) -> io::Result<()> {
    super::unsupported()
}

/// The kernel has no filters; the MPM reads AcceptFilter for itself.
pub fn set_accept_filter(
    _listener: impl AsFd,
    _filter: Option<&[u8]>,
    _seconds: u32,
) -> io::Result<()> {
    super::unsupported()
}
