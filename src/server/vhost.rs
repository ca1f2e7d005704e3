//! Which server a connection and a request belong to: by the local address once for the connection, by host name for
//! each request (reference: hooks.md, section 7).

use super::Server;
use crate::hash::QuickMap;
use crate::pattern::{Glob, GlobOptions};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// An address of a `<VirtualHost>` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VhostAddress {
    /// As written, without the port.
    pub text: String,
    /// None for `*`, `_default_` and names of the wildcard address.
    pub ip: Option<IpAddr>,
    /// 0 for any port.
    pub port: u16,
}

impl VhostAddress {
    /// Reads `addr[:port]`: `*`, `_default_`, an address, `[v6]`, or a name, which is looked up and may have several
    /// addresses. A name that is not found gives a message.
    pub fn parse(text: &str) -> Result<Vec<VhostAddress>, String> {
        let (host, port) = split_port(text)?;
        let one = |ip| VhostAddress {
            text: host.to_owned(),
            ip,
            port,
        };
        if host == "*" || host.eq_ignore_ascii_case("_default_") {
            return Ok(vec![one(None)]);
        }
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![one(Some(ip).filter(|ip| !ip.is_unspecified()))]);
        }
        let found = (host, 0u16).to_socket_addrs().map_err(|error| {
            format!("AH00547: Could not resolve host name {host} -- ignoring! ({error})")
        })?;
        let mut list: Vec<_> = found
            .map(|a| one(Some(a.ip()).filter(|ip| !ip.is_unspecified())))
            .collect();
        list.dedup();
        Ok(list)
    }

    /// The first column of `httpd -S`.
    pub fn shown(&self) -> String {
        let ip = match self.ip {
            None => "*".to_owned(),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(ip) => ip.to_string(),
        };
        match self.port {
            0 => format!("{ip}:*"),
            port => format!("{ip}:{port}"),
        }
    }
}

/// Host and port of `host[:port]`; port 0 for none or `*`.
fn split_port(text: &str) -> Result<(&str, u16), String> {
    let at = match text.rfind(':') {
        Some(at) if text[at..].contains(']') => return Ok((text, 0)),
        // An IPv6 address without brackets has no port.
        Some(at) if text[..at].contains(':') && !text.starts_with('[') => return Ok((text, 0)),
        Some(at) => at,
        None => return Ok((text, 0)),
    };
    match &text[at + 1..] {
        "*" => Ok((&text[..at], 0)),
        port => match port.parse() {
            Ok(number) if number > 0 => Ok((&text[..at], number)),
            _ => Err(format!(
                "The port number \"{port}\" is outside the appropriate range (i.e., 1..65535)."
            )),
        },
    }
}

/// The servers that share an address, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The address that they share.
    pub address: Option<VhostAddress>,
    /// Indexes of servers; the first is the default.
    pub servers: Vec<usize>,
    /// Places of the first server of each name without wildcards.
    by_name: QuickMap<String, usize>,
    /// Places of the servers that have names with wildcards.
    with_wild: Vec<usize>,
    /// Places of the servers whose `<VirtualHost>` line has a word, each with the port there.
    by_address: QuickMap<String, Vec<(u16, usize)>>,
}

/// How connections and requests find their server.
#[derive(Default, Debug)]
pub struct VhostTable {
    exact: QuickMap<(IpAddr, u16), Chain>,
    wild: Vec<Chain>,
    names: Vec<Names>,
}

/// What one server is called.
#[derive(Debug, Default)]
struct Names {
    exact: Vec<String>,
    wild: Vec<Glob>,
    /// The words of its `<VirtualHost>` line, each with its port.
    addresses: Vec<(String, u16)>,
    path: Option<String>,
}

impl VhostTable {
    /// Groups the servers by address, completes their names, and warns of what overlaps.
    pub fn build(servers: &mut [Server], warnings: &mut Vec<String>) -> Self {
        let mut table = VhostTable::default();
        for index in 1..servers.len() {
            let addresses = servers[index].addresses.clone();
            if servers[index].name.is_none() {
                servers[index].name = default_name(&addresses, &servers[0]);
            }
            for address in addresses {
                table.add(address, index);
            }
        }
        table.names = servers.iter().map(Names::of).collect();
        let chains = table.exact.values_mut().chain(&mut table.wild);
        chains.for_each(|chain| chain.index(&table.names));
        table.warn_of_doubles(servers, warnings);
        table
    }

