//! HTTP/1.x on a connection: reads heads and bodies, frames and sends responses, keeps the connection alive.
//!
//! `serve` is the loop of one connection; [`Http1`] is the state that a request borrows while it is processed.

use super::context::ServeContext;
use super::exchange::Exchange;
use super::host::{Permit, Stage};
use super::limits::Clock;
use super::response::{self, Framed};
use super::transport::{TcpTransport, Transport};
use super::{linger, ConnInfo, Outcome, Parked};
use crate::filters::{Brigade, Bucket, FileRange};
use crate::log;
use crate::log::Level;
use crate::protocol::http1::chunked::{self, Decoder, Step};
use crate::protocol::http1::{accept, Framing, Limits, Options, Parser};
use crate::protocol::uri::Target;
use crate::protocol::{Method, Reject, Version};
use crate::request::table::Table;
use crate::request::{error, phases, Request};
use crate::scoreboard::{RequestFacts, Status as SlotStatus};
use bstr::{BString, ByteSlice};
use bytes::{Buf, Bytes, BytesMut};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

const LOG_MODULE: &str = "core";

/// Bytes asked of the socket at a time.
const READ_SIZE: usize = 8192;
/// Responses wait in memory up to this size for the answers to pipelined requests behind them, and files are read in
/// pieces of it.
const GATHER: usize = 64 * 1024;
/// Files up to this size are read and leave in one write with their head.
const SMALL_FILE: u64 = 32 * 1024;
/// A body that no handler wanted is read and dropped up to this size; beyond it the connection is closed.
const MOST_DROPPED: u64 = 1024 * 1024;

/// The state of an HTTP/1.x connection.
pub struct Http1 {
    transport: TcpTransport,
    info: Rc<ConnInfo>,
    ctx: Rc<ServeContext>,
    /// Read and not yet understood.
    input: BytesMut,
    /// Framed and not yet sent.
    output: Vec<Bytes>,
    output_len: usize,
    /// Whole responses among what is not yet sent.
    held: i32,
    body: Body,
    body_clock: Clock,
    timeout: Duration,
    framed: Option<Framed>,
    keep_alive: bool,
    /// Reading or writing failed: nothing more can be done on this connection.
    broken: bool,
}

/// The request's body as far as it has been read.
enum Body {
    Done,
    Length(u64),
    Chunked(Decoder),
}

/// How waiting for the next request ended.
enum Wait {
    Ready,
    Idle,
    Ended,
}

/// Serves HTTP/1.x on a connection until it closes or is idle.
pub async fn serve(
    ctx: Rc<ServeContext>,
    info: Rc<ConnInfo>,
    transport: TcpTransport,
    deadline: Option<Instant>,
) -> Outcome {
    let timeout = ctx.generation.servers[info.base_server].core().timeout();
    let mut http = Box::new(Http1 {
        transport,
        info: info.clone(),
        ctx: ctx.clone(),
        input: BytesMut::new(),
        output: Vec::new(),
        output_len: 0,
        held: 0,
        body: Body::Done,
        body_clock: Clock::start(info.read_limits.body, Instant::now()),
        timeout,
        framed: None,
        keep_alive: true,
        broken: false,
    });
    let mut deadline = deadline;
    loop {
        match http.wait(deadline).await {
            Wait::Ready => {}
            Wait::Idle => return http.park(deadline),
            Wait::Ended => break,
        }
        http = match http.one_request().await {
            Some(http) => http,
            None => return Outcome::Close,
        };
        if !http.keep_alive || http.broken {
            break;
        }
        let server = &ctx.generation.servers[info.base_server];
        deadline = Some(Instant::now() + server.core().keep_alive_timeout());
    }
    if http.flush().await.is_ok() {
        linger(&ctx, &mut http.transport, info.short_linger.get()).await;
    }
    Outcome::Close
}

impl Http1 {
    /// Waits for the first byte of a request.
    async fn wait(&mut self, deadline: Option<Instant>) -> Wait {
        if self.input.is_empty() {
            if self.flush().await.is_err() {
                return Wait::Ended;
            }
            let first = self.info.requests.get() == 0;
            let deadline = deadline.unwrap_or_else(|| self.first_deadline());
            if self.ctx.host.parks() {
                // One try without waiting; a connection that has nothing to say costs no task.
                match poll_fn(|cx| Poll::Ready(self.poll_fill(cx))).await {
                    Poll::Pending => return Wait::Idle,
                    Poll::Ready(Ok(n)) if n > 0 => return Wait::Ready,
                    Poll::Ready(_) => return Wait::Ended,
                }
            }
            if !first {
                self.ctx.host.count(Stage::KeepAlive, 1);
            }
            let waited = self.wait_in_place(deadline).await;
            if !first {
                self.ctx.host.count(Stage::KeepAlive, -1);
            }
            return waited;
        }
        Wait::Ready
    }

