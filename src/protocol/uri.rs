//! The request target: its form, its path made plain, its query left alone (RFC 9112 section 3.2, RFC 3986).
//!
//! Paths are decoded exactly once, here. Whatever could be read as another path by a proxy, a module or the file system
//! is refused: encoded NULs, and when strict also dot segments that arrive encoded.

use super::status::NOT_FOUND;
use super::token::hex;
use super::{Method, Reject};
use bstr::{BStr, BString, ByteSlice};

/// What a request line asks for, undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/path?query`.
    Origin {
        path: &'a BStr,
        query: Option<&'a BStr>,
    },
    /// `http://authority/path?query`; an empty path is given as `/`.
    Absolute {
        scheme: &'a BStr,
        authority: &'a BStr,
        path: &'a BStr,
        query: Option<&'a BStr>,
    },
    /// `host:port`, of CONNECT.
    Authority(&'a BStr),
    /// `*`, of OPTIONS.
    Asterisk,
}

impl<'a> Target<'a> {
    /// The undecoded path; `*` for the asterisk, nothing for CONNECT.
    pub fn path(&self) -> &'a BStr {
        match *self {
            Target::Origin { path, .. } | Target::Absolute { path, .. } => path,
            Target::Authority(_) => BStr::new(b""),
            Target::Asterisk => BStr::new(b"*"),
        }
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&'a BStr> {
        match *self {
            Target::Origin { query, .. } | Target::Absolute { query, .. } => query,
            Target::Authority(_) | Target::Asterisk => None,
        }
    }
}

/// Tells the form of a target; `*` belongs to OPTIONS alone, `host:port` to CONNECT alone, and CONNECT to nothing else.
/// A fragment is refused when strict, cut off otherwise.
pub fn parse_target(method: Method, raw: &BStr, strict: bool) -> Result<Target<'_>, Reject> {
    if method == Method::Connect {
        return parse_authority_form(raw);
    }
    if raw == "*" {
        return match method {
            Method::Options => Ok(Target::Asterisk),
            _ => Err(Reject::bad(
                "\"*\" as the target of a method other than OPTIONS",
            )),
        };
    }
    let raw = without_fragment(raw, strict)?;
    if raw.first() == Some(&b'/') {
        let (path, query) = split_query(raw);
        return Ok(Target::Origin { path, query });
    }
    parse_absolute(raw)
}

/// Reads `host:port`; the caller judges both as it does a Host field.
fn parse_authority_form(raw: &BStr) -> Result<Target<'_>, Reject> {
    let port = memchr::memrchr(b':', raw).map(|colon| &raw[colon + 1..]);
    let plain = !raw.contains(&b'/') && !raw.contains(&b'@');
    match port {
        Some(port) if plain && !port.is_empty() && port.iter().all(u8::is_ascii_digit) => {
            Ok(Target::Authority(raw))
        }
        _ => Err(Reject::bad("target of CONNECT is not host:port")),
    }
}

/// Reads `scheme://authority/path?query` for the schemes this server answers.
fn parse_absolute(raw: &BStr) -> Result<Target<'_>, Reject> {
    const BAD: Reject = Reject::bad("target is neither a path nor an http URI");
    let colon = raw.find("://").ok_or(BAD)?;
    let (scheme, rest) = (&raw[..colon], &raw[colon + 3..]);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(BAD);
    }
    let end = rest.find_byteset(b"/?").unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_empty() {
        return Err(Reject::bad("absolute target without a host"));
    }
    let (path, query) = split_query(rest.as_bstr());
    Ok(Target::Absolute {
        scheme: scheme.as_bstr(),
        authority: authority.as_bstr(),
        path: if path.is_empty() {
            BStr::new(b"/")
        } else {
            path
        },
        query,
    })
}

fn without_fragment(raw: &BStr, strict: bool) -> Result<&BStr, Reject> {
    match memchr::memchr(b'#', raw) {
        None => Ok(raw),
        Some(_) if strict => Err(Reject::bad("fragment in the target")),
        Some(at) => Ok(raw[..at].as_bstr()),
    }
}

/// Splits at the first question mark.
pub fn split_query(raw: &BStr) -> (&BStr, Option<&BStr>) {
    match memchr::memchr(b'?', raw) {
        Some(at) => (raw[..at].as_bstr(), Some(raw[at + 1..].as_bstr())),
        None => (raw, None),
    }
}

/// AllowEncodedSlashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncodedSlashes {
    /// `%2F` in a path is a 404.
    #[default]
    Off,
    /// `%2F` becomes a slash.
    On,
    /// `%2F` stays as it was written.
    NoDecode,
}

/// How a path is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathOptions {
    /// AllowEncodedSlashes.
    pub slashes: EncodedSlashes,
    /// MergeSlashes: runs of slashes become one.
    pub merge: bool,
    /// Refuse dot segments that arrive encoded (`%2e%2e`) rather than follow them.
    pub strict: bool,
}

impl Default for PathOptions {
    fn default() -> PathOptions {
        PathOptions {
            slashes: EncodedSlashes::Off,
            merge: true,
            strict: true,
        }
    }
}

/// Decodes an undecoded path once, merges slashes and resolves dot segments.
///
/// 400: a bad escape, `%00`, a path that climbs above its root, does not begin with a slash, or (strict) has an encoded dot
/// segment. 404: `%2F` where AllowEncodedSlashes is Off.
pub fn decode_path(raw: &[u8], options: &PathOptions) -> Result<BString, Reject> {
    let Some(relative) = raw.strip_prefix(b"/") else {
        return Err(Reject::bad("path does not begin with a slash"));
    };
    if is_plain(raw) {
        return Ok(raw.into());
    }
    let mut path = PathBuilder::new(raw.len(), options);
    let mut decoded = Vec::new();
    for segment in relative.split(|byte| *byte == b'/') {
        decoded.clear();
        let escaped = decode_segment(segment, options.slashes, &mut decoded)?;
        for piece in decoded.split(|byte| *byte == b'/') {
            path.push(piece, escaped)?;
        }
    }
    Ok(path.out.into())
}

/// Whether a path that begins with a slash has nothing to decode, merge or resolve: nearly all have not.
pub fn is_plain(raw: &[u8]) -> bool {
    !raw.contains(&b'%') && !is_untidy(raw)
}

/// Whether a slash is followed by another or by a dot.
pub fn is_untidy(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().any(|&byte| {
        let slash = std::mem::replace(&mut before, byte) == b'/';
        slash && matches!(byte, b'/' | b'.')
    })
}

/// Appends a decoded segment to `out` and says whether anything was escaped in it.
fn decode_segment(
    segment: &[u8],
    slashes: EncodedSlashes,
    out: &mut Vec<u8>,
) -> Result<bool, Reject> {
    let mut rest = segment;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = rest
            .get(at..at + 3)
            .ok_or(Reject::bad("incomplete escape in the path"))?;
        let byte = match (hex(escape[1]), hex(escape[2])) {
            (Some(high), Some(low)) => high << 4 | low,
            _ => return Err(Reject::bad("invalid escape in the path")),
        };
        match (byte, slashes) {
            (0, _) => return Err(Reject::bad("encoded NUL in the path")),
            (b'/', EncodedSlashes::Off) => {
                return Err(Reject::new(NOT_FOUND, "encoded slash in the path"))
            }
            (b'/', EncodedSlashes::NoDecode) => out.extend_from_slice(escape),
            _ => out.push(byte),
        }
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    Ok(rest.len() != segment.len())
}

/// A path being put together, segment by segment: always `/a/b/c`, the last segment perhaps empty.
struct PathBuilder<'a> {
    out: Vec<u8>,
    /// Whether a slash is due before the next segment.
    slash: bool,
    options: &'a PathOptions,
}

impl<'a> PathBuilder<'a> {
    fn new(capacity: usize, options: &'a PathOptions) -> PathBuilder<'a> {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'/');
        PathBuilder {
            out,
            slash: false,
            options,
        }
    }

    /// Adds a decoded segment; `escaped` when it was not written plainly.
    fn push(&mut self, piece: &[u8], escaped: bool) -> Result<(), Reject> {
        if escaped && self.options.strict && matches!(piece, b"." | b"..") {
            return Err(Reject::bad("encoded dot segment in the path"));
        }
        self.end_segment();
        match piece {
            b"." => {}
            b".." => self.pop()?,
            _ => {
                self.out.extend_from_slice(piece);
                self.slash = true;
            }
        }
        Ok(())
    }

