//! The MD5 forms: `$1$` of FreeBSD's crypt(3), and Apache's `$apr1$`, which is the same with another beginning.

use super::{push_low_first, salt_of, three};
use md5::{Digest, Md5};

/// The beginning that htpasswd writes.
pub const APR1: &str = "$apr1$";
const CRYPT: &str = "$1$";
const ROUNDS: usize = 1000;
const SALT: usize = 8;

/// The hash of `password` with beginning and salt of `setting`: `$apr1$SALT` or `$1$SALT`, and anything behind.
pub fn crypt(password: &[u8], setting: &str) -> Option<String> {
    let beginning = if setting.starts_with(APR1) {
        APR1
    } else {
        CRYPT
    };
    let salt = salt_of(setting, beginning, SALT)?;
    let digest = rounds(
        password,
        salt.as_bytes(),
        first(password, salt.as_bytes(), beginning),
    );
    let mut out = format!("{beginning}{salt}$");
    for (high, middle, low) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        push_low_first(
            &mut out,
            three(digest[high], digest[middle], digest[low]),
            4,
        );
    }
    push_low_first(&mut out, u32::from(digest[11]), 2);
    Some(out)
}

fn first(password: &[u8], salt: &[u8], beginning: &str) -> [u8; 16] {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut outer = Md5::new()
        .chain_update(password)
        .chain_update(beginning)
        .chain_update(salt);
    for piece in password.chunks(16) {
        outer.update(&inner[..piece.len()]);
    }
    // One byte for each bit of the length: NUL for a one, the password's first byte for a zero.
    let mut bits = password.len();
    while bits != 0 {
        if bits & 1 == 1 {
            outer.update([0]);
        } else {
            outer.update(&password[..1]);
        }
        bits >>= 1;
    }
    outer.finalize().into()
}

fn rounds(password: &[u8], salt: &[u8], mut digest: [u8; 16]) -> [u8; 16] {
    for round in 0..ROUNDS {
        let (before, behind): (&[u8], &[u8]) = match round & 1 {
            1 => (password, &digest),
            _ => (&digest, password),
        };
        let mut next = Md5::new().chain_update(before);
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(behind);
        digest = next.finalize().into();
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_openssl_and_the_c_library() {
        for (password, hash) in [
            ("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"),
            (
                "averyveryveryverylongpassword",
                "$apr1$ab$O0RD0Xz8FAb2kkEqUuuDl/",
            ),
            ("secret", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"),
            ("", "$1$ab$rn6aQS/o7141mj179E/zA."),
        ] {
            assert_eq!(crypt(password.as_bytes(), hash).as_deref(), Some(hash));
        }
    }
}
