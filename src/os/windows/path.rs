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

/// Whether a name begins at a root: that of the present drive, or one with a letter.
pub fn is_absolute(name: &[u8]) -> bool {
    name.starts_with(b"/")
        || matches!(name, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
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
