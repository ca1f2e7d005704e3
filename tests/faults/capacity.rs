//! What the limits come to, and `MaxRequestWorkers auto`, on a system that allows little.

use crate::harness::program::{self, mpm};
use crate::harness::Setup;
use crate::sight::serves;
use std::process::{Command, Output};

/// Descriptors that the small system allows: the parent of a server wants most of them before it has a child.
const FEW: u32 = 330;

/// Runs the program with few descriptors, as a shell lets it.
fn run_with_few(setup: &Setup, args: &[&str]) -> Output {
    setup.write();
    let root = setup.root();
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {FEW} && exec \"$0\" \"$@\""))
        .arg(program::path())
        .arg("-d")
        .arg(&root)
        .arg("-f")
        .arg(root.join("conf/httpd.conf"))
        .args(args)
        .env("CONFORMANCE_ROOT", &root)
        .output()
        .expect("a shell")
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ends a case about MaxRequestWorkers where the MPM has another directive.
fn sizes_itself() -> bool {
    let other = !matches!(mpm().as_str(), "prefork" | "worker" | "event");
    if other {
        eprintln!("left out: no MaxRequestWorkers in this MPM");
    }
    other
}

#[test]
fn the_arithmetic_is_shown() {
    let dump = ["-t", "-D", "DUMP_CAPACITY"];
    let setup = Setup::new();
    let text = text(&run_with_few(&setup, &dump));
    for part in [
        "Capacity:\n",
        "  processes  ",
        "  workers  ",
        "  connections  ",
        "\nMemory is an estimate: ",
        "\nRuns out first: ",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let row = text
        .lines()
        .find(|line| line.contains("RLIMIT_NOFILE, hard"));
    assert!(
        row.is_some_and(|row| row.contains(&format!(" {FEW} "))),
        "{text}"
    );
    if !sizes_itself() {
        let workers = text.lines().find_map(|l| l.trim().strip_prefix("workers "));
        assert!(
            workers.is_some_and(|rest| rest.trim().starts_with("24 ")),
            "{text}"
        );
    }
    // Nothing was started, and the configuration is still checked.
    Setup::new()
        .conf("NoSuchThing")
        .run(&dump)
        .exit(1)
        .err("NoSuchThing");
}

#[test]
fn auto_takes_what_there_is_room_for() {
    if sizes_itself() {
        return;
    }
    let setup = Setup::new().conf("MaxRequestWorkers auto");
    let text = text(&run_with_few(&setup, &["-t", "-D", "DUMP_CAPACITY"]));
    let why = "more would take over 80 % of RLIMIT_NOFILE, hard (descriptors of the parent)";
    assert!(
        text.contains("MaxRequestWorkers auto: ") && text.contains(why),
        "{text}"
    );
    let row = |name: &str| {
        let rest = text.lines().find_map(|line| line.trim().strip_prefix(name));
        let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
        number.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    let processes = row("processes ");
    assert!((1..10).contains(&processes), "{text}");
    // The next larger one would be too large: 256 descriptors, sockets, and one for each child are within 80 %.
    assert!(
        row("descriptors of the parent ") == FEW * 80 / 100,
        "{text}"
    );
}

#[test]
fn auto_is_told_once_and_serves() {
    if sizes_itself() {
        return;
    }
    let server = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("MaxRequestWorkers auto")
        .start();
    let log = server.logged("AH20502:");
    assert_eq!(log.matches("MaxRequestWorkers auto: ").count(), 1, "{log}");
    serves(&server);
    server.stop();
}

#[test]
fn auto_keeps_below_a_server_limit() {
    if sizes_itself() {
        return;
    }
    let dumped = Setup::new()
        .conf("ServerLimit 2\nMaxRequestWorkers auto")
        .run(&["-t", "-D", "DUMP_CAPACITY"]);
    dumped
        .exit(0)
        .out("; 2 is the limit of this MPM or of ServerLimit");
    Setup::new()
        .conf("MaxRequestWorkers automatic")
        .check()
        .exit(1);
}