    fn add(&mut self, address: VhostAddress, index: usize) {
        let chain = match address.ip {
            Some(ip) => self.exact.entry((ip, address.port)).or_default(),
            None => {
                let known = self.wild.iter().position(|c| c.port() == address.port);
                let at = known.unwrap_or_else(|| {
                    self.wild.push(Chain::default());
                    self.wild.len() - 1
                });
                &mut self.wild[at]
            }
        };
        chain.address.get_or_insert(address);
        // Servers come in order, so that one of several addresses meets only itself.
        if chain.servers.last() != Some(&index) {
            chain.servers.push(index);
        }
    }

    fn warn_of_doubles(&self, servers: &[Server], warnings: &mut Vec<String>) {
        for chain in self.chains() {
            let mut first = HashMap::new();
            for later in &chain.servers {
                let Some(name) = &servers[*later].name else {
                    continue;
                };
                let earlier = first.entry(name).or_insert(later);
                if *earlier != later {
                    warnings.push(format!(
                        "virtual host {} at {} is hidden by the one of the same name at {}",
                        servers[*later].host(),
                        servers[*later].defined_at,
                        servers[**earlier].defined_at
                    ));
                }
            }
        }
    }

    /// All chains: those of addresses sorted, then the wildcard ones in file order.
    pub fn chains(&self) -> Vec<&Chain> {
        let mut exact: Vec<_> = self.exact.iter().collect();
        exact.sort_by_key(|(key, _)| **key);
        exact
            .into_iter()
            .map(|(_, chain)| chain)
            .chain(&self.wild)
            .collect()
    }

    /// Step 1: the servers at a local address; empty means the main server.
    pub fn at(&self, local: SocketAddr) -> &[usize] {
        self.chain(local).map_or(&[], |chain| &chain.servers)
    }

    fn chain(&self, local: SocketAddr) -> Option<&Chain> {
        let ip = local.ip().to_canonical();
        let exact = self
            .exact
            .get(&(ip, local.port()))
            .or_else(|| self.exact.get(&(ip, 0)));
        let wild = |port| self.wild.iter().find(move |c| c.port() == port);
        exact.or_else(|| wild(local.port())).or_else(|| wild(0))
    }

    /// Step 2: the server for a host name (lower case, no port), or for a path where there is no host.
    /// The flag says whether a name matched.
    pub fn named(&self, local: SocketAddr, host: Option<&str>, path: &[u8]) -> (usize, bool) {
        let at = self.chain(local);
        let chain: &[usize] = at.map_or(&[], |chain| &chain.servers);
        let (Some(at), Some(&default)) = (at, chain.first()) else {
            return (
                0,
                host.is_some_and(|host| self.names.first().is_some_and(|n| n.matches(host))),
            );
        };
        let Some(host) = host else {
            let by_path = |index: &&usize| {
                let names = &self.names[**index];
                names
                    .path
                    .as_ref()
                    .is_some_and(|p| crate::config::section::is_within(path, p.as_bytes()))
            };
            return (
                chain.iter().find(by_path).copied().unwrap_or(default),
                false,
            );
        };
        match at.place(host, local.port(), &self.names) {
            Some(place) => (chain.get(place).copied().unwrap_or(default), true),
            None => (default, false),
        }
    }
}

impl Chain {
    /// Makes its names quick to find; called once when all servers are in.
    fn index(&mut self, names: &[Names]) {
        for (place, server) in self.servers.iter().enumerate() {
            let names = &names[*server];
            for name in &names.exact {
                self.by_name.entry(name.clone()).or_insert(place);
            }
            if !names.wild.is_empty() {
                self.with_wild.push(place);
            }
            for (text, port) in &names.addresses {
                let places = self.by_address.entry(text.clone()).or_default();
                places.push((*port, place));
            }
        }
    }

    /// The place of the first server of this name; failing that, of the first whose `<VirtualHost>` line says it.
    fn place(&self, host: &str, port: u16, names: &[Names]) -> Option<usize> {
        let exact = self.by_name.get(host).copied();
        let before = exact.unwrap_or(usize::MAX);
        let fits = |place: &&usize| names[self.servers[**place]].fits(host);
        let mut wild = self.with_wild.iter().take_while(|place| **place < before);
        wild.find(fits).copied().or(exact).or_else(|| {
            let places = self.by_address.get(host)?;
            let here = |(of, _): &&(u16, usize)| *of == 0 || *of == port;
            places.iter().find(here).map(|(_, place)| *place)
        })
    }

