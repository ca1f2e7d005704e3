//! What may be fed with bytes from strangers, one function each: it must come back, and hold what is promised, for every
//! input. `cargo test --test corpus` replays the seeds on them, the targets of `fuzz/` look for more.

pub mod connection;
mod scoreboard;
mod vars;

#[path = "../smuggling/reader.rs"]
pub mod reader;

use connection::Connection;
use httpd::config::expr::{BoolExpr, Context, ParseOptions, StringExpr};
use httpd::config::source::ConfigSource;
use httpd::config::{load, LoadOptions};
use httpd::pattern::{substitute, Flags, Glob, GlobOptions, Pattern};
use httpd::protocol::http1::chunked::{Decoder, Step};
use httpd::protocol::http1::{Limits, Options};
use httpd::protocol::range::{self, ByteRange, Multipart, RangeLimits, Ranges};
use httpd::protocol::uri::{decode_path, EncodedSlashes, PathOptions};
use httpd::protocol::{date, escape, etag};
use httpd::request::table::{self, Table};
use scoreboard::Pages;
use std::net::IpAddr;
use tempfile::TempDir;
use vars::Anybody;

/// An entry and its name, which is also the name of its seeds' folder and of its fuzz target.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Entry] = &[
    ("request", request),
    ("chunked", chunked),
    ("range", range),
    ("fields", fields),
    ("config", config),
    ("expression", expression),
    ("pattern", pattern),
    ("scoreboard", scoreboard),
];

/// Cuts bytes into pieces whose lengths follow from the bytes themselves.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut number = bytes.iter().fold(17u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at(rest.len().min(1 + (number >> 24) as usize % 40));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// A connection: all the requests on it are read alike, however the bytes are cut, under both HttpProtocolOptions.
pub fn request(data: &[u8]) {
    for strict in [true, false] {
        let options = Options {
            strict,
            ..Options::default()
        };
        let whole = Connection::read(&options, [data]);
        assert_eq!(Connection::read(&options, pieces(data)), whole);
        if data.len() <= 2048 {
            assert_eq!(Connection::read(&options, data.chunks(1)), whole);
        }
    }
}

/// The decoded body and trailer and how much was used; `None` where the body goes on; or the status of the refusal.
type Decoded = Result<(Vec<u8>, Vec<u8>, Option<usize>), u16>;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let (mut decoder, mut trailers) = (Decoder::new(), Table::new());
    let (mut body, mut used) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            let step = decoder.step(rest, &Limits::default(), &mut trailers);
            let taken = match step.map_err(|reject| reject.status)? {
                Step::Data { start, end } => {
                    body.extend_from_slice(&rest[start..end]);
                    end
                }
                Step::More => rest.len(),
                Step::End { used: last } => {
                    assert!(decoder.is_done());
                    return Ok((body, written(&trailers), Some(used + last)));
                }
            };
            assert!(taken > 0, "a step that takes nothing");
            used += taken;
            rest = &rest[taken..];
        }
    }
    Ok((body, written(&trailers), None))
}

fn written(fields: &Table) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields.iter() {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

/// A chunked body decodes alike however it is cut, and never to more than came.
pub fn chunked(data: &[u8]) {
    let whole = decode([data]);
    assert_eq!(decode(pieces(data)), whole);
    if data.len() <= 4096 {
        assert_eq!(decode(data.chunks(1)), whole);
    }
    if let Ok((body, _, used)) = whole {
        assert!(body.len() <= data.len());
        assert!(used.is_none_or(|used| used <= data.len()));
    }
}

/// A Range field: what is sent lies inside the representation, and a multipart body is as long as it says.
pub fn range(data: &[u8]) {
    let limits = [
        RangeLimits::default(),
        RangeLimits {
            ranges: None,
            overlaps: None,
            reversals: None,
        },
    ];
    for length in [0, 1, 10, 4096, u64::MAX] {
        for limits in &limits {
            match range::parse(data, length, limits) {
                Ranges::Single(part) => within(&[part], length),
                Ranges::Multi(parts) => within(&parts, length),
                Ranges::Full | Ranges::Unsatisfiable => {}
            }
        }
    }
}

fn within(parts: &[ByteRange], length: u64) {
    assert!(!parts.is_empty());
    for part in parts {
        assert!(
            part.first <= part.last && part.last < length,
            "{part:?} of {length}"
        );
    }
    let body = Multipart::new(parts, length, Some(b"text/plain"), 7);
    assert_eq!(body.heads().len(), parts.len());
    let heads: usize = body.heads().iter().map(Vec::len).sum();
    let data = parts
        .iter()
        .fold(0u64, |sum, part| sum.saturating_add(part.size()));
    let expected = data.saturating_add((heads + body.tail().len()) as u64);
    assert_eq!(body.content_length(), expected);
}

/// Values of single fields and targets: dates, entity tags, lists, paths, escapes.
pub fn fields(data: &[u8]) {
    if let Some(seconds) = date::parse(data) {
        assert_eq!(date::parse(&date::http(seconds)), Some(seconds));
    }
    date::strftime(data, 1_000_000_000, 3600, "UTC");
    let tag = etag::ETag::parse(data);
    for comparison in [etag::Comparison::Strong, etag::Comparison::Weak] {
        etag::TagList::new(data).matches(tag.as_ref(), comparison);
    }
    for item in table::list(data) {
        assert!(item.len() <= data.len());
    }
    for options in [
        PathOptions::default(),
        PathOptions {
            slashes: EncodedSlashes::On,
            ..PathOptions::default()
        },
    ] {
        if let Ok(path) = decode_path(data, &options) {
            assert!(!path.split(|byte| *byte == b'/').any(|step| step == b".."));
            // No head that is accepted has a NUL; here only those count that come out of escapes.
            assert!(data.contains(&0) || !path.contains(&0));
        }
    }
    if let Some(text) = escape::unescape(data) {
        assert!(text.len() <= data.len());
    }
    assert_eq!(
        escape::unescape(&escape::segment(data))
            .as_ref()
            .map(bstr::BStr::new),
        Some(bstr::BStr::new(data))
    );
    let html = escape::html(data);
    assert!(!html.iter().any(|byte| matches!(byte, b'<' | b'>' | b'"')));
}

/// A folder of its own, in memory where the system has such a place: on a disk its files would take most of a run's time.
fn folder() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("a temporary folder")
}

