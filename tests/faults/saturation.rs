//! All workers are held by clients that do not go on: the log says by whom, and the status is told all the same.

use crate::harness::program::{mpm, pool};
use crate::harness::{eventually, Client, Server, Setup};
use crate::sight::{lines, BIG, SOON};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Workers of the small servers here.
const WORKERS: usize = 4;

/// The line that explains.
const EXPLAINED: &str = "AH20500:";

fn setup() -> Setup {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .script(
            "cgi-bin/take",
            "cat >/dev/null\nprintf 'Content-Type: text/plain\\n\\ntaken\\n'\n",
        )
        .conf("ScriptAlias /take/ @ROOT@/cgi-bin/take/\nTimeout 60\nKeepAlive Off")
        .conf(&pool(WORKERS as u32, 1, 2, WORKERS as u32))
}

/// Clients that begin a body and never send the rest: on every MPM such a request holds a worker.
fn hold_all(server: &Server) -> Vec<Client> {
    let hold = |n: usize| {
        let mut client = server.client();
        client.send(format!(
            "POST /take/basket/{n} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\nx"
        ));
        client
    };
    let held: Vec<Client> = (0..WORKERS).map(hold).collect();
    let busy = format!("\nBusyWorkers: {WORKERS}\n");
    let full = eventually(SOON, || ask(&socket(server), "?auto").contains(&busy));
    assert!(full, "{}", ask(&socket(server), "?auto"));
    held
}

fn socket(server: &Server) -> std::path::PathBuf {
    server.root().join("run/httpd.status")
}

/// The whole answer of the status socket.
fn ask(path: &Path, query: &str) -> String {
    let Ok(stream) = UnixStream::connect(path) else {
        return String::new();
    };
    converse(stream, query)
}

fn converse(mut stream: impl Read + Write, query: &str) -> String {
    let request = format!("GET /server-status{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn status_is_told_when_all_workers_are_held() {
    let server = setup().start();
    let held = hold_all(&server);
    let page = ask(&socket(&server), "");
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<!DOCTYPE html>"),
        "{page}"
    );
    let brief = server.command(&["-k", "status"]);
    brief
        .exit(0)
        .out("Server Status for")
        .not_out("/take/basket");
    brief.out(&format!(
        "   {WORKERS} requests currently being processed, "
    ));
    if mpm() != "mpmt_os2" {
        brief.out(", 0 idle workers");
    }
    let full = server.command(&["-k", "fullstatus"]);
    full.exit(0).out("POST /take/basket/0 HTTP/1.1");
    drop(held);
    server.stop();
}

/// Holds all workers of a server whose children have as many threads as one can have, by downloads that nobody reads.
fn hold_all_of_one_child(server: &Server) -> Vec<Client> {
    let held = (0..THREADS)
        .map(|_| crate::sight::download(server))
        .collect();
    let busy = format!("\nBusyWorkers: {THREADS}\n");
    let full = eventually(LONG, || ask(&socket(server), "?auto").contains(&busy));
    assert!(full, "{}", ask(&socket(server), "?auto"));
    held
}

/// Threads of a child that sizes its own pool.
const THREADS: usize = 256;

/// How long it may take to have so many at work.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_log_says_once_who_holds_the_workers() {
    let grows = mpm() == "mpmt_os2";
    let limit = match mpm().as_str() {
        "mpmt_os2" => "StartServers",
        "beos" => "MaxClients",
        "mpm_netware" => "MaxThreads",
        _ => "MaxRequestWorkers",
    };
    let (server, held, workers, url) = if grows {
        let server = setup()
            .zeros("htdocs/big.bin", BIG)
            .conf("StartServers 1")
            .start();
        let held = hold_all_of_one_child(&server);
        (server, held, THREADS, "/big.bin")
    } else {
        let server = setup().start();
        let held = hold_all(&server);
        server.logged(&format!("server reached {limit} setting"));
        (server, held, WORKERS, "/take/basket")
    };
    let log = server.logged(EXPLAINED);
    let line = log
        .lines()
        .find(|line| line.contains(EXPLAINED))
        .unwrap_or_default();
    for part in [
        &format!("{workers} of {workers} workers are held, all that {limit} allows"),
        &format!("URLs: {url} ("),
        "virtual hosts: ",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    // Maintenance goes on for some rounds, which the scoreboard's uptime shows; nothing more is said.
    let uptime = || {
        let text = ask(&socket(&server), "?auto");
        let seconds = text
            .lines()
            .find_map(|line| line.strip_prefix("ServerUptimeSeconds: "));
        seconds
            .and_then(|seconds| seconds.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let later = uptime() + 4;
    assert!(eventually(SOON, || uptime() >= later));
    assert_eq!(lines(&server, EXPLAINED), 1);
    drop(held);
    server.stop();
}

#[test]
fn the_socket_is_its_owners_and_goes_with_the_server() {
    let server = setup().start();
    let path = socket(&server);
    let there = eventually(SOON, || path.exists());
    assert!(there);
    let mode = std::fs::metadata(&path)
        .expect("the socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Visitors who say nothing keep neither others nor the server's own duties waiting for long.
    let silent: Vec<_> = (0..3)
        .map(|_| UnixStream::connect(&path).expect("a visit"))
        .collect();
    assert!(ask(&path, "?auto").contains("\nScoreboard: "));
    server.get("/a.txt").is(200);
    server.command(&["-k", "graceful"]).exit(0);
    drop(silent);
    let again = eventually(SOON, || {
        ask(&path, "?auto").contains("\nParentServerMPMGeneration: 1\n")
    });
    assert!(again, "{}", ask(&path, "?auto"));
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_reload_moves_it_to_a_port_and_switches_it_off() {
    let mut server = setup().start();
    let path = socket(&server);
    server.rewrite("ServerStatusSocket 127.0.0.1:@PORT3@");
    server.command(&["-k", "graceful"]).exit(0);
    let port = server.port(2);
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
    let told = eventually(SOON, || {
        connect().is_some_and(|stream| converse(stream, "?auto").contains("\nScoreboard: "))
    });
    assert!(told && !path.exists());
    // A page of another site that has its name lead here.
    let mut stream = connect().expect("a visit");
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    server
        .command(&["-k", "status"])
        .exit(0)
        .out("idle workers");
    server.rewrite("ServerStatusSocket off");
    server.command(&["-k", "graceful"]).exit(0);
    assert!(eventually(SOON, || connect().is_none()));
    server.command(&["-k", "status"]).exit(3);
    server.stop();
}

#[test]
fn only_places_of_this_machine_are_taken() {
    for place in [
        "0.0.0.0:8080",
        "192.0.2.1:80",
        "[::]:80",
        "127.0.0.1:0",
        "localhost:80",
    ] {
        let checked = Setup::new()
            .conf(&format!("ServerStatusSocket {place}"))
            .check();
        checked.exit(1).err("ServerStatusSocket");
    }
    let not_running = Setup::new();
    not_running.write();
    not_running
        .run(&["-k", "status"])
        .exit(1)
        .err("not running");
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let server = setup()
        .file("run/precious", "mine\n")
        .conf("ServerStatusSocket precious")
        .start();
    server.logged("AH20501:");
    assert_eq!(server.read("run/precious"), "mine\n");
    server.get("/a.txt").is(200);
    server.stop();
}
