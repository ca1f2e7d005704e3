//! HTTP/1.x on a connection: the loop from one request to the next, and the state that a request borrows while it is
//! processed. `read` takes heads and bodies from the socket, `write` frames responses and sends them.

mod read;
mod write;

use super::awake::{Rest, PATIENCE};
use super::context::ServeContext;
use super::exchange::Exchange;
use super::host::{Permit, Stage};
use super::limits::Clock;
use super::response::Framed;
use super::transport::{TcpTransport, Transport};
use super::{linger, ConnInfo, Outcome, Parked};
use crate::protocol::decimal;
use crate::protocol::http1::chunked::Decoder;
use crate::protocol::http1::{Framing, Parser};
use crate::protocol::{Method, Reject, Version};
use crate::request::{phases, Request};
use crate::scoreboard::{crash, RequestFacts, Status as SlotStatus, WorkerSlot};
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

const LOG_MODULE: &str = "core";

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
    /// The peer has said that it sends nothing more.
    peer_is_done: bool,
    /// Its entry among those that are awake.
    rest: Option<Rc<Rest>>,
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
        body_clock: Clock::start(info.read_limits.body, crate::run::now()),
        timeout,
        framed: None,
        keep_alive: true,
        broken: false,
        peer_is_done: false,
        rest: None,
    });
    let mut deadline = deadline;
    // Here, in the connection's own memory, a request is not moved about.
    let mut place = None;
    loop {
        match http.wait(deadline).await {
            Wait::Ready => {}
            Wait::Idle => return http.park(deadline),
            Wait::Ended => break,
        }
        http = match http.one_request(&mut place).await {
            Some(http) => http,
            None => return Outcome::Close,
        };
        if !http.keep_alive || http.broken {
            break;
        }
        let server = &ctx.generation.servers[info.base_server];
        deadline = Some(Instant::now() + server.core().keep_alive_timeout());
    }
    if http.flush().await.is_ok() && !http.peer_is_done {
        linger(&ctx, &mut http.transport, info.short_linger.get()).await;
    }
    Outcome::Close
}

