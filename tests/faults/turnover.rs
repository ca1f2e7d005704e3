//! An hour of children that come and go, pressed together: reloads, children that have served enough, pools that shrink. No request
//! on any connection may be lost by them.

use crate::harness::program::fact;
use crate::harness::server::signal;
use crate::harness::{eventually, mpm, Server, Traffic};
use crate::sight::{addr, is_long, lines, setup, Health, SOON, WITH_STATUS};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const CLIENTS: usize = 32;

/// A pool that begins far above what its spare limits allow, so that each second a child is let go.
fn shrinking_pool() -> &'static str {
    match mpm().as_str() {
        "prefork" => "StartServers 50\nMinSpareServers 2\nMaxSpareServers 4\nMaxRequestWorkers 60",
        "beos" => "StartThreads 45\nMinSpareThreads 2\nMaxSpareThreads 4\nMaxClients 50",
        "mpm_netware" => "StartThreads 50\nMinSpareThreads 2\nMaxSpareThreads 4\nMaxThreads 60",
        "mpmt_os2" => "StartServers 3\nMinSpareThreads 2\nMaxSpareThreads 4",
        _ => "StartServers 10\nThreadsPerChild 6\nMinSpareThreads 6\nMaxSpareThreads 13\nMaxRequestWorkers 60",
    }
}

/// The directive that lets a child, or a thread, go after so many connections.
fn worn_after(connections: u32) -> String {
    let name = match mpm().as_str() {
        "beos" => "MaxRequestsPerThread",
        _ => "MaxConnectionsPerChild",
    };
    format!("{name} {connections}")
}

fn restarts(server: &Server) -> usize {
    lines(server, "resuming normal operations")
}

/// Sends one graceful restart and waits until it is done and the clients have had their share of what follows.
fn restart(server: &Server, traffic: &Traffic, pause: Duration) -> bool {
    let (before, answered) = (restarts(server), traffic.answered());
    let started = Instant::now();
    signal(server.pid(), "USR1");
    eventually(Duration::from_secs(30), || {
        restarts(server) > before
            && traffic.answered() >= answered + CLIENTS
            && started.elapsed() >= pause
    })
}

/// Reloads under load; gives how many requests were answered and how many processes answered them.
fn turn_over(conf: &str, reloads: usize, pause: Duration) -> (usize, usize) {
    let server = setup()
        .conf(conf)
        .conf(WITH_STATUS)
        .conf("KeepAliveTimeout 30\nMaxKeepAliveRequests 50\nCustomLog logs/pids %P")
        .start();
    let health = Health::of(&server);
    let started = Instant::now();
    let (done, met) = Traffic::during(addr(&server), CLIENTS, |traffic| {
        (0..reloads).all(|_| restart(&server, traffic, pause))
    });
    println!(
        "{}: {} requests lost of {} in {reloads} graceful restarts under load, {:?}",
        mpm(),
        met.lost.len(),
        met.answered,
        started.elapsed()
    );
    assert!(done, "a reload did not end");
    met.nothing_lost();
    for sign in ["is ended", "are ended", "exit signal"] {
        assert_eq!(lines(&server, sign), 0, "{sign}");
    }
    health.demand(&server);
    let text = server.read("logs/pids");
    let pids: BTreeSet<&str> = text.lines().collect();
    server.stop();
    (met.answered, pids.len())
}

#[test]
fn reloads_worn_children_and_shrinking_pools_lose_no_request() {
    // Rounds of maintenance, which let children go, are a second apart.
    let (reloads, pause) = match is_long() {
        true => (100, Duration::from_millis(1200)),
        false => (4, Duration::from_millis(1200)),
    };
    let conf = format!("{}\n{}", shrinking_pool(), worn_after(5));
    let (_, processes) = turn_over(&conf, reloads, pause);
    if !crate::harness::program::one_process() {
        assert!(processes >= 4 * reloads, "{processes} processes took part");
    }
}

#[test]
fn graceful_restarts_one_upon_the_other_lose_no_request() {
    let reloads = if is_long() { 100 } else { 8 };
    let (answered, _) = turn_over(shrinking_pool(), reloads, Duration::ZERO);
    // Where a restart waits for all threads, nobody serves meanwhile.
    if fact("restart") != "waits" {
        assert!(answered >= CLIENTS * reloads, "{answered} answered");
    }
}

#[test]
fn a_lone_request_at_the_moment_of_a_reload_is_answered() {
    if fact("restart") == "waits" {
        eprintln!("left out: nobody is served while a restart of this MPM waits");
        return;
    }
    let server = setup().conf(shrinking_pool()).start();
    let reloads = if is_long() { 100 } else { 12 };
    for number in 1..=reloads {
        signal(server.pid(), "USR1");
        // One at a time, so that no other connection wakes whoever was not told of this one.
        while restarts(&server) <= number {
            lone(&server);
        }
        (0..20).for_each(|_| lone(&server));
    }
    server.stop();
}

fn lone(server: &Server) {
    let started = Instant::now();
    server.get("/a.txt").is(200);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "answered after {took:?}");
}

#[test]
fn such_a_pool_does_shrink() {
    if mpm() == "mpmt_os2" {
        eprintln!("left out: each child of this MPM has a pool of its own");
        return;
    }
    let server = setup().conf(shrinking_pool()).start();
    let threads = |pid| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let mut most = 0;
    let shrinks = eventually(SOON, || {
        let family = server.children().into_iter().chain([server.pid()]);
        let now: usize = family.map(threads).sum();
        most = most.max(now);
        now < most
    });
    assert!(shrinks, "{most} threads, and never fewer");
    server.stop();
}