    /// Waits for a byte on a thread that has nothing else to do; what it gathered for the logs is written before.
    async fn wait_in_place(&mut self, deadline: Instant) -> Wait {
        loop {
            let again = crate::log::flush_idle(Instant::now());
            let step = again.map_or(deadline, |again| again.min(deadline));
            match crate::run::timeout_at(step, self.fill()).await {
                Ok(Ok(n)) if n > 0 => return Wait::Ready,
                Ok(_) => return Wait::Ended,
                Err(_) if Instant::now() >= deadline => return Wait::Ended,
                Err(_) => {}
            }
        }
    }

    fn first_deadline(&self) -> Instant {
        let now = Instant::now();
        Clock::start(self.info.read_limits.header, now).next(self.timeout, now)
    }

    fn park(self: Box<Self>, deadline: Option<Instant>) -> Outcome {
        let deadline = deadline.unwrap_or_else(|| self.first_deadline());
        Outcome::Park(Parked {
            socket: self.transport.into_socket(),
            local: self.info.local,
            peer: self.info.peer,
            listener: self.info.listener,
            requests: self.info.requests.get(),
            deadline: Some(deadline),
            id: self.info.id,
        })
    }

    /// Reads what is there into the input; 0 at the end.
    fn poll_fill(&mut self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<usize>> {
        let old = self.input.len();
        self.input.resize(old + READ_SIZE, 0);
        let result = self.transport.poll_read(cx, &mut self.input[old..]);
        let read = match &result {
            Poll::Ready(Ok(n)) => *n,
            _ => 0,
        };
        self.input.truncate(old + read);
        self.info
            .bytes_in
            .set(self.info.bytes_in.get() + read as u64);
        result
    }

    async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Reads, processes, answers and logs one request. None if the request took the connection with it.
    async fn one_request(mut self: Box<Self>) -> Option<Box<Http1>> {
        let ctx = self.ctx.clone();
        let mut r = Request::new(
            ctx.clone(),
            self.info.clone(),
            self.info.base_server,
            Exchange::Nowhere,
        );
        self.framed = None;
        let reading = self.read_head(&mut r).await;
        if matches!(reading, Err(Refused::Silently)) {
            self.keep_alive = false;
            return Some(self);
        }
        let permit = poll_fn(|cx| ctx.host.poll_permit(cx)).await;
        begin_slot(&permit, &r);
        self.body_clock = Clock::start(self.info.read_limits.body, Instant::now());
        r.exchange = Exchange::Http1(self);
        match reading {
            Ok(()) => phases::process(&mut r).await,
            Err(Refused::With(reject)) => phases::reject(&mut r, reject.status).await,
            Err(Refused::Silently) => {}
        }
        // The handler has produced its last byte: another request may work while the peer reads this one's answer.
        if let Some(slot) = &permit.slot {
            let left = if r.header_only {
                0
            } else {
                r.out.pending.len() + r.out.ready.len()
            };
            slot.end(
                r.bytes_sent + left,
                crate::os::clock::microseconds(std::time::SystemTime::now()) as u64,
            );
        }
        drop(permit);
        finish_response(&mut r).await;
        phases::log(&mut r).await;
        let Exchange::Http1(mut http) = r.exchange.take() else {
            return None;
        };
        http.info.requests.set(http.info.requests.get() + 1);
        if http.keep_alive && !http.broken && !http.drop_body(&mut r).await {
            http.keep_alive = false;
        }
        Some(http)
    }

    /// Reads a head and fills the request with it.
    async fn read_head(&mut self, r: &mut Request) -> Result<(), Refused> {
        let (limits, options) = head_rules(r);
        let mut parser = Parser::new();
        let mut clock = Clock::start(self.info.read_limits.header, Instant::now());
        loop {
            let parsed = parser.parse(&self.input, &limits, &options, &mut r.headers_in);
            match parsed {
                Ok(Some(head)) => {
                    let len = head.len;
                    let accepted = accept(&head, &mut r.headers_in, &options);
                    fill_line(r, &head);
                    let result = accepted.map(|accepted| fill_target(r, accepted));
                    self.input.advance(len);
                    return match result {
                        Ok(()) => {
                            self.start_body(r);
                            self.check_expectation(r)
                        }
                        Err(reject) => Err(self.refuse(r, reject)),
                    };
                }
                Ok(None) => {}
                Err(reject) => {
                    r.the_request = BString::from(parser.request_line(&self.input));
                    return Err(self.refuse(r, reject));
                }
            }
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
        r.request_time = std::time::SystemTime::now();
        r.started = Instant::now();
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
    async fn drop_body(&mut self, r: &mut Request) -> bool {
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

    /// See [`Exchange::spoil`].
    pub fn spoil(&mut self) {
        self.broken = true;
    }

    /// True if the head of the final response has been made.
    pub fn is_committed(&self) -> bool {
        self.framed.is_some()
    }

    /// True if the connection will wait for another request behind the response that was made.
    pub fn stays_alive(&self) -> bool {
        self.keep_alive && !self.broken && self.framed.is_some()
    }

    /// Bytes read that no request has taken yet, and bytes made that wait to be sent.
    pub fn backlog(&self) -> (u64, u64) {
        let unsent: usize = self.output.iter().map(Bytes::len).sum();
        // Behind a request that was refused nothing is a request.
        let unread = if self.keep_alive { self.input.len() } else { 0 };
        (unread as u64, unsent as u64)
    }

    /// Frames what the filters let through, and sends it; with `last` the response is complete.
    pub async fn send(&mut self, r: &mut Request, last: bool) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.framed.is_none() {
            if !last && r.out.ready.is_empty() {
                return Ok(());
            }
            self.begin(r, last);
        }
        let brigade = std::mem::take(&mut r.out.ready);
        let result = self.send_brigade(r, brigade, last).await;
        self.broken |= result.is_err();
        result
    }

    /// Makes the head: from here on nothing of it can be changed.
    fn begin(&mut self, r: &mut Request, last: bool) {
        let may_keep = self.keep_alive && !self.ctx.host.closing();
        let unread = !matches!(self.body, Body::Done) && r.expecting_continue;
        let framed = response::frame(r, last, may_keep && !unread);
        self.keep_alive = framed.keep_alive;
        if !framed.head.is_empty() {
            self.push(framed.head.clone());
        }
        self.framed = Some(framed);
    }

    async fn send_brigade(
        &mut self,
        r: &mut Request,
        brigade: Brigade,
        last: bool,
    ) -> io::Result<()> {
        let (chunks, has_body) = self
            .framed
            .as_ref()
            .map_or((false, false), |f| (f.chunked, f.has_body));
        let threshold = r.core_server().flush_max_threshold.unwrap_or(GATHER - 1);
        for bucket in brigade.buckets {
            if !has_body {
                continue;
            }
            r.bytes_sent += bucket.len();
            if chunks && !bucket.is_empty() {
                self.push(Bytes::copy_from_slice(
                    chunked::size_line(bucket.len()).as_bytes(),
                ));
            }
            let framed = chunks && !bucket.is_empty();
            match bucket {
                Bucket::Bytes(bytes) => self.push(bytes),
                Bucket::File(range) => self.send_file(range).await?,
                Bucket::Flush => self.flush().await?,
                Bucket::End => {}
            }
            if framed {
                self.push(Bytes::from_static(chunked::CHUNK_END));
            }
            if self.output_len > threshold {
                self.flush().await?;
            }
        }
        if last && chunks && has_body {
            self.push(Bytes::from_static(chunked::LAST));
        }
        match last && self.may_hold(r) {
            true => {
                self.held += 1;
                Ok(())
            }
            false => self.flush().await,
        }
    }

    /// A pipelined request's answer may travel with the next one's, as far as FlushMaxPipelined allows.
    fn may_hold(&self, r: &Request) -> bool {
        let most = r.core_server().flush_max_pipelined.unwrap_or(5);
        self.keep_alive && !self.input.is_empty() && (most < 0 || self.held < most)
    }

    fn push(&mut self, bytes: Bytes) {
        self.output_len += bytes.len();
        self.output.push(bytes);
    }

    /// A small file is read and goes with what is waiting; a large one by sendfile, or read piece by piece.
    async fn send_file(&mut self, range: FileRange) -> io::Result<()> {
        if range.len <= SMALL_FILE {
            let mut bytes = Vec::new();
            range.read_into(&mut bytes)?;
            self.push(Bytes::from(bytes));
            return Ok(());
        }
        if !range.sendfile {
            return self.copy_file(range).await;
        }
        self.flush().await?;
        let (mut offset, end) = (range.offset, range.offset + range.len);
        while offset < end {
            let step = Instant::now() + self.timeout;
            let transport = &mut self.transport;
            let send =
                poll_fn(|cx| transport.poll_send_file(cx, &range.file, offset, end - offset));
            let sent = timed(step, send).await?;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += sent;
            self.info.bytes_out.set(self.info.bytes_out.get() + sent);
        }
        Ok(())
    }

    async fn copy_file(&mut self, range: FileRange) -> io::Result<()> {
        let (mut offset, end) = (range.offset, range.offset + range.len);
        while offset < end {
            let len = (end - offset).min(GATHER as u64);
            let mut bytes = Vec::new();
            FileRange {
                offset,
                len,
                ..range.clone()
            }
            .read_into(&mut bytes)?;
            self.push(Bytes::from(bytes));
            self.flush().await?;
            offset += len;
        }
        Ok(())
    }

    /// Writes all that is waiting. A peer that takes nothing for TimeOut is given up.
    async fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        while done < self.output.len() {
            let slices: Vec<_> = self.output[done..]
                .iter()
                .take(64)
                .map(|b| IoSlice::new(b))
                .collect();
            let transport = &mut self.transport;
            let write = poll_fn(|cx| transport.poll_writev(cx, &slices));
            let mut written = timed(Instant::now() + self.timeout, write).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.info
                .bytes_out
                .set(self.info.bytes_out.get() + written as u64);
            while let Some(bytes) = self.output.get_mut(done) {
                if written < bytes.len() {
                    bytes.advance(written);
                    break;
                }
                written -= bytes.len();
                done += 1;
            }
        }
        self.output.clear();
        (self.output_len, self.held) = (0, 0);
        Ok(())
    }
}

enum Taken {
    Piece(Bytes),
    End,
    More,
}

enum Refused {
    /// There is no request to answer: the peer closed, or never spoke.
    Silently,
    /// Answer with this status and close.
    With(Reject),
}

async fn timed<T>(
    at: Instant,
    work: impl std::future::Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match crate::run::timeout_at(at, work).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Sends what is left of the response. A failure was the peer's doing, and the log shows it.
async fn finish_response(r: &mut Request) {
    let filtered = match r.flush_parts().await {
        Ok(()) => r.run_output_filters().await,
        Err(error) => Err(error),
    };
    let mut exchange = r.exchange.take();
    let sent = match filtered {
        Ok(()) => exchange.send(r, true).await,
        Err(error) => Err(error),
    };
    if let (Err(_), Exchange::Http1(http)) = (&sent, &mut exchange) {
        http.broken = true;
    }
    r.aborted |= sent.is_err();
    r.exchange = exchange;
}

fn begin_slot(permit: &Permit, r: &Request) {
    if let Some(slot) = &permit.slot {
        slot.set(SlotStatus::Writing);
        let client = r.client.ip().to_canonical().to_string();
        let protocol = r.version.as_str().to_ascii_lowercase();
        let facts = RequestFacts {
            client: client.as_bytes(),
            line: &r.the_request,
            tail: r.ctx.generation.main.see_request_tail,
            vhost: r.server().host().as_bytes(),
            protocol: protocol.as_bytes(),
            before: (u64::from(r.conn.requests.get()), 0),
        };
        slot.begin(
            &facts,
            crate::os::clock::microseconds(r.request_time) as u64,
        );
    }
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
    r.the_request = head.line.into();
    r.method = head.method;
    r.method_name = head.method_name.into();
    r.header_only = head.method == Method::Head;
    r.version = head.version;
    r.unparsed_uri = head.target.into();
}

/// Path, query, host and server of the request.
fn fill_target(r: &mut Request, accepted: crate::protocol::http1::Accepted<'_>) {
    r.framing = accepted.framing;
    r.args = accepted.target.query().map(BString::from);
    r.uri = match accepted.target {
        Target::Asterisk => BString::from("*"),
        ref target => BString::from(target.path()),
    };
    if let Some(authority) = accepted.host {
        r.hostname = Some(authority.host.to_str_lossy().into_owned()).filter(|h| !h.is_empty());
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

/// Fields that a trailer may not change have been kept apart; see `Table`.
pub fn trailers(r: &Request) -> &Table {
    &r.trailers_in
}
