//! HTTP/1.x on a connection: the loop from one request to the next, and the state that a request borrows while it is
//! processed. `read` takes heads and bodies from the socket, `write` frames responses and sends them.

mod read;
mod write;

use super::context::ServeContext;
use super::exchange::Exchange;
use super::host::{Permit, Stage};
use super::limits::Clock;
use super::response::Framed;
use super::transport::{TcpTransport, Transport};
use super::{linger, ConnInfo, Outcome, Parked};
use crate::protocol::decimal;
use crate::protocol::http1::chunked::Decoder;
use crate::protocol::http1::Framing;
use crate::protocol::{Method, Reject, Version};
use crate::request::{phases, Request};
use crate::scoreboard::{crash, RequestFacts, Status as SlotStatus};
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
    if http.flush().await.is_ok() && !http.peer_is_done {
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
        begin(&permit, &r);
        let shunned = ctx.host.shuns(&|| r.conn.driven.read(crash::key_of));
        self.body_clock = Clock::start(self.info.read_limits.body, crate::run::now());
        r.exchange = Exchange::Http1(self);
        match reading {
            Ok(()) if shunned => phases::reject(&mut r, 503).await,
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
        ctx.give_back(std::mem::take(&mut r.headers_out));
        http.info.requests.set(http.info.requests.get() + 1);
        if http.keep_alive && !http.broken && !http.drop_body(&mut r).await {
            http.keep_alive = false;
        }
        http.peer_is_done = !http.keep_alive && http.input.is_empty() && is_last(&r);
        ctx.give_back(std::mem::take(&mut r.headers_in));
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

/// Says what is worked on from now on: to the scoreboard, and for the report of a crash.
fn begin(permit: &Permit, r: &Request) {
    let mut client = Vec::with_capacity(40);
    decimal::push_address(&mut client, r.client.ip());
    let host = r.server().host().as_bytes();
    r.conn.driven.say(|words| say(words, r, &client, host));
    let Some(slot) = &permit.slot else { return };
    slot.set(SlotStatus::Writing);
    let mut protocol = *b"http/1.1";
    let version = r.version.as_str().as_bytes();
    for (small, letter) in protocol.iter_mut().zip(version) {
        *small = letter.to_ascii_lowercase();
    }
    let facts = RequestFacts {
        client: &client,
        line: &r.the_request,
        tail: r.ctx.generation.main.see_request_tail,
        vhost: host,
        protocol: &protocol,
        before: (u64::from(r.conn.requests.get()), 0),
    };
    slot.begin(
        &facts,
        crate::os::clock::microseconds(r.request_time) as u64,
    );
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
