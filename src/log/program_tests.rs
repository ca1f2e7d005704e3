//! Log programs that live, die and end.

use super::*;
use crate::log::error_log::{ErrorLog, Formats};
use crate::log::level::Levels;
use crate::log::logs::{Logs, Purpose};
use crate::log::target::Target;
use crate::sync::Shared;
use std::path::Path;

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

#[test]
fn a_program_that_dies_is_started_again_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (errors, out) = (folder.path().join("errors"), folder.path().join("out"));
    let logs = Logs::new();
    let mut formats = Formats::new();
    formats.set("%M", None).expect("a format");
    let errors_log = logs.destination(Target::File(errors.clone()), Purpose::Errors);
    let server = Server {
        levels: Levels::all(Level::Notice),
        log: ErrorLog::new(errors_log, &formats),
    };
    // Takes one line, then ends.
    let command = format!("|$read line; echo \"$line\" >>{}", out.display());
    let target = Target::of_transfer_log(&command, Path::new("/"));
    let log = logs.destination(target, Purpose::Transfers);
    let mut programs = Programs::new();
    logs.open(&mut programs).expect("opened");
    log.write(b"one\ntwo\n", true);

    let first = programs.pids().next().expect("it runs");
    let exited = process::wait(first).expect("waited").expect("ended");
    assert!(!programs.exited(first + 1, exited.exit, &server));
    assert!(programs.exited(first, exited.exit, &server));
    let text = std::fs::read_to_string(&errors).expect("told");
    assert!(
        text.contains("AH00106") && text.contains("exit status 0"),
        "{text}"
    );

    // It ended within its first second, so it waits; the pause is taken as over here.
    assert_eq!(programs.pids().count(), 0);
    programs.0[0].started -= PAUSE;
    programs.tend(&server);
    let second = programs.pids().next().expect("it runs again");
    drop((log, logs));
    let exited = process::wait(second).expect("waited").expect("ended");
    assert!(programs.exited(second, exited.exit, &server));
    // Nobody writes any more: whatever is left of it is forgotten, once its pipe is empty.
    assert_eq!(programs.pids().count(), 0);
    let text = std::fs::read_to_string(&out).expect("written");
    assert!(text.starts_with("one\n"), "{text}");
}

#[test]
fn a_program_ends_with_its_writers() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let command = format!("||/bin/sh -c 'cat >{}'", out.display());
    let logs = Logs::new();
    let log = logs.destination(
        Target::of_transfer_log(&command, Path::new("/")),
        Purpose::Transfers,
    );
    let mut programs = Programs::new();
    logs.open(&mut programs).expect("opened");
    log.write(b"one\ntwo\n", true);
    let pid = programs.pids().next().expect("it runs");
    drop((log, logs));
    let exited = process::wait(pid).expect("waited").expect("ended");
    assert_eq!(exited.exit, Exit::Code(0));
    let server = Server {
        levels: Levels::new(),
        log: ErrorLog::new(
            Shared::new(crate::log::Destination::new(Target::Stderr)),
            &Formats::new(),
        ),
    };
    assert!(programs.exited(pid, exited.exit, &server));
    assert!(programs.0.is_empty());
    assert_eq!(std::fs::read(&out).expect("written"), b"one\ntwo\n");
}
