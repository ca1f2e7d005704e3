//! TransmitFile, which stands where other systems have sendfile, below `connection/transport`: the system sends a part of a file by
//! itself, and sets an event when that is done. Meanwhile the thread waits for what it always waits for; a thread of the system's
//! pool wakes the task.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::zeroed;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::task::{Context, Poll, Waker};

use windows_sys::Win32::Foundation::{
    ERROR_HANDLE_EOF, ERROR_INVALID_FUNCTION, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED, HANDLE,
    INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Networking::WinSock::{
    TransmitFile, WSAGetOverlappedResult, SOCKET, WSAEINVAL, WSAEOPNOTSUPP, WSA_IO_INCOMPLETE,
    WSA_IO_PENDING,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, RegisterWaitForSingleObject, ResetEvent, UnregisterWaitEx, INFINITE,
    WT_EXECUTEONLYONCE,
};
use windows_sys::Win32::System::IO::{CancelIoEx, OVERLAPPED};

use super::check;
use super::fd::{AsFd, AsRawFd};
use crate::sync::Lock;

/// Bytes of one call. It is done when all of them are sent, and a client that is slow must be seen to go on meanwhile.
const PIECE: u64 = 64 * 1024;

/// Sends files on one connection, one piece after the other. Dropping it ends what is on its way: the socket must still be open.
#[derive(Default)]
pub struct Transmit(Option<Box<Sender>>);

impl Transmit {
    /// Sends some of the `len` bytes of a file from `offset` on, and gives how many; 0 means that the file ends there. After `Pending`
    /// it must be asked for the same bytes again. `Unsupported` if the system cannot do that for this file: read and write then.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: impl AsFd,
        file: &File,
        offset: u64,
        len: u64,
    ) -> Poll<io::Result<u64>> {
        if self.0.is_none() {
            self.0 = Some(Box::new(Sender::new()?));
        }
        let Some(sender) = &mut self.0 else {
            return Poll::Ready(super::unsupported());
        };
        if sender.sent.is_none() {
            let socket = socket.as_fd().as_raw_fd() as SOCKET;
            sender.start(socket, file, offset, len)?;
        }
        sender.poll(cx)
    }
}

impl std::fmt::Debug for Transmit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let busy = self.0.as_ref().is_some_and(|sender| sender.sent.is_some());
        f.debug_struct("Transmit").field("busy", &busy).finish()
    }
}

/// A call, and what it needs until it is done. It stays where it is, for the system writes into it.
struct Sender {
    record: UnsafeCell<OVERLAPPED>,
    event: OwnedHandle,
    /// What is on its way: from a handle of our own, since the request may end first.
    sent: Option<(SOCKET, File)>,
    /// Whom the pool's thread wakes.
    waker: Lock<Option<Waker>>,
    /// The pool's watch on the event; null if there is none.
    watch: HANDLE,
}

impl Sender {
    fn new() -> io::Result<Sender> {
        // SAFETY: neither attributes nor name.
        let event = unsafe { CreateEventW(null(), 1, 0, null()) };
        check(i32::from(!event.is_null()))?;
        Ok(Sender {
            // SAFETY: zeros are a valid record.
            record: UnsafeCell::new(unsafe { zeroed() }),
            // SAFETY: the call made it for us.
            event: unsafe { OwnedHandle::from_raw_handle(event) },
            sent: None,
            waker: Lock::new(None),
            watch: null_mut(),
        })
    }

