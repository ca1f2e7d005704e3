//! The time of `%t`. Breaking a time down costs a look into the zone's tables, so each thread does it once a second.

use crate::os::clock;
use std::cell::RefCell;

thread_local! {
    static LATEST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Appends `[25/Nov/2026:09:55:36 +0000]` for a time in seconds since 1970.
pub fn common(seconds: i64, out: &mut Vec<u8>) {
    LATEST.with_borrow_mut(|(known, text)| {
        if *known != seconds {
            *text = bracketed(seconds);
            *known = seconds;
        }
        out.extend_from_slice(text.as_bytes());
    });
}

fn bracketed(seconds: i64) -> String {
    let at = clock::local(seconds);
    let (sign, offset) = match at.offset {
        east if east >= 0 => ('+', east / 60),
        west => ('-', -west / 60),
    };
    format!(
        "[{:02}/{}/{}:{:02}:{:02}:{:02} {sign}{:02}{:02}]",
        at.day,
        at.month_name(),
        at.year,
        at.hour,
        at.minute,
        at.second,
        offset / 60,
        offset % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_shown_again_and_another_differs() {
        let shown = |seconds| {
            let mut out = Vec::new();
            common(seconds, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        let one = shown(1_795_600_000);
        assert_eq!(one, shown(1_795_600_000));
        assert_ne!(one, shown(1_795_600_001));
        assert_eq!(one.len(), 28);
        let fixed = |index: usize| one.as_bytes()[index];
        assert_eq!(
            [0, 3, 7, 12, 15, 18, 21, 27].map(fixed),
            *b"[//::: ]",
            "{one}"
        );
    }
}
