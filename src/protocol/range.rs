//! Byte ranges: which parts of a representation a request wants, and the multipart body that carries several
//! (RFC 9110 section 14).
//!
//! Asked when a 200 is about to be sent whose length is known. Whatever is malformed, or asks for more work than the limits
//! allow, counts as no Range at all, so the answer is the whole.

use super::token::{number, trim};
use std::io::Write;

/// MaxRanges, MaxRangeOverlaps, MaxRangeReversals; `None` is `unlimited`, `Some(0)` is `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeLimits {
    pub ranges: Option<usize>,
    pub overlaps: Option<usize>,
    pub reversals: Option<usize>,
}

impl Default for RangeLimits {
    fn default() -> RangeLimits {
        RangeLimits {
            ranges: Some(200),
            overlaps: Some(20),
            reversals: Some(20),
        }
    }
}

/// A stretch of a representation; never empty, both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    /// Number of its bytes, at least one.
    pub fn size(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a Range field comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// 200, the whole.
    Full,
    /// 416, with `Content-Range: bytes */length`.
    Unsatisfiable,
    /// 206 with this part.
    Single(ByteRange),
    /// 206 with multipart/byteranges, in the order they were asked for.
    Multi(Vec<ByteRange>),
}

/// Decides what a Range field means for a representation of `length` bytes.
///
/// As Apache does: each range is joined to the one before it where they touch or overlap; ranges that begin beyond the
/// end are left out, and if none is left the answer is 416; all is ignored when it is malformed, exceeds a limit, or
/// when what is left after joining is more than the whole. Unlike Apache, white space after a comma is no mistake.
pub fn parse(value: &[u8], length: u64, limits: &RangeLimits) -> Ranges {
    ranges_of(value, length, limits).unwrap_or(Ranges::Full)
}

fn ranges_of(value: &[u8], length: u64, limits: &RangeLimits) -> Option<Ranges> {
    let value = trim(value);
    let unit = value.get(..6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") || limits.ranges == Some(0) || length == 0 {
        return None;
    }
    let set = &value[6..];
    let mut merged = Merged::default();
    let mut count = 0;
    for spec in set
        .split(|byte| *byte == b',')
        .map(trim)
        .filter(|spec| !spec.is_empty())
    {
        count += 1;
        if exceeds(count, limits.ranges) {
            return None;
        }
        if let Some(range) = parse_spec(spec, length)? {
            merged.add(range);
        }
    }
    if count == 0
        || exceeds(merged.overlaps, limits.overlaps)
        || exceeds(merged.reversals, limits.reversals)
    {
        return None;
    }
    let sum: u128 = merged
        .ranges
        .iter()
        .map(|range| u128::from(range.size()))
        .sum();
    if sum > u128::from(length) {
        return None;
    }
    Some(match merged.ranges[..] {
        [] => Ranges::Unsatisfiable,
        [only] => Ranges::Single(only),
        _ => Ranges::Multi(merged.ranges),
    })
}

fn exceeds(count: usize, limit: Option<usize>) -> bool {
    limit.is_some_and(|limit| count > limit)
}

/// Reads one range. The outer `None` is a mistake, the inner one a range beyond the end.
fn parse_spec(spec: &[u8], length: u64) -> Option<Option<ByteRange>> {
    let hyphen = memchr::memchr(b'-', spec)?;
    let (first, last) = (&spec[..hyphen], &spec[hyphen + 1..]);
    let end = length - 1;
    if first.is_empty() {
        let wanted = number(last).filter(|wanted| *wanted != 0)?;
        return Some(Some(ByteRange {
            first: length.saturating_sub(wanted),
            last: end,
        }));
    }
    let first = number(first)?;
    let last = match last.is_empty() {
        true => first.max(end),
        false => number(last)?,
    };
    if first > last {
        return None;
    }
    Some((first <= end).then(|| ByteRange {
        first,
        last: last.min(end),
    }))
}

/// Ranges joined as they come.
#[derive(Default)]
struct Merged {
    ranges: Vec<ByteRange>,
    /// How many ranges were joined to another.
    overlaps: usize,
    /// How many of them began before it.
    reversals: usize,
}

impl Merged {
    /// Joins a range to the newest one if they touch, else puts it behind.
    fn add(&mut self, range: ByteRange) {
        let touching = |old: &&mut ByteRange| {
            range.first <= old.last.saturating_add(1) && range.last.saturating_add(1) >= old.first
        };
        match self.ranges.last_mut().filter(touching) {
            Some(old) => {
                self.overlaps += 1;
                self.reversals += usize::from(range.first < old.first);
                old.first = old.first.min(range.first);
                old.last = old.last.max(range.last);
            }
            None => self.ranges.push(range),
        }
    }
}

/// The value of Content-Range for a part.
pub fn content_range(range: &ByteRange, length: u64) -> String {
    format!("bytes {}-{}/{}", range.first, range.last, length)
}

