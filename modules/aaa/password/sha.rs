//! The SHA-2 forms of crypt(3), `$5$` (SHA-256) and `$6$` (SHA-512), by Ulrich Drepper's specification.

use super::{push_low_first, salt_of, three};
use sha2::{Digest, Sha256, Sha512};

const DEFAULT_ROUNDS: u32 = 5000;
const LEAST_ROUNDS: u32 = 1000;
const MOST_ROUNDS: u32 = 999_999_999;
const SALT: usize = 16;

/// The hash of `password` by `setting`: `$5$` or `$6$`, perhaps `rounds=N$`, the salt, and anything behind.
pub fn crypt(password: &[u8], setting: &str) -> Option<String> {
    let beginning = setting.get(..3)?;
    let (rounds, shown) = rounds_of(setting.get(3..)?)?;
    let beginning = format!("{beginning}{shown}");
    let salt = salt_of(setting, &beginning, SALT)?;
    // The number is written as it counts, which need not be as it stood.
    let shown = if shown.is_empty() {
        String::new()
    } else {
        format!("rounds={rounds}$")
    };
    let mut out = format!("{}{shown}{salt}$", &setting[..3]);
    match setting.as_bytes().get(1) {
        Some(b'5') => push_256(
            &mut out,
            &digest::<Sha256>(password, salt.as_bytes(), rounds),
        ),
        Some(b'6') => push_512(
            &mut out,
            &digest::<Sha512>(password, salt.as_bytes(), rounds),
        ),
        _ => return None,
    }
    Some(out)
}

/// `rounds=N$` at the beginning of a setting: the number in force, and the piece as it stands.
fn rounds_of(rest: &str) -> Option<(u32, &str)> {
    let Some(text) = rest.strip_prefix("rounds=") else {
        return Some((DEFAULT_ROUNDS, ""));
    };
    let (digits, _) = text.split_once('$')?;
    let number: u64 = digits
        .parse()
        .ok()
        .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let number = u32::try_from(number)
        .unwrap_or(u32::MAX)
        .clamp(LEAST_ROUNDS, MOST_ROUNDS);
    Some((number, &rest[.."rounds=".len() + digits.len() + 1]))
}

fn digest<D: Digest>(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let inner = D::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut outer = D::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(repeated(&inner, password.len()));
    let mut bits = password.len();
    while bits != 0 {
        outer.update(if bits & 1 == 1 { &inner[..] } else { password });
        bits >>= 1;
    }
    let mut current = outer.finalize();
    let password = repeated(&many::<D>(password, password.len()), password.len());
    let times = 16 + usize::from(current.first().copied().unwrap_or(0));
    let salt = repeated(&many::<D>(salt, times), salt.len());
    for round in 0..rounds {
        let odd = round & 1 == 1;
        let mut next = D::new().chain_update(if odd { &password[..] } else { &current[..] });
        if round % 3 != 0 {
            next.update(&salt);
        }
        if round % 7 != 0 {
            next.update(&password);
        }
        next.update(if odd { &current[..] } else { &password[..] });
        current = next.finalize();
    }
    current.to_vec()
}

/// The digest of `text`, `times` times.
fn many<D: Digest>(text: &[u8], times: usize) -> Vec<u8> {
    let mut digest = D::new();
    for _ in 0..times {
        digest.update(text);
    }
    digest.finalize().to_vec()
}

/// `length` bytes of `block` over and over.
fn repeated(block: &[u8], length: usize) -> Vec<u8> {
    block.iter().copied().cycle().take(length).collect()
}

/// The order in which bytes leave: thirds of the digest, turned by one place with each group.
fn push_256(out: &mut String, digest: &[u8]) {
    for group in 0..10 {
        let places = [group, group + 10, group + 20];
        let turned = |by: usize| digest[places[(by + 2 * (group % 3)) % 3]];
        push_low_first(out, three(turned(0), turned(1), turned(2)), 4);
    }
    push_low_first(out, three(0, digest[31], digest[30]), 3);
}

fn push_512(out: &mut String, digest: &[u8]) {
    for group in 0..21 {
        let places = [group, group + 21, group + 42];
        let turned = |by: usize| digest[places[(by + group % 3) % 3]];
        push_low_first(out, three(turned(0), turned(1), turned(2)), 4);
    }
    push_low_first(out, u32::from(digest[63]), 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_c_library() {
        for (password, hash) in [
            ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            (
                "Hello world!",
                "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
            ),
            (
                "Hello world!",
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            ),
            ("", "$5$s$u9jS/E6rlpZoj8KCMVhpLKJh2MrO5hc9UBdfKCcvVU7"),
            (
                &"x".repeat(100)[..],
                "$6$rounds=1234$0123456789abcdef$tfXzCWdKo1kJD5k/fjKy0npSF5DKkl5lWk62jptJyjUuExm49Reba/F/5Oux6LpjfRur8YkHNJPu.bJWgv4DI0",
            ),
        ] {
            assert_eq!(crypt(password.as_bytes(), hash).as_deref(), Some(hash));
        }
    }

    #[test]
    fn rounds_are_bounded() {
        assert_eq!(rounds_of("rounds=10$x"), Some((1000, "rounds=10$")));
        assert_eq!(
            rounds_of("rounds=99999999999$x"),
            Some((999_999_999, "rounds=99999999999$"))
        );
        assert_eq!(rounds_of("rounds=$x"), None);
        assert_eq!(rounds_of("salt"), Some((5000, "")));
    }
}
