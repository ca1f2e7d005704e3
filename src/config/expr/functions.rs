//! The functions of the language that only compute or read a file, and the tests on files.

use super::names::{FileTest, Function};
use sha1::Digest;
use std::io::Read;
use std::path::Path;

/// Bytes of a file that `file()` gives at most; a larger one is an error.
const FILE_LIMIT: u64 = 10 << 20;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A function of one argument that needs nothing of the request.
pub(super) fn compute(function: Function, text: &[u8]) -> Result<Vec<u8>, String> {
    Ok(match function {
        Function::ToLower => text.to_ascii_lowercase(),
        Function::ToUpper => text.to_ascii_uppercase(),
        Function::Escape => escape(text),
        Function::Unescape => unescape(text).unwrap_or_default(),
        Function::Base64 => base64(text),
        Function::Unbase64 => before_nul(unbase64(text)),
        Function::Md5 => hexadecimal(&md5::Md5::digest(text)),
        Function::Sha1 => hexadecimal(&sha1::Sha1::digest(text)),
        Function::Ldap => ldap(text),
        Function::File => read_file(text)?,
        Function::FileSize => regular(text)
            .map_or(0, |found| found.len())
            .to_string()
            .into_bytes(),
        Function::FileModified => modified(text).to_string().into_bytes(),
        _ => Vec::new(),
    })
}

/// The integer a text begins with, as C's `atoi` reads it: spaces, a sign, digits; 0 without digits, and the nearest
/// 64-bit number where it is out of range.
pub(super) fn integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let value = value.saturating_mul(10);
        if negative {
            value.saturating_sub(digit)
        } else {
            value.saturating_add(digit)
        }
    })
}

/// Replaces every `from` by `to`; an empty `from` is found nowhere.
pub(super) fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if from.is_empty() {
        return text.to_vec();
    }
    bstr::ByteSlice::replace(text, from, to)
}

/// A variable of the server's environment.
pub(super) fn os_env(name: &[u8]) -> Option<Vec<u8>> {
    let name = std::str::from_utf8(name).ok()?;
    // std panics on names that cannot exist.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.into_encoded_bytes())
}

/// Whether the file that `path` names is of the kind that `test` asks for. Links are followed, but for
/// [`FileTest::Link`].
pub fn file_test(test: FileTest, path: &[u8]) -> bool {
    let Some(path) = native(path) else {
        return false;
    };
    let found = match test {
        FileTest::Link => path.symlink_metadata(),
        _ => path.metadata(),
    };
    let Ok(found) = found else {
        return false;
    };
    match test {
        FileTest::Directory => found.is_dir(),
        FileTest::Exists => true,
        FileTest::Regular => found.is_file(),
        FileTest::NotEmpty => found.is_file() && found.len() > 0,
        FileTest::Link => found.file_type().is_symlink(),
        FileTest::Executable => crate::os::file::is_executable(&found),
    }
}

/// A path from the configuration's bytes; `None` for one that no file can have.
fn native(path: &[u8]) -> Option<&Path> {
    if path.is_empty() || path.contains(&0) {
        return None;
    }
    bstr::ByteSlice::to_path(path).ok()
}

fn regular(path: &[u8]) -> Option<std::fs::Metadata> {
    native(path)?
        .metadata()
        .ok()
        .filter(|found| found.is_file())
}

/// Seconds since 1970 of a file's last change; 0 where there is none.
fn modified(path: &[u8]) -> u64 {
    let time = regular(path).and_then(|found| found.modified().ok());
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

fn read_file(path: &[u8]) -> Result<Vec<u8>, String> {
    let fail = |reason: String| {
        format!(
            "cannot read file {:?}: {reason}",
            String::from_utf8_lossy(path)
        )
    };
    // A pipe or device could make the read wait for ever.
    if regular(path).is_none() {
        return Err(fail("no regular file has that name".to_string()));
    }
    let path = native(path).ok_or_else(|| fail("not a path".to_string()))?;
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut content = Vec::new();
    let read = file.take(FILE_LIMIT + 1).read_to_end(&mut content);
    read.map_err(|error| fail(error.to_string()))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_LIMIT {
        return Err(fail(format!("it has more than {FILE_LIMIT} bytes")));
    }
    Ok(content)
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| b"0123456789abcdef".get(usize::from(digit)).copied())
        .collect()
}

/// Writes every byte that `plain` refuses as `mark` and two hexadecimal digits.
fn encode(text: &[u8], mark: u8, plain: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if plain(byte) {
            out.push(byte);
        } else {
            out.push(mark);
            out.extend(hexadecimal(&[byte]));
        }
    }
    out
}

/// %-encoding of what may not stand in the path of a URL.
fn escape(text: &[u8]) -> Vec<u8> {
    encode(text, b'%', |byte| {
        byte.is_ascii_alphanumeric() || b"$-_.+!*'(),:;@&=/~".contains(&byte)
    })
}

/// RFC 4515 for a filter and RFC 4514 for a name in one: what is special in either.
fn ldap(text: &[u8]) -> Vec<u8> {
    encode(text, b'\\', |byte| {
        (b' '..=b'~').contains(&byte) && !b"*()\\,+\"<>;".contains(&byte)
    })
}

/// %-decoding. An encoded slash stays encoded; a bad code or an encoded NUL spoils the whole.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = after.get(..2)?;
        rest = after.get(2..)?;
        match digit(*digits.first()?)? << 4 | digit(*digits.last()?)? {
            0 => return None,
            b'/' => {
                out.push(b'%');
                out.extend_from_slice(digits);
            }
            decoded => out.push(decoded),
        }
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes in base 64 (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let code = (bits >> (18 - 6 * place)) & 63;
            let digit = BASE64
                .get(usize::try_from(code).unwrap_or(0))
                .copied()
                .unwrap_or(b'A');
            out.push(if place <= chunk.len() { digit } else { b'=' });
        }
    }
    out
}

/// Decodes up to the first byte that is no digit of base 64.
pub fn unbase64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits: u32 = 0;
    let mut count = 0;
    for byte in text {
        let Some(code) = BASE64.iter().position(|digit| digit == byte) else {
            break;
        };
        bits = (bits << 6 | u32::try_from(code).unwrap_or(0)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
        }
    }
    out
}

fn before_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|&byte| byte == 0) {
        text.truncate(end);
    }
    text
}

/// The SHA-1 of a file's content in base 64, as `FileETag Digest` and the like show it.
pub fn digest_of_file(file: &std::fs::File) -> std::io::Result<String> {
    let mut digest = sha1::Sha1::new();
    let mut piece = vec![0; 64 * 1024];
    let mut offset = 0;
    loop {
        match crate::os::file::read_at(file, &mut piece, offset)? {
            0 => return Ok(String::from_utf8_lossy(&base64(&digest.finalize())).into_owned()),
            n => {
                digest.update(&piece[..n]);
                offset += n as u64;
            }
        }
    }
}
