//! What std's file functions leave out: opening and reading only what the kernel has in memory, and the state of the process
//! that paths depend on.

use std::ffi::CStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use super::fd::{duplicate_to_standard, pipe};
use super::{c_string, check};
use crate::os::properties::Properties;

/// An open file or pipe, closed when it is dropped: a descriptor as anything else here.
pub type OwnedFile = OwnedFd;
/// One that somebody else closes.
pub type BorrowedFile<'a> = BorrowedFd<'a>;

/// What has an open file.
pub trait AsFile {
    /// Lends it.
    fn as_file(&self) -> BorrowedFile<'_>;
}

impl<T: AsFd> AsFile for T {
    fn as_file(&self) -> BorrowedFile<'_> {
        self.as_fd()
    }
}

/// The file that takes everything and holds nothing.
pub fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Reads at `offset`, without regard to where the file stands.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buf, offset)
}

/// Fills the buffer from `offset` on.
pub fn read_exact_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buf, offset)
}

/// Writes all bytes from `offset` on.
pub fn write_all_at(file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(buf, offset)
}

/// The properties of a file.
pub fn properties(meta: &Metadata) -> Properties {
    Properties {
        inode: meta.ino(),
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        device: meta.dev(),
        changed: changed(meta),
    }
}

/// The time of the last change of status; none before 1970.
fn changed(meta: &Metadata) -> Option<SystemTime> {
    let seconds = u64::try_from(meta.ctime()).ok()?;
    let rest = u32::try_from(meta.ctime_nsec()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, rest))
}

/// Whether both are the same file.
pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether an error says that there is no file of that name.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether anybody may execute it.
pub fn is_executable(meta: &Metadata) -> bool {
    meta.mode() & 0o111 != 0
}

/// Opens a file for appending, makes it if need be, readable by everybody. A terminal does not become this process's.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .custom_flags(libc::O_NOCTTY)
        .open(path)
}

/// Makes a file that was not there, to be read by everybody.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
}

/// Opens a file that is to be sent. What has taken its place since it was looked at, a link (with `not_a_link`) or a pipe that
/// nobody writes to, leads nowhere and stops nobody.
pub fn open_to_send(path: &Path, not_a_link: bool) -> io::Result<File> {
    let no_link = if not_a_link { libc::O_NOFOLLOW } else { 0 };
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | no_link)
        .open(path)
}

/// Opens a file for reading if that needs no disk: `WouldBlock` where it does (open it again, where blocking is allowed), any
/// other error is the true one. `Unsupported` where the kernel cannot tell. The file is closed on exec and opening it never
/// waits for a peer (a FIFO).
#[cfg(target_os = "linux")]
pub fn open_cached(path: &CStr) -> io::Result<File> {
    // SAFETY: zeroes are a valid request.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
    how.resolve = libc::RESOLVE_CACHED;
    let (at, how, size) = (libc::AT_FDCWD, &raw const how, size_of::<libc::open_how>());
    // SAFETY: a C string and a request of the size said.
    let raw = unsafe { libc::syscall(libc::SYS_openat2, at, path.as_ptr(), how, size) };
    let raw = libc::c_int::try_from(raw).unwrap_or(-1);
    match check(raw) {
        // SAFETY: the kernel just made it.
        Ok(raw) => Ok(unsafe { super::fd::own(raw) }.into()),
        // An older kernel knows neither the call (ENOSYS, EPERM in a sandbox) nor the flag (EINVAL).
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EINVAL) => super::unsupported(),
            _ => Err(error),
        },
    }
}

/// As on Linux; this system cannot tell.
#[cfg(not(target_os = "linux"))]
pub fn open_cached(_path: &CStr) -> io::Result<File> {
    super::unsupported()
}

/// Reads at `offset` what is in memory: `WouldBlock` where a disk would be asked, `Unsupported` where the kernel or the file
/// system cannot tell.
#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
pub fn read_cached(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let raw = std::os::fd::AsRawFd::as_raw_fd(file);
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let slice = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: one slice, as long as said.
    let read = super::restart(|| {
        super::check_size(unsafe { libc::preadv2(raw, &slice, 1, offset, libc::RWF_NOWAIT) })
    });
    match read {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
            super::unsupported()
        }
        other => other,
    }
}

/// As on Linux; this system cannot tell.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub fn read_cached(_file: &File, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
    super::unsupported()
}

/// Sets the bits that new files do not get, and gives those before. The mask belongs to the whole process.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: takes a number only. The types differ between systems.
    let before = unsafe { libc::umask(mask as libc::mode_t) };
    #[allow(clippy::useless_conversion)] // mode_t has 16 bits on some systems
    u32::from(before)
}

/// Makes `path` the root of this process and its working folder (ChrootDir).
pub fn change_root(path: &Path) -> io::Result<()> {
    let path = c_string(path.as_os_str().as_bytes())?;
    // SAFETY: a C string.
    check(unsafe { libc::chroot(path.as_ptr()) })?;
    std::env::set_current_dir("/")
}

/// Puts a file in the place of another; who looks there finds one or the other whole.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_cached_opens_and_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"hello").unwrap();
        let name = c_string(path.as_os_str().as_bytes()).unwrap();
        match open_cached(&name) {
            Ok(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert_eq!(text, "hello");
            }
            Err(error) => {
                assert!(
                    matches!(
                        error.kind(),
                        io::ErrorKind::Unsupported | io::ErrorKind::WouldBlock
                    ),
                    "{error}"
                )
            }
        }
        let mut buf = [0; 8];
        match read_cached(&File::open(&path).unwrap(), &mut buf, 1) {
            Ok(n) => assert_eq!(&buf[..n], b"ello"),
            Err(error) => {
                assert!(
                    matches!(
                        error.kind(),
                        io::ErrorKind::Unsupported | io::ErrorKind::WouldBlock
                    ),
                    "{error}"
                )
            }
        }
        let missing = c_string(folder.path().join("b").as_os_str().as_bytes()).unwrap();
        let error = open_cached(&missing).unwrap_err().kind();
        assert!(matches!(
            error,
            io::ErrorKind::NotFound | io::ErrorKind::Unsupported | io::ErrorKind::WouldBlock
        ));
    }
}
