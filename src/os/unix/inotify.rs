//! Word of changes in folders by inotify; see `os::watch`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{c_string, check, fd, unsupported};
use crate::os::watch::Change;

/// File systems on which each change goes through this kernel. Others, over a network above all, change behind its back.
const LOCAL: &[u32] = &[
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0x794c_7630, // overlayfs
];
const CHANGES: u32 = libc::IN_MODIFY
    | libc::IN_ATTRIB
    | libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF;
const LOST: u32 = libc::IN_Q_OVERFLOW
    | libc::IN_UNMOUNT
    | libc::IN_IGNORED
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF;
/// Bytes of an event before its name: number, what happened, a cookie, the length of the name.
const HEAD: usize = 16;
/// The longest event: a name has 255 bytes and its end.
const LONGEST: usize = HEAD + 256;

/// Folders that are watched.
#[derive(Debug)]
pub struct Folders {
    fd: OwnedFd,
    /// Kept, so that it is not cleared for each look.
    buffer: Box<[u8; 4096]>,
}

impl Folders {
    /// None yet. An error: the user has as many of these already as the system allows (`EMFILE`), or no descriptor is left.
    pub fn new() -> io::Result<Folders> {
        // SAFETY: no memory is passed.
        let raw = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        let raw = check(raw)?;
        // SAFETY: the kernel just made it.
        let fd = unsafe { fd::own(raw) };
        Ok(Folders {
            fd,
            buffer: Box::new([0; 4096]),
        })
    }

    /// Watches a folder, which may not be a link; gives its number. `Unsupported` where the kernel does not see all changes.
    pub fn add(&self, folder: &Path) -> io::Result<i32> {
        let path = c_string(folder.as_os_str().as_bytes())?;
        // SAFETY: zeroes are a valid value.
        let mut about: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and a place for the answer.
        check(unsafe { libc::statfs(path.as_ptr(), &raw mut about) })?;
        // The type's width differs between processors; the numbers have 32 bits.
        #[allow(clippy::unnecessary_cast)]
        if !LOCAL.contains(&(about.f_type as u32)) {
            return unsupported();
        }
        let mask = CHANGES | libc::IN_ONLYDIR | libc::IN_DONT_FOLLOW;
        // SAFETY: a C string.
        let number = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), path.as_ptr(), mask) };
        check(number)
    }

    /// Whether nothing has changed since the last [`Folders::read`].
    pub fn are_quiet(&self) -> io::Result<bool> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: a place for the answer.
        check(unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::FIONREAD, &raw mut bytes) })?;
        Ok(bytes == 0)
    }

    /// Hands what has changed since the last call to `on`; does not wait.
    pub fn read(&mut self, on: &mut dyn FnMut(Change<'_>)) -> io::Result<()> {
        loop {
            let read = match fd::read(&self.fd, &mut self.buffer[..]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            split(&self.buffer[..read], on);
            // The kernel fills the buffer as far as whole events fit.
            if read + LONGEST <= self.buffer.len() {
                return Ok(());
            }
        }
    }
}

/// The events of a read.
fn split(mut bytes: &[u8], on: &mut dyn FnMut(Change<'_>)) {
    let number = |bytes: &[u8], at: usize| {
        let field: [u8; 4] = bytes[at..at + 4].try_into().unwrap_or_default();
        u32::from_ne_bytes(field)
    };
    while bytes.len() >= HEAD {
        let (folder, what) = (number(bytes, 0) as i32, number(bytes, 4));
        let end = (HEAD + number(bytes, 12) as usize).min(bytes.len());
        let name = bytes[HEAD..end].split(|byte| *byte == 0).next();
        on(match name {
            _ if what & LOST != 0 => Change::Lost,
            None | Some(b"") => Change::Itself,
            Some(name) => Change::Named {
                folder,
                name,
                is_folder: what & libc::IN_ISDIR != 0,
            },
        });
        bytes = &bytes[end..];
    }
}