impl Http1 {
    /// Waits for the first byte of a request.
    async fn wait(&mut self, deadline: Option<Instant>) -> Wait {
        if self.input.is_empty() {
            if !self.output.is_empty() && Box::pin(self.flush()).await.is_err() {
                return Wait::Ended;
            }
            let first = self.info.requests.get() == 0;
            let deadline = deadline.unwrap_or_else(|| self.first_deadline());
            if self.ctx.host.parks() {
                let rest = if first { None } else { self.begin_rest() };
                return self.wait_awake(rest).await;
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

    /// Whether it may go on being a task while it waits.
    fn begin_rest(&mut self) -> Option<Rc<Rest>> {
        let server = &self.ctx.generation.servers[self.info.base_server];
        // Who has asked only once may never ask again.
        if self.info.requests.get() < 2 || server.core().keep_alive_timeout() < PATIENCE {
            return None;
        }
        self.ctx.awake.rest(self.rest.take())
    }

    /// Waits for a byte as a task until the rest is over; without one, tries once. Then it is to be parked.
    async fn wait_awake(&mut self, rest: Option<Rc<Rest>>) -> Wait {
        let waited = poll_fn(|cx| match self.poll_fill(cx) {
            Poll::Ready(Ok(n)) if n > 0 => Poll::Ready(Wait::Ready),
            Poll::Ready(_) => Poll::Ready(Wait::Ended),
            Poll::Pending => match &rest {
                Some(rest) if !rest.is_over(cx) => Poll::Pending,
                _ => Poll::Ready(Wait::Idle),
            },
        })
        .await;
        if let Some(rest) = rest {
            self.ctx.awake.resume(&rest);
            self.rest = Some(rest);
        }
        waited
    }

    /// Waits for a byte on a thread that has nothing else to do; what it gathered for the logs is written before.
    async fn wait_in_place(&mut self, deadline: Instant) -> Wait {
        loop {
            let now = Instant::now();
            let again = [crate::log::flush_idle(now), self.ctx.files.sweep(now)];
            let step = again.into_iter().flatten().fold(deadline, Instant::min);
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
        let info = &self.info;
        let (socket, listener) = (self.transport.into_socket(), info.listener);
        Outcome::Park(Parked {
            requests: info.requests.get(),
            deadline: Some(deadline),
            ..Parked::new(socket, info.local, info.peer, listener, info.id)
        })
    }

    /// Reads what is there into the input; 0 at the end.
    fn poll_fill(&mut self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<usize>> {
        // Read to one place for all connections: each keeps only as much memory as it has to say.
        let mut buffer = self.ctx.read_buffer();
        let result = self.transport.poll_read(cx, &mut buffer);
        if let Poll::Ready(Ok(n)) = &result {
            self.input.extend_from_slice(&buffer[..*n]);
            if self.info.requests.get() == 0 || *n == buffer.len() {
                // No event told of these bytes: they may have come at any time.
                self.ctx.files.distrust();
            }
            self.info.bytes_in.set(self.info.bytes_in.get() + *n as u64);
        }
        result
    }

    async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Reads, processes, answers and logs one request. None if the request took the connection with it.
    async fn one_request(mut self: Box<Self>, place: &mut Option<Request>) -> Option<Box<Http1>> {
        let ctx = self.ctx.clone();
        let r = place.insert(Request::new(
            ctx.clone(),
            self.info.clone(),
            self.info.base_server,
            Exchange::Nowhere,
        ));
        self.framed = None;
        let mut parser = Parser::new();
        let reading = match self.take_head(&mut parser, r) {
            Some(reading) => reading,
            None => Box::pin(self.read_head(parser, r)).await,
        };
        if matches!(reading, Err(Refused::Silently)) {
            self.keep_alive = false;
            return Some(self);
        }
        let permit = poll_fn(|cx| ctx.host.poll_permit(cx)).await;
        begin(&permit, r);
        let shunned = ctx.host.shuns(&|| r.conn.driven.read(crash::key_of));
        if !matches!(self.body, Body::Done) {
            self.body_clock = Clock::start(self.info.read_limits.body, crate::run::now());
        }
        r.exchange = Exchange::Http1(self);
        match reading {
            Ok(()) if shunned => phases::reject(r, 503).await,
            Ok(()) => phases::process(r).await,
            Err(Refused::With(reject)) => phases::reject(r, reject.status).await,
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
        finish_response(r).await;
        phases::log(r).await;
        let Exchange::Http1(mut http) = r.exchange.take() else {
            return None;
        };
        http.info.requests.set(http.info.requests.get() + 1);
        let dropped = match http.body {
            Body::Done => true,
            _ => !http.keep_alive || http.broken || Box::pin(http.drop_body(r)).await,
        };
        http.keep_alive &= dropped;
        http.peer_is_done = !http.keep_alive && http.input.is_empty() && is_last(r);
        r.recycle();
        *place = None;
        http.info.driven.rest();
        Some(http)
    }
}

/// Whether the client itself said that nothing follows this request. Some send a line end behind a body, and say nothing of it.
fn is_last(r: &Request) -> bool {
    let said = match r.version {
        Version::Http11 => r.headers_in.has_token("Connection", "close"),
        _ => !r.headers_in.has_token("Connection", "keep-alive"),
    };
    said && r.framing == Framing::None && matches!(r.method, Method::Get | Method::Head)
}

enum Refused {
    /// There is no request to answer: the peer closed, or never spoke.
    Silently,
    /// Answer with this status and close.
    With(Reject),
}

async fn timed<T>(
    time: Duration,
    work: impl std::future::Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match crate::run::timeout(time, work).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Sends what is left of the response. A failure was the peer's doing, and the log shows it.
async fn finish_response(r: &mut Request) {
    let filtered = match r.out.is_plain() {
        true => {
            r.out.pass();
            Ok(())
        }
        false => Box::pin(run_filters(r)).await,
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

async fn run_filters(r: &mut Request) -> io::Result<()> {
    r.flush_parts().await?;
    r.run_output_filters().await
}

/// Says what is worked on from now on: to the scoreboard, and for the report of a crash.
fn begin(permit: &Permit, r: &Request) {
    let mut client = r.ctx.text();
    decimal::push_address(&mut client, r.client.ip());
    let host = r.server().host().as_bytes();
    r.conn.driven.say(|words| say(words, r, &client, host));
    if let Some(slot) = &permit.slot {
        show(slot, r, &client, host);
    }
    r.ctx.give_back_text(client);
}

/// What status pages show of the request.
fn show(slot: &WorkerSlot, r: &Request, client: &[u8], host: &[u8]) {
    slot.set(SlotStatus::Writing);
    let mut protocol = *b"http/1.1";
    let version = r.version.as_str().as_bytes();
    for (small, letter) in protocol.iter_mut().zip(version) {
        *small = letter.to_ascii_lowercase();
    }
    let facts = RequestFacts {
        client,
        line: &r.the_request,
        tail: r.ctx.generation.main.see_request_tail,
        vhost: host,
        protocol: &protocol,
        before: (u64::from(r.conn.requests.get()), 0),
    };
    let now = crate::os::clock::microseconds(r.request_time);
    slot.begin(&facts, now as u64);
}

/// What stands between the words of a report: a colon, a port, three separators and a question mark.
const PUNCTUATION: usize = 10;

/// The words of a report, in the order that [`crash::Crash`] expects.
fn say(words: &mut Vec<u8>, r: &Request, client: &[u8], host: &[u8]) {
    let query = r.args.as_ref().map_or(0, |query| query.len());
    words.reserve(
        client.len() + host.len() + r.method_name.len() + r.uri.len() + query + PUNCTUATION,
    );
    words.extend_from_slice(client);
    words.push(0);
    words.extend_from_slice(host);
    words.push(b':');
    decimal::push(words, u64::from(r.conn.local.port()));
    words.push(0);
    words.extend_from_slice(&r.method_name);
    words.push(0);
    words.extend_from_slice(&r.uri);
    if let Some(query) = &r.args {
        words.push(b'?');
        words.extend_from_slice(query);
    }
}
