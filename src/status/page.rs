//! The page for people: what the server is, a scoreboard of coloured cells, its processes and its requests. It brings its style and
//! its script with it, and without scripts it is as complete, only still.

use super::figures::{in_words, moment, size, Figures};
use super::Wishes;
use crate::log::escape_item;
use crate::scoreboard::{Process, Status, Worker};
use crate::version;
use std::fmt::Write;

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)+) => { let _ = write!($out, $($text)+); };
}

/// Places without a worker are drawn up to this number.
const MOST_EMPTY: usize = 2048;

/// States as the key shows them, with the names of their colours.
pub const KEY: [(Status, &str, &str); 11] = [
    (Status::Ready, "ready", "Waiting for Connection"),
    (Status::Starting, "start", "Starting up"),
    (Status::Reading, "read", "Reading Request"),
    (Status::Writing, "write", "Sending Reply"),
    (Status::KeepAlive, "keep", "Keepalive (read)"),
    (Status::Resolving, "dns", "DNS Lookup"),
    (Status::Closing, "close", "Closing connection"),
    (Status::Logging, "log", "Logging"),
    (Status::Graceful, "grace", "Gracefully finishing"),
    (Status::IdleKill, "kill", "Idle cleanup of worker"),
    (Status::Dead, "free", "Open slot with no current process"),
];

fn class(status: Status) -> &'static str {
    KEY.iter()
        .find(|(known, ..)| *known == status)
        .map_or("free", |(_, class, _)| class)
}

/// The whole page.
pub fn html(figures: &Figures, wishes: &Wishes) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let host = escaped(figures.host.as_bytes());
    put!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    );
    put!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Server Status: {host}</title>\n");
    put!(
        out,
        "<style>\n{}</style>\n</head>\n<body>\n",
        include_str!("page.css")
    );
    put!(out, "<header><h1>Server Status <small>{host}</small></h1>");
    if wishes.refresh.is_none() {
        put!(
            out,
            "<label hidden><input type=\"checkbox\" id=\"live\" checked> live</label>"
        );
    }
    put!(out, "</header>\n<main id=\"now\">\n");
    facts(figures, &mut out);
    cards(figures, &mut out);
    board(figures, &mut out);
    processes(figures, &mut out);
    match (figures.extended, wishes.no_table) {
        (true, false) => table(figures, &mut out),
        (true, true) => list(figures, &mut out),
        (false, _) => {
            put!(
                out,
                "<p>Requests and totals are shown with <code>ExtendedStatus On</code>.</p>\n"
            );
        }
    }
    put!(out, "</main>\n");
    if wishes.refresh.is_none() {
        put!(out, "<script>\n{}</script>\n", include_str!("page.js"));
    }
    put!(out, "</body>\n</html>\n");
    out
}

fn facts(figures: &Figures, out: &mut String) {
    let snapshot = &figures.snapshot;
    let [one, five, fifteen] = figures.load;
    let rows = [
        ("Server Version", version::banner()),
        ("Server MPM", env!("HTTPD_MPM_TITLE").to_owned()),
        ("Server Built", version::BUILT.to_owned()),
        ("Current Time", moment(snapshot.taken)),
        ("Restart Time", moment(snapshot.server_started)),
        ("Server uptime", in_words(figures.uptime)),
        (
            "Config generation",
            format!(
                "{} (MPM generation {})",
                u64::from(snapshot.generation) + 1,
                snapshot.generation
            ),
        ),
        ("Server load", format!("{one:.2} {five:.2} {fifteen:.2}")),
    ];
    put!(out, "<dl>\n");
    for (name, value) in rows {
        put!(
            out,
            "<div><dt>{name}:</dt><dd>{}</dd></div>\n",
            escaped(value.as_bytes())
        );
    }
    put!(out, "</dl>\n");
}

fn cards(figures: &Figures, out: &mut String) {
    out.push_str("<section class=\"cards\">\n");
    let mut card = |big: String, small: String| {
        put!(out, "<div><b>{big}</b><span>{small}</span></div>\n");
    };
    let finishing = match figures.finishing {
        0 => String::new(),
        n => format!(", {n} finishing"),
    };
    card(
        format!("{} / {}", figures.busy, figures.busy + figures.idle),
        format!("workers busy, {} idle{finishing}", figures.idle),
    );
    if figures.extended {
        let (accesses, kbytes, duration) = figures.totals();
        let (requests, bytes) = (accesses as f64, kbytes as f64 * 1024.0);
        let each = requests.max(1.0);
        card(
            format!("{:.1}", requests / figures.seconds()),
            format!("requests/sec, {accesses} in all"),
        );
        card(
            format!("{}/s", size(bytes / figures.seconds())),
            format!("{} in all, {} a request", size(bytes), size(bytes / each)),
        );
        card(
            format!("{:.1} ms", duration as f64 / each),
            format!("a request, {} in all", in_words(duration / 1000)),
        );
        let [user, system, child_user, child_system] = figures.cpu();
        card(
            format!("{:.1} %", figures.cpu_load().unwrap_or(0.0)),
            format!("CPU: u{user} s{system} cu{child_user} cs{child_system}"),
        );
    }
    out.push_str("</section>\n");
}

