//! Conditional requests: whether what the client has, or thinks there is, still holds (RFC 9110 section 13).
//!
//! Asked by handlers once they know entity tag and date of what they would send, before they send it. The order is the
//! RFC's; Apache 2.4 evaluates If-Match together with If-Unmodified-Since and If-None-Match together with
//! If-Modified-Since, which docs/differences.md tells.

use super::etag::{Comparison, ETag, TagList};
use super::{date, Method};
use crate::request::table::Table;

/// What is known of the selected representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validators<'a> {
    /// Its ETag field.
    pub etag: Option<&'a [u8]>,
    /// When it changed last, seconds since 1970.
    pub modified: Option<i64>,
    /// The time of the request, seconds since 1970.
    pub now: i64,
}

/// What the conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// How old, in seconds, a representation must be before its date alone identifies it: younger ones could have changed
/// twice within what the date shows, and clocks differ.
const STRONG_AGE: i64 = 60;

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in that order (RFC 9110 section 13.2.2).
/// Repeated fields count as one list. Malformed dates and dates in the future are ignored.
pub fn evaluate(fields: &Table, method: Method, current: &Validators<'_>) -> Verdict {
    let fits = |list: &[u8], comparison| {
        let tag = current.etag.and_then(ETag::parse);
        TagList::new(list).matches(tag.as_ref(), comparison)
    };
    if let Some(wanted) = fields.joined("If-Match") {
        if !fits(&wanted, Comparison::Strong) {
            return Verdict::PreconditionFailed;
        }
    } else if let (Some(modified), Some(limit)) =
        (current.modified, date_of(fields, "If-Unmodified-Since"))
    {
        if modified > limit {
            return Verdict::PreconditionFailed;
        }
    }
    let fresh = if let Some(known) = fields.joined("If-None-Match") {
        fits(&known, Comparison::Weak)
    } else {
        method.is_get() && unmodified_since(fields, current)
    };
    match fresh {
        false => Verdict::Proceed,
        true if method.is_get() => Verdict::NotModified,
        true => Verdict::PreconditionFailed,
    }
}

/// Whether If-Modified-Since says the client's copy is as new as ours.
fn unmodified_since(fields: &Table, current: &Validators<'_>) -> bool {
    match (current.modified, date_of(fields, "If-Modified-Since")) {
        (Some(modified), Some(since)) => modified <= since && since <= current.now,
        _ => false,
    }
}

/// Whether a Range field counts: there is no If-Range, or it names exactly what we have (RFC 9110 section 13.1.5).
pub fn range_applies(fields: &Table, current: &Validators<'_>) -> bool {
    let Some(wanted) = fields.joined("If-Range") else {
        return true;
    };
    if let Some(wanted) = ETag::parse(&wanted) {
        let tag = current.etag.and_then(ETag::parse);
        return tag.is_some_and(|tag| tag.fits(&wanted, Comparison::Strong));
    }
    match (current.modified, date::parse(&wanted)) {
        (Some(modified), Some(wanted)) => {
            modified == wanted && current.now.saturating_sub(modified) >= STRONG_AGE
        }
        _ => false,
    }
}

