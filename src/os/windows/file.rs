//! What std's file functions leave out: a file's properties as the rest of the server knows them, and reading at a place.

use std::ffi::CStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::path::Path;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Console::{
    GetStdHandle, SetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};

use super::check;
use crate::os::properties::Properties;

/// An open file or pipe, closed when it is dropped.
pub type OwnedFile = OwnedHandle;
/// One that somebody else closes.
pub type BorrowedFile<'a> = BorrowedHandle<'a>;

/// What has an open file.
pub trait AsFile {
    /// Lends it.
    fn as_file(&self) -> BorrowedFile<'_>;
}

impl<T: AsHandle> AsFile for T {
    fn as_file(&self) -> BorrowedFile<'_> {
        self.as_handle()
    }
}

/// A way for bytes: (reading end, writing end). A call waits until it can do something.
pub fn pipe() -> io::Result<(OwnedFile, OwnedFile)> {
    use std::os::windows::io::FromRawHandle;
    use windows_sys::Win32::System::Pipes::CreatePipe;
    let (mut read, mut write) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: room for two handles, of which we are the owner afterwards.
    unsafe {
        check(CreatePipe(&mut read, &mut write, std::ptr::null(), 1 << 20))?;
        Ok((
            OwnedHandle::from_raw_handle(read),
            OwnedHandle::from_raw_handle(write),
        ))
    }
}

/// Lets one of the standard three (0, 1, 2) be this file from now on, and closes the file that it was.
pub fn duplicate_to_standard(file: impl AsFile, at: i32) -> io::Result<()> {
    use std::os::windows::io::{FromRawHandle, IntoRawHandle};
    let three = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
    let place = usize::try_from(at).unwrap_or(three.len());
    let which = *three.get(place).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: plain numbers; the answers are no handles where nobody gave us any.
    let before = three.map(|which| unsafe { GetStdHandle(which) });
    let handle = file.as_file().try_clone_to_owned()?.into_raw_handle();
    // SAFETY: the handle is open until another one takes its place.
    check(unsafe { SetStdHandle(which, handle) })?;
    let old = before[place];
    let held = before.iter().filter(|other| **other == old).count() > 1;
    if !held && !old.is_null() && old != INVALID_HANDLE_VALUE {
        // SAFETY: it is open, and nobody finds it any more.
        drop(unsafe { OwnedHandle::from_raw_handle(old) });
    }
    Ok(())
}

/// The file that takes everything and holds nothing.
pub fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("NUL")
}

/// Reads at `offset`, without regard to where the file stands.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    const ERROR_HANDLE_EOF: i32 = windows_sys::Win32::Foundation::ERROR_HANDLE_EOF as i32;
    match file.seek_read(buf, offset) {
        Err(error) if error.raw_os_error() == Some(ERROR_HANDLE_EOF) => Ok(0),
        done => done,
    }
}

/// Fills the buffer from `offset` on.
pub fn read_exact_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match read_at(file, buf, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                buf = buf.get_mut(n..).unwrap_or_default();
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// Writes all bytes from `offset` on.
pub fn write_all_at(file: &File, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        let n = file.seek_write(buf, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        buf = buf.get(n..).unwrap_or_default();
        offset += n as u64;
    }
    Ok(())
}

/// The properties of a file.
pub fn properties(meta: &Metadata) -> Properties {
    let write = if meta.permissions().readonly() {
        0
    } else {
        0o200
    };
    Properties {
        mode: 0o555 | write,
        ..Properties::default()
    }
}

/// Whether both are the same file. Without open files this cannot be told, and a log that is open keeps its name.
pub fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}

/// Whether an error says that there is no file of that name, or that no file can have it.
pub fn is_missing(error: &io::Error) -> bool {
    use windows_sys::Win32::Foundation::{
        ERROR_BAD_NETPATH, ERROR_BAD_NET_NAME, ERROR_BAD_PATHNAME, ERROR_DIRECTORY,
        ERROR_INVALID_NAME,
    };
    let missing = [
        ERROR_BAD_NETPATH,
        ERROR_BAD_NET_NAME,
        ERROR_BAD_PATHNAME,
        ERROR_DIRECTORY,
        ERROR_INVALID_NAME,
    ];
    let number = error.raw_os_error().unwrap_or_default() as u32;
    error.kind() == io::ErrorKind::NotFound || missing.contains(&number)
}

/// Whether the system would execute it: any file, as its name says how.
pub fn is_executable(meta: &Metadata) -> bool {
    meta.is_file()
}

/// Opens a file for appending, makes it if need be.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Makes a file that was not there, to be read by everybody.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file that is to be sent. With `not_a_link` one that is a link is refused.
pub fn open_to_send(path: &Path, not_a_link: bool) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OPEN_REPARSE_POINT;
    let mut options = OpenOptions::new();
    options.read(true);
    if not_a_link {
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    }
    let file = options.open(path)?;
    if not_a_link && file.metadata()?.file_type().is_symlink() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(file)
}

/// The kernel cannot tell whether a disk would be asked.
pub fn open_cached(_path: &CStr) -> io::Result<File> {
    super::unsupported()
}

/// The kernel cannot tell whether a disk would be asked.
pub fn read_cached(_file: &File, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
    super::unsupported()
}

/// Puts a file in the place of another; who looks there finds one or the other whole. Windows refuses that while somebody has the
/// other open, which a reader of a few bytes soon has no more.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..100 {
        match std::fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            done => return done,
        }
    }
    std::fs::rename(from, to)
}
