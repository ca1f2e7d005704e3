//! Which host a request is for: the Host field and the authority of an absolute target, held to one reading.
//!
//! What is refused here would otherwise be read one way by a proxy in front of us and another way by the virtual hosts.

use crate::protocol::token::{number, trim};
use crate::protocol::{Reject, Version};
use crate::request::table::Table;
use bstr::{BStr, BString, ByteSlice};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host name or address with an optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The name in lower case without a final dot, or an address; IPv6 keeps its brackets.
    pub host: BString,
    /// The port, 1 to 65535, where one is written.
    pub port: Option<u16>,
}

/// Checks the Host field against RFC 9112 section 3.2 and reads it.
///
/// HTTP/1.1 must have exactly one; no version may have two. `target_names_host` is true for absolute targets, whose
/// authority counts instead: then an empty field is accepted, a malformed one still is not.
pub fn check_field(
    fields: &Table,
    version: Version,
    strict: bool,
    target_names_host: bool,
) -> Result<Option<Authority>, Reject> {
    let mut values = fields.get_all(b"Host");
    let Some(value) = values.next() else {
        if version == Version::Http11 {
            return Err(Reject::bad("HTTP/1.1 request without Host"));
        }
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Reject::bad("repeated Host"));
    }
    let value = trim(value);
    if value.is_empty() {
        return match version == Version::Http11 && !target_names_host {
            true => Err(Reject::bad("empty Host")),
            false => Ok(None),
        };
    }
    parse(value.as_bstr(), strict).map(Some)
}

/// Reads `host [ ":" port ]`. Strict: letters, digits, hyphen, underscore and single dots, or an address; the port, if its
/// colon is there, in digits. Otherwise anything printable without slashes, as old clients send it.
pub fn parse(text: &BStr, strict: bool) -> Result<Authority, Reject> {
    if text.contains(&b'@') {
        return Err(Reject::bad("user information in a host"));
    }
    if text.first() == Some(&b'[') {
        return parse_ipv6(text);
    }
    let text = text.as_bytes();
    let (name, port) = match memchr::memrchr(b':', text) {
        None => (text, None),
        Some(colon) => match parse_port(&text[colon + 1..]) {
            Ok(port) => (&text[..colon], Some(port)),
            // Old clients send a bare colon, and names with colons in them.
            Err(_) if !strict && colon + 1 == text.len() => (&text[..colon], None),
            Err(_) if !strict && !text[colon + 1..].iter().all(u8::is_ascii_digit) => (text, None),
            Err(reject) => return Err(reject),
        },
    };
    match strict {
        true => check_strict(name)?,
        false => check_lax(name)?,
    }
    let name = match name {
        [shorter @ .., b'.'] if !shorter.is_empty() => shorter,
        name => name,
    };
    let host = BString::from(name.to_ascii_lowercase());
    Ok(Authority { host, port })
}

/// Reads `"[" IPv6 address "]" [ ":" port ]`; zones and future address forms are refused, as Apache does.
fn parse_ipv6(text: &BStr) -> Result<Authority, Reject> {
    const BAD: Reject = Reject::bad("invalid IPv6 address in a host");
    let end = memchr::memchr(b']', text).ok_or(BAD)?;
    let address = text[1..end].to_str().map_err(|_| BAD)?;
    address.parse::<Ipv6Addr>().map_err(|_| BAD)?;
    let port = match text[end + 1..].as_bytes() {
        b"" => None,
        [b':', port @ ..] => Some(parse_port(port)?),
        _ => return Err(BAD),
    };
    let host = BString::from(text[..=end].to_ascii_lowercase());
    Ok(Authority { host, port })
}

fn parse_port(text: &[u8]) -> Result<u16, Reject> {
    number(text)
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
        .ok_or(Reject::bad("invalid port in a host"))
}

