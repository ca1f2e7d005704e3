//! Text made safe for the place it goes to: HTML, a URI's path, a query. For logs see `log::escape`.

use super::token::hex;
use bstr::BString;

/// `<`, `>`, `&` and `"` as character references; everything else as it is.
pub fn html(text: &[u8]) -> BString {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(byte),
        }
    }
    out.into()
}

/// A path as it may stand in a URI: slashes stay, what is neither unreserved nor harmless there becomes `%hh`.
pub fn path(path: &[u8]) -> BString {
    percent(path, |byte| {
        byte.is_ascii_alphanumeric() || b"$-_.+!*'(),:;@&=/~".contains(&byte)
    })
}

/// A path relative to the page it stands in: `path`, led by `./` where its first segment would look like a scheme.
pub fn relative_path(relative: &[u8]) -> BString {
    let escaped = path(relative);
    let first = escaped
        .split(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    match first.contains(&b':') {
        true => [b"./", escaped.as_slice()].concat().into(),
        false => escaped,
    }
}

/// One segment of a path: slashes become `%2f`.
pub fn segment(segment: &[u8]) -> BString {
    percent(segment, |byte| {
        byte.is_ascii_alphanumeric() || b"$-_.+!*'(),:@&=~".contains(&byte)
    })
}

/// A name or value of a form: space becomes `+`, all but letters, digits and `.-*_` becomes `%hh`.
pub fn form(text: &[u8]) -> BString {
    let mut out = percent(text, |byte| {
        byte.is_ascii_alphanumeric() || b".-*_ ".contains(&byte)
    });
    for byte in out.iter_mut().filter(|byte| **byte == b' ') {
        *byte = b'+';
    }
    out
}

/// Replaces each byte that `stays` does not accept by `%hh`, hh in lower case.
fn percent(text: &[u8], stays: impl Fn(u8) -> bool) -> BString {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match stays(byte) {
            true => out.push(byte),
            false => out.extend_from_slice(&[
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]),
        }
    }
    out.into()
}

/// Undoes `%hh`; nothing where an escape is broken. A NUL is given like any other byte.
pub fn unescape(text: &[u8]) -> Option<BString> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = rest.get(at + 1..at + 3)?;
        out.push(hex(escape[0])? << 4 | hex(escape[1])?);
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    Some(out.into())
}

/// `unescape` for forms and queries, where `+` is a space.
pub fn unescape_form(text: &[u8]) -> Option<BString> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    unescape(&spaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn html_is_harmless() {
        assert_eq!(
            html(b"<a href=\"x&y\">'\xff"),
            &b"&lt;a href=&quot;x&amp;y&quot;&gt;'\xff"[..]
        );
    }

    /// The set that Apache's directory listings leave alone, asked of 2.4.71.
    #[test]
    fn paths_are_escaped_as_apache_does() {
        let plain: Vec<u8> = (33..127u8)
            .filter(|byte| path(&[*byte]).len() == 1)
            .collect();
        let marks: Vec<u8> = plain
            .into_iter()
            .filter(|byte| !byte.is_ascii_alphanumeric())
            .collect();
        assert_eq!(marks, b"!$&'()*+,-./:;=@_~");
        assert_eq!(path(b"/a b\xe9%"), "/a%20b%e9%25");
        assert_eq!(relative_path(b"q:.z/x"), "./q:.z/x");
        assert_eq!(relative_path(b"q/x:y"), "q/x:y");
        assert_eq!(segment(b"a/b"), "a%2fb");
        assert_eq!(form(b"a b&c=d+"), "a+b%26c%3dd%2b");
    }

    #[test]
    fn broken_escapes() {
        for bad in ["%", "%4", "%zz", "a%0g"] {
            assert_eq!(unescape(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(unescape_form(b"a+b%2b"), Some("a b+".into()));
    }

    proptest! {
        #[test]
        fn escapes_go_both_ways(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(unescape(&path(&text)), Some(BString::from(text.clone())));
            prop_assert_eq!(unescape(&segment(&text)), Some(BString::from(text.clone())));
            prop_assert_eq!(unescape_form(&form(&text)), Some(BString::from(text)));
        }
    }
}
