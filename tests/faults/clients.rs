//! Clients that are broken or hostile: each is refused or left, and the next one is served.

use crate::harness::{eventually, fact, Client, Server};
use crate::sight::{addr, descriptors_of, family_at_rest, held, lines, serves, setup, SOON};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn server() -> &'static Server {
    static SERVER: std::sync::OnceLock<Server> = std::sync::OnceLock::new();
    SERVER.get_or_init(|| setup().start())
}

/// Sends bytes and reads the answers to the end of the connection; a reset is an end too.
fn all(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr(server())).expect("connected");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.set_write_timeout(Some(SOON)).expect("a timeout");
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    text
}

fn refused(bytes: &[u8], status: &str) {
    let text = String::from_utf8_lossy(&all(bytes)).into_owned();
    let first = text.lines().next().unwrap_or_default();
    assert!(
        first.starts_with(&format!("HTTP/1.1 {status} ")),
        "{first:?} instead of {status}"
    );
    serves(server());
}

#[test]
fn a_url_of_200_kilobytes() {
    let url = "a".repeat(200_000);
    refused(
        format!("GET /{url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
        "414",
    );
    let path = "/a".repeat(100_000);
    refused(
        format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
        "414",
    );
    let query = "%41".repeat(70_000);
    refused(
        format!("GET /?{query} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
        "414",
    );
}

#[test]
fn a_long_url_that_is_allowed() {
    let server = setup().conf("LimitRequestLine 300000").start();
    // No file has such a name: not found, or refused as too long for the file system, but answered.
    let status = server.get(&format!("/{}", "a".repeat(200_000))).status;
    assert!([403, 404, 414].contains(&status), "{status}");
    let status = server.get(&"/a".repeat(100_000)).status;
    assert!([403, 404, 414].contains(&status), "{status}");
    server
        .get(&format!("/a.txt?{}", "%41".repeat(90_000)))
        .is(200);
    serves(&server);
    server.stop();
}

#[test]
fn huge_headers() {
    let value = "b".repeat(1_000_000);
    refused(
        format!("GET / HTTP/1.1\r\nHost: x\r\nA: {value}\r\n\r\n").as_bytes(),
        "400",
    );
    let name = "n".repeat(100_000);
    refused(
        format!("GET / HTTP/1.1\r\nHost: x\r\n{name}: b\r\n\r\n").as_bytes(),
        "400",
    );
    let many: String = (0..20_000).map(|n| format!("A{n}: b\r\n")).collect();
    refused(
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes(),
        "400",
    );
    let endless = "x".repeat(2_000_000);
    refused(endless.as_bytes(), "414");
}

#[test]
fn garbage_behind_requests() {
    let mut number = 88_172_645_463_325_252u64;
    for _ in 0..20 {
        let noise: Vec<u8> = (0..20_000)
            .map(|_| {
                number ^= number << 13;
                number ^= number >> 7;
                number ^= number << 17;
                (number >> 32) as u8
            })
            .collect();
        let mut bytes = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3);
        bytes.extend_from_slice(&noise);
        // The server may close while the noise is still coming, and the answers be lost with it: what counts is
        // that nothing but answers comes.
        let text = all(&bytes);
        assert!(
            text.is_empty() || text.starts_with(b"HTTP/1.1 200 "),
            "{:?}",
            bstr(&text)
        );
        let answers = text.windows(9).filter(|w| *w == b"HTTP/1.1 ").count();
        assert!(answers <= 4, "{answers} answers");
    }
    serves(server());
}

fn bstr(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned()
}

#[test]
fn garbage_of_every_byte() {
    for byte in 0..=255u8 {
        let text = all(&[byte, byte, b'\r', b'\n', b'\r', b'\n']);
        let empty_lines = matches!(byte, b'\r' | b'\n');
        assert!(
            text.starts_with(b"HTTP/1.1 400 ") || (empty_lines && text.is_empty()),
            "{byte}: {:?}",
            bstr(&text)
        );
    }
    serves(server());
}

/// Closes with a reset instead of an end.
fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    let _ = socket.set_linger(Some(Duration::ZERO));
}

#[test]
fn connections_that_are_reset() {
    if fact("thread-count") == "variable" {
        eprintln!("left out: the threads of this MPM come and go, with what each has open");
        return;
    }
    let server = setup().conf("OpenFileCache Off").start();
    serves(&server);
    let family = family_at_rest(&server);
    let before = descriptors_of(&family);
    reset_a_hundred(&server);
    serves(&server);
    let nothing_stays = eventually(SOON, || descriptors_of(&family) <= before);
    assert!(nothing_stays, "{} and {before}", descriptors_of(&family));
    assert_eq!(lines(&server, "exit signal"), 0);
    server.stop();
}

#[test]
fn files_of_connections_that_are_reset() {
    let server = setup().start();
    reset_a_hundred(&server);
    serves(&server);
    // They may be remembered, as long as OpenFileCacheValid says.
    let nothing_stays = eventually(SOON, || held(&server) == 0);
    assert!(nothing_stays, "{} stay", held(&server));
    server.stop();
}

/// Connections that come to different points before they are reset.
fn reset_a_hundred(server: &Server) {
    let sent: [&[u8]; 5] = [
        b"",
        b"GET /a.t",
        b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc",
    ];
    for round in 0..100 {
        let mut stream = TcpStream::connect(addr(server)).expect("connected");
        let _ = stream.write_all(sent[round % sent.len()]);
        if round % 3 == 0 {
            let mut some = [0; 100];
            let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
            let _ = stream.read(&mut some);
        }
        reset(stream);
    }
}

#[test]
fn connections_that_are_half_open() {
    let server = setup().start();
    let mut half: Vec<Client> = Vec::new();
    for _ in 0..10 {
        let mut client = server.client();
        client
            .send("GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .finish();
        half.push(client);
    }
    // Their requests are whole: they are answered.
    for client in &mut half {
        client.response().is(200);
    }
    let mut silent: Vec<Client> = (0..6).map(|_| server.client()).collect();
    for client in &mut silent {
        client.send("GET /a.txt HT").finish();
    }
    let start = Instant::now();
    serves(&server);
    for client in &mut silent {
        client.rest();
    }
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    serves(&server);
    server.stop();
}

#[test]
fn bodies_that_end_early() {
    for body in [
        "POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "POST /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut client = server().client();
        client.send(body).finish();
        client.rest();
    }
    serves(server());
}

#[test]
fn clients_that_never_read() {
    let server = setup().conf("Timeout 1").start();
    let deaf: Vec<TcpStream> = (0..6)
        .map(|_| {
            let mut stream = TcpStream::connect(addr(&server)).expect("connected");
            for _ in 0..50 {
                let _ = stream.write_all(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n");
            }
            stream
        })
        .collect();
    serves(&server);
    drop(deaf);
    serves(&server);
    server.stop();
}
