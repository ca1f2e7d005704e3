//! Sockets that whoever started the server opened for it: a service manager (LISTEN_FDS, as systemd has it) or an earlier
//! build of this program that hands its listeners over.

use crate::os::fd::OwnedFd;

use bstr::BString;
use socket2::SockRef;

use super::Listener;
use crate::os::{fd, process, socket};

/// The first descriptor that is handed down.
const FIRST: i32 = 3;

/// Takes over the listeners that the environment names, and removes the variables, so that no child takes them again. They
/// are used by `bind_all` like those of a generation before. Sockets that are no TCP listeners are left alone.
pub fn handed_down() -> Vec<Listener> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.trim().parse::<i32>().ok())
    };
    let (pid, count) = (number("LISTEN_PID"), number("LISTEN_FDS"));
    let meant_for_us = pid == Some(process::pid());
    if pid.is_none() && count.is_none() {
        return Vec::new();
    }
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        std::env::remove_var(name);
    }
    if !meant_for_us {
        return Vec::new();
    }
    let last = FIRST.saturating_add(count.unwrap_or(0).clamp(0, 1024));
    (FIRST..last)
        .filter_map(fd::inherit)
        .filter_map(adopt)
        .collect()
}

impl Listener {
    /// Says of this listener what its descriptor does not tell, for a program that takes it over (see `handed`).
    pub fn handed_as(&self) -> String {
        let owner = if self.lent { "lent" } else { "own" };
        format!("listen {} {owner}", self.bucket)
    }

    /// The listener of which another program said these words; `None` if they say something else, or if it is none.
    pub fn handed(words: &str, socket: OwnedFd) -> Option<Listener> {
        let mut words = words.strip_prefix("listen ")?.split(' ');
        let bucket = words.next()?.parse().ok()?;
        let lent = words.next()? != "own";
        let listener = adopt(socket)?;
        Some(Listener {
            bucket,
            lent,
            ..listener
        })
    }
}

/// Makes a listener of an open descriptor, if it is one.
pub(super) fn adopt(socket: OwnedFd) -> Option<Listener> {
    let listener = SockRef::from(&socket);
    let addr = listener.local_addr().ok()?.as_socket()?;
    if !socket::is_listener(&socket) || listener.r#type().ok()? != socket2::Type::STREAM {
        // Not ours to close either: another part of the program may know what it is.
        std::mem::forget(socket);
        return None;
    }
    fd::set_nonblocking(&socket, true).ok()?;
    fd::set_close_on_exec(&socket, true).ok()?;
    Some(Listener {
        socket,
        addr,
        protocol: BString::default(),
        bucket: 0,
        lent: true,
    })
}
