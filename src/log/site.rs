//! From where a message is written: the server, a connection or a request. Each implements [`Site`], and the error log
//! takes from it what is worth a line, where that line goes, and what it tells about client and request.

use super::error_log::ErrorLog;
use super::level::Levels;
use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;

/// A place that messages come from. The methods begin with `log_` so that they stand beside others on one type.
pub trait Site {
    /// The levels in effect here (`LogLevel`); for a request those of its directory.
    fn log_levels(&self) -> &Levels;
    /// Where lines go and how they look: the error log of this server or virtual host.
    fn log_errors(&self) -> &ErrorLog;
    /// `ServerName` of the server or virtual host (`%v`).
    fn log_server(&self) -> &str {
        ""
    }
    /// The connection, if there is one.
    fn log_connection(&self) -> Option<&dyn ConnectionFacts> {
        None
    }
    /// The request, if there is one.
    fn log_request(&self) -> Option<&dyn RequestFacts> {
        None
    }
}

impl<S: Site + ?Sized> Site for &S {
    fn log_levels(&self) -> &Levels {
        (**self).log_levels()
    }
    fn log_errors(&self) -> &ErrorLog {
        (**self).log_errors()
    }
    fn log_server(&self) -> &str {
        (**self).log_server()
    }
    fn log_connection(&self) -> Option<&dyn ConnectionFacts> {
        (**self).log_connection()
    }
    fn log_request(&self) -> Option<&dyn RequestFacts> {
        (**self).log_request()
    }
}

/// What a line tells about a connection.
pub trait ConnectionFacts {
    /// The other end of the socket (`%{c}a`).
    fn peer(&self) -> SocketAddr;
    /// Our end of the socket (`%A`).
    fn local(&self) -> SocketAddr;
    /// How many requests it carried before the present one (`%k`).
    fn kept_alive(&self) -> u32;
    /// Its number in the log.
    fn mark(&self) -> &Mark;
}

/// What a line tells about a request. A subrequest answers for the request it belongs to.
pub trait RequestFacts {
    /// Who asked (`%a`): the peer, or whom a trusted proxy named.
    fn client(&self) -> SocketAddr;
    /// Its number in the log.
    fn mark(&self) -> &Mark;
    /// The server's name by the rules of `UseCanonicalName` (`%V`).
    fn host_name(&self) -> Cow<'_, str>;
    /// A header of the request (`%{name}i`).
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;
    /// A variable of the request's environment (`%{name}e`).
    fn variable(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// A note that a module left (`%{name}n`).
    fn note(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

/// Kept in each connection and each request: its number in the log (`%L`), made when first asked for, and whether the
/// lines that are written once for it (`ErrorLogFormat connection|request`) have been.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    id: Cell<u64>,
    introduced: Cell<bool>,
}

impl Mark {
    /// A mark of something that was not in the log yet.
    pub const fn new() -> Mark {
        Mark {
            id: Cell::new(0),
            introduced: Cell::new(false),
        }
    }

    /// The number, 11 letters and digits (`%L`), for other modules to show too. Unlike any other of this machine's.
    pub fn id(&self) -> String {
        self.number();
        base64(self.id.get())
    }

    /// The number, if something was logged about its owner.
    pub fn known(&self) -> Option<String> {
        match self.id.get() {
            0 => None,
            id => Some(base64(id)),
        }
    }

    /// Makes the number, without showing it.
    pub(super) fn number(&self) {
        if self.id.get() == 0 {
            self.id.set(fresh_id());
        }
    }

    /// True at the first call.
    pub(super) fn introduce(&self) -> bool {
        !self.introduced.replace(true)
    }
}

/// A number no other connection or request has: time, process, thread and a count, stirred.
fn fresh_id() -> u64 {
    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }
    let count = COUNT.replace(COUNT.get().wrapping_add(1));
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos() as u64);
    let process = u64::from(std::process::id()) << 32;
    let thread = u64::from(crate::os::clock::thread_id());
    let mut id = nanoseconds ^ (process | thread).rotate_left(20) ^ count.rotate_left(52);
    // Each step can be undone, so different numbers stay different (the finish of the SplitMix64 generator).
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (id ^ (id >> 31)).max(1)
}

fn base64(number: u64) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // 64 bits are ten digits of 6 bits and a last one of 4.
    let bits = u128::from(number) << 2;
    let digit = |index: u32| DIGITS[((bits >> (60 - 6 * index)) & 63) as usize];
    (0..11).map(|index| char::from(digit(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_differ_and_stay() {
        let marks: Vec<Mark> = (0..1000).map(|_| Mark::new()).collect();
        let ids: HashSet<String> = marks.iter().map(Mark::id).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 11));
        assert_eq!(marks[0].id(), marks[0].id());
        assert!(marks[0].introduce());
        assert!(!marks[0].introduce());
    }

    #[test]
    fn digits() {
        assert_eq!(base64(0), "AAAAAAAAAAA");
        assert_eq!(base64(u64::MAX), "//////////8");
    }
}
