//! What a child leaves when it crashes: which request the fallen thread was driving. The child's connections keep the words ready
//! (`os::driven`), the handler of the signal copies them to the child's own page, and the parent reads them here, as bytes that
//! anybody may have written.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::AtomicU64;

use super::layout::{get, CRASH_WORDS};
use crate::os::driven;
use crate::protocol::uri::{decode_path, split_query, PathOptions};

/// The request in work, in the words of the child: client, virtual host, method and target, with a NUL between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// By which signal.
    pub signal: i32,
    /// Another process sent it (`kill -SEGV`): no request is to blame.
    pub sent: bool,
    /// Address of the client; all texts are empty if no request was in work.
    pub client: Vec<u8>,
    /// Name and port of the virtual host.
    pub vhost: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// The target, as it came; a long one is cut.
    pub target: Vec<u8>,
    /// The target is cut.
    pub cut: bool,
}

impl Crash {
    /// Reads a report; `None` if there is none.
    pub(super) fn read(words: &[AtomicU64]) -> Option<Crash> {
        let signal = i32::try_from(get(words, driven::SIGNAL)).ok()?;
        if signal == 0 {
            return None;
        }
        let room = (CRASH_WORDS - driven::TEXT) * 8;
        let length = usize::try_from(get(words, driven::LENGTH)).unwrap_or(usize::MAX);
        let kept = length.min(room);
        let text = (0..kept.div_ceil(8)).flat_map(|i| get(words, driven::TEXT + i).to_le_bytes());
        let text: Vec<u8> = text.take(kept).collect();
        let [client, vhost, method, target] = parts(&text).map(<[u8]>::to_vec);
        Some(Crash {
            signal,
            sent: get(words, driven::SENT) != 0,
            client,
            vhost,
            method,
            target,
            cut: length > room,
        })
    }

    /// Stands for the URL; `None` if its path is not known, or not as a whole.
    pub fn key(&self) -> Option<u64> {
        let whole = !self.cut || self.target.contains(&b'?');
        (whole && !self.target.is_empty()).then(|| key(&self.vhost, &self.target))
    }
}

/// What is missing is empty.
fn parts(words: &[u8]) -> [&[u8]; 4] {
    let mut parts = words.splitn(4, |byte| *byte == 0);
    [(); 4].map(|()| parts.next().unwrap_or_default())
}

/// Stands for the URL of a request that is described by the words of a report.
pub fn key_of(words: &[u8]) -> u64 {
    let [_, vhost, _, target] = parts(words);
    key(vhost, target)
}

/// Stands for a URL: the virtual host and the path, in whichever way it was encoded, without the query.
pub fn key(vhost: &[u8], target: &[u8]) -> u64 {
    let (path, _) = split_query(target.into());
    let decoded = decode_path(path, &PathOptions::default());
    let mut hasher = DefaultHasher::new();
    hasher.write(vhost);
    hasher.write_u8(0);
    match &decoded {
        Ok(path) => hasher.write(path),
        Err(_) => hasher.write(path),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(all: &[u64]) -> Vec<AtomicU64> {
        all.iter().map(|word| AtomicU64::new(*word)).collect()
    }

    #[test]
    fn a_report_comes_back() {
        let place = words(&[0; CRASH_WORDS]);
        assert_eq!(Crash::read(&place), None);
        let work = driven::Driven::default();
        work.say(|words| words.extend_from_slice(b"192.0.2.1\0a.example:80\0GET\0/x?\xff"));
        work.during(|| driven::report(&place, 7, false));
        let crash = Crash::read(&place).unwrap();
        assert_eq!((crash.signal, crash.sent, crash.cut), (7, false, false));
        assert_eq!(
            (&crash.client[..], &crash.vhost[..]),
            (&b"192.0.2.1"[..], &b"a.example:80"[..])
        );
        assert_eq!(
            (&crash.method[..], &crash.target[..]),
            (&b"GET"[..], &b"/x?\xff"[..])
        );
        assert_eq!(crash.key(), Some(key(b"a.example:80", b"/x")));
        work.say(|words| words.extend_from_slice(&[b"::1\0a\0GET\0/", &[b'/'; 4000][..]].concat()));
        work.during(|| driven::report(&place, 7, true));
        let crash = Crash::read(&place).unwrap();
        assert!(crash.cut && crash.sent && crash.key().is_none());
        assert!(crash.target.len() < CRASH_WORDS * 8);
    }

    #[test]
    fn one_key_for_all_ways_to_write_a_path() {
        let plain = key(b"a:80", b"/crash/me");
        for same in [
            "/crash/me?x=1",
            "/crash/%6de",
            "//crash/./me",
            "/crash/x/../me",
        ] {
            assert_eq!(key(b"a:80", same.as_bytes()), plain, "{same}");
        }
        assert_ne!(key(b"b:80", b"/crash/me"), plain);
        assert_ne!(key(b"a:80", b"/crash/m"), plain);
        key(b"a", b"*");
        key(b"a", b"/%zz%00");
    }

    proptest! {
        #[test]
        fn any_words_read_as_some_report(
            head in proptest::collection::vec(any::<u64>(), 3),
            text in proptest::collection::vec(any::<u64>(), 0..CRASH_WORDS + 9),
        ) {
            let place = words(&[head, text].concat());
            if let Some(crash) = Crash::read(&place) {
                prop_assert!(crash.target.len() <= CRASH_WORDS * 8);
                crash.key();
            }
        }
    }
}
