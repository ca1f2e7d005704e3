//! Names of files as bytes: UTF-8 with `/` between the parts, as the configuration and URLs have them.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A name that no file has, for bytes that are no name.
const NOWHERE: &str = "\0";

/// The string of some bytes; one that is in no environment and names no file where they are not UTF-8.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(bytes).unwrap_or(NOWHERE))
}

/// The bytes of a string, with U+FFFD for what is no character.
pub fn bytes(name: impl Into<OsString>) -> Vec<u8> {
    let text = name.into().to_string_lossy().into_owned();
    text.into_bytes()
}

/// The same name for all names of one file that differ in case.
pub fn fold(name: &[u8]) -> Cow<'_, [u8]> {
    match String::from_utf8_lossy(name) {
        Cow::Borrowed(text)
            if text
                .bytes()
                .all(|b| b.is_ascii() && !b.is_ascii_uppercase()) =>
        {
            Cow::Borrowed(text.as_bytes())
        }
        text => Cow::Owned(text.to_lowercase().into_bytes()),
    }
}

/// Whether names that differ in case are the same.
pub const FOLDS: bool = true;

/// Whether a name begins at a root: that of the present drive, or one with a letter.
pub fn is_absolute(name: &[u8]) -> bool {
    name.starts_with(b"/")
        || matches!(name, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

/// Whether a name begins with a machine of the network, as `\\server\share` does.
pub fn is_remote(name: &[u8]) -> bool {
    matches!(name, [b'/' | b'\\', b'/' | b'\\', ..])
}

/// The path of some bytes; one that leads nowhere where they are not UTF-8.
pub fn of(bytes: &[u8]) -> &Path {
    Path::new(os_str(bytes))
}

/// The bytes of a path, with `/` for each `\`.
pub fn to_bytes(path: &Path) -> Cow<'_, [u8]> {
    match path.as_os_str().to_string_lossy() {
        Cow::Borrowed(text) if !text.contains('\\') => Cow::Borrowed(text.as_bytes()),
        text => Cow::Owned(text.replace('\\', "/").into_bytes()),
    }
}
