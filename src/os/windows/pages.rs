//! Pages of memory that processes share: views of sections, which are handles like files.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::NonNull;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, MapViewOfFile, UnmapViewOfFile, VirtualProtect, FILE_MAP_READ,
    FILE_MAP_WRITE, MEMORY_MAPPED_VIEW_ADDRESS, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE,
};
use windows_sys::Win32::System::SystemInformation::GetSystemInfo;

use super::check;
use super::file::{AsFile, OwnedFile};
use crate::os::memory::Access;

/// Maps zeroed pages without a file. The view keeps the section.
pub fn map_anonymous(len: usize) -> io::Result<NonNull<u8>> {
    let section = section(len as u64)?;
    map_file(&section, 0, len, Access::ReadWrite)
}

/// Maps part of a section.
pub fn map_file(
    file: impl AsFile,
    offset: u64,
    len: usize,
    access: Access,
) -> io::Result<NonNull<u8>> {
    let raw = file.as_file().as_raw_handle();
    let wanted = match access {
        Access::ReadWrite => FILE_MAP_READ | FILE_MAP_WRITE,
        Access::Read | Access::None => FILE_MAP_READ,
    };
    let (high, low) = ((offset >> 32) as u32, offset as u32);
    // SAFETY: a fresh view at a place of the kernel's choice disturbs nothing.
    let view = unsafe { MapViewOfFile(raw, wanted, high, low, len) };
    NonNull::new(view.Value.cast()).ok_or_else(io::Error::last_os_error)
}

/// Gives a map back.
///
/// # Safety
/// It was made here, and nobody uses it any more.
pub unsafe fn unmap(start: NonNull<u8>, _len: usize) {
    let view = MEMORY_MAPPED_VIEW_ADDRESS {
        Value: start.as_ptr().cast(),
    };
    // SAFETY: as the caller promises.
    unsafe { UnmapViewOfFile(view) };
}

/// Changes what this process may do with pages.
///
/// # Safety
/// They lie inside one map.
pub unsafe fn protect(start: NonNull<u8>, len: usize, access: Access) -> io::Result<()> {
    let bits = match access {
        Access::None => PAGE_NOACCESS,
        Access::Read => PAGE_READONLY,
        Access::ReadWrite => PAGE_READWRITE,
    };
    let mut before = 0;
    // SAFETY: as the caller promises.
    check(unsafe { VirtualProtect(start.as_ptr().cast(), len, bits, &mut before) })
}

/// What a view's offset is a multiple of, which is more than a page.
pub fn page_size() -> usize {
    // SAFETY: numbers, of which zeroes are valid ones, and filled by the call.
    let info = unsafe {
        let mut info = std::mem::zeroed();
        GetSystemInfo(&mut info);
        info
    };
    usize::try_from(info.dwAllocationGranularity)
        .ok()
        .filter(|&size| size > 0)
        .unwrap_or(65536)
}

/// A section of `len` zeroed bytes under no name, by two handles: one to write it and one that is only read.
pub fn memory_file(_name: &str, len: u64) -> io::Result<(OwnedFile, OwnedFile)> {
    let section = section(len)?;
    Ok((section.try_clone()?, section))
}

fn section(len: u64) -> io::Result<OwnedHandle> {
    let (none, no_name) = (std::ptr::null(), std::ptr::null());
    let (high, low) = ((len >> 32) as u32, len as u32);
    // SAFETY: no pointer is given but null ones.
    let raw = unsafe {
        CreateFileMappingW(
            INVALID_HANDLE_VALUE,
            none,
            PAGE_READWRITE,
            high,
            low,
            no_name,
        )
    };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made it.
    Ok(unsafe { OwnedHandle::from_raw_handle(raw) })
}

/// The system's allocator needs no such word.
pub fn keep_freed_memory() {}
