//! Connections of before a reload: they take no place from those of after it, and what bounds them.

use crate::harness::program::pool;
use crate::harness::{eventually, fact, mpm, ours_only, Server, Setup};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// More than the socket buffers hold that `setup` leaves.
const BIG: usize = 8_000_000;

const SOON: Duration = Duration::from_secs(20);

const RELOADS: usize = 10;

/// How long the fresh requests may take together on a machine that has much else to do. Left alone they take a few milliseconds.
const QUICKLY: Duration = Duration::from_secs(8);

fn setup() -> Setup {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .zeros("htdocs/big.bin", BIG)
        .conf("SendBufferSize 65536\nTimeout 600\nKeepAliveTimeout 30")
}

/// A download that has begun and goes no further than the socket buffers, since nobody reads it.
struct Held(TcpStream);

impl Held {
    fn begin(s: &Server) -> Held {
        let mut socket = connect(s);
        let text = "GET /big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        socket.write_all(text.as_bytes()).expect("sent");
        let mut word = [0; 12];
        socket
            .read_exact(&mut word)
            .expect("the beginning of an answer");
        assert_eq!(&word, b"HTTP/1.1 200");
        Held(socket)
    }

    /// Reads on; true if the whole file arrives.
    fn finishes(mut self) -> bool {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        let head = rest.windows(4).position(|w| w == b"\r\n\r\n");
        read.is_ok() && head.is_some_and(|end| rest.len() - end - 4 == BIG)
    }
}

fn connect(s: &Server) -> TcpStream {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, s.port(0))).expect("a connection");
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    socket
}

/// How many requests at once the MPM under test can be told to take, 64 if it may.
fn capacity() -> u32 {
    match mpm().as_str() {
        "beos" => 50,
        _ => 64,
    }
}

fn graceful(s: &Server) {
    s.command(&["-k", "graceful"]).exit(0);
}

/// Lines of the error log that contain a text.
fn lines(s: &Server, part: &str) -> usize {
    let log = s.read("logs/error_log");
    log.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn the_past_takes_no_place_from_the_present() {
    ours_only!();
    if fact("restart") == "waits" {
        eprintln!("left out: nobody is served while a restart of this MPM waits");
        return;
    }
    let most = capacity();
    let s = setup().conf(&pool(most, 8, 16, most)).start();
    let held: Vec<Held> = (0..most).map(|_| Held::begin(&s)).collect();
    (0..RELOADS).for_each(|_| graceful(&s));
    let start = Instant::now();
    // Each stays open once it is answered, so that all places are taken at the same time.
    let mut fresh: Vec<_> = (0..most).map(|_| s.client()).collect();
    for client in &mut fresh {
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut fresh {
        client.response().is(200).body("hello\n");
    }
    let took = start.elapsed();
    println!("{most} fresh requests beside {most} held ones, {RELOADS} reloads later: {took:?}");
    assert!(took < QUICKLY, "{took:?}");
    assert_eq!(lines(&s, "scoreboard is full"), 0);
    assert_eq!(lines(&s, "are ended"), 0);
    drop(fresh);
    let finished = held.into_iter().filter_map(|h| h.finishes().then_some(()));
    assert_eq!(finished.count(), most as usize);
    s.stop();
}

#[test]
fn a_drain_is_bounded_in_time() {
    ours_only!();
    let s = setup()
        .conf(&pool(8, 4, 4, 16))
        .conf("GracefulDrainTimeout 1500ms")
        .start();
    let held = [Held::begin(&s), Held::begin(&s)];
    s.signal("USR1");
    let told = "2 connections of generation 0 are ended";
    s.logged(told);
    s.get("/a.txt").is(200).body("hello\n");
    for download in held {
        assert!(!download.finishes());
    }
    assert_eq!(lines(&s, "GracefulDrainTimeout"), lines(&s, told));
    assert_eq!(lines(&s, told), 1);
    s.stop();
}

#[test]
fn a_drain_is_not_bounded_unless_asked() {
    ours_only!();
    if fact("restart") == "waits" {
        return;
    }
    let s = setup().start();
    let held = Held::begin(&s);
    graceful(&s);
    // What a round of maintenance would end has had its time.
    std::thread::sleep(Duration::from_secs(3));
    assert!(held.finishes());
    s.stop();
}

#[test]
fn a_drain_is_bounded_in_number() {
    ours_only!();
    if fact("restart") == "waits" {
        eprintln!("left out: only one generation of this MPM has threads at a time");
        return;
    }
    let s = setup()
        .conf(&pool(8, 4, 4, 16))
        .conf("MaxDrainingWorkers 3")
        .start();
    let oldest: Vec<_> = (0..3).map(|_| Held::begin(&s)).collect();
    graceful(&s);
    let old: Vec<_> = (0..2).map(|_| Held::begin(&s)).collect();
    graceful(&s);
    let told = "the oldest that drained: there were more than 3 (MaxDrainingWorkers)";
    assert!(eventually(SOON, || lines(&s, told) > 0));
    s.get("/a.txt").is(200).body("hello\n");
    // A process, or a generation of threads, ends as a whole.
    let finished = oldest
        .into_iter()
        .filter_map(|h| h.finishes().then_some(()));
    assert!(finished.count() <= 1);
    for download in old {
        assert!(download.finishes());
    }
    assert_eq!(lines(&s, told), 1);
    assert!(s
        .read("logs/error_log")
        .contains("connections of generation 0 are ended"));
    s.stop();
}

#[test]
fn what_bounds_a_drain_is_checked() {
    ours_only!();
    let refused = |line: &str, word: &str| {
        setup().conf(line).check().exit(1).err(word);
    };
    refused("GracefulDrainTimeout soon", "GracefulDrainTimeout");
    refused("MaxDrainingWorkers -1", "MaxDrainingWorkers");
    let both = "GracefulDrainTimeout 2min\nMaxDrainingWorkers 0";
    setup().conf(both).check().exit(0);
}
