//! The head of a request: request line and fields, parsed as the bytes come (RFC 9112 sections 2 to 5).
//!
//! The parser is handed the connection's read buffer again and again as it grows, goes over each byte once, and gives the
//! same head or the same rejection however the bytes were cut. Fields go straight into the request's table.

use super::{Limits, Options};
use crate::protocol::status::{HTTP_VERSION_NOT_SUPPORTED, NOT_IMPLEMENTED, URI_TOO_LONG};
use crate::protocol::token::{is_token, is_value, trim};
use crate::protocol::{Method, Reject, Version};
use crate::request::table::Table;
use bstr::{BStr, ByteSlice};
use std::ops::Range;

/// A finished head; its texts lie in the buffer it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'b> {
    /// The method.
    pub method: Method,
    /// The method as it was written, for methods that are `Other`.
    pub method_name: &'b BStr,
    /// The request target, undecoded.
    pub target: &'b BStr,
    /// The version as far as it matters; HTTP/1.2 to 1.9 are 1.1 here.
    pub version: Version,
    /// The protocol as it was written (`HTTP/1.1`), empty for 0.9.
    pub protocol: &'b BStr,
    /// The whole request line, without its line end.
    pub line: &'b BStr,
    /// How many bytes of the buffer the head took, empty lines before it included.
    pub len: usize,
}

/// The parser of one head; `reset` makes it ready for the next.
#[derive(Debug, Clone, Default)]
pub struct Parser {
    /// Where the line begins that is being read.
    at: usize,
    /// From where on the buffer has not been searched for a line end.
    scanned: usize,
    /// Empty lines before the request line.
    blanks: usize,
    /// The request line, once it is complete.
    line: Option<Line>,
    /// Number of fields so far.
    fields: usize,
    /// Bytes of the newest field, its folded lines included.
    field_size: usize,
}

/// What a request line says; the texts are places in the buffer.
#[derive(Debug, Clone)]
struct Line {
    whole: Range<usize>,
    name: Range<usize>,
    target: Range<usize>,
    protocol: Range<usize>,
    method: Method,
    version: Version,
}

/// A line of the buffer without its line end.
struct RawLine {
    content: Range<usize>,
    /// Whether it ended with CR LF, not LF alone.
    crlf: bool,
}

impl Parser {
    /// A parser at the beginning of a head.
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Makes it ready for another head, which must then begin at the buffer's first byte.
    pub fn reset(&mut self) {
        *self = Parser::default();
    }

    /// Whether any byte but empty lines has been seen of a head.
    pub fn has_begun(&self, buf: &[u8]) -> bool {
        self.line.is_some() || buf.len() > self.at
    }

