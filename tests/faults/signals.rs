//! Signals at odd times.

use crate::harness::server::signal;
use crate::harness::{eventually, Server};
use crate::sight::{addr, is_long, lines, serves, setup, Dice, Health, SOON, WITH_STATUS};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the parent hears in a storm. What would stop it is the calm's.
const FOR_THE_PARENT: [&str; 6] = ["HUP", "USR1", "USR1", "USR2", "CHLD", "PIPE"];

/// What a child hears besides.
const FOR_CHILDREN: [&str; 5] = ["USR1", "USR2", "WINCH", "CHLD", "PIPE"];

/// Sends this many signals of a mixture to the server, at times of a fixed seed; each fourth to a child.
fn storm(server: &Server, count: usize) {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut sent = 0;
    while sent < count {
        // A shell sends some of them: a process for each would make the storm a breeze.
        let mut script = String::new();
        let children = server.children();
        for _ in 0..GUST {
            let (pid, names) = match dice.roll(4) {
                0 if !children.is_empty() => {
                    let place = dice.roll(children.len() as u64) as usize;
                    (children[place], &FOR_CHILDREN[..])
                }
                _ => (server.pid(), &FOR_THE_PARENT[..]),
            };
            let name = names[dice.roll(names.len() as u64) as usize];
            // A child may have ended.
            script += &format!("kill -{name} {pid} 2>/dev/null\n");
            match dice.roll(5) {
                0 => script += "sleep 0.02\n",
                1 => script += "sleep 0.005\n",
                _ => {}
            }
        }
        let done = Command::new("sh").args(["-c", &script]).status();
        assert!(done.is_ok_and(|status| status.code().is_some()));
        sent += GUST;
    }
}

/// Signals that are sent to the processes there are at one moment.
const GUST: usize = 50;

#[test]
fn a_storm_of_signals() {
    let server = setup().conf(WITH_STATUS).start();
    serves(&server);
    let health = Health::of(&server);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !end.load(Ordering::Relaxed) {
                    drop(TcpStream::connect(addr(&server)));
                    std::thread::sleep(Duration::from_millis(3));
                }
            });
        }
        storm(&server, if is_long() { 1000 } else { 200 });
        end.store(true, Ordering::Relaxed);
    });
    // One generation's children, and what there was before.
    health.demand(&server);
    assert!(eventually(SOON, || server.children().len() <= 13));
    assert_eq!(lines(&server, "exit signal"), 0);
    server.stop();
}

#[test]
fn a_storm_on_the_children() {
    let server = setup().start();
    for _ in 0..5 {
        for child in server.children() {
            for name in ["HUP", "USR1", "WINCH", "CHLD", "PIPE", "ALRM", "USR2"] {
                signal(child, name);
            }
        }
        assert!(eventually(SOON, || {
            let mut client = server.client();
            client.send("GET /a.txt HTTP/1.0\r\n\r\n");
            client.next(false).is_some_and(|r| r.status == 200)
        }));
    }
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn stopped_in_the_middle_of_reloads() {
    for round in 0..4 {
        let mut server = setup().start();
        for _ in 0..round {
            server.signal("USR1");
        }
        server.signal(if round % 2 == 0 { "HUP" } else { "USR1" });
        server.signal("TERM");
        let status = server.await_end(SOON);
        assert!(status.success(), "{status:?}");
        crate::sight::all_gone(&server, SOON);
    }
}
