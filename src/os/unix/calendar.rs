//! The calendar, by the C library.

use std::ffi::CString;

use crate::os::clock::Moment;

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
