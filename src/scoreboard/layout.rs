//! Where each number stands in the shared pages. All are 64-bit words, so that every access is atomic and none can tear.
//!
//! The directory comes first and only the parent writes it; then one record a process, on pages of its own, which only that
//! process writes. This is private to the program; what outsiders may read is in `publish`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Words of the directory's head.
pub(super) mod head {
    pub const GENERATION: usize = 0;
    /// When the server started, microseconds since 1970.
    pub const SERVER_STARTED: usize = 1;
    /// When this generation began to serve.
    pub const GENERATION_STARTED: usize = 2;
    /// 1 once the generation takes no more connections.
    pub const CLOSING: usize = 3;
    /// What ended children had counted: accesses, bytes, microseconds, then processor times.
    pub const RETIRED: usize = 4;
    /// How many of the words behind the slots' entries name a URL that is not to be worked on.
    pub const SHUNNED: usize = 11;
    pub const WORDS: usize = 16;
}

/// Numbers that only grow, in the order in which `RETIRED` holds them.
pub(super) const TOTALS: usize = 7;

/// Words of one slot in the directory.
pub(super) mod entry {
    pub const PID: usize = 0;
    pub const STARTED: usize = 1;
    /// A number of `Standing`.
    pub const STANDING: usize = 2;
    pub const BUCKET: usize = 3;
    pub const WORDS: usize = 4;
}

/// Words of a process record's head.
pub(super) mod process {
    pub const CONNECTIONS: usize = 0;
    pub const WAITING_IO: usize = 1;
    pub const WRITING: usize = 2;
    pub const KEPT_ALIVE: usize = 3;
    pub const CLOSING: usize = 4;
    pub const SUSPENDED: usize = 5;
    pub const QUIESCING: usize = 6;
    pub const NOT_ACCEPTING: usize = 7;
    /// Microseconds of processor: user, system, children's user, children's system.
    pub const CPU: usize = 8;
    pub const WORDS: usize = 16;
}

/// Words of one worker in a process record.
pub(super) mod worker {
    pub const STATUS: usize = 0;
    pub const THREAD: usize = 1;
    /// Requests on the present connection, of this process, of this slot over all its processes.
    pub const ON_CONNECTION: usize = 2;
    pub const BY_PROCESS: usize = 3;
    pub const BY_SLOT: usize = 4;
    /// Bytes, likewise.
    pub const BYTES_CONNECTION: usize = 5;
    pub const BYTES_PROCESS: usize = 6;
    pub const BYTES_SLOT: usize = 7;
    /// Microseconds since 1970.
    pub const STARTED: usize = 8;
    pub const STOPPED: usize = 9;
    pub const LAST_USED: usize = 10;
    /// Microseconds spent on requests by this process's worker.
    pub const DURATION: usize = 11;
    pub const CPU: usize = 12;
    pub const CLIENT: usize = 16;
    pub const REQUEST: usize = 24;
    pub const VHOST: usize = 32;
    pub const PROTOCOL: usize = 36;
    pub const WORDS: usize = 40;
}

/// The most URLs that are shunned at once.
pub const SHUNNED_MOST: usize = 64;

/// Words of a process record's report of a crash, which stands behind the workers. A long URL is cut.
pub(super) const CRASH_WORDS: usize = 256;

// Bytes of the texts, the closing zero included.

/// Of the client's address.
pub const CLIENT_BYTES: usize = 64;
/// Of the request line.
pub const REQUEST_BYTES: usize = 64;
/// Of the virtual host.
pub const VHOST_BYTES: usize = 32;
/// Of the protocol.
pub const PROTOCOL_BYTES: usize = 16;

/// How many slots and workers a segment has; everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Processes at once, live and draining.
    pub slots: u32,
    /// Workers in each.
    pub threads: u32,
}

impl Shape {
    /// Bytes of the directory, in whole pages.
    pub(super) fn directory_bytes(&self, page: usize) -> usize {
        let words = self.shunned_at() + SHUNNED_MOST;
        (words * 8).next_multiple_of(page)
    }

    /// Bytes of one process record, in whole pages.
    pub(super) fn record_bytes(&self, page: usize) -> usize {
        let words = self.crash_at() + CRASH_WORDS;
        (words * 8).next_multiple_of(page)
    }

    /// The word of the directory where the shunned URLs begin.
    pub(super) fn shunned_at(&self) -> usize {
        head::WORDS + entry::WORDS * self.slots as usize
    }

    /// The word of a process record where its report of a crash begins.
    pub(super) fn crash_at(&self) -> usize {
        process::WORDS + worker::WORDS * self.threads as usize
    }

    pub(super) fn total_bytes(&self, page: usize) -> usize {
        self.directory_bytes(page) + self.record_bytes(page) * self.slots as usize
    }
}

/// Reads a word; what lies outside reads as 0.
pub(super) fn get(words: &[AtomicU64], index: usize) -> u64 {
    words.get(index).map_or(0, |w| w.load(Ordering::Relaxed))
}

/// Writes a word; what lies outside is not there.
pub(super) fn put(words: &[AtomicU64], index: usize, value: u64) {
    if let Some(word) = words.get(index) {
        word.store(value, Ordering::Relaxed);
    }
}

/// Adds to a word that only this process writes.
pub(super) fn add(words: &[AtomicU64], index: usize, value: u64) {
    put(words, index, get(words, index).wrapping_add(value));
}

/// Writes text into `bytes / 8` words, cut so that a zero always follows.
pub(super) fn put_text(words: &[AtomicU64], index: usize, bytes: usize, text: &[u8]) {
    let kept = text.get(..bytes - 1).unwrap_or(text);
    for word in 0..bytes / 8 {
        let mut eight = [0; 8];
        let rest = kept.get(word * 8..).unwrap_or_default();
        let count = rest.len().min(8);
        eight[..count].copy_from_slice(&rest[..count]);
        put(words, index + word, u64::from_le_bytes(eight));
        if count < 8 {
            break;
        }
    }
}

/// Reads text up to its zero, at most `bytes` long.
pub(super) fn get_text(words: &[AtomicU64], index: usize, bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes);
    for word in 0..bytes / 8 {
        let eight = get(words, index + word).to_le_bytes();
        let count = eight.iter().position(|b| *b == 0).unwrap_or(8);
        text.extend_from_slice(&eight[..count]);
        if count < 8 {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_comes_back_cut(text in proptest::collection::vec(1u8.., 0..100), before in proptest::collection::vec(1u8.., 0..100)) {
            let words: Vec<AtomicU64> = (0..12).map(|_| AtomicU64::new(0)).collect();
            put_text(&words, 2, 64, &before);
            put_text(&words, 2, 64, &text);
            prop_assert_eq!(get_text(&words, 2, 64), text[..text.len().min(63)].to_vec());
            prop_assert_eq!(get(&words, 10), 0);
        }
    }
}
