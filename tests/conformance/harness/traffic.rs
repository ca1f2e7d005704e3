//! Traffic: clients that keep their connections and clients that connect anew, who ask without a pause, and count every request that was not answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What the clients ask for, and the body they must get.
const PATH: &str = "/a.txt";
const BODY: &[u8] = b"hello\n";

/// Between two requests of a client that connects anew: more would only use up the ports of this machine.
const PACE: Duration = Duration::from_millis(5);

/// Losses that one client tells of; it ends then, so that a server that is gone does not fill the memory.
const MOST_LOST: usize = 2000;

/// Clients at work.
pub struct Traffic {
    end: AtomicBool,
    answered: AtomicUsize,
}

/// What the clients met.
#[derive(Debug, Default)]
pub struct Met {
    /// Answers that were as they should be.
    pub answered: usize,
    /// Why each other request was lost.
    pub lost: Vec<String>,
}

impl Met {
    /// Demands that no request was lost.
    pub fn nothing_lost(&self) {
        let some: Vec<_> = self.lost.iter().take(10).collect();
        assert!(
            self.lost.is_empty(),
            "{} of {} requests lost: {some:#?}",
            self.lost.len(),
            self.answered + self.lost.len()
        );
    }
}

impl Traffic {
    /// Keeps `clients` keep-alive clients busy with the server at `addr` while `work` is done.
    pub fn during<T>(
        addr: SocketAddr,
        clients: usize,
        work: impl FnOnce(&Traffic) -> T,
    ) -> (T, Met) {
        Traffic::mixed(addr, clients, 0, work)
    }

    /// The same, with `fresh` more who connect for each request.
    pub fn mixed<T>(
        addr: SocketAddr,
        clients: usize,
        fresh: usize,
        work: impl FnOnce(&Traffic) -> T,
    ) -> (T, Met) {
        let traffic = Traffic {
            end: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
        };
        std::thread::scope(|scope| {
            let stays = (0..clients + fresh).map(|number| number < clients);
            let inside = &traffic;
            let clients: Vec<_> = stays
                .map(|stays| scope.spawn(move || inside.client(addr, stays)))
                .collect();
            // Also when the work panics: the scope waits for the clients.
            let end = End(&traffic.end);
            let done = work(&traffic);
            drop(end);
            let mut met = Met::default();
            for client in clients {
                met.lost.extend(client.join().expect("a client"));
            }
            met.answered = traffic.answered();
            (done, met)
        })
    }

    /// Requests answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Sends requests on one connection after the other until told to end. A connection is left only after an answer that says
    /// so; anything else is a loss.
    fn client(&self, addr: SocketAddr, stays: bool) -> Vec<String> {
        let mut lost = Vec::new();
        let mut socket: Option<TcpStream> = None;
        while !self.end.load(Ordering::Relaxed) && lost.len() < MOST_LOST {
            let open = match socket.take() {
                Some(open) => Ok(open),
                None => connect(addr),
            };
            match open.and_then(|open| ask(open, stays)) {
                Ok(kept) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    socket = kept;
                }
                Err(why) => lost.push(why),
            }
            if !stays {
                std::thread::sleep(PACE);
            }
        }
        lost
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    let socket = TcpStream::connect(addr).map_err(|error| format!("not connected: {error}"))?;
    let limit = Some(Duration::from_secs(20));
    socket.set_read_timeout(limit).map_err(|e| e.to_string())?;
    Ok(socket)
}

/// One request; gives the connection back unless the answer says that it closes.
fn ask(mut socket: TcpStream, stays: bool) -> Result<Option<TcpStream>, String> {
    let wish = if stays { "" } else { "Connection: close\r\n" };
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: load\r\n{wish}\r\n");
    socket
        .write_all(request.as_bytes())
        .map_err(|error| format!("not sent: {error}"))?;
    let mut bytes = Vec::new();
    let mut piece = [0; 2048];
    loop {
        match socket.read(&mut piece) {
            Ok(0) => {
                let length = bytes.len();
                return Err(format!("closed under a request, after {length} bytes"));
            }
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("not answered: {error}")),
        }
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            let line = head.lines().next().unwrap_or_default();
            return Err(format!("answered {line}"));
        }
        let body = &bytes[end + 4..];
        if body == BODY {
            let closes = head.contains("connection: close");
            return Ok((!closes).then_some(socket));
        }
        if !BODY.starts_with(body) {
            return Err("another body".into());
        }
    }
}