/// A cell for each worker, those of a process side by side, then the key with the number of each kind.
fn board(figures: &Figures, out: &mut String) {
    let mut counts = [0u32; KEY.len()];
    let mut count = |status: Status, n: u32| {
        if let Some(at) = KEY.iter().position(|(known, ..)| *known == status) {
            counts[at] += n;
        }
    };
    let threads = figures.snapshot.threads.max(1);
    let single = if threads == 1 { " single" } else { "" };
    put!(
        out,
        "<h2>Scoreboard</h2>\n<section class=\"board{single}\">\n"
    );
    let mut empty = 0;
    for place in figures.places() {
        match place {
            Some(process) => {
                process
                    .workers
                    .iter()
                    .for_each(|worker| count(worker.status, 1));
                count(
                    Status::Dead,
                    threads.saturating_sub(process.workers.len() as u32),
                );
                group(process, out);
            }
            None => {
                count(Status::Dead, threads);
                empty += threads as usize;
            }
        }
    }
    let drawn = empty.min(MOST_EMPTY);
    if drawn > 0 {
        put!(
            out,
            "<div class=\"none\">{}",
            "<i class=\"free\"></i>".repeat(drawn)
        );
        if empty > drawn {
            put!(out, " and {} more", empty - drawn);
        }
        out.push_str("</div>\n");
    }
    put!(out, "</section>\n<ul class=\"key\">\n");
    for ((status, class, meaning), count) in KEY.iter().zip(counts) {
        let none = if count == 0 { " class=\"none\"" } else { "" };
        put!(
            out,
            "<li{none}><i class=\"{class}\">{}</i> {meaning} <b>{count}</b></li>\n",
            status.letter()
        );
    }
    put!(out, "</ul>\n");
}

fn group(process: &Process, out: &mut String) {
    let leaving = if process.is_leaving() {
        " class=\"leaving\""
    } else {
        ""
    };
    put!(
        out,
        "<div{leaving} title=\"process {}, generation {}\">",
        process.pid,
        process.generation
    );
    for worker in &process.workers {
        let class = class(worker.status);
        let letter = worker.status.letter();
        if worker.status.is_busy() && !worker.request.is_empty() {
            let (client, request) = (escaped(&worker.client), escaped(&worker.request));
            put!(
                out,
                "<i class=\"{class}\" title=\"{client} {request}\">{letter}</i>"
            );
        } else {
            put!(out, "<i class=\"{class}\">{letter}</i>");
        }
    }
    put!(out, "</div>\n");
}

fn processes(figures: &Figures, out: &mut String) {
    put!(out, "<h2>Processes</h2>\n<div class=\"wide\"><table>\n<tr><th>Slot</th><th>PID</th><th>Generation</th><th>Since</th><th>State</th>");
    put!(
        out,
        "<th>Connections</th><th>Accepting</th><th>Busy</th><th>Finishing</th><th>Idle</th>"
    );
    if figures.holds {
        put!(
            out,
            "<th>Wait I/O</th><th>Writing</th><th>Keep-alive</th><th>Closing</th>"
        );
    }
    put!(out, "</tr>\n");
    for process in &figures.snapshot.processes {
        let (idle, busy, finishing) = process.counts();
        let age = figures.snapshot.taken.saturating_sub(process.started) / 1_000_000;
        let state = if process.is_leaving() {
            "leaving"
        } else {
            "serving"
        };
        let accepting = if process.accepting && !process.is_leaving() {
            "yes"
        } else {
            "no"
        };
        // Where connections always have a worker, nobody counts them apart.
        let held = if figures.holds {
            process.held.connections
        } else {
            u64::from(busy + finishing)
        };
        put!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{state}</td>",
            process.slot,
            process.pid,
            process.generation,
            in_words(age)
        );
        put!(
            out,
            "<td>{held}</td><td>{accepting}</td><td>{busy}</td><td>{finishing}</td><td>{idle}</td>"
        );
        if figures.holds {
            let held = &process.held;
            put!(
                out,
                "<td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
                held.waiting_io,
                held.writing,
                held.kept_alive,
                held.closing
            );
        }
        put!(out, "</tr>\n");
    }
    put!(out, "</table></div>\n");
}

/// Columns of the table of requests, and what they mean.
const COLUMNS: [(&str, &str); 15] = [
    ("Srv", "Slot of the process and generation"),
    ("PID", "Process id"),
    (
        "Acc",
        "Requests on this connection / by this process / in this slot",
    ),
    ("M", "State of the worker, see the key"),
    ("CPU", "Seconds of processor time"),
    ("SS", "Seconds since the worker was last used"),
    ("Req", "Milliseconds of the last request"),
    ("Dur", "Milliseconds of all requests"),
    ("Conn", "KB sent on this connection"),
    ("Child", "MB sent by this process"),
    ("Slot", "MB sent in this slot"),
    ("Client", "Address of the client"),
    ("Protocol", "Protocol of the connection"),
    ("VHost", "Virtual host"),
    ("Request", "The request line"),
];

