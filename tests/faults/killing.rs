//! Children killed at random under load: each costs the connections that it had, and nothing else.

use crate::harness::server::signal;
use crate::harness::{eventually, Server, Traffic};
use crate::sight::{
    addr, connections_of, is_long, needs_children, setup, several_children, Dice, Health, SOON,
    WITH_STATUS,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;

/// Kills at least, however slow the machine.
const FEWEST: usize = 4;

/// Kills one child; gives how many connections it had. A process that is stopped takes no more between the count and its death.
fn kill_one(server: &Server, dice: &mut Dice) -> usize {
    let children = server.children();
    let Some(victim) = children.get(dice.roll(children.len().max(1) as u64) as usize) else {
        return 0;
    };
    signal(*victim, "STOP");
    eventually(SOON, || is_stopped(*victim));
    let held = connections_of(server, *victim);
    signal(*victim, "KILL");
    held
}

fn is_stopped(pid: u32) -> bool {
    // A process that has ended meanwhile has no state.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.starts_with(['R', 'S', 'D'])
}

#[test]
fn children_killed_at_random_cost_what_they_held() {
    needs_children!();
    let time = Duration::from_secs(if is_long() { 60 } else { 4 });
    let server = setup()
        .conf(&several_children())
        .conf(WITH_STATUS)
        .conf("KeepAliveTimeout 30")
        .start();
    let health = Health::of(&server);
    let mut dice = Dice(0x5bd1_e995_9b1d_4f6d);
    let started = Instant::now();
    let ((kills, held), met) = Traffic::during(addr(&server), CLIENTS, |_| {
        let (mut kills, mut held) = (0, 0);
        while started.elapsed() < time || kills < FEWEST {
            held += kill_one(&server, &mut dice);
            kills += 1;
            std::thread::sleep(Duration::from_millis(50 + dice.roll(200)));
        }
        (kills, held)
    });
    println!(
        "{kills} children killed with {held} connections: {} requests lost, {} answered",
        met.lost.len(),
        met.answered
    );
    assert!(met.answered > CLIENTS, "{met:?}");
    assert!(met.lost.len() <= held, "{held} were held: {met:?}");
    health.demand(&server);
    server.stop();
}

/// Half of the children, killed by a shell a moment later.
fn kill_half(server: &Server) -> std::process::Child {
    let children = server.children();
    let half = children.iter().take(children.len().div_ceil(2));
    let pids: String = half.map(|pid| format!(" {pid}")).collect();
    let script = format!("sleep 0.005; kill -KILL{pids} 2>/dev/null");
    let shell = Command::new("sh").args(["-c", &script]).spawn();
    shell.expect("a shell")
}

/// Whether one request, while nobody else asks for anything, is answered or cut off within the time.
fn is_let_in(server: &Server) -> bool {
    let mut stream = TcpStream::connect(addr(server)).expect("connected");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let _ = stream.write_all(b"GET /a.txt HTTP/1.0\r\n\r\n");
    let mut bytes = [0; 1];
    let read = stream.read(&mut bytes);
    !read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn nobody_waits_for_a_child_that_was_killed_as_it_was_told_of_him() {
    needs_children!();
    let server = setup().conf(&several_children()).start();
    let mut dice = Dice(0x27d4_eb2f_1656_67c5);
    for round in 0..if is_long() { 200 } else { 15 } {
        assert!(eventually(SOON, || server.children().len() >= 3));
        let mut shell = kill_half(&server);
        std::thread::sleep(Duration::from_micros(dice.roll(14_000)));
        assert!(is_let_in(&server), "round {round}");
        let _ = shell.wait();
    }
    server.stop();
}
