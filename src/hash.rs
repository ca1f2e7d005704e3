//! The hash of tables on a request's way: a multiplication for each eight bytes, where std's own takes some hundred instructions for
//! a short name. Each table has a secret, so that a peer cannot easily choose names that meet; where peers choose what is *put into*
//! a table without a bound, take std's.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A map that is quick to look into.
pub type QuickMap<K, V> = std::collections::HashMap<K, V, Quick>;

/// Makes hashers of one secret.
#[derive(Clone, Debug)]
pub struct Quick {
    secret: u64,
}

impl Default for Quick {
    /// With a secret of its own.
    fn default() -> Quick {
        Quick {
            secret: RandomState::new().hash_one(()),
        }
    }
}

impl BuildHasher for Quick {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding(self.secret)
    }
}

/// What has been hashed so far.
#[derive(Debug)]
pub struct Folding(u64);

/// An odd number with its bits well mixed: the golden ratio's.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Folding {
    fn add(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let (rest, mut last) = (words.remainder(), [0; 8]);
        last[..rest.len()].copy_from_slice(rest);
        // The length tells a short rest from one with zeros.
        self.add(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_right(8));
    }

    fn write_u8(&mut self, number: u8) {
        self.add(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.add(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.add(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_differs_seldom_meets() {
        let quick = Quick::default();
        let mut texts: Vec<Vec<u8>> = (0..3000u32).map(|n| n.to_string().into_bytes()).collect();
        texts.extend((0..40).map(|length| vec![0; length]));
        let whole: HashSet<u64> = texts.iter().map(|text| quick.hash_one(text)).collect();
        assert_eq!(whole.len(), texts.len());
        // Tables of a power of two look at the lowest bits.
        let low: HashSet<u64> = whole.iter().map(|hash| hash % 4096).collect();
        assert!(low.len() > 1700, "{}", low.len());
        assert_ne!(quick.hash_one("a"), Quick::default().hash_one("a"));
    }

    #[test]
    fn a_map_finds_what_was_put_in() {
        let mut map = QuickMap::<Box<str>, usize>::default();
        let names = ["", "a", "html", "a-name-of-more-than-eight-bytes"];
        names
            .iter()
            .enumerate()
            .for_each(|(n, name)| _ = map.insert((*name).into(), n));
        assert!(names
            .iter()
            .enumerate()
            .all(|(n, name)| map.get(*name) == Some(&n)));
    }
}