fn check_strict(name: &[u8]) -> Result<(), Reject> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.iter().all(plain) {
        return Err(Reject::bad("invalid character in a host"));
    }
    let labels = name.strip_suffix(b".").unwrap_or(name);
    let mut before = b'.';
    let doubled = |byte: &u8| std::mem::replace(&mut before, *byte) == b'.' && *byte == b'.';
    if labels.is_empty() || labels.iter().any(doubled) || before == b'.' {
        return Err(Reject::bad("empty label in a host"));
    }
    // A last label of digits can only be an IPv4 address, in its one unambiguous form.
    let last = labels.iter().rev().take_while(|byte| **byte != b'.');
    if last.copied().all(|byte| byte.is_ascii_digit())
        && labels
            .to_str()
            .map_or(true, |text| text.parse::<Ipv4Addr>().is_err())
    {
        return Err(Reject::bad("invalid IPv4 address in a host"));
    }
    Ok(())
}

fn check_lax(name: &[u8]) -> Result<(), Reject> {
    let odd = |byte: &u8| *byte < b' ' && *byte != b'\t' || matches!(byte, b'/' | b'\\' | 0x7f);
    if name.is_empty() || name.iter().any(odd) || name.contains_str("..") {
        return Err(Reject::bad("invalid host"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, strict: bool) -> Option<(String, Option<u16>)> {
        let authority = parse(text.into(), strict).ok()?;
        Some((authority.host.to_string(), authority.port))
    }

    #[test]
    fn strict_hosts() {
        for (text, host, port) in [
            ("x", "x", None),
            ("X.Y.", "x.y", None),
            ("x:80", "x", Some(80)),
            ("x:0000000080", "x", Some(80)),
            ("x_y", "x_y", None),
            ("-x", "-x", None),
            ("1.2.3.4:65535", "1.2.3.4", Some(65535)),
            ("[::1]", "[::1]", None),
            ("[FE80::A]:80", "[fe80::a]", Some(80)),
        ] {
            assert_eq!(read(text, true), Some((host.to_owned(), port)), "{text}");
        }
        for bad in [
            "",
            ":80",
            "x:",
            "x:0",
            "x:65536",
            "x:-1",
            "x:+8",
            "x:a",
            "x y",
            "x/y",
            "x@y",
            "x,y",
            "x..",
            "a..b",
            ".",
            "..",
            ".x",
            "[::1",
            "::1",
            "::1:80",
            "[::1]x",
            "[::1]:",
            "[fe80::1%25eth0]",
            "[1.2.3.4]",
            "[v1.a]",
            "[]",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "0x7f.1",
            "x%41",
            "x!y",
            "x*",
            "x\\y",
            "x:80:80",
            "é",
            "x\ty",
            "*",
            "5",
        ] {
            assert_eq!(read(bad, true), None, "{bad}");
        }
    }

    #[test]
    fn lax_hosts() {
        for good in ["x:", "x y", "x,y", "x*", "::1", "1.2.3", "é", "x:a"] {
            assert!(read(good, false).is_some(), "{good}");
        }
        for bad in [
            "", "x/y", "x\\y", "a..b", "x:0", "x:65536", "x@y", "[::1", "x\u{1}",
        ] {
            assert_eq!(read(bad, false), None, "{bad:?}");
        }
    }

    #[test]
    fn the_field() {
        let check = |hosts: &[&str], version, absolute| {
            let fields: Table = hosts.iter().map(|host| ("Host", *host)).collect();
            check_field(&fields, version, true, absolute).map_err(|reject| reject.status)
        };
        assert_eq!(check(&[], Version::Http11, false), Err(400));
        assert_eq!(check(&[], Version::Http10, false), Ok(None));
        assert_eq!(check(&[""], Version::Http10, false), Ok(None));
        assert_eq!(check(&[""], Version::Http11, false), Err(400));
        assert_eq!(check(&[""], Version::Http11, true), Ok(None));
        assert_eq!(check(&["a/b"], Version::Http11, true), Err(400));
        assert_eq!(check(&["x", "x"], Version::Http10, false), Err(400));
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..40), strict: bool) {
            let _ = parse(text.as_bstr(), strict);
        }

        /// What strict reading accepts has no character that a log, a path or a header could trip over.
        #[test]
        fn accepted_hosts_are_plain(text in "[a-z0-9.:\\[\\]_%@/ -]{1,20}") {
            if let Ok(authority) = parse(text.as_str().into(), true) {
                prop_assert!(authority.host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(byte)));
            }
        }
    }
}
