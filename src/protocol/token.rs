//! Which bytes may stand where: the character classes of RFC 9110 section 5.6, as one table.
//!
//! Every parser of this folder asks here, so that no two of them can differ about what a token or a field value is.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const DIGIT: u8 = 4;
const HEX: u8 = 8;

/// What each byte may be part of.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = class(at as u8);
        at += 1;
    }
    table
}

const fn class(byte: u8) -> u8 {
    let mut class = 0;
    if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
        class |= VALUE;
    }
    if byte.is_ascii_digit() {
        class |= DIGIT | TOKEN;
    }
    if byte.is_ascii_hexdigit() {
        class |= HEX;
    }
    let mark = matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    );
    if byte.is_ascii_alphabetic() || mark {
        class |= TOKEN;
    }
    class
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Whether `text` is a token: at least one character, all of them token characters.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is(byte, TOKEN))
}

/// Whether `byte` may stand in a token.
pub fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// Whether `text` may be a field value: tab, space, visible and non-ASCII characters.
pub fn is_value(text: &[u8]) -> bool {
    text.iter().all(|&byte| is(byte, VALUE))
}

/// Whether `byte` may stand in a field value.
pub fn is_value_byte(byte: u8) -> bool {
    is(byte, VALUE)
}

/// Whether `byte` is a hexadecimal digit.
pub fn is_hex(byte: u8) -> bool {
    is(byte, HEX)
}

/// The value of a hexadecimal digit, 0 to 15.
pub fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// A number written in ASCII digits only: no sign, no space, at least one digit, and not above `u64::MAX`.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, &byte| {
        if !is(byte, DIGIT) {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
    })
}

/// `text` without the optional white space (space, tab) around it.
pub fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = text
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_rfc() {
        let marks = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || marks.contains(&byte);
            assert_eq!(is_token_byte(byte), expected, "{byte:#x}");
        }
        assert!(is_token(b"Content-Type") && !is_token(b"") && !is_token(b"a b"));
    }

    #[test]
    fn values_have_no_controls_but_tab() {
        assert!(is_value(b"a\tb \xff\x80"));
        for byte in (0..0x20u8).filter(|b| *b != b'\t').chain([0x7f]) {
            assert!(!is_value(&[b'a', byte]), "{byte:#x}");
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"0005"), Some(5));
        for bad in [
            &b""[..],
            b"+5",
            b"-1",
            b" 1",
            b"1 ",
            b"0x1",
            b"18446744073709551616",
            b"1_0",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(
            (hex(b'f'), hex(b'F'), hex(b'g')),
            (Some(15), Some(15), None)
        );
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
