//! Makes bytes from anywhere safe to stand in one line of a log: a peer must not be able to forge a line or to send
//! orders to the terminal of who reads it. Used by both error and access logs, as the last step before the line is kept.

use std::fmt;

/// Appends `text` with everything outside printable ASCII as `\n`, `\t`, `\xhh` and so on, and `\` doubled. Quotes stay.
pub fn escape_error(text: &[u8], out: &mut Vec<u8>) {
    escape(text, false, out);
}

/// The same for an item of an access log, which may stand in quotes: `"` becomes `\"`.
pub fn escape_item(text: &[u8], out: &mut Vec<u8>) {
    escape(text, true, out);
}

/// The bytes that stand for themselves; a quote only outside quotes.
const PLAIN: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], b' ');
    while byte <= b'~' {
        plain[byte as usize] = byte != b'\\';
        byte += 1;
    }
    plain
};

fn escape(mut text: &[u8], quotes: bool, out: &mut Vec<u8>) {
    let plain = |byte: u8| PLAIN[usize::from(byte)] && !(quotes && byte == b'"');
    // Runs of plain bytes are copied whole: nearly all text is one run.
    while let Some(end) = text.iter().position(|&byte| !plain(byte)) {
        let (run, rest) = text.split_at(end);
        out.extend_from_slice(run);
        let Some((&byte, rest)) = rest.split_first() else {
            return;
        };
        escape_byte(byte, out);
        text = rest;
    }
    out.extend_from_slice(text);
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'\\');
    match byte {
        0x08 => out.push(b'b'),
        b'\n' => out.push(b'n'),
        b'\r' => out.push(b'r'),
        b'\t' => out.push(b't'),
        0x0b => out.push(b'v'),
        b'\\' | b'"' => out.push(byte),
        _ => {
            let high = HEX[usize::from(byte >> 4)];
            let low = HEX[usize::from(byte & 15)];
            out.extend_from_slice(&[b'x', high, low]);
        }
    }
}

/// Bytes in the arguments of `log!`, which arrive in the line byte for byte (`\xe4`), where displaying a `BStr` would
/// turn what is not UTF-8 into replacement characters.
pub fn raw(bytes: &[u8]) -> Raw<'_> {
    Raw(bytes)
}

/// See [`raw`].
pub struct Raw<'a>(&'a [u8]);

/// `fmt` carries only UTF-8, so each byte of what is not UTF-8 travels as one of 256 private characters from here on.
const CARRIER: u32 = 0x10_f000;

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for &byte in chunk.invalid() {
                let carrier = char::from_u32(CARRIER + u32::from(byte));
                fmt::Write::write_char(f, carrier.unwrap_or(char::REPLACEMENT_CHARACTER))?;
            }
        }
        Ok(())
    }
}

/// Collects formatted text up to a limit of bytes, turning what [`raw`] sent back into bytes.
pub(super) struct Collector<'a> {
    pub text: &'a mut Vec<u8>,
    pub limit: usize,
}

impl fmt::Write for Collector<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.text.len());
        if !text.as_bytes().contains(&0xf4) {
            let text = text.as_bytes();
            self.text
                .extend_from_slice(text.get(..room).unwrap_or(text));
            return Ok(());
        }
        for c in text.chars() {
            let carried = u32::from(c).wrapping_sub(CARRIER);
            match u8::try_from(carried) {
                Ok(byte) => self.text.push(byte),
                Err(_) => self
                    .text
                    .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.text.truncate(self.limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn error(text: &[u8]) -> String {
        let mut out = Vec::new();
        escape_error(text, &mut out);
        String::from_utf8(out).expect("escaped text is ASCII")
    }

    #[test]
    fn like_apache() {
        // What Debian's apache2 wrote for the request /a%e4%01b%0ac"d\e
        assert_eq!(error(b"/a\xe4\x01b\nc\"d\\e"), r#"/a\xe4\x01b\nc"d\\e"#);
        assert_eq!(error(b"\x08\r\t\x0b\x7f\0"), r"\b\r\t\v\x7f\x00");
        let mut out = Vec::new();
        escape_item(b"a\"b\\", &mut out);
        assert_eq!(out, br#"a\"b\\"#);
    }

    fn collected(limit: usize, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut collector = Collector {
            text: &mut text,
            limit,
        };
        write!(collector, "{}", raw(bytes)).expect("never fails");
        text
    }

    #[test]
    fn a_limit_holds() {
        assert_eq!(collected(3, b"abcdef"), b"abc");
        assert_eq!(collected(3, b"ab\xff\xff\xff"), b"ab\xff");
    }

    proptest! {
        #[test]
        fn raw_bytes_arrive(bytes: Vec<u8>) {
            // Text that itself holds a carrier character may differ; it is no secret and gets escaped all the same.
            prop_assume!(!bytes.contains(&0xf4));
            prop_assert_eq!(collected(9999, &bytes), bytes);
        }

        #[test]
        fn one_printable_line(bytes: Vec<u8>) {
            prop_assert!(error(&bytes).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
