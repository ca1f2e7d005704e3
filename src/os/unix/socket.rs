//! Sockets: what std and socket2 leave out. Accepting in one call, passing descriptors to another process, sending a file.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{check, check_size, fd, restart};

/// Takes one connection from a listener: a non-blocking socket, closed on exec, and the peer's address. Errors are the kernel's
/// (`listen::accept` sorts them), EINTR among them.
pub fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let raw = listener.as_fd().as_raw_fd();
    let accept = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
        #[cfg(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "dragonfly",
            target_os = "openbsd"
        ))]
        // SAFETY: storage holds any address, len its size.
        return check(unsafe {
            libc::accept4(
                raw,
                storage.cast(),
                len,
                libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            )
        });
        #[allow(unreachable_code)]
        // SAFETY: as above.
        check(unsafe { libc::accept(raw, storage.cast(), len) })
    };
    let mut made = Err(io::Error::from(io::ErrorKind::Other));
    // SAFETY: the closure has the kernel fill in storage and its length, or fails.
    let address = unsafe {
        socket2::SockAddr::try_init(|storage, len| {
            made = accept(storage, len);
            match &made {
                Ok(_) => Ok(()),
                Err(error) => Err(io::Error::from_raw_os_error(
                    error.raw_os_error().unwrap_or(libc::EIO),
                )),
            }
        })
    };
    // SAFETY: the kernel just made it.
    let socket = unsafe { fd::own(made?) };
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "openbsd"
    )))]
    {
        fd::set_nonblocking(&socket, true)?;
        fd::set_close_on_exec(&socket, true)?;
    }
    // A listener of another family than IP was handed to us: its peers have no such address.
    let peer = address?
        .1
        .as_socket()
        .unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    Ok((socket, peer))
}

/// Two connected sockets of this machine, closed on exec: to speak with a process forked from here.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (a, b) = std::os::unix::net::UnixStream::pair()?;
    Ok((a.into(), b.into()))
}

/// Descriptors that fit into one message.
pub const MAX_FDS: usize = 64;

/// A buffer for control data, aligned as its header needs.
#[repr(align(8))]
struct Control([u8; 1024]);

