//! System calls of the service manager and of the registry.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_CALL_NOT_IMPLEMENTED, ERROR_FILE_NOT_FOUND, NO_ERROR};
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, RegisterEventSourceW, ReportEventW, EVENTLOG_ERROR_TYPE,
};
use windows_sys::Win32::System::Registry::{
    RegCloseKey, RegCreateKeyExW, RegGetValueW, RegSetValueExW, HKEY, HKEY_LOCAL_MACHINE,
    KEY_SET_VALUE, REG_MULTI_SZ, REG_OPTION_NON_VOLATILE, RRF_RT_REG_MULTI_SZ,
};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfigW, CloseServiceHandle, ControlService, CreateServiceW, DeleteService,
    OpenSCManagerW, OpenServiceW, QueryServiceStatus, RegisterServiceCtrlHandlerExW,
    SetServiceStatus, StartServiceCtrlDispatcherW, StartServiceW, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_MANAGER_CREATE_SERVICE, SERVICE_ACCEPT_SHUTDOWN, SERVICE_ACCEPT_STOP, SERVICE_ALL_ACCESS,
    SERVICE_AUTO_START, SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_SHUTDOWN,
    SERVICE_CONTROL_STOP, SERVICE_ERROR_NORMAL, SERVICE_NO_CHANGE, SERVICE_STATUS,
    SERVICE_STATUS_HANDLE, SERVICE_TABLE_ENTRYW, SERVICE_WIN32_OWN_PROCESS,
};

pub use windows_sys::Win32::System::Services::{
    SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STOPPED, SERVICE_STOP_PENDING,
};

use crate::mpm::chosen::system::{checked, wide};
use crate::sync::{Lock, Once};

/// What the manager may ask of us beside its own words: read the configuration anew. A number of Apache's.
const RESTART: u32 = 128;

/// A handle of the service manager.
struct Handle(SC_HANDLE);

impl Handle {
    fn of(handle: SC_HANDLE) -> io::Result<Handle> {
        match handle.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(Handle(handle)),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is open, and only ours.
        unsafe { CloseServiceHandle(self.0) };
    }
}

fn manager(rights: u32) -> io::Result<Handle> {
    // SAFETY: neither machine nor database is named.
    Handle::of(unsafe { OpenSCManagerW(null(), null(), rights) })
}

/// A service that is installed.
pub struct Service(Handle);

impl Service {
    /// Finds it by its name.
    pub fn open(name: &str) -> io::Result<Service> {
        let manager = manager(SC_MANAGER_CONNECT)?;
        // SAFETY: the manager is open, the name ends with a zero.
        let service = unsafe { OpenServiceW(manager.0, wide(name).as_ptr(), SERVICE_ALL_ACCESS) };
        Handle::of(service).map(Service)
    }

    /// Installs it: started with the system, by this command line.
    pub fn create(name: &str, shown: &str, command: &str) -> io::Result<Service> {
        let manager = manager(SC_MANAGER_CREATE_SERVICE)?;
        let needed = depends_on();
        // SAFETY: the manager is open, all texts end with a zero, the list with two.
        let service = unsafe {
            CreateServiceW(
                manager.0,
                wide(name).as_ptr(),
                wide(shown).as_ptr(),
                SERVICE_ALL_ACCESS,
                SERVICE_WIN32_OWN_PROCESS,
                SERVICE_AUTO_START,
                SERVICE_ERROR_NORMAL,
                wide(command).as_ptr(),
                null(),
                null_mut(),
                needed.as_ptr(),
                null(),
                null(),
            )
        };
        Handle::of(service).map(Service)
    }

    /// Gives it another command line and name to be shown.
    pub fn change(&self, shown: &str, command: &str) -> io::Result<()> {
        let needed = depends_on();
        // SAFETY: as in `create`.
        checked(unsafe {
            ChangeServiceConfigW(
                self.0 .0,
                SERVICE_WIN32_OWN_PROCESS,
                SERVICE_NO_CHANGE,
                SERVICE_ERROR_NORMAL,
                wide(command).as_ptr(),
                null(),
                null_mut(),
                needed.as_ptr(),
                null(),
                null(),
                wide(shown).as_ptr(),
            )
        })
    }

