//! The client's host name, as HostnameLookups wants it: asked of the system once for each connection, where it may block.

use super::Request;
use crate::config::core::Lookups;
use crate::connection::host::blocking;
use crate::os::resolve;
use std::net::{IpAddr, ToSocketAddrs};

/// The note of a connection that keeps what was found; empty where there is no name.
const NOTE: &str = "remote-host";

/// Finds the name, if HostnameLookups is on here and nobody has asked yet.
pub async fn find(r: &Request) {
    let mode = r.core_dir().hostname_lookups.unwrap_or_default();
    if mode == Lookups::Off || r.conn.notes.borrow().contains(NOTE) {
        return;
    }
    let address = r.client.ip().to_canonical();
    let double = mode == Lookups::Double;
    // A failure of the look-up is no name, as Apache has it.
    let name = blocking(&*r.ctx.host, move || look_up(address, double)).await;
    r.conn
        .notes
        .borrow_mut()
        .set(NOTE, name.ok().flatten().unwrap_or_default());
}

/// The name in lower case; with `double`, only one whose addresses have this one among them.
fn look_up(address: IpAddr, double: bool) -> Option<String> {
    let name = resolve::name_of(address).ok()??.to_ascii_lowercase();
    let vouched = |name: &str| {
        let addresses = (name, 0u16).to_socket_addrs();
        addresses.is_ok_and(|mut all| all.any(|known| known.ip().to_canonical() == address))
    };
    (!double || vouched(&name)).then_some(name)
}

impl Request {
    /// The client's host name, if HostnameLookups found one.
    pub fn remote_host(&self) -> Option<String> {
        let notes = self.conn.notes.borrow();
        let name = notes.get(NOTE).filter(|name| !name.is_empty())?;
        Some(name.to_string())
    }
}
