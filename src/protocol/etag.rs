//! Entity tags: made from a file, read from a request, compared (RFC 9110 section 8.8.3).

use super::token::trim;
use bstr::BString;

/// An entity tag as it came: opaque text with its quotes, and whether `W/` stood before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag<'a> {
    /// Whether it only promises equivalence.
    pub weak: bool,
    /// The text, quotes included.
    pub opaque: &'a [u8],
}

impl<'a> ETag<'a> {
    /// Reads one entity tag and nothing else.
    pub fn parse(text: &'a [u8]) -> Option<ETag<'a>> {
        let (tag, rest) = ETag::take(trim(text))?;
        rest.is_empty().then_some(tag)
    }

    /// Reads the entity tag at the beginning of a text; gives what follows it too.
    fn take(text: &'a [u8]) -> Option<(ETag<'a>, &'a [u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inside = quoted.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', inside)?;
        let plain = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        if !inside[..end].iter().all(plain) {
            return None;
        }
        let (opaque, rest) = quoted.split_at(end + 2);
        Some((ETag { weak, opaque }, rest))
    }

    /// Whether both name the same, by the given comparison.
    pub fn fits(&self, other: &ETag<'_>, comparison: Comparison) -> bool {
        let strong = !self.weak && !other.weak;
        self.opaque == other.opaque && (strong || comparison == Comparison::Weak)
    }
}

/// How two entity tags are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both must be strong: byte for byte the same representation.
    Strong,
    /// Either may be weak: as good as the same.
    Weak,
}

/// The value of If-Match or If-None-Match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagList<'a> {
    /// `*`: any representation at all.
    Any,
    /// Entity tags, not yet read.
    Tags(&'a [u8]),
}

impl<'a> TagList<'a> {
    /// Looks at a header value.
    pub fn new(value: &'a [u8]) -> TagList<'a> {
        match trim(value) {
            b"*" => TagList::Any,
            tags => TagList::Tags(tags),
        }
    }

    /// Whether an entity tag of the list fits `current` by the given comparison. `*` fits whatever exists. Reading stops
    /// at the first thing that is not an entity tag.
    pub fn matches(&self, current: Option<&ETag<'_>>, comparison: Comparison) -> bool {
        match self {
            TagList::Any => true,
            TagList::Tags(tags) => current
                .is_some_and(|current| tags_of(tags).any(|tag| tag.fits(current, comparison))),
        }
    }
}

/// The entity tags of a list, up to its end or the first thing that is not one.
fn tags_of(list: &[u8]) -> impl Iterator<Item = ETag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = trim(rest);
        while let Some(after) = rest.strip_prefix(b",") {
            rest = trim(after);
        }
        let (tag, after) = ETag::take(rest)?;
        rest = trim(after);
        if !rest.is_empty() && rest.first() != Some(&b',') {
            rest = b"";
            return None;
        }
        Some(tag)
    })
}

/// What FileETag says an entity tag is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileETag {
    pub inode: bool,
    pub mtime: bool,
    pub size: bool,
    /// The SHA-1 of the content, instead of the other parts: `make` gives nothing, `of_digest` gives the tag.
    pub digest: bool,
}

impl Default for FileETag {
    /// `FileETag MTime Size`.
    fn default() -> FileETag {
        FileETag {
            inode: false,
            mtime: true,
            size: true,
            digest: false,
        }
    }
}

impl FileETag {
    /// `FileETag None`.
    pub const NONE: FileETag = FileETag {
        inode: false,
        mtime: false,
        size: false,
        digest: false,
    };

    /// The entity tag of a file, with its quotes: the chosen parts in hexadecimal with hyphens between, as
    /// `"3e8-66116582a2751"`; nothing where no part is chosen.
    ///
    /// Weak while the file is so young, less than a second before `now`, that it could change again within the resolution of
    /// its time. Times are microseconds since 1970. It is written to `tag`, an empty text.
    pub fn make(&self, mut tag: BString, file: &FileFacts, now: i64) -> Option<BString> {
        if self.digest {
            return None;
        }
        let weak = now.saturating_sub(file.mtime) < 1_000_000;
        tag.reserve(40);
        tag.extend_from_slice(if weak { b"W/\"" } else { b"\"" });
        let start = tag.len();
        let parts = [
            (self.inode, file.inode),
            (self.size, file.size),
            (self.mtime, file.mtime as u64),
        ];
        for (_, value) in parts.into_iter().filter(|(wanted, _)| *wanted) {
            if tag.len() > start {
                tag.push(b'-');
            }
            super::decimal::push_hex(&mut tag, value);
        }
        let made = tag.len() > start;
        tag.push(b'"');
        made.then_some(tag)
    }
}

