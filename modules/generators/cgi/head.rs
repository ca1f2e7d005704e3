//! What a program says before its content (RFC 3875, section 6.3): the fields, and what they make of the response.

use crate::log;
use crate::log::Level;
use crate::os::clock;
use crate::protocol::{date, token};
use crate::request::{error, Request};
use bstr::{BString, ByteSlice};
use std::time::{Duration, SystemTime};

use super::LOG_MODULE;

/// Bytes of a head at most.
pub const MOST: usize = 256 * 1024;

/// A head as far as it has come.
#[derive(Debug, PartialEq)]
pub enum Head {
    /// Its end is not there yet.
    Partial,
    /// A line that is no field.
    Bad(BString),
    /// The fields, and how many bytes they took.
    Whole(Vec<(BString, BString)>, usize),
}

/// Looks for a whole head at the start of `bytes`. Lines end in LF or CRLF.
pub fn parse(bytes: &[u8]) -> Head {
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(end) = bytes[at..].find_byte(b'\n') {
        let line = &bytes[at..at + end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at += end + 1;
        if line.is_empty() {
            return Head::Whole(fields, at);
        }
        match line.split_once_str(":") {
            Some((name, value)) if token::is_token(name) => {
                fields.push((name.into(), token::trim(value).into()))
            }
            _ => return Head::Bad(line.into()),
        }
    }
    match bytes.len() >= MOST {
        true => Head::Bad(bytes[..30].into()),
        false => Head::Partial,
    }
}

/// What the fields make of the response.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Content follows, so many bytes of it if the program said so.
    Content(Option<u64>),
    /// Content that is not wanted.
    Status(u16),
    /// Go on at this local address.
    Local(BString),
}

/// Puts the fields where Apache puts them: what describes the content with the good response, the rest with any.
pub fn apply(r: &mut Request, fields: Vec<(BString, BString)>) -> Verdict {
    let mut said_status = false;
    let mut length = None;
    let mut others: Vec<(BString, BString)> = Vec::new();
    for (name, value) in fields {
        if !token::is_value(&value) {
            log!(
                &*r,
                Level::Error,
                2430,
                "the script gives the field {} a value with characters that are not allowed",
                log::raw(&name)
            );
            return Verdict::Status(500);
        }
        match name.to_ascii_lowercase().as_slice() {
            b"content-type" => r.content_type = Some(value.to_str_lossy().into_owned()),
            b"status" => match status(r, &value) {
                true => said_status = true,
                false => return Verdict::Status(500),
            },
            b"content-length" => {
                length = token::number(&value);
                if let Some(length) = length {
                    r.headers_out.set("Content-Length", length.to_string());
                }
            }
            b"last-modified" => last_modified(r, &value),
            b"location" | b"etag" | b"content-range" => r.headers_out.set(&name, value),
            b"set-cookie" => r.err_headers_out.add(&name, value),
            // Framing, date and name are the server's own.
            b"transfer-encoding" | b"date" | b"server" => {}
            _ => match others
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(&name))
            {
                Some((_, list)) => {
                    list.extend_from_slice(b", ");
                    list.extend_from_slice(&value);
                }
                None => others.push((name, value)),
            },
        }
    }
    for (name, value) in others {
        r.err_headers_out.append(name, value);
    }
    verdict(r, said_status, length)
}

fn verdict(r: &Request, said_status: bool, length: Option<u64>) -> Verdict {
    if !said_status {
        if let Some(status) = error::conditions(r) {
            return Verdict::Status(status);
        }
    }
    let location = r.headers_out.get("Location").filter(|_| r.status == 200);
    match location {
        Some(local) if local.starts_with(b"/") => Verdict::Local(local.into()),
        Some(_) => Verdict::Status(302),
        None => Verdict::Content(length),
    }
}

/// `404 Not Found`. False if it is none.
fn status(r: &mut Request, value: &[u8]) -> bool {
    let (code, reason) = value.split_once_str(" ").unwrap_or((value, b""));
    match token::number(code).filter(|code| (200..600).contains(code)) {
        Some(code) => {
            r.status = code as u16;
            r.status_line = (!reason.is_empty()).then(|| value.to_str_lossy().into_owned());
            true
        }
        None => {
            let name = log::raw(r.file_base());
            log!(
                &*r,
                Level::Error,
                0,
                "Invalid status line from script '{name}': {}",
                log::raw(&value[..value.len().min(30)])
            );
            false
        }
    }
}

fn last_modified(r: &mut Request, value: &[u8]) {
    let Some(seconds) = date::parse(value) else {
        return;
    };
    if let Ok(since) = u64::try_from(seconds) {
        r.update_mtime(SystemTime::UNIX_EPOCH + Duration::from_secs(since));
    }
    let known = r.mtime.map_or(seconds, clock::seconds);
    r.headers_out.set("Last-Modified", date::http(known));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_an_empty_line() {
        let field = |name: &str, value: &str| (BString::from(name), BString::from(value));
        assert_eq!(
            parse(b"A: b\nC:d \r\n\r\nrest"),
            Head::Whole(vec![field("A", "b"), field("C", "d")], 13)
        );
        assert_eq!(parse(b"\nrest"), Head::Whole(vec![], 1));
        assert_eq!(parse(b"A: b\nC:"), Head::Partial);
        assert_eq!(parse(b"A: b\nno field\n\n"), Head::Bad("no field".into()));
        assert_eq!(parse(b"A b: c\n\n"), Head::Bad("A b: c".into()));
    }

    #[test]
    fn a_head_without_end_is_refused() {
        assert!(matches!(parse(&vec![b'x'; MOST]), Head::Bad(_)));
    }
}
