//! Many clients at a time: reloads that lose nothing, and a large tree that arrives as it is.

use crate::harness::program::is_windows;
use crate::harness::server::signal;
use crate::harness::{eventually, fact, is_apache, mpm, ours_only, Server, Setup, Traffic};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
const RELOADS: usize = 20;

/// Asks for a reload and waits until its line is in the error log; false if it does not come.
fn reload(s: &Server, number: usize) -> bool {
    s.signal("USR1");
    let done = || {
        s.read("logs/error_log")
            .matches("resuming normal operations")
            .count()
            > number
    };
    eventually(Duration::from_secs(20), done)
}

#[test]
fn twenty_graceful_restarts_lose_no_request() {
    ours_only!();
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("MaxKeepAliveRequests 0\nKeepAliveTimeout 20\n<IfModule mpm_prefork_module>\nStartServers 8\nMaxRequestWorkers 150\nServerLimit 150\nMaxSpareServers 80\nMinSpareServers 20\n</IfModule>")
        .start();
    let addr = SocketAddr::from(([127, 0, 0, 1], s.port(0)));
    let (reloaded, met) = Traffic::during(addr, CLIENTS, |traffic| {
        let busy = |reloads: usize| traffic.answered() >= CLIENTS * reloads;
        let wait = |reloads| eventually(Duration::from_secs(20), || busy(reloads));
        (1..=RELOADS).all(|number| reload(&s, number) && wait(number))
    });
    assert!(
        reloaded,
        "a reload did not end:\n{}",
        s.read("logs/error_log")
    );
    // Where a restart waits for all threads, nobody serves meanwhile.
    let rounds = match fact("restart").as_str() {
        "waits" => 1,
        _ => RELOADS,
    };
    assert!(met.answered >= CLIENTS * rounds, "{met:?}");
    met.nothing_lost();
}

/// The manual of Debian's package where it is installed, else a tree made here.
fn tree(setup: &Setup) -> PathBuf {
    let manual = Path::new("/usr/share/doc/apache2-doc/manual");
    if manual.join("en").is_dir() {
        return manual.to_owned();
    }
    let root = setup.root().join("tree");
    for n in 0..2000usize {
        let folder = root.join(format!("d{}/e{}", n % 17, n % 5));
        std::fs::create_dir_all(&folder).expect("a folder");
        let suffix = ["html", "css", "png", "txt", "js"][n % 5];
        let content: Vec<u8> = (0..n * 37).map(|i| (i * 31 + n) as u8).collect();
        std::fs::write(folder.join(format!("f{n}.{suffix}")), content).expect("a file");
    }
    root
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.metadata() {
            Ok(meta) if meta.is_dir() => files_below(&path, out),
            Ok(meta) if meta.is_file() => out.push(path),
            _ => {}
        }
    }
}

/// Clients that hold connections: half of them in the head of a request, half in the middle of an answer.
fn slow_clients(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    let open = |n: usize| {
        let mut socket = TcpStream::connect(addr).expect("a connection");
        let text = match n % 2 {
            0 => "GET /a.txt HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
            _ => "GET /big.bin HTTP/1.1\r\nHost: slow\r\n\r\n",
        };
        socket.write_all(text.as_bytes()).expect("sent");
        socket
    };
    (0..count).map(open).collect()
}

#[test]
fn a_large_tree_arrives_as_it_is() {
    let setup = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .zeros("htdocs/big.bin", 60_000_000);
    let tree = tree(&setup);
    let mut files = Vec::new();
    files_below(&tree, &mut files);
    files.truncate(2500);
    assert!(files.len() >= 1500, "{} files are too few", files.len());
    let conf = format!(
        "Alias /tree {0}\n<Directory {0}>\nRequire all granted\nOptions FollowSymLinks\n</Directory>\nMaxKeepAliveRequests 0\n<IfModule reqtimeout_module>\nRequestReadTimeout header=0 body=0\n</IfModule>\n\
         <IfModule mpm_event_module>\nServerLimit 16\nThreadsPerChild 25\nMaxRequestWorkers 400\nMinSpareThreads 25\nMaxSpareThreads 250\n</IfModule>\n",
        tree.display()
    );
    let s = setup.conf(&conf).start();
    let addr = SocketAddr::from(([127, 0, 0, 1], s.port(0)));
    // Only event serves others while so many hold their connections.
    let held = if mpm() == "event" && !is_apache() {
        slow_clients(addr, 200)
    } else {
        Vec::new()
    };
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = s.client();
                loop {
                    let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    let below = file
                        .strip_prefix(&tree)
                        .expect("below")
                        .display()
                        .to_string();
                    check_file(
                        &mut client,
                        &format!("/tree/{}", below.replace('%', "%25").replace(' ', "%20")),
                        file,
                    );
                }
            });
        }
    });
    // Wine turns each call into several, and all of them through one server.
    let limit = Duration::from_secs(if is_windows() { 240 } else { 60 });
    assert!(
        started.elapsed() < limit,
        "the crawl took {:?}",
        started.elapsed()
    );
    drop(held);
}

