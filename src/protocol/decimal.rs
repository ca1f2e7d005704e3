//! Numbers and addresses as text, appended to bytes: what `write!` does, without its detours, for what each request needs.

use std::io::Write;
use std::net::IpAddr;

/// Appends a number in decimal digits.
pub fn push(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Digits::of(number).as_bytes());
}

/// A number in decimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    digits: [u8; 20],
    at: usize,
}

impl Digits {
    /// The digits of a number.
    pub fn of(number: u64) -> Digits {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Digits { digits, at };
            }
        }
    }

    /// For a header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.at..]
    }
}

impl AsRef<[u8]> for Digits {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Appends a number in hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 16];
    for (digit, shift) in digits.iter_mut().zip((0..16).rev()) {
        *digit = b"0123456789abcdef"[(number >> (shift * 4)) as usize & 15];
    }
    let zeros = (number | 1).leading_zeros() as usize / 4;
    out.extend_from_slice(&digits[zeros..]);
}

/// Appends an address; one of IPv4 that came through an IPv6 socket as what it is.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let (mut text, mut at) = ([0; 16], 0);
            for part in address.octets() {
                for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
                    if part >= least {
                        text[at] = b'0' + part / unit % 10;
                        at += 1;
                    }
                }
                text[at] = b'.';
                at += 1;
            }
            out.extend_from_slice(&text[..at - 1]);
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn ends_of_the_range() {
        for number in [0, 9, 10, u64::MAX] {
            assert_eq!(text(|out| push(out, number)), number.to_string());
            assert_eq!(text(|out| push_hex(out, number)), format!("{number:x}"));
        }
        let mapped = "::ffff:192.0.2.1".parse().expect("an address");
        assert_eq!(text(|out| push_address(out, mapped)), "192.0.2.1");
    }

    proptest! {
        #[test]
        fn as_std_writes_them(number: u64, shift in 0u32..64, address: [u8; 4], long: u128) {
            let number = number >> shift;
            prop_assert_eq!(text(|out| push(out, number)), number.to_string());
            prop_assert_eq!(text(|out| push_hex(out, number)), format!("{number:x}"));
            for address in [IpAddr::from(address), IpAddr::V6(long.into())] {
                prop_assert_eq!(text(|out| push_address(out, address)), address.to_canonical().to_string());
            }
        }
    }
}