    /// Puts the slash that ends the segment before, unless there is one and runs are merged.
    fn end_segment(&mut self) {
        if self.slash && !(self.options.merge && self.out.ends_with(b"/")) {
            self.out.push(b'/');
        }
        self.slash = false;
    }

    /// Takes the newest segment away; `out` ends with the slash behind it.
    fn pop(&mut self) -> Result<(), Reject> {
        if self.out.len() == 1 {
            return Err(Reject::bad("path climbs above its root"));
        }
        let end = self.out.len() - 1;
        let slash = memchr::memrchr(b'/', &self.out[..end]).unwrap_or(0);
        self.out.truncate(slash + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAX: PathOptions = PathOptions {
        slashes: EncodedSlashes::Off,
        merge: true,
        strict: false,
    };

    fn decode(raw: &str, options: &PathOptions) -> Result<String, u16> {
        decode_path(raw.as_bytes(), options)
            .map(|path| path.to_string())
            .map_err(|reject| reject.status)
    }

    #[test]
    fn paths_are_made_plain() {
        for (raw, plain) in [
            ("/", "/"),
            ("/a/b.txt", "/a/b.txt"),
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/./", "/"),
            ("/.", "/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/../b", "/b"),
            ("/a/./b", "/a/b"),
            ("/a//../b", "/b"),
            ("/a/b//../../c", "/c"),
            ("/...", "/..."),
            ("/a/.b/..c", "/a/.b/..c"),
            ("/%6b%2etxt", "/k.txt"),
            ("/a%20b+c", "/a b+c"),
            ("/%252e%252e/", "/%2e%2e/"),
            ("/%C3%a9", "/é"),
            ("/%0a%7f", "/\n\x7f"),
            ("/;/../k", "/k"),
            ("/\\..\\", "/\\..\\"),
        ] {
            assert_eq!(
                decode(raw, &PathOptions::default()),
                Ok(plain.to_owned()),
                "{raw}"
            );
            assert_eq!(decode(raw, &LAX), Ok(plain.to_owned()), "{raw}");
        }
    }

    #[test]
    fn bad_paths() {
        for bad in [
            "",
            "a",
            "/..",
            "/../",
            "/../../etc/passwd",
            "/a/../../k",
            "/%",
            "/%4",
            "/%zz",
            "/%0",
            "/%00",
            "/a%00b",
            "/%2e%2e",
            "/a/.%2e/%2e./..",
        ] {
            assert_eq!(decode(bad, &PathOptions::default()), Err(400), "{bad}");
            assert_eq!(decode(bad, &LAX), Err(400), "{bad}");
        }
        for (encoded, lax) in [
            ("/a/%2e%2e/k", "/k"),
            ("/a/%2e/k", "/a/k"),
            ("/a/.%2E/k", "/k"),
        ] {
            assert_eq!(
                decode(encoded, &PathOptions::default()),
                Err(400),
                "{encoded}"
            );
            assert_eq!(decode(encoded, &LAX), Ok(lax.to_owned()), "{encoded}");
        }
    }

    #[test]
    fn encoded_slashes() {
        let with = |slashes, strict| PathOptions {
            slashes,
            strict,
            merge: true,
        };
        assert_eq!(decode("/a%2fb", &with(EncodedSlashes::Off, true)), Err(404));
        assert_eq!(
            decode("/a%2fb%2F", &with(EncodedSlashes::On, true)),
            Ok("/a/b/".into())
        );
        assert_eq!(
            decode("/a%2fb%2F%41", &with(EncodedSlashes::NoDecode, true)),
            Ok("/a%2fb%2FA".into())
        );
        assert_eq!(
            decode("/a/..%2fk", &with(EncodedSlashes::On, true)),
            Err(400)
        );
        assert_eq!(
            decode("/a/..%2fk", &with(EncodedSlashes::On, false)),
            Ok("/k".into())
        );
        assert_eq!(
            decode("/a/..%2f..%2fk", &with(EncodedSlashes::On, false)),
            Err(400)
        );
        assert_eq!(
            decode("/a/..%2fk", &with(EncodedSlashes::NoDecode, true)),
            Ok("/a/..%2fk".into())
        );
    }

    #[test]
    fn slashes_may_stay() {
        let keep = PathOptions {
            merge: false,
            ..PathOptions::default()
        };
        for (raw, plain) in [
            ("//", "//"),
            ("//a", "//a"),
            ("/a//b/", "/a//b/"),
            ("/a//../k", "/a/k"),
            ("/a/b//../../c", "/a/c"),
            ("//..", "/"),
        ] {
            assert_eq!(decode(raw, &keep), Ok(plain.to_owned()), "{raw}");
        }
    }

    #[test]
    fn forms_of_targets() {
        let parse = |method, raw: &'static str| {
            parse_target(method, raw.into(), true).map_err(|reject| reject.status)
        };
        let get = |raw| parse(Method::Get, raw);
        assert_eq!(
            get("/a?b?c"),
            Ok(Target::Origin {
                path: "/a".into(),
                query: Some("b?c".into())
            })
        );
        assert_eq!(
            get("/?"),
            Ok(Target::Origin {
                path: "/".into(),
                query: Some("".into())
            })
        );
        assert_eq!(
            get("//y/z"),
            Ok(Target::Origin {
                path: "//y/z".into(),
                query: None
            })
        );
        let absolute = |path: &'static str, query: Option<&'static str>| {
            Ok(Target::Absolute {
                scheme: "HTTP".into(),
                authority: "y:8".into(),
                path: path.into(),
                query: query.map(BStr::new),
            })
        };
        assert_eq!(get("HTTP://y:8/p?q"), absolute("/p", Some("q")));
        assert_eq!(get("HTTP://y:8"), absolute("/", None));
        assert_eq!(get("HTTP://y:8?q"), absolute("/", Some("q")));
        for bad in [
            "*",
            "*a",
            "a",
            "a/b",
            "y:80",
            "?q",
            "#f",
            "/#f",
            "ftp://y/",
            "foo:bar",
            "http:/y",
            "http:y",
            "http:///x",
            "http://",
            "://y/",
        ] {
            assert_eq!(get(bad), Err(400), "{bad}");
        }
        assert_eq!(parse(Method::Options, "*"), Ok(Target::Asterisk));
        assert_eq!(
            parse(Method::Connect, "y:80"),
            Ok(Target::Authority("y:80".into()))
        );
        for bad in ["/", "y", "y:", "http://y/", "*", "u@y:80"] {
            assert_eq!(parse(Method::Connect, bad), Err(400), "{bad}");
        }
        assert_eq!(
            parse_target(Method::Get, "/a#b?c".into(), false).map(|target| target.path()),
            Ok("/a".into())
        );
    }

    proptest! {
        /// A decoded path has no dot segments, and decoding never panics.
        #[test]
        fn decoded_paths_have_no_dot_segments(raw in "(/|\\.|\\.\\.|%2e|%2E|%2f|%25|%00|%|a|\\PC){0,14}", merge: bool, strict: bool, which in 0u8..3) {
            let slashes = [EncodedSlashes::Off, EncodedSlashes::On, EncodedSlashes::NoDecode][which as usize];
            let raw = format!("/{raw}");
            if let Ok(path) = decode_path(raw.as_bytes(), &PathOptions { slashes, merge, strict }) {
                prop_assert!(path.starts_with(b"/"));
                prop_assert!(!path.contains(&0));
                prop_assert!(path.split(|byte| *byte == b'/').all(|segment| segment != b"." && segment != b".."));
                prop_assert!(!merge || !path.contains_str("//"));
            }
        }

        #[test]
        fn any_bytes(raw in proptest::collection::vec(any::<u8>(), 0..40), strict: bool) {
            let _ = parse_target(Method::Get, raw.as_bstr(), strict);
            let _ = decode_path(&raw, &PathOptions { strict, ..PathOptions::default() });
        }

        /// Encoding a plain path and decoding it gives it back.
        #[test]
        fn escaping_goes_both_ways(path in "/[^/\\x00]{1,20}") {
            prop_assume!(path != "/." && path != "/..");
            let escaped = crate::protocol::escape::path(path.as_bytes());
            let decoded = decode_path(&escaped, &PathOptions::default());
            prop_assert_eq!(decoded.map(|path| path.to_string()), Ok(path));
        }
    }
}
