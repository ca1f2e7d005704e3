//! Chunked bodies, both ways (RFC 9112 section 7.1).
//!
//! The decoder is shown what the connection has read and says which part of it is body; it copies nothing but trailer
//! lines. It is strict without exception: two servers that disagree about one chunk disagree about where the next request begins.

use super::head::split_field;
use super::Limits;
use crate::protocol::status::CONTENT_TOO_LARGE;
use crate::protocol::token::{hex, is_value_byte};
use crate::protocol::Reject;
use crate::request::table::Table;

/// What a step of decoding came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes `start..end` of the input are body; the input up to `end` is used.
    Data { start: usize, end: usize },
    /// All input is used and the body goes on.
    More,
    /// The body ended with its trailer; the input up to here is used, the next request begins behind it.
    End { used: usize },
}

/// Decoder of one chunked body.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    state: State,
    /// While the size is read: the size; in the data: what is left of it.
    left: u64,
    /// Bytes of the size line so far.
    line: usize,
    /// Bytes of chunk extensions in the whole body, and bytes of data.
    extensions: u64,
    data: u64,
    /// The trailer line that is being read, and the number of lines before it.
    trailer: Vec<u8>,
    trailers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    /// White space behind the size; only an extension may follow.
    Blank,
    Extension,
    /// The line feed that ends a size line.
    SizeEnd,
    Data,
    /// The CR and LF behind a chunk's data.
    DataCr,
    DataLf,
    Trailer,
    End,
}

/// Extensions may take this many bytes of a body, and as many more as the body has data: enough for signatures of
/// chunks, too little for a body that is nothing but extensions.
const EXTENSION_ALLOWANCE: u64 = 64 * 1024;

/// Trailer fields that mean something only in a header and are left out (RFC 9110 section 6.5.1).
const NOT_IN_TRAILERS: [&str; 13] = [
    "Transfer-Encoding",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Host",
    "Trailer",
    "Connection",
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Expect",
    "TE",
];

impl Decoder {
    /// A decoder before the first chunk.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Whether the body and its trailer have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// Decodes the beginning of `input`. Call it again with what follows the used part, until `Step::End`.
    ///
    /// Trailer fields go to `trailers`. Errors: 413 for a size above `i64::MAX`, 400 for everything else; after one the
    /// connection must be closed.
    pub fn step(
        &mut self,
        input: &[u8],
        limits: &Limits,
        trailers: &mut Table,
    ) -> Result<Step, Reject> {
        let mut at = 0;
        while at < input.len() {
            match self.state {
                State::End => break,
                State::Data => return Ok(self.take_data(at, input.len())),
                State::Trailer => at += self.trailer(&input[at..], limits, trailers)?,
                _ => {
                    self.frame(input[at], limits)?;
                    at += 1;
                }
            }
        }
        match self.state {
            State::End => Ok(Step::End { used: at }),
            _ => Ok(Step::More),
        }
    }

    /// Hands out as much of the chunk's data as the input has.
    fn take_data(&mut self, start: usize, end: usize) -> Step {
        let there = ((end - start) as u64).min(self.left);
        self.left -= there;
        self.data = self.data.saturating_add(there);
        if self.left == 0 {
            self.state = State::DataCr;
        }
        Step::Data {
            start,
            end: start + there as usize,
        }
    }

