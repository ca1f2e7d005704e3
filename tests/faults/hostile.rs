//! A child gone wild in the memory that all processes share: the parent believes nothing that stands there, and a child can write
//! no page but its own.

use crate::crashes::{answer, sabotaged};
use crate::harness::{eventually, mpm, Server};
use crate::sight::{addr, lines, needs_children, serves, SOON};
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::process::{Child, Command};

/// More children than a configuration of `several_children` can have: one worker each at least.
const MOST: usize = 20;

/// A process that is none of the server's, and that a signal would end.
struct Stranger(Child);

impl Stranger {
    fn new() -> Stranger {
        let sleep = Command::new("sleep").arg("300").spawn();
        Stranger(sleep.expect("sleep"))
    }

    fn lives(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status() -> &'static str {
    "<Location /server-status>\nSetHandler server-status\n</Location>\nExtendedStatus On\nScoreBoardFile board"
}

/// Each line of `?auto` is a name and a value, and the scoreboard has known letters only.
fn demand_good_status(server: &Server) {
    let response = server.get("/server-status?auto");
    response.is(200);
    let text = response.text();
    for line in text.lines().skip(1) {
        let (name, value) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("{line:?} in {text}"));
        assert!(
            !name.is_empty() && line.bytes().all(|b| matches!(b, b' '..=b'~')),
            "{line:?}"
        );
        if name == "Scoreboard" {
            assert!(value.chars().all(|c| "_SRWKDCLGI.".contains(c)), "{line}");
        }
        if ["BusyWorkers", "IdleWorkers", "Processes", "Total Accesses"].contains(&name) {
            assert!(value.parse::<u64>().is_ok(), "{line}");
        }
    }
    for name in ["BusyWorkers", "IdleWorkers", "Scoreboard", "Total Accesses"] {
        assert!(text.contains(&format!("\n{name}: ")), "no {name} in {text}");
    }
    server.get("/server-status").is(200).contains("</html>");
}

#[test]
fn a_child_writes_nonsense_to_its_own_pages() {
    needs_children!();
    let mut stranger = Stranger::new();
    let mut server = sabotaged()
        .env("STRANGER", &stranger.0.id().to_string())
        .conf(status())
        .start();
    demand_good_status(&server);
    let scribbling = std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| answer(&server, "a", "/scribble-own"));
        let mut looks = 0;
        while !scribbler.is_finished() {
            demand_good_status(&server);
            let children = server.children();
            assert!(children.len() <= MOST, "too many children: {children:?}");
            looks += 1;
        }
        (scribbler.join(), looks)
    });
    // It wrote all that it meant to, for some seconds, and went on to answer.
    let text = scribbling.0.expect("an answer");
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
    assert!(scribbling.1 > 3, "{} looks", scribbling.1);
    assert!(
        stranger.lives(),
        "a process that is none of the server's was signalled"
    );
    assert!(server.ended().is_none());
    // The next rounds of maintenance, and a reload, have only the nonsense to look at.
    server.command(&["-k", "graceful"]).exit(0);
    let settled = eventually(SOON, || (1..=MOST).contains(&server.children().len()));
    assert!(settled, "{:?}", server.children());
    demand_good_status(&server);
    serves(&server);
    assert!(stranger.lives());
    assert_eq!(lines(&server, "exit signal") + lines(&server, "panick"), 0);
    server.stop();
    assert!(stranger.lives(), "stopped with the server");
}

#[test]
fn a_child_cannot_write_the_pages_of_others() {
    needs_children!();
    let server = sabotaged().conf(status()).start();
    assert!(eventually(SOON, || server.children().len() >= 3));
    let before: BTreeSet<u32> = server.children().into_iter().collect();
    assert_eq!(answer(&server, "a", "/scribble-all"), "");
    server.logged("while it worked on GET /scribble-all of");
    let after: BTreeSet<u32> = server.children().into_iter().collect();
    assert_eq!(before.difference(&after).count(), 1, "{before:?} {after:?}");
    assert_eq!(lines(&server, "exit signal"), 1);
    demand_good_status(&server);
    server.stop();
}

#[test]
fn a_child_that_says_it_has_no_room_is_no_reason_to_fork_for_ever() {
    needs_children!();
    let server = sabotaged().conf(status()).start();
    // In turn, so that many children are full of nonsense at the same time; a parent that believed them would start children, or
    // dismiss them, without end.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| answer(&server, "a", "/scribble-own"));
        }
    });
    assert!(server.children().len() <= MOST);
    assert!(eventually(SOON, || TcpStream::connect(addr(&server)).is_ok()));
    serves(&server);
    demand_good_status(&server);
    assert_eq!(lines(&server, "exit signal"), 0, "{}", mpm());
    server.stop();
}
