//! Ends that come from above: a server that stops while clients wait to be let in, a parent that dies while children have their
//! hands full.

use crate::harness::program::pool;
use crate::harness::server::{processes, signal};
use crate::harness::{eventually, Client, Server};
use crate::sight::{
    addr, all_gone, download, holder, needs_children, setup, several_children, BIG, SOON,
};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

/// Requests that the pool takes at a time.
const PLACES: u32 = 4;

/// Requests beside those.
const CLIENTS: usize = 10;

/// Sends a signal to several processes at once.
fn signal_all(pids: &[u32], name: &str) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let done = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", pids.join(" "))])
        .status();
    assert!(done.is_ok_and(|status| status.success()));
}

/// A server with downloads in hand that nobody reads.
fn held(server: &Server, count: usize) -> Vec<Client> {
    let held: Vec<_> = (0..count).map(|_| download(server)).collect();
    let is_held = |client: &Client| holder(server, client.local_port()).is_some();
    assert!(eventually(SOON, || held.iter().all(is_held)));
    held
}

fn is_free(server: &Server) -> bool {
    TcpListener::bind(addr(server)).is_ok()
}

#[test]
fn whoever_is_in_the_backlog_of_a_graceful_stop_is_served() {
    let mut server = setup()
        .conf(&pool(PLACES, 1, PLACES, PLACES))
        .conf("GracefulShutdownTimeout 0\nTimeout 60")
        .start();
    let mut held = held(&server, PLACES as usize);
    let ask = |_| {
        let mut client = server.client();
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client
    };
    // Every place is taken, so they wait in the kernel, unless connections take no place.
    let mut waiting: Vec<Client> = (0..CLIENTS).map(ask).collect();
    server.signal("WINCH");
    assert!(
        eventually(SOON, || is_free(&server)),
        "the port is not free"
    );
    for client in &mut held {
        assert_eq!(client.response().body.len(), BIG);
    }
    drop(held);
    while let Some(mut client) = waiting.pop() {
        client.response().is(200).body("hello\n");
    }
    server.await_end(SOON);
    all_gone(&server, SOON);
}

#[test]
fn whoever_comes_just_before_a_graceful_stop_is_served() {
    for _ in 0..4 {
        // Its first children may not have begun.
        let mut server = setup().conf("GracefulShutdownTimeout 0").start();
        let mut client = server.client();
        // The kernel lets nobody in who has nothing to say (AcceptFilter).
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        server.signal("WINCH");
        client.response().is(200).body("hello\n");
        drop(client);
        server.await_end(SOON);
        all_gone(&server, SOON);
    }
}

#[test]
fn orphans_let_go_of_the_port_at_once_and_leave_soon() {
    needs_children!();
    let mut server = setup()
        .conf(&several_children())
        .conf("Timeout 300")
        .start();
    let held = held(&server, 3);
    server.signal("KILL");
    server.await_end(SOON);
    assert!(
        eventually(Duration::from_secs(3), || is_free(&server)),
        "the port is not free"
    );
    // Nobody reads, yet nobody waits for ever: there is no parent that would end them.
    all_gone(&server, Duration::from_secs(20));
    drop(held);
}

/// The process that starts programs.
fn spawner(server: &Server) -> Option<u32> {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm"));
    let all = processes(&server.root()).into_iter();
    let mut found = all.filter(|pid| name(pid).is_ok_and(|name| name.trim() == "httpd-spawner"));
    found.next()
}

#[test]
fn the_process_that_starts_programs_goes_with_its_parent() {
    needs_children!();
    let mut server = setup()
        .conf(&several_children())
        .script("cgi-bin/hi", "printf 'Content-Type: text/plain\\n\\nhi\\n'")
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/")
        .start();
    server.get("/cgi-bin/hi").is(200).body("hi\n");
    let Some(spawner) = spawner(&server) else {
        eprintln!("left out: the children of this MPM start programs themselves");
        return;
    };
    let children = server.children();
    let children: Vec<u32> = children.into_iter().filter(|pid| *pid != spawner).collect();
    // Children that do nothing keep open what they were given.
    signal_all(&children, "STOP");
    server.signal("STOP");
    server.signal("KILL");
    server.await_end(SOON);
    let gone = || !processes(&server.root()).contains(&spawner);
    let gone = eventually(Duration::from_secs(3), gone);
    children.iter().for_each(|pid| signal(*pid, "CONT"));
    assert!(gone, "it outlives its parent");
    all_gone(&server, SOON);
}