    /// The request line as far as it is there, for the log of a rejected request.
    pub fn request_line<'b>(&self, buf: &'b [u8]) -> &'b BStr {
        let line = match &self.line {
            Some(line) => buf.get(line.whole.clone()),
            None => buf.get(self.at..).and_then(|rest| rest.lines().next()),
        };
        line.unwrap_or_default().as_bstr()
    }

    /// Goes on with `buf`, which must begin with the bytes of the calls before. `None` asks for more bytes.
    ///
    /// `fields` gets the header's fields in their order, repeated ones apart, and must be the same table in every call
    /// for one head. After a rejection the connection cannot be used for another request.
    pub fn parse<'b>(
        &mut self,
        buf: &'b [u8],
        limits: &Limits,
        options: &Options,
        fields: &mut Table,
    ) -> Result<Option<Head<'b>>, Reject> {
        loop {
            let Some(raw) = self.next_line(buf, limits)? else {
                return Ok(None);
            };
            if options.strict && !raw.crlf {
                return Err(Reject::bad("line ends with a bare line feed"));
            }
            let complete = match &self.line {
                None => self.request(buf, raw.content, limits, options)?,
                Some(_) if raw.content.is_empty() => true,
                Some(_) => self.field(&buf[raw.content], limits, options, fields)?,
            };
            if complete {
                return Ok(self.line.as_ref().map(|line| line.head(buf, self.at)));
            }
        }
    }

    /// Takes the next line from the buffer, or finds that it is not complete. The length is judged before anything else,
    /// and alike for complete and incomplete lines, so that the answer does not depend on where the bytes were cut.
    fn next_line(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<RawLine>, Reject> {
        let rest = buf.get(self.at..).unwrap_or_default();
        if self.line.is_none()
            && rest
                .first()
                .is_some_and(|byte| *byte < b' ' && !b"\r\n".contains(byte))
        {
            // Not HTTP at all, a TLS greeting for one: no use waiting for a line end.
            return Err(Reject::bad("request begins with a control character"));
        }
        let unseen = buf.get(self.scanned..).unwrap_or_default();
        let Some(feed) = memchr::memchr(b'\n', unseen).map(|found| self.scanned + found) else {
            self.scanned = buf.len().max(self.scanned);
            self.check_size(rest.len().saturating_sub(1), limits)?;
            return Ok(None);
        };
        let crlf = feed > self.at && buf[feed - 1] == b'\r';
        let content = self.at..feed - usize::from(crlf);
        self.check_size(content.len(), limits)?;
        self.at = feed + 1;
        self.scanned = self.at;
        Ok(Some(RawLine { content, crlf }))
    }

    /// Holds the length of a line against its limit, which Apache exceeds by one.
    fn check_size(&self, length: usize, limits: &Limits) -> Result<(), Reject> {
        match &self.line {
            None if length > limits.line.saturating_add(1) => {
                Err(Reject::new(URI_TOO_LONG, "request line is too long"))
            }
            Some(_) if length > limits.field_size.saturating_add(1) => {
                Err(Reject::bad("header field is too long"))
            }
            _ => Ok(()),
        }
    }

    /// Reads the request line, or counts an empty line before it. True when the head ends with it, as in HTTP/0.9.
    fn request(
        &mut self,
        buf: &[u8],
        content: Range<usize>,
        limits: &Limits,
        options: &Options,
    ) -> Result<bool, Reject> {
        if content.is_empty() {
            self.blanks += 1;
            return match self.blanks > limits.blank_lines {
                true => Err(Reject::bad("too many empty lines before the request line")),
                false => Ok(false),
            };
        }
        // Kept even when it is refused: the access log shows it.
        let line = self.line.insert(Line::at(content));
        line.split(buf, options)?;
        line.check(buf, options)?;
        Ok(line.version == Version::Http09)
    }

    /// Reads a line of the header into the table. Never the last line of a head, hence false.
    fn field(
        &mut self,
        text: &[u8],
        limits: &Limits,
        options: &Options,
        fields: &mut Table,
    ) -> Result<bool, Reject> {
        if matches!(text.first(), Some(b' ' | b'\t')) {
            self.fold(text, limits, options, fields)?;
            return Ok(false);
        }
        self.fields += 1;
        self.field_size = text.len();
        if limits.fields != 0 && self.fields > limits.fields {
            return Err(Reject::bad("too many header fields"));
        }
        let (name, value) = split_field(text, options.strict)?;
        fields.add(name, value);
        Ok(false)
    }

    /// Joins a folded line to the field before it, where folding is accepted at all (RFC 9112 section 5.2).
    fn fold(
        &mut self,
        text: &[u8],
        limits: &Limits,
        options: &Options,
        fields: &mut Table,
    ) -> Result<(), Reject> {
        if self.fields == 0 {
            return Err(Reject::bad("white space before the first header field"));
        }
        if options.strict {
            return Err(Reject::bad("folded header field"));
        }
        self.field_size += text.len();
        if self.field_size > limits.field_size.saturating_add(1) {
            return Err(Reject::bad("header field is too long"));
        }
        check_value(text, false)?;
        let more = trim(text);
        if !more.is_empty() {
            fields.extend_last(b" ", more);
        }
        Ok(())
    }
}

impl Line {
    /// A line about which nothing is known yet.
    fn at(whole: Range<usize>) -> Line {
        Line {
            name: whole.start..whole.start,
            target: whole.start..whole.start,
            protocol: whole.end..whole.end,
            whole,
            method: Method::Other,
            version: Version::Http11,
        }
    }

