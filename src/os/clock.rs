//! Local time, its distance from UTC, and the kernel's number of the calling thread: what log lines and pages show and
//! std does not tell. Where the system's calendar has to be asked, `calendar` does.

use std::time::SystemTime;

pub use super::calendar::{local, strftime, utc};
pub use super::process::thread_id;

/// A moment of the calendar, in the zone it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Of our era.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// Seconds east of UTC.
    pub offset: i32,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl Moment {
    /// `Jan` and so on, in English whatever the locale.
    pub fn month_name(&self) -> &'static str {
        let index = usize::from(self.month).wrapping_sub(1);
        MONTHS.get(index).copied().unwrap_or("???")
    }

    /// `Sun` and so on.
    pub fn weekday_name(&self) -> &'static str {
        let index = usize::from(self.weekday);
        WEEKDAYS.get(index).copied().unwrap_or("???")
    }
}

/// Seconds since 1970; before it negative.
pub fn seconds(time: SystemTime) -> i64 {
    microseconds(time).div_euclid(1_000_000)
}

/// Microseconds since 1970; before it negative.
pub fn microseconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_micros() as i64,
        Err(before) => -(before.duration().as_micros() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_moment() {
        let moment = utc(1_795_600_000);
        assert_eq!((moment.year, moment.month, moment.day), (2026, 11, 25));
        assert_eq!((moment.hour, moment.minute, moment.second), (9, 46, 40));
        assert_eq!((moment.weekday_name(), moment.month_name()), ("Wed", "Nov"));
        assert_eq!(moment.offset, 0);
        let formatted = strftime("%Y-%m-%d %H:%M:%S", 1_795_600_000, false);
        assert_eq!(formatted, b"2026-11-25 09:46:40");
        assert_eq!(strftime("a\0b", 0, true), b"");
    }

    #[test]
    fn the_offset_tells_local_from_utc() {
        let (local, utc) = (local(1_795_600_000), utc(1_795_600_000));
        let seconds = |m: &Moment| i64::from(m.hour) * 3600 + i64::from(m.minute) * 60;
        let apart = (seconds(&local) - seconds(&utc)).rem_euclid(86_400);
        assert_eq!(apart, i64::from(local.offset).rem_euclid(86_400));
        assert!(thread_id() > 0);
    }
}
