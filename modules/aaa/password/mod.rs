//! Passwords and what password files keep of them: checks a password against a stored hash, and makes hashes for the
//! programs that write such files. The most expensive stop on a request's path, so its callers come through `blocking`.
//!
//! The forms are those of Apache's htpasswd and of crypt(3): `{SHA}`, `$apr1$`, `$1$`, `$2a$`/`$2b$`/`$2y$`, `$5$`, `$6$` and
//! the DES form of thirteen characters. A password in plain text is no form.

pub mod bcrypt;
pub mod des;
pub mod md5;
pub mod sha;

use crate::config::expr::base64;
use sha1::{Digest, Sha1};

/// The 64 characters of crypt(3), by value.
const CRYPT64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// True if `stored` was made from `password`. What has no known form was made from nothing.
pub fn verify(password: &[u8], stored: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(stored) else {
        return false;
    };
    // crypt(3) sees C strings: a password with a NUL in it can have no hash.
    if password.contains(&0) {
        return false;
    }
    made(password, text).is_some_and(|made| same(made.as_bytes(), stored))
}

/// The hash of `password` in the form and with the salt of `stored`.
fn made(password: &[u8], stored: &str) -> Option<String> {
    if stored.starts_with("{SHA}") {
        return Some(sha1_form(password));
    }
    if stored.starts_with("$apr1$") || stored.starts_with("$1$") {
        return md5::crypt(password, stored);
    }
    if stored.starts_with("$2") {
        return bcrypt::crypt(password, stored);
    }
    if stored.starts_with("$5$") || stored.starts_with("$6$") {
        return sha::crypt(password, stored);
    }
    des::crypt(password, stored)
}

/// `{SHA}` and the SHA-1 of the password in base 64; no salt.
pub fn sha1_form(password: &[u8]) -> String {
    let digest = base64(&Sha1::digest(password));
    format!("{{SHA}}{}", String::from_utf8_lossy(&digest))
}

/// Equality in a time that tells nothing about where two texts of one length differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    // The optimiser may not find out what the sum is for.
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

/// Writes the low `digits * 6` bits of `bits`, lowest first, as crypt(3) does.
fn push_low_first(out: &mut String, mut bits: u32, digits: usize) {
    for _ in 0..digits {
        out.push(char::from(CRYPT64[(bits & 63) as usize]));
        bits >>= 6;
    }
}

/// Three bytes as one number, the first one highest.
fn three(high: u8, middle: u8, low: u8) -> u32 {
    u32::from(high) << 16 | u32::from(middle) << 8 | u32::from(low)
}

/// `$id$salt$...` in pieces: the salt, cut to `most` characters, behind the given beginning.
fn salt_of<'s>(stored: &'s str, beginning: &str, most: usize) -> Option<&'s str> {
    let rest = stored.strip_prefix(beginning)?;
    let salt = rest.split('$').next().unwrap_or(rest);
    let end = salt
        .char_indices()
        .nth(most)
        .map_or(salt.len(), |(at, _)| at);
    Some(&salt[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_known() {
        // Made by htpasswd, openssl and crypt(3).
        for stored in [
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/",
            "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
            "$2y$05$G23XMINJURpJzZj/aj/.aes6A/nYFDhtOSrH/imPFyJanz0E.rLsS",
            "abNANd1rDfiNc",
        ] {
            assert!(verify(b"secret", stored.as_bytes()), "{stored}");
            assert!(!verify(b"wrong", stored.as_bytes()), "{stored}");
        }
    }

    #[test]
    fn plain_text_and_rubbish_match_nothing() {
        let nonsense: [&[u8]; 12] = [
            b"",
            b"secret",
            b"$",
            b"$2",
            b"$2y$",
            b"$2y$99$aaaaaaaaaaaaaaaaaaaaaa",
            b"$1$",
            b"$5$",
            b"$6$rounds=x$",
            b"$y$j9T$x$x",
            b"*0",
            b"\xff\xfe",
        ];
        for stored in nonsense {
            assert!(
                !verify(b"secret", stored),
                "{}",
                String::from_utf8_lossy(stored)
            );
            assert!(!verify(b"", stored), "{}", String::from_utf8_lossy(stored));
        }
        assert!(!verify(
            b"secret\0more",
            b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
        ));
    }

    #[test]
    fn texts_are_the_same_or_not() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
    }
}
