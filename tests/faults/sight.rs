//! What is seen of a server from outside, and the servers the cases start.

use crate::harness::program::pool;
use crate::harness::server::processes;
use crate::harness::{eventually, Client, Server, Setup};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for what should come at once.
pub const SOON: Duration = Duration::from_secs(10);

/// Far more than all socket buffers hold.
pub const BIG: usize = 24_000_000;

/// A server with a small and a big file, and little patience with clients.
pub fn setup() -> Setup {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .zeros("htdocs/big.bin", BIG)
        .conf("KeepAliveTimeout 2\nTimeout 5\nGracefulShutdownTimeout 2")
}

/// A pool of several children from the start, where the MPM has children.
pub fn several_children() -> String {
    pool(12, 4, 4, 20)
}

/// Ends a case about children where one process serves by itself.
macro_rules! needs_children {
    () => {
        if crate::harness::program::one_process() {
            eprintln!("left out: this MPM has no children");
            return;
        }
    };
}

pub(crate) use needs_children;

/// The first port's address.
pub fn addr(server: &Server) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.port(0)))
}

/// The server answers, with what it should.
pub fn serves(server: &Server) {
    server.get("/a.txt").is(200).body("hello\n");
}

/// Begins a download that no buffer can hold, and reads only its first line.
pub fn download(server: &Server) -> Client {
    let mut client = server.client();
    client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client
}

/// Lines of the error log that contain a text.
pub fn lines(server: &Server, part: &str) -> usize {
    let log = server.read("logs/error_log");
    log.lines().filter(|line| line.contains(part)).count()
}

/// Descriptors a process has open; 0 where it has ended.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |list| list.count())
}

/// All that serve, the parent among them: where one process does all, it is the one.
pub fn family(server: &Server) -> Vec<u32> {
    let mut family = server.children();
    family.push(server.pid());
    family
}

/// What clients have open in the server: their connections, and files below its document root.
pub fn held(server: &Server) -> usize {
    let of = |pid| connections_of(server, pid) + files_of(server, pid);
    family(server).into_iter().map(of).sum()
}

/// How many files below the document root a process has open.
fn files_of(server: &Server, pid: u32) -> usize {
    let root = server.root().join("htdocs");
    opened(pid).filter(|name| name.starts_with(&root)).count()
}

/// What the descriptors of a process are of.
fn opened(pid: u32) -> impl Iterator<Item = PathBuf> {
    let list = fs::read_dir(format!("/proc/{pid}/fd"));
    let entries = list.into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok())
}

/// All that serve, once each of their threads has what it needs: their number of descriptors does not change any more.
pub fn family_at_rest(server: &Server) -> Vec<u32> {
    let mut last = (Vec::new(), 0);
    let rests = eventually(SOON, || {
        std::thread::sleep(Duration::from_millis(200));
        let family = family(server);
        let now = (family.clone(), descriptors_of(&family));
        std::mem::replace(&mut last, now.clone()) == now
    });
    assert!(rests, "no rest");
    last.0
}

/// Descriptors of several processes.
pub fn descriptors_of(pids: &[u32]) -> usize {
    pids.iter().map(|pid| descriptors(*pid)).sum()
}

/// The highest descriptor of a process.
pub fn highest_descriptor(pid: u32) -> u32 {
    let list = fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
    let numbers = list
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok());
    numbers.max().unwrap_or(0)
}

/// The child that holds the connection which has this port on our side.
pub fn holder(server: &Server, client_port: u16) -> Option<u32> {
    holder_among(&family(server), server, client_port)
}

/// The same, of these children.
pub fn holder_among(children: &[u32], server: &Server, client_port: u16) -> Option<u32> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let ports = |text: &str| u16::from_str_radix(text.rsplit_once(':')?.1, 16).ok();
    let inode = table.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours = ports(words.get(1)?)? == server.port(0) && ports(words.get(2)?)? == client_port;
        ours.then(|| format!("socket:[{}]", words.get(9).unwrap_or(&"")))
    })?;
    let mut children = children.iter().copied();
    children.find(|pid| opened(*pid).any(|name| name.as_os_str() == inode.as_str()))
}

