//! What the query of a listing's address asks for: `?C=N;O=D` and its relatives, as the links in a listing say it.

use super::config::{Flag, Flags, IndexDir, Key};
use crate::pattern::{Glob, GlobOptions};
use crate::protocol::escape;
use bstr::BString;

/// How a listing is to be sorted and shown.
pub(super) struct Query {
    pub key: Key,
    pub ascending: bool,
    pub flags: Flags,
    /// Only names that match are shown.
    pub pattern: Option<Glob>,
    /// What the links for sorting carry on, safe in HTML.
    pub carried: BString,
}

impl Query {
    /// The configuration's order, changed by what a client asks for.
    pub fn read(conf: &IndexDir, args: Option<&[u8]>) -> Query {
        let (key, ascending) = conf.order.unwrap_or((Key::Name, true));
        let flags = conf.options.flags();
        let mut query = Query {
            key,
            ascending,
            flags,
            pattern: None,
            carried: BString::default(),
        };
        let (mut format, mut version, mut pattern) = (None, None, None);
        let args = args
            .filter(|_| !flags.has(Flag::IgnoreClient))
            .unwrap_or_default();
        for word in args.split(|b| matches!(b, b'&' | b';')) {
            match word {
                [b'C', b'=', key] => match key_of(*key) {
                    Some(key) => query.key = key,
                    None => break,
                },
                [b'O', b'=', order @ (b'A' | b'D')] => query.ascending = *order == b'A',
                [b'F', b'=', digit @ b'0'..=b'2'] => {
                    query.flags.set(Flag::FancyIndexing, *digit != b'0');
                    query.flags.set(Flag::HtmlTable, *digit == b'2');
                    format = Some(*digit);
                }
                [b'V', b'=', digit @ (b'0' | b'1')] => {
                    query.flags.set(Flag::VersionSort, *digit == b'1');
                    version = Some(*digit);
                }
                [b'P', b'=', text @ ..] => {
                    pattern = escape::unescape(text).filter(|text| !text.is_empty())
                }
                // What comes behind something unknown is not looked at.
                _ => break,
            }
        }
        for (name, digit) in [(b'F', format), (b'V', version)] {
            if let Some(digit) = digit {
                query.carried.extend_from_slice(&[b';', name, b'=', digit]);
            }
        }
        if let Some(text) = pattern {
            query.carried.extend_from_slice(b";P=");
            query
                .carried
                .extend_from_slice(&escape::html(&escape::path(&text)));
            query.pattern = Some(Glob::new(
                &text,
                GlobOptions {
                    period: true,
                    ..Default::default()
                },
            ));
        }
        query
    }
}

fn key_of(letter: u8) -> Option<Key> {
    [Key::Name, Key::Modified, Key::Size, Key::Description]
        .into_iter()
        .find(|key| *key as u8 == letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &str) -> Query {
        Query::read(&IndexDir::default(), Some(args.as_bytes()))
    }

    #[test]
    fn words_are_read_until_an_unknown_one() {
        let query = read("C=S;O=D");
        assert!(query.key == Key::Size && !query.ascending && query.carried.is_empty());
        let query = read("x&C=S");
        assert!(query.key == Key::Name);
        let query = read("C=X;O=D");
        assert!(query.ascending);
        assert!(read("").key == Key::Name);
    }

    #[test]
    fn formats_and_patterns_are_carried_on() {
        let query = read("C=S&P=%2a.t%22xt&V=1&F=2");
        assert_eq!(query.carried, ";F=2;V=1;P=*.t%22xt");
        assert!(query.flags.has(Flag::HtmlTable) && query.flags.has(Flag::VersionSort));
        assert!(query
            .pattern
            .is_some_and(|glob| glob.matches(b"a.t\"xt") && !glob.matches(b".t\"xt")));
    }
}
