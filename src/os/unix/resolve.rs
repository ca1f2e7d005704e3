//! The system's names for addresses. May wait for a name server for as long as the system is patient: callers come through
//! `blocking`. (Addresses for names are std's `ToSocketAddrs`.)

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::SockAddr;

/// NI_MAXHOST of most systems: the longest name with its NUL.
const LONGEST: usize = 1025;

/// The host name that the system has for an address; none if it has none. Nobody but the address's owner vouches for it.
pub fn name_of(address: IpAddr) -> io::Result<Option<String>> {
    let socket = SockAddr::from(SocketAddr::new(address, 0));
    let mut name: Vec<libc::c_char> = vec![0; LONGEST];
    #[allow(clippy::unnecessary_cast)] // illumos has it unsigned
    let flags = libc::NI_NAMEREQD as libc::c_int;
    // SAFETY: address and buffer are as long as said; no service name is asked for.
    let result = unsafe {
        libc::getnameinfo(
            socket.as_ptr().cast(),
            socket.len() as _,
            name.as_mut_ptr(),
            name.len() as _,
            std::ptr::null_mut(),
            0,
            flags,
        )
    };
    match result {
        0 => {
            let bytes: Vec<u8> = name
                .iter()
                .take_while(|c| **c != 0)
                .map(|c| *c as u8)
                .collect();
            Ok(String::from_utf8(bytes).ok())
        }
        libc::EAI_NONAME => Ok(None),
        libc::EAI_SYSTEM => Err(io::Error::last_os_error()),
        _ => Err(io::Error::other("the name look-up failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_asked_for() {
        // Whether it has a name is the system's affair.
        let name = name_of(IpAddr::from([127, 0, 0, 1])).unwrap();
        assert!(name.is_none_or(|name| !name.is_empty() && !name.contains('\0')));
    }
}
