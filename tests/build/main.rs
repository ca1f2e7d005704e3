//! Tests of everything that happens before the server runs: configure, make, make install, apachectl, and cargo's build
//! script. The shell scripts beside this file do the work, each in a folder of its own; a script that a tool is missing for
//! says so and is skipped, unless `HTTPD_CI` is set. `make check-mpms` sets `HTTPD_SKIP_BUILD_TESTS`: these tests are the
//! same for every MPM.

#[path = "../../build/clock.rs"]
#[allow(dead_code)]
mod clock;
#[path = "../../build/defaults.rs"]
mod defaults;
#[path = "../../build/plan.rs"]
mod plan;
#[path = "../../build/tables.rs"]
mod tables;

mod decisions;

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

/// A port that nobody listens on, below the range that the kernel gives to outgoing connections.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let first = 10_000 + (std::process::id() % 20_000) as u16;
    (first..32_000).find(free).expect("a free port")
}

/// Runs `tests/build/NAME.sh` in an empty folder; the environment that cargo and make left must not reach it.
fn script(name: &str) {
    if std::env::var_os("HTTPD_SKIP_BUILD_TESTS").is_some() {
        return;
    }
    let sources = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().expect("a folder for the test");
    let output = Command::new("/bin/sh")
        .arg(format!("{sources}/tests/build/{name}.sh"))
        .current_dir(folder.path())
        .env("SRCDIR", sources)
        .env("KEEP", concat!(env!("CARGO_TARGET_TMPDIR"), "/toy"))
        .env("PORT", free_port().to_string())
        .output()
        .expect("sh runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "tests/build/{name}.sh: {}\n{text}",
        output.status
    );
    println!("{text}");
}

macro_rules! scripts {
    ($($name:ident)*) => { $(#[test] fn $name() { script(stringify!($name)); })* };
}

scripts! { shells shellcheck options layouts triplets modules folders header make install checks cargo bindings manual apachectl toy }
