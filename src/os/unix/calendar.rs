//! The calendar, by the C library.

use std::ffi::CString;

use crate::os::clock::Moment;

#[cfg(not(target_os = "haiku"))]
use libc::strftime as strftime_of_c;

// The crate does not know that Haiku has it.
#[cfg(target_os = "haiku")]
extern "C" {
    #[link_name = "strftime"]
    fn strftime_of_c(
        text: *mut libc::c_char,
        most: libc::size_t,
        format: *const libc::c_char,
        tm: *const libc::tm,
    ) -> libc::size_t;
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

/// Seconds east of UTC.
#[cfg(not(any(target_os = "illumos", target_os = "solaris", target_os = "aix")))]
fn offset(local: &libc::tm, _seconds: i64) -> i32 {
    local.tm_gmtoff as i32
}

/// The same where the C library does not say: what lies between the two calendars.
#[cfg(any(target_os = "illumos", target_os = "solaris", target_os = "aix"))]
fn offset(local: &libc::tm, seconds: i64) -> i32 {
    between(local, &broken_down(seconds, false))
}

/// Seconds by which one calendar is ahead of another; they are less than a year apart.
#[cfg(any(test, target_os = "illumos", target_os = "solaris", target_os = "aix"))]
fn between(one: &libc::tm, other: &libc::tm) -> i32 {
    let days = match one.tm_year.cmp(&other.tm_year) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => one.tm_yday - other.tm_yday,
        std::cmp::Ordering::Greater => 1,
    };
    let hours = days * 24 + one.tm_hour - other.tm_hour;
    let minutes = hours * 60 + one.tm_min - other.tm_min;
    minutes * 60 + one.tm_sec - other.tm_sec
}

fn moment(tm: &libc::tm, offset: i32) -> Moment {
    Moment {
        year: tm.tm_year.saturating_add(1900),
        month: tm.tm_mon as u8 + 1,
        day: tm.tm_mday as u8,
        hour: tm.tm_hour as u8,
        minute: tm.tm_min as u8,
        second: tm.tm_sec as u8,
        weekday: tm.tm_wday as u8,
        offset,
    }
}

/// The local calendar at `seconds` since 1970.
pub fn local(seconds: i64) -> Moment {
    let tm = broken_down(seconds, true);
    moment(&tm, offset(&tm, seconds))
}

/// The calendar of UTC at `seconds` since 1970.
pub fn utc(seconds: i64) -> Moment {
    moment(&broken_down(seconds, false), 0)
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
        unsafe { strftime_of_c(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &tm) };
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_two_calendars() {
        // The last half hour of 1999, and the first of 2000.
        for seconds in [946_682_999, 946_685_100] {
            for offset in [-43_200, -12_600, 0, 20_700, 50_400] {
                let local = broken_down(seconds + i64::from(offset), false);
                assert_eq!(between(&local, &broken_down(seconds, false)), offset);
            }
            let local = broken_down(seconds, true);
            let utc = broken_down(seconds, false);
            assert_eq!(between(&local, &utc), offset(&local, seconds));
        }
    }
}
