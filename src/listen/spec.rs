//! The `Listen` directive: `[address:]port [protocol] [options=flag,...]`.

use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs};

use bstr::{BStr, BString, ByteSlice};

use crate::os::socket;

/// The words for a port and address named twice.
pub const MULTIPLE: &str = "Cannot define multiple Listeners on the same IP:port";

/// Why a directive is refused: the words for the one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSpec {
    /// `None`: all addresses of both families.
    pub addr: Option<IpAddr>,
    /// The interface of a link-local IPv6 address, else 0.
    pub scope: u32,
    /// Never 0 in a directive.
    pub port: u16,
    /// In lower case: `https` for port 443 and `http` for others, unless the directive says.
    pub protocol: BString,
    /// Several sockets may be bound there, each getting a share of the connections (`reuseport`).
    pub reuse_port: bool,
    /// The address need not exist yet (`freebind`).
    pub free_bind: bool,
    /// Multipath TCP (`multipathtcp`, RFC 8684).
    pub multipath: bool,
}

impl ListenSpec {
    /// Reads the words of a `Listen` directive. A host name gives one record for each of its addresses.
    pub fn parse(words: &[&BStr]) -> Result<Vec<ListenSpec>, Refused> {
        let (place, rest) = match words {
            [] => return refused("Listen requires 1 or 2 arguments."),
            [place, rest @ ..] => (*place, rest),
        };
        let (host, port) = split(place)?;
        let is_option =
            |word: &BStr| word.len() >= 8 && word[..8].eq_ignore_ascii_case(b"options=");
        let (protocol, options) = match rest {
            [] => (None, None),
            [word] if is_option(word) => (None, Some(*word)),
            [word] => (Some(*word), None),
            [protocol, word] if is_option(word) => (Some(*protocol), Some(*word)),
            _ => return refused("Listen requires 1 or 2 arguments."),
        };
        let by_port = if port == 443 { "https" } else { "http" };
        let protocol = protocol.map_or(BString::from(by_port), |word| {
            word.to_ascii_lowercase().into()
        });
        let mut spec = ListenSpec {
            addr: None,
            scope: 0,
            port,
            protocol,
            reuse_port: false,
            free_bind: false,
            multipath: false,
        };
        if let Some(options) = options {
            spec.read_options(&options[8..])?;
        }
        spec.at(host)
    }

    fn read_options(&mut self, flags: &[u8]) -> Result<(), Refused> {
        for flag in flags.split_str(",") {
            match flag.to_ascii_lowercase().as_slice() {
                b"reuseport" => self.reuse_port = true,
                b"freebind" => self.free_bind = true,
                b"multipathtcp" => self.multipath = true,
                _ => {
                    return refused(format!(
                        "Unknown option '{}' in Listen directive",
                        flag.as_bstr()
                    ))
                }
            }
        }
        Ok(())
    }

    /// This record for each address of a host.
    fn at(self, host: Option<&BStr>) -> Result<Vec<ListenSpec>, Refused> {
        let Some(host) = host else {
            return Ok(vec![self]);
        };
        let Ok(text) = host.to_str() else {
            return refused("Invalid address or port");
        };
        let (name, scope) = match text.split_once('%') {
            Some((name, scope)) if name.parse::<Ipv6Addr>().is_ok() => (name, scope_of(scope)?),
            _ => (text, 0),
        };
        if let Ok(addr) = name.parse::<IpAddr>() {
            return Ok(vec![ListenSpec {
                addr: Some(addr),
                scope,
                ..self
            }]);
        }
        let mut found = Vec::<ListenSpec>::new();
        for addr in (name, self.port).to_socket_addrs().into_iter().flatten() {
            let spec = ListenSpec {
                addr: Some(addr.ip()),
                ..self.clone()
            };
            if !found.contains(&spec) {
                found.push(spec);
            }
        }
        if found.is_empty() {
            return refused(format!(
                "AH00077: alloc_listener: failed to set up sockaddr for {name}\nListen setup failed"
            ));
        }
        Ok(found)
    }

    /// Whether both name the same place.
    pub fn same_place(&self, other: &ListenSpec) -> bool {
        (self.addr, self.scope, self.port) == (other.addr, other.scope, other.port)
    }
}