    /// Goes on by one byte of what frames the data.
    fn frame(&mut self, byte: u8, limits: &Limits) -> Result<(), Reject> {
        self.state = match (self.state, byte) {
            (State::Start, _) if hex(byte).is_some() => {
                (self.left, self.line) = (0, 0);
                self.digit(byte)?
            }
            (State::Size, _) if hex(byte).is_some() => self.digit(byte)?,
            (State::Size | State::Extension, b'\r') => State::SizeEnd,
            (State::Size | State::Blank, b' ' | b'\t') => State::Blank,
            (State::Size | State::Blank, b';') => State::Extension,
            (State::Extension, _) if is_value_byte(byte) => self.extension()?,
            (State::SizeEnd, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Start,
            (State::DataCr | State::DataLf, _) => {
                return Err(Reject::bad("chunk data is not as long as its size says"))
            }
            (State::SizeEnd, _) => {
                return Err(Reject::bad("bare carriage return in a chunk size line"))
            }
            (State::Extension, _) => {
                return Err(Reject::bad("control character in a chunk extension"))
            }
            _ => return Err(Reject::bad("invalid chunk size")),
        };
        self.line += 1;
        if self.line > limits.line {
            return Err(Reject::bad("chunk size line is too long"));
        }
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<State, Reject> {
        const BIG: Reject = Reject::new(CONTENT_TOO_LARGE, "chunk size is too large");
        let size = self.left.checked_mul(16).ok_or(BIG)? + u64::from(hex(byte).unwrap_or(0));
        if size > i64::MAX as u64 {
            return Err(BIG);
        }
        self.left = size;
        Ok(State::Size)
    }

    fn extension(&mut self) -> Result<State, Reject> {
        self.extensions += 1;
        if self.extensions > EXTENSION_ALLOWANCE.saturating_add(self.data) {
            return Err(Reject::bad("too much chunk extension"));
        }
        Ok(State::Extension)
    }

    /// Reads one trailer line, or the part of it that is there; gives the number of bytes used.
    fn trailer(
        &mut self,
        input: &[u8],
        limits: &Limits,
        trailers: &mut Table,
    ) -> Result<usize, Reject> {
        let feed = memchr::memchr(b'\n', input);
        let part = &input[..feed.unwrap_or(input.len())];
        if self.trailer.len() + part.len() > limits.field_size.saturating_add(2) {
            return Err(Reject::bad("trailer field is too long"));
        }
        self.trailer.extend_from_slice(part);
        if feed.is_none() {
            return Ok(part.len());
        }
        let line = std::mem::take(&mut self.trailer);
        let line = line
            .strip_suffix(b"\r")
            .ok_or(Reject::bad("trailer line ends with a bare line feed"))?;
        match line.is_empty() {
            true => self.state = State::End,
            false => self.keep(line, limits, trailers)?,
        }
        Ok(part.len() + 1)
    }

    /// Puts a trailer line into the table.
    fn keep(&mut self, line: &[u8], limits: &Limits, trailers: &mut Table) -> Result<(), Reject> {
        self.trailers += 1;
        if limits.fields != 0 && self.trailers > limits.fields {
            return Err(Reject::bad("too many trailer fields"));
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Reject::bad("folded trailer field"));
        }
        let (name, value) = split_field(line, true)?;
        if !NOT_IN_TRAILERS
            .iter()
            .any(|barred| name.eq_ignore_ascii_case(barred.as_bytes()))
        {
            trailers.add(name, value);
        }
        Ok(())
    }
}

/// The line before a chunk's data: its size in hexadecimal and CR LF.
#[derive(Debug, Clone, Copy)]
pub struct SizeLine {
    bytes: [u8; 18],
    from: usize,
}

/// The size line of a chunk of `length` bytes, which must not be 0: that would end the body.
pub fn size_line(length: u64) -> SizeLine {
    let mut bytes = [0; 18];
    bytes[16..].copy_from_slice(b"\r\n");
    let (mut from, mut rest) = (16, length);
    loop {
        from -= 1;
        bytes[from] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            return SizeLine { bytes, from };
        }
    }
}

