//! The client's host name, for rules that name hosts. It counts only if the name leads back to the address, since whoever
//! owns an address may give it any name.

use crate::connection::host::blocking;
use crate::os::resolve;
use crate::request::Request;
use std::net::{IpAddr, ToSocketAddrs};

/// What was found for a request's client; asked once for each request and address.
struct Found {
    address: IpAddr,
    name: Option<String>,
}

/// The client's host name, lower case; none if it has none that leads back to it.
pub async fn client_host(r: &mut Request) -> Option<String> {
    let address = r.client.ip().to_canonical();
    if let Some(found) = r
        .extension::<Found>()
        .filter(|found| found.address == address)
    {
        return found.name.clone();
    }
    let ctx = r.ctx.clone();
    let name = blocking(&*ctx.host, move || confirmed(address))
        .await
        .ok()
        .flatten();
    r.extensions.push(Box::new(Found {
        address,
        name: name.clone(),
    }));
    name
}

/// Whether `name` leads to the client.
pub async fn leads_to_client(r: &mut Request, name: String) -> std::io::Result<bool> {
    let address = r.client.ip().to_canonical();
    let ctx = r.ctx.clone();
    blocking(&*ctx.host, move || leads_to(&name, address)).await?
}

fn confirmed(address: IpAddr) -> Option<String> {
    let name = resolve::name_of(address)
        .ok()
        .flatten()?
        .to_ascii_lowercase();
    leads_to(&name, address).unwrap_or(false).then_some(name)
}

fn leads_to(name: &str, address: IpAddr) -> std::io::Result<bool> {
    Ok((name, 0)
        .to_socket_addrs()?
        .any(|known| known.ip().to_canonical() == address))
}

/// Whether `host` is `domain` or lies in it. `.example.org` holds only what lies inside; case does not matter.
pub fn in_domain(domain: &[u8], host: &[u8]) -> bool {
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let (front, end) = host.split_at(start);
    if domain.is_empty() || !end.eq_ignore_ascii_case(domain) {
        return false;
    }
    front.is_empty() || domain.starts_with(b".") || front.ends_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_end_at_dots() {
        assert!(in_domain(b"example.org", b"example.org"));
        assert!(in_domain(b"Example.org", b"www.example.ORG"));
        assert!(in_domain(b".example.org", b"www.example.org"));
        assert!(!in_domain(b".example.org", b"example.org"));
        assert!(!in_domain(b"example.org", b"badexample.org"));
        assert!(!in_domain(b"www.example.org", b"example.org"));
        assert!(!in_domain(b"", b"example.org"));
    }

    #[test]
    fn addresses_lead_to_themselves() {
        let address = IpAddr::from([127, 0, 0, 1]);
        assert!(leads_to("127.0.0.1", address).unwrap());
        assert!(!leads_to("127.0.0.2", address).unwrap());
    }
}
