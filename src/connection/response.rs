//! The head of a response, made from what the phases left in the request: status line, fields, framing; ranges are cut
//! here too, where the whole body is at hand.

use crate::config::core::{CoreDir, RangeLimit};
use crate::filters::{Brigade, Bucket};
use crate::protocol::decimal::Digits;
use crate::protocol::range::{self, ByteRange, Multipart, RangeLimits, Ranges};
use crate::protocol::{status, Method, Version};
use crate::request::Request;
use bytes::Bytes;

/// The decisions about a response, and its head.
pub struct Framed {
    /// Status line and fields, with the empty line; empty for HTTP/0.9.
    pub head: Bytes,
    /// The body goes in chunks.
    pub chunked: bool,
    /// A body is sent.
    pub has_body: bool,
    /// The connection may be used again.
    pub keep_alive: bool,
}

/// Decides the framing of the response and makes its head. With `complete`, `r.out.ready` holds the whole body.
pub fn frame(r: &mut Request, complete: bool, may_keep: bool) -> Framed {
    let err = std::mem::take(&mut r.err_headers_out);
    for (name, value) in err.iter() {
        r.headers_out.add(name, value);
    }
    r.err_headers_out = err;
    if r.version == Version::Http09 || r.raw_response {
        return Framed {
            head: Bytes::new(),
            chunked: false,
            has_body: true,
            keep_alive: false,
        };
    }
    if complete {
        cut_ranges(r);
    }
    let bodiless = status::is_header_only(r.status);
    let chunked = frame_body(r, complete, bodiless);
    let delimited =
        bodiless || r.header_only || chunked || r.headers_out.contains("Content-Length");
    let keep_alive = keeps_alive(r, may_keep, delimited);
    if r.status == status::NOT_MODIFIED {
        // There is no body that it could describe; all other fields update what the peer has kept.
        r.headers_out.unset("Content-Type");
    } else {
        type_field(r);
    }
    coding_fields(r);
    let has_body = !bodiless && !r.header_only;
    Framed {
        head: head(r),
        chunked,
        has_body,
        keep_alive,
    }
}

/// Content-Length where the length is known, else chunks where the peer understands them. True for chunks.
fn frame_body(r: &mut Request, complete: bool, bodiless: bool) -> bool {
    if bodiless {
        r.headers_out.unset("Content-Length");
        r.headers_out.unset("Transfer-Encoding");
        return false;
    }
    if complete {
        let len = r.out.ready.len();
        // A handler that answers HEAD without a body may know the length better.
        if !(r.header_only && len == 0) {
            r.headers_out.set("Content-Length", Digits::of(len));
        }
        return false;
    }
    if r.headers_out.contains("Content-Length") {
        return false;
    }
    let chunked = r.version >= Version::Http11 && !forced_1_0(r);
    if chunked {
        r.headers_out.set("Transfer-Encoding", "chunked");
    }
    chunked
}

/// Apache's rules for persistence, and the fields that tell the peer.
fn keeps_alive(r: &mut Request, may_keep: bool, delimited: bool) -> bool {
    let core = r.core_server();
    let most = core.max_keep_alive_requests.unwrap_or(100);
    let seconds = core.keep_alive_timeout().as_secs();
    let used = r.conn.requests.get();
    let asked = r.headers_in.has_token("Connection", "keep-alive");
    let persistent = match r.version {
        Version::Http11 | Version::Http2 => true,
        _ => asked,
    };
    let keep = may_keep
        && delimited
        && persistent
        && core.keep_alive.unwrap_or(true)
        && (most == 0 || used < most)
        && !status::drops_connection(r.status)
        && !r.headers_in.has_token("Connection", "close")
        && !r
            .response_field("Connection")
            .is_some_and(|v| v.eq_ignore_ascii_case(b"close"))
        && !r.env.contains("nokeepalive");
    if keep && asked {
        let left = if most > 0 {
            format!(", max={}", most - used)
        } else {
            String::new()
        };
        r.headers_out
            .set("Keep-Alive", format!("timeout={seconds}{left}"));
        r.headers_out.merge("Connection", "Keep-Alive");
    }
    if !keep && !r.headers_out.has_token("Connection", "close") {
        r.headers_out.merge("Connection", "close");
    }
    keep
}

/// Content-Type with AddDefaultCharset.
fn type_field(r: &mut Request) {
    if let Some(kind) = &r.content_type {
        let charset = r.conf.core().default_charset.as_deref().unwrap_or("");
        let plain = !charset.is_empty()
            && (kind.eq_ignore_ascii_case("text/plain") || kind.eq_ignore_ascii_case("text/html"));
        match plain {
            true => r
                .headers_out
                .set("Content-Type", format!("{kind}; charset={charset}")),
            false => r.headers_out.set("Content-Type", kind),
        }
    }
}

/// Content-Encoding, Content-Language.
fn coding_fields(r: &mut Request) {
    if let Some(encoding) = &r.content_encoding {
        r.headers_out.set("Content-Encoding", encoding);
    }
    if !r.content_languages.is_empty() {
        r.headers_out
            .set("Content-Language", r.content_languages.join(", "));
    }
}

fn forced_1_0(r: &Request) -> bool {
    r.env.contains("force-response-1.0") || r.env.contains("downgrade-1.0")
}

