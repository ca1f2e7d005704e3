//! Windows: the functions of `unix/` by the same names, as far as a server without fork, users and signals has a use for
//! them. A *descriptor* is a socket here ([`fd`]), for only sockets can be awaited together; a file is a handle ([`file`]).

use std::io;

use windows_sys::core::BOOL;

pub mod calendar;
pub mod crash;
pub mod descriptor;
pub mod errno;
pub mod fd;
pub mod file;
pub mod limits;
pub mod pages;
pub mod path;
pub mod poll;
pub mod process;
pub mod resolve;
pub mod signal;
pub mod socket;
pub mod spawner;
pub mod syslog;
pub mod transmit;
pub mod user;

/// Turns the zero of a system call into its error.
fn check(result: BOOL) -> io::Result<()> {
    match result {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// What this system cannot do.
fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// The name of this machine.
pub fn host_name() -> io::Result<Vec<u8>> {
    use windows_sys::Win32::System::SystemInformation::{
        ComputerNamePhysicalDnsHostname, GetComputerNameExW,
    };
    let mut name = [0u16; 256];
    let mut length = name.len() as u32;
    // SAFETY: the buffer is as long as said.
    check(unsafe {
        GetComputerNameExW(
            ComputerNamePhysicalDnsHostname,
            name.as_mut_ptr(),
            &mut length,
        )
    })?;
    let name = name.get(..length as usize).unwrap_or_default();
    Ok(String::from_utf16_lossy(name).into_bytes())
}
