//! One line of an access log: the parts of a format, filled in from a request whose response is complete.

use super::format::{Clock, Format, Item, Part, Port, Process, Unit, Value, When};
use super::stamp;
use crate::log::escape_item;
use crate::os::clock;
use crate::protocol::decimal;
use crate::request::table::Table;
use crate::request::{Previous, Request};
use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// A request at the moment of its log line.
pub struct Scene<'r> {
    r: &'r Request,
    /// When it ended, once somebody asked.
    ended: Cell<Option<SystemTime>>,
}

impl<'r> Scene<'r> {
    pub fn new(r: &'r Request) -> Scene<'r> {
        Scene {
            r,
            ended: Cell::new(None),
        }
    }

    fn ended(&self) -> SystemTime {
        let known = self.ended.get().unwrap_or_else(SystemTime::now);
        self.ended.set(Some(known));
        known
    }
}

impl Format {
    /// Appends the line, without its end.
    pub fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Item(item) if item.applies(scene.r.status) => item.show(scene, out),
                Part::Item(_) => out.push(b'-'),
            }
        }
    }
}

impl Item {
    fn applies(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status) != self.except
    }

    fn show(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        let r = scene.r;
        let first = r.previous.first().filter(|_| self.original);
        match &self.value {
            // The name that HostnameLookups found, if any.
            Value::Host(_) if r.remote_host().is_some() => {
                text(r.remote_host(), out);
            }
            Value::Client(socket) | Value::Host(socket) => {
                let who = if *socket { r.conn.peer } else { r.client };
                address(who.ip(), out);
            }
            Value::Local => address(r.conn.local.ip(), out),
            Value::Ident => out.push(b'-'),
            Value::User => user(
                first
                    .map_or(&r.user, |p| &p.user)
                    .as_deref()
                    .map(|u| u.as_slice()),
                out,
            ),
            Value::Time(when, clock) => self::time(scene, *when, clock, out),
            Value::Took(unit) => took(r.started.elapsed(), *unit, out),
            Value::Line => line(&r.the_request, out),
            Value::Method => text(Some(first.map_or(&r.method_name, |p| &p.method_name)), out),
            Value::Path => filled(first.map_or(&r.uri, |p| &p.uri), out),
            Value::Query => query(
                first
                    .map_or(&r.args, |p| &p.args)
                    .as_deref()
                    .map(|a| a.as_slice()),
                out,
            ),
            Value::Protocol => out.extend_from_slice(r.version.as_str().as_bytes()),
            Value::Status => number(first.map_or(r.status, |p| p.status), out),
            Value::Bytes { dash } => bytes(sent(r, first), *dash, out),
            Value::Server => text(Some(r.server().host()), out),
            Value::HostName => text(Some(r.server_name()), out),
            Value::Port(which) => port(r, *which, out),
            Value::Process(which) => process(*which, out),
            Value::Connection => out.push(connection(r)),
            Value::KeptAlive => number(kept_alive(r), out),
            Value::File => filled(first.map_or(&r.filename, |p| &p.filename), out),
            Value::Handler => text(
                first.map_or(r.handler.as_deref(), |p| p.handler.as_deref()),
                out,
            ),
            Value::Id(connection) => {
                let mark = if *connection { &r.conn.mark } else { &r.mark };
                text(mark.known(), out);
            }
            Value::Cookie(name) => text(
                r.headers_in
                    .joined("Cookie")
                    .as_deref()
                    .and_then(|all| cookie(all, name)),
                out,
            ),
            Value::Variable(name) => text(first.map_or(&r.env, |p| &p.env).get_exact(name), out),
            Value::RequestField(name) => text(r.headers_in.joined(name).as_deref(), out),
            Value::ResponseField(name) => response_field(r, name, out),
            Value::RequestTrailer(name) => text(r.trailers_in.joined(name).as_deref(), out),
            Value::ResponseTrailer => out.push(b'-'),
            Value::Note(name) => text(r.notes.get(name), out),
            Value::Echo(argument) => text(Some(argument), out),
            Value::OfModule(item) => text((item.0)(r, &item.1), out),
        }
    }
}

