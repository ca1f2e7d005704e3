//! Processes.

use windows_sys::Win32::Foundation::{CloseHandle, STILL_ACTIVE};
use windows_sys::Win32::System::Threading::{
    GetCurrentThreadId, GetExitCodeProcess, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// A process id, as it is kept in the scoreboard. The system's numbers are small enough for it.
pub type Pid = i32;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, or by another process, with this code.
    Code(i32),
    /// A signal ended it, which cannot happen here.
    Signal {
        /// Which.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

/// This process.
pub fn pid() -> Pid {
    std::process::id() as Pid
}

/// The system's number of this thread.
pub fn thread_id() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { GetCurrentThreadId() }
}

/// Whether a process of this id runs.
pub fn exists(pid: Pid) -> bool {
    let Ok(number) = u32::try_from(pid) else {
        return false;
    };
    let mut code = 0;
    // SAFETY: the handle is asked once and closed.
    unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, number);
        if process.is_null() {
            return false;
        }
        let told = GetExitCodeProcess(process, &mut code);
        CloseHandle(process);
        told != 0 && code == STILL_ACTIVE as u32
    }
}

/// Has a program stand in a console of its own, so that what is typed at ours does not end it.
pub fn own_group(command: &mut std::process::Command) {
    use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW};
    let flags = CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW;
    std::os::windows::process::CommandExt::creation_flags(command, flags);
}

/// Whether a child has ended of whose end nobody will be told.
pub fn has_ended_untold(pid: Pid) -> bool {
    !exists(pid)
}

/// Names of threads serve debuggers, which ask the standard library's.
pub fn set_thread_name(_name: &str) {}
