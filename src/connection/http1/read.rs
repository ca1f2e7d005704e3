//! The reading side of an HTTP/1.x connection: a request's head, then its body, with the limits on size and time.

use super::super::limits::Clock;
use super::{Body, Http1, Refused, LOG_MODULE};
use crate::log;
use crate::log::Level;
use crate::protocol::http1::chunked::{Decoder, Step};
use crate::protocol::http1::{accept, Framing, Limits, Options, Parser};
use crate::protocol::uri::Target;
use crate::protocol::{Method, Reject, Version};
use crate::request::{error, Request};
use bstr::BString;
use bytes::{Buf, Bytes};
use std::io;
use std::time::Instant;

/// A body that no handler wanted is read and dropped up to this size; beyond it the connection is closed.
const MOST_DROPPED: u64 = 1024 * 1024;

impl Http1 {
    /// Fills the request with a head, if all of it is in the input.
    pub(super) fn take_head(
        &mut self,
        parser: &mut Parser,
        r: &mut Request,
    ) -> Option<Result<(), Refused>> {
        let (limits, options) = head_rules(r);
        let parsed = parser.parse(&self.input, &limits, &options, &mut r.headers_in);
        let head = match parsed {
            Ok(head) => head?,
            Err(reject) => {
                r.the_request = BString::from(parser.request_line(&self.input));
                return Some(Err(self.refuse(r, reject)));
            }
        };
        let len = head.len;
        let accepted = accept(&head, &mut r.headers_in, &options);
        fill_line(r, &head);
        let result = accepted.map(|accepted| fill_target(r, accepted));
        self.input.advance(len);
        Some(match result {
            Ok(()) => {
                self.start_body(r);
                self.check_expectation(r)
            }
            Err(reject) => Err(self.refuse(r, reject)),
        })
    }

    /// Reads the rest of a head, of which `parser` has seen what there was, and fills the request with it.
    pub(super) async fn read_head(
        &mut self,
        mut parser: Parser,
        r: &mut Request,
    ) -> Result<(), Refused> {
        let mut clock = Clock::start(self.info.read_limits.header, crate::run::now());
        loop {
            // A peer that sent half a request may want the answer to the one before it first.
            if self.flush().await.is_err() {
                return Err(Refused::Silently);
            }
            let step = clock.next(self.timeout, Instant::now());
            match crate::run::timeout_at(step, self.fill()).await {
                Ok(Ok(n)) if n > 0 => clock.add(n),
                Ok(_) => return Err(Refused::Silently),
                Err(_) if parser.has_begun(&self.input) => {
                    r.the_request = BString::from(parser.request_line(&self.input));
                    // A peer that dawdles does not get its time again when the connection closes.
                    self.info.short_linger.set(true);
                    return Err(self.refuse(
                        r,
                        Reject::new(408, "the request's head did not arrive in time"),
                    ));
                }
                Err(_) => return Err(Refused::Silently),
            }
            (r.request_time, r.started) = (crate::run::time_of_day(), crate::run::now());
            if let Some(reading) = self.take_head(&mut parser, r) {
                return reading;
            }
        }
    }

    /// Logs a refusal once; nothing behind it on this connection can be trusted.
    fn refuse(&mut self, r: &mut Request, reject: Reject) -> Refused {
        self.keep_alive = false;
        self.body = Body::Done;
        r.request_time = std::time::SystemTime::now();
        log!(
            &*r,
            Level::Info,
            566,
            "request refused with {}: {}",
            reject.status,
            reject.reason
        );
        Refused::With(reject)
    }

    /// The one expectation there is (RFC 9110, section 10.1.1).
    fn check_expectation(&mut self, r: &mut Request) -> Result<(), Refused> {
        let strange = r.version >= Version::Http11
            && r.headers_in
                .get("Expect")
                .is_some_and(|value| !value.eq_ignore_ascii_case(b"100-continue"));
        match strange {
            true => Err(self.refuse(r, Reject::new(417, "unknown expectation"))),
            false => Ok(()),
        }
    }

    fn start_body(&mut self, r: &mut Request) {
        self.body = match r.framing {
            Framing::None => Body::Done,
            Framing::Length(0) => Body::Done,
            Framing::Length(n) => Body::Length(n),
            Framing::Chunked => Body::Chunked(Decoder::new()),
        };
        r.expecting_continue = r.version >= Version::Http11
            && !matches!(self.body, Body::Done)
            && r.headers_in.has_token("Expect", "100-continue");
    }

    /// The next piece of the request's body; none at its end.
    pub async fn read_body(&mut self, r: &mut Request) -> io::Result<Option<Bytes>> {
        if matches!(self.body, Body::Done) {
            return Ok(None);
        }
        self.send_continue(r).await?;
        loop {
            match self.take_body(r)? {
                Taken::Piece(piece) => {
                    r.bytes_read += piece.len() as u64;
                    self.check_limit(r)?;
                    return Ok(Some(piece));
                }
                Taken::End => {
                    self.body = Body::Done;
                    return Ok(None);
                }
                Taken::More => {}
            }
            // What was gathered for the peer must not wait for what the peer waits to send.
            self.flush().await?;
            let step = self.body_clock.next(self.timeout, Instant::now());
            match crate::run::timeout_at(step, self.fill()).await {
                Ok(Ok(n)) if n > 0 => self.body_clock.add(n),
                Ok(Ok(_)) => return Err(self.fail(r, 400, "the body ended too early")),
                Ok(Err(error)) => {
                    self.broken = true;
                    return Err(error);
                }
                Err(_) => {
                    self.info.short_linger.set(true);
                    return Err(self.fail(r, 408, "the body did not arrive in time"));
                }
            }
        }
    }