/// A folder for configurations.
struct Folder(TempDir);

thread_local! {
    static FOLDER: Folder = Folder::new();
    static PAGES: Pages = Pages::new();
}

impl Folder {
    fn new() -> Folder {
        let folder = folder();
        for name in ["conf", "htdocs", "logs"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        std::fs::write(folder.path().join("conf/other.conf"), "Define OTHER\n").expect("a file");
        std::fs::write(folder.path().join("conf/mime.types"), "text/html html\n").expect("a file");
        Folder(folder)
    }

    /// Reads the configuration twice, the second time from what the first recorded; both must come to the same.
    fn load(&self, text: &[u8]) {
        let options = LoadOptions {
            root: self.0.path().to_owned(),
            file: "conf/httpd.conf".into(),
            runtime_dir: "logs".into(),
            ..LoadOptions::default()
        };
        std::fs::write(self.0.path().join("conf/httpd.conf"), text).expect("a file");
        let load = |source| load(&options, &httpd::modules::REGISTRY, 1, source);
        if let Ok(first) = load(ConfigSource::default()) {
            let again = load(first.generation.source.replayed());
            let again = again.map_err(|errors| format!("{errors:?}"));
            assert_eq!(again.map(|loaded| loaded.warnings), Ok(first.warnings));
        }
    }
}

/// A configuration file: it is read, or its mistakes are told. Names that would be looked up in the network are left out.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data).to_ascii_lowercase();
    if !text.lines().any(looks_up) {
        FOLDER.with(|folder| folder.load(data));
    }
}

fn looks_up(line: &str) -> bool {
    if !line.contains("listen") && !line.contains("virtualhost") {
        return false;
    }
    let breaks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | '\\');
    let words = line.split(breaks).filter(|word| !word.is_empty());
    words.skip(1).any(|word| {
        let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let number = host.parse::<u16>().is_ok() || host.parse::<IpAddr>().is_ok();
        !number && !matches!(host, "*" | "_default_" | "http" | "https")
    })
}

/// A condition and a text, evaluated on a request.
pub fn expression(data: &[u8]) {
    for restricted in [false, true] {
        let options = ParseOptions {
            restricted,
            ..ParseOptions::default()
        };
        let vars = Anybody;
        if let Ok(condition) = BoolExpr::parse(data, &options) {
            let mut context = Context::default();
            let first = condition.eval(&vars, &mut context);
            assert_eq!(condition.eval(&vars, &mut Context::default()), first);
        }
        if let Ok(text) = StringExpr::parse(data, &options) {
            let value = text.eval(&vars, &mut Context::default());
            if let (Some(constant), Ok(value)) = (text.constant(), value) {
                assert_eq!(constant, &*value);
            }
        }
    }
}

/// A pattern, then on lines of their own a template and the subject.
pub fn pattern(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let source = lines.next().unwrap_or_default();
    let template = lines.next().unwrap_or_default();
    let subject = lines.next().unwrap_or_default();
    for flags in [
        Flags::default(),
        Flags::ignoring_case(),
        Flags {
            extended: true,
            multi_line: true,
            ..Flags::default()
        },
    ] {
        if let Ok(pattern) = Pattern::new(source, flags) {
            matched(&pattern, template, subject);
        }
    }
    let glob = Glob::new(source, GlobOptions::default());
    let once = glob.matches(subject);
    assert_eq!(once, glob.matches(subject));
    assert!(Glob::new("*", GlobOptions::default()).matches(subject));
}

fn matched(pattern: &Pattern, template: &[u8], subject: &[u8]) {
    let found = pattern.captures(subject);
    assert_eq!(pattern.is_match(subject), found.is_some());
    if let Some(captures) = found {
        assert_eq!(captures.len(), pattern.group_count() + 1);
        for group in 0..captures.len() {
            let range = captures.range(group);
            assert!(range.is_none_or(|r| r.start <= r.end && r.end <= subject.len()));
        }
        substitute(template, &captures);
    }
    // Every match of a long subject may be many: the subject is cut.
    let _ = pattern.replace(&subject[..subject.len().min(200)], template, true);
}

/// The pages of a scoreboard, overwritten by a child gone wrong.
pub fn scoreboard(data: &[u8]) {
    PAGES.with(|pages| pages.scribble(data));
}
