//! Local time, its distance from UTC, and the kernel's number of the calling thread: what log lines and pages show and
//! std does not tell.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::time::SystemTime;

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

fn broken_down(seconds: i64, local: bool) -> libc::tm {
    // SAFETY: all-zero bytes are a valid `tm`: numbers, and a pointer that may be null.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    let time = seconds as libc::time_t;
    // SAFETY: both pointers are to live values of this frame, which the calls only read and fill.
    unsafe {
        if local {
            libc::localtime_r(&time, &mut tm);
        } else {
            libc::gmtime_r(&time, &mut tm);
        }
    }
    tm
}

fn moment(tm: &libc::tm) -> Moment {
    Moment {
        year: tm.tm_year.saturating_add(1900),
        month: tm.tm_mon as u8 + 1,
        day: tm.tm_mday as u8,
        hour: tm.tm_hour as u8,
        minute: tm.tm_min as u8,
        second: tm.tm_sec as u8,
        weekday: tm.tm_wday as u8,
        offset: tm.tm_gmtoff as i32,
    }
}

/// The local calendar at `seconds` since 1970.
pub fn local(seconds: i64) -> Moment {
    moment(&broken_down(seconds, true))
}

/// The calendar of UTC at `seconds` since 1970.
pub fn utc(seconds: i64) -> Moment {
    moment(&broken_down(seconds, false))
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

/// Formats a time as strftime(3) does. Gives nothing if the format holds a NUL or makes more than 4 KiB.
pub fn strftime(format: &str, seconds: i64, local: bool) -> Vec<u8> {
    let Ok(format) = CString::new(format) else {
        return Vec::new();
    };
    let tm = broken_down(seconds, local);
    let mut text = vec![0u8; 4096];
    // SAFETY: `text` is as long as is said, `format` ends in NUL, `tm` is filled in; its zone pointer is to static text.
    let length =
        unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &tm) };
    text.truncate(length);
    text
}

/// The kernel's number of this thread, as `top` shows it; where the kernel tells none, that of the process.
pub fn thread_id() -> u32 {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointer and cannot fail.
    let id = unsafe { libc::gettid() } as u32;
    #[cfg(not(target_os = "linux"))]
    let id = std::process::id();
    id
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