    /// Removes it, once nobody has it open.
    pub fn delete(&self) -> io::Result<()> {
        // SAFETY: it is open.
        checked(unsafe { DeleteService(self.0 .0) })
    }

    /// Has the manager start it.
    pub fn start(&self) -> io::Result<()> {
        // SAFETY: it is open, and there are no arguments.
        checked(unsafe { StartServiceW(self.0 .0, 0, null()) })
    }

    /// Has it end.
    pub fn stop(&self) -> io::Result<()> {
        self.control(SERVICE_CONTROL_STOP)
    }

    /// Has it read its configuration anew.
    pub fn restart(&self) -> io::Result<()> {
        self.control(RESTART)
    }

    fn control(&self, code: u32) -> io::Result<()> {
        // SAFETY: zeros are a valid record.
        let mut status: SERVICE_STATUS = unsafe { zeroed() };
        // SAFETY: it is open, and there is room for the answer.
        checked(unsafe { ControlService(self.0 .0, code, &mut status) })
    }

    /// What it does: one of the `SERVICE_...` states.
    pub fn state(&self) -> io::Result<u32> {
        // SAFETY: zeros are a valid record.
        let mut status: SERVICE_STATUS = unsafe { zeroed() };
        // SAFETY: it is open, and there is room for the answer.
        checked(unsafe { QueryServiceStatus(self.0 .0, &mut status) })?;
        Ok(status.dwCurrentState)
    }
}

/// Services that must run before: the network's.
fn depends_on() -> Vec<u16> {
    let mut list = wide("Tcpip");
    list.extend(wide("Afd"));
    list.push(0);
    list
}

/// What the service does when the manager wants something of it.
pub struct Hands {
    pub stop: fn(&Teller),
    pub restart: fn(&Teller),
}

/// By which a service tells the manager where it stands.
pub struct Teller {
    handle: Lock<usize>,
    checkpoint: Lock<u32>,
    hands: Hands,
}

impl Teller {
    /// Tells a state, what may last until the next (in milliseconds), and at the end the exit code.
    pub fn tell(&self, state: u32, lasts: u32, code: u32) {
        let pending = matches!(state, SERVICE_START_PENDING | SERVICE_STOP_PENDING);
        let mut checkpoint = self.checkpoint.lock();
        *checkpoint = if pending { *checkpoint + 1 } else { 0 };
        let status = SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: state,
            dwControlsAccepted: match state {
                SERVICE_RUNNING => SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN,
                _ => 0,
            },
            dwWin32ExitCode: code,
            dwServiceSpecificExitCode: 0,
            dwCheckPoint: *checkpoint,
            dwWaitHint: lasts,
        };
        let handle = *self.handle.lock() as SERVICE_STATUS_HANDLE;
        if !handle.is_null() {
            // SAFETY: the manager gave us the handle, which lives as long as the process.
            unsafe { SetServiceStatus(handle, &status) };
        }
    }
}

/// The life of this process as a service. There is one, and the manager's calls bring no word of ours with them.
struct Life {
    name: Vec<u16>,
    teller: Teller,
    main: Lock<Option<Main>>,
}

type Main = Box<dyn FnOnce(&'static Teller) + Send>;

static LIFE: Once<Life> = Once::new();

unsafe extern "system" fn on_control(
    code: u32,
    _: u32,
    _: *mut std::ffi::c_void,
    _: *mut std::ffi::c_void,
) -> u32 {
    let Some(life) = LIFE.get() else {
        return NO_ERROR;
    };
    match code {
        SERVICE_CONTROL_STOP | SERVICE_CONTROL_SHUTDOWN => (life.teller.hands.stop)(&life.teller),
        RESTART => (life.teller.hands.restart)(&life.teller),
        SERVICE_CONTROL_INTERROGATE => {}
        _ => return ERROR_CALL_NOT_IMPLEMENTED,
    }
    NO_ERROR
}

unsafe extern "system" fn service_main(_count: u32, _words: *mut *mut u16) {
    let Some(life) = LIFE.get() else { return };
    // SAFETY: the name ends with a zero and lives as long as the process, the function too.
    let handle =
        unsafe { RegisterServiceCtrlHandlerExW(life.name.as_ptr(), Some(on_control), null()) };
    *life.teller.handle.lock() = handle as usize;
    let main = life.main.lock().take();
    if let Some(main) = main {
        main(&life.teller);
    }
}

/// Lives as the service `name`, which the manager has started: `main` runs on a thread of its own. Returns when the service has
/// told that it is stopped. An error: the manager has not started this process.
pub fn live(name: &str, hands: Hands, main: Main) -> io::Result<()> {
    let life = Life {
        name: wide(name),
        teller: Teller {
            handle: Lock::new(0),
            checkpoint: Lock::new(0),
            hands,
        },
        main: Lock::new(Some(main)),
    };
    let life = LIFE.get_or_init(|| life);
    let table = [
        SERVICE_TABLE_ENTRYW {
            lpServiceName: life.name.as_ptr().cast_mut(),
            lpServiceProc: Some(service_main),
        },
        SERVICE_TABLE_ENTRYW {
            lpServiceName: null_mut(),
            lpServiceProc: None,
        },
    ];
    // SAFETY: the table ends with an empty row and lives until the call returns; the name is only read.
    checked(unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) })
}

