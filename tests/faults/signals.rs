//! Signals at odd times.

use crate::harness::eventually;
use crate::harness::server::signal;
use crate::sight::{addr, descriptors, serves, setup, SOON};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Sends this many signals of a mixture to a process, at times of a fixed seed.
fn storm(pid: u32, count: usize) {
    // One shell sends them all: a process for each would make the storm a breeze.
    let mut script = String::new();
    let mut number = 0x2545_f491_4f6c_dd1du64;
    for _ in 0..count {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        let name = ["HUP", "USR1", "USR1", "CHLD", "CHLD", "PIPE"][(number >> 20) as usize % 6];
        script += &format!("kill -{name} {pid}\n");
        match (number >> 40) % 5 {
            0 => script += "sleep 0.02\n",
            1 => script += "sleep 0.005\n",
            _ => {}
        }
    }
    let done = Command::new("sh").args(["-c", &script]).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "the parent is gone"
    );
}

#[test]
fn a_storm_of_signals() {
    let server = setup().start();
    serves(&server);
    let before = descriptors(server.pid());
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
        storm(server.pid(), 200);
        end.store(true, Ordering::Relaxed);
    });
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    let log = server.read("logs/error_log");
    assert!(!log.contains("exit signal"), "{log}");
    assert!(!log.contains("panic"), "{log}");
    // What the storm left is cleaned up: one generation's children, and no descriptor more than before.
    let settled = eventually(Duration::from_secs(8), || {
        server.children().len() <= 10 && descriptors(server.pid()) <= before + 3
    });
    assert!(
        settled,
        "{} children, {} descriptors of {before}",
        server.children().len(),
        descriptors(server.pid())
    );
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
