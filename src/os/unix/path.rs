//! Names of files as bytes, which is what they are here.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The string of some bytes.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The bytes of a string.
pub fn bytes(name: impl Into<OsString>) -> Vec<u8> {
    name.into().into_vec()
}

/// The same name for all names of one file that differ in case: here every one is its own.
pub fn fold(name: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(name)
}

/// Whether names that differ in case are the same.
pub const FOLDS: bool = false;

/// Whether a name begins at the root.
pub fn is_absolute(name: &[u8]) -> bool {
    name.starts_with(b"/")
}

/// Whether a name begins with a machine of the network: none does here.
pub fn is_remote(_name: &[u8]) -> bool {
    false
}

/// The path of some bytes.
pub fn of(bytes: &[u8]) -> &Path {
    Path::new(os_str(bytes))
}

/// The bytes of a path, with `/` between its parts.
pub fn to_bytes(path: &Path) -> Cow<'_, [u8]> {
    Cow::Borrowed(path.as_os_str().as_bytes())
}
