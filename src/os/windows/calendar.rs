//! The calendar: UTC by arithmetic, local time by the system's time zone.

use windows_sys::Win32::Foundation::SYSTEMTIME;
use windows_sys::Win32::System::Time::SystemTimeToTzSpecificLocalTime;

use crate::os::clock::Moment;

/// The calendar of UTC at `seconds` since 1970.
pub fn utc(seconds: i64) -> Moment {
    Moment::of_utc(seconds)
}

/// The local calendar at `seconds` since 1970; UTC's where the system knows no better.
pub fn local(seconds: i64) -> Moment {
    let at = utc(seconds);
    let Some(there) = in_zone(&at) else { return at };
    let offset = (there.seconds() - at.seconds()) as i32;
    Moment { offset, ..there }
}

fn in_zone(at: &Moment) -> Option<Moment> {
    let from = SYSTEMTIME {
        wYear: u16::try_from(at.year).ok()?,
        wMonth: at.month.into(),
        wDayOfWeek: at.weekday.into(),
        wDay: at.day.into(),
        wHour: at.hour.into(),
        wMinute: at.minute.into(),
        wSecond: at.second.into(),
        wMilliseconds: 0,
    };
    let mut to = from;
    // SAFETY: both records are of this frame; no zone is the present one.
    let done = unsafe { SystemTimeToTzSpecificLocalTime(std::ptr::null(), &from, &mut to) };
    (done != 0).then_some(Moment {
        year: to.wYear.into(),
        month: to.wMonth as u8,
        day: to.wDay as u8,
        hour: to.wHour as u8,
        minute: to.wMinute as u8,
        second: to.wSecond as u8,
        weekday: to.wDayOfWeek as u8,
        offset: 0,
    })
}

/// Formats a time as strftime(3) does, in English.
pub fn strftime(format: &str, seconds: i64, local: bool) -> Vec<u8> {
    let at = if local {
        self::local(seconds)
    } else {
        utc(seconds)
    };
    at.format(format, seconds).into_bytes()
}
