//! URLs that bring children down: each crash is told with the request that was in work, and a URL that did it too often is held
//! back for a while (CrashQuarantine), so that one bad file or module does not cost the server its children over and over.
//!
//! Decided here, in the parent's own memory; children hear of it through the scoreboard's directory, which they cannot write.

use std::collections::BTreeMap;
use std::time::Instant;

use super::conf::Rule;
use super::exits::signal_words;
use super::note::Note;
use crate::log::{raw, Level};
use crate::os::crash::CRASHES;
use crate::scoreboard::layout::SHUNNED_MOST;
use crate::scoreboard::Crash;

/// URLs that have crashed, but not often enough yet, beyond which the oldest is forgotten.
const SUSPECTS: usize = 1024;

/// What the parent remembers of crashes.
#[derive(Debug, Default)]
pub struct Quarantine {
    /// When each URL crashed, the latest last.
    suspects: BTreeMap<u64, Vec<Instant>>,
    /// URLs that are held back, and until when, the oldest first.
    held: Vec<(u64, Instant)>,
}

impl Quarantine {
    /// A URL has crashed; true if it is held back from now on.
    pub fn crashed(&mut self, key: u64, rule: &Rule, now: Instant) -> bool {
        if rule.crashes == 0 || self.held.iter().any(|(held, _)| *held == key) {
            return false;
        }
        let recent = |time: &Instant| now.saturating_duration_since(*time) <= rule.within;
        self.suspects.retain(|_, times| times.iter().any(recent));
        let times = self.suspects.entry(key).or_default();
        times.retain(recent);
        times.push(now);
        if times.len() >= rule.crashes as usize {
            self.suspects.remove(&key);
            self.held.push((key, now + rule.hold));
            let surplus = self.held.len().saturating_sub(SHUNNED_MOST);
            self.held.drain(..surplus);
            return true;
        }
        self.forget_surplus();
        false
    }

    fn forget_surplus(&mut self) {
        if self.suspects.len() > SUSPECTS {
            let latest = |(_, times): &(&u64, &Vec<Instant>)| times.last().copied();
            let oldest = self.suspects.iter().min_by_key(latest).map(|(key, _)| *key);
            self.suspects.retain(|key, _| Some(*key) != oldest);
        }
    }

    /// Lets those go whose time is over; true if there were any.
    pub fn release(&mut self, now: Instant) -> bool {
        let before = self.held.len();
        self.held.retain(|(_, until)| *until > now);
        self.held.len() < before
    }

    /// What is held back.
    pub fn keys(&self) -> Vec<u64> {
        self.held.iter().map(|(key, _)| *key).collect()
    }
}

/// The line for a crash: what the child was at work on, as it says. `None` if the end was none, or not its own doing.
pub fn tell(pid: i32, signal: i32, crash: &Crash) -> Option<Note> {
    if crash.signal != signal || crash.sent || !CRASHES.contains(&signal) {
        return None;
    }
    let words = signal_words(signal);
    if crash.target.is_empty() {
        let told = format!("child pid {pid} crashed ({words}) with no request in work");
        return Some(Note::new(Level::Error, 20401, told));
    }
    let told = format!(
        "child pid {pid} crashed ({words}) while it worked on {} {}{} of virtual host {} for client {}",
        raw(&crash.method),
        raw(&crash.target),
        if crash.cut { "..." } else { "" },
        raw(&crash.vhost),
        raw(&crash.client),
    );
    Some(Note::new(Level::Error, 20400, told))
}

/// The line for a URL that is held back from now on.
pub fn tell_held(rule: &Rule, crash: &Crash) -> Note {
    let path = crash.target.split(|byte| *byte == b'?').next();
    let told = format!(
        "{} of virtual host {} brought a child down {} times within {} seconds: it is answered with 503 for {} seconds (CrashQuarantine)",
        raw(path.unwrap_or_default()),
        raw(&crash.vhost),
        rule.crashes,
        rule.within.as_secs(),
        rule.hold.as_secs(),
    );
    Note::new(Level::Error, 20403, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_within_a_minute_and_for_a_while() {
        let (mut quarantine, start) = (Quarantine::default(), Instant::now());
        let mut crash = |key, at: u32| quarantine.crashed(key, &Rule::USUAL, start + SECOND * at);
        assert!(!crash(1, 0) && !crash(1, 30) && !crash(2, 31));
        // The first is long ago.
        assert!(!crash(1, 61));
        assert!(crash(1, 62));
        assert!(!crash(1, 63), "held already");
        assert!(!crash(2, 64) && crash(2, 65));
        assert_eq!(quarantine.keys(), [1, 2]);
        assert!(!quarantine.release(start + SECOND * 361));
        assert!(quarantine.release(start + SECOND * 363));
        assert_eq!(quarantine.keys(), [2]);
        assert!(quarantine.release(start + SECOND * 900));
        assert!(!quarantine.crashed(2, &Rule::USUAL, start + SECOND * 901));
    }

    #[test]
    fn off_is_off_and_memory_is_bounded() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        assert!((0..9).all(|_| !quarantine.crashed(1, &Rule::OFF, now)));
        let once = Rule {
            crashes: 1,
            ..Rule::USUAL
        };
        assert!((0..100).all(|key| quarantine.crashed(key, &once, now)));
        assert_eq!(quarantine.keys().len(), SHUNNED_MOST);
        assert!((1000..5000).all(|key| !quarantine.crashed(key, &Rule::USUAL, now)));
        assert!(quarantine.suspects.len() <= SUSPECTS);
    }

    #[test]
    fn only_a_crash_of_its_own_is_told() {
        let crash = Crash {
            signal: 11,
            client: b"192.0.2.1".into(),
            vhost: b"a.example:80".into(),
            method: b"GET".into(),
            target: b"/x?y".into(),
            ..Crash::default()
        };
        let told = tell(7, 11, &crash).map(|note| note.text);
        assert_eq!(told.as_deref(), Some("child pid 7 crashed (Segmentation fault) while it worked on GET /x?y of virtual host a.example:80 for client 192.0.2.1"));
        assert_eq!(tell(7, 9, &crash), None);
        let nine = Crash {
            signal: 9,
            ..crash.clone()
        };
        assert_eq!(tell(7, 9, &nine), None);
        let sent = Crash {
            sent: true,
            ..crash.clone()
        };
        assert_eq!(tell(7, 11, &sent), None);
        assert!(tell_held(&Rule::USUAL, &crash)
            .text
            .starts_with("/x of virtual host a.example:80 brought"));
    }
}
