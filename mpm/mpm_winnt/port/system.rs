//! System calls of the completion port: AcceptEx, reads of no bytes that tell when an idle connection has something, and words
//! between threads.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;
use std::os::windows::io::{
    AsHandle, AsRawHandle, AsRawSocket, AsSocket, BorrowedHandle, BorrowedSocket, FromRawHandle,
    FromRawSocket, OwnedHandle, OwnedSocket,
};
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::core::GUID;
use windows_sys::Win32::Foundation::{ERROR_OPERATION_ABORTED, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::Networking::WinSock::{
    accept, ioctlsocket, setsockopt, WSAEventSelect, WSAGetOverlappedResult, WSAIoctl, WSARecv,
    WSASocketW, AF_INET, AF_INET6, FD_ACCEPT, FIONBIO, INVALID_SOCKET, IPPROTO_TCP, LPFN_ACCEPTEX,
    LPFN_GETACCEPTEXSOCKADDRS, SIO_GET_EXTENSION_FUNCTION_POINTER, SOCKADDR, SOCKET, SOCK_STREAM,
    SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, WSABUF, WSAID_ACCEPTEX, WSAID_GETACCEPTEXSOCKADDRS,
    WSA_FLAG_NO_HANDLE_INHERIT, WSA_FLAG_OVERLAPPED, WSA_IO_PENDING,
};
use windows_sys::Win32::System::IO::{
    CancelIoEx, CreateIoCompletionPort, GetQueuedCompletionStatus, PostQueuedCompletionStatus,
    OVERLAPPED,
};

use crate::mpm::chosen::system::{checked, milliseconds, Event};
use crate::os::fd::AsFd;

/// The key of everything that happens on a socket.
const SOCKETS: usize = usize::MAX;

/// What a thread that waits at the port is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// The word that somebody posted.
    Word(usize),
    /// The read of no bytes with this number has ended: the connection has something, its end, or an error.
    Readable(u64),
    /// The read of no bytes with this number was ended by [`cancel`].
    Cancelled(u64),
}

/// A completion port.
pub struct Port(OwnedHandle);

impl Port {
    pub fn new() -> io::Result<Port> {
        // SAFETY: makes a port and associates nothing with it.
        let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 0) };
        match port.is_null() {
            true => Err(io::Error::last_os_error()),
            // SAFETY: the call made it for us.
            false => Ok(Port(unsafe { OwnedHandle::from_raw_handle(port) })),
        }
    }

    /// What happens on this socket is told here from now on.
    pub fn attach(&self, socket: impl AsFd) -> io::Result<()> {
        let socket = raw(socket.as_fd()) as *mut _;
        // SAFETY: both are open.
        let port = unsafe { CreateIoCompletionPort(socket, self.0.as_raw_handle(), SOCKETS, 0) };
        checked(i32::from(!port.is_null()))
    }

    /// Tells one of the threads that wait.
    pub fn post(&self, word: usize) -> io::Result<()> {
        // SAFETY: no record goes with it.
        checked(unsafe { PostQueuedCompletionStatus(self.0.as_raw_handle(), 0, word, null()) })
    }

    /// Waits for the next thing to be told; `None` after `limit`.
    pub fn next(&self, limit: Option<Duration>) -> io::Result<Option<Told>> {
        let (mut bytes, mut key, mut record) = (0, 0, null_mut());
        let port = self.0.as_raw_handle();
        let limit = milliseconds(limit);
        // SAFETY: the port is open, and each answer has its place.
        let done =
            unsafe { GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut record, limit) };
        let error = io::Error::last_os_error();
        let is = |code: u32| done == 0 && error.raw_os_error() == Some(code as i32);
        if record.is_null() {
            return match done {
                0 if is(WAIT_TIMEOUT) => Ok(None),
                0 => Err(error),
                _ => Ok(Some(Told::Word(key))),
            };
        }
        // SAFETY: all records that go through this port are those of `when_readable`, each of which is told once.
        let number = unsafe { IdleRead::ended(record) };
        Ok(Some(match is(ERROR_OPERATION_ABORTED) {
            true => Told::Cancelled(number),
            false => Told::Readable(number),
        }))
    }
}

/// A read of no bytes on its way. The system writes into it until the port has told that it ended.
#[repr(C)]
struct IdleRead {
    overlapped: OVERLAPPED,
    number: u64,
}

impl IdleRead {
    /// SAFETY: `record` is the `overlapped` of an `IdleRead` that `when_readable` let go, and nobody has taken it back.
    unsafe fn ended(record: *mut OVERLAPPED) -> u64 {
        // SAFETY: as above; it is the first field.
        unsafe { Box::from_raw(record.cast::<IdleRead>()) }.number
    }
}

