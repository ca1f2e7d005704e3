//! System calls about processes: events, waiting for several things, handles and sockets that another process is given, the job
//! in which the child lives, Ctrl-C. (`port/system.rs` has the completion port, `service/system.rs` the service manager.)
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{
    AsHandle, AsRawHandle, AsRawSocket, AsSocket, BorrowedHandle, FromRawHandle, FromRawSocket,
    OwnedHandle, OwnedSocket,
};
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    DuplicateHandle, GetHandleInformation, GetLastError, DUPLICATE_SAME_ACCESS,
    ERROR_ALREADY_EXISTS, HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::Networking::WinSock::{
    WSADuplicateSocketW, WSASocketW, WSAStartup, FROM_PROTOCOL_INFO, INVALID_SOCKET, WSADATA,
    WSAPROTOCOL_INFOW, WSA_FLAG_NO_HANDLE_INHERIT, WSA_FLAG_OVERLAPPED,
};
use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JobObjectExtendedLimitInformation,
    SetInformationJobObject, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, GetProcessTimes, OpenEventW, ResetEvent, SetEvent,
    WaitForMultipleObjects, EVENT_MODIFY_STATE, INFINITE,
};

use crate::sync::Once;

/// What a call of Windows says of itself by zero and the last error.
pub fn checked(result: i32) -> io::Result<()> {
    match result {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A text as Windows has it.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Something that is set once and stays so until it is reset.
#[derive(Debug)]
pub struct Event(OwnedHandle);

impl Event {
    /// An event of this process, not set.
    pub fn new() -> io::Result<Event> {
        Event::create(null())
    }

    /// An event that other processes can open by its name; an error if there is one of this name.
    pub fn named(name: &str) -> io::Result<Event> {
        let event = Event::create(wide(name).as_ptr())?;
        // SAFETY: no arguments.
        match unsafe { GetLastError() } {
            ERROR_ALREADY_EXISTS => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(event),
        }
    }

    fn create(name: *const u16) -> io::Result<Event> {
        // SAFETY: the name is null or ends with a zero.
        owned(unsafe { CreateEventW(null(), 1, 0, name) }).map(Event)
    }

    /// Another process's event, to be set only. `NotFound` if there is none.
    pub fn open(name: &str) -> io::Result<Event> {
        // SAFETY: the name ends with a zero.
        owned(unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, wide(name).as_ptr()) }).map(Event)
    }

    /// Sets it: everybody who waits goes on.
    pub fn set(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        checked(unsafe { SetEvent(self.0.as_raw_handle()) })
    }

    /// Takes it back.
    pub fn reset(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        checked(unsafe { ResetEvent(self.0.as_raw_handle()) })
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        matches!(
            wait_any(&[self.as_handle()], Some(Duration::ZERO)),
            Ok(Some(_))
        )
    }

    /// The same event once more.
    pub fn again(&self) -> io::Result<Event> {
        self.0.try_clone().map(Event)
    }
}

impl From<OwnedHandle> for Event {
    fn from(handle: OwnedHandle) -> Event {
        Event(handle)
    }
}

impl AsHandle for Event {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    match handle.is_null() {
        true => Err(io::Error::last_os_error()),
        // SAFETY: the call that made it gave it to us.
        false => Ok(unsafe { OwnedHandle::from_raw_handle(handle) }),
    }
}

/// Milliseconds for a wait: rounded up, so that nobody wakes just before the time and waits once more for nothing.
pub fn milliseconds(limit: Option<Duration>) -> u32 {
    let Some(limit) = limit else { return INFINITE };
    u32::try_from(limit.as_nanos().div_ceil(1_000_000))
        .map_or(INFINITE - 1, |ms| ms.min(INFINITE - 1))
}

