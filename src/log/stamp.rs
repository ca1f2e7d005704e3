//! The times of log lines. Breaking a time down costs a look into the zone's tables, so each thread does it once a second.

use crate::os::clock;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One second, as the two forms of the error log show it.
struct Second {
    seconds: i64,
    /// `Wed Nov 25 09:26:09`
    classic: String,
    year: i32,
    /// `2026-11-25 09:26:09`
    compact: String,
}

thread_local! {
    static LATEST: RefCell<Option<Second>> = const { RefCell::new(None) };
}

impl Second {
    fn new(seconds: i64) -> Second {
        let at = clock::local(seconds);
        let time = format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second);
        let (weekday, month) = (at.weekday_name(), at.month_name());
        Second {
            seconds,
            classic: format!("{weekday} {month} {:02} {time}", at.day),
            year: at.year,
            compact: format!("{}-{:02}-{:02} {time}", at.year, at.month, at.day),
        }
    }
}

/// How a time is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// With microseconds.
    pub micro: bool,
    /// `2026-11-25 09:26:09` and not `Wed Nov 25 09:26:09 2026`.
    pub compact: bool,
}

/// Appends the present time.
pub(super) fn now(style: Style, out: &mut Vec<u8>) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    at(since.unwrap_or_default(), style, out);
}

fn at(since: Duration, style: Style, out: &mut Vec<u8>) {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    LATEST.with_borrow_mut(|latest| {
        if latest.as_ref().is_none_or(|known| known.seconds != seconds) {
            *latest = Some(Second::new(seconds));
        }
        let Some(second) = latest else { return };
        let text = match style.compact {
            true => &second.compact,
            false => &second.classic,
        };
        out.extend_from_slice(text.as_bytes());
        if style.micro {
            out.extend_from_slice(format!(".{:06}", since.subsec_micros()).as_bytes());
        }
        if !style.compact {
            out.extend_from_slice(format!(" {}", second.year).as_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(micro: bool, compact: bool) -> String {
        let mut out = Vec::new();
        let since = Duration::new(1_795_600_000, 42_000);
        at(since, Style { micro, compact }, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn forms() {
        // The zone of the machine that runs this moves hours, so only what no zone changes is compared.
        assert_eq!(shown(true, true)[19..], *".000042");
        assert_eq!(shown(true, false)[19..], *".000042 2026");
        assert_eq!(shown(false, false)[19..], *" 2026");
        assert_eq!(shown(false, true).len(), 19);
        assert!(shown(false, true).starts_with("2026-11-"));
    }
}