/// Has the port to which `socket` is attached told when there is something to read. After an error nothing is told.
pub fn when_readable(socket: impl AsFd, number: u64) -> io::Result<()> {
    // SAFETY: zeros are a record for an operation without an event.
    let overlapped = unsafe { zeroed() };
    let read = Box::into_raw(Box::new(IdleRead { overlapped, number }));
    let nothing = WSABUF {
        len: 0,
        buf: null_mut(),
    };
    let mut flags = 0;
    let socket = raw(socket.as_fd());
    // SAFETY: the record lives until the port tells of it; the buffer has no bytes.
    let done = unsafe {
        WSARecv(
            socket,
            &nothing,
            1,
            null_mut(),
            &mut flags,
            read.cast(),
            None,
        )
    };
    match (done, io::Error::last_os_error()) {
        (0, _) => Ok(()),
        (_, error) if error.raw_os_error() == Some(WSA_IO_PENDING) => Ok(()),
        (_, error) => {
            // SAFETY: the system refused it, so it is only ours.
            drop(unsafe { Box::from_raw(read) });
            Err(error)
        }
    }
}

/// Ends what waits on this socket; the port tells of it.
pub fn cancel(socket: impl AsFd) {
    // SAFETY: the socket is open. If nothing waits that is an error nobody needs.
    unsafe { CancelIoEx(raw(socket.as_fd()) as *mut _, null()) };
}

/// A connection that was accepted: the socket, our address, the peer's.
pub type Taken = (OwnedSocket, SocketAddr, SocketAddr);

/// What AcceptEx wants as room for one address.
const ADDRESS: u32 = 128 + 16;

/// Takes connections from one listener by AcceptEx, one after the other.
pub struct AcceptEx<'a> {
    listener: BorrowedSocket<'a>,
    accept: LPFN_ACCEPTEX,
    addresses: LPFN_GETACCEPTEXSOCKADDRS,
    family: i32,
    event: Event,
    /// The system writes into it while there is a socket.
    room: Box<Room>,
    socket: Option<OwnedSocket>,
}

struct Room {
    overlapped: OVERLAPPED,
    addresses: [u8; 2 * ADDRESS as usize],
}

impl<'a> AcceptEx<'a> {
    /// Finds the functions; `local` is the listener's address.
    pub fn new(listener: BorrowedSocket<'a>, local: SocketAddr) -> io::Result<AcceptEx<'a>> {
        // SAFETY: zeros are a valid record.
        let overlapped = unsafe { zeroed() };
        // SAFETY: the functions have the types of their identifiers.
        let (accept, addresses) = unsafe {
            (
                extension::<LPFN_ACCEPTEX>(listener, &WSAID_ACCEPTEX)?,
                extension::<LPFN_GETACCEPTEXSOCKADDRS>(listener, &WSAID_GETACCEPTEXSOCKADDRS)?,
            )
        };
        Ok(AcceptEx {
            listener,
            accept,
            addresses,
            family: i32::from(if local.is_ipv6() { AF_INET6 } else { AF_INET }),
            event: Event::new()?,
            room: Box::new(Room {
                overlapped,
                addresses: [0; 2 * ADDRESS as usize],
            }),
            socket: None,
        })
    }

    /// Begins to wait for a connection; [`AcceptEx::event`] is set when there is one.
    pub fn start(&mut self) -> io::Result<()> {
        let Some(accept) = self.accept else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        if self.socket.is_some() {
            return Ok(());
        }
        self.event.reset()?;
        let socket = new_socket(self.family)?;
        // SAFETY: zeros are a valid record.
        self.room.overlapped = unsafe { zeroed() };
        self.room.overlapped.hEvent = self.event.as_handle().as_raw_handle();
        let mut got = 0;
        // SAFETY: both sockets are open; the record and the room for two addresses live until the call is done, see `drop`.
        let done = unsafe {
            accept(
                raw(self.listener),
                raw(socket.as_socket()),
                self.room.addresses.as_mut_ptr().cast(),
                0,
                ADDRESS,
                ADDRESS,
                &mut got,
                &mut self.room.overlapped,
            )
        };
        match (done, io::Error::last_os_error()) {
            (0, error) if error.raw_os_error() != Some(WSA_IO_PENDING) => Err(error),
            _ => {
                self.socket = Some(socket);
                Ok(())
            }
        }
    }

    /// Set when [`AcceptEx::finish`] does not wait.
    pub fn event(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }

    /// Waits until the connection is there, and takes it.
    pub fn finish(&mut self) -> io::Result<Taken> {
        let (mut bytes, mut flags) = (0, 0);
        let record = &self.room.overlapped;
        // SAFETY: the record is that of a call that was begun on this socket.
        let done = unsafe {
            WSAGetOverlappedResult(raw(self.listener), record, &mut bytes, 1, &mut flags)
        };
        let error = io::Error::last_os_error();
        let socket = self.socket.take();
        match (done, socket) {
            (0, _) => Err(error),
            (_, None) => Err(io::ErrorKind::NotConnected.into()),
            (_, Some(socket)) => self.complete(socket),
        }
    }

    /// Ends the wait; a connection that came at the last moment is not lost.
    pub fn stop(mut self) -> Option<Taken> {
        self.socket.as_ref()?;
        self.cancel();
        self.finish().ok()
    }

    fn cancel(&self) {
        // SAFETY: the listener is open; if the call is done already that is an error nobody needs.
        unsafe { CancelIoEx(raw(self.listener) as *mut _, &self.room.overlapped) };
    }

    fn complete(&self, socket: OwnedSocket) -> io::Result<Taken> {
        let listener = raw(self.listener);
        let size = size_of::<SOCKET>() as i32;
        let bytes = (&raw const listener).cast();
        // SAFETY: both sockets are open; the option's value is a socket.
        let done = unsafe {
            setsockopt(
                raw(socket.as_socket()),
                SOL_SOCKET,
                SO_UPDATE_ACCEPT_CONTEXT,
                bytes,
                size,
            )
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
        let (local, peer) = self.read_addresses().ok_or(io::ErrorKind::InvalidData)?;
        set_nonblocking(socket.as_socket())?;
        Ok((socket, local, peer))
    }

    fn read_addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let read = self.addresses?;
        let (mut local, mut peer): (*mut SOCKADDR, *mut SOCKADDR) = (null_mut(), null_mut());
        let (mut local_size, mut peer_size) = (0, 0);
        let room = self.room.addresses.as_ptr().cast();
        // SAFETY: the room is the one that AcceptEx filled; the pointers will lead into it.
        unsafe {
            read(
                room,
                0,
                ADDRESS,
                ADDRESS,
                &mut local,
                &mut local_size,
                &mut peer,
                &mut peer_size,
            )
        };
        // SAFETY: each leads to an address of as many bytes, inside of the room.
        unsafe { Some((address(local, local_size)?, address(peer, peer_size)?)) }
    }
}

impl Drop for AcceptEx<'_> {
    fn drop(&mut self) {
        // The system must be done with the room before it goes.
        if self.socket.is_some() {
            self.cancel();
            let _ = self.finish();
        }
    }
}

