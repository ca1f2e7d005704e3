//! Shared memory: mappings that several processes see, read and written only through atomics, so that a safe caller cannot
//! race. The scoreboard stands in one. How this system maps pages stands in its `pages`.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU8};

use super::file::AsFile;
use super::pages;
pub use super::pages::{keep_freed_memory, memory_file, page_size};

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
        let start = pages::map_anonymous(len)?;
        Ok(Map { start, len })
    }

    /// A part of a file, shared with all who map it. `offset` is a multiple of the page size; the file must be as long as
    /// `offset + len` for as long as the map is used (a page beyond its end is a bus error).
    pub fn of_file(file: impl AsFile, offset: u64, len: usize, access: Access) -> io::Result<Map> {
        let start = pages::map_file(file, offset, len, access)?;
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
    /// process may only read ends it.
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
        // SAFETY: inside the map; the worst a later access meets is the end of this process, not other memory.
        unsafe { pages::protect(self.start.add(range.start), range.len(), access) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the map is ours, and no borrow of it is left.
        unsafe { pages::unmap(self.start, self.len) };
    }
}

#[cfg(all(test, unix))]
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
}
