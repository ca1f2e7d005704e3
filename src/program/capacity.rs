//! `-t -D DUMP_CAPACITY`: what the limits of a configuration come to, what the system allows, and what runs out first.

use httpd::mpm;
use httpd::mpm::arithmetic::{Need, CONNECTION_BYTES, PROCESS_BYTES, THREAD_BYTES};
use httpd::server::Generation;
use std::fmt::Write as _;

/// The whole part.
pub fn text(generation: &Generation) -> String {
    let capacity = mpm::capacity(generation);
    let demand = &capacity.demand;
    let all = |each: u32| u64::from(each) * u64::from(demand.processes);
    let mut text = "Capacity:\n".to_owned();
    if let Some(chosen) = &mpm::conf(generation).chosen {
        let _ = writeln!(text, "  {chosen}");
    }
    let rows = [
        ("processes", u64::from(demand.processes), String::new()),
        ("workers", all(demand.workers), each(demand.workers)),
        (
            "connections",
            all(demand.connections),
            each(demand.connections),
        ),
        (
            "processes and threads",
            all(demand.tasks),
            each(demand.tasks),
        ),
    ];
    for (what, number, each) in rows {
        let _ = writeln!(text, "  {what:<36}{number:>12}{each}");
    }
    text.push_str("Needed of what the system allows:\n");
    capacity.needs.iter().for_each(|need| row(&mut text, need));
    let kib = |bytes| bytes / 1024;
    let _ = writeln!(
        text,
        "Memory is an estimate: what this process takes now, {} KiB a process, {} KiB a thread, {} KiB a connection; not what modules and programs take.",
        kib(PROCESS_BYTES),
        kib(THREAD_BYTES),
        kib(CONNECTION_BYTES)
    );
    let first = capacity
        .first()
        .zip(capacity.first().and_then(Need::percent));
    let _ = match first {
        Some((need, percent @ 101..)) => writeln!(
            text,
            "Runs out first: {} ({}), before the limits are reached: {percent} % are needed.",
            need.what, need.name
        ),
        Some((need, percent)) => writeln!(
            text,
            "Runs out first: {} ({}), of which {percent} % are needed at the most.",
            need.what, need.name
        ),
        None => writeln!(text, "Runs out first: nothing, the system sets no limit."),
    };
    text
}

fn each(number: u32) -> String {
    format!("  ({number} a process)")
}

fn row(text: &mut String, need: &Need) {
    let shown = |value: u64| match need.bytes {
        true => format!("{} KiB", value.div_ceil(1024)),
        false => value.to_string(),
    };
    let limit = need.limit.map_or("no limit".to_owned(), shown);
    let percent = need
        .percent()
        .map_or(String::new(), |p| format!(" {p:>5} %"));
    let _ = writeln!(
        text,
        "  {:<36}{:>12} of {limit:>14}{percent}  ({})",
        need.what,
        shown(need.needed),
        need.name
    );
}