/// Takes connections from one listener by plain accept.
pub struct Accept<'a> {
    listener: BorrowedSocket<'a>,
    event: Event,
}

impl<'a> Accept<'a> {
    pub fn new(listener: BorrowedSocket<'a>) -> io::Result<Accept<'a>> {
        let event = Event::new()?;
        // SAFETY: both are open.
        match unsafe {
            WSAEventSelect(
                raw(listener),
                event.as_handle().as_raw_handle() as isize,
                FD_ACCEPT as i32,
            )
        } {
            0 => Ok(Accept { listener, event }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Set when a connection waits.
    pub fn event(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }

    /// Takes a connection; `WouldBlock` if none waits.
    pub fn take(&self) -> io::Result<Taken> {
        self.event.reset()?;
        // SAFETY: the listener is open, and nobody asks for the address here.
        let socket = unsafe { accept(raw(self.listener), null_mut(), null_mut()) };
        if socket == INVALID_SOCKET {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call made it for us.
        let stream = unsafe { std::net::TcpStream::from_raw_socket(socket as u64) };
        let addresses = (stream.local_addr()?, stream.peer_addr()?);
        // It has the listener's event, too.
        // SAFETY: the socket is open.
        unsafe { WSAEventSelect(socket, 0, 0) };
        set_nonblocking(stream.as_socket())?;
        Ok((stream.into(), addresses.0, addresses.1))
    }
}

fn raw(socket: BorrowedSocket<'_>) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

fn new_socket(family: i32) -> io::Result<OwnedSocket> {
    let flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: plain numbers.
    let socket = unsafe { WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, null(), 0, flags) };
    match socket {
        INVALID_SOCKET => Err(io::Error::last_os_error()),
        // SAFETY: the call made it for us.
        _ => Ok(unsafe { OwnedSocket::from_raw_socket(socket as u64) }),
    }
}

fn set_nonblocking(socket: BorrowedSocket<'_>) -> io::Result<()> {
    let mut on = 1;
    // SAFETY: the socket is open.
    match unsafe { ioctlsocket(raw(socket), FIONBIO, &mut on) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks the socket's provider for a function that is not in the table of the library.
///
/// SAFETY: `T` is the type of that function.
unsafe fn extension<T: Default>(socket: BorrowedSocket<'_>, id: &GUID) -> io::Result<T> {
    let mut function = T::default();
    let (mut got, want) = (0, size_of::<T>() as u32);
    let code = SIO_GET_EXTENSION_FUNCTION_POINTER;
    let id_size = size_of::<GUID>() as u32;
    let (id, answer) = ((id as *const GUID).cast(), (&raw mut function).cast());
    // SAFETY: the identifier and the answer have the sizes that we say.
    let done = unsafe {
        WSAIoctl(
            raw(socket),
            code,
            id,
            id_size,
            answer,
            want,
            &mut got,
            null_mut(),
            None,
        )
    };
    match done {
        0 => Ok(function),
        _ => Err(io::Error::last_os_error()),
    }
}

/// SAFETY: `from` leads to an address of `size` bytes.
unsafe fn address(from: *const SOCKADDR, size: i32) -> Option<SocketAddr> {
    // SAFETY: as above; the record has room for every kind.
    let shown = unsafe {
        socket2::SockAddr::try_init(|room, length| {
            let size = size.clamp(0, *length);
            std::ptr::copy_nonoverlapping(from.cast::<u8>(), room.cast::<u8>(), size as usize);
            *length = size;
            Ok(())
        })
    };
    shown.ok()?.1.as_socket()
}
