//! The oldest form of crypt(3): thirteen characters, of which two are the salt, by DES (FIPS 46) with a salted expansion.
//!
//! Only the first eight characters of a password count, and seven bits of each. It is read because old password files
//! hold it. Written bit by bit, as the standard's tables are: a check takes a fraction of a millisecond, and none of it
//! is worth making faster.

use super::CRYPT64;

/// Where the bits of each table come from, counted from 1 as in FIPS 46.
const INITIAL: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6,
    64, 56, 48, 40, 32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61,
    53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];
const FINAL: [u8; 64] = [
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30,
    37, 5, 45, 13, 53, 21, 61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27,
    34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
];
const EXPANSION: [u8; 48] = [
    32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18,
    19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const MIXING: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19,
    13, 30, 6, 22, 11, 4, 25,
];
const KEY_CHOICE: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60,
    52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29,
    21, 13, 5, 28, 20, 12, 4,
];
const ROUND_CHOICE: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52,
    31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const SHIFTS: [usize; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
const BOXES: [[u8; 64]; 8] = [
    [
        14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12,
        11, 9, 5, 3, 8, 4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9,
        1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
    ],
    [
        15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1,
        10, 6, 9, 11, 5, 0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15,
        4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
    ],
    [
        10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5,
        14, 12, 11, 15, 1, 13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6,
        9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
    ],
    [
        7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2,
        12, 1, 10, 14, 9, 10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1,
        13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
    ],
    [
        2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15,
        10, 3, 9, 8, 6, 4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14,
        2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
    ],
    [
        12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13,
        14, 0, 11, 3, 8, 9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5,
        15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
    ],
    [
        4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5,
        12, 2, 15, 8, 6, 1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4,
        10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
    ],
    [
        13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6,
        11, 0, 14, 9, 2, 7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10,
        8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
    ],
];

/// The hash of `password` with the salt in the first two characters of `setting`. None where those are no salt, or
/// where `setting` is neither a salt nor a whole hash.
pub fn crypt(password: &[u8], setting: &str) -> Option<String> {
    if setting.len() != 2 && setting.len() != 13 {
        return None;
    }
    let value = |place: usize| {
        CRYPT64
            .iter()
            .position(|known| Some(known) == setting.as_bytes().get(place))
    };
    let salt = value(0)? | value(1)? << 6;
    let keys = round_keys(password);
    let expansion = salted(salt);
    let mut block = [0; 64];
    for _ in 0..25 {
        block = encrypt(&block, &keys, &expansion);
    }
    let mut out = String::from(&setting[..2]);
    for group in block.chunks(6) {
        let bits = group
            .iter()
            .fold(0, |sum, bit| sum << 1 | usize::from(*bit));
        // The last group has four bits; two zeros make it whole.
        out.push(char::from(CRYPT64[bits << (6 - group.len())]));
    }
    Some(out)
}

/// The expansion table with those halves exchanged that the salt's bits say.
fn salted(salt: usize) -> [u8; 48] {
    let mut table = EXPANSION;
    for bit in (0..12).filter(|bit| salt >> bit & 1 == 1) {
        table.swap(bit, bit + 24);
    }
    table
}

fn chosen<const N: usize>(bits: &[u8], table: &[u8; N]) -> [u8; N] {
    table.map(|place| bits[usize::from(place) - 1])
}

/// The sixteen keys from seven bits of each of the first eight characters; the eighth bits are parity, and zero.
fn round_keys(password: &[u8]) -> [[u8; 48]; 16] {
    let mut key = [0; 64];
    for (place, byte) in key.chunks_exact_mut(8).zip(password) {
        for (at, bit) in place.iter_mut().take(7).enumerate() {
            *bit = byte >> (6 - at) & 1;
        }
    }
    let mut halves = chosen(&key, &KEY_CHOICE);
    SHIFTS.map(|shift| {
        halves[..28].rotate_left(shift);
        halves[28..].rotate_left(shift);
        chosen(&halves, &ROUND_CHOICE)
    })
}

fn encrypt(block: &[u8; 64], keys: &[[u8; 48]; 16], expansion: &[u8; 48]) -> [u8; 64] {
    let mixed = chosen(block, &INITIAL);
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&mixed[..32]);
    right.copy_from_slice(&mixed[32..]);
    for key in keys {
        let turned = round(&right, key, expansion);
        let next = std::array::from_fn(|at| left[at] ^ turned[at]);
        left = right;
        right = next;
    }
    let mut out = [0; 64];
    out[..32].copy_from_slice(&right);
    out[32..].copy_from_slice(&left);
    chosen(&out, &FINAL)
}

fn round(half: &[u8; 32], key: &[u8; 48], expansion: &[u8; 48]) -> [u8; 32] {
    let wide = chosen(half, expansion);
    let mut narrow = [0; 32];
    for (number, place) in narrow.chunks_exact_mut(4).enumerate() {
        let bit = |at: usize| usize::from(wide[number * 6 + at] ^ key[number * 6 + at]);
        let row = bit(0) << 1 | bit(5);
        let column = bit(1) << 3 | bit(2) << 2 | bit(3) << 1 | bit(4);
        let value = BOXES[number][row * 16 + column];
        for (at, out) in place.iter_mut().enumerate() {
            *out = value >> (3 - at) & 1;
        }
    }
    chosen(&narrow, &MIXING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_c_library() {
        for (salt, password, hash) in [
            ("ab", &b"secret"[..], "abNANd1rDfiNc"),
            ("ab", b"", "abmF1QH4PEr.E"),
            ("ab", b"longpassword", "abD6HAB6eqg.k"),
            ("ab", b"p\xe4ss", "ab.lT2GdPQglM"),
            ("./", b"secret", "./17m29LFAflg"),
            ("./", b"longpassword", "./x0kTlw5iEAs"),
            ("zZ", b"secret", "zZ5x4y8hS4SZE"),
            ("zZ", b"p\xe4ss", "zZr5JvHhyDA1w"),
            ("09", b"secret", "09nhakT5Wbv56"),
            ("A.", b"secret", "A.wJyvi/Dhrps"),
            ("A.", b"longpassword", "A.6NJgWzSOQCI"),
        ] {
            assert_eq!(crypt(password, salt).as_deref(), Some(hash));
            assert_eq!(crypt(password, hash).as_deref(), Some(hash));
        }
    }

    #[test]
    fn other_texts_are_no_salt() {
        for setting in ["", "a", "a:", "**", "abc", "*0", "öx", "abmF1QH4PEr.E."] {
            assert_eq!(crypt(b"x", setting), None, "{setting}");
        }
    }
}
