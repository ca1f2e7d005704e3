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

use std::process::Command;

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

scripts! { shells shellcheck options layouts triplets modules folders header make install checks cargo bindings manual apachectl }
