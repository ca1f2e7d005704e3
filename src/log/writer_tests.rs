//! Batches: when lines leave, that none is split, and what a slow or dead log program costs.

use super::*;
use crate::log::batch::{flush_all, flush_idle, set_manner, Manner};
use crate::log::error_log::Formats;
use crate::log::target::Target;
use crate::os;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

struct Fixture {
    folder: tempfile::TempDir,
    errors: ErrorLog,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let destination = file(&folder.path().join("errors"));
        let mut formats = Formats::new();
        formats.set("%M", None).expect("a format");
        Fixture {
            errors: ErrorLog::new(destination, &formats),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a log")
    }
}

fn file(path: &Path) -> Shared<Destination> {
    let destination = Destination::new(Target::File(path.to_path_buf()));
    destination.open().expect("opened");
    Shared::new(destination)
}

/// A destination that is a pipe, with its reading end.
fn pipe() -> (Shared<Destination>, OwnedFd) {
    let (reading_end, writing_end) = os::fd::pipe().expect("a pipe");
    let destination = Destination::new(Target::of_transfer_log("|reader", Path::new("/")));
    destination.connect(writing_end).expect("connected");
    os::fd::set_nonblocking(&reading_end, true).expect("set");
    (Shared::new(destination), reading_end)
}

fn drain(reading_end: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = os::fd::read(reading_end, &mut buffer) {
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn at_once_unless_gathered() {
    let fixture = Fixture::new();
    let writer = LogWriter::new(file(&fixture.path("a")), true);
    writer.line(b"1", &fixture.errors);
    assert_eq!(fixture.text("a"), "1\n");
    set_manner(Manner::Gather);
    let plain = LogWriter::new(file(&fixture.path("b")), false);
    writer.line(b"2", &fixture.errors);
    plain.line(b"3", &fixture.errors);
    assert_eq!(
        (fixture.text("a").as_str(), fixture.text("b").as_str()),
        ("1\n", "")
    );
    // A pause writes what has waited for some milliseconds; what may be buffered stays longer.
    let soon = flush_idle(Instant::now()).expect("a young line stays");
    assert_eq!(fixture.text("b"), "");
    let again = flush_idle(soon).expect("buffered lines stay");
    assert_eq!(
        (fixture.text("a").as_str(), fixture.text("b").as_str()),
        ("1\n", "3\n")
    );
    assert!(again > soon && flush_idle(soon).is_some());
    assert_eq!(flush_idle(again), None);
    assert_eq!(fixture.text("a"), "1\n2\n");
    writer.line(b"4", &fixture.errors);
    flush_all();
    assert_eq!(fixture.text("a"), "1\n2\n4\n");
}

#[test]
fn a_full_batch_does_not_wait() {
    let fixture = Fixture::new();
    set_manner(Manner::Gather);
    let writer = LogWriter::new(file(&fixture.path("a")), true);
    let line = [b'x'; 99];
    for _ in 0..200 {
        writer.line(&line, &fixture.errors);
    }
    assert_eq!(fixture.text("a").len(), 16_400);
}

#[test]
fn the_end_of_a_thread_flushes() {
    let fixture = Fixture::new();
    let path = fixture.path("a");
    std::thread::spawn(move || {
        set_manner(Manner::NeverWait);
        LogWriter::new(file(&path), true).line(b"last", &ErrorLog::stderr());
    })
    .join()
    .expect("no panic");
    assert_eq!(fixture.text("a"), "last\n");
}

#[test]
fn a_loop_does_not_wait_for_a_slow_program() {
    let fixture = Fixture::new();
    set_manner(Manner::NeverWait);
    let (destination, reading_end) = pipe();
    let writer = LogWriter::new(Shared::clone(&destination), false);
    let line = |n: usize| format!("{n:099}");
    let mut sent = 0;
    // Fills the pipe, then the queue, then loses lines.
    while destination.lost() < 10 {
        writer.line(line(sent).as_bytes(), &fixture.errors);
        sent += 1;
        assert!(flush_idle(Instant::now()).is_none_or(|again| again > Instant::now()));
    }
    let errors = fixture.text("errors");
    assert!(
        errors.contains("AH20001: cannot write to the log |reader"),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 1);
    let mut text = String::new();
    while flush_idle(Instant::now()).is_some() {
        text += &drain(&reading_end);
    }
    text += &drain(&reading_end);
    let got: Vec<&str> = text.lines().collect();
    assert_eq!(got.len(), sent - 10);
    assert!(got.iter().enumerate().all(|(n, got)| *got == line(n)));
    let errors = fixture.text("errors");
    assert!(
        errors.contains("AH20002: 10 lines of the log |reader"),
        "{errors}"
    );
}

#[test]
fn pieces_end_with_lines() {
    let fixture = Fixture::new();
    set_manner(Manner::Gather);
    let (destination, reading_end) = pipe();
    let writer = LogWriter::new(destination, false);
    for _ in 0..60 {
        writer.line(&[b'x'; 99], &fixture.errors);
    }
    writer.line(&[b'y'; 9000], &fixture.errors);
    flush_all();
    let text = drain(&reading_end);
    let lengths: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(lengths.len(), 61);
    assert_eq!((lengths[59], lengths[60]), (99, 9000));
}

#[test]
fn a_patient_thread_waits_for_a_program() {
    let fixture = Fixture::new();
    let (destination, reading_end) = pipe();
    let reader = std::thread::spawn(move || {
        os::fd::set_nonblocking(&reading_end, false).expect("set");
        let mut length = 0;
        let mut buffer = [0; 9999];
        while let Ok(read @ 1..) = os::fd::read(&reading_end, &mut buffer) {
            length += read;
        }
        length
    });
    let writer = LogWriter::new(Shared::clone(&destination), false);
    for _ in 0..3000 {
        writer.line(&[b'x'; 99], &fixture.errors);
    }
    assert_eq!(destination.lost(), 0);
    drop((writer, destination));
    assert_eq!(reader.join().expect("no panic"), 300_000);
}

#[test]
fn a_program_that_is_gone_costs_its_lines() {
    let fixture = Fixture::new();
    let (destination, reading_end) = pipe();
    drop(reading_end);
    let writer = LogWriter::new(Shared::clone(&destination), false);
    writer.line(b"1", &fixture.errors);
    writer.line(b"2", &fixture.errors);
    assert_eq!(destination.lost(), 2);
    let errors = fixture.text("errors");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[cfg(threaded)]
#[test]
fn renaming_under_load_loses_and_tears_no_line() {
    use crate::log::logs::{Logs, Purpose};
    use crate::log::program::Programs;
    const EACH: usize = 5000;
    let fixture = Fixture::new();
    let path = fixture.path("access");
    let logs = Logs::new();
    let destination = logs.destination(Target::File(path.clone()), Purpose::Transfers);
    logs.open(&mut Programs::new()).expect("opened");
    let writers = ["a", "b", "c"].map(|name| {
        let writer = LogWriter::new(Shared::clone(&destination), false);
        let errors = fixture.errors.clone();
        std::thread::spawn(move || {
            set_manner(Manner::NeverWait);
            for n in 0..EACH {
                writer.line(format!("{name} {n:060}").as_bytes(), &errors);
                if n % 7 == 0 {
                    flush_idle(Instant::now());
                }
            }
        })
    });
    let mut names = vec!["access".to_string()];
    while !writers.iter().all(|writer| writer.is_finished()) {
        let old = format!("old{}", names.len());
        if std::fs::rename(&path, fixture.path(&old)).is_ok() {
            names.push(old);
        }
        assert!(logs.reopen_renamed().failures.is_empty());
    }
    for writer in writers {
        writer.join().expect("no panic");
    }
    let text: String = names.iter().map(|name| fixture.text(name)).collect();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected = ["a", "b", "c"]
        .iter()
        .flat_map(|name| (0..EACH).map(move |n| format!("{name} {n:060}")));
    assert!(expected.eq(lines.iter().map(|line| line.to_string())));
}