/// A value from anywhere, safe to stand in a line; `-` if there is none.
fn text(value: Option<impl AsRef<[u8]>>, out: &mut Vec<u8>) {
    match value {
        Some(value) => escape_item(value.as_ref(), out),
        None => out.push(b'-'),
    }
}

/// The same, where nothing and an empty text are one.
fn filled(value: &[u8], out: &mut Vec<u8>) {
    text(Some(value).filter(|value| !value.is_empty()), out);
}

fn number(value: impl Into<u64>, out: &mut Vec<u8>) {
    decimal::push(out, value.into());
}

fn address(address: IpAddr, out: &mut Vec<u8>) {
    decimal::push_address(out, address);
}

/// An empty name is told from none.
fn user(name: Option<&[u8]>, out: &mut Vec<u8>) {
    match name {
        Some(b"") => out.extend_from_slice(b"\"\""),
        name => text(name, out),
    }
}

fn query(args: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(args) = args {
        out.push(b'?');
        escape_item(args, out);
    }
}

/// The request line. A password in its URL is nothing for a log.
fn line(line: &[u8], out: &mut Vec<u8>) {
    match password(line) {
        Some((start, end)) => {
            escape_item(&line[..start], out);
            out.extend_from_slice(b"XXXXXXXX");
            escape_item(&line[end..], out);
        }
        None => filled(line, out),
    }
}

/// Where the password of `GET http://user:password@host/ HTTP/1.1` stands.
fn password(line: &[u8]) -> Option<(usize, usize)> {
    let find = |from: usize, byte: u8| Some(from + memchr::memchr(byte, line.get(from..)?)?);
    let scheme = find(find(0, b' ')?, b':')?;
    let authority = scheme + 3;
    if line.get(scheme..authority)? != b"://" {
        return None;
    }
    let ends = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b' ');
    let end = line
        .get(authority..)?
        .iter()
        .position(ends)
        .map_or(line.len(), |n| authority + n);
    let at = authority + memchr::memrchr(b'@', line.get(authority..end)?)?;
    let colon = find(authority, b':').filter(|colon| *colon < at)?;
    Some((colon + 1, at))
}

fn time(scene: &Scene<'_>, when: When, form: &Clock, out: &mut Vec<u8>) {
    let moment = match when {
        When::Begin => scene.r.request_time,
        When::End => scene.ended(),
    };
    let micros = clock::microseconds(moment);
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let _ = match form {
        Clock::Common => {
            stamp::common(seconds, out);
            Ok(())
        }
        Clock::Seconds => write!(out, "{seconds}"),
        Clock::Milliseconds => write!(out, "{}", micros.div_euclid(1000)),
        Clock::Microseconds => write!(out, "{micros}"),
        Clock::MillisecondsOfSecond => write!(out, "{:03}", fraction / 1000),
        Clock::MicrosecondsOfSecond => write!(out, "{fraction:06}"),
        Clock::Form(form) => {
            out.extend_from_slice(&clock::strftime(form, seconds, true));
            Ok(())
        }
    };
}

fn took(duration: Duration, unit: Unit, out: &mut Vec<u8>) {
    let amount = match unit {
        Unit::Seconds => u128::from(duration.as_secs()),
        Unit::Milliseconds => duration.as_millis(),
        Unit::Microseconds => duration.as_micros(),
    };
    let _ = write!(out, "{amount}");
}

/// Body bytes sent; a request that was redirected had sent none.
fn sent(r: &Request, first: Option<&Previous>) -> u64 {
    first.map_or(r.bytes_sent, |_| 0)
}

fn bytes(amount: u64, dash: bool, out: &mut Vec<u8>) {
    match amount {
        0 if dash => out.push(b'-'),
        amount => number(amount, out),
    }
}

fn port(r: &Request, which: Port, out: &mut Vec<u8>) {
    let port = match which {
        Port::Canonical => r.server_port(),
        Port::Local => r.conn.local.port(),
        Port::Remote => r.client.port(),
    };
    number(port, out);
}

