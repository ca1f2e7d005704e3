//! What file systems say of a file beyond what std tells of every system. Each system fills it in its `file::properties`.

use std::time::SystemTime;

/// The properties of a file; where a system has no such thing, what does least harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Inode number; 0 on Windows, where only an open file has a number.
    pub inode: u64,
    /// Permission bits. On Windows access lists stand elsewhere, so all may read and execute.
    pub mode: u32,
    /// The owner's number; 0 where nobody has one.
    pub uid: u32,
    /// The group's.
    pub gid: u32,
    /// The number of the file system; 0 on Windows.
    pub device: u64,
    /// When the file, or what is known of it, changed last; none where the system does not say.
    pub changed: Option<SystemTime>,
}