/// Writes an error into the system's log of events, where an administrator looks when a service does not start.
pub fn report(name: &str, text: &str) {
    // SAFETY: the name ends with a zero.
    let log = unsafe { RegisterEventSourceW(null(), wide(name).as_ptr()) };
    if log.is_null() {
        return;
    }
    let text = wide(text);
    let texts = [text.as_ptr()];
    // SAFETY: the log is open, there is one text, which ends with a zero, and nothing else.
    unsafe {
        ReportEventW(
            log,
            EVENTLOG_ERROR_TYPE,
            0,
            0,
            null_mut(),
            1,
            0,
            texts.as_ptr(),
            null(),
        );
        DeregisterEventSource(log);
    }
}

/// An open key of the registry.
struct Key(HKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: it is open, and only ours.
        unsafe { RegCloseKey(self.0) };
    }
}

/// Where a service keeps what it wants to know.
fn parameters(name: &str) -> Vec<u16> {
    wide(&format!(
        "SYSTEM\\CurrentControlSet\\Services\\{name}\\Parameters"
    ))
}

fn told(code: u32) -> io::Result<()> {
    match code {
        NO_ERROR => Ok(()),
        _ => Err(io::Error::from_raw_os_error(code as i32)),
    }
}

/// Keeps a list of texts for a service.
pub fn keep(name: &str, value: &str, texts: &[String]) -> io::Result<()> {
    let mut key = null_mut();
    // SAFETY: the path ends with a zero, and there is room for the handle.
    told(unsafe {
        RegCreateKeyExW(
            HKEY_LOCAL_MACHINE,
            parameters(name).as_ptr(),
            0,
            null(),
            REG_OPTION_NON_VOLATILE,
            KEY_SET_VALUE,
            null(),
            &mut key,
            null_mut(),
        )
    })?;
    let key = Key(key);
    let mut list: Vec<u16> = texts.iter().flat_map(|text| wide(text)).collect();
    list.push(0);
    let (data, size) = (list.as_ptr().cast(), size_of::<u16>() * list.len());
    // SAFETY: the key is open, the name ends with a zero, and the list has as many bytes as we say.
    told(unsafe {
        RegSetValueExW(
            key.0,
            wide(value).as_ptr(),
            0,
            REG_MULTI_SZ,
            data,
            size as u32,
        )
    })
}

/// The list of texts that was kept for a service; empty if none was.
pub fn kept(name: &str, value: &str) -> io::Result<Vec<String>> {
    let (path, value) = (parameters(name), wide(value));
    let mut list = vec![0u16; 32 * 1024];
    let mut size = (size_of::<u16>() * list.len()) as u32;
    // SAFETY: the names end with a zero, and the list has room for as many bytes as we say.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            path.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_MULTI_SZ,
            null_mut(),
            list.as_mut_ptr().cast(),
            &mut size,
        )
    };
    if code == ERROR_FILE_NOT_FOUND {
        return Ok(Vec::new());
    }
    told(code)?;
    list.truncate(size as usize / size_of::<u16>());
    let texts = list
        .split(|unit| *unit == 0)
        .take_while(|text| !text.is_empty());
    Ok(texts.map(String::from_utf16_lossy).collect())
}
