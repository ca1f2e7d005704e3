//! Dates: the three forms HTTP reads and the one it writes, and the forms of the logs.
//!
//! Nothing here knows the time or the time zone: the caller gives seconds since 1970 (UTC) and, where a form is local, the
//! zone's offset. The proleptic Gregorian calendar is computed here, so that no call depends on libc, locale or TZ.

use super::token::number;
use bstr::BString;
use std::io::Write;

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment as calendars and clocks show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, astronomically counted.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// 0 is the first of January.
    pub yearday: u16,
}

impl Civil {
    /// The moment `seconds` after 1970 began. For local time add the zone's offset first.
    pub fn from_unix(seconds: i64) -> Civil {
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        let yearday = days - days_to(year, 1, 1);
        Civil {
            year,
            month,
            day,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            yearday: yearday as u16,
        }
    }

    fn month_name(&self) -> &'static str {
        MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .unwrap_or(&"?")
    }

    fn day_name(&self) -> &'static str {
        DAYS.get(usize::from(self.weekday)).unwrap_or(&"?")
    }
}

/// Days from 1970-01-01 to a date. Years are counted from March in cycles of 400, so that leap days come last.
fn days_to(year: i64, month: u8, day: u8) -> i64 {
    let month = i64::from(month);
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that is so many days after 1970-01-01: the inverse of `days_to`.
fn date_of(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

/// The last moment an HTTP date can name: the end of the year 9999.
const LAST: i64 = 253_402_300_799;
/// The first one: the start of the year 0.
const FIRST: i64 = -62_167_219_200;

/// A date as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7); moments outside the years 0 to 9999
/// become the nearest that fits.
pub fn http(seconds: i64) -> [u8; 29] {
    let at = Civil::from_unix(seconds.clamp(FIRST, LAST));
    let mut out = *b"Day, 00 Mon 0000 00:00:00 GMT";
    out[..3].copy_from_slice(&at.day_name().as_bytes()[..3]);
    two(&mut out, 5, at.day);
    out[8..11].copy_from_slice(&at.month_name().as_bytes()[..3]);
    two(&mut out, 12, (at.year / 100) as u8);
    two(&mut out, 14, (at.year % 100) as u8);
    two(&mut out, 17, at.hour);
    two(&mut out, 20, at.minute);
    two(&mut out, 23, at.second);
    out
}

/// Writes two digits at a place.
fn two(out: &mut [u8; 29], at: usize, value: u8) {
    out[at] = b'0' + value / 10;
    out[at + 1] = b'0' + value % 10;
}

/// Words of the longest form of a date.
const MOST_WORDS: usize = 6;

/// Reads an HTTP date in any of its three forms; seconds since 1970. What follows a semicolon is ignored: old clients put
/// the length of what they have there. Two-digit years below 70 are of this century.
pub fn parse(text: &[u8]) -> Option<i64> {
    if let Some(seconds) = text.try_into().ok().and_then(parse_fixed) {
        return Some(seconds);
    }
    let text = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut words = [&b""[..]; MOST_WORDS];
    let mut count = 0;
    let all = text.split(|byte| *byte == b' ' || *byte == b'\t');
    for word in all.filter(|word| !word.is_empty()) {
        *words.get_mut(count)? = word;
        count += 1;
    }
    match words[..count] {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [weekday, day, month, year, time, b"GMT"] if is_day(weekday, b",") => {
            moment(four_digits(year)?, month_of(month)?, day_of(day)?, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [weekday, date, time, b"GMT"] if is_day(weekday, b",") => {
            let mut parts = date.split(|byte| *byte == b'-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() {
                return None;
            }
            moment(short_year(year)?, month_of(month)?, day_of(day)?, time)
        }
        // Sun Nov  6 08:49:37 1994
        [weekday, month, day, time, year] if is_day(weekday, b"") => {
            moment(four_digits(year)?, month_of(month)?, day_of(day)?, time)
        }
        _ => None,
    }
}

/// The form that senders use now, of fixed length: `Sun, 06 Nov 1994 08:49:37 GMT`. Nothing if it is not exactly that.
fn parse_fixed(text: &[u8; 29]) -> Option<i64> {
    let (weekday, rest) = text.split_at(4);
    let [b' ', d1, d2, b' ', rest @ ..] = rest else {
        return None;
    };
    let [m1, m2, m3, b' ', y1, y2, y3, y4, b' ', rest @ ..] = rest else {
        return None;
    };
    let [h1, h2, b':', i1, i2, b':', s1, s2, b' ', b'G', b'M', b'T'] = rest else {
        return None;
    };
    let two = |high: &u8, low: &u8| {
        let (high, low) = (high.wrapping_sub(b'0'), low.wrapping_sub(b'0'));
        (high < 10 && low < 10).then(|| high * 10 + low)
    };
    let year = i64::from(two(y1, y2)?) * 100 + i64::from(two(y3, y4)?);
    let month = month_of(&[*m1, *m2, *m3])?;
    let time = [two(h1, h2)?, two(i1, i2)?, two(s1, s2)?];
    let at = second_of(year, month, two(d1, d2)?, time);
    at.filter(|_| is_day(weekday, b","))
}

/// Whether a word names a day of the week, in full or by three letters, and ends with `end`.
fn is_day(word: &[u8], end: &[u8]) -> bool {
    let Some(name) = word.strip_suffix(end) else {
        return false;
    };
    DAYS.iter()
        .any(|day| name == day.as_bytes() || name == &day.as_bytes()[..3])
}

fn month_of(word: &[u8]) -> Option<u8> {
    let at = MONTHS
        .iter()
        .position(|month| word == &month.as_bytes()[..3])?;
    Some(at as u8 + 1)
}

fn day_of(word: &[u8]) -> Option<u8> {
    number(word)
        .filter(|day| word.len() <= 2 && (1..=31).contains(day))
        .map(|day| day as u8)
}

fn four_digits(word: &[u8]) -> Option<i64> {
    number(word)
        .filter(|_| word.len() == 4)
        .map(|year| year as i64)
}

fn short_year(word: &[u8]) -> Option<i64> {
    match (word.len(), number(word)?) {
        (2, year) if year < 70 => Some(2000 + year as i64),
        (2, year) => Some(1900 + year as i64),
        (4, year) => Some(year as i64),
        _ => None,
    }
}

/// Seconds since 1970 of a date and `hh:mm:ss`; nothing where either does not exist. A leap second is the one after it.
fn moment(year: i64, month: u8, day: u8, time: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time else {
        return None;
    };
    let two = |digits: [u8; 2]| number(&digits).map(|two| two as u8);
    second_of(
        year,
        month,
        day,
        [two([h1, h2])?, two([m1, m2])?, two([s1, s2])?],
    )
}

fn second_of(year: i64, month: u8, day: u8, [hour, minute, second]: [u8; 3]) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_to(year, month, day);
    if date_of(days) != (year, month, day) {
        return None;
    }
    let time = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(days * 86_400 + time)
}

/// Appends `[10/Oct/2000:13:55:36 -0700]`, the common log format's time. `offset` is seconds east of Greenwich.
pub fn push_clf(out: &mut Vec<u8>, seconds: i64, offset: i32) {
    out.push(b'[');
    push_strftime(out, b"%d/%b/%Y:%H:%M:%S %z", seconds, offset, "");
    out.push(b']');
}

/// Appends `Thu Nov 12 08:58:41 2026`, with `.123456` behind the seconds where microseconds are given: `%t` and `%{u}t` of
/// an ErrorLogFormat.
pub fn push_ctime(out: &mut Vec<u8>, seconds: i64, micros: Option<u32>, offset: i32) {
    push_strftime(out, b"%a %b %d %H:%M:%S", seconds, offset, "");
    push_micros(out, micros);
    push_strftime(out, b" %Y", seconds, offset, "");
}

/// Appends `2026-11-12 08:58:41`, with `.123456` where microseconds are given: `%{c}t` and `%{cu}t` of an ErrorLogFormat.
pub fn push_compact(out: &mut Vec<u8>, seconds: i64, micros: Option<u32>, offset: i32) {
    push_strftime(out, b"%Y-%m-%d %H:%M:%S", seconds, offset, "");
    push_micros(out, micros);
}

fn push_micros(out: &mut Vec<u8>, micros: Option<u32>) {
    if let Some(micros) = micros {
        put(out, format_args!(".{:06}", micros.min(999_999)));
    }
}

/// Appends text; writing to a vector cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// A moment in the form that `format` describes with strftime's conversions, in the C locale.
pub fn strftime(format: &[u8], seconds: i64, offset: i32, zone: &str) -> BString {
    let mut out = Vec::with_capacity(format.len() * 2);
    push_strftime(&mut out, format, seconds, offset, zone);
    out.into()
}

/// Appends what `strftime` gives. `offset` is the zone's, in seconds east of Greenwich, `zone` its name for `%Z`. A
/// conversion nobody knows is copied as it stands.
pub fn push_strftime(out: &mut Vec<u8>, format: &[u8], seconds: i64, offset: i32, zone: &str) {
    let at = Civil::from_unix(seconds.saturating_add(i64::from(offset)));
    let mut rest = format;
    while let Some(percent) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..percent]);
        // The modifiers E and O mean nothing in the C locale.
        let modified = matches!(rest.get(percent + 1), Some(b'E' | b'O'));
        let letter = percent + 1 + usize::from(modified);
        let known = rest
            .get(letter)
            .is_some_and(|letter| convert(out, *letter, &at, seconds, offset, zone));
        let end = (letter + 1).min(rest.len());
        if !known {
            out.extend_from_slice(&rest[percent..end]);
        }
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
}

/// Appends one conversion; false if there is none of that letter.
fn convert(
    out: &mut Vec<u8>,
    letter: u8,
    at: &Civil,
    seconds: i64,
    offset: i32,
    zone: &str,
) -> bool {
    let twelve = (at.hour + 11) % 12 + 1;
    let half = if at.hour < 12 { "AM" } else { "PM" };
    let combined: &[u8] = match letter {
        b'c' => b"%a %b %e %H:%M:%S %Y",
        b'D' | b'x' => b"%m/%d/%y",
        b'F' => b"%Y-%m-%d",
        b'r' => b"%I:%M:%S %p",
        b'R' => b"%H:%M",
        b'T' | b'X' => b"%H:%M:%S",
        _ => b"",
    };
    if !combined.is_empty() {
        push_strftime(out, combined, seconds, offset, zone);
        return true;
    }
    match letter {
        b'a' => put(out, format_args!("{}", &at.day_name()[..3])),
        b'A' => put(out, format_args!("{}", at.day_name())),
        b'b' | b'h' => put(out, format_args!("{:.3}", at.month_name())),
        b'B' => put(out, format_args!("{}", at.month_name())),
        b'C' => put(out, format_args!("{:02}", at.year.div_euclid(100))),
        b'd' => put(out, format_args!("{:02}", at.day)),
        b'e' => put(out, format_args!("{:2}", at.day)),
        b'g' => put(out, format_args!("{:02}", iso_week(at).0.rem_euclid(100))),
        b'G' => put(out, format_args!("{}", iso_week(at).0)),
        b'H' => put(out, format_args!("{:02}", at.hour)),
        b'I' => put(out, format_args!("{twelve:02}")),
        b'j' => put(out, format_args!("{:03}", at.yearday + 1)),
        b'k' => put(out, format_args!("{:2}", at.hour)),
        b'l' => put(out, format_args!("{twelve:2}")),
        b'm' => put(out, format_args!("{:02}", at.month)),
        b'M' => put(out, format_args!("{:02}", at.minute)),
        b'n' => out.push(b'\n'),
        b'p' => put(out, format_args!("{half}")),
        b'P' => put(out, format_args!("{}", half.to_ascii_lowercase())),
        b's' => put(out, format_args!("{seconds}")),
        b'S' => put(out, format_args!("{:02}", at.second)),
        b't' => out.push(b'\t'),
        b'u' => put(out, format_args!("{}", (at.weekday + 6) % 7 + 1)),
        b'U' => put(out, format_args!("{:02}", week(at, at.weekday))),
        b'V' => put(out, format_args!("{:02}", iso_week(at).1)),
        b'w' => put(out, format_args!("{}", at.weekday)),
        b'W' => put(out, format_args!("{:02}", week(at, (at.weekday + 6) % 7))),
        b'y' => put(out, format_args!("{:02}", at.year.rem_euclid(100))),
        b'Y' => put(out, format_args!("{}", at.year)),
        b'z' => push_offset(out, offset),
        b'Z' => out.extend_from_slice(zone.as_bytes()),
        b'%' => out.push(b'%'),
        _ => return false,
    }
    true
}

/// Appends `+0100` and its like.
fn push_offset(out: &mut Vec<u8>, offset: i32) {
    let minutes = offset.unsigned_abs() / 60;
    let sign = if offset < 0 { '-' } else { '+' };
    put(
        out,
        format_args!("{sign}{:02}{:02}", minutes / 60, minutes % 60),
    );
}

/// Number of the week, weeks beginning on the day for which `since` is 0; days before the first such day are week 0.
fn week(at: &Civil, since: u8) -> u16 {
    (at.yearday + 7 - u16::from(since)) / 7
}

/// Year and week as ISO 8601 counts them: a week belongs to the year its Thursday lies in.
fn iso_week(at: &Civil) -> (i64, i64) {
    let since_monday = (i64::from(at.weekday) + 6) % 7;
    let thursday = i64::from(at.yearday) - since_monday + 3;
    let length = |year| days_to(year + 1, 1, 1) - days_to(year, 1, 1);
    if thursday < 0 {
        return (at.year - 1, (thursday + length(at.year - 1)) / 7 + 1);
    }
    if thursday >= length(at.year) {
        return (at.year + 1, 1);
    }
    (at.year, thursday / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::ByteSlice;
    use proptest::prelude::*;

    const NOV_1994: i64 = 784_111_777;

    #[test]
    fn three_forms_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(NOV_1994), "{text}");
        }
        assert_eq!(
            parse(b"Wednesday, 25-Nov-26 09:20:56 GMT"),
            Some(1_795_598_456)
        );
        assert_eq!(parse(b"Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(
            parse(b"Sat, 31 Dec 2016 23:59:60 GMT"),
            parse(b"Sun, 01 Jan 2017 00:00:00 GMT")
        );
        for bad in [
            "",
            "foo",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:+7 GMT",
            "Sunday, 06-Nov-94-1 08:49:37 GMT",
            "784111777",
            "Sun, 06 Nov 1994 08:61:37 GMT",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn one_form_is_written() {
        assert_eq!(http(NOV_1994).as_bstr(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http(0).as_bstr(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http(i64::MAX).as_bstr(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(http(i64::MIN).as_bstr(), "Sat, 01 Jan 0000 00:00:00 GMT");
    }

    #[test]
    fn log_forms() {
        let text = |push: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            push(&mut out);
            BString::from(out)
        };
        assert_eq!(
            text(&|out| push_clf(out, 971_211_336, -25_200)),
            "[10/Oct/2000:13:55:36 -0700]"
        );
        assert_eq!(
            text(&|out| push_clf(out, 971_211_336, 20_700)),
            "[11/Oct/2000:02:40:36 +0545]"
        );
        assert_eq!(
            text(&|out| push_ctime(out, 1_794_473_921, None, 0)),
            "Thu Nov 12 08:58:41 2026"
        );
        assert_eq!(
            text(&|out| push_ctime(out, 1_794_473_921, Some(42), 3600)),
            "Thu Nov 12 09:58:41.000042 2026"
        );
        assert_eq!(
            text(&|out| push_compact(out, 1_794_473_921, Some(123_456), 0)),
            "2026-11-12 08:58:41.123456"
        );
    }

    /// Compared with `date -u -d @... +FORMAT`.
    #[test]
    fn conversions() {
        let all = "%a %A %b %B %c %C %d %D %e %F %g %G %h %H %I %j %k %l %m %M %p %P %r %R %s %S %T %u %U %V %w %W %x %X %y %Y %z %Z %%";
        let expected = "Sun Sunday Nov November Sun Nov  6 08:49:37 1994 19 06 11/06/94  6 1994-11-06 94 1994 Nov 08 08 310  8  8 11 49 AM am 08:49:37 AM 08:49 784111777 37 08:49:37 7 45 44 0 44 11/06/94 08:49:37 94 1994 +0000 UTC %";
        assert_eq!(strftime(all.as_bytes(), NOV_1994, 0, "UTC"), expected);
        for (seconds, expected) in [
            (1_104_537_600, "2004 53 00 00 6"), // 2005-01-01
            (1_230_768_000, "2009 01 00 00 4"), // 2009-01-01
            (1_230_508_800, "2009 01 52 52 1"), // 2008-12-29
            (1_609_459_200, "2020 53 00 00 5"), // 2021-01-01
            (0, "1970 01 00 00 4"),
        ] {
            assert_eq!(
                strftime(b"%G %V %U %W %w", seconds, 0, ""),
                expected,
                "{seconds}"
            );
        }
        assert_eq!(
            strftime(b"%Ey %Od %Q %E %", NOV_1994, 0, ""),
            "94 06 %Q %E %"
        );
        assert_eq!(strftime(b"%I%p %l", 0, 0, ""), "12AM 12");
        assert_eq!(strftime(b"%n%t", 0, 0, ""), "\n\t");
    }

    #[test]
    fn the_fixed_form_is_held_to_its_places() {
        let good = b"Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse_fixed(good), Some(784_111_777));
        for at in 0..good.len() {
            for byte in [b'x', b':', b'/', b'-'] {
                let mut bad = *good;
                bad[at] = byte;
                let same = bad == *good;
                assert_eq!(parse_fixed(&bad).is_some(), same, "{}", bad.escape_ascii());
            }
        }
        assert_eq!(parse_fixed(b"Sun, 31 Feb 1994 08:49:37 GMT"), None);
        assert_eq!(parse_fixed(b"Sun, 00 Nov 1994 08:49:37 GMT"), None);
    }

    proptest! {
        #[test]
        fn dates_go_both_ways(seconds in FIRST..=LAST) {
            prop_assert_eq!(parse(&http(seconds)), Some(seconds));
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..40), seconds: i64, offset: i32) {
            let _ = parse(&text);
            let _ = strftime(&text, seconds, offset, "Z");
        }

        #[test]
        fn nearly_dates(text in "(Sun|Sunday|Mon)[, ]{1,2}[0-9]{1,3}[- ](Nov|Feb)[- ][0-9]{2,5} [0-9]{2}:[0-9]{2}:[0-9]{2}( GMT)?") {
            if let Some(seconds) = parse(text.as_bytes()) {
                prop_assert!((FIRST..=LAST + 1).contains(&seconds));
            }
        }

        /// Days and dates are each other's inverse over a hundred thousand years.
        #[test]
        fn calendar(days in -40_000_000i64..40_000_000) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_to(year, month, day), days);
        }
    }
}