    fn head<'b>(&self, buf: &'b [u8], len: usize) -> Head<'b> {
        let text = |range: &Range<usize>| buf.get(range.clone()).unwrap_or_default().as_bstr();
        Head {
            method: self.method,
            method_name: text(&self.name),
            target: text(&self.target),
            version: self.version,
            protocol: text(&self.protocol),
            line: text(&self.whole),
            len,
        }
    }

    /// Finds method, target and protocol: single spaces between them when strict, runs of spaces otherwise.
    fn split(&mut self, buf: &[u8], options: &Options) -> Result<(), Reject> {
        let text = &buf[self.whole.clone()];
        if text.iter().any(u8::is_ascii_control) {
            return Err(Reject::bad("control character in the request line"));
        }
        let start = self.whole.start;
        let mut end = text.len();
        if !options.strict {
            end = text.trim_end_with(|c| c == ' ').len();
        }
        let name_end = memchr::memchr(b' ', &text[..end])
            .ok_or(Reject::bad("request line without a target"))?;
        let skip = |from: usize| match options.strict {
            true => from + 1,
            false => {
                from + text[from..end]
                    .iter()
                    .take_while(|byte| **byte == b' ')
                    .count()
            }
        };
        let target = skip(name_end);
        let target_end =
            memchr::memchr(b' ', &text[target..end]).map_or(end, |found| target + found);
        self.name = start..start + name_end;
        self.target = start + target..start + target_end;
        self.version = Version::Http09;
        if target_end < end {
            let protocol = skip(target_end);
            self.protocol = start + protocol..start + end;
            self.version = parse_version(&text[protocol..end], options.strict)?;
        }
        Ok(())
    }

    /// Judges the parts by themselves.
    fn check(&mut self, buf: &[u8], options: &Options) -> Result<(), Reject> {
        let (name, target) = (&buf[self.name.clone()], &buf[self.target.clone()]);
        if name.is_empty() || options.strict && !is_token(name) {
            return Err(Reject::bad("invalid method"));
        }
        if target.is_empty() {
            return Err(Reject::bad("request line without a target"));
        }
        self.method = Method::from_name(name);
        if self.version == Version::Http09 {
            if !options.allow_http09 {
                return Err(Reject::bad("request line without a protocol version"));
            }
            if self.method != Method::Get || target[0] != b'/' {
                return Err(Reject::bad("invalid HTTP/0.9 request"));
            }
        }
        let known =
            self.method != Method::Other || options.extra_methods.iter().any(|extra| extra == name);
        if options.registered_methods && !known {
            return Err(Reject::new(NOT_IMPLEMENTED, "method is not registered"));
        }
        Ok(())
    }
}

/// Reads `HTTP/1.0` and its like: one digit, a point, one digit.
fn parse_version(text: &[u8], strict: bool) -> Result<Version, Reject> {
    const BAD: Reject = Reject::bad("invalid protocol version");
    let [name @ .., major, b'.', minor] = text else {
        return Err(BAD);
    };
    let named = match strict {
        true => name == b"HTTP/",
        false => name.eq_ignore_ascii_case(b"HTTP/"),
    };
    if !named || !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return Err(BAD);
    }
    match (major, minor) {
        (b'0', _) => Err(BAD),
        (b'1', b'0') => Ok(Version::Http10),
        (b'1', _) => Ok(Version::Http11),
        _ => Err(Reject::new(
            HTTP_VERSION_NOT_SUPPORTED,
            "protocol version is not supported",
        )),
    }
}

/// Splits a header line, no white space at its start, into name and value, and judges both (RFC 9112 section 5).
pub(super) fn split_field(text: &[u8], strict: bool) -> Result<(&[u8], &[u8]), Reject> {
    let colon = memchr::memchr(b':', text).ok_or(Reject::bad("header field without a colon"))?;
    let (name, value) = (&text[..colon], &text[colon + 1..]);
    if name.is_empty() {
        return Err(Reject::bad("header field without a name"));
    }
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Reject::bad(
            "white space before the colon of a header field",
        ));
    }
    let plain = match strict {
        true => is_token(name),
        false => !name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f),
    };
    if !plain {
        return Err(Reject::bad(
            "invalid character in the name of a header field",
        ));
    }
    check_value(value, strict)?;
    Ok((name, trim(value)))
}

/// Judges a field's value; NUL and CR are never accepted.
fn check_value(value: &[u8], strict: bool) -> Result<(), Reject> {
    let plain = match strict {
        true => is_value(value),
        false => memchr::memchr2(b'\0', b'\r', value).is_none(),
    };
    match plain {
        true => Ok(()),
        false => Err(Reject::bad("control character in a header field")),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
