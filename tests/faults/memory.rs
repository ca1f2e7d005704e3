//! Memory that runs out (RLIMIT_AS): who asks for it may fail, and a child may end; the server goes on, and is whole again once
//! there is memory.

use crate::harness::{eventually, Server, Traffic};
use crate::sight::{
    addr, is_long, lines, needs_children, setup, several_children, Health, SOON, WITH_STATUS,
};
use std::process::Command;

/// How many bytes more than it has a process may get.
const LIMITS: [u64; 6] = [0, 64 << 10, 1 << 20, 8 << 20, 64 << 20, 512 << 20];

/// Lets a process, and those that it makes, have this many bytes of addresses, or as many as it likes.
fn limit(pid: u32, bytes: Option<u64>) {
    let soft = bytes.map_or("unlimited".to_string(), |bytes| bytes.to_string());
    let done = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--as={soft}:")])
        .status();
    assert!(done.is_ok_and(|status| status.success()), "prlimit");
}

/// Addresses that a process uses, in bytes.
fn addresses(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: Option<u64> = statm.split(' ').next().and_then(|word| word.parse().ok());
    pages.unwrap_or(0) * 4096
}

/// Asks for a reload and waits until it is done or refused: without memory either may be.
fn reload(server: &Server) {
    let outcomes = || lines(server, "resuming normal operations") + lines(server, "was not taken");
    let before = outcomes();
    server.signal("USR1");
    assert!(eventually(SOON, || outcomes() > before), "no outcome");
}

#[test]
fn memory_runs_out() {
    needs_children!();
    let server = setup().conf(&several_children()).conf(WITH_STATUS).start();
    let health = Health::of(&server);
    let rounds = if is_long() { 12 } else { 1 };
    let (asked, met) = Traffic::during(addr(&server), 6, |traffic| {
        let mut asked = 0;
        for more in LIMITS.repeat(rounds) {
            limit(server.pid(), Some(addresses(server.pid()) + more));
            reload(&server);
            // The parent has memory again; the children that it made meanwhile have not.
            limit(server.pid(), None);
            let answered = traffic.answered();
            assert!(eventually(SOON, || traffic.answered() > answered + 200));
            reload(&server);
            asked += 2;
        }
        asked
    });
    let done = lines(&server, "resuming normal operations");
    println!(
        "{done} of {asked} reloads done, {} requests answered, {} lost: {:?}",
        met.answered,
        met.lost.len(),
        met.lost.first()
    );
    assert!(done < 2 + asked, "there was always memory");
    // A child that cannot have memory ends, with what it had; most have what they need.
    assert!(met.lost.len() * 20 <= met.answered, "{met:?}");
    health.demand(&server);
    server.stop();
}
