//! The time, read from the kernel once in a turn of the loop and made into a `Date` header once a second.

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A date in the form of RFC 9110 section 5.6.7, always 29 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateString([u8; 29]);

impl DateString {
    /// Formats a time; years beyond 9999 and before 1970 become the nearest that fits.
    pub fn of(time: SystemTime) -> DateString {
        let last = 253_402_300_799; // the end of the year 9999, after which the form has no room
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
            .min(last);
        let text = httpdate::fmt_http_date(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let mut bytes = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        if text.len() == bytes.len() {
            bytes.copy_from_slice(text.as_bytes());
        }
        DateString(bytes)
    }

    /// For a header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For a text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for DateString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The cached time of one executor.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Cell<Option<Instant>>,
    time_of_day: Cell<Option<SystemTime>>,
    /// The second since the epoch that the text says.
    date: Cell<Option<(u64, DateString)>>,
}

impl Clock {
    /// Forgets the time: a turn begins, or something may have taken long.
    pub fn refresh(&self) {
        self.now.set(None);
        self.time_of_day.set(None);
    }

    pub fn now(&self) -> Instant {
        cached(&self.now, Instant::now)
    }

    pub fn time_of_day(&self) -> SystemTime {
        cached(&self.time_of_day, SystemTime::now)
    }

    pub fn date(&self) -> DateString {
        let time = self.time_of_day();
        let second = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        match self.date.get() {
            Some((of, date)) if of == second => date,
            _ => {
                let date = DateString::of(time);
                self.date.set(Some((second, date)));
                date
            }
        }
    }
}

fn cached<T: Copy>(cell: &Cell<Option<T>>, read: impl FnOnce() -> T) -> T {
    cell.get().unwrap_or_else(|| {
        let value = read();
        cell.set(Some(value));
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_have_their_form() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            DateString::of(time).to_string(),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        let ends = [
            UNIX_EPOCH - Duration::from_secs(9),
            UNIX_EPOCH + Duration::from_secs(1 << 40),
        ];
        let years = ends.map(|time| DateString::of(time).as_str()[12..16].to_owned());
        assert_eq!(years, ["1970", "9999"]);
    }

    #[test]
    fn time_stands_still_in_a_turn() {
        let clock = Clock::default();
        let (now, day) = (clock.now(), clock.time_of_day());
        while Instant::now() == now {}
        assert_eq!((clock.now(), clock.time_of_day()), (now, day));
        assert_eq!(clock.date(), DateString::of(day));
        clock.refresh();
        assert!(clock.now() > now);
    }
}