/// A file whole, again by its tag, and a range of it.
fn check_file(client: &mut crate::harness::Client, url: &str, file: &Path) {
    let content = std::fs::read(file).expect("a file");
    let whole = client.get(url);
    whole.is(200);
    assert_eq!(
        whole.header("Content-Length"),
        Some(content.len().to_string().as_str()),
        "{url}"
    );
    assert!(whole.body == content, "{url} did not arrive as it is");
    if url.ends_with(".html") || url.ends_with(".css") || url.ends_with(".png") {
        let kind = whole.header("Content-Type").unwrap_or_default().to_owned();
        let wanted = if url.ends_with(".png") {
            "image/png"
        } else {
            "text/"
        };
        assert!(kind.starts_with(wanted), "{url} came as {kind}");
    }
    let tag = whole.header("ETag").expect("a tag").to_owned();
    let again = client
        .send(format!(
            "GET {url} HTTP/1.1\r\nHost: load\r\nIf-None-Match: {tag}\r\n\r\n"
        ))
        .response();
    again.is(304);
    if content.len() > 20 {
        let part = client
            .send(format!(
                "GET {url} HTTP/1.1\r\nHost: load\r\nRange: bytes=5-14\r\n\r\n"
            ))
            .response();
        part.is(206);
        assert!(part.body == content[5..15], "{url}: a range is wrong");
    }
}

/// Names of the log as it is moved away, and its own name last.
fn all_logs(moves: usize) -> Vec<String> {
    let mut names: Vec<_> = (0..moves).map(|n| format!("logs/moved.{n}")).collect();
    names.push("logs/moving".into());
    names
}

/// `mv access_log x; apachectl reopen` while requests are answered: no line is lost or torn, no process is replaced.
fn moved_logs(tell: impl Fn(&Server)) {
    const MOVES: usize = 4;
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("MaxKeepAliveRequests 0\nCustomLog logs/moving \"<%P %q>\"")
        .start();
    let (end, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let followed = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = s.client();
                while !end.load(Ordering::Relaxed) {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    client.get(&format!("/a.txt?n={number}")).is(200);
                }
            });
        }
        // Nothing may panic before the clients are told to end, since the scope waits for them.
        let followed = (0..MOVES).all(|number| {
            let seen = made.load(Ordering::Relaxed);
            let busy = || made.load(Ordering::Relaxed) > seen + 200;
            let (from, to) = (
                s.root().join("logs/moving"),
                s.root().join(format!("logs/moved.{number}")),
            );
            let moved =
                eventually(Duration::from_secs(10), busy) && std::fs::rename(from, to).is_ok();
            tell(&s);
            moved
                && eventually(Duration::from_secs(20), || {
                    s.read("logs/moving").contains('<')
                })
        });
        end.store(true, Ordering::Relaxed);
        followed
    });
    assert!(followed, "the log was not opened anew");
    let total = made.load(Ordering::Relaxed);
    let complete = || {
        all_logs(MOVES)
            .iter()
            .map(|n| s.read(n).lines().count())
            .sum::<usize>()
            >= total
    };
    assert!(
        eventually(Duration::from_secs(10), complete),
        "lines are missing"
    );
    let text: String = all_logs(MOVES).iter().map(|n| s.read(n)).collect();
    let mut numbers = std::collections::BTreeSet::new();
    let mut pids = std::collections::BTreeSet::new();
    for line in text.lines() {
        let inner = line
            .strip_prefix('<')
            .and_then(|l| l.strip_suffix('>'))
            .unwrap_or_else(|| panic!("torn: {line}"));
        let (pid, query) = inner
            .split_once(" ?n=")
            .unwrap_or_else(|| panic!("torn: {line}"));
        pids.insert(pid.to_owned());
        assert!(
            numbers.insert(query.parse::<usize>().expect("a number")),
            "twice: {line}"
        );
    }
    assert_eq!(numbers.len(), total);
    for pid in pids {
        assert!(
            Path::new("/proc").join(&pid).exists(),
            "child {pid} was replaced"
        );
    }
}

#[test]
fn moved_logs_are_opened_anew_on_request() {
    ours_only!();
    moved_logs(|s| signal(s.pid(), "USR2"));
}

#[test]
fn moved_logs_are_noticed() {
    ours_only!();
    moved_logs(|_| {});
}
