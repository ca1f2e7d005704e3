//! One visit to the status socket: a request is read, a page sent, and that is all. Small and strict on purpose: it runs where no
//! executor is, in a process or thread of its own, and what it cannot understand it refuses.

use std::io::{self, Read, Write};
use std::time::Instant;

use bstr::BStr;
use socket2::Socket;

use super::{Figures, Page};
use crate::protocol::http1::head::Parser;
use crate::protocol::http1::{host, Limits, Options};
use crate::protocol::{status, uri, Method};
use crate::request::table::Table;

/// The longest head of a request.
const LONGEST: usize = 8192;

/// What a visitor gets whom nobody can answer.
pub const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A visitor, and how long there is time for it.
pub struct Visit {
    socket: Socket,
    until: Instant,
    /// The Host field must name this machine: a page of another site that leads a browser here by a name of its own sees nothing.
    local_only: bool,
}

impl Visit {
    /// A visit that ends at `until`, whatever the visitor does. The socket blocks.
    pub fn new(socket: Socket, until: Instant, local_only: bool) -> Visit {
        Visit {
            socket,
            until,
            local_only,
        }
    }

    /// Reads the request and answers it with a page of `figures`.
    pub fn answer(mut self, figures: &Figures) -> io::Result<()> {
        let mut said = Vec::new();
        let mut bytes = [0; 1024];
        let answer = loop {
            if let Some(answer) = answer(&said, self.local_only, figures) {
                break answer;
            }
            self.socket.set_read_timeout(Some(self.rest()?))?;
            match self.socket.read(&mut bytes)? {
                0 => return Ok(()),
                count => said.extend(&bytes[..count]),
            }
        };
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            self.socket.set_write_timeout(Some(self.rest()?))?;
            let count = self.socket.write(rest)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn rest(&self) -> io::Result<std::time::Duration> {
        let rest = self.until.saturating_duration_since(Instant::now());
        match rest.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(rest),
        }
    }
}

/// The whole answer to what was said so far; `None` if that is not a whole request yet.
fn answer(said: &[u8], local_only: bool, figures: &Figures) -> Option<Vec<u8>> {
    let mut fields = Table::default();
    let (limits, options) = (Limits::default(), Options::default());
    let head = match Parser::new().parse(said, &limits, &options, &mut fields) {
        Ok(Some(head)) => head,
        Ok(None) if said.len() <= LONGEST => return None,
        Ok(None) => return Some(refusal(400)),
        Err(reject) => return Some(refusal(reject.status)),
    };
    if !matches!(head.method, Method::Get | Method::Head) {
        return Some(refusal(405));
    }
    if local_only && !is_local(fields.get("Host").unwrap_or_default()) {
        return Some(refusal(421));
    }
    let (path, query) = uri::split_query(head.target);
    if path != "/" && path != "/server-status" {
        return Some(refusal(404));
    }
    let page = Page::of(figures, query.unwrap_or_default());
    let mut fields = format!("Content-Type: {}\r\n", page.kind);
    if let Some(seconds) = page.refresh {
        fields.push_str(&format!("Refresh: {seconds}\r\n"));
    }
    let body = page.text.as_bytes();
    let mut bytes = begin(200, &fields, body.len());
    if head.method == Method::Get {
        bytes.extend_from_slice(body);
    }
    Some(bytes)
}

fn begin(code: u16, fields: &str, length: usize) -> Vec<u8> {
    let line = status::line(code);
    format!("HTTP/1.1 {line}\r\n{fields}Content-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n").into()
}

fn refusal(code: u16) -> Vec<u8> {
    let text = format!("{}\n", status::line(code));
    let allow = if code == 405 {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let fields = format!("Content-Type: text/plain\r\n{allow}");
    let mut bytes = begin(code, &fields, text.len());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// `localhost`, or an address: what a name server has no say in.
fn is_local(field: &BStr) -> bool {
    let Ok(authority) = host::parse(field, true) else {
        return false;
    };
    let name = String::from_utf8_lossy(&authority.host).into_owned();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Snapshot;

    fn ask(request: &str) -> Option<String> {
        let figures = Figures::take("here".into(), Snapshot::default(), None, false);
        let local_only = request.contains("Host");
        answer(request.as_bytes(), local_only, &figures)
            .map(|bytes| String::from_utf8(bytes).expect("a text"))
    }

    #[test]
    fn pages_are_served() {
        let html = ask("GET / HTTP/1.0\r\n\r\n").expect("whole");
        assert!(html.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"));
        assert!(html.contains("<title>Server Status: here</title>"));
        let auto = ask("GET /server-status?auto HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(auto.expect("whole").contains("\nBusyWorkers: 0\n"));
        let text = ask("GET /?text=brief HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n");
        assert!(text.expect("whole").contains("Server Status for here\n"));
        let head = ask("HEAD /?auto&refresh=3 HTTP/1.1\r\nHost: [::1]\r\n\r\n").expect("whole");
        assert!(head.ends_with("\r\n\r\n") && head.contains("\r\nRefresh: 3\r\n"));
    }

    #[test]
    fn everything_else_is_refused() {
        for (request, code) in [
            ("POST / HTTP/1.0\r\n\r\n", "405"),
            ("GET /etc/passwd HTTP/1.0\r\n\r\n", "404"),
            ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
            ("GET / HTTP/1.1\r\nNotHost: x\r\n\r\n", "421"),
            ("nonsense with many words\r\n\r\n", "400"),
            ("\x01\r\n", "400"),
        ] {
            let told = ask(request).expect("whole");
            assert!(
                told.starts_with(&format!("HTTP/1.1 {code} ")),
                "{request:?}: {told}"
            );
        }
        assert!(ask(&format!("GET /{} HTTP/1.1", "x".repeat(9000))).is_some());
    }

    #[test]
    fn half_a_request_is_waited_for() {
        for part in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n"] {
            assert_eq!(ask(part), None, "{part:?}");
        }
    }
}
