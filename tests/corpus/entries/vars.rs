//! A request for expressions to be evaluated on: every name has a value, and no file is touched.

use httpd::config::expr::{FileTest, LocalTime, Variable, Vars};
use std::borrow::Cow;
use std::net::IpAddr;

/// Whose request it is does not matter.
pub struct Anybody;

fn some(name: &[u8]) -> Option<Cow<'static, [u8]>> {
    match name.len() % 3 {
        0 => None,
        1 => Some(Cow::Borrowed(b"a, b;c=\"d\"/e.f?g%20h")),
        _ => Some(Cow::Owned(name.to_ascii_lowercase())),
    }
}

impl Vars for Anybody {
    fn variable(&self, variable: Variable) -> Option<Cow<'_, [u8]>> {
        some(variable.name().as_bytes())
    }

    fn request_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        some(name)
    }

    fn response_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        some(name)
    }

    fn env(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        some(name)
    }

    fn note(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        some(name)
    }

    fn client_ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([127, 0, 0, 1]))
    }

    fn local_time(&self) -> LocalTime {
        LocalTime {
            year: 2026,
            month: 11,
            day: 25,
            hour: 9,
            minute: 7,
            second: 1,
            weekday: 3,
        }
    }

    fn file_test(&self, _test: FileTest, path: &[u8]) -> bool {
        path.len() % 2 == 0
    }
}