fn date_of(fields: &Table, name: &str) -> Option<i64> {
    date::parse(fields.get(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{NotModified, PreconditionFailed, Proceed};

    const TAG: &str = "\"3e8-66116582a2751\"";
    const MODIFIED: i64 = 1_795_598_456;

    fn date(offset: i64) -> String {
        String::from_utf8(date::http(MODIFIED + offset).to_vec()).unwrap()
    }

    fn current() -> Validators<'static> {
        Validators {
            etag: Some(TAG.as_bytes()),
            modified: Some(MODIFIED),
            now: MODIFIED + 1000,
        }
    }

    fn ask(method: Method, fields: &[(&str, &str)]) -> Verdict {
        evaluate(&fields.iter().copied().collect(), method, &current())
    }

    #[test]
    fn entity_tags() {
        let weak = format!("W/{TAG}");
        let list = format!("\"x\", {TAG}");
        for (name, value, get, post) in [
            ("If-None-Match", TAG, NotModified, PreconditionFailed),
            ("If-None-Match", &weak, NotModified, PreconditionFailed),
            ("If-None-Match", "*", NotModified, PreconditionFailed),
            ("If-None-Match", &list, NotModified, PreconditionFailed),
            ("If-None-Match", "\"x\"", Proceed, Proceed),
            ("If-None-Match", "", Proceed, Proceed),
            ("If-Match", TAG, Proceed, Proceed),
            ("If-Match", "*", Proceed, Proceed),
            ("If-Match", &list, Proceed, Proceed),
            ("If-Match", &weak, PreconditionFailed, PreconditionFailed),
            ("If-Match", "\"x\"", PreconditionFailed, PreconditionFailed),
            ("If-Match", "", PreconditionFailed, PreconditionFailed),
        ] {
            assert_eq!(
                ask(Method::Get, &[(name, value)]),
                get,
                "GET {name}: {value}"
            );
            assert_eq!(
                ask(Method::Head, &[(name, value)]),
                get,
                "HEAD {name}: {value}"
            );
            assert_eq!(
                ask(Method::Post, &[(name, value)]),
                post,
                "POST {name}: {value}"
            );
        }
        assert_eq!(
            ask(
                Method::Get,
                &[("If-None-Match", "\"x\""), ("If-None-Match", TAG)]
            ),
            NotModified
        );
    }

    #[test]
    fn dates() {
        for (name, value, expected) in [
            ("If-Modified-Since", date(0), NotModified),
            ("If-Modified-Since", date(1), NotModified),
            ("If-Modified-Since", date(-1), Proceed),
            ("If-Modified-Since", date(100_000), Proceed),
            ("If-Modified-Since", "foo".to_owned(), Proceed),
            ("If-Unmodified-Since", date(0), Proceed),
            ("If-Unmodified-Since", date(1), Proceed),
            ("If-Unmodified-Since", date(-1), PreconditionFailed),
            ("If-Unmodified-Since", "foo".to_owned(), Proceed),
        ] {
            assert_eq!(
                ask(Method::Get, &[(name, &value)]),
                expected,
                "{name}: {value}"
            );
        }
        assert_eq!(
            ask(Method::Post, &[("If-Modified-Since", &date(0))]),
            Proceed
        );
    }

    #[test]
    fn tags_go_before_dates() {
        let (old, same) = (date(-1), date(0));
        assert_eq!(
            ask(
                Method::Get,
                &[("If-None-Match", "\"x\""), ("If-Modified-Since", &same)]
            ),
            Proceed
        );
        assert_eq!(
            ask(
                Method::Get,
                &[("If-None-Match", TAG), ("If-Modified-Since", &old)]
            ),
            NotModified
        );
        assert_eq!(
            ask(
                Method::Get,
                &[("If-Match", TAG), ("If-Unmodified-Since", &old)]
            ),
            Proceed
        );
        assert_eq!(
            ask(
                Method::Get,
                &[("If-Match", "\"x\""), ("If-Unmodified-Since", &same)]
            ),
            PreconditionFailed
        );
        assert_eq!(
            ask(Method::Get, &[("If-Match", TAG), ("If-None-Match", TAG)]),
            NotModified
        );
        assert_eq!(
            ask(
                Method::Get,
                &[("If-Unmodified-Since", &old), ("If-None-Match", TAG)]
            ),
            PreconditionFailed
        );
    }

    #[test]
    fn ranges() {
        let weak = format!("W/{TAG}");
        let list = format!("{TAG}, \"x\"");
        let applies = |value: &str, current: &Validators<'_>| {
            range_applies(&[("If-Range", value)].into_iter().collect(), current)
        };
        assert!(range_applies(&Table::new(), &current()));
        assert!(applies(TAG, &current()) && applies(&date(0), &current()));
        for bad in [
            weak.as_str(),
            "\"x\"",
            "*",
            "foo",
            list.as_str(),
            &date(-1),
            &date(1),
        ] {
            assert!(!applies(bad, &current()), "{bad}");
        }
        let young = Validators {
            now: MODIFIED + 59,
            ..current()
        };
        assert!(!applies(&date(0), &young) && applies(TAG, &young));
        let weakly = Validators {
            etag: Some(b"W/\"x\""),
            ..current()
        };
        assert!(!applies("W/\"x\"", &weakly) && !applies("\"x\"", &weakly));
        assert!(!applies(TAG, &Validators::default()));
    }
}