/// Waits until nothing of the server runs any more.
pub fn all_gone(server: &Server, limit: Duration) {
    let root = server.root();
    assert!(
        eventually(limit, || processes(&root).is_empty()),
        "processes left: {:?}",
        processes(&root)
    );
}

/// Are the long forms of the cases wanted (`make check-long`)?
pub fn is_long() -> bool {
    std::env::var_os("HTTPD_LONG").is_some_and(|value| !value.is_empty())
}

/// A small generator of numbers (xorshift), so that a case does the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How many connections to the server's first port a process has.
pub fn connections_of(server: &Server, pid: u32) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let port = format!(":{:04X}", server.port(0));
    let inode = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_ours = words.get(1)?.ends_with(&port) && *words.get(3)? != LISTENS;
        is_ours.then(|| format!("socket:[{}]", words.get(9).unwrap_or(&"")))
    };
    let ours: Vec<String> = table.lines().filter_map(inode).collect();
    opened(pid)
        .filter(|name| ours.iter().any(|ours| name.as_os_str() == ours.as_str()))
        .count()
}

/// The state of a listening socket in the kernel's table.
const LISTENS: &str = "0A";

/// Lines for a server whose [`Health`] is taken.
pub const WITH_STATUS: &str = "<Location /server-status>\nSetHandler server-status\n</Location>";

/// What a server has while nothing happens, to be compared with what it has after a fault.
#[derive(Debug)]
pub struct Health {
    /// Descriptors of the parent beside one for each child.
    descriptors: usize,
    /// Memory of the parent in kB.
    memory: u64,
}

impl Health {
    /// Measures a server that has made its first reload: what that needs is kept.
    pub fn of(server: &Server) -> Health {
        server.command(&["-k", "graceful"]).exit(0);
        serves(server);
        assert!(
            eventually(SOON, || is_calm(server)),
            "no rest: {}",
            status(server)
        );
        Health::now(server)
    }

    fn now(server: &Server) -> Health {
        Health {
            descriptors: descriptors(server.pid()).saturating_sub(server.children().len()),
            memory: memory(server.pid()),
        }
    }

    /// Demands that the server takes a reload, serves, and comes back to what it had.
    pub fn demand(&self, server: &Server) {
        server.command(&["-k", "graceful"]).exit(0);
        serves(server);
        let mut now = Health::now(server);
        let sound = eventually(REST, || {
            now = Health::now(server);
            now.descriptors <= self.descriptors + slack()
                && now.memory <= self.memory * 11 / 10 + memory_slack()
                && is_calm(server)
        });
        assert!(sound, "{self:?}, now {now:?}: {}", status(server));
        let log = server.read("logs/error_log");
        assert!(!log.contains("panic"), "{log}");
    }
}

/// How long what a fault left may take to go.
const REST: Duration = Duration::from_secs(30);

/// Descriptors that may come and go: logs that rotate, a child on its way; in one process those of threads.
fn slack() -> usize {
    match crate::harness::program::one_process() {
        true => 64,
        false => 4,
    }
}

/// What an allocator may keep, in kB; of each thread's in one process.
fn memory_slack() -> u64 {
    match crate::harness::program::one_process() {
        true => 4096,
        false => 1024,
    }
}

/// Nobody is busy but the one that tells, and no slot of the scoreboard shows one who is not there any more.
fn is_calm(server: &Server) -> bool {
    let status = status(server);
    let line = |wanted: &str| status.lines().any(|line| line.trim() == wanted);
    line("BusyWorkers: 1") && line("GracefulWorkers: 0")
}

fn status(server: &Server) -> String {
    let mut client = server.client();
    client.send("GET /server-status?auto HTTP/1.0\r\n\r\n");
    client
        .next(false)
        .map_or(String::new(), |answer| answer.text())
}

/// Memory of a process that is its own, in kB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