/// Sends bytes with descriptors to the other side of a local socket. `bytes` must not be empty; gives how many were sent, the
/// descriptors going with the first.
pub fn send_with_fds(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if fds.len() > MAX_FDS || bytes.is_empty() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut control = Control([0; 1024]);
    let mut slice = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: zeroes are a valid message header.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut slice;
    message.msg_iovlen = 1;
    if !fds.is_empty() {
        let size = size_of_val(fds) as u32;
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: computes a size (and is at most 1024 for MAX_FDS descriptors).
        message.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as _;
        // SAFETY: the buffer has room for one header and the descriptors, by the line above.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as _;
            let data: *mut RawFd = libc::CMSG_DATA(header).cast();
            for (n, fd) in fds.iter().enumerate() {
                data.add(n).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    let raw = socket.as_fd().as_raw_fd();
    // SAFETY: the message and all it points at outlive the call.
    restart(|| check_size(unsafe { libc::sendmsg(raw, &message, libc::MSG_NOSIGNAL) }))
}

/// Receives bytes and the descriptors that came with them, which are closed on exec. More than [`MAX_FDS`] are refused as
/// `InvalidData`, and those that came are closed.
pub fn receive_with_fds(socket: impl AsFd, buf: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = MaybeUninit::<Control>::zeroed();
    let mut slice = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: zeroes are a valid message header.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut slice;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: computes a size.
    message.msg_controllen =
        unsafe { libc::CMSG_SPACE((MAX_FDS * size_of::<RawFd>()) as u32) } as _;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let flags = libc::MSG_CMSG_CLOEXEC;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let flags = 0;
    let raw = socket.as_fd().as_raw_fd();
    // SAFETY: the message and all it points at outlive the call.
    let read = restart(|| check_size(unsafe { libc::recvmsg(raw, &mut message, flags) }))?;
    let fds = descriptors_of(&message);
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    for fd in &fds {
        fd::set_close_on_exec(fd, true)?;
    }
    Ok((read, fds))
}

fn descriptors_of(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel wrote a chain of headers into the control buffer and says how long it is; each descriptor in an
    // SCM_RIGHTS record is open and ours alone.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let data: *const RawFd = libc::CMSG_DATA(header).cast();
                let size = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                for n in 0..size / size_of::<RawFd>() {
                    fds.push(fd::own(data.add(n).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    fds
}

/// Sends up to `len` bytes of a file from `offset` to a socket without copying them through this process, and gives how many
/// left; 0 means that the file ends there. `Unsupported` where the system cannot do that for this file or socket: read and write
/// then.
pub fn send_file(socket: impl AsFd, file: &File, offset: u64, len: u64) -> io::Result<usize> {
    // Below what any system's count can say; the caller goes on where it stopped.
    let len = len.min(1 << 30);
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    match restart(|| send_file_once(socket.as_fd(), file, offset, len)) {
        Err(error) if cannot(&error) => super::unsupported(),
        other => other,
    }
}

fn cannot(error: &io::Error) -> bool {
    let Some(number) = error.raw_os_error() else {
        return false;
    };
    number == libc::EINVAL
        || number == libc::ENOSYS
        || number == libc::EOPNOTSUPP
        || number == libc::ENOTSUP
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_file_once(
    socket: BorrowedFd<'_>,
    file: &File,
    mut offset: libc::off_t,
    len: u64,
) -> io::Result<usize> {
    // SAFETY: borrowed descriptors; the offset outlives the call.
    check_size(unsafe {
        libc::sendfile(
            socket.as_raw_fd(),
            file.as_raw_fd(),
            &mut offset,
            len as usize,
        )
    })
}

#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
fn send_file_once(
    socket: BorrowedFd<'_>,
    file: &File,
    offset: libc::off_t,
    len: u64,
) -> io::Result<usize> {
    let mut sent: libc::off_t = 0;
    let (from, to, none) = (file.as_raw_fd(), socket.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: borrowed descriptors; the count outlives the call.
    let done = check(unsafe { libc::sendfile(from, to, offset, len as usize, none, &mut sent, 0) });
    partly(done, sent)
}

#[cfg(target_vendor = "apple")]
fn send_file_once(
    socket: BorrowedFd<'_>,
    file: &File,
    offset: libc::off_t,
    len: u64,
) -> io::Result<usize> {
    let mut sent = len as libc::off_t;
    let (from, to, none) = (file.as_raw_fd(), socket.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: borrowed descriptors; the count outlives the call.
    let done = check(unsafe { libc::sendfile(from, to, offset, &mut sent, none, 0) });
    partly(done, sent)
}

/// These systems say how much left also when they report that the rest would block or a signal came.
#[cfg(any(
    target_os = "freebsd",
    target_os = "dragonfly",
    target_vendor = "apple"
))]
fn partly(done: io::Result<libc::c_int>, sent: libc::off_t) -> io::Result<usize> {
    match (done, usize::try_from(sent)) {
        (Ok(_), Ok(sent)) => Ok(sent),
        (Err(_), Ok(sent)) if sent > 0 => Ok(sent),
        (Err(error), _) => Err(error),
        (Ok(_), Err(_)) => Ok(0),
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_vendor = "apple"
)))]
fn send_file_once(
    _socket: BorrowedFd<'_>,
    _file: &File,
    _offset: libc::off_t,
    _len: u64,
) -> io::Result<usize> {
    super::unsupported()
}

/// Receives once; `Interrupted` is retried. A shorter way through the kernel than `fd::read`.
pub fn receive(socket: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let raw = socket.as_fd().as_raw_fd();
    // SAFETY: the buffer is as long as said.
    restart(|| super::check_size(unsafe { libc::recv(raw, buf.as_mut_ptr().cast(), buf.len(), 0) }))
}

/// Sends once; `Interrupted` is retried. A shorter way through the kernel than `fd::write`.
pub fn send(socket: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    let (raw, flags) = (socket.as_fd().as_raw_fd(), libc::MSG_NOSIGNAL);
    // SAFETY: the buffer is as long as said.
    restart(|| super::check_size(unsafe { libc::send(raw, buf.as_ptr().cast(), buf.len(), flags) }))
}

/// Tells the peer that no more will be sent.
pub fn shutdown_write(socket: impl AsFd) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::shutdown(socket.as_fd().as_raw_fd(), libc::SHUT_WR) }).map(drop)
}

/// The user who connected the other side of a local socket. `Unsupported` where the system does not tell.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    let raw = socket.as_fd().as_raw_fd();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: zeroed numbers are a valid record.
        let mut peer: libc::ucred = unsafe { std::mem::zeroed() };
        let mut size = size_of_val(&peer) as libc::socklen_t;
        let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        // SAFETY: the record outlives the call and is as long as said.
        let got = unsafe { libc::getsockopt(raw, level, name, (&raw mut peer).cast(), &mut size) };
        check(got).map(|_| peer.uid)
    }
    #[cfg(any(
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple"
    ))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: both numbers outlive the call.
        check(unsafe { libc::getpeereid(raw, &mut uid, &mut gid) }).map(|_| uid)
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple"
    )))]
    {
        let _ = raw;
        super::unsupported()
    }
}

/// The number of a network interface, by its name.
pub fn interface_number(name: &str) -> Option<u32> {
    let name = super::c_string(name.as_bytes()).ok()?;
    // SAFETY: a C string.
    let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (number > 0).then_some(number)
}

#[allow(dead_code)] // some systems have none of these options
fn set_option(
    socket: impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let raw = socket.as_fd().as_raw_fd();
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value outlives the call and is as long as said.
    check(unsafe { libc::setsockopt(raw, level, name, (&raw const value).cast(), size) }).map(drop)
}

