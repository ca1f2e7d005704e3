//! A raw HTTP client: it sends the bytes it is given and reads one response at a time, with no opinion of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for anything a server should send.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One response, and what is needed to tell about it when a case fails.
#[derive(Debug, Clone)]
pub struct Response {
    /// `HTTP/1.1`
    pub version: String,
    /// Status code.
    pub status: u16,
    /// Text after the code.
    pub reason: String,
    /// Fields in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// Body with its transfer coding taken off.
    pub body: Vec<u8>,
    /// Fields after the last chunk.
    pub trailers: Vec<(String, String)>,
    request: String,
    log: PathBuf,
}

impl Response {
    /// First value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    }

    /// Body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Ends the case, telling all that is known.
    pub fn fail(&self, why: &str) -> ! {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let headers: String = self
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}\n"))
            .collect();
        panic!(
            "{why}\n--- request\n{}\n--- response\n{} {} {}\n{headers}\n{}\n--- error log\n{log}",
            self.request,
            self.version,
            self.status,
            self.reason,
            self.text()
        );
    }

    /// Demands a status.
    pub fn is(&self, status: u16) -> &Self {
        if self.status != status {
            self.fail(&format!("status {} instead of {status}", self.status));
        }
        self
    }

    /// Demands a field with exactly this value.
    pub fn has(&self, name: &str, value: &str) -> &Self {
        if !self.all(name).contains(&value) {
            self.fail(&format!("no `{name}: {value}`"));
        }
        self
    }

    /// Demands a field whose value contains a text.
    pub fn like(&self, name: &str, part: &str) -> &Self {
        if !self.all(name).iter().any(|v| v.contains(part)) {
            self.fail(&format!("no `{name}` with `{part}`"));
        }
        self
    }

    /// Demands that a field is not there.
    pub fn lacks(&self, name: &str) -> &Self {
        if let Some(value) = self.header(name) {
            self.fail(&format!("`{name}: {value}` is there"));
        }
        self
    }

    /// Demands a body.
    pub fn body(&self, text: &str) -> &Self {
        if self.body != text.as_bytes() {
            self.fail(&format!("body is not {text:?}"));
        }
        self
    }

    /// Demands a body that contains a text.
    pub fn contains(&self, text: &str) -> &Self {
        if !self.text().contains(text) {
            self.fail(&format!("body lacks {text:?}"));
        }
        self
    }

    /// Demands a body that does not contain a text.
    pub fn without(&self, text: &str) -> &Self {
        if self.text().contains(text) {
            self.fail(&format!("body contains {text:?}"));
        }
        self
    }

    /// Demands a line in the body.
    pub fn line(&self, text: &str) -> &Self {
        if !self.text().lines().any(|l| l == text) {
            self.fail(&format!("body has no line {text:?}"));
        }
        self
    }

    /// Demands that the body has no line that begins so.
    pub fn no_line(&self, start: &str) -> &Self {
        if self.text().lines().any(|l| l.starts_with(start)) {
            self.fail(&format!("body has a line {start:?}"));
        }
        self
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    seen: Vec<u8>,
    sent: String,
    log: PathBuf,
}