    fn start(&mut self, socket: SOCKET, file: &File, offset: u64, len: u64) -> io::Result<()> {
        let file = file.try_clone()?;
        // SAFETY: zeros are a valid record.
        let mut record: OVERLAPPED = unsafe { zeroed() };
        record.Anonymous.Anonymous.Offset = offset as u32;
        record.Anonymous.Anonymous.OffsetHigh = (offset >> 32) as u32;
        // The lowest bit says that no completion port is told, though the socket has one.
        record.hEvent = self.event.as_raw_handle().map_addr(|addr| addr | 1);
        *self.record.get_mut() = record;
        // SAFETY: the event is open.
        check(unsafe { ResetEvent(self.event.as_raw_handle()) })?;
        let count = len.min(PIECE) as u32;
        let handle = file.as_raw_handle();
        // SAFETY: both are open; the record and the file's handle live until the call is done, see `drop`.
        let done = unsafe { TransmitFile(socket, handle, count, 0, self.record.get(), null(), 0) };
        match (done, io::Error::last_os_error()) {
            (0, error) if error.raw_os_error() != Some(WSA_IO_PENDING) => Err(translated(error)),
            _ => {
                self.sent = Some((socket, file));
                Ok(())
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        *self.waker.lock() = Some(cx.waker().clone());
        match self.outcome(false) {
            Err(error) if error.raw_os_error() == Some(WSA_IO_INCOMPLETE) => {
                self.watch()?;
                Poll::Pending
            }
            done => {
                self.rest();
                Poll::Ready(match done {
                    Err(error) if error.raw_os_error() == Some(ERROR_HANDLE_EOF as i32) => Ok(0),
                    done => done.map_err(translated),
                })
            }
        }
    }

    /// How many bytes were sent, once that is known; with `wait` it waits for it.
    fn outcome(&self, wait: bool) -> io::Result<u64> {
        let Some((socket, _)) = &self.sent else {
            return Ok(0);
        };
        let (mut bytes, mut flags) = (0, 0);
        let wait = i32::from(wait);
        // SAFETY: the record is that of a call that was begun on this socket.
        check(unsafe {
            WSAGetOverlappedResult(*socket, self.record.get(), &mut bytes, wait, &mut flags)
        })?;
        Ok(u64::from(bytes))
    }

    /// Has the pool watch the event, if it does not.
    fn watch(&mut self) -> io::Result<()> {
        if !self.watch.is_null() {
            return Ok(());
        }
        let (event, context) = (self.event.as_raw_handle(), (&raw const self.waker).cast());
        let (limit, once) = (INFINITE, WT_EXECUTEONLYONCE);
        // SAFETY: event and waker live until the watch has ended, see `rest`.
        check(unsafe {
            RegisterWaitForSingleObject(&mut self.watch, event, Some(wake), context, limit, once)
        })
    }

    /// The call is done: nobody watches any more.
    fn rest(&mut self) {
        let watch = std::mem::replace(&mut self.watch, null_mut());
        if !watch.is_null() {
            // SAFETY: it was registered, and ends once. The call waits for a `wake` that runs.
            unsafe { UnregisterWaitEx(watch, INVALID_HANDLE_VALUE) };
        }
        self.waker.lock().take();
        self.sent = None;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some((socket, _)) = &self.sent {
            // SAFETY: the socket is open; if the call is done already that is an error nobody needs.
            unsafe { CancelIoEx(*socket as HANDLE, self.record.get()) };
            let _ = self.outcome(true);
        }
        self.rest();
    }
}

unsafe extern "system" fn wake(context: *mut c_void, _timed_out: bool) {
    // SAFETY: the waker of a sender whose watch has not ended.
    let waker = unsafe { &*context.cast::<Lock<Option<Waker>>>() };
    let waker = waker.lock().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Says `Unsupported` for what the system cannot send this way.
fn translated(error: io::Error) -> io::Error {
    const CANNOT: [i32; 5] = [
        WSAEINVAL,
        WSAEOPNOTSUPP,
        ERROR_INVALID_FUNCTION as i32,
        ERROR_INVALID_PARAMETER as i32,
        ERROR_NOT_SUPPORTED as i32,
    ];
    match error.raw_os_error() {
        Some(number) if CANNOT.contains(&number) => io::ErrorKind::Unsupported.into(),
        _ => error,
    }
}
