//! Host names that are asked of the system, once for each connection, where that may block: the client's (HostnameLookups)
//! and, for `UseCanonicalName DNS`, that of the address which the client chose.

use super::Request;
use crate::config::core::{CanonicalName, Lookups};
use crate::connection::host::blocking;
use crate::os::resolve;
use std::net::{IpAddr, ToSocketAddrs};

/// The notes of a connection that keep what was found; empty where there is no name.
const REMOTE: &str = "remote-host";
const LOCAL: &str = "local-host";

/// Finds the names that are wanted here and that nobody has asked for yet.
pub async fn find(r: &Request) {
    let mode = r.core_dir().hostname_lookups.unwrap_or_default();
    if mode != Lookups::Off {
        ask(r, REMOTE, r.client.ip(), mode == Lookups::Double).await;
    }
    if r.core_dir().canonical_name == Some(CanonicalName::Dns) {
        ask(r, LOCAL, r.conn.local.ip(), false).await;
    }
}

async fn ask(r: &Request, note: &str, address: IpAddr, double: bool) {
    if r.conn.notes.borrow().contains(note) {
        return;
    }
    let address = address.to_canonical();
    // A failure of the look-up is no name, as Apache has it.
    let name = blocking(&*r.ctx.host, move || look_up(address, double)).await;
    let name = name.ok().flatten().unwrap_or_default();
    r.conn.notes.borrow_mut().set(note, name);
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
        self.noted_name(REMOTE)
    }

    /// The host name of our end, if `UseCanonicalName DNS` found one.
    pub fn local_host(&self) -> Option<String> {
        self.noted_name(LOCAL)
    }

    fn noted_name(&self, note: &str) -> Option<String> {
        let notes = self.conn.notes.borrow();
        let name = notes.get(note).filter(|name| !name.is_empty())?;
        Some(name.to_string())
    }
}