/// Workers that have something to tell, with their processes.
pub fn told(figures: &Figures) -> impl Iterator<Item = (&Process, &Worker)> {
    let all = figures
        .snapshot
        .processes
        .iter()
        .flat_map(|p| p.workers.iter().map(move |w| (p, w)));
    all.filter(|(_, w)| w.accesses[2] > 0 || !matches!(w.status, Status::Ready | Status::Dead))
}

/// What a row tells that has to be computed.
pub struct Row {
    cpu: f64,
    /// Seconds since the worker was last used.
    pub since: u64,
    /// Milliseconds of the last request.
    pub last: u64,
    duration: u64,
}

impl Row {
    pub fn of(figures: &Figures, worker: &Worker) -> Row {
        Row {
            cpu: worker.cpu[0].saturating_add(worker.cpu[1]) as f64 / 1e6,
            since: figures.snapshot.taken.saturating_sub(worker.last_used) / 1_000_000,
            last: worker.stopped.saturating_sub(worker.started) / 1000,
            duration: worker.duration / 1000,
        }
    }
}

fn table(figures: &Figures, out: &mut String) {
    put!(
        out,
        "<h2>Requests</h2>\n<div class=\"wide\"><table class=\"requests\">\n<tr>"
    );
    for (name, meaning) in COLUMNS {
        put!(out, "<th title=\"{meaning}\">{name}</th>");
    }
    put!(out, "</tr>\n");
    for (process, worker) in told(figures) {
        let row = Row::of(figures, worker);
        let [on_connection, by_process, by_slot] = worker.accesses;
        let [connection, child, slot] = worker.bytes.map(|bytes| bytes as f64);
        put!(
            out,
            "<tr><td>{}-{}</td><td>{}</td><td>{on_connection}/{by_process}/{by_slot}</td>",
            process.slot,
            process.generation,
            process.pid
        );
        put!(
            out,
            "<td><i class=\"{}\">{}</i></td>",
            class(worker.status),
            worker.status.letter()
        );
        put!(
            out,
            "<td>{:.2}</td><td>{}</td><td>{}</td><td>{}</td>",
            row.cpu,
            row.since,
            row.last,
            row.duration
        );
        put!(
            out,
            "<td>{:.1}</td><td>{:.2}</td><td>{:.2}</td>",
            connection / 1024.0,
            child / 1_048_576.0,
            slot / 1_048_576.0
        );
        for text in [
            &worker.client,
            &worker.protocol,
            &worker.vhost,
            &worker.request,
        ] {
            put!(out, "<td>{}</td>", escaped(text));
        }
        put!(out, "</tr>\n");
    }
    put!(
        out,
        "</table></div>\n<details><summary>What the columns mean</summary>\n<dl>\n"
    );
    for (name, meaning) in COLUMNS {
        put!(out, "<div><dt>{name}</dt><dd>{meaning}</dd></div>\n");
    }
    put!(out, "</dl>\n</details>\n");
}

/// `?notable`: the same as text, for narrow screens and browsers of text.
fn list(figures: &Figures, out: &mut String) {
    put!(out, "<h2>Requests</h2>\n<ul class=\"requests\">\n");
    for (process, worker) in told(figures) {
        let row = Row::of(figures, worker);
        let [on_connection, by_process, by_slot] = worker.accesses;
        let meaning = KEY
            .iter()
            .find(|(status, ..)| *status == worker.status)
            .map_or("", |(.., meaning)| meaning);
        put!(
            out,
            "<li><b>{}-{}</b> ({}) <i class=\"{}\">{}</i> {meaning}: ",
            process.slot,
            process.generation,
            process.pid,
            class(worker.status),
            worker.status.letter()
        );
        put!(
            out,
            "{on_connection}/{by_process}/{by_slot} requests, {} s ago, {} ms, {}<br>\n",
            row.since,
            row.last,
            size(worker.bytes[2] as f64)
        );
        put!(
            out,
            "{} <code>{}</code> ({}) on {}</li>\n",
            escaped(&worker.client),
            escaped(&worker.request),
            escaped(&worker.protocol),
            escaped(&worker.vhost)
        );
    }
    put!(out, "</ul>\n");
}

/// Text from anywhere, safe in a page: first as in a log, so that all of it is ASCII, then as HTML.
fn escaped(text: &[u8]) -> String {
    let mut printable = Vec::with_capacity(text.len());
    escape_item(text, &mut printable);
    let mut out = String::with_capacity(printable.len());
    for byte in printable {
        match byte {
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            b'&' => out.push_str("&amp;"),
            b'"' => out.push_str("&quot;"),
            b'\'' => out.push_str("&#39;"),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escaped(b"<b>&'\xe4"), "&lt;b&gt;&amp;&#39;\\xe4");
        assert_eq!(escaped(b"a\"b"), "a\\&quot;b");
    }

    #[test]
    fn the_key_has_every_state() {
        for status in Status::ALL {
            assert!(KEY.iter().any(|(known, ..)| *known == status));
        }
    }
}
