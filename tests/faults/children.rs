//! Processes that die: a child costs only what it held, and nothing outlives the parent.

use crate::harness::server::signal;
use crate::harness::{eventually, Server};
use crate::sight::{
    addr, all_gone, download, holder, holder_among, needs_children, serves, setup,
    several_children, BIG, SOON,
};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How soon the pool must be whole again.
const WHOLE: Duration = Duration::from_secs(2);

/// Kills one of the children that hold downloads; all that the others hold must arrive.
fn one_dies(name: &str) {
    needs_children!();
    let server = setup().conf(&several_children()).conf("Timeout 60").start();
    assert!(eventually(SOON, || server.children().len() >= 3));
    let mut downloads: Vec<_> = (0..8).map(|_| download(&server)).collect();
    let mut holders = BTreeMap::new();
    assert!(eventually(SOON, || {
        let children = server.children();
        for (index, client) in downloads.iter().enumerate() {
            if let Some(pid) = holder_among(&children, &server, client.local_port()) {
                holders.insert(index, pid);
            }
        }
        holders.len() == downloads.len()
    }));
    let victim = holders[&0];
    let before = server.children().len();
    let start = Instant::now();
    signal(victim, name);
    let whole = eventually(WHOLE, || {
        let now = server.children();
        !now.contains(&victim) && now.len() >= before
    });
    assert!(
        whole,
        "{} of {before} children after {:?}",
        server.children().len(),
        start.elapsed()
    );
    serves(&server);
    for (index, client) in downloads.iter_mut().enumerate() {
        if holders[&index] != victim {
            assert_eq!(client.response().body.len(), BIG, "download {index}");
        }
    }
    serves(&server);
    server.stop();
}

#[test]
fn a_child_killed_with_requests_in_hand() {
    one_dies("KILL");
}

#[test]
fn a_child_crashing_with_requests_in_hand() {
    one_dies("SEGV");
}

#[test]
fn all_children_killed_again_and_again() {
    needs_children!();
    let server = setup()
        .script("cgi-bin/hi", "printf 'Content-Type: text/plain\\n\\nhi\\n'")
        .conf(&several_children())
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/")
        .start();
    server.get("/cgi-bin/hi").is(200).body("hi\n");
    for round in 0..4 {
        for child in server.children() {
            signal(child, if round % 2 == 0 { "KILL" } else { "SEGV" });
        }
        // A client may still be taken by a child that dies: what counts is that one is answered soon.
        assert!(eventually(SOON, || answers(&server)), "round {round}");
    }
    // The process that starts programs was killed with them.
    let program = || answers_with(&server, "/cgi-bin/hi", b"\nhi\n");
    assert!(eventually(SOON, program));
    serves(&server);
    server.stop();
}

/// Asks for a file without demanding an answer.
fn answers(server: &Server) -> bool {
    answers_with(server, "/a.txt", b"hello\n")
}

/// The same for anything, by the end of its body.
fn answers_with(server: &Server, path: &str, end: &[u8]) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(addr(server)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(SOON));
    let _ = stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    text.ends_with(end)
}

#[test]
fn the_parent_killed() {
    needs_children!();
    let mut server = setup()
        .conf(&several_children())
        .conf("Timeout 60\nCustomLog \"|/bin/cat\" %h")
        .start();
    let idle = server.client();
    serves(&server);
    let mut begun = download(&server);
    assert!(eventually(SOON, || holder(&server, begun.local_port()).is_some()));
    server.signal("KILL");
    server.await_end(SOON);
    // Nobody new is taken, and what was begun is finished.
    let free = || TcpListener::bind(addr(&server)).is_ok();
    assert!(
        eventually(Duration::from_secs(3), free),
        "the port is not free"
    );
    assert_eq!(begun.response().body.len(), BIG);
    drop((idle, begun));
    all_gone(&server, Duration::from_secs(6));
}

#[test]
fn the_parent_killed_and_started_again() {
    let mut server = setup().start();
    serves(&server);
    server.signal("KILL");
    server.await_end(SOON);
    let again = || server.command(&["-k", "start"]).code == 0;
    let up = eventually(Duration::from_secs(5), again) && eventually(SOON, || answers(&server));
    server.command(&["-k", "stop"]);
    all_gone(&server, SOON);
    assert!(up);
}

#[test]
fn a_child_that_is_stopped_is_no_obstacle() {
    needs_children!();
    let mut server = setup().conf(&several_children()).start();
    let mut client = server.client();
    client.send("GET /a");
    let mut sleeper = None;
    assert!(eventually(SOON, || {
        sleeper = holder(&server, client.local_port());
        sleeper.is_some()
    }));
    let sleeper = sleeper.expect("a child");
    drop(client);
    signal(sleeper, "STOP");
    let good = (0..10).filter(|_| quickly(&server)).count();
    signal(sleeper, "CONT");
    // What the sleeper itself had taken waits; event and worker spread over the others, prefork's others take all.
    assert!(good >= 5, "{good} of 10 answered");
    signal(sleeper, "STOP");
    server.signal("TERM");
    server.await_end(Duration::from_secs(15));
    all_gone(&server, SOON);
}

fn quickly(server: &Server) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(addr(server)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let _ = stream.write_all(b"GET /a.txt HTTP/1.0\r\n\r\n");
    let mut text = [0; 4096];
    stream.read(&mut text).is_ok_and(|n| n > 0)
}
