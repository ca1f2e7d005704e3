//! The system's names for addresses. May wait for a name server for as long as the system is patient: callers come through
//! `blocking`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::SockAddr;
use windows_sys::Win32::Networking::WinSock::{getnameinfo, NI_NAMEREQD, WSAHOST_NOT_FOUND};

/// The longest name with its NUL.
const LONGEST: usize = 1025;

/// The host name that the system has for an address; none if it has none. Nobody but the address's owner vouches for it.
pub fn name_of(address: IpAddr) -> io::Result<Option<String>> {
    let socket = SockAddr::from(SocketAddr::new(address, 0));
    let mut name = vec![0u8; LONGEST];
    // SAFETY: address and buffer are as long as said; no service name is asked for.
    let result = unsafe {
        getnameinfo(
            socket.as_ptr().cast(),
            socket.len(),
            name.as_mut_ptr(),
            name.len() as u32,
            std::ptr::null_mut(),
            0,
            NI_NAMEREQD as i32,
        )
    };
    match result {
        0 => {
            let end = name.iter().position(|c| *c == 0).unwrap_or(name.len());
            name.truncate(end);
            Ok(String::from_utf8(name).ok())
        }
        WSAHOST_NOT_FOUND => Ok(None),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}
