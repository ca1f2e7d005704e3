//! Replays the corpus of ambiguous requests (tests/corpus/smuggling) on the parser, the framing and the decoder, cut at
//! every place: what is read is what the corpus allows, and never the request that hides in another.

use super::chunked::{Decoder, Step};
use super::{accept, Framing, Limits, Options, Parser};
use crate::protocol::status::NOT_FOUND;
use crate::protocol::uri::{decode_path, PathOptions, Target};
use crate::protocol::Version;
use crate::request::table::Table;
use reader::{Case, Reading};

#[path = "../../../tests/corpus/smuggling/reader.rs"]
mod reader;

/// A connection as it reads: the requests so far, and what it is about to read next.
struct Connection {
    parser: Parser,
    fields: Table,
    /// A body that is being read: the request's method, the framing's state, the body's length so far.
    body: Option<(String, Body, u64)>,
    readings: Vec<Reading>,
    closed: bool,
    /// Bytes that came and are not read yet.
    buffer: Vec<u8>,
}

enum Body {
    Length(u64),
    Chunked(Box<Decoder>),
}

impl Connection {
    fn new() -> Connection {
        Connection {
            parser: Parser::new(),
            fields: Table::new(),
            body: None,
            readings: Vec::new(),
            closed: false,
            buffer: Vec::new(),
        }
    }

    /// Takes more bytes and reads as far as it can.
    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let before = (self.buffer.len(), self.readings.len());
            match self.body.take() {
                _ if self.closed => return,
                Some((method, body, length)) => self.read_body(method, body, length),
                None => self.read_head(),
            }
            if before == (self.buffer.len(), self.readings.len()) {
                return;
            }
        }
    }

    /// The end of the bytes: what was begun is incomplete.
    fn finish(mut self) -> Vec<Reading> {
        if let Some((method, _, _)) = self.body {
            self.readings.push(Reading::BodyMore(method));
        } else if !self.closed && self.parser.has_begun(&self.buffer) {
            self.readings.push(Reading::More);
        }
        self.readings
    }

    fn refuse(&mut self, status: u16) {
        self.readings.push(Reading::Refused(status));
        self.closed = true;
    }

    fn read_head(&mut self) {
        let (limits, options) = (Limits::default(), Options::default());
        let head = match self
            .parser
            .parse(&self.buffer, &limits, &options, &mut self.fields)
        {
            Ok(None) => return,
            Ok(Some(head)) => head,
            Err(reject) => return self.refuse(reject.status),
        };
        let accepted = match accept(&head, &mut self.fields, &options) {
            Ok(accepted) => accepted,
            Err(reject) => return self.refuse(reject.status),
        };
        if matches!(
            accepted.target,
            Target::Origin { .. } | Target::Absolute { .. }
        ) {
            // An encoded slash is answered by a 404 like any path that does not exist: the connection goes on.
            let path = decode_path(accepted.target.path(), &PathOptions::default());
            if let Some(reject) = path.err().filter(|reject| reject.status != NOT_FOUND) {
                return self.refuse(reject.status);
            }
        }
        assert_ne!(accepted.target.path(), "/smuggled");
        let method = head.method_name.to_string();
        self.closed = head.version == Version::Http09;
        self.body = Some(match accepted.framing {
            Framing::None => (method, Body::Length(0), 0),
            Framing::Length(length) => (method, Body::Length(length), 0),
            Framing::Chunked => (method, Body::Chunked(Box::default()), 0),
        });
        let used = head.len;
        self.buffer.drain(..used);
        self.parser.reset();
        self.fields.clear();
        if self.closed {
            let (method, ..) = self.body.take().unwrap_or_else(|| unreachable!());
            self.readings.push(Reading::Request(method, 0));
        }
        if let Some((method, body, length)) = self.body.take() {
            self.read_body(method, body, length);
        }
    }

    fn read_body(&mut self, method: String, body: Body, so_far: u64) {
        match body {
            Body::Length(left) => {
                let there = left.min(self.buffer.len() as u64);
                self.buffer.drain(..there as usize);
                match left - there {
                    0 => self.readings.push(Reading::Request(method, so_far + there)),
                    left => self.body = Some((method, Body::Length(left), so_far + there)),
                }
            }
            Body::Chunked(mut decoder) => {
                let mut trailers = Table::new();
                let (used, length) =
                    match decoder.step(&self.buffer, &Limits::default(), &mut trailers) {
                        Err(reject) => {
                            self.closed = true;
                            return self
                                .readings
                                .push(Reading::BodyRefused(method, reject.status));
                        }
                        Ok(Step::More) => (self.buffer.len(), 0),
                        Ok(Step::Data { start, end }) => (end, (end - start) as u64),
                        Ok(Step::End { used }) => (used, 0),
                    };
                self.buffer.drain(..used);
                match decoder.is_done() {
                    true => self.readings.push(Reading::Request(method, so_far)),
                    false => self.body = Some((method, Body::Chunked(decoder), so_far + length)),
                }
            }
        }
    }
}

fn read(pieces: &[&[u8]]) -> Vec<Reading> {
    let mut connection = Connection::new();
    for piece in pieces {
        connection.feed(piece);
    }
    connection.finish()
}

fn check(case: &Case) {
    let bytes = case.bytes.as_slice();
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single), case.readings, "{} byte by byte", case.name);
    // Of very long cases only the places near both ends, where something can depend on the cut.
    let cuts = (0..bytes.len()).filter(|cut| *cut < 400 || bytes.len() - cut < 400);
    for cut in cuts {
        let (start, end) = bytes.split_at(cut);
        assert_eq!(
            read(&[start, end]),
            case.readings,
            "{} cut at {cut}",
            case.name
        );
    }
}

#[test]
fn every_case_has_one_reading() {
    let cases = reader::cases();
    assert!(cases.len() >= 150, "only {} cases", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .map(|case| (case, read(&[&case.bytes])))
        .filter(|(case, readings)| *readings != case.readings)
        .map(|(case, readings)| format!("{}: {readings:?}, not {:?}", case.name, case.readings))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for case in &cases {
        check(case);
    }
}

#[test]
fn names_are_used_once() {
    let mut names: Vec<String> = reader::cases().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
