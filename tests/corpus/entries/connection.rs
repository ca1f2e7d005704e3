//! A connection as it reads, without a socket: parser, framing and decoder as the server puts them together. Both the corpus of
//! ambiguous requests and the fuzz target of requests feed it, whole or in pieces.

use super::reader::Reading;
use httpd::protocol::http1::chunked::{Decoder, Step};
use httpd::protocol::http1::{accept, Framing, Limits, Options, Parser};
use httpd::protocol::status::NOT_FOUND;
use httpd::protocol::uri::{decode_path, PathOptions, Target};
use httpd::protocol::Version;
use httpd::request::table::Table;

/// The requests so far, and what is read next.
pub struct Connection {
    options: Options,
    parser: Parser,
    fields: Table,
    /// A body that is being read: the request's method, the framing's state, the body's length so far.
    body: Option<(String, Body, u64)>,
    readings: Vec<Reading>,
    /// Paths of the requests that were accepted, as they were sent.
    paths: Vec<Vec<u8>>,
    closed: bool,
    /// Bytes that came and are not read yet.
    buffer: Vec<u8>,
}

enum Body {
    Length(u64),
    Chunked(Box<Decoder>),
}

/// What was read of a connection that ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub readings: Vec<Reading>,
    pub paths: Vec<Vec<u8>>,
}

impl Connection {
    fn new(options: &Options) -> Connection {
        Connection {
            options: options.clone(),
            parser: Parser::new(),
            fields: Table::new(),
            body: None,
            readings: Vec::new(),
            paths: Vec::new(),
            closed: false,
            buffer: Vec::new(),
        }
    }

    /// Reads what comes in these pieces, and then the end.
    pub fn read<'a>(options: &Options, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut connection = Connection::new(options);
        for piece in pieces {
            connection.feed(piece);
        }
        connection.finish()
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
    fn finish(mut self) -> Read {
        if let Some((method, _, _)) = self.body {
            self.readings.push(Reading::BodyMore(method));
        } else if !self.closed && self.parser.has_begun(&self.buffer) {
            self.readings.push(Reading::More);
        }
        Read {
            readings: self.readings,
            paths: self.paths,
        }
    }

    fn refuse(&mut self, status: u16) {
        assert!((400..=599).contains(&status), "refused with {status}");
        self.readings.push(Reading::Refused(status));
        self.closed = true;
    }

    fn read_head(&mut self) {
        let limits = Limits::default();
        let head = match self
            .parser
            .parse(&self.buffer, &limits, &self.options, &mut self.fields)
        {
            Ok(None) => return,
            Ok(Some(head)) => head,
            Err(reject) => return self.refuse(reject.status),
        };
        assert!(head.len <= self.buffer.len() && head.len > 0);
        let accepted = match accept(&head, &mut self.fields, &self.options) {
            Ok(accepted) => accepted,
            Err(reject) => return self.refuse(reject.status),
        };
        sound(&self.fields);
        let target = &accepted.target;
        if matches!(target, Target::Origin { .. } | Target::Absolute { .. }) {
            match decode_path(target.path(), &PathOptions::default()) {
                Ok(path) => inside(&path),
                // An encoded slash is answered by a 404 like any path that does not exist: the connection goes on.
                Err(reject) if reject.status == NOT_FOUND => {}
                Err(reject) => return self.refuse(reject.status),
            }
        }
        self.paths.push(target.path().to_vec());
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
        match self.body.take() {
            Some((method, ..)) if self.closed => self.readings.push(Reading::Request(method, 0)),
            Some((method, body, length)) => self.read_body(method, body, length),
            None => {}
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
                sound(&trailers);
                self.buffer.drain(..used);
                match decoder.is_done() {
                    true => self.readings.push(Reading::Request(method, so_far)),
                    false => self.body = Some((method, Body::Chunked(decoder), so_far + length)),
                }
            }
        }
    }
}

/// No accepted field can end a line, or a string in C, when it is written out again.
fn sound(fields: &Table) {
    for (name, value) in fields.iter() {
        assert!(!name.is_empty(), "a field without a name");
        let bad = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        assert!(
            !name.iter().any(|b| bad(b) || *b == b':'),
            "field name {name:?}"
        );
        assert!(!value.iter().any(bad), "field value {value:?}");
    }
}

/// A decoded path never leads out of the root.
fn inside(path: &[u8]) {
    assert!(path.starts_with(b"/"), "{path:?}");
    let mut steps = path.split(|byte| *byte == b'/');
    assert!(!steps.any(|step| step == b".."), "{path:?}");
    assert!(!path.contains(&0), "{path:?}");
}