/// Claims the address of a socket that is to be bound, also while connections of an earlier server linger on it.
pub fn claim_address(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Whether a socket listens.
pub fn is_listener(socket: impl AsFd) -> bool {
    let socket = socket.as_fd();
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and size are ours, and the value is as long as said.
    let asked = check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ACCEPTCONN,
            (&raw mut value).cast(),
            &raw mut size,
        )
    });
    match asked {
        Ok(_) => value != 0,
        // macOS does not say. What has an address of its own and no peer is taken for one.
        Err(_) => {
            let socket = socket2::SockRef::from(&socket);
            socket.local_addr().is_ok() && socket.peer_addr().is_err()
        }
    }
}

/// Lets several sockets listen on one address, the kernel dealing out the connections between them.
pub fn set_reuse_port(socket: impl AsFd) -> io::Result<()> {
    #[cfg(target_os = "freebsd")]
    return set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT_LB, 1);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1);
    // Elsewhere sockets may share a port but not its connections.
    #[cfg(not(any(target_os = "freebsd", target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        super::unsupported()
    }
}

/// Lets a socket be bound to an address that does not exist yet.
pub fn set_free_bind(socket: impl AsFd) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return set_option(socket, libc::IPPROTO_IP, libc::IP_FREEBIND, 1); // holds for both families
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        super::unsupported()
    }
}

/// Has a listener report a connection only when its first bytes are there: on Linux any filter does, for at most `seconds`; on
/// FreeBSD and NetBSD it is one of the kernel's filters. `None` takes the filter off.
pub fn set_accept_filter(
    listener: impl AsFd,
    filter: Option<&[u8]>,
    seconds: u32,
) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let value = if filter.is_some() {
            seconds.min(i32::MAX as u32) as libc::c_int
        } else {
            0
        };
        set_option(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, value)
    }
    #[cfg(any(target_os = "freebsd", target_os = "netbsd"))]
    {
        let _ = seconds;
        // SAFETY: zeroes are a valid record, the names in it end in NUL.
        let mut arg: libc::accept_filter_arg = unsafe { std::mem::zeroed() };
        let Some(name) = filter else { return Ok(()) };
        let room = arg.af_name.len() - 1;
        for (to, from) in arg.af_name[..room].iter_mut().zip(name) {
            *to = *from as _;
        }
        let (raw, size) = (
            listener.as_fd().as_raw_fd(),
            size_of_val(&arg) as libc::socklen_t,
        );
        let level = libc::SOL_SOCKET;
        // SAFETY: the record outlives the call and is as long as said.
        let set = unsafe {
            libc::setsockopt(
                raw,
                level,
                libc::SO_ACCEPTFILTER,
                (&raw const arg).cast(),
                size,
            )
        };
        // It may be on already, from the generation before.
        match check(set) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => super::unsupported(),
            done => done.map(drop),
        }
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd"
    )))]
    {
        let _ = (listener, filter, seconds);
        super::unsupported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::fd::{is_nonblocking, read, write};
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn accepts_without_blocking() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(
            accept(&listener).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, peer) = accept(&listener).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert!(is_nonblocking(&socket).unwrap());
    }

    #[test]
    fn descriptors_travel() {
        let (here, there) = pair().unwrap();
        let (from, to) = fd::pipe().unwrap();
        assert_eq!(
            send_with_fds(&here, b"hi", &[to.as_fd(), from.as_fd()]).unwrap(),
            2
        );
        let mut buf = [0; 16];
        let (n, mut fds) = receive_with_fds(&there, &mut buf).unwrap();
        assert_eq!((&buf[..n], fds.len()), (&b"hi"[..], 2));
        drop((from, to));
        let (from, to) = (fds.pop().unwrap(), fds.pop().unwrap());
        write(&to, b"x").unwrap();
        assert_eq!(read(&from, &mut buf).unwrap(), 1);
        send_with_fds(&here, b"plain", &[]).unwrap();
        assert!(receive_with_fds(&there, &mut buf).unwrap().1.is_empty());
        let many = vec![here.as_fd(); MAX_FDS];
        send_with_fds(&here, b"many", &many).unwrap();
        assert_eq!(receive_with_fds(&there, &mut buf).unwrap().1.len(), MAX_FDS);
        drop(here);
        assert_eq!(receive_with_fds(&there, &mut buf).unwrap().0, 0);
    }

    #[test]
    fn the_peer_is_known() {
        let (here, _there) = pair().unwrap();
        match peer_uid(&here) {
            Ok(uid) => assert_eq!(uid, crate::os::user::effective_uid()),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
    }

    #[test]
    fn a_file_is_sent() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        match send_file(&socket, &file, 3, 4) {
            Ok(n) => assert_eq!(n, 4),
            Err(error) => return assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        assert_eq!(send_file(&socket, &file, 10, 4).unwrap(), 0);
        shutdown_write(&socket).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "3456");
    }
}
