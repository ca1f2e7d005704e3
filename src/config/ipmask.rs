//! Address ranges as `Require ip`, `Allow from`, `-ipmatch` and their like write them, read once with the
//! configuration and tested on every request they guard.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of IP addresses: all those whose bits under the mask are the given ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IpMask {
    /// An IPv4 range; also holds the IPv6 form `::ffff:a.b.c.d` of its addresses.
    V4 { address: u32, mask: u32 },
    /// An IPv6 range; holds no IPv4 address in any form.
    V6 { address: u128, mask: u128 },
}

impl IpMask {
    /// Reads `a.b.c.d`, its leading parts (`10.1` or `10.1.`), `a.b.c.d/length`, `a.b.c.d/netmask`, `x::y`, or
    /// `x::y/length`. Address bits outside the mask are dropped. The error names the text and what is wrong.
    pub fn parse(text: &str) -> Result<IpMask, String> {
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let parsed = if address.contains(':') {
            parse_v6(address, mask)
        } else {
            parse_v4(address, mask)
        };
        parsed.map_err(|reason| format!("{text:?} is no address range: {reason}"))
    }

    /// Whether an address lies in the range. `::ffff:a.b.c.d` counts as the IPv4 address it is.
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self, other.to_canonical()) {
            (IpMask::V4 { address, mask }, IpAddr::V4(other)) => {
                u32::from(other) & mask == *address
            }
            (IpMask::V6 { address, mask }, IpAddr::V6(other)) => {
                u128::from(other) & mask == *address
            }
            _ => false,
        }
    }
}

/// Whether a word of `Require ip`, `Allow from` or the like is meant as an address: digits and dots, or with a colon.
pub fn looks_like_address(word: &str) -> bool {
    let address = word.split('/').next().unwrap_or(word);
    address.contains(':')
        || (address.starts_with(|c: char| c.is_ascii_digit())
            && address
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn parse_v4(address: &str, mask: Option<&str>) -> Result<IpMask, String> {
    let (bits, parts) = leading_octets(address)?;
    let mask = match mask {
        None => leading_ones(parts * 8),
        Some(_) if parts < 4 => {
            return Err("an address with a mask needs all its four parts".to_string());
        }
        Some(text) => netmask(text)?,
    };
    Ok(IpMask::V4 {
        address: bits & mask,
        mask,
    })
}

/// One to four numbers with dots between and perhaps at the end; the bits given, and how many numbers.
fn leading_octets(address: &str) -> Result<(u32, u32), String> {
    let parts: Vec<&str> = address
        .strip_suffix('.')
        .unwrap_or(address)
        .split('.')
        .collect();
    if parts.len() > 4 {
        return Err("an IPv4 address has four parts".to_string());
    }
    let mut bits = 0;
    for (place, part) in parts.iter().enumerate() {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let value = part.parse::<u8>().ok().filter(|_| digits);
        let value = value.ok_or_else(|| format!("{part:?} is no number from 0 to 255"))?;
        bits |= u32::from(value) << (24 - 8 * place);
    }
    Ok((bits, u32::try_from(parts.len()).unwrap_or(4)))
}

fn leading_ones(count: u32) -> u32 {
    u32::MAX.checked_shl(32 - count).unwrap_or(0)
}

fn netmask(text: &str) -> Result<u32, String> {
    if text.contains('.') {
        let mask = text.parse::<Ipv4Addr>();
        return mask
            .map(u32::from)
            .map_err(|_| format!("{text:?} is no netmask"));
    }
    length(text, 32).map(leading_ones)
}

fn length(text: &str, most: u32) -> Result<u32, String> {
    let length = text
        .parse::<u32>()
        .ok()
        .filter(|length| (1..=most).contains(length));
    length.ok_or_else(|| format!("the mask is a number of bits from 1 to {most}, not {text:?}"))
}

fn parse_v6(address: &str, mask: Option<&str>) -> Result<IpMask, String> {
    let parsed: Ipv6Addr = address.parse().map_err(|_| {
        if address.contains(['[', '%']) {
            "brackets and zones do not belong here".to_string()
        } else {
            format!("{address:?} is no IPv6 address")
        }
    })?;
    if let Some(v4) = parsed.to_ipv4_mapped() {
        return Err(format!("write it as an IPv4 address, {v4}"));
    }
    let bits = mask.map_or(Ok(128), |text| length(text, 128))?;
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ok(IpMask::V6 {
        address: u128::from(parsed) & mask,
        mask,
    })
}

impl fmt::Display for IpMask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpMask::V4 { address, mask } if mask.leading_ones() + mask.trailing_zeros() == 32 => {
                write!(out, "{}/{}", Ipv4Addr::from(*address), mask.leading_ones())
            }
            IpMask::V4 { address, mask } => {
                write!(
                    out,
                    "{}/{}",
                    Ipv4Addr::from(*address),
                    Ipv4Addr::from(*mask)
                )
            }
            IpMask::V6 { address, mask } => {
                write!(out, "{}/{}", Ipv6Addr::from(*address), mask.leading_ones())
            }
        }
    }
}

