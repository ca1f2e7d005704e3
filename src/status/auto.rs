//! `?auto`: a line for each number, with the names, the order and the forms that Apache's monitors read.

use super::figures::{general, in_words, moment, Figures};
use crate::version;
use std::fmt::Write;

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)+) => { let _ = writeln!($out, $($text)+); };
}

/// The whole page.
pub fn text(figures: &Figures) -> String {
    let mut out = String::with_capacity(2048);
    server(figures, &mut out);
    if figures.extended {
        totals(figures, &mut out);
    }
    put!(out, "BusyWorkers: {}", figures.busy);
    put!(out, "GracefulWorkers: {}", figures.finishing);
    put!(out, "IdleWorkers: {}", figures.idle);
    if figures.holds {
        connections(figures, &mut out);
    }
    put!(out, "Scoreboard: {}", figures.letters());
    out
}

fn server(figures: &Figures, out: &mut String) {
    let snapshot = &figures.snapshot;
    put!(out, "{}", figures.host);
    put!(out, "ServerVersion: {}", version::banner());
    put!(out, "ServerMPM: {}", env!("HTTPD_MPM_TITLE"));
    put!(out, "Server Built: {}", version::BUILT);
    put!(out, "CurrentTime: {}", moment(snapshot.taken));
    put!(out, "RestartTime: {}", moment(snapshot.server_started));
    put!(
        out,
        "ParentServerConfigGeneration: {}",
        u64::from(snapshot.generation) + 1
    );
    put!(out, "ParentServerMPMGeneration: {}", snapshot.generation);
    put!(out, "ServerUptimeSeconds: {}", figures.uptime);
    put!(out, "ServerUptime: {}", in_words(figures.uptime));
    for (minutes, load) in [1, 5, 15].iter().zip(figures.load) {
        put!(out, "Load{minutes}: {load:.2}");
    }
}

fn totals(figures: &Figures, out: &mut String) {
    let (accesses, kbytes, duration) = figures.totals();
    put!(out, "Total Accesses: {accesses}");
    put!(out, "Total kBytes: {kbytes}");
    put!(out, "Total Duration: {duration}");
    let names = [
        "CPUUser",
        "CPUSystem",
        "CPUChildrenUser",
        "CPUChildrenSystem",
    ];
    for (name, seconds) in names.iter().zip(figures.cpu()) {
        put!(out, "{name}: {}", general(seconds));
    }
    if let Some(load) = figures.cpu_load() {
        put!(out, "CPULoad: {}", general(load));
    }
    put!(out, "Uptime: {}", figures.uptime);
    let (requests, bytes) = (accesses as f64, (kbytes * 1024) as f64);
    put!(out, "ReqPerSec: {}", general(requests / figures.seconds()));
    put!(out, "BytesPerSec: {}", general(bytes / figures.seconds()));
    if accesses > 0 {
        put!(out, "BytesPerReq: {}", general(bytes / requests));
        put!(
            out,
            "DurationPerReq: {}",
            general(duration as f64 / requests)
        );
    }
}

fn connections(figures: &Figures, out: &mut String) {
    let processes = &figures.snapshot.processes;
    let sum = |of: fn(&crate::scoreboard::Held) -> u64| {
        processes.iter().map(|p| of(&p.held)).sum::<u64>()
    };
    put!(out, "Processes: {}", processes.len());
    put!(
        out,
        "Stopping: {}",
        processes.iter().filter(|p| p.is_leaving()).count()
    );
    put!(out, "ConnsTotal: {}", sum(|held| held.connections));
    put!(out, "ConnsAsyncWaitIO: {}", sum(|held| held.waiting_io));
    put!(out, "ConnsAsyncWriting: {}", sum(|held| held.writing));
    put!(out, "ConnsAsyncKeepAlive: {}", sum(|held| held.kept_alive));
    put!(out, "ConnsAsyncClosing: {}", sum(|held| held.closing));
}