/// The value of Content-Range in a 416.
pub fn unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

/// A multipart/byteranges body: everything in it but the bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    boundary: String,
    /// Of each part, what goes before its bytes.
    heads: Vec<Vec<u8>>,
    /// What goes after the last part.
    tail: Vec<u8>,
    length: u64,
}

impl Multipart {
    /// The body of these ranges of a representation of `length` bytes. `seed`, which should differ from answer to answer,
    /// becomes the boundary. `content_type`, where known, is repeated in each part.
    pub fn new(
        ranges: &[ByteRange],
        length: u64,
        content_type: Option<&[u8]>,
        seed: u64,
    ) -> Multipart {
        let boundary = format!("{seed:016x}");
        let heads: Vec<Vec<u8>> = ranges
            .iter()
            .map(|range| part_head(&boundary, range, length, content_type))
            .collect();
        let tail = format!("\r\n--{boundary}--\r\n").into_bytes();
        let framing: u64 = heads.iter().map(|head| head.len() as u64).sum();
        let data = ranges
            .iter()
            .fold(0u64, |sum, range| sum.saturating_add(range.size()));
        let length = data.saturating_add(framing + tail.len() as u64);
        Multipart {
            boundary,
            heads,
            tail,
            length,
        }
    }

    /// The value of the answer's Content-Type.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The value of its Content-Length.
    pub fn content_length(&self) -> u64 {
        self.length
    }

    /// What is sent before the bytes of each part, in their order.
    pub fn heads(&self) -> &[Vec<u8>] {
        &self.heads
    }

    /// What is sent after the bytes of the last part.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }
}

