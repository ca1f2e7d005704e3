//! Thousands of clients that dawdle, in each stage of a request. Where a thread drives many connections others are served
//! meanwhile; where each holds its own, once the crowd has gone.

use crate::harness::program::{mpm, pool};
use crate::harness::{eventually, Server};
use crate::sight::{addr, held, serves, setup};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// As many as want to dawdle.
const CROWD: usize = 2000;

/// How long it may take on a machine that has much else to do until the crowd is there.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often each of them does something.
const TICK: Duration = Duration::from_millis(250);

/// One client: what it has sent of its request.
struct Dawdler {
    socket: Socket,
    sent: usize,
}

impl Dawdler {
    fn new(server: &Server) -> Dawdler {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        // So that an answer soon meets a full buffer.
        socket.set_recv_buffer_size(4096).expect("a receive buffer");
        // Under way, and perhaps for long: the kernel's queue is shorter than the crowd.
        let _ = socket.connect(&SockAddr::from(addr(server)));
        Dawdler { socket, sent: 0 }
    }

    /// Sends what the client sends at once, then a byte; takes a byte of the answer. False if the connection is over.
    fn move_on(&mut self, at_once: &[u8]) -> bool {
        let rest = at_once.get(self.sent..).filter(|rest| !rest.is_empty());
        let sent = match self.socket.write(rest.unwrap_or(b"x")) {
            Ok(count) => {
                self.sent += count;
                true
            }
            Err(error) => still_open(&error),
        };
        let mut byte = [0; 1];
        sent && match self.socket.read(&mut byte) {
            Ok(count) => count > 0,
            Err(error) => still_open(&error),
        }
    }
}

fn still_open(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotConnected, WouldBlock};
    matches!(error.kind(), WouldBlock | NotConnected)
}

/// Raises this process's limit of descriptors, and with it that of the servers it starts.
fn make_room() -> bool {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={}:", 3 * CROWD);
    let done = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .status();
    done.is_ok_and(|status| status.success())
}

/// What a crowd does to the server while each of its clients has sent `at_once` and then sends a byte from time to time.
fn besieged(at_once: &[u8]) {
    if !make_room() {
        eprintln!(
            "left out: this process may not have {} descriptors",
            3 * CROWD
        );
        return;
    }
    let many = mpm() == "event";
    let factor = if many {
        "AsyncRequestWorkerFactor 200\n"
    } else {
        ""
    };
    let server = setup()
        .conf(&pool(16, 4, 16, 32))
        .conf(factor)
        .conf("RequestReadTimeout header=2 body=2\nTimeout 20\nSendBufferSize 32768\nListenBackLog 4096")
        .start();
    serves(&server);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            let mut crowd: Vec<Dawdler> = (0..CROWD).map(|_| Dawdler::new(&server)).collect();
            let mut ticks = 0;
            while !over.load(Ordering::Relaxed) && ticks < 400 {
                for client in &mut crowd {
                    if !client.move_on(at_once) {
                        *client = Dawdler::new(&server);
                    }
                }
                ticks += 1;
                thread::sleep(TICK);
            }
        });
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // Until the server holds as many of them as it can.
            let most = if many { CROWD / 2 } else { 12 };
            let seen = eventually(PATIENCE, || held(&server) >= most);
            if many {
                for _ in 0..20 {
                    serves(&server);
                }
            }
            seen
        }));
        over.store(true, Ordering::Relaxed);
        crowd.join().expect("the crowd ends");
        assert!(
            served.expect("served meanwhile"),
            "the crowd was not noticed"
        );
    });
    serves(&server);
    server.stop();
}

#[test]
fn a_crowd_that_dawdles_in_the_head() {
    besieged(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Slow: ");
}

#[test]
fn a_crowd_that_dawdles_in_the_body() {
    besieged(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
}

#[test]
fn a_crowd_that_dawdles_in_taking_the_answer() {
    besieged(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
}
