//! What every case stands on: a server with a configuration of its own in a temporary folder, a raw client, and
//! the program's command line.
//!
//! A case starts a server with [`Setup`], or shares one among a file's cases through a `OnceLock`. A shared one
//! is never dropped, so each server has a watching shell on a pipe: when the test process ends, however it ends,
//! the pipe closes and the shell stops the server and removes its folder.

pub mod http;
pub mod program;
pub mod server;
pub mod traffic;

pub use http::{Client, Response};
pub use program::{fact, is_apache, mpm, one_process, run, Output};
pub use server::{eventually, is_root, Server, Setup};
pub use traffic::Traffic;

/// Many small cases of one area, each a test of its own: `name: expression;`.
macro_rules! cases {
    ($($(#[$meta:meta])* $name:ident: $case:expr;)*) => {
        $(#[test] $(#[$meta])* fn $name() { _ = $case; })*
    };
}

/// Ends a case that shows a deliberate difference (docs/differences.md) when Apache is under test.
macro_rules! ours_only {
    () => {
        if crate::harness::is_apache() {
            eprintln!("left out: our own behaviour, see docs/differences.md");
            return;
        }
    };
}

/// Ends a case that only Apache can pass (docs/differences.md) when our server is under test.
macro_rules! apache_only {
    () => {
        if !crate::harness::is_apache() {
            eprintln!("left out: Apache's behaviour, see docs/differences.md");
            return;
        }
    };
}

pub(crate) use {apache_only, cases, ours_only};