fn part_head(
    boundary: &str,
    range: &ByteRange,
    length: u64,
    content_type: Option<&[u8]>,
) -> Vec<u8> {
    let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
    if let Some(content_type) = content_type {
        head.extend_from_slice(b"Content-type: ");
        head.extend_from_slice(content_type);
        head.extend_from_slice(b"\r\n");
    }
    // Writing to a vector cannot fail.
    let _ = write!(
        head,
        "Content-range: {}\r\n\r\n",
        content_range(range, length)
    );
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(value: &str) -> Ranges {
        parse(value.as_bytes(), 1000, &RangeLimits::default())
    }

    fn multi(ranges: &[(u64, u64)]) -> Ranges {
        Ranges::Multi(
            ranges
                .iter()
                .map(|&(first, last)| ByteRange { first, last })
                .collect(),
        )
    }

    /// All asked of Debian's apache2 2.4.71 for a file of 1000 bytes.
    #[test]
    fn single_ranges() {
        for (value, first, last) in [
            ("bytes=0-9", 0, 9),
            ("bytes=990-", 990, 999),
            ("bytes=-10", 990, 999),
            ("bytes=-2000", 0, 999),
            ("bytes=0-2000", 0, 999),
            ("bytes=999-1001", 999, 999),
            ("BYTES=0-1 ", 0, 1),
            ("bytes=00-01", 0, 1),
            ("bytes=0-1,", 0, 1),
            ("bytes=0-1,2-3", 0, 3),
            ("bytes=0-5,2-9", 0, 9),
            ("bytes=0-9,5-6", 0, 9),
            ("bytes=5-6,0-9", 0, 9),
            ("bytes=5-6,3-4,1-2", 1, 6),
            ("bytes=5-9,2-7,3-8", 2, 9),
            ("bytes=0-1,5000-6000", 0, 1),
            ("bytes=5000-,1-2", 1, 2),
            ("bytes=1-2,5000-,3-4", 1, 4),
            ("bytes=0-,-1", 0, 999),
            ("bytes=0-900,901-999,0-0", 0, 999),
        ] {
            assert_eq!(
                ask(value),
                Ranges::Single(ByteRange { first, last }),
                "{value}"
            );
        }
    }

    #[test]
    fn ignored_ranges() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=0",
            "bytes=a-b",
            "bytes=-0",
            "bytes=9-0",
            "bytes=9-0,0-1",
            "bytes=0-1,a",
            "bytes =0-1",
            "items=0-1",
            "bytes=0 - 1",
            "bytes=+0-1",
            "bytes=99999999999999999999-",
            "bytes=0-99999999999999999999",
            "bytes=0-1;3-4",
            "bytes=1-2,-0",
            "bytes=1-2-3",
            "bytes=1001-1000",
            "bytes=0-500,600-700,0-999",
            "bytes=0-500,600-700,0-500",
            "bytes=0-599,700-999,0-100",
            "bytes=,",
        ] {
            assert_eq!(ask(value), Ranges::Full, "{value}");
        }
        assert_eq!(parse(b"bytes=0-", 0, &RangeLimits::default()), Ranges::Full);
    }

    #[test]
    fn several_ranges() {
        for value in ["bytes=1000-", "bytes=1000-1001", "bytes=5000-6000,7000-"] {
            assert_eq!(ask(value), Ranges::Unsatisfiable, "{value}");
        }
        assert_eq!(ask("bytes=3-4,0-1"), multi(&[(3, 4), (0, 1)]));
        assert_eq!(ask("bytes=0-1, 3-4"), multi(&[(0, 1), (3, 4)]));
        assert_eq!(ask("bytes=0-1,4-5,2-3"), multi(&[(0, 1), (2, 5)]));
        assert_eq!(ask("bytes=-5,990-993"), multi(&[(995, 999), (990, 993)]));
        assert_eq!(
            ask("bytes=5-9,2-3,0-1,10-11"),
            multi(&[(5, 9), (0, 3), (10, 11)])
        );
        assert_eq!(
            ask("bytes=0-599,700-999,0-99"),
            multi(&[(0, 599), (700, 999), (0, 99)])
        );
    }

    #[test]
    fn limits() {
        let list = |count: u64, spec: &dyn Fn(u64) -> String| {
            format!(
                "bytes={}",
                (0..count).map(spec).collect::<Vec<_>>().join(",")
            )
        };
        let apart = |count| list(count, &|at| format!("{0}-{0}", at * 4));
        assert!(matches!(ask(&apart(200)), Ranges::Multi(ranges) if ranges.len() == 200));
        assert_eq!(ask(&apart(201)), Ranges::Full);
        let same = |count| list(count, &|_| "0-1".to_owned());
        assert!(matches!(ask(&same(21)), Ranges::Single(_)));
        assert_eq!(ask(&same(22)), Ranges::Full);
        let back = |count| list(count, &|at| format!("{}-{}", 900 - 2 * at, 901 - 2 * at));
        assert!(matches!(ask(&back(21)), Ranges::Single(_)));
        assert_eq!(ask(&back(22)), Ranges::Full);
        let reversed = list(30, &|at| format!("{0}-{0}", 900 - 4 * at));
        assert!(matches!(ask(&reversed), Ranges::Multi(_)));
        let none = RangeLimits {
            ranges: Some(0),
            ..RangeLimits::default()
        };
        assert_eq!(parse(b"bytes=0-1", 10, &none), Ranges::Full);
        let unlimited = RangeLimits {
            ranges: None,
            overlaps: None,
            reversals: None,
        };
        assert!(matches!(
            parse(same(500).as_bytes(), 10, &unlimited),
            Ranges::Single(_)
        ));
        let no_overlap = RangeLimits {
            overlaps: Some(0),
            ..RangeLimits::default()
        };
        assert_eq!(parse(b"bytes=0-1,1-2", 10, &no_overlap), Ranges::Full);
    }

    #[test]
    fn multipart() {
        let Ranges::Multi(ranges) = ask("bytes=0-1,3-4") else {
            panic!("two ranges");
        };
        let body = Multipart::new(&ranges, 1000, Some(b"text/plain"), 0x309b9b1a1dda1847);
        assert_eq!(
            body.content_type(),
            "multipart/byteranges; boundary=309b9b1a1dda1847"
        );
        assert_eq!(body.content_length(), 190);
        assert_eq!(body.heads()[1], b"\r\n--309b9b1a1dda1847\r\nContent-type: text/plain\r\nContent-range: bytes 3-4/1000\r\n\r\n");
        assert_eq!(body.tail(), b"\r\n--309b9b1a1dda1847--\r\n");
        assert_eq!(unsatisfied(5), "bytes */5");
    }

    proptest! {
        /// What is given out lies within the representation and is never more than all of it.
        #[test]
        fn within_bounds(specs in proptest::collection::vec((0u64..50, 0u64..50, 0u8..4), 0..12), length in 0u64..40) {
            let list: Vec<String> = specs.iter().map(|(first, more, kind)| match kind {
                0 => format!("-{more}"),
                1 => format!("{first}-"),
                _ => format!("{first}-{}", first + more),
            }).collect();
            let ranges = match parse(format!("bytes={}", list.join(",")).as_bytes(), length, &RangeLimits::default()) {
                Ranges::Single(range) => vec![range],
                Ranges::Multi(ranges) => ranges,
                Ranges::Full | Ranges::Unsatisfiable => return Ok(()),
            };
            prop_assert!(ranges.iter().all(|range| range.first <= range.last && range.last < length));
            prop_assert!(ranges.iter().map(ByteRange::size).sum::<u64>() <= length);
            let body = Multipart::new(&ranges, length, None, 7);
            let framing: usize = body.heads().iter().map(Vec::len).sum::<usize>() + body.tail().len();
            prop_assert_eq!(body.content_length(), framing as u64 + ranges.iter().map(ByteRange::size).sum::<u64>());
        }

        #[test]
        fn never_panics(value in "bytes=[-0-9, ]{0,30}|\\PC{0,20}", length: u64) {
            let _ = parse(value.as_bytes(), length, &RangeLimits { ranges: None, overlaps: None, reversals: None });
        }
    }
}