/// The entity tag of `FileETag Digest`; `sha1` is the digest of the file's content in base 64.
pub fn of_digest(sha1: &str) -> BString {
    format!("\"{sha1}\"").into()
}

/// What of a file goes into its entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Time of the last change, microseconds since 1970.
    pub mtime: i64,
}

/// An entity tag with a suffix inside its quotes, as content codings mark what they changed (`"abc-gzip"`).
pub fn with_suffix(tag: &[u8], suffix: &str) -> BString {
    match tag.strip_suffix(b"\"") {
        Some(start) => [start, suffix.as_bytes(), b"\""].concat().into(),
        None => tag.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags() {
        assert_eq!(
            ETag::parse(b"\"a\""),
            Some(ETag {
                weak: false,
                opaque: b"\"a\""
            })
        );
        assert_eq!(
            ETag::parse(b" W/\"\" "),
            Some(ETag {
                weak: true,
                opaque: b"\"\""
            })
        );
        assert!(ETag::parse(b"\"\xe9,-\"").is_some());
        for bad in [
            "", "a", "\"a", "a\"", "w/\"a\"", "W\"a\"", "\"a\"b", "\"a b\"", "*", "\"\x7f\"",
        ] {
            assert_eq!(ETag::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lists() {
        let current = ETag::parse(b"\"a\"").unwrap();
        let weak =
            |list: &str| TagList::new(list.as_bytes()).matches(Some(&current), Comparison::Weak);
        for good in [
            "\"a\"",
            "W/\"a\"",
            "\"x\", \"a\"",
            "\"x\",\"a\"",
            ",, \"a\",",
            "*",
            " * ",
            "\"x,y\", \"a\"",
        ] {
            assert!(weak(good), "{good}");
        }
        for bad in [
            "",
            "\"x\"",
            "a",
            "x\"a\"",
            "\"x, \"a\"",
            "\"a\"x",
            "\"a\" \"x\"",
            "w/\"a\"",
            "\"x\" \"a\"",
            "*, \"x\"",
        ] {
            assert!(!weak(bad), "{bad}");
        }
        assert!(!TagList::new(b"W/\"a\"").matches(Some(&current), Comparison::Strong));
        assert!(TagList::new(b"\"a\"").matches(Some(&current), Comparison::Strong));
        assert!(!TagList::new(b"\"a\"").matches(None, Comparison::Weak));
        assert!(TagList::new(b"*").matches(None, Comparison::Weak));
    }

    /// The tags that Debian's apache2 2.4.71 gave the same file.
    #[test]
    fn files() {
        let file = FileFacts {
            inode: 0x98c0e3,
            size: 1000,
            mtime: 0x66116582a2751,
        };
        let old = file.mtime + 1_000_000;
        let all = FileETag {
            inode: true,
            ..FileETag::default()
        };
        assert_eq!(
            FileETag::default()
                .make(BString::default(), &file, old)
                .unwrap(),
            "\"3e8-66116582a2751\""
        );
        assert_eq!(
            all.make(BString::default(), &file, old).unwrap(),
            "\"98c0e3-3e8-66116582a2751\""
        );
        assert_eq!(
            FileETag::default()
                .make(BString::default(), &file, old - 1)
                .unwrap(),
            "W/\"3e8-66116582a2751\""
        );
        assert_eq!(FileETag::NONE.make(BString::default(), &file, old), None);
        assert_eq!(with_suffix(b"W/\"a\"", "-gzip"), "W/\"a-gzip\"");
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let current = ETag { weak: false, opaque: b"\"a\"" };
            let _ = TagList::new(&text).matches(Some(&current), Comparison::Weak);
        }

        #[test]
        fn found_wherever_it_stands(before in proptest::collection::vec("(W/)?\"[!#-~]{0,9}\"", 0..5), tag in "\"[!#-~]{0,9}\"") {
            let list = before.iter().chain([&tag]).cloned().collect::<Vec<_>>().join(", ");
            let current = ETag::parse(tag.as_bytes()).unwrap();
            prop_assert!(TagList::new(list.as_bytes()).matches(Some(&current), Comparison::Strong));
        }
    }
}
