//! Saturation explained: when every worker that the configuration allows is held, the log says by whom.
//!
//! Pure. [`Saturation`] is the memory of how long it lasts and when it was last told; [`explain`] makes the text
//! from a reading of the scoreboard. What children write there is not trusted: texts are escaped and short, lists are cut.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::log::escape_item;
use crate::scoreboard::{Process, Snapshot, Status, Worker};

/// It is told at most so often.
const SILENCE: Duration = Duration::from_secs(60);

/// So many virtual hosts and URLs are named, those with the most workers first.
const NAMED: usize = 5;

/// How long all workers have been held, and when that was told.
#[derive(Debug, Default)]
pub struct Saturation {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Saturation {
    /// Looks once: are all workers held now? Gives for how long they have been, if that is to be told.
    pub fn look(&mut self, full: bool, now: Instant) -> Option<Duration> {
        if !full {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let just_told = |told| now.saturating_duration_since(told) < SILENCE;
        if self.told.is_some_and(just_told) {
            return None;
        }
        self.told = Some(now);
        Some(now.saturating_duration_since(since))
    }
}

/// Who holds the workers of the serving generation, which have all been held for the time `held`. `limit` is the directive that
/// allows no more.
pub fn explain(snapshot: &Snapshot, held: Duration, limit: &str) -> String {
    let serving: Vec<&Process> = snapshot
        .processes
        .iter()
        .filter(|process| process.generation == snapshot.generation && !process.is_leaving())
        .collect();
    let all = || serving.iter().flat_map(|process| &process.workers);
    let busy: Vec<&Worker> = all().filter(|worker| worker.status.is_busy()).collect();
    let known: Vec<&Worker> = busy.iter().copied().filter(|w| has_request(w)).collect();
    let mut text = format!(
        "{} of {} workers are held, all that {limit} allows for {} s now",
        busy.len(),
        all().count(),
        held.as_secs()
    );
    let mut part = |name: &str, list: String| {
        if !list.is_empty() {
            text.push_str(&format!("; {name}: {list}"));
        }
    };
    part("states", listed(count(&busy, |w| words(w.status).into())));
    part("virtual hosts", listed(count(&known, |w| shown(&w.vhost))));
    part("URLs", listed(prefixes(&known)));
    part("longest request", longest(snapshot.taken, &known));
    part("connections", connections(&serving));
    text
}

/// A worker that reads a request's head still shows the request before it.
fn has_request(worker: &Worker) -> bool {
    worker.status != Status::Reading && !worker.request.is_empty()
}

fn words(status: Status) -> &'static str {
    match status {
        Status::Reading => "reading",
        Status::Writing => "sending",
        Status::KeepAlive => "keep-alive",
        Status::Logging => "logging",
        Status::Resolving => "looking up a name",
        Status::Closing => "closing",
        Status::Graceful => "finishing",
        Status::Dead | Status::Starting | Status::Ready | Status::IdleKill => "idle",
    }
}

/// How many workers have each key, the most first.
fn count(workers: &[&Worker], key: impl Fn(&Worker) -> String) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for worker in workers {
        *counts.entry(key(worker)).or_insert(0) += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// Counts by the first two segments of the path, or by the first alone where two scatter.
fn prefixes(workers: &[&Worker]) -> Vec<(String, usize)> {
    let by = |segments| count(workers, |w| shown(prefix(&w.request, segments)));
    let two = by(2);
    let named: usize = two.iter().take(NAMED).map(|(_, count)| count).sum();
    if named * 2 < workers.len() {
        return by(1);
    }
    two
}

/// The first segments of the path in a request line: `/a/b` of `GET /a/b/c?d HTTP/1.1`. Without a path, the whole target.
fn prefix(line: &[u8], segments: usize) -> &[u8] {
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or(line);
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let path = target.get(..end.unwrap_or(target.len())).unwrap_or(target);
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let cut = slashes.map(|(at, _)| at).nth(segments);
    path.get(..cut.unwrap_or(path.len())).unwrap_or(path)
}

fn shown(text: &[u8]) -> String {
    let mut escaped = Vec::new();
    escape_item(text, &mut escaped);
    String::from_utf8_lossy(&escaped).into_owned()
}

/// `a (4), b (1)`, with the rest as a number.
fn listed(counts: Vec<(String, usize)>) -> String {
    let mut items: Vec<String> = counts
        .iter()
        .take(NAMED)
        .map(|(key, count)| format!("{key} ({count})"))
        .collect();
    let rest: usize = counts.iter().skip(NAMED).map(|(_, count)| count).sum();
    if rest > 0 {
        items.push(format!("others ({rest})"));
    }
    items.join(", ")
}

fn longest(taken: u64, workers: &[&Worker]) -> String {
    let working = workers.iter().filter(|w| w.status == Status::Writing);
    let began = working.map(|w| w.started).filter(|t| *t > 0).min();
    began.map_or(String::new(), |began| {
        format!("{} s", taken.saturating_sub(began) / 1_000_000)
    })
}

/// What processes hold beside workers, where an MPM counts that.
fn connections(processes: &[&Process]) -> String {
    let sum = |of: fn(&Process) -> u64| {
        let each = processes.iter().map(|process| of(process));
        each.fold(0, u64::saturating_add)
    };
    let all = sum(|p| p.held.connections);
    if all == 0 {
        return String::new();
    }
    format!(
        "{all} (reading {}, sending {}, keep-alive {}, closing {})",
        sum(|p| p.held.waiting_io),
        sum(|p| p.held.writing),
        sum(|p| p.held.kept_alive),
        sum(|p| p.held.closing)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{Held, Standing};

    const LIMIT: &str = "MaxRequestWorkers";

    fn worker(status: Status, vhost: &str, request: &str) -> Worker {
        Worker {
            status,
            vhost: vhost.into(),
            request: request.into(),
            started: 1_000_000,
            ..Worker::default()
        }
    }

    fn snapshot(workers: Vec<Worker>) -> Snapshot {
        Snapshot {
            taken: 46_500_000,
            processes: vec![Process {
                pid: 1,
                standing: Standing::Live,
                workers,
                ..Process::default()
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn at_most_once_a_minute() {
        let (start, mut saturation) = (Instant::now(), Saturation::default());
        let mut at = |second: u64, full| {
            let told = saturation.look(full, start + Duration::from_secs(second));
            told.map(|held| held.as_secs())
        };
        assert_eq!(at(0, false), None);
        assert_eq!(at(1, true), Some(0));
        assert!((2..61).all(|second| at(second, true).is_none()));
        assert_eq!(at(61, true), Some(60));
        // It ends and comes again within the minute: the time begins anew, the silence does not.
        assert_eq!(at(62, false), None);
        assert_eq!(at(100, true), None);
        assert_eq!(at(121, true), Some(21));
    }

    #[test]
    fn names_hosts_urls_and_states() {
        let mut workers = vec![worker(Status::Writing, "a:80", "GET /slow/one/x?q HTTP/1.1"); 3];
        workers.push(worker(Status::KeepAlive, "b:80", "GET / HTTP/1.1"));
        // Not yet its own request.
        workers.push(worker(Status::Reading, "b:80", "GET /before HTTP/1.1"));
        let text = explain(&snapshot(workers), Duration::from_secs(7), LIMIT);
        assert_eq!(
            text,
            "5 of 5 workers are held, all that MaxRequestWorkers allows for 7 s now; \
            states: sending (3), keep-alive (1), reading (1); virtual hosts: a:80 (3), b:80 (1); \
            URLs: /slow/one (3), / (1); longest request: 45 s"
        );
    }

    #[test]
    fn only_what_serves_counts() {
        let mut snapshot = snapshot(vec![worker(Status::Writing, "a", "GET /a HTTP/1.1")]);
        let mut old = snapshot.processes[0].clone();
        old.standing = Standing::Draining;
        old.workers[0].request = "GET /old HTTP/1.1".into();
        snapshot.processes.push(old);
        snapshot.processes[0].held = Held {
            connections: 9,
            writing: 8,
            ..Held::default()
        };
        let text = explain(&snapshot, Duration::ZERO, LIMIT);
        assert!(
            text.starts_with("1 of 1 ") && !text.contains("/old"),
            "{text}"
        );
        assert!(
            text.ends_with("; connections: 9 (reading 0, sending 8, keep-alive 0, closing 0)"),
            "{text}"
        );
    }

    #[test]
    fn urls_that_scatter_are_gathered_by_their_first_segment() {
        let each = |n| worker(Status::Writing, "a", &format!("GET /user/{n} HTTP/1.1"));
        let text = explain(
            &snapshot((0..30).map(each).collect()),
            Duration::ZERO,
            LIMIT,
        );
        assert!(text.contains("URLs: /user (30);"), "{text}");
        let each = |n| worker(Status::Writing, "a", &format!("GET /{n}/{n} HTTP/1.1"));
        let text = explain(
            &snapshot((0..30).map(each).collect()),
            Duration::ZERO,
            LIMIT,
        );
        assert!(text.contains("others (25)"), "{text}");
    }

    #[test]
    fn prefixes_of_odd_targets() {
        let of = |line: &str, n| String::from_utf8_lossy(prefix(line.as_bytes(), n)).into_owned();
        assert_eq!(of("GET /a/b/c HTTP/1.1", 1), "/a");
        assert_eq!(of("GET /a/ HTTP/1.1", 2), "/a/");
        assert_eq!(of("OPTIONS * HTTP/1.1", 2), "*");
        assert_eq!(of("garbage", 2), "garbage");
        assert_eq!(of("", 2), "");
        // SeeRequestTail shows only the end.
        assert_eq!(of("GET", 1), "GET");
    }

    #[test]
    fn a_page_gone_wild_stays_one_short_line() {
        let wild: Vec<u8> = (0..64)
            .map(|n| if n % 2 == 0 { b'\n' } else { 0xff })
            .collect();
        let one = |n: u8| Worker {
            status: Status::ALL[usize::from(n % 11)],
            request: [&[b'/', n], wild.as_slice()].concat(),
            vhost: [&[n], wild.as_slice()].concat(),
            started: u64::MAX - u64::from(n),
            ..Worker::default()
        };
        let mut snapshot = snapshot((0..=255).map(one).collect());
        let mut other = snapshot.processes[0].clone();
        other.held.connections = u64::MAX;
        other.held.writing = u64::MAX;
        snapshot.processes.extend([other.clone(), other]);
        let text = explain(&snapshot, Duration::MAX, LIMIT);
        assert!(
            text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{text}"
        );
        assert!(text.len() < 8192, "{}", text.len());
    }
}