    fn port(&self) -> u16 {
        self.address.as_ref().map_or(0, |address| address.port)
    }
}

impl Names {
    fn of(server: &Server) -> Names {
        let mut exact: Vec<_> = server
            .name
            .iter()
            .map(|n| n.host.to_ascii_lowercase())
            .collect();
        exact.extend(server.aliases.iter().cloned());
        let addresses = server.addresses.iter();
        Names {
            exact,
            wild: server
                .wild_aliases
                .iter()
                .map(|alias| Glob::new(alias, GlobOptions::HOST))
                .collect(),
            addresses: addresses
                .map(|a| (a.text.to_ascii_lowercase(), a.port))
                .collect(),
            path: server.path.clone(),
        }
    }

    fn matches(&self, host: &str) -> bool {
        self.exact.iter().any(|name| name == host) || self.fits(host)
    }

    /// Whether one of its names with wildcards matches.
    fn fits(&self, host: &str) -> bool {
        self.wild.iter().any(|glob| glob.matches(host.as_bytes()))
    }
}

/// A virtual host without a ServerName is called as its `<VirtualHost>` line says, else as the main server.
fn default_name(addresses: &[VhostAddress], main: &Server) -> Option<super::ServerName> {
    let named = addresses.iter().find(|a| a.ip.is_some());
    match named {
        Some(address) => Some(super::ServerName {
            scheme: None,
            host: address.text.to_ascii_lowercase(),
            port: address.port,
        }),
        None => main
            .name
            .clone()
            .map(|name| super::ServerName { port: 0, ..name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ServerName;

    fn server(name: &str, address: &str, aliases: &[&str], wild: &[&str]) -> Server {
        let mut server = Server::new(&format!("conf:{name}"));
        server.name = Some(ServerName {
            scheme: None,
            host: name.into(),
            port: 0,
        });
        server.addresses = VhostAddress::parse(address).expect("an address");
        server.aliases = aliases.iter().map(|s| s.to_string()).collect();
        server.wild_aliases = wild.iter().map(|s| s.to_string()).collect();
        server
    }

    fn table() -> VhostTable {
        let mut servers = vec![
            Server::new(""),
            server("a.test", "*:80", &["www.a.test"], &["*.aa.test"]),
            server("b.test", "*:80", &[], &[]),
            server("ip.test", "127.0.0.1:81", &[], &[]),
            server("any.test", "_default_:*", &[], &[]),
        ];
        VhostTable::build(&mut servers, &mut Vec::new())
    }

    fn find(address: &str, host: Option<&str>) -> usize {
        table()
            .named(address.parse().expect("an address"), host, b"/")
            .0
    }

    #[test]
    fn names_choose_within_the_address() {
        assert_eq!(find("127.0.0.1:80", Some("b.test")), 2);
        assert_eq!(find("127.0.0.1:80", Some("www.a.test")), 1);
        assert_eq!(find("127.0.0.1:80", Some("x.aa.test")), 1);
        assert_eq!(find("127.0.0.1:80", Some("nobody")), 1);
        assert_eq!(find("127.0.0.1:80", None), 1);
        assert_eq!(find("127.0.0.1:81", Some("b.test")), 3);
        assert_eq!(find("[::ffff:127.0.0.1]:81", Some("b.test")), 3);
        assert_eq!(find("10.0.0.1:99", Some("b.test")), 4);
    }

    #[test]
    fn ports_are_split_off() {
        let shown = |text: &str| VhostAddress::parse(text).expect("an address")[0].shown();
        assert_eq!(shown("*:80"), "*:80");
        assert_eq!(shown("*"), "*:*");
        assert_eq!(shown("[::1]:443"), "[::1]:443");
        assert_eq!(shown("10.0.0.1"), "10.0.0.1:*");
        assert_eq!(shown("0.0.0.0:80"), "*:80");
        assert!(VhostAddress::parse("*:0").is_err());
        assert!(VhostAddress::parse("*:x").is_err());
    }
}
