//! What is seen of a server from outside, and the servers the cases start.

use crate::harness::program::pool;
use crate::harness::server::processes;
use crate::harness::{eventually, Client, Server, Setup};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Longest wait for what should come at once.
pub const SOON: Duration = Duration::from_secs(10);

/// Far more than all socket buffers hold.
pub const BIG: usize = 24_000_000;

/// A server with a small and a big file, and little patience with clients.
pub fn setup() -> Setup {
    let setup = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .file("htdocs/big.bin", "")
        .conf("KeepAliveTimeout 2\nTimeout 5\nGracefulShutdownTimeout 2");
    let file = fs::File::options()
        .write(true)
        .open(setup.root().join("htdocs/big.bin"));
    file.and_then(|f| f.set_len(BIG as u64))
        .expect("a big file");
    setup
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
    let mut serving = server.children();
    serving.push(server.pid());
    holder_among(&serving, server, client_port)
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
    children.iter().copied().find(|pid| {
        let list = fs::read_dir(format!("/proc/{pid}/fd"));
        list.is_ok_and(|list| {
            list.flatten().any(|entry| {
                fs::read_link(entry.path()).is_ok_and(|name| name.to_string_lossy() == inode)
            })
        })
    })
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
