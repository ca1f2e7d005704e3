//! Shared memory: mappings that several processes see, read and written only through atomics, so that a safe caller cannot
//! race. The scoreboard stands in one.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU8};

use super::{check, fd};

mod sealed {
    /// Types that may lie in memory others write to.
    ///
    /// # Safety
    /// Any bits are a value, and every access is atomic.
    pub unsafe trait Atom {}
}

/// A number that may be shared between processes.
pub trait Atom: sealed::Atom {}

macro_rules! atoms {
    ($($type:ty)*) => { $(
        // SAFETY: an atomic integer.
        unsafe impl sealed::Atom for $type {}
        impl Atom for $type {}
    )* };
}
atoms!(AtomicU8 AtomicU16 AtomicU32);
#[cfg(target_has_atomic = "64")]
atoms!(std::sync::atomic::AtomicU64);

/// What a process may do with pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
}

impl Access {
    fn bits(self) -> libc::c_int {
        match self {
            Access::None => libc::PROT_NONE,
            Access::Read => libc::PROT_READ,
            Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Shared pages. They go with the last process that has them; a fork inherits them.
#[derive(Debug)]
pub struct Map {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory is reached only through atomics, and unmapped only by the owner.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Zeroed pages without a file, shared with the children forked from here.
    pub fn anonymous(len: usize) -> io::Result<Map> {
        Map::new(
            len,
            Access::ReadWrite,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    }

    /// A part of a file, shared with all who map it. `offset` is a multiple of the page size; the file must be as long as
    /// `offset + len` for as long as the map is used (a page beyond its end is a bus error).
    pub fn of_file(file: impl AsFd, offset: u64, len: usize, access: Access) -> io::Result<Map> {
        Map::new(
            len,
            access,
            libc::MAP_SHARED,
            file.as_fd().as_raw_fd(),
            offset,
        )
    }

    fn new(
        len: usize,
        access: Access,
        flags: libc::c_int,
        raw: libc::c_int,
        offset: u64,
    ) -> io::Result<Map> {
        let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: a fresh mapping at a place of the kernel's choice disturbs nothing.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, access.bits(), flags, raw, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Map { start, len })
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `count` numbers from byte `offset` on; `None` if they do not lie inside or not on their own alignment. Storing where the
    /// process may only read ends it by a signal.
    pub fn atoms<T: Atom>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let end = count.checked_mul(size_of::<T>())?.checked_add(offset)?;
        if end > self.len || offset % align_of::<T>() != 0 {
            return None;
        }
        // SAFETY: inside the map, which starts on a page and lives as long as the borrow; an Atom is sound over any bits and
        // whatever others write.
        Some(unsafe {
            std::slice::from_raw_parts(self.start.as_ptr().add(offset).cast::<T>(), count)
        })
    }

    /// One number; see [`Map::atoms`].
    pub fn atom<T: Atom>(&self, offset: usize) -> Option<&T> {
        self.atoms(offset, 1)?.first()
    }

    /// Changes what this process may do with the pages that hold these bytes (`range` on page borders).
    pub fn protect(&self, range: Range<usize>, access: Access) -> io::Result<()> {
        let page = page_size();
        if range.end > self.len || range.start > range.end || range.start % page != 0 {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: inside the map; the worst a later access meets is a signal, not other memory.
        let start = unsafe { self.start.as_ptr().add(range.start) };
        // SAFETY: as above.
        check(unsafe { libc::mprotect(start.cast(), range.len(), access.bits()) }).map(drop)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the map is ours, and no borrow of it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
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
    use crate::os::process::{exit_now, fork, wait, Exit, Fork};
    use std::sync::atomic::Ordering::SeqCst;

    #[test]
    fn children_see_the_same_pages() {
        crate::os::alone(|| {
            let map = Map::anonymous(page_size()).unwrap();
            let number = map.atom::<AtomicU32>(8).unwrap();
            let Fork::Parent(pid) = fork().unwrap() else {
                number.store(42, SeqCst);
                exit_now(0)
            };
            wait(pid).unwrap();
            assert_eq!(number.load(SeqCst), 42);
        });
    }

    #[test]
    fn only_what_lies_inside() {
        let map = Map::anonymous(64).unwrap();
        assert_eq!(map.atoms::<AtomicU32>(0, 16).map(<[_]>::len), Some(16));
        assert!(map.atoms::<AtomicU32>(0, 17).is_none() && map.atom::<AtomicU32>(2).is_none());
        assert!(
            map.atoms::<AtomicU8>(usize::MAX, 2).is_none()
                && map.atoms::<AtomicU16>(1, usize::MAX).is_none()
        );
        assert!(map.atoms::<AtomicU8>(64, 0).is_some_and(<[_]>::is_empty));
    }

    #[test]
    fn a_sealed_page_stops_who_writes() {
        crate::os::alone(|| {
            let map = Map::anonymous(page_size()).unwrap();
            let Fork::Parent(pid) = fork().unwrap() else {
                crate::os::signal::default(libc::SIGSEGV).unwrap();
                let _ = crate::os::limits::set(crate::os::limits::Resource::Core, 0, 0);
                map.protect(0..page_size(), Access::Read).unwrap();
                map.atom::<AtomicU8>(0).unwrap().store(1, SeqCst);
                exit_now(0)
            };
            let exit = wait(pid).unwrap().unwrap().exit;
            assert!(
                matches!(
                    exit,
                    Exit::Signal {
                        signal: libc::SIGSEGV | libc::SIGBUS,
                        ..
                    }
                ),
                "{exit:?}"
            );
        });
    }

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
