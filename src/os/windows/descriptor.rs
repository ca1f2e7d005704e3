//! What the log needs of its files.

use std::io;
use std::time::Duration;

use super::file::AsFile;

/// A handle cannot take another file: a log that is to be opened anew waits for the next generation.
pub fn replace(_place: impl AsFile, _with: impl AsFile) -> io::Result<()> {
    super::unsupported()
}

/// A write to a pipe waits for the reader here, as in Apache.
pub fn never_wait(_pipe: impl AsFile) -> io::Result<()> {
    Ok(())
}

/// It has been waited for already.
pub fn becomes_writable(_pipe: &impl AsFile, _limit: Duration) -> bool {
    true
}

/// Pipes have the size that they were made with.
pub fn grow_pipe(_pipe: impl AsFile, _bytes: u32) {}

/// Whether the pipe with this reading end is done with: it is empty, and nobody has its writing end any more.
pub fn is_finished(reading_end: impl AsFile) -> bool {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::System::Pipes::PeekNamedPipe;
    let none = std::ptr::null_mut();
    let raw = reading_end.as_file().as_raw_handle();
    // SAFETY: a borrowed handle; nothing is asked for but whether it can be asked.
    unsafe { PeekNamedPipe(raw, none, 0, none.cast(), none.cast(), none.cast()) == 0 }
}