fn scope_of(name: &str) -> Result<u32, Refused> {
    let number = name.parse().ok().filter(|&number| number > 0);
    number
        .or_else(|| socket::interface_number(name))
        .ok_or_else(|| {
            let detail = format!("AH10102: alloc_listener: failed to set scope to {name}");
            Refused(format!("{detail}\nListen step failed"))
        })
}

/// Splits `host:port`, `[host]:port` or `port`. No host, or `*`, is any.
fn split(place: &BStr) -> Result<(Option<&BStr>, u16), Refused> {
    let digits = place
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (front, port) = place.split_at(place.len() - digits);
    let host = match front {
        [] => None,
        [host @ .., b':'] if digits > 0 => Some(host),
        _ => return refused("Port must be specified"),
    };
    let port = match port.to_str().map(str::parse::<u16>) {
        Ok(Ok(port)) if port > 0 => port,
        _ => return refused("Invalid address or port"),
    };
    let host = match host {
        None | Some(b"*") => None,
        Some([b'[', inner @ .., b']']) => Some(inner.as_bstr()),
        Some([] | [b'[', ..]) => return refused("Invalid address or port"),
        Some(host) => Some(host.as_bstr()),
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Vec<ListenSpec>, String> {
        let words: Vec<&BStr> = line.split_whitespace().map(BStr::new).collect();
        ListenSpec::parse(&words).map_err(|refused| refused.0)
    }

    fn one(line: &str) -> (Option<String>, u16, String) {
        let spec = parse(line).unwrap().remove(0);
        (
            spec.addr.map(|addr| addr.to_string()),
            spec.port,
            spec.protocol.to_string(),
        )
    }

    #[test]
    fn forms() {
        let of =
            |addr: &str, port, protocol: &str| (Some(addr.to_owned()), port, protocol.to_owned());
        assert_eq!(one("80"), (None, 80, "http".to_owned()));
        assert_eq!(one("080"), (None, 80, "http".to_owned()));
        assert_eq!(one("*:443"), (None, 443, "https".to_owned()));
        assert_eq!(one("443 HTTP"), (None, 443, "http".to_owned()));
        assert_eq!(one("10.1.2.3:8080 FTP"), of("10.1.2.3", 8080, "ftp"));
        assert_eq!(one("[::1]:80 http"), of("::1", 80, "http"));
        assert_eq!(one("::1:80"), of("::1", 80, "http"));
        assert_eq!(one("[fe80::1%7]:80"), of("fe80::1", 80, "http"));
        assert_eq!(parse("[fe80::1%7]:80").unwrap()[0].scope, 7);
        assert!(parse("localhost:80")
            .unwrap()
            .iter()
            .all(|spec| spec.addr.is_some_and(|addr| addr.is_loopback())));
        let spec = parse("80 options=ReusePort,freebind").unwrap().remove(0);
        assert!(spec.reuse_port && spec.free_bind && !spec.multipath);
        assert!(parse("80 h2 options=multipathtcp").unwrap()[0].multipath);
    }

    /// As Apache 2.4.71 answers.
    #[test]
    fn refusals() {
        for line in [
            "abc",
            "1.2.3.4",
            "1.2.3.4:",
            "[::1]",
            "-5",
            "80x",
            "+80",
            "127.0.0.1:+80",
        ] {
            assert_eq!(parse(line).unwrap_err(), "Port must be specified", "{line}");
        }
        for line in ["99999", "0", "[::1:80", "1.2.3.4:65536", ":80"] {
            assert_eq!(
                parse(line).unwrap_err(),
                "Invalid address or port",
                "{line}"
            );
        }
        for line in ["", "80 https extra", "80 a b options=freebind"] {
            assert_eq!(
                parse(line).unwrap_err(),
                "Listen requires 1 or 2 arguments.",
                "{line}"
            );
        }
        assert!(parse("no.such.host.invalid:80")
            .unwrap_err()
            .ends_with("Listen setup failed"));
        assert!(parse("[fe80::1%nowhere0]:80")
            .unwrap_err()
            .ends_with("Listen step failed"));
        assert!(parse("80 options=fast").unwrap_err().contains("fast"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(place: Vec<u8>) {
            let _ = split(place.as_bstr());
        }
    }
}
