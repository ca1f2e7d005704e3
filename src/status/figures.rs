//! What both pages tell, computed once from a reading of the scoreboard, and how numbers are written.

use crate::os::{clock, limits};
use crate::scoreboard::{Process, Snapshot, Status};

/// The server in numbers.
pub struct Figures {
    pub host: String,
    pub snapshot: Snapshot,
    /// ExtendedStatus: requests are told one by one, and there are totals.
    pub extended: bool,
    /// Connections are held without a worker.
    pub holds: bool,
    /// Seconds since the start.
    pub uptime: u64,
    /// Workers that wait, that work, and that finish before their process ends.
    pub idle: u32,
    pub busy: u32,
    pub finishing: u32,
    /// Over 1, 5 and 15 minutes.
    pub load: [f64; 3],
}

impl Figures {
    /// The figures of a snapshot. `host` is the name to show; `extended` what ExtendedStatus says, if it does; `holds` whether
    /// connections are held without a worker.
    pub fn take(host: String, snapshot: Snapshot, extended: Option<bool>, holds: bool) -> Figures {
        let (idle, working) = snapshot.idle_and_busy();
        let finishing = snapshot
            .processes
            .iter()
            .map(|process| process.counts().2)
            .sum();
        Figures {
            host,
            // Whoever looks wants to see requests, unless the configuration says otherwise.
            extended: extended.unwrap_or(true),
            holds,
            uptime: snapshot.taken.saturating_sub(snapshot.server_started) / 1_000_000,
            idle,
            busy: working.saturating_sub(finishing),
            finishing,
            load: limits::load_averages().unwrap_or([-1.0; 3]),
            snapshot,
        }
    }

    /// What rates are taken over: a server that has just started is a second old.
    pub fn seconds(&self) -> f64 {
        self.uptime.max(1) as f64
    }

    /// Seconds of processor time: user, system, ended children's user, ended children's system.
    pub fn cpu(&self) -> [f64; 4] {
        self.snapshot
            .totals
            .cpu
            .map(|micros| (micros / 10_000) as f64 / 100.0)
    }

    /// Percent of one processor, if any time was used.
    pub fn cpu_load(&self) -> Option<f64> {
        let used: f64 = self.cpu().iter().sum();
        (used > 0.0).then(|| used / self.seconds() * 100.0)
    }

    /// Requests, KiB, milliseconds since the start.
    pub fn totals(&self) -> (u64, u64, u64) {
        let totals = &self.snapshot.totals;
        (totals.accesses, totals.bytes / 1024, totals.duration / 1000)
    }

    /// Every place for a worker, in order: those of the serving generation's slots, with processes of older generations in
    /// slots that are free, or behind.
    pub fn places(&self) -> Vec<Option<&Process>> {
        let snapshot = &self.snapshot;
        let mut places: Vec<Option<&Process>> = vec![None; snapshot.max_processes as usize];
        let mut others = Vec::new();
        for process in &snapshot.processes {
            match places.get_mut(process.slot as usize) {
                Some(place) if place.is_none() && process.generation == snapshot.generation => {
                    *place = Some(process)
                }
                _ => others.push(process),
            }
        }
        let mut free = 0;
        for process in others {
            while places.get(free).is_some_and(Option::is_some) {
                free += 1;
            }
            match places.get_mut(free) {
                Some(place) => *place = Some(process),
                None => places.push(Some(process)),
            }
        }
        places
    }

    /// The letters of all places.
    pub fn letters(&self) -> String {
        let threads = self.snapshot.threads.max(1) as usize;
        let of = |place: Option<&Process>| {
            let known = place.map_or(Vec::new(), |p| {
                p.workers.iter().map(|w| w.status.letter()).collect()
            });
            let rest = threads.saturating_sub(known.len());
            known
                .into_iter()
                .chain(std::iter::repeat_n(Status::Dead.letter(), rest))
                .collect::<String>()
        };
        self.places().into_iter().map(of).collect()
    }
}

/// `Wednesday, 25-Nov-2026 09:54:43 UTC` for microseconds since 1970.
pub fn moment(micros: u64) -> String {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(0);
    String::from_utf8_lossy(&clock::strftime("%A, %d-%b-%Y %H:%M:%S %Z", seconds, true))
        .into_owned()
}

/// `1 day 2 hours 1 second`.
pub fn in_words(seconds: u64) -> String {
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let words: Vec<String> = units
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() {
        "0 seconds".into()
    } else {
        words.join(" ")
    }
}

/// A number as APR's `%g` writes it: six digits that count, no zero before the point.
pub fn general(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(digits), exponent.abs());
    }
    let plain = format!("{value:.*}", (5 - exponent).max(0) as usize);
    let plain = trimmed(&plain);
    plain
        .strip_prefix('0')
        .filter(|rest| rest.starts_with('.'))
        .unwrap_or(plain)
        .to_owned()
}

/// Without zeros behind the point.
fn trimmed(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// `208.2 kB`, for people.
pub fn size(bytes: f64) -> String {
    let units = [("GB", 3), ("MB", 2), ("kB", 1)];
    for (unit, power) in units {
        let scaled = bytes / 1024f64.powi(power);
        if scaled >= 1.0 {
            return format!("{scaled:.1} {unit}");
        }
    }
    format!("{bytes:.0} B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Worker;

    #[test]
    fn numbers_like_aprs() {
        // Each was seen on a page of Apache's.
        let seen = [
            (0.133_333, ".133333"),
            (2.5, "2.5"),
            (2048.0, "2048"),
            (819.2, "819.2"),
            (847.4, "847.4"),
            (213_166.08, "213166"),
            (251.553, "251.553"),
            (0.402_909, ".402909"),
            (3.53, "3.53"),
            (0.0, "0"),
        ];
        for (value, shown) in seen {
            assert_eq!(general(value), shown);
        }
        assert_eq!(general(1_234_567.0), "1.23457e+06");
        assert_eq!(general(0.000_012_3), "1.23e-05");
        assert_eq!(general(999_999.9), "1e+06");
    }

    #[test]
    fn times_in_words() {
        assert_eq!(in_words(0), "0 seconds");
        assert_eq!(in_words(200), "3 minutes 20 seconds");
        assert_eq!(in_words(86_400 + 3600 + 1), "1 day 1 hour 1 second");
    }

    fn process(slot: u32, generation: u32, status: Status) -> Process {
        let worker = Worker {
            status,
            ..Worker::default()
        };
        Process {
            pid: 1,
            slot,
            generation,
            workers: vec![worker.clone(), worker],
            ..Process::default()
        }
    }

    #[test]
    fn older_generations_fill_what_is_free() {
        let snapshot = Snapshot {
            generation: 2,
            max_processes: 3,
            threads: 2,
            processes: vec![
                process(1, 2, Status::Ready),
                process(1, 1, Status::Writing),
                process(5, 1, Status::Graceful),
                process(0, 0, Status::KeepAlive),
            ],
            ..Snapshot::default()
        };
        let figures = Figures {
            host: String::new(),
            snapshot,
            extended: true,
            holds: false,
            uptime: 0,
            idle: 0,
            busy: 0,
            finishing: 0,
            load: [0.0; 3],
        };
        assert_eq!(figures.letters(), "WW__GGKK");
    }
}