fn head(r: &Request) -> Bytes {
    let mut head = r.ctx.write_buffer.borrow_mut();
    head.clear();
    let version = match r.version == Version::Http10 && forced_1_0(r) {
        true => "HTTP/1.0 ",
        false => "HTTP/1.1 ",
    };
    head.extend_from_slice(version.as_bytes());
    match &r.status_line {
        Some(line)
            if line
                .as_bytes()
                .starts_with(Digits::of(r.status.into()).as_bytes()) =>
        {
            head.extend_from_slice(line.as_bytes())
        }
        _ => status::push_line(&mut head, r.status),
    }
    head.extend_from_slice(b"\r\n");
    if !r.headers_out.contains("Date") {
        field(&mut head, b"Date", crate::run::date().as_bytes());
    }
    if !r.headers_out.contains("Server") {
        field(
            &mut head,
            b"Server",
            r.ctx.generation.server_field.as_bytes(),
        );
    }
    for (name, value) in r.headers_out.iter() {
        field(&mut head, name, value);
    }
    head.extend_from_slice(b"\r\n");
    Bytes::copy_from_slice(&head)
}

/// Whether there is a byte below 14 in a value, as line ends are, or one that is not ASCII; eight are looked at together.
fn may_break(value: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let mut words = value.chunks_exact(8);
    let low = words.by_ref().any(|word| {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // Subtracting borrows from the highest bit of a byte that is too small.
        (word.wrapping_sub(ONES * 14) | word) & (ONES * 0x80) != 0
    });
    low || words.remainder().iter().any(|byte| *byte < 14)
}

/// A line of the head. Line ends in a value would begin another line, so they become spaces.
fn field(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let (start, end) = (head.len() + name.len() + 2, name.len() + value.len() + 4);
    head.reserve(end);
    head.extend_from_slice(name);
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    if may_break(value) {
        for byte in &mut head[start..] {
            if matches!(*byte, b'\r' | b'\n' | 0) {
                *byte = b' ';
            }
        }
    }
    head.extend_from_slice(b"\r\n");
}

/// Answers a Range field from the complete body (Apache's BYTERANGE filter).
fn cut_ranges(r: &mut Request) {
    if r.status != status::OK || !matches!(r.method, Method::Get | Method::Head) || r.no_local_copy
    {
        return;
    }
    let Some(asked) = r.headers_in.get("Range").map(|v| v.to_owned()) else {
        return;
    };
    let refuses = r
        .response_field("Accept-Ranges")
        .is_some_and(|v| v.eq_ignore_ascii_case(b"none"));
    if refuses {
        return;
    }
    if r.headers_out.contains("Content-Range") || !crate::request::error::if_range_holds(r) {
        return;
    }
    let Some(limits) = range_limits(r.core_dir()) else {
        return;
    };
    let total = match r.out.ready.len() {
        0 => r
            .headers_out
            .get("Content-Length")
            .and_then(|v| std::str::from_utf8(v).ok()?.parse().ok())
            .unwrap_or(0),
        len => len,
    };
    match range::parse(&asked, total, &limits) {
        Ranges::Full => {}
        Ranges::Unsatisfiable => {
            r.status = status::RANGE_NOT_SATISFIABLE;
            crate::request::error::replace_with_page(r, total);
        }
        Ranges::Single(piece) => {
            r.status = status::PARTIAL_CONTENT;
            r.headers_out
                .set("Content-Range", range::content_range(&piece, total));
            let cut = r.out.ready.slice(piece.first, piece.size());
            finish(cut, r);
            if r.header_only {
                r.headers_out
                    .set("Content-Length", piece.size().to_string());
            }
        }
        Ranges::Multi(pieces) => multipart(r, &pieces, total),
    }
}

fn finish(mut brigade: Brigade, r: &mut Request) {
    brigade.buckets.push_back(Bucket::End);
    r.out.ready = brigade;
}

fn multipart(r: &mut Request, pieces: &[ByteRange], total: u64) {
    r.status = status::PARTIAL_CONTENT;
    let seed = r.conn.id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ crate::os::clock::microseconds(r.request_time) as u64;
    let kind = r.content_type.take();
    let parts = Multipart::new(pieces, total, kind.as_deref().map(str::as_bytes), seed);
    let mut body = Brigade::default();
    for (piece, head) in pieces.iter().zip(parts.heads()) {
        body.push_bytes(head.clone());
        body.buckets
            .append(&mut r.out.ready.slice(piece.first, piece.size()).buckets);
    }
    body.push_bytes(parts.tail().to_vec());
    finish(body, r);
    r.content_type = Some(parts.content_type());
    if r.header_only {
        r.headers_out
            .set("Content-Length", parts.content_length().to_string());
    }
}

fn range_limits(dir: &CoreDir) -> Option<RangeLimits> {
    let number = |limit: Option<RangeLimit>, usual: usize| match limit {
        None => Some(usual),
        Some(RangeLimit::Unlimited) => None,
        Some(RangeLimit::None) => Some(0),
        Some(RangeLimit::Most(n)) => Some(n),
    };
    if dir.max_ranges == Some(RangeLimit::None) {
        return None;
    }
    Some(RangeLimits {
        ranges: number(dir.max_ranges, 200),
        overlaps: number(dir.max_overlaps, 20),
        reversals: number(dir.max_reversals, 20),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_another_line() {
        for length in 0..20 {
            for at in 0..length {
                for byte in [b'\r', b'\n', 0] {
                    let mut value = vec![b'a'; length];
                    value[at] = byte;
                    let mut head = Vec::new();
                    field(&mut head, b"X", &value);
                    value[at] = b' ';
                    assert_eq!(head, [b"X: ", &value[..], b"\r\n"].concat());
                }
            }
            let value = [vec![b'\t'; length], vec![0xe4; length], b"~ ".to_vec()].concat();
            let mut head = Vec::new();
            field(&mut head, b"X", &value);
            assert_eq!(head, [b"X: ", &value[..], b"\r\n"].concat());
        }
    }
}