impl Client {
    /// Connects; `log` is shown when a case fails.
    pub fn connect(addr: SocketAddr, log: &Path) -> Client {
        let stream =
            TcpStream::connect(addr).unwrap_or_else(|e| panic!("cannot connect to {addr}: {e}"));
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a read timeout");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a write timeout");
        stream.set_nodelay(true).expect("no delay");
        Client {
            stream,
            seen: Vec::new(),
            sent: String::new(),
            log: log.to_path_buf(),
        }
    }

    /// Sends bytes. A peer that has closed shows when the response is read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.sent = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        let _ = self.stream.write_all(bytes);
        self
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Self {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Port on our side.
    pub fn local_port(&self) -> u16 {
        self.stream.local_addr().expect("an address").port()
    }

    fn fill(&mut self) -> bool {
        let mut block = [0; 16384];
        match self.stream.read(&mut block) {
            Ok(0) => false,
            Ok(n) => {
                self.seen.extend_from_slice(&block[..n]);
                true
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => true,
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected
                ) =>
            {
                false
            }
            Err(e) => self.give_up(&format!("reading: {e}")),
        }
    }

    fn give_up(&self, why: &str) -> ! {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        panic!(
            "{why}\n--- sent\n{}\n--- received\n{}\n--- error log\n{log}",
            self.sent,
            String::from_utf8_lossy(&self.seen)
        );
    }

    /// Reads a line without its end; None at the end of the stream with nothing read.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.seen.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.seen.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.fill() {
                if self.seen.is_empty() {
                    return None;
                }
                self.give_up("the stream ended inside a line");
            }
        }
    }

    fn exactly(&mut self, len: usize) -> Vec<u8> {
        while self.seen.len() < len {
            if !self.fill() {
                self.give_up(&format!("the stream ended before {len} bytes of body"));
            }
        }
        self.seen.drain(..len).collect()
    }

    fn fields(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            match self.line() {
                None => self.give_up("the stream ended inside the header"),
                Some(line) if line.is_empty() => return fields,
                Some(line) => match line.split_once(':') {
                    Some((name, value)) => {
                        fields.push((name.to_string(), value.trim().to_string()))
                    }
                    None => self.give_up(&format!("not a header field: {line:?}")),
                },
            }
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line() else {
                self.give_up("the stream ended before a chunk");
            };
            let digits = line.split(';').next().unwrap_or_default().trim();
            let Ok(len) = usize::from_str_radix(digits, 16) else {
                self.give_up(&format!("not a chunk size: {line:?}"));
            };
            if len == 0 {
                return body;
            }
            let mut data = self.exactly(len + 2);
            if data.split_off(len) != b"\r\n" {
                self.give_up("a chunk does not end with CRLF");
            }
            body.extend(data);
        }
    }

    /// Reads the next response to a request that was no HEAD.
    pub fn response(&mut self) -> Response {
        match self.next(false) {
            Some(r) => r,
            None => self.give_up("no response: the connection was closed"),
        }
    }

    /// Reads the next response to a HEAD request.
    pub fn head_response(&mut self) -> Response {
        match self.next(true) {
            Some(r) => r,
            None => self.give_up("no response: the connection was closed"),
        }
    }

    /// Reads the next response; None when the server closed instead.
    pub fn next(&mut self, head: bool) -> Option<Response> {
        let first = self.line()?;
        let mut words = first.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_string();
        let Some(status) = words.next().and_then(|w| w.parse::<u16>().ok()) else {
            self.give_up(&format!("not a status line: {first:?}"));
        };
        let reason = words.next().unwrap_or_default().to_string();
        let headers = self.fields();
        let mut response = Response {
            version,
            status,
            reason,
            headers,
            body: Vec::new(),
            trailers: Vec::new(),
            request: self.sent.clone(),
            log: self.log.clone(),
        };
        if head || status < 200 || status == 204 || status == 304 {
            return Some(response);
        }
        if response
            .header("Transfer-Encoding")
            .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
        {
            response.body = self.chunks();
            response.trailers = self.fields();
        } else if let Some(len) = response.header("Content-Length") {
            let Ok(len) = len.parse() else {
                response.fail("Content-Length is no number");
            };
            response.body = self.exactly(len);
        } else {
            response.body = self.rest();
        }
        Some(response)
    }

    /// Reads all that comes until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.seen)
    }

    /// Demands that the server closes now, sending nothing more.
    pub fn closed(&mut self) {
        let rest = self.rest();
        if !rest.is_empty() {
            self.give_up(&format!(
                "bytes instead of a close: {}",
                String::from_utf8_lossy(&rest)
            ));
        }
    }

    /// Asks on this connection, keeping it open.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
        ));
        self.response()
    }
}