impl SizeLine {
    /// The line as it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

/// What follows a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk of a body without trailer.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// The last chunk of a body, with a trailer.
pub fn last_with_trailer(trailers: &Table) -> Vec<u8> {
    let mut out = b"0\r\n".to_vec();
    for (name, value) in trailers.iter() {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A decoded body: data, trailer, bytes used.
    type Body = (Vec<u8>, String, usize);

    /// Decodes a body given in steps of `step` bytes; nothing if it is not whole.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Body>, (u16, &'static str)> {
        let mut decoder = Decoder::new();
        let (mut data, mut trailers) = (Vec::new(), Table::new());
        let (mut at, mut end) = (0, 0);
        loop {
            if at == end {
                if end == bytes.len() {
                    return Ok(None);
                }
                end = (end + step).min(bytes.len());
            }
            let input = &bytes[at..end];
            match decoder.step(input, &Limits::default(), &mut trailers) {
                Err(reject) => return Err((reject.status, reject.reason)),
                Ok(Step::More) => at = end,
                Ok(Step::Data { start, end }) => {
                    data.extend_from_slice(&input[start..end]);
                    at += end;
                }
                Ok(Step::End { used }) => {
                    return Ok(Some((data, format!("{trailers:?}"), at + used)))
                }
            }
        }
    }

    #[test]
    fn good_bodies() {
        for (body, data, trailers) in [
            ("0\r\n\r\n", "", "[]"),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", "[]"),
            ("000005\r\nhello\r\n000\r\n\r\n", "hello", "[]"),
            (
                "A\r\nhellohello\r\n1\r\n!\r\n0\r\n\r\n",
                "hellohello!",
                "[]",
            ),
            ("5;a=b\r\nhello\r\n0;c=\"d\\\"\"\r\n\r\n", "hello", "[]"),
            ("5 ;a\r\nhello\r\n0\r\n\r\n", "hello", "[]"),
            ("5;\r\nhello\r\n0\r\n\r\n", "hello", "[]"),
            ("5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n", "[]"),
            (
                "0\r\nA: b\r\nC:d\r\n\r\n",
                "",
                "[(\"A\", \"b\"), (\"C\", \"d\")]",
            ),
            (
                "0\r\nContent-Length: 5\r\ntransfer-encoding: chunked\r\nX: y\r\n\r\n",
                "",
                "[(\"X\", \"y\")]",
            ),
        ] {
            let bytes = format!("{body}GET / HTTP/1.1");
            for step in [1, 2, 3, bytes.len()] {
                let (found, fields, used) = decode(bytes.as_bytes(), step).unwrap().unwrap();
                assert_eq!(
                    (found.as_slice(), fields.as_str(), used),
                    (data.as_bytes(), trailers, body.len()),
                    "{body:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn bad_bodies() {
        for (body, status) in [
            ("\r\nhello\r\n0\r\n\r\n", 400),
            (" 5\r\nhello\r\n0\r\n\r\n", 400),
            ("5 \r\nhello\r\n0\r\n\r\n", 400),
            ("5 5\r\nhello\r\n0\r\n\r\n", 400),
            ("5,5\r\nhello\r\n0\r\n\r\n", 400),
            ("0x5\r\nhello\r\n0\r\n\r\n", 400),
            ("+5\r\nhello\r\n0\r\n\r\n", 400),
            ("-5\r\nhello\r\n0\r\n\r\n", 400),
            ("g\r\nhello\r\n0\r\n\r\n", 400),
            (";a\r\nhello\r\n0\r\n\r\n", 400),
            ("5\nhello\r\n0\r\n\r\n", 400),
            ("5\r\r\nhello\r\n0\r\n\r\n", 400),
            ("5\0\r\nhello\r\n0\r\n\r\n", 400),
            ("5;\x01\r\nhello\r\n0\r\n\r\n", 400),
            ("5;\n\r\nhello\r\n0\r\n\r\n", 400),
            ("5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
            ("5\r\nhello\n0\r\n\r\n", 400),
            ("5\r\nhello0\r\n\r\n", 400),
            ("5\r\nhelloX\r\n0\r\n\r\n", 400),
            ("5\r\nhello\r0\r\n\r\n", 400),
            ("5\r\nhello\r\n0\n\n", 400),
            ("5\r\nhello\r\n0\r\n\n", 400),
            ("0\r\nA : b\r\n\r\n", 400),
            ("0\r\nA\r\n\r\n", 400),
            ("0\r\n A: b\r\n\r\n", 400),
            ("0\r\nA: b\r\n c\r\n\r\n", 400),
            ("0\r\nA: b\n\r\n", 400),
            ("0\r\nA: b\rc\r\n\r\n", 400),
            ("0\r\nA: \0\r\n\r\n", 400),
            ("8000000000000000\r\n", 413),
            ("ffffffffffffffff\r\n", 413),
            ("10000000000000005\r\n", 413),
            ("100000000000000000000000000000005\r\n", 413),
        ] {
            let whole = decode(body.as_bytes(), body.len());
            assert_eq!(
                whole.clone().map_err(|(status, _)| status),
                Err(status),
                "{body:?}"
            );
            assert_eq!(decode(body.as_bytes(), 1), whole, "{body:?}");
        }
        assert_eq!(decode(b"7fffffffffffffff\r\nhello", 3), Ok(None));
    }

    #[test]
    fn framing_is_bounded() {
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(9000));
        assert!(decode(long.as_bytes(), 100).is_err());
        let zeros = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(9000));
        assert!(decode(zeros.as_bytes(), 100).is_err());
        let padded = format!("1;{}\r\nx\r\n", "y".repeat(1000)).repeat(100);
        assert_eq!(
            decode(padded.as_bytes(), 64).map_err(|(status, _)| status),
            Err(400)
        );
        let signed = format!(
            "{:x};sig={}\r\n{}\r\n",
            4096,
            "y".repeat(100),
            "d".repeat(4096)
        )
        .repeat(1000);
        assert_eq!(decode(signed.as_bytes(), 1000), Ok(None));
        let many = format!("0\r\n{}\r\n", "A: b\r\n".repeat(101));
        assert!(decode(many.as_bytes(), 1000).is_err());
        let wide = format!("0\r\nA: {}\r\n\r\n", "b".repeat(9000));
        assert!(decode(wide.as_bytes(), 1000).is_err());
    }

    #[test]
    fn size_lines() {
        for (length, line) in [
            (1, "1\r\n"),
            (16, "10\r\n"),
            (0xabcdef, "abcdef\r\n"),
            (u64::MAX, "ffffffffffffffff\r\n"),
        ] {
            assert_eq!(size_line(length).as_bytes(), line.as_bytes());
        }
        let trailers: Table = [("A", "b")].into_iter().collect();
        assert_eq!(last_with_trailer(&trailers), b"0\r\nA: b\r\n\r\n");
    }

    proptest! {
        /// What is encoded comes back, however it is cut, and what follows is left alone.
        #[test]
        fn goes_both_ways(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..8), step in 1usize..20, rest in "[ -~]{0,9}") {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(size_line(chunk.len() as u64).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(CHUNK_END);
            }
            bytes.extend_from_slice(LAST);
            let used = bytes.len();
            bytes.extend_from_slice(rest.as_bytes());
            prop_assert_eq!(decode(&bytes, step), Ok(Some((chunks.concat(), "[]".to_owned(), used))));
        }

        /// However the bytes are cut, the outcome is the same.
        #[test]
        fn cutting_changes_nothing(pieces in proptest::collection::vec("[0-3]|\r\n|\r|\n|;|A: b|x| |[ -~]", 0..16)) {
            let bytes = pieces.concat();
            let whole = decode(bytes.as_bytes(), bytes.len().max(1));
            for step in [1, 2, 3] {
                prop_assert_eq!(&decode(bytes.as_bytes(), step), &whole);
            }
        }
    }
}
