//! The bcrypt form, `$2y$` and its namesakes `$2a$` and `$2b$`: Blowfish with a key schedule that takes as long as the cost says.

use blowfish::Blowfish;

/// Its own 64 characters, by value.
const BASE64: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// "OrpheanBeholderScryDoubt", the text that is encrypted.
const TEXT: [u32; 6] = [
    0x4f72_7068,
    0x6561_6e42,
    0x6568_6f6c,
    0x6465_7253,
    0x6372_7944,
    0x6f75_6274,
];
/// Characters of a salt of 16 bytes.
const SALT: usize = 22;
/// Bytes of a password that count, with the NUL behind it.
const KEY: usize = 72;

/// The hash of `password` by `setting`: `$2y$COST$` and 22 characters of salt, and anything behind.
pub fn crypt(password: &[u8], setting: &str) -> Option<String> {
    let kind = ["$2y$", "$2b$", "$2a$"]
        .into_iter()
        .find(|kind| setting.starts_with(kind))?;
    let (cost, rest) = setting[kind.len()..].split_once('$')?;
    if cost.len() != 2 {
        return None;
    }
    let cost = cost.parse().ok().filter(|cost| (4..=31).contains(cost))?;
    let salt: [u8; 16] = decoded(rest.as_bytes().get(..SALT)?)?.try_into().ok()?;
    Some(format!(
        "{kind}{cost:02}${}{}",
        encoded(&salt),
        encoded(&digest(password, &salt, cost)[..23])
    ))
}

/// A new hash, as htpasswd -B writes it. `cost` is 4 to 31: the work doubles with each step.
pub fn hash(password: &[u8], salt: [u8; 16], cost: u32) -> String {
    let cost = cost.clamp(4, 31);
    format!(
        "$2y${cost:02}${}{}",
        encoded(&salt),
        encoded(&digest(password, &salt, cost)[..23])
    )
}

fn digest(password: &[u8], salt: &[u8; 16], cost: u32) -> [u8; 24] {
    let mut key = password.to_vec();
    key.push(0);
    key.truncate(KEY);
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1u64 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut out = [0; 24];
    for (pair, place) in TEXT.chunks_exact(2).zip(out.chunks_exact_mut(8)) {
        let mut block = [pair[0], pair[1]];
        for _ in 0..64 {
            block = state.bc_encrypt(block);
        }
        place[..4].copy_from_slice(&block[0].to_be_bytes());
        place[4..].copy_from_slice(&block[1].to_be_bytes());
    }
    out
}

/// Base 64, highest bits first, without padding.
fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=chunk.len() {
            out.push(char::from(BASE64[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for byte in text {
        let code = BASE64.iter().position(|known| known == byte)?;
        bits = (bits << 6 | code as u32) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        // Of the test suite that comes with the first implementation.
        for (password, hash) in [
            (
                "U*U",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            ),
            (
                "",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy",
            ),
        ] {
            assert_eq!(crypt(password.as_bytes(), hash).as_deref(), Some(hash));
        }
    }

    #[test]
    fn settings_are_checked() {
        for setting in [
            "$2y$",
            "$2y$3$",
            "$2y$03$CCCCCCCCCCCCCCCCCCCCC.",
            "$2y$32$CCCCCCCCCCCCCCCCCCCCC.",
            "$2y$05$short",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.",
        ] {
            assert_eq!(crypt(b"x", setting), None, "{setting}");
        }
    }

    #[test]
    fn a_new_hash_verifies() {
        let made = hash(b"secret", *b"0123456789abcdef", 4);
        assert_eq!(crypt(b"secret", &made), Some(made));
    }
}
