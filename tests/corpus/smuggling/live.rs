//! Sends a case of the corpus to a running server and compares what comes back with the reading that is allowed.
//!
//! A suite includes `reader.rs` and this file side by side as `mod reader; mod live;`. The server must answer requests
//! without credentials or slow handlers; what its document root holds does not matter, except that `/smuggled` must hold
//! the word MARKER names.

use super::reader::{Case, Reading};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a document at `/smuggled` must consist of: if it ever comes back, a request was smuggled.
pub const MARKER: &str = "smuggled-into-the-server";

/// Sends one case and waits for `patience` without a byte, or the end. `Err` tells what came instead.
pub fn replay(server: SocketAddr, case: &Case, patience: Duration) -> Result<(), String> {
    let answer = exchange(server, &case.bytes, patience)
        .map_err(|error| format!("{}: {error}", case.name))?;
    let statuses = statuses(&answer.bytes);
    let wrong = |what: &str| {
        Err(format!(
            "{}: {what}; statuses {statuses:?}, closed {}",
            case.name, answer.closed
        ))
    };
    if contains(&answer.bytes, MARKER.as_bytes()) {
        return wrong("a hidden request was answered");
    }
    let http09 = case.readings == [Reading::Request("GET".to_owned(), 0)]
        && case.bytes.starts_with(b"GET /\r\n");
    if http09 {
        return if answer.closed {
            Ok(())
        } else {
            wrong("HTTP/0.9 must end in a close")
        };
    }
    // Interim answers do not count, and a body refused late may have been answered early, with a close all the same.
    let whole = case
        .readings
        .iter()
        .filter(|reading| matches!(reading, Reading::Request(..)))
        .count();
    match case.readings.last() {
        Some(Reading::Refused(status)) if !answer.closed => wrong(&format!("{status} must close")),
        Some(Reading::Refused(status)) if statuses.last() != Some(status) => {
            wrong(&format!("expected {status}"))
        }
        Some(Reading::Refused(_)) if statuses.len() != whole + 1 => {
            wrong("too many or too few answers")
        }
        Some(Reading::BodyRefused(..)) if !answer.closed => wrong("a refused body must close"),
        Some(Reading::BodyRefused(..)) if statuses.len() > whole + 1 => wrong("too many answers"),
        Some(Reading::Request(..)) if statuses.len() != whole => {
            wrong("too many or too few answers")
        }
        Some(Reading::More | Reading::BodyMore(_)) if statuses.len() > whole + 1 => {
            wrong("too many answers")
        }
        _ => Ok(()),
    }
}

struct Answer {
    bytes: Vec<u8>,
    closed: bool,
}

fn exchange(server: SocketAddr, bytes: &[u8], patience: Duration) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // A server that refuses early may close before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Answer {
        bytes: Vec::new(),
        closed: false,
    };
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => answer.closed = true,
            Ok(count) => {
                answer.bytes.extend_from_slice(&buffer[..count]);
                continue;
            }
            Err(error) => answer.closed = error.kind() == std::io::ErrorKind::ConnectionReset,
        }
        return Ok(answer);
    }
}

/// The statuses of all final answers in a stream of them.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("HTTP/1.")
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok())
        .filter(|status| *status >= 200)
        .collect()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