    async fn send_continue(&mut self, r: &mut Request) -> io::Result<()> {
        if r.expecting_continue {
            r.expecting_continue = false;
            self.push(Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"));
            self.flush().await?;
        }
        Ok(())
    }

    fn check_limit(&mut self, r: &mut Request) -> io::Result<()> {
        let limit = crate::request::phases::body_limit(r);
        match limit > 0 && r.bytes_read > limit {
            true => Err(self.fail(r, 413, "the body is larger than LimitRequestBody")),
            false => Ok(()),
        }
    }

    /// A body that cannot be read on: the status that a handler should answer with travels in the error.
    fn fail(&mut self, r: &mut Request, status: u16, reason: &'static str) -> io::Error {
        self.keep_alive = false;
        self.body = Body::Done;
        log!(
            &*r,
            Level::Info,
            567,
            "reading the request's body failed with {status}: {reason}"
        );
        io::Error::other(error::BodyError { status, reason })
    }

    /// Takes a piece of the body out of the input.
    fn take_body(&mut self, r: &mut Request) -> io::Result<Taken> {
        match &mut self.body {
            Body::Done => Ok(Taken::End),
            Body::Length(0) => Ok(Taken::End),
            Body::Length(_) if self.input.is_empty() => Ok(Taken::More),
            Body::Length(left) => {
                let n = (*left).min(self.input.len() as u64);
                *left -= n;
                Ok(Taken::Piece(self.input.split_to(n as usize).freeze()))
            }
            Body::Chunked(decoder) => {
                let limits = head_rules(r).0;
                match decoder.step(&self.input, &limits, &mut r.trailers_in) {
                    Ok(Step::Data { start, end }) => {
                        self.input.advance(start);
                        Ok(Taken::Piece(self.input.split_to(end - start).freeze()))
                    }
                    Ok(Step::More) => {
                        self.input.clear();
                        Ok(Taken::More)
                    }
                    Ok(Step::End { used }) => {
                        self.input.advance(used);
                        if r.core_server().merge_trailers.unwrap_or(false) {
                            r.headers_in.extend_from(&r.trailers_in);
                        }
                        Ok(Taken::End)
                    }
                    Err(reject) => Err(self.fail(r, reject.status, reject.reason)),
                }
            }
        }
    }

    /// Reads and drops what no handler wanted. False if the connection cannot be used again.
    pub(super) async fn drop_body(&mut self, r: &mut Request) -> bool {
        if matches!(self.body, Body::Done) {
            return true;
        }
        // A client that still waits for 100 will not send the body, or will after all: nobody can tell.
        if r.expecting_continue {
            return false;
        }
        let mut dropped = 0u64;
        loop {
            match self.read_body(r).await {
                Ok(Some(piece)) => dropped += piece.len() as u64,
                Ok(None) => return true,
                Err(_) => return false,
            }
            if dropped > MOST_DROPPED {
                return false;
            }
        }
    }
}

enum Taken {
    Piece(Bytes),
    End,
    More,
}

/// The limits and options of the server that the connection's address belongs to.
fn head_rules(r: &Request) -> (Limits, Options) {
    let core = r.core_server();
    let usual = Limits::default();
    let limits = Limits {
        line: core.limit_request_line.unwrap_or(usual.line),
        fields: core.limit_request_fields.unwrap_or(usual.fields),
        field_size: core.limit_request_field_size.unwrap_or(usual.field_size),
        blank_lines: usual.blank_lines,
    };
    let protocol = core.protocol_options;
    let methods = &r.ctx.generation.main.methods;
    let options = Options {
        strict: !protocol.lenient.unwrap_or(false),
        allow_http09: !protocol.require_1_0.unwrap_or(false),
        registered_methods: protocol.registered_methods.unwrap_or(false),
        extra_methods: methods.iter().map(|m| BString::from(m.as_str())).collect(),
    };
    (limits, options)
}

fn fill_line(r: &mut Request, head: &crate::protocol::http1::Head<'_>) {
    fill(&mut r.the_request, head.line);
    r.method = head.method;
    fill(&mut r.method_name, head.method_name);
    r.header_only = head.method == Method::Head;
    r.version = head.version;
    fill(&mut r.unparsed_uri, head.target);
}

/// Puts a text into the memory of another.
fn fill(text: &mut BString, value: &[u8]) {
    text.clear();
    text.extend_from_slice(value);
}

/// A host name as text.
fn text(host: BString) -> String {
    String::from_utf8(host.into())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Path, query, host and server of the request.
fn fill_target(r: &mut Request, accepted: crate::protocol::http1::Accepted<'_>) {
    r.framing = accepted.framing;
    r.args = accepted.target.query().map(BString::from);
    match accepted.target {
        Target::Asterisk => fill(&mut r.uri, b"*"),
        ref target => fill(&mut r.uri, target.path()),
    }
    if let Some(authority) = accepted.host {
        r.hostname = Some(text(authority.host)).filter(|h| !h.is_empty());
        r.host_port = authority.port;
    }
    let (server, matched) =
        r.ctx
            .generation
            .vhosts
            .named(r.conn.local, r.hostname.as_deref(), &r.uri);
    r.server = server;
    r.conf = r.ctx.base_conf(server);
    if !matched && r.hostname.is_some() && r.core_server().strict_host_check.unwrap_or(false) {
        r.notes.set("strict-host", "no server of this name");
    }
}