/// Waits until one of these is signalled (at most 64) and gives the first that is; `None` after `limit`.
pub fn wait_any(
    handles: &[BorrowedHandle<'_>],
    limit: Option<Duration>,
) -> io::Result<Option<usize>> {
    let raw: Vec<HANDLE> = handles
        .iter()
        .map(|handle| handle.as_raw_handle())
        .collect();
    // SAFETY: the handles are open, and as many as we say.
    let woken =
        unsafe { WaitForMultipleObjects(raw.len() as u32, raw.as_ptr(), 0, milliseconds(limit)) };
    match woken.checked_sub(WAIT_OBJECT_0).map(|index| index as usize) {
        Some(index) if index < raw.len() => Ok(Some(index)),
        _ if woken == WAIT_TIMEOUT => Ok(None),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives another process a handle of ours; the value is its number there.
pub fn give(handle: impl AsHandle, process: impl AsHandle) -> io::Result<u64> {
    let handle = handle.as_handle().as_raw_handle();
    duplicate(handle, process.as_handle().as_raw_handle())
}

/// Gives another process a handle by which it sees our end.
pub fn give_self(process: impl AsHandle) -> io::Result<u64> {
    // SAFETY: no arguments.
    duplicate(
        unsafe { GetCurrentProcess() },
        process.as_handle().as_raw_handle(),
    )
}

fn duplicate(handle: HANDLE, process: HANDLE) -> io::Result<u64> {
    let mut there: HANDLE = null_mut();
    // SAFETY: both handles are open, and `there` has room for the answer.
    checked(unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            handle,
            process,
            &mut there,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    Ok(there as usize as u64)
}

/// Takes what another process gave us by [`give`]. An error if there is no such handle here.
pub fn given(number: u64) -> io::Result<OwnedHandle> {
    let handle = usize::try_from(number).map_or(null_mut(), |number| number as HANDLE);
    let mut flags = 0;
    // SAFETY: a number that is no handle is an error, not a fault.
    checked(unsafe { GetHandleInformation(handle, &mut flags) })?;
    // SAFETY: it is open, and who gave it to us has told only us.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// What another process needs to open a socket of ours: good for that process, once.
pub fn socket_for(socket: impl AsSocket, process: u32) -> io::Result<Vec<u8>> {
    // SAFETY: zeros are a valid record.
    let mut info: WSAPROTOCOL_INFOW = unsafe { std::mem::zeroed() };
    let socket = socket.as_socket().as_raw_socket() as usize;
    // SAFETY: the socket is open, and `info` has room for the answer.
    if unsafe { WSADuplicateSocketW(socket, process, &mut info) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let bytes = (&raw const info).cast::<u8>();
    // SAFETY: a plain record that was zeroed at first, padding too, seen as bytes while it lives.
    Ok(unsafe { std::slice::from_raw_parts(bytes, size_of::<WSAPROTOCOL_INFOW>()) }.to_vec())
}

/// Opens a socket that another process made for us by [`socket_for`].
pub fn socket_from(bytes: &[u8]) -> io::Result<OwnedSocket> {
    if bytes.len() != size_of::<WSAPROTOCOL_INFOW>() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: as many bytes as the record has, all of whose fields take any value.
    let info: WSAPROTOCOL_INFOW = unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast()) };
    let flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    let any = FROM_PROTOCOL_INFO;
    // SAFETY: the record lives until the call returns.
    let socket = unsafe { WSASocketW(any, any, any, &info, 0, flags) };
    match socket {
        INVALID_SOCKET => Err(io::Error::last_os_error()),
        // SAFETY: the call made it for us.
        _ => Ok(unsafe { OwnedSocket::from_raw_socket(socket as u64) }),
    }
}

/// Makes sockets usable. The standard library does so before its own first socket; a child is given some before.
pub fn start_sockets() -> io::Result<()> {
    // SAFETY: zeros are a valid record.
    let mut about: WSADATA = unsafe { std::mem::zeroed() };
    // SAFETY: the record has room for the answer.
    match unsafe { WSAStartup(0x202, &mut about) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Everything in it ends when this process does, however that happens.
pub struct Job(OwnedHandle);

impl Job {
    /// An empty one.
    pub fn new() -> io::Result<Job> {
        // SAFETY: neither attributes nor name.
        let job = owned(unsafe { CreateJobObjectW(null(), null()) })?;
        // SAFETY: zeros are a valid record, one without any limit.
        let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = unsafe { std::mem::zeroed() };
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
        let record = (&raw const limits).cast();
        // SAFETY: the record is of the kind and the size that we say.
        checked(unsafe {
            SetInformationJobObject(
                job.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                record,
                size,
            )
        })?;
        Ok(Job(job))
    }

    /// Puts a process into it.
    pub fn take(&self, process: impl AsHandle) -> io::Result<()> {
        let process = process.as_handle().as_raw_handle();
        // SAFETY: both handles are open.
        checked(unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) })
    }
}

/// Processor time of this process so far, in microseconds: user, system; children are not counted here.
pub fn cpu_times() -> [u64; 4] {
    // SAFETY: zeros are a valid time.
    let [mut made, mut ended, mut system, mut user] = unsafe { std::mem::zeroed() };
    // SAFETY: our own process; each time has room for the answer.
    let done = unsafe {
        GetProcessTimes(
            GetCurrentProcess(),
            &mut made,
            &mut ended,
            &mut system,
            &mut user,
        )
    };
    if done == 0 {
        return [0; 4];
    }
    let micros = |time: windows_sys::Win32::Foundation::FILETIME| {
        ((u64::from(time.dwHighDateTime) << 32) + u64::from(time.dwLowDateTime)) / 10
    };
    [micros(user), micros(system), 0, 0]
}

/// What Ctrl-C sets, in the process that is meant by it.
static INTERRUPTED: Once<Event> = Once::new();

unsafe extern "system" fn on_console(_kind: u32) -> i32 {
    if let Some(event) = INTERRUPTED.get() {
        let _ = event.set();
    }
    1
}

/// From now on Ctrl-C, Ctrl-Break and the end of the console or the session set `event`.
pub fn set_on_interrupt(event: Event) -> io::Result<()> {
    let _ = INTERRUPTED.set(event);
    ignore_interrupts()
}

/// From now on Ctrl-C does nothing here: another process decides what it means.
pub fn ignore_interrupts() -> io::Result<()> {
    // SAFETY: the handler may run at any time on a thread of its own: it reads a static that never changes, and sets an event.
    checked(unsafe { SetConsoleCtrlHandler(Some(on_console), 1) })
}
