//! Fatal signals: before the process ends as it would have, its handler writes down what the fallen thread was at work on, and
//! goes to the folder where the core is to be dumped.
//!
//! The handler does what a handler may: stores, `getpid`, `chdir`, `write` and `raise`. It runs on the alternative stack that std gives
//! to the main thread and to each one that it starts, so a thread that ran over its stack gets here, too.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::signal::SignalSet;
use crate::os::driven;
use crate::os::memory::Map;
use crate::sync::Shared;

/// Signals by which a program that broke down ends.
pub const CRASHES: [i32; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// Where a crash goes to dump core: a C string that is never freed.
static FOLDER: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());
/// Where it writes its report, and how many words there are: memory that is never unmapped.
static RECORD: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
/// See `RECORD`.
static WORDS: AtomicUsize = AtomicUsize::new(0);
/// There is no parent that would read a report: it is told on standard error.
static TELLS: AtomicBool = AtomicBool::new(false);

extern "C" fn crash(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let sent = sent_by_another(info);
    let record = RECORD.load(Ordering::SeqCst);
    if !record.is_null() {
        // SAFETY: `record_in` put a place here that is as long as said and lives for ever.
        let place = unsafe { std::slice::from_raw_parts(record, WORDS.load(Ordering::SeqCst)) };
        driven::report(place, signal, sent);
    }
    if TELLS.load(Ordering::SeqCst) && !sent {
        driven::tell(signal, &mut |bytes| {
            // SAFETY: the bytes are as long as said; write may be called in a handler.
            unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
        });
    }
    let folder = FOLDER.load(Ordering::SeqCst);
    if !folder.is_null() {
        // SAFETY: points at a C string that lives for ever; chdir may be called in a handler.
        unsafe { libc::chdir(folder) };
    }
    // SAFETY: raise may be called in a handler. The action was reset by SA_RESETHAND, so this ends the process by its
    // own signal as soon as the handler returns.
    unsafe { libc::raise(signal) };
}

/// Whether the signal is no fault of this process: somebody sent it (`kill -SEGV`).
fn sent_by_another(info: *const libc::siginfo_t) -> bool {
    if info.is_null() {
        return false;
    }
    // SAFETY: the kernel hands the handler a filled record.
    let code = unsafe { (*info).si_code };
    // No cause within the process: 0 and less on most systems, large numbers on FreeBSD and macOS.
    let was_sent = code <= 0 || code > 0xffff;
    // SAFETY: as above; where the code says that the signal was sent, the record has the sender.
    was_sent && unsafe { (*info).si_pid() != libc::getpid() }
}

/// From now on a crash goes to `folder` first (CoreDumpDirectory), then ends the process as it would have.
pub fn dump_core_in(folder: &Path) -> io::Result<()> {
    let folder: CString = super::c_string(folder.as_os_str().as_bytes())?;
    // Kept for ever: a handler may be reading the one before.
    FOLDER.store(folder.into_raw(), Ordering::SeqCst);
    CRASHES.iter().try_for_each(|signal| handle(*signal))
}

fn handle(signal: i32) -> io::Result<()> {
    // SAFETY: a zeroed sigaction is a valid one, filled in here; the handler does only what a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = crash as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
        libc::sigemptyset(&mut action.sa_mask);
        super::check(libc::sigaction(signal, &action, std::ptr::null_mut())).map(drop)
    }
}

/// A crash reports in `words` numbers of the map, from byte `offset` on. The map stays for as long as the process does.
pub fn record_in(map: &Shared<Map>, offset: usize, words: usize) {
    let Some(place) = map.atoms::<AtomicU64>(offset, words) else {
        return;
    };
    WORDS.store(0, Ordering::SeqCst);
    RECORD.store(place.as_ptr().cast_mut(), Ordering::SeqCst);
    WORDS.store(place.len(), Ordering::SeqCst);
    std::mem::forget(map.clone());
}

/// A crash is told on standard error, in a line: for a process that has no parent to read a report.
pub fn tell_on_stderr() {
    TELLS.store(true, Ordering::SeqCst);
}

/// All signals but those of crashes, for threads that hear none: where a fault is blocked the kernel ends the process without
/// a word.
pub fn all_others() -> SignalSet {
    let all = SignalSet::full();
    CRASHES.iter().fold(all, |set, signal| set.without(*signal))
}
