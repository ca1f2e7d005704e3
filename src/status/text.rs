//! `?text`: the page as a terminal shows it, in the arrangement that `apachectl status` and `fullstatus` always had.

use super::figures::{in_words, moment, size, Figures};
use super::page::{told, Row, KEY};
use crate::log::escape_item;
use crate::version;
use std::fmt::Write;

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)+) => { let _ = writeln!($out, $($text)+); };
}

/// Letters of the scoreboard in a line.
const LETTERS: usize = 64;

/// The whole page; the list of single requests only if `full`.
pub fn text(figures: &Figures, full: bool) -> String {
    let mut out = String::with_capacity(4096);
    put!(
        out,
        "Server Status for {}\n",
        shown(figures.host.as_bytes())
    );
    server(figures, &mut out);
    totals(figures, &mut out);
    let finishing = match figures.finishing {
        0 => String::new(),
        n => format!(", {n} finishing gracefully"),
    };
    put!(
        out,
        "   {} requests currently being processed{finishing}, {} idle workers\n",
        figures.busy,
        figures.idle
    );
    if figures.holds {
        connections(figures, &mut out);
    }
    board(figures, &mut out);
    if full && figures.extended {
        requests(figures, &mut out);
    }
    out
}

fn server(figures: &Figures, out: &mut String) {
    let snapshot = &figures.snapshot;
    put!(out, "   Server Version: {}", version::banner());
    put!(out, "   Server MPM: {}", env!("HTTPD_MPM_TITLE"));
    put!(out, "   Server Built: {}\n", version::BUILT);
    put!(out, "   Current Time: {}", moment(snapshot.taken));
    put!(out, "   Restart Time: {}", moment(snapshot.server_started));
    let number = snapshot.generation;
    put!(
        out,
        "   Parent Server Config. Generation: {}",
        u64::from(number) + 1
    );
    put!(out, "   Parent Server MPM Generation: {number}");
    put!(out, "   Server uptime: {}", in_words(figures.uptime));
    let [one, five, fifteen] = figures.load;
    put!(out, "   Server load: {one:.2} {five:.2} {fifteen:.2}");
}

fn totals(figures: &Figures, out: &mut String) {
    if !figures.extended {
        return;
    }
    let (accesses, kbytes, duration) = figures.totals();
    let (requests, bytes) = (accesses as f64, kbytes as f64 * 1024.0);
    put!(
        out,
        "   Total accesses: {accesses} - Total Traffic: {} - Total Duration: {duration}",
        size(bytes)
    );
    let [user, system, child_user, child_system] = figures.cpu();
    put!(
        out,
        "   CPU Usage: u{user} s{system} cu{child_user} cs{child_system} - {:.3}% CPU load",
        figures.cpu_load().unwrap_or(0.0)
    );
    let each = requests.max(1.0);
    put!(
        out,
        "   {:.3} requests/sec - {}/second - {}/request - {:.3} ms/request",
        requests / figures.seconds(),
        size(bytes / figures.seconds()),
        size(bytes / each),
        duration as f64 / each
    );
}

/// A row for each process that holds connections without workers.
fn connections(figures: &Figures, out: &mut String) {
    put!(
        out,
        "   Slot     PID  Stopping  Connections  Accepting  Busy  Graceful  Idle  Wait-IO  Writing  Keep-alive  Closing"
    );
    for process in &figures.snapshot.processes {
        let (idle, busy, finishing) = process.counts();
        let yes = |is| if is { "yes" } else { "no" };
        let held = &process.held;
        put!(
            out,
            "   {:>4} {:>7}  {:>8}  {:>11}  {:>9}  {busy:>4}  {finishing:>8}  {idle:>4}  {:>7}  {:>7}  {:>10}  {:>7}",
            process.slot,
            process.pid,
            yes(process.is_leaving()),
            held.connections,
            yes(process.accepting && !process.is_leaving()),
            held.waiting_io,
            held.writing,
            held.kept_alive,
            held.closing
        );
    }
    out.push('\n');
}

fn board(figures: &Figures, out: &mut String) {
    let letters = figures.letters();
    for line in letters.as_bytes().chunks(LETTERS) {
        put!(out, "   {}", String::from_utf8_lossy(line));
    }
    put!(out, "\n   Scoreboard Key:");
    let key: Vec<String> = KEY
        .iter()
        .map(|(status, _, meaning)| format!("\"{}\" {meaning}", status.letter()))
        .collect();
    for line in key.chunks(3) {
        put!(out, "   {}", line.join(", "));
    }
}

fn requests(figures: &Figures, out: &mut String) {
    put!(
        out,
        "\n   Srv      PID  Acc          M     SS     Req  Client           VHost                 Request"
    );
    for (process, worker) in told(figures) {
        let row = Row::of(figures, worker);
        let [on_connection, by_process, by_slot] = worker.accesses;
        put!(
            out,
            "   {:<5} {:>6}  {:<11}  {}  {:>5}  {:>6}  {:<15}  {:<20}  {}",
            format!("{}-{}", process.slot, process.generation),
            process.pid,
            format!("{on_connection}/{by_process}/{by_slot}"),
            worker.status.letter(),
            row.since,
            row.last,
            shown(&worker.client),
            shown(&worker.vhost),
            shown(&worker.request)
        );
    }
}

/// Text from anywhere, as a log shows it: a terminal gets nothing but printable ASCII.
fn shown(text: &[u8]) -> String {
    let mut printable = Vec::with_capacity(text.len());
    escape_item(text, &mut printable);
    String::from_utf8_lossy(&printable).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{Process, Snapshot, Status, Worker};

    fn figures() -> Figures {
        let worker = Worker {
            status: Status::Writing,
            accesses: [1, 1, 1],
            client: b"192.0.2.1".to_vec(),
            request: b"GET /\x1b[2J HTTP/1.1".to_vec(),
            ..Worker::default()
        };
        let snapshot = Snapshot {
            max_processes: 70,
            threads: 1,
            processes: vec![Process {
                pid: 99,
                workers: vec![worker],
                ..Process::default()
            }],
            ..Snapshot::default()
        };
        Figures::take("host".into(), snapshot, None, false)
    }

    #[test]
    fn requests_stand_only_in_the_full_text() {
        let brief = text(&figures(), false);
        assert!(brief.starts_with("Server Status for host\n\n   Server Version: "));
        assert!(brief.contains("   1 requests currently being processed, 0 idle workers\n"));
        assert!(!brief.contains("192.0.2.1"));
        assert!(text(&figures(), true).contains("192.0.2.1"));
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let text = text(&figures(), true);
        assert!(text.contains("GET /\\x1b[2J HTTP/1.1"), "{text}");
        assert!(text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
    }

    #[test]
    fn the_board_is_cut_into_lines() {
        let text = text(&figures(), false);
        let lines: Vec<&str> = text.lines().filter(|l| l.ends_with("...")).collect();
        assert_eq!(lines[0].trim().len(), 64);
        assert_eq!(lines[1].trim().len(), 6);
    }
}
