//! Requests that two servers might read differently (tests/corpus/smuggling), sent to the running server: each gets the
//! answers that its one reading allows, and what hides in it is never served.

#[path = "../corpus/smuggling/live.rs"]
mod live;
#[path = "../corpus/smuggling/reader.rs"]
mod reader;

use crate::harness::{is_apache, Server, Setup};
use reader::Case;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

/// Longest wait for a byte: more than the server itself waits for a request or a body.
const PATIENCE: Duration = Duration::from_secs(8);
/// Cases that are under way at once, so that those that wait for a timeout wait together.
const AT_ONCE: usize = 12;

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/index.html", "index\n")
            .file("htdocs/smuggled", live::MARKER)
            .conf("KeepAliveTimeout 1\nTimeout 2\nCustomLog logs/requests \"%>s %r\"")
            .start()
    })
}

/// Replays all cases whose name begins with the group's.
fn replay(group: &str) {
    if is_apache() {
        eprintln!("left out: the corpus is stricter than Apache");
        return;
    }
    let cases: Vec<Case> = reader::cases()
        .into_iter()
        .filter(|case| group_of(case) == group)
        .collect();
    assert!(!cases.is_empty(), "no case of {group}");
    let addr = SocketAddr::from(([127, 0, 0, 1], server().port(0)));
    let next = AtomicUsize::new(0);
    let client = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(live::replay(addr, case, PATIENCE).err());
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(client)).collect();
        let results = clients.into_iter().map(|c| c.join().expect("a client"));
        results.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let log = server().read("logs/requests");
    // The line of a head that was refused may name it.
    let served = |line: &&str| !line.starts_with('4') && line.contains("/smuggled");
    assert_eq!(
        log.lines().find(served),
        None,
        "a hidden request was served"
    );
}

fn group_of(case: &Case) -> &str {
    case.name.split('-').next().unwrap_or_default()
}

macro_rules! groups {
    ($($name:ident),*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*

        #[test]
        fn every_group_is_replayed() {
            let cases = reader::cases();
            let groups: BTreeSet<&str> = cases.iter().map(group_of).collect();
            assert_eq!(groups, BTreeSet::from([$(stringify!($name)),*]));
            assert!(cases.len() >= 150, "only {} cases", cases.len());
        }
    };
}

groups!(chunk, cl, host, target, te, request, name, plain, field, line);
