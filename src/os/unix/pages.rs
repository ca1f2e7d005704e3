//! Pages of memory that processes share.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use super::file::AsFile;
use super::{check, fd};
use crate::os::memory::Access;

fn bits(access: Access) -> libc::c_int {
    match access {
        Access::None => libc::PROT_NONE,
        Access::Read => libc::PROT_READ,
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
    }
}

/// Maps zeroed pages without a file.
pub fn map_anonymous(len: usize) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    map(len, Access::ReadWrite, flags, -1, 0)
}

/// Maps part of a file.
pub fn map_file(
    file: impl AsFile,
    offset: u64,
    len: usize,
    access: Access,
) -> io::Result<NonNull<u8>> {
    let raw = file.as_file().as_raw_fd();
    map(len, access, libc::MAP_SHARED, raw, offset)
}

fn map(
    len: usize,
    access: Access,
    flags: libc::c_int,
    raw: libc::c_int,
    offset: u64,
) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: a fresh mapping at a place of the kernel's choice disturbs nothing.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, bits(access), flags, raw, offset) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory.into())
}

/// Gives a map back.
///
/// # Safety
/// It was made here with that length, and nobody uses it any more.
pub unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { libc::munmap(start.as_ptr().cast(), len) };
}

/// Changes what this process may do with pages.
///
/// # Safety
/// They lie inside one map.
pub unsafe fn protect(start: NonNull<u8>, len: usize, access: Access) -> io::Result<()> {
    // SAFETY: as the caller promises.
    check(unsafe { libc::mprotect(start.as_ptr().cast(), len, bits(access)) }).map(drop)
}

/// Bytes of one page.
pub fn page_size() -> usize {
    // SAFETY: takes a number only.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .ok()
        .filter(|&size| size > 0)
        .unwrap_or(4096)
}

/// A file in memory of `len` zeroed bytes, under no name: a descriptor to read and write it and one that can only read it.
/// `name` shows in debuggers alone.
pub fn memory_file(name: &str, len: u64) -> io::Result<(OwnedFd, OwnedFd)> {
    let (write, read) = match anonymous_file(name) {
        Ok(both) => both,
        Err(_) => named_file()?,
    };
    let write = File::from(write);
    write.set_len(len)?;
    Ok((write.into(), read))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn anonymous_file(name: &str) -> io::Result<(OwnedFd, OwnedFd)> {
    let name = super::c_string(name.as_bytes())?;
    // SAFETY: a C string and a number.
    let raw = check(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel just made it.
    let write = unsafe { fd::own(raw) };
    // The way to a second, weaker descriptor of a file without a name.
    let read = File::open(format!("/proc/self/fd/{raw}"))?;
    Ok((write, read.into()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn anonymous_file(_name: &str) -> io::Result<(OwnedFd, OwnedFd)> {
    super::unsupported()
}

/// The portable way: a file opened twice, then unlinked.
fn named_file() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut template = std::env::temp_dir().into_os_string().into_encoded_bytes();
    template.extend_from_slice(b"/httpd-XXXXXX\0");
    // SAFETY: a writable C string that ends in six X.
    let raw = check(unsafe { libc::mkstemp(template.as_mut_ptr().cast()) })?;
    // SAFETY: the kernel just made it.
    let write = unsafe { fd::own(raw) };
    template.pop();
    let path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&template);
    let read = File::open(path);
    std::fs::remove_file(path)?;
    fd::set_close_on_exec(&write, true)?;
    Ok((write, read?.into()))
}

/// Tells the C library's allocator to keep up to a few MiB of freed memory for a thread, instead of giving each page back and
/// fetching it anew with the next burst of requests. Where there is another C library, nothing happens.
pub fn keep_freed_memory() {
    // SAFETY: plain numbers; called before there are other threads.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
        // Setting the one switches off that the other adapts itself.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::memory::Map;
    use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

    #[test]
    fn a_memory_file_has_a_read_only_side() {
        for pair in [memory_file("test", 8192), named_file()] {
            let (write, read) = pair.unwrap();
            File::from(write.try_clone().unwrap())
                .set_len(8192)
                .unwrap();
            let ours = Map::of_file(&write, 0, 8192, Access::ReadWrite).unwrap();
            let theirs = Map::of_file(&read, 0, 8192, Access::Read).unwrap();
            ours.atom::<AtomicU16>(4096).unwrap().store(9, SeqCst);
            assert_eq!(theirs.atom::<AtomicU16>(4096).unwrap().load(SeqCst), 9);
            assert!(Map::of_file(&read, 0, 8192, Access::ReadWrite).is_err());
        }
    }
}
