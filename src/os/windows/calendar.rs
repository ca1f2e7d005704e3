//! The calendar: local time by the system's time zone, its text in English whatever the system's language.

use windows_sys::Win32::Foundation::{FILETIME, SYSTEMTIME};
use windows_sys::Win32::System::Time::{
    FileTimeToSystemTime, SystemTimeToFileTime, SystemTimeToTzSpecificLocalTime,
};

use crate::os::clock::Moment;
use crate::protocol::date;

/// Seconds from 1601, where the system begins to count, to 1970.
const BEFORE_1970: i64 = 11_644_473_600;
/// What it counts.
const TICKS: i64 = 10_000_000;

/// The calendar of UTC at `seconds` since 1970; before 1601 that of 1601.
pub fn utc(seconds: i64) -> Moment {
    moment(&broken_down(seconds), 0)
}

/// The local calendar at `seconds` since 1970; UTC's where the system knows no better.
pub fn local(seconds: i64) -> Moment {
    let there = broken_down(seconds);
    let mut here = there;
    // SAFETY: both records are of this frame; no zone is the present one.
    if unsafe { SystemTimeToTzSpecificLocalTime(std::ptr::null(), &there, &mut here) } == 0 {
        return moment(&there, 0);
    }
    moment(&here, (reading(&here) - reading(&there)) as i32)
}

fn broken_down(seconds: i64) -> SYSTEMTIME {
    let ticks = seconds
        .saturating_add(BEFORE_1970)
        .saturating_mul(TICKS)
        .max(0);
    let time = FILETIME {
        dwLowDateTime: ticks as u32,
        dwHighDateTime: (ticks >> 32) as u32,
    };
    let mut broken_down = SYSTEMTIME::default();
    // SAFETY: both records are of this frame.
    unsafe { FileTimeToSystemTime(&time, &mut broken_down) };
    broken_down
}

/// What a calendar shows, in seconds.
fn reading(at: &SYSTEMTIME) -> i64 {
    let mut time = FILETIME::default();
    // SAFETY: both records are of this frame.
    unsafe { SystemTimeToFileTime(at, &mut time) };
    let ticks = (i64::from(time.dwHighDateTime) << 32) | i64::from(time.dwLowDateTime);
    ticks / TICKS
}

fn moment(at: &SYSTEMTIME, offset: i32) -> Moment {
    Moment {
        year: at.wYear.into(),
        month: at.wMonth as u8,
        day: at.wDay as u8,
        hour: at.wHour as u8,
        minute: at.wMinute as u8,
        second: at.wSecond as u8,
        weekday: at.wDayOfWeek as u8,
        offset,
    }
}

/// Formats a time as strftime(3) does. A zone is called by its distance.
pub fn strftime(format: &str, seconds: i64, local: bool) -> Vec<u8> {
    let offset = if local {
        self::local(seconds).offset
    } else {
        0
    };
    let zone = match offset {
        0 => "UTC".to_owned(),
        _ => date::strftime(b"%z", seconds, offset, "").to_string(),
    };
    date::strftime(format.as_bytes(), seconds, offset, &zone).into()
}
