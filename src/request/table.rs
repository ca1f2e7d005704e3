//! The table of named values: headers in and out, notes, environment, trailers.
//!
//! The head parser fills one, every phase reads and changes it, the response writer walks it. All keys and values of a
//! table lie in one buffer, and `clear` keeps that buffer, so a connection's second request allocates nothing here.

use bstr::{BStr, BString, ByteSlice};
use std::borrow::Cow;

/// A multimap from names to values, both bytes, in the order of adding.
///
/// Names compare without regard to ASCII case, except in the `*_exact` functions that environment variables use.
/// A table holds at most 4 GiB of text; what would go beyond is not stored.
#[derive(Clone, Default)]
pub struct Table {
    /// Names and values, in no particular order; may contain stretches no entry points at.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// How many bytes of `bytes` belong to no entry any more.
    dead: usize,
}

/// Where in the buffer an entry's name and value lie.
#[derive(Clone, Copy)]
struct Entry {
    name_at: u32,
    name_len: u32,
    value_at: u32,
    value_len: u32,
    /// The first four bytes of the name, case folded: rules out most other names without looking at the buffer.
    tag: u32,
}

/// Folds the first four bytes of a name to one number; names equal but for case have equal tags.
#[inline]
fn tag(name: &[u8]) -> u32 {
    let mut start = [0; 4];
    match name.first_chunk::<4>() {
        Some(chunk) => start = *chunk,
        None => start[..name.len()].copy_from_slice(name),
    }
    (u32::from_ne_bytes(start) & 0xdfdf_dfdf) ^ (name.len() as u32).rotate_left(13)
}

/// Below this many unused bytes the buffer is never rewritten.
const COMPACT_FROM: usize = 1024;

impl Table {
    /// An empty table, without any memory of its own yet.
    pub fn new() -> Table {
        Table::default()
    }

    /// An empty table with room for `entries` entries of `bytes` bytes together.
    pub fn with_capacity(entries: usize, bytes: usize) -> Table {
        Table {
            bytes: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(entries),
            dead: 0,
        }
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.dead = 0;
    }

