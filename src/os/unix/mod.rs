//! Unix: processes, signals, descriptors, sockets, memory, users and limits. Each function is one system call or the
//! shortest safe sequence of them, returns `io::Error` with the kernel's number, and is restarted after a signal unless
//! it says that it reports one.

use std::io;

pub mod calendar;
pub mod crash;
pub mod descriptor;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod epoll;
pub mod errno;
pub mod fd;
pub mod file;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod inotify;
pub mod limits;
pub mod pages;
pub mod path;
pub mod poll;
pub mod process;
pub mod resolve;
pub mod room;
pub mod sandbox;
pub mod signal;
pub mod socket;
pub mod syslog;
pub mod thread_rights;
pub mod user;

/// Turns the -1 of a system call into its error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The same for calls that count bytes; what is not -1 is not negative.
fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Repeats a call for as long as signals interrupt it.
fn restart<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A C string, or `InvalidInput` where the bytes hold a NUL.
fn c_string(bytes: &[u8]) -> io::Result<std::ffi::CString> {
    std::ffi::CString::new(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// What this system cannot do.
#[allow(dead_code)] // where it can do everything
fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// The host's name as the kernel has it.
pub fn host_name() -> io::Result<Vec<u8>> {
    let mut name = vec![0u8; 256];
    // SAFETY: the buffer is as long as said; its last byte stays NUL.
    check(unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) })?;
    let end = name
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}

/// Runs a test that forks, or that handles signals, in a process of its own, which runs nothing else: a child of the common
/// one would keep other tests' descriptors open, and may find a lock that another thread held.
#[cfg(test)]
pub(crate) fn alone(body: impl FnOnce()) {
    let thread = std::thread::current();
    // The test runner names its threads after the tests; without threads there is nobody to be alone from.
    let name = thread.name().unwrap_or("main");
    if name == "main" || std::env::var_os("HTTPD_TEST_ALONE").is_some() {
        return body();
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again
        .args([name, "--exact", "--nocapture"])
        .env("HTTPD_TEST_ALONE", "1");
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains(" 1 passed"),
        "{text}"
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn host_has_a_name() {
        let name = super::host_name().unwrap();
        assert!(!name.is_empty() && !name.contains(&0));
    }
}
