//! Where a request's body ends: the one decision on which request smuggling lives (RFC 9112 section 6).
//!
//! Whatever two servers could read differently is refused here rather than resolved.

use crate::protocol::status::NOT_IMPLEMENTED;
use crate::protocol::token::{number, trim};
use crate::protocol::{Reject, Version};
use crate::request::table::{list, Table};

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow, up to the last one and its trailer.
    Chunked,
}

/// Decides the framing of a request from its fields, which must not have been joined yet.
///
/// Refused with 400: Content-Length beside Transfer-Encoding, a repeated Content-Length even when equal, a length that is
/// not plain digits or above `i64::MAX`, Transfer-Encoding in HTTP/1.0, and one that does not end in `chunked` exactly once.
/// A transfer coding we do not have, before `chunked`, is a 501.
pub fn framing(fields: &Table, version: Version) -> Result<Framing, Reject> {
    let length = content_length(fields)?;
    if !fields.contains("Transfer-Encoding") {
        return Ok(length.map_or(Framing::None, Framing::Length));
    }
    if length.is_some() {
        return Err(Reject::bad("both Content-Length and Transfer-Encoding"));
    }
    if version < Version::Http11 {
        return Err(Reject::bad("Transfer-Encoding in an HTTP/1.0 request"));
    }
    transfer_encoding(fields)?;
    Ok(Framing::Chunked)
}

/// The one Content-Length, if there is any.
fn content_length(fields: &Table) -> Result<Option<u64>, Reject> {
    let mut values = fields.get_all(b"Content-Length");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Reject::bad("repeated Content-Length"));
    }
    match number(trim(value)) {
        Some(length) if length <= i64::MAX as u64 => Ok(Some(length)),
        _ => Err(Reject::bad("invalid Content-Length")),
    }
}

/// Accepts exactly one `chunked` and nothing else.
fn transfer_encoding(fields: &Table) -> Result<(), Reject> {
    let mut values = fields.get_all(b"Transfer-Encoding");
    let first = values.next().map_or(&b""[..], |value| trim(value));
    if values.next().is_none() && first.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let codings: Vec<&[u8]> = fields
        .get_all(b"Transfer-Encoding")
        .flat_map(|value| list(value))
        .collect();
    let chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.split_last() {
        Some((last, others))
            if chunked(last)
                && !others.is_empty()
                && !others.iter().any(|other| chunked(other)) =>
        {
            Err(Reject::new(
                NOT_IMPLEMENTED,
                "unknown transfer coding before chunked",
            ))
        }
        _ => Err(Reject::bad("Transfer-Encoding is not exactly \"chunked\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(fields: &[(&str, &str)], version: Version) -> Result<Framing, u16> {
        framing(&fields.iter().copied().collect(), version).map_err(|reject| reject.status)
    }

    fn one(name: &str, value: &str) -> Result<Framing, u16> {
        decide(&[(name, value)], Version::Http11)
    }

    #[test]
    fn lengths() {
        assert_eq!(decide(&[], Version::Http11), Ok(Framing::None));
        for (text, length) in [
            ("5", 5),
            ("05", 5),
            (" 5\t", 5),
            ("0", 0),
            ("9223372036854775807", i64::MAX as u64),
        ] {
            assert_eq!(
                one("Content-Length", text),
                Ok(Framing::Length(length)),
                "{text:?}"
            );
        }
        for bad in [
            "",
            "+5",
            "-5",
            "-0",
            "0x5",
            "5;",
            "5 5",
            "5,5",
            "5, 5",
            "5a",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(one("Content-Length", bad), Err(400), "{bad:?}");
        }
        let twice = [("Content-Length", "5"), ("content-length", "5")];
        assert_eq!(decide(&twice, Version::Http11), Err(400));
    }

    #[test]
    fn codings() {
        for good in ["chunked", "CHUNKED", " chunked\t"] {
            assert_eq!(
                one("Transfer-Encoding", good),
                Ok(Framing::Chunked),
                "{good:?}"
            );
        }
        for bad in [
            "",
            "identity",
            "gzip",
            "chunked,",
            ",chunked",
            "chunked, chunked",
            "chunked, gzip",
            "xchunked",
            "chunked;q=1",
            "\"chunked\"",
            "chun ked",
            "\x0bchunked",
        ] {
            assert_eq!(one("Transfer-Encoding", bad), Err(400), "{bad:?}");
        }
        for unknown in ["gzip, chunked", "identity,chunked"] {
            assert_eq!(one("Transfer-Encoding", unknown), Err(501), "{unknown:?}");
        }
        let twice = [
            ("Transfer-Encoding", "chunked"),
            ("Transfer-Encoding", "chunked"),
        ];
        assert_eq!(decide(&twice, Version::Http11), Err(400));
        assert_eq!(
            decide(&[("Transfer-Encoding", "chunked")], Version::Http10),
            Err(400)
        );
        let both = [("Transfer-Encoding", "chunked"), ("Content-Length", "5")];
        assert_eq!(decide(&both, Version::Http11), Err(400));
    }
}