    /// Bytes that names and values may take without more memory.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Number of entries; a name that was added twice counts twice.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first value of `name`.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&BStr> {
        let position = self.first(name.as_ref())?;
        Some(self.value_at(position))
    }

    /// The first value of `name`, whose letters must agree in case too.
    pub fn get_exact(&self, name: impl AsRef<[u8]>) -> Option<&BStr> {
        let name = name.as_ref();
        self.iter()
            .find(|(key, _)| key.as_bytes() == name)
            .map(|(_, value)| value)
    }

    /// All values of `name`, in the order of adding.
    pub fn get_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a BStr> + 'a {
        let tag = tag(name);
        self.entries
            .iter()
            .filter(move |entry| entry.tag == tag && self.name(entry).eq_ignore_ascii_case(name))
            .map(move |entry| self.value(entry).as_bstr())
    }

    /// All values of `name` as one list, `", "` between them; borrowed where there is only one (RFC 9110 section 5.3).
    pub fn joined(&self, name: impl AsRef<[u8]>) -> Option<Cow<'_, BStr>> {
        let name = name.as_ref();
        let mut found = self.positions(name);
        let first = self.value_at(found.next()?);
        let Some(second) = found.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut all = BString::from(first);
        for position in std::iter::once(second).chain(found) {
            all.extend_from_slice(b", ");
            all.extend_from_slice(self.value_at(position));
        }
        Some(Cow::Owned(all))
    }

    /// Whether `name` has a value.
    pub fn contains(&self, name: impl AsRef<[u8]>) -> bool {
        self.get(name).is_some()
    }

    /// Whether a comma-separated list under `name` (Connection, Expect, TE, ...) has the element `token`, case ignored.
    pub fn has_token(&self, name: impl AsRef<[u8]>, token: impl AsRef<[u8]>) -> bool {
        let token = token.as_ref();
        self.get_all(name.as_ref())
            .any(|value| list(value).any(|element| element.eq_ignore_ascii_case(token)))
    }

    /// Gives `name` this one value: the first entry of the name keeps its place, others of it vanish.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let Some(first) = self.first(name) else {
            return self.add(name, value);
        };
        self.replace(first, value);
        if self.positions(name).nth(1).is_some() {
            self.remove_from(first + 1, |key| key.eq_ignore_ascii_case(name));
        }
    }

    /// `set` for names whose case matters.
    pub fn set_exact(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let found = self.iter().position(|(key, _)| key.as_bytes() == name);
        match found {
            Some(first) => {
                self.replace(first, value);
                self.remove_from(first + 1, |key| key == name);
            }
            None => self.add(name, value),
        }
    }

    /// Adds an entry, whether or not the name has one.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let Some((name_at, value_at)) = self.room(name.len(), value.len()) else {
            return;
        };
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push(Entry {
            name_at,
            name_len: name.len() as u32,
            value_at,
            value_len: value.len() as u32,
            tag: tag(name),
        });
    }

    /// Lengthens the first value of `name` by `", "` and `value`, or adds the entry.
    pub fn append(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        match self.first(name) {
            Some(position) => self.lengthen(position, b", ", value),
            None => self.add(name, value),
        }
    }

    /// `append`, unless the list under `name` already has the element `value` (compared with case, as mod_headers does).
    pub fn merge(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let there = self
            .get_all(name)
            .any(|old| list(old).any(|element| element == value));
        if !there {
            self.append(name, value);
        }
    }

    /// Lengthens the value of the newest entry; nothing happens in an empty table.
    pub fn extend_last(&mut self, separator: &[u8], more: &[u8]) {
        if let Some(last) = self.entries.len().checked_sub(1) {
            self.lengthen(last, separator, more);
        }
    }

    /// Removes every entry of `name`; says whether there was one.
    pub fn unset(&mut self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        // Most have none to remove.
        self.first(name)
            .is_some_and(|first| self.remove_from(first, |key| key.eq_ignore_ascii_case(name)))
    }

    /// `unset` for names whose case matters.
    pub fn unset_exact(&mut self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        self.remove_from(0, |key| key == name)
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&BStr, &BStr) -> bool) {
        let bytes = &self.bytes;
        let mut dead = 0;
        self.entries.retain(|entry| {
            let name = slice(bytes, entry.name_at, entry.name_len);
            let kept = keep(
                name.as_bstr(),
                slice(bytes, entry.value_at, entry.value_len).as_bstr(),
            );
            if !kept {
                dead += entry.size();
            }
            kept
        });
        self.dead += dead;
    }

    /// All entries, in the order of adding.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, &BStr)> + '_ {
        self.entries
            .iter()
            .map(|entry| (self.name(entry).as_bstr(), self.value(entry).as_bstr()))
    }

    /// Adds every entry of `other`.
    pub fn extend_from(&mut self, other: &Table) {
        self.bytes.reserve(other.bytes.len());
        for (name, value) in other.iter() {
            self.add(name, value);
        }
    }

    /// Sets every name of `other` to its values there: what `other` names is replaced, the rest stays.
    pub fn overlay(&mut self, other: &Table) {
        self.retain(|name, _| !other.contains(name));
        self.extend_from(other);
    }

    /// Joins entries of equal names into the first of them, `", "` between the values: how the request's header is
    /// kept once framing and Host, which must see repeated fields apart, have been decided.
    pub fn compress(&mut self) {
        for at in 0.. {
            let Some(entry) = self.entries.get(at).copied() else {
                return;
            };
            if self.is_repeated(at, &entry) {
                // Rare: only then is the name copied.
                let name = BString::from(self.name(&entry));
                if let Some(Cow::Owned(all)) = self.joined(&name) {
                    self.set(&name, &all);
                }
            }
        }
    }

    /// Whether an entry behind `at` has the same name.
    fn is_repeated(&self, at: usize, entry: &Entry) -> bool {
        let name = self.name(entry);
        self.entries[at + 1..]
            .iter()
            .any(|other| other.tag == entry.tag && self.name(other).eq_ignore_ascii_case(name))
    }

    /// Position of the first entry of `name`.
    fn first(&self, name: &[u8]) -> Option<usize> {
        let tag = tag(name);
        let fits = |entry: &Entry| entry.tag == tag && self.name(entry).eq_ignore_ascii_case(name);
        self.entries.iter().position(fits)
    }

    /// Positions of the entries of `name`.
    fn positions<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let tag = tag(name);
        self.entries
            .iter()
            .enumerate()
            .filter(move |(_, entry)| {
                entry.tag == tag && self.name(entry).eq_ignore_ascii_case(name)
            })
            .map(|(position, _)| position)
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        slice(&self.bytes, entry.name_at, entry.name_len)
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        slice(&self.bytes, entry.value_at, entry.value_len)
    }

    fn value_at(&self, position: usize) -> &BStr {
        self.value(&self.entries[position]).as_bstr()
    }

    /// Where the next name and value would begin, or nothing when the buffer cannot take them.
    fn room(&self, name: usize, value: usize) -> Option<(u32, u32)> {
        let name_at = u32::try_from(self.bytes.len()).ok()?;
        let value_at = u32::try_from(self.bytes.len().checked_add(name)?).ok()?;
        u32::try_from((value_at as usize).checked_add(value)?).ok()?;
        Some((name_at, value_at))
    }

    /// Gives the entry at `position` another value, in place where it fits.
    fn replace(&mut self, position: usize, value: &[u8]) {
        let entry = self.entries[position];
        if value.len() <= entry.value_len as usize {
            let at = entry.value_at as usize;
            self.bytes[at..at + value.len()].copy_from_slice(value);
            self.dead += entry.value_len as usize - value.len();
        } else {
            let Some((at, _)) = self.room(value.len(), 0) else {
                return;
            };
            self.bytes.extend_from_slice(value);
            self.entries[position].value_at = at;
            self.dead += entry.value_len as usize;
        }
        self.entries[position].value_len = value.len() as u32;
        self.compact();
    }

    /// Puts `separator` and `more` behind the value at `position`.
    fn lengthen(&mut self, position: usize, separator: &[u8], more: &[u8]) {
        let entry = self.entries[position];
        let (at, len) = (entry.value_at as usize, entry.value_len as usize);
        let added = separator.len() + more.len();
        if at + len != self.bytes.len() {
            // Not the last thing in the buffer: move the value there, where it can grow.
            if self.room(len, added).is_none() {
                return;
            }
            self.entries[position].value_at = self.bytes.len() as u32;
            self.bytes.extend_from_within(at..at + len);
            self.dead += len;
        } else if self.room(added, 0).is_none() {
            return;
        }
        self.bytes.extend_from_slice(separator);
        self.bytes.extend_from_slice(more);
        self.entries[position].value_len = (len + added) as u32;
        self.compact();
    }

    /// Removes entries from `start` on whose name `gone` accepts; says whether there was one.
    fn remove_from(&mut self, start: usize, gone: impl Fn(&[u8]) -> bool) -> bool {
        let mut position = 0;
        let before = self.entries.len();
        self.retain(|name, _| {
            position += 1;
            position <= start || !gone(name)
        });
        self.entries.len() != before
    }

    /// Rewrites the buffer when most of it is unused, so that a header set again and again does not grow it for ever.
    fn compact(&mut self) {
        if self.dead < COMPACT_FROM || self.dead * 2 < self.bytes.len() {
            return;
        }
        let mut fresh = Vec::with_capacity(self.bytes.len() - self.dead.min(self.bytes.len()));
        for entry in &mut self.entries {
            let name = slice(&self.bytes, entry.name_at, entry.name_len);
            let value = slice(&self.bytes, entry.value_at, entry.value_len);
            entry.name_at = fresh.len() as u32;
            fresh.extend_from_slice(name);
            entry.value_at = fresh.len() as u32;
            fresh.extend_from_slice(value);
        }
        self.bytes = fresh;
        self.dead = 0;
    }
}

