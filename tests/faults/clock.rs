//! A clock that jumps, by hours, years, and before 1970. What is timed goes by a clock that does not; only what is told goes by
//! the time of day.

use crate::harness::{eventually, fact, is_apache, Server, Traffic};
use crate::sight::{
    addr, download, is_long, serves, setup, several_children, Dice, Health, BIG, SOON, WITH_STATUS,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

/// Jumps, in seconds from the true time.
const JUMPS: [i64; 8] = [
    HOUR,
    -HOUR,
    10 * YEAR,
    -10 * YEAR,
    1,
    -70 * YEAR,
    200 * YEAR,
    0,
];

/// Compiles what shifts the clock; `None` where there is no C compiler.
fn shifter(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
    let library = folder.join("clock.so");
    let done = Command::new(std::env::var("CC").unwrap_or("cc".into()))
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status();
    done.is_ok_and(|status| status.success()).then_some(library)
}

fn set_clock(server: &Server, shift: i64) {
    let file = std::fs::File::options()
        .write(true)
        .open(server.root().join("run/clock"));
    let file = file.expect("the clock's file");
    std::os::unix::fs::FileExt::write_all_at(&file, &shift.to_ne_bytes(), 0).expect("written");
}

/// The year that answers tell.
fn year(server: &Server) -> i64 {
    let answer = server.get("/a.txt");
    let date = answer.is(200).header("Date").unwrap_or_default();
    let year = date.split(' ').nth(3).and_then(|word| word.parse().ok());
    year.unwrap_or_else(|| panic!("no year in {date:?}"))
}

#[test]
fn a_clock_that_jumps() {
    if is_apache() {
        return;
    }
    let setup = setup().bytes("run/clock", &0i64.to_ne_bytes());
    let Some(library) = shifter(&setup.root()) else {
        eprintln!("left out: there is no C compiler");
        return;
    };
    let clock = setup.root().join("run/clock");
    let server = setup
        .env("LD_PRELOAD", &library.to_string_lossy())
        .env("CLOCK_FILE", &clock.to_string_lossy())
        .conf(&several_children())
        .conf(WITH_STATUS)
        .conf(
            "KeepAliveTimeout 600\nTimeout 600\nCustomLog logs/access \"%t %D\"\nExtendedStatus On",
        )
        .start();
    let today = year(&server);
    let health = Health::of(&server);
    let mut begun = download(&server);
    let mut idle = server.client();
    idle.get("/a.txt").is(200);
    let mut dice = Dice(0x2127_599b_f432_5c37);
    let rounds = if is_long() { 8 } else { 1 };
    // Where a restart waits for all threads it would wait for those two connections.
    let reloads = fact("restart") != "waits";
    let ((), met) = Traffic::during(addr(&server), 4, |traffic| {
        for shift in JUMPS.repeat(rounds) {
            let extra = dice.roll(1000) as i64;
            set_clock(&server, if shift == 0 { 0 } else { shift + extra });
            let answered = traffic.answered();
            assert!(eventually(SOON, || traffic.answered() >= answered + 40));
            if shift.abs() >= 10 * YEAR {
                let told = year(&server);
                let right = (told - today - shift / YEAR).abs() <= 1 || told <= 1970;
                assert!(right, "{told} is told, {shift} seconds from {today}");
            }
            if dice.roll(3) == 0 && reloads {
                server.command(&["-k", "graceful"]).exit(0);
            }
        }
    });
    met.nothing_lost();
    // A kept connection was not timed by that clock, and a download not either.
    idle.get("/a.txt").is(200);
    assert_eq!(begun.response().body.len(), BIG);
    drop((idle, begun));
    serves(&server);
    health.demand(&server);
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(12));
}
