//! Numbers and addresses as text, appended to bytes: what `write!` does, without its detours, for what each request needs.

use std::io::Write;
use std::net::IpAddr;

/// Appends a number in decimal digits.
pub fn push(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number in hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, number: u64) {
    let digits = 16 - (number | 1).leading_zeros() / 4;
    for digit in (0..digits).rev() {
        let value = (number >> (digit * 4)) as usize & 15;
        out.push(b"0123456789abcdef"[value]);
    }
}

/// Appends an address; one of IPv4 that came through an IPv6 socket as what it is.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (index, part) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                push(out, u64::from(part));
            }
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