impl Entry {
    fn size(&self) -> usize {
        self.name_len as usize + self.value_len as usize
    }
}

/// A stretch of the buffer that an entry points at.
fn slice(bytes: &[u8], at: u32, len: u32) -> &[u8] {
    &bytes[at as usize..at as usize + len as usize]
}

/// The elements of a comma-separated header value, trimmed, empty ones left out; commas inside quoted strings do not
/// separate (RFC 9110 sections 5.6.1 and 5.6.4).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> + '_ {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = element_end(rest);
            let element = rest[..end].trim_with(|c| c == ' ' || c == '\t');
            rest = rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    })
}

/// Length of the first list element, up to its comma or the end.
fn element_end(value: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    value.len()
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Table {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Table {
        let mut table = Table::new();
        for (name, value) in entries {
            table.add(name, value);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(table: &Table) -> Vec<(String, String)> {
        table
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect()
    }

    #[test]
    fn names_compare_without_case() {
        let mut table = Table::new();
        table.add("Content-Type", "text/html");
        table.add("content-length", "5");
        assert_eq!(table.get("CONTENT-TYPE").unwrap(), "text/html");
        assert_eq!(table.get("Content-Length").unwrap(), "5");
        assert!(table.get("Content-Typ").is_none());
        assert!(table.get_exact("content-type").is_none());
        assert!(table.get_exact("Content-Type").is_some());
    }

    #[test]
    fn set_keeps_the_place_and_removes_repeats() {
        let mut table: Table = [("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")]
            .into_iter()
            .collect();
        table.set("a", "a much longer value");
        assert_eq!(
            pairs(&table),
            [("A", "a much longer value"), ("B", "2"), ("C", "4")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
        table.set("A", "s");
        assert_eq!(table.get("a").unwrap(), "s");
    }

    #[test]
    fn append_joins_and_merge_joins_once() {
        let mut table = Table::new();
        table.append("Vary", "A");
        table.append("vary", "B");
        table.merge("Vary", "A");
        table.merge("Vary", "C");
        assert_eq!(table.get("Vary").unwrap(), "A, B, C");
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn tokens_of_lists() {
        let table: Table = [
            ("Connection", "Keep-Alive , close"),
            ("Connection", "\"a, te\",x"),
        ]
        .into_iter()
        .collect();
        assert!(table.has_token("connection", "CLOSE"));
        assert!(table.has_token("connection", "keep-alive"));
        assert!(!table.has_token("connection", "te"));
        assert!(table.has_token("connection", "x"));
        assert_eq!(
            table.joined("connection").unwrap().to_string(),
            "Keep-Alive , close, \"a, te\",x"
        );
        assert_eq!(list(b",, a ,\t b,").collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn compress_merges_repeats_at_the_first() {
        let mut table: Table = [("A", "1"), ("B", "x"), ("a", "2"), ("A", "3")]
            .into_iter()
            .collect();
        table.compress();
        assert_eq!(
            pairs(&table),
            [("A".into(), "1, 2, 3".into()), ("B".into(), "x".into())]
        );
    }

    #[test]
    fn clear_keeps_the_memory_and_setting_again_does_not_grow() {
        let mut table = Table::new();
        table.add("Name", "value");
        let capacity = table.bytes.capacity();
        table.clear();
        assert!(table.is_empty() && table.bytes.capacity() == capacity);
        for round in 0..100_000 {
            table.set("Counter", "x".repeat(round % 50));
            table.append("Other", "y");
            if round % 100 == 0 {
                table.unset("other");
            }
        }
        assert!(table.bytes.len() < 8192, "{}", table.bytes.len());
    }

    #[test]
    fn overlay_replaces_what_it_names() {
        let mut table: Table = [("A", "1"), ("B", "2")].into_iter().collect();
        table.overlay(&[("b", "3"), ("b", "4"), ("C", "5")].into_iter().collect());
        assert_eq!(table.joined("B").unwrap().to_string(), "3, 4");
        assert_eq!(
            (table.get("a").unwrap(), table.get("c").unwrap()),
            ("1".into(), "5".into())
        );
    }

    proptest! {
        /// The table agrees with a plain list of pairs through any sequence of changes.
        #[test]
        fn agrees_with_a_plain_list(steps in proptest::collection::vec((0u8..6, "[a-cA-C]{1,5}", ".{0,40}"), 0..60)) {
            let mut table = Table::new();
            let mut model: Vec<(String, String)> = Vec::new();
            for (step, name, value) in steps {
                let place = model.iter().position(|(n, _)| n.eq_ignore_ascii_case(&name));
                match (step, place) {
                    (0, Some(at)) => {
                        table.set(&name, &value);
                        model[at].1 = value;
                        let mut seen = 0;
                        model.retain(|(n, _)| { let hit = n.eq_ignore_ascii_case(&name); seen += usize::from(hit); !hit || seen == 1 });
                    }
                    (1, Some(at)) => { table.append(&name, &value); model[at].1 += ", "; model[at].1 += &value; }
                    (2, _) => { table.unset(&name); model.retain(|(n, _)| !n.eq_ignore_ascii_case(&name)); }
                    (3, _) => { table.extend_last(b" ", value.as_bytes()); if let Some(last) = model.last_mut() { last.1 += " "; last.1 += &value; } }
                    (0, None) => { table.set(&name, &value); model.push((name, value)); }
                    (1, None) => { table.append(&name, &value); model.push((name, value)); }
                    _ => { table.add(&name, &value); model.push((name, value)); }
                }
                prop_assert_eq!(pairs(&table), model.clone());
            }
        }
    }
}