impl fmt::Debug for IpMask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, yes: &[&str], no: &[&str]) {
        let mask = IpMask::parse(text).expect(text);
        for address in yes {
            assert!(
                mask.contains(address.parse().expect("address")),
                "{text} holds {address}"
            );
        }
        for address in no {
            assert!(
                !mask.contains(address.parse().expect("address")),
                "{text} does not hold {address}"
            );
        }
    }

    #[test]
    fn forms() {
        check("10.1", &["10.1.0.0", "10.1.255.1"], &["10.2.0.0", "::1"]);
        check("10.1.", &["10.1.0.0"], &["10.2.0.0"]);
        check("10", &["10.255.0.1"], &["11.0.0.0"]);
        check("10.1.2.3", &["10.1.2.3", "::ffff:10.1.2.3"], &["10.1.2.4"]);
        check("10.1.1.1.", &["10.1.1.1"], &["10.1.1.2"]);
        check("010.1.1.1", &["10.1.1.1"], &[]);
        check("10.1.2.3/16", &["10.1.9.9"], &["10.2.2.3"]);
        check("10.1.2.3/+8", &["10.9.9.9"], &[]);
        check("10.1.2.3/08", &["10.9.9.9"], &[]);
        check("10.1.2.3/255.255.255.0", &["10.1.2.9"], &["10.1.3.3"]);
        check("127.0.1.1/255.0.255.0", &["127.9.1.9"], &["127.0.2.1"]);
        check("fe80::1", &["fe80::1"], &["fe80::2"]);
        check(
            "fe80::/10",
            &["fe80::1", "febf::1"],
            &["fec0::1", "10.1.1.1"],
        );
        check("::/1", &["::1"], &["::ffff:10.0.0.1", "10.0.0.1", "8000::"]);
        check("::1.2.3.4", &["::1.2.3.4"], &["1.2.3.4"]);
    }

    /// The texts that Apache 2.4.71 refuses after `Require ip`.
    #[test]
    fn refused() {
        for text in [
            "10.1/16",
            "::ffff:10.0.0.1",
            "::ffff:10.0.0.0/104",
            "10.0.0.0/0",
            "::/0",
            "10.1.2.3.4",
            ".10",
            "300.1",
            "256",
            "10.0.0.0/33",
            "10.0.0.1/",
            "10.0.0.1/8 ",
            "fe80::1%lo",
            "fe80::/129",
            "fe80::/ffff::",
            "10.1..1",
            "1.2.3.4/-1",
            "fe80:",
            "[::1]",
            "::1/0x10",
            "10.0.0.0/255.255",
            "0x10.1",
            "10.1.300",
            "10.1/255.255.0.0",
            "/8",
            "",
            ".",
            "a.b",
            "10. 1",
        ] {
            let error = IpMask::parse(text).expect_err(text);
            assert!(
                error.starts_with(&format!("{text:?} is no address range: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn shown() {
        for (text, shown) in [
            ("10.1", "10.1.0.0/16"),
            ("1.2.3.4/255.0.255.0", "1.0.3.0/255.0.255.0"),
            ("fe80::9/10", "fe80::/10"),
        ] {
            assert_eq!(IpMask::parse(text).expect(text).to_string(), shown);
        }
    }

    #[test]
    fn addresses_and_host_names() {
        for word in ["10", "10.1.", "1.2.3.4/8", "::1", "fe80::/10", "300"] {
            assert!(looks_like_address(word), "{word}");
        }
        for word in ["", "example.com", ".example.com", "10.example", "/8", "all"] {
            assert!(!looks_like_address(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "[0-9a-f:./]{0,24}|.*") {
            let _ = IpMask::parse(&text);
        }

        #[test]
        fn a_range_holds_what_it_was_made_of(address: u32, length in 1_u32..=32, other: u32) {
            let mask = IpMask::parse(&format!("{}/{length}", Ipv4Addr::from(address))).expect("valid");
            prop_assert!(mask.contains(Ipv4Addr::from(address).into()));
            let same = (address ^ other).leading_zeros() >= length;
            prop_assert_eq!(mask.contains(Ipv4Addr::from(other).into()), same);
            prop_assert_eq!(IpMask::parse(&mask.to_string()), Ok(mask));
        }
    }
}
