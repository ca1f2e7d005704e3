//! The calendar by arithmetic, and strftime(3) in English: for systems whose C library knows neither zones nor most of the
//! conversions. It is compiled everywhere, so that the tests can ask a C library that does.

use super::clock::Moment;

const DAY: i64 = 86_400;

impl Moment {
    /// The calendar of UTC at `seconds` since 1970 (Gregorian, also before it was known).
    pub fn of_utc(seconds: i64) -> Moment {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Years that begin in March have their leap day last: 400 of them are 146097 days.
        let from_march = days + 719_468;
        let (era, of_era) = (
            from_march.div_euclid(146_097),
            from_march.rem_euclid(146_097),
        );
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        Moment {
            year: (year + era * 400 + next) as i32,
            month: month as u8,
            day: day as u8,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            offset: 0,
        }
    }

    /// Days since 1970.
    fn days(&self) -> i64 {
        let early = i64::from(self.month <= 2);
        let year = i64::from(self.year) - early;
        let month = i64::from(self.month) + if early == 1 { 9 } else { -3 };
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Seconds since 1970 of this calendar's reading, as if it were UTC's.
    pub fn seconds(&self) -> i64 {
        let clock =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        self.days() * DAY + clock
    }

    /// Day of the year, 0 for the first.
    fn day_of_year(&self) -> i64 {
        let first = Moment {
            month: 1,
            day: 1,
            ..*self
        };
        self.days() - first.days()
    }

    /// The year and week of ISO 8601.
    fn iso_week(&self) -> (i64, i64) {
        // A week belongs to the year of its Thursday.
        let from_monday = i64::from((self.weekday + 6) % 7);
        let thursday = Moment::of_utc((self.days() - from_monday + 3) * DAY);
        (thursday.year.into(), thursday.day_of_year() / 7 + 1)
    }

    /// The text of a format; `seconds` is the time itself, for `%s`. An unknown conversion stays as it stands.
    pub fn format(&self, format: &str, seconds: i64) -> String {
        let mut out = String::new();
        let mut rest = format.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            // E and O ask for another calendar's digits, which English has not.
            let mut conversion = rest.next();
            while matches!(conversion, Some('E' | 'O')) {
                conversion = rest.next();
            }
            match conversion {
                Some(conversion) => self.convert(conversion, seconds, &mut out),
                None => out.push('%'),
            }
        }
        out
    }

    fn convert(&self, conversion: char, seconds: i64, out: &mut String) {
        let twelve = (self.hour + 11) % 12 + 1;
        let half = if self.hour < 12 { "AM" } else { "PM" };
        let of_year = self.day_of_year();
        let week_from = |first: u8| (of_year + 7 - i64::from((self.weekday + 7 - first) % 7)) / 7;
        let east = self.offset.abs();
        let text = match conversion {
            'a' => self.weekday_name().to_owned(),
            'A' => long_name(&LONG_WEEKDAYS, self.weekday.into()),
            'b' | 'h' => self.month_name().to_owned(),
            'B' => long_name(&LONG_MONTHS, usize::from(self.month).wrapping_sub(1)),
            'c' => self.format("%a %b %e %H:%M:%S %Y", seconds),
            'C' => format!("{:02}", self.year.div_euclid(100)),
            'd' => format!("{:02}", self.day),
            'D' | 'x' => self.format("%m/%d/%y", seconds),
            'e' => format!("{:2}", self.day),
            'F' => self.format("%Y-%m-%d", seconds),
            'g' => format!("{:02}", self.iso_week().0.rem_euclid(100)),
            'G' => self.iso_week().0.to_string(),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{twelve:02}"),
            'j' => format!("{:03}", of_year + 1),
            'k' => format!("{:2}", self.hour),
            'l' => format!("{twelve:2}"),
            'm' => format!("{:02}", self.month),
            'M' => format!("{:02}", self.minute),
            'n' => "\n".to_owned(),
            'p' => half.to_owned(),
            'P' => half.to_lowercase(),
            'r' => self.format("%I:%M:%S %p", seconds),
            'R' => self.format("%H:%M", seconds),
            's' => seconds.to_string(),
            'S' => format!("{:02}", self.second),
            't' => "\t".to_owned(),
            'T' | 'X' => self.format("%H:%M:%S", seconds),
            'u' => (i32::from((self.weekday + 6) % 7) + 1).to_string(),
            'U' => format!("{:02}", week_from(0)),
            'V' => format!("{:02}", self.iso_week().1),
            'w' => self.weekday.to_string(),
            'W' => format!("{:02}", week_from(1)),
            'y' => format!("{:02}", self.year.rem_euclid(100)),
            'Y' => self.year.to_string(),
            'z' => {
                let sign = if self.offset < 0 { '-' } else { '+' };
                format!("{sign}{:02}{:02}", east / 3600, east / 60 % 60)
            }
            'Z' if self.offset == 0 => "GMT".to_owned(),
            'Z' => self.format("%z", seconds),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        };
        out.push_str(&text);
    }
}

const LONG_WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const LONG_MONTHS: [&str; 12] = [
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

fn long_name(names: &[&str], index: usize) -> String {
    names.get(index).copied().unwrap_or("???").to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use crate::os::clock::{self, Moment};

    /// Leap days, ends of centuries, the week that belongs to two years, and far away.
    fn times() -> impl Iterator<Item = i64> {
        let known = [
            0,
            -1,
            951_782_399,
            951_782_400,
            1_795_600_000,
            4_102_444_800,
        ];
        (0..4000)
            .map(|n| n * 7_654_321 - 9_000_000_000)
            .chain(known)
    }

    #[test]
    fn the_calendar_is_the_c_librarys() {
        for time in times() {
            let ours = Moment::of_utc(time);
            assert_eq!(ours, clock::utc(time), "{time}");
            assert_eq!(ours.seconds(), time);
        }
    }

    #[test]
    fn formats_read_like_the_c_librarys() {
        let format = "%a %A %b %B %C %d %D %e %F %g %G %H %I %j %k %l %m %M %p %R %S %T %u %U %V %w %W %y %Y %z %Z %% %Ey %Od";
        for time in times() {
            let theirs = String::from_utf8(clock::strftime(format, time, false)).unwrap();
            assert_eq!(Moment::of_utc(time).format(format, time), theirs, "{time}");
        }
        let at = Moment {
            offset: -12_600,
            ..Moment::of_utc(0)
        };
        assert_eq!(at.format("%z %s %Q %", 7), "-0330 7 %Q %");
    }
}
