//! Children that crash: the log names the request that did it, neighbours are not blamed, and a URL that does it again and again is
//! held back. What crashes is `saboteur.c`, loaded into the server.

use crate::harness::program::pool;
use crate::harness::server::signal;
use crate::harness::{eventually, Setup};
use crate::harness::{one_process, Server};
use crate::sight::{
    addr, all_gone, download, holder_among, lines, needs_children, serves, setup, several_children,
    SOON,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// The library, built once for all cases.
pub fn saboteur() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/saboteur.c");
        let library = folder.join("saboteur.so");
        let fresh = folder.join(format!("saboteur.{}.so", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
            .args([fresh.as_path(), Path::new(source)])
            .status();
        assert!(built.is_ok_and(|status| status.success()), "no saboteur");
        std::fs::rename(&fresh, &library).expect("renamed");
        library
    })
}

/// A server with the saboteur in it.
pub fn sabotaged() -> Setup {
    setup()
        .env("LD_PRELOAD", &saboteur().to_string_lossy())
        .conf(&several_children())
        .conf("Timeout 60")
}

/// What comes back for a request; empty where the connection breaks.
pub fn answer(server: &Server, host: &str, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(addr(server)) else {
        return String::new();
    };
    let _ = stream.set_read_timeout(Some(SOON));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(request.as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

const HOST: &str = "www.example.test";

/// Asks for something that brings down the child, and waits until the parent has seen it.
fn crash(server: &Server, host: &str, path: &str) {
    let before = lines(server, "exit signal");
    let text = answer(server, host, path);
    assert_eq!(text, "", "{path} was answered");
    assert!(
        eventually(SOON, || lines(server, "exit signal") > before),
        "{path}: no child has ended"
    );
}

/// The words by which the log names a request.
fn named(server: &Server, host: &str, target: &str) -> String {
    let port = server.port(0);
    format!("while it worked on GET {target} of virtual host {host}:{port} for client 127.0.0.1")
}

#[test]
fn each_kind_of_crash_names_its_request() {
    needs_children!();
    let server = sabotaged().start();
    let kinds = [
        ("segv", "Segmentation fault"),
        ("bus", "Bus error"),
        ("ill", "Illegal instruction"),
        ("fpe", "Floating point exception"),
        ("abrt", "Aborted"),
        ("sys", "Bad system call"),
        ("stack", "Segmentation fault"),
    ];
    for (kind, words) in kinds {
        let target = format!("/crash-{kind}?a=%20&b");
        crash(&server, HOST, &target);
        let line = format!("crashed ({words}) {}", named(&server, HOST, &target));
        server.logged(&line);
        serves(&server);
    }
    assert_eq!(lines(&server, "crashed ("), kinds.len());
    server.stop();
}

#[test]
fn a_crash_does_not_blame_its_neighbours() {
    needs_children!();
    // One child for all, where a child has several workers: those that are beside the crash are on its very threads.
    let server = sabotaged().conf(&pool(8, 1, 8, 8)).start();
    let _downloads: Vec<_> = (0..5).map(|_| download(&server)).collect();
    let mut idle = server.client();
    idle.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response()
        .is(200);
    crash(&server, HOST, "/crash-segv");
    server.logged(&named(&server, HOST, "/crash-segv"));
    assert_eq!(lines(&server, "crashed ("), 1);
    assert_eq!(lines(&server, "big.bin"), 0);
    serves(&server);
    server.stop();
}

#[test]
fn a_thread_that_works_on_nothing_blames_no_request() {
    needs_children!();
    let server = sabotaged().conf("CrashQuarantine 1 60 60").start();
    crash(&server, HOST, "/crash-thread");
    server.logged("crashed (Segmentation fault) with no request in work");
    crash(&server, HOST, "/crash-thread");
    assert_eq!(lines(&server, "AH20400"), 0);
    serves(&server);
    server.stop();
}

#[test]
fn a_crash_on_a_thread_for_blocking_work_names_its_request() {
    needs_children!();
    let server = sabotaged()
        .env("CRASH_NAMES", "1")
        .conf("<Location /named>\nHostnameLookups On\n</Location>")
        .start();
    serves(&server);
    crash(&server, HOST, "/named/thing");
    server.logged(&named(&server, HOST, "/named/thing"));
    assert_eq!(lines(&server, "crashed ("), 1);
    server.stop();
}

#[test]
fn long_and_strange_targets_are_told_in_one_line() {
    needs_children!();
    let server = sabotaged().start();
    let long = format!("/{}/../crash-segv", "x".repeat(3000));
    for _ in 0..4 {
        // Too long to be known as a whole: it is told, cut, and held against nobody.
        crash(&server, HOST, &long);
    }
    let strange = "/crash-segv?\"%0a\"\\";
    crash(&server, HOST, strange);
    server.logged(&named(&server, HOST, &strange.replace('\\', "\\\\")));
    assert_eq!(lines(&server, "xxx... of virtual host"), 4);
    assert_eq!(lines(&server, "AH20403"), 0);
    server.stop();
}

#[test]
fn a_url_that_crashes_again_and_again_is_held_back() {
    needs_children!();
    let other = "<VirtualHost *:@PORT@>\nServerName www.example.test\n</VirtualHost>\n\
                 <VirtualHost *:@PORT@>\nServerName other.example.test\n</VirtualHost>";
    let server = sabotaged()
        .conf("CrashQuarantine 3 60 8")
        .conf(other)
        .start();
    for query in ["", "?1", "?2"] {
        crash(&server, HOST, &format!("/crash-segv{query}"));
    }
    let held = "/crash-segv of virtual host www.example.test:@PORT@ brought a child down 3 times within 60 seconds";
    let log = server.logged(&server.fill(held));
    assert_eq!(log.matches("AH20403").count(), 1);
    let is_held = |path: &str| {
        let text = answer(&server, HOST, path);
        assert!(text.starts_with("HTTP/1.1 503 "), "{path}: {text}");
    };
    for same in [
        "/crash-segv",
        "/crash-segv?3",
        "/crash%2dsegv",
        "/./crash-segv",
        "//crash-segv",
    ] {
        is_held(same);
    }
    serves(&server);
    server.get("/crash").is(404);
    // A new generation knows it, too; another virtual host has a URL of its own.
    server.command(&["-k", "graceful"]).exit(0);
    is_held("/crash-segv?4");
    crash(&server, "other.example.test", "/crash-segv");
    serves(&server);
    // Its time is over at last, and counting begins anew.
    let free = eventually(Duration::from_secs(20), || {
        answer(&server, HOST, "/crash-segv").is_empty()
    });
    assert!(free, "held back for ever");
    assert_eq!(lines(&server, "AH20403"), 1);
    serves(&server);
    server.stop();
}

#[test]
fn what_others_do_to_a_child_counts_for_nothing() {
    needs_children!();
    let server = sabotaged().conf("CrashQuarantine 1 60 60").start();
    for name in ["SEGV", "KILL", "TERM", "ABRT"] {
        let mut client = server.client();
        client.send("GET /big.bin HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
        let mut holder = None;
        assert!(eventually(SOON, || {
            holder = holder_among(&server.children(), &server, client.local_port());
            holder.is_some()
        }));
        signal(holder.expect("a child"), name);
        client.rest();
    }
    for _ in 0..2 {
        assert_eq!(answer(&server, HOST, "/crash-kill"), "");
    }
    serves(&server);
    assert_eq!(lines(&server, "crashed ("), 0);
    assert_eq!(lines(&server, "AH20403"), 0);
    server.stop();
}

#[test]
fn quarantine_can_be_off() {
    needs_children!();
    let server = sabotaged().conf("CrashQuarantine off").start();
    for _ in 0..5 {
        crash(&server, HOST, "/crash-fpe");
    }
    assert_eq!(lines(&server, "crashed ("), 5);
    assert_eq!(lines(&server, "AH20403"), 0);
    server.stop();
}

#[test]
fn quarantine_takes_on_off_or_three_numbers() {
    for good in ["on", "Off", "1 1 1", "1000 86400 86400"] {
        setup()
            .conf(&format!("CrashQuarantine {good}"))
            .check()
            .exit(0);
    }
    for bad in [
        "maybe",
        "3",
        "3 60",
        "0 60 60",
        "3 0 60",
        "3 60 x",
        "3 60 300 1",
    ] {
        let out = setup().conf(&format!("CrashQuarantine {bad}")).check();
        out.exit(1).err("test.conf").err("CrashQuarantine");
    }
}

#[test]
fn a_server_of_one_process_tells_its_own_crash() {
    if !one_process() {
        return;
    }
    let mut server = sabotaged().start();
    assert_eq!(answer(&server, HOST, "/crash-segv?x"), "");
    server.await_end(SOON);
    let told = format!(
        "AH20402: crash: signal 11, at work on 127.0.0.1 www.example.test:{} GET /crash-segv?x\n",
        server.port(0)
    );
    let log = server.read("logs/error_log");
    assert!(log.contains(&told), "{log}");
    all_gone(&server, SOON);
}