fn process(which: Process, out: &mut Vec<u8>) {
    let _ = match which {
        Process::Id => write!(out, "{}", std::process::id()),
        Process::Thread => write!(out, "{}", clock::thread_id()),
        Process::ThreadHex => write!(out, "{:x}", clock::thread_id()),
    };
}

/// `X`: the peer went away; `+`: the connection stays; `-`: it is closed.
fn connection(r: &Request) -> u8 {
    match (r.aborted, r.exchange.stays_alive()) {
        (true, _) => b'X',
        (false, true) => b'+',
        (false, false) => b'-',
    }
}

/// Requests before this one on its connection. As Apache counts, one that ends the connection is not behind itself.
fn kept_alive(r: &Request) -> u32 {
    let before = r.conn.requests.get();
    if r.exchange.stays_alive() {
        before
    } else {
        before.saturating_sub(1)
    }
}

/// The first cookie of that name, whatever its case, which has a value.
fn cookie<'c>(all: &'c [u8], name: &str) -> Option<&'c [u8]> {
    all.split(|byte| *byte == b';').find_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let value = &pair[equals + 1..];
        let fits = pair[..equals]
            .trim_ascii()
            .eq_ignore_ascii_case(name.as_bytes());
        Some(value.trim_ascii()).filter(|_| fits && !value.is_empty())
    })
}

/// Set-Cookie shows all its fields; Content-Type leaves its parameters out.
fn response_field(r: &Request, name: &str, out: &mut Vec<u8>) {
    let from = |table: &Table, out: &mut Vec<u8>| {
        let all = name.eq_ignore_ascii_case("Set-Cookie");
        let known = table.contains(name);
        match all {
            true if known => text(table.joined(name).as_deref(), out),
            _ if known => text(table.get(name), out),
            _ => {}
        }
        known
    };
    if name.eq_ignore_ascii_case("Content-Type") {
        if let Some(kind) = &r.content_type {
            let end = kind.find(';').unwrap_or(kind.len());
            return text(Some(kind[..end].trim_end()), out);
        }
    }
    if !from(&r.headers_out, out) && !from(&r.err_headers_out, out) {
        out.push(b'-');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_out_of_logs() {
        let shown = |text: &str| {
            let mut out = Vec::new();
            line(text.as_bytes(), &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(
            shown("GET http://joe:secret@h/a HTTP/1.1"),
            "GET http://joe:XXXXXXXX@h/a HTTP/1.1"
        );
        assert_eq!(shown("CONNECT h:80 HTTP/1.1"), "CONNECT h:80 HTTP/1.1");
        for plain in [
            "GET http://h:80/a@b HTTP/1.1",
            "GET http://joe@h/ HTTP/1.1",
            "GET /a:b://c:d@e HTTP/1.1",
            "GET",
            "a b",
        ] {
            assert_eq!(shown(plain), plain);
        }
        assert_eq!(shown(""), "-");
        assert_eq!(shown("a\"\n"), "a\\\"\\n");
    }

    #[test]
    fn cookies() {
        let value = |name: &str| cookie(b"b=2;A=3; a = \"4\" ;c; d=; e=f=g", name);
        assert_eq!(value("a"), Some(&b"3"[..]));
        assert_eq!(value("e"), Some(&b"f=g"[..]));
        assert_eq!((value("c"), value("d"), value("x")), (None, None, None));
    }

    #[test]
    fn users() {
        let shown = |name: Option<&[u8]>| {
            let mut out = Vec::new();
            user(name, &mut out);
            out
        };
        assert_eq!(shown(None), b"-");
        assert_eq!(shown(Some(b"")), b"\"\"");
        assert_eq!(shown(Some(b"a\tb")), b"a\\tb");
    }

    #[test]
    fn durations() {
        let shown = |unit: Unit| {
            let mut out = Vec::new();
            took(Duration::from_micros(1_234_567), unit, &mut out);
            out
        };
        assert_eq!(shown(Unit::Seconds), b"1");
        assert_eq!(shown(Unit::Milliseconds), b"1234");
        assert_eq!(shown(Unit::Microseconds), b"1234567");
    }
}
