//! Messages from site to file, and what becomes of them when the file cannot be written.

use super::*;
use crate::log;
use crate::log::level::Levels;
use crate::log::site::{ConnectionFacts, RequestFacts};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;

const LOG_MODULE: &str = "core";

struct Server {
    levels: Levels,
    log: ErrorLog,
}

impl Site for Server {
    fn log_levels(&self) -> &Levels {
        &self.levels
    }
    fn log_errors(&self) -> &ErrorLog {
        &self.log
    }
}

/// A request on a connection.
struct Client<'a> {
    server: &'a Server,
    connection: Mark,
    request: Mark,
}

impl Site for Client<'_> {
    fn log_levels(&self) -> &Levels {
        &self.server.levels
    }
    fn log_errors(&self) -> &ErrorLog {
        &self.server.log
    }
    fn log_connection(&self) -> Option<&dyn ConnectionFacts> {
        Some(self)
    }
    fn log_request(&self) -> Option<&dyn RequestFacts> {
        Some(self)
    }
}

impl ConnectionFacts for Client<'_> {
    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5))
    }
    fn local(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 80))
    }
    fn kept_alive(&self) -> u32 {
        0
    }
    fn mark(&self) -> &Mark {
        &self.connection
    }
}

impl RequestFacts for Client<'_> {
    fn client(&self) -> SocketAddr {
        self.peer()
    }
    fn mark(&self) -> &Mark {
        &self.request
    }
    fn host_name(&self) -> Cow<'_, str> {
        "h".into()
    }
    fn header(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

fn server(path: &Path, formats: &Formats) -> Server {
    let destination = Shared::new(Destination::new(Target::File(path.to_path_buf())));
    destination.open().expect("opened");
    Server {
        levels: Levels::all(Level::Info),
        log: ErrorLog::new(destination, formats),
    }
}

fn formats(message: &str) -> Formats {
    let mut formats = Formats::new();
    formats.set(message, None).expect("a format");
    formats
}

#[test]
fn a_message_is_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let server = server(&path, &formats("[%m:%l] %E: %M"));
    let error = io::Error::from_raw_os_error(2);
    log!(server, Level::Warn, 0, "plain {}", 1);
    log!(
        &server,
        Level::Error,
        130,
        err = error,
        "a\nb{}",
        log::raw(b"\xe4")
    );
    log!(&&server, Level::Debug, 0, "too quiet");
    let site: &dyn Site = &server;
    log!(site, Level::Info, 0, "{}", "x".repeat(10_000));
    log::startup!(server, Level::Alert, 558, err = error, "httpd: Käse");
    let text = std::fs::read_to_string(&path).expect("written");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "[core:warn] plain 1");
    assert_eq!(
        lines[1],
        "[core:error] (2)No such file or directory: AH00130: a\\nb\\xe4"
    );
    assert_eq!(lines[2].len(), LINE_LIMIT - 1);
    assert_eq!(
        lines[3],
        "(2)No such file or directory: AH00558: httpd: Käse"
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn introductions_come_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut formats = formats("%M");
    for (kind, format) in [
        ("Connection", "C %k"),
        ("request", "R %V"),
        ("request", "%+{x}i"),
    ] {
        formats.set(kind, Some(format)).expect("a format");
    }
    let server = server(&path, &formats);
    let mut client = Client {
        server: &server,
        connection: Mark::new(),
        request: Mark::new(),
    };
    log!(client, Level::Debug, 0, "not kept, so it introduces nobody");
    for text in ["one", "two"] {
        log!(client, Level::Error, 0, "{text}");
        log!(client, Level::Error, 0, "again");
        client.request = Mark::new();
    }
    let text = std::fs::read_to_string(&path).expect("written");
    assert_eq!(text, "C 0\nR h\none\nagain\nR h\ntwo\nagain\n");
}

#[test]
fn formats_inherit() {
    let mut outer = formats("%l %M");
    outer.set("request", Some("%L")).expect("a format");
    let inner = formats("%M");
    let merged = inner.within(&outer);
    assert_eq!(merged.message, inner.message);
    assert_eq!(merged.request, outer.request);
    assert_eq!(Formats::new().within(&outer), outer);
    assert!(outer.set("server", Some("%L")).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_lines_and_is_told_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
    let server = server(&path, &formats("%M"));
    log!(server, Level::Error, 0, "one");
    log!(server, Level::Error, 0, "two");
    assert_eq!(server.log.destination().lost(), 2);
    std::fs::remove_file(&path).expect("removed");
    server.log.destination().reopen().expect("reopened");
    log!(server, Level::Error, 0, "three");
    log!(server, Level::Error, 0, "four");
    let text = std::fs::read_to_string(&path).expect("written");
    let told = format!(
        "AH20002: 2 lines of the log {} were lost while it could not be written",
        path.display()
    );
    assert_eq!(text, format!("three\n{told}\nfour\n"));
}
