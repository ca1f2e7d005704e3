//! Signals: a handler does nothing but set a flag. The stop signals stay blocked in a serving process and are let in only
//! while it waits (`ppoll`, `epoll_pwait` with a mask), so that none is lost between looking at the flag and waiting.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::check;

/// One more than the greatest signal number of any system here.
const LIMIT: usize = 129;

/// One flag a signal, set by the handler.
static RAISED: [AtomicBool; LIMIT] = [const { AtomicBool::new(false) }; LIMIT];
/// How many came, wrapping, so that every loop of the process can tell by one look that something did.
static ARRIVALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn note(signal: libc::c_int) {
    if let Some(flag) = usize::try_from(signal).ok().and_then(|n| RAISED.get(n)) {
        flag.store(true, Ordering::SeqCst);
        ARRIVALS.fetch_add(1, Ordering::SeqCst);
    }
}

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SignalSet(libc::sigset_t);

impl SignalSet {
    /// No signal.
    pub fn empty() -> SignalSet {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset makes the whole set.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            SignalSet(set.assume_init())
        }
    }

    /// Every signal.
    pub fn full() -> SignalSet {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigfillset makes the whole set.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            SignalSet(set.assume_init())
        }
    }

    /// The set of these signals.
    pub fn of(signals: &[i32]) -> SignalSet {
        signals
            .iter()
            .fold(SignalSet::empty(), |set, &signal| set.with(signal))
    }

    /// This one besides.
    #[must_use]
    pub fn with(mut self, signal: i32) -> SignalSet {
        // SAFETY: the set is ours; a wrong number changes nothing.
        unsafe { libc::sigaddset(&mut self.0, signal) };
        self
    }

    /// All but this one.
    #[must_use]
    pub fn without(mut self, signal: i32) -> SignalSet {
        // SAFETY: the set is ours; a wrong number changes nothing.
        unsafe { libc::sigdelset(&mut self.0, signal) };
        self
    }

    /// Whether this one is in it.
    pub fn contains(&self, signal: i32) -> bool {
        // SAFETY: the set is ours.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }

    pub(super) fn as_ptr(&self) -> *const libc::sigset_t {
        &self.0
    }
}

impl std::fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries((1..32).filter(|&signal| self.contains(signal)))
            .finish()
    }
}

fn act(signal: i32, handler: libc::sighandler_t, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: a zeroed sigaction is a valid one, filled in here; the handlers are those above, which do only what a
    // handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigemptyset(&mut action.sa_mask);
        check(libc::sigaction(signal, &action, std::ptr::null_mut())).map(drop)
    }
}

/// From now on this signal sets its flag ([`raised`], [`take`]) and interrupts the call it finds the process in.
pub fn catch(signal: i32) -> io::Result<()> {
    if usize::try_from(signal).map_or(true, |n| n >= LIMIT) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    act(signal, note as *const () as libc::sighandler_t, 0)
}

/// As [`catch`], but calls that the system can restart go on: for signals that only ask for something at leisure (CHLD).
pub fn catch_restarting(signal: i32) -> io::Result<()> {
    catch(signal)?;
    act(
        signal,
        note as *const () as libc::sighandler_t,
        libc::SA_RESTART,
    )
}

/// The signal does nothing from now on, here and in programs started from here.
pub fn ignore(signal: i32) -> io::Result<()> {
    act(signal, libc::SIG_IGN, 0)
}

/// The signal does what the system does by default.
pub fn default(signal: i32) -> io::Result<()> {
    act(signal, libc::SIG_DFL, 0)
}

/// Whether the signal came since its flag was last taken.
pub fn raised(signal: i32) -> bool {
    flag(signal).is_some_and(|flag| flag.load(Ordering::SeqCst))
}

/// Whether the signal came; clears its flag.
pub fn take(signal: i32) -> bool {
    flag(signal).is_some_and(|flag| flag.swap(false, Ordering::SeqCst))
}

/// How many caught signals came so far, wrapping: where it changed, look at the single flags.
pub fn arrivals() -> u32 {
    ARRIVALS.load(Ordering::SeqCst)
}

fn flag(signal: i32) -> Option<&'static AtomicBool> {
    RAISED.get(usize::try_from(signal).ok()?)
}

/// Blocks these signals in the calling thread, besides those blocked already. Gives the mask before.
pub fn block(set: &SignalSet) -> io::Result<SignalSet> {
    change_mask(libc::SIG_BLOCK, set)
}

/// Lets these signals in. Gives the mask before.
pub fn unblock(set: &SignalSet) -> io::Result<SignalSet> {
    change_mask(libc::SIG_UNBLOCK, set)
}

/// Blocks exactly these signals. Gives the mask before.
pub fn set_mask(set: &SignalSet) -> io::Result<SignalSet> {
    change_mask(libc::SIG_SETMASK, set)
}

/// The signals that the calling thread blocks.
pub fn mask() -> io::Result<SignalSet> {
    block(&SignalSet::empty())
}

fn change_mask(how: libc::c_int, set: &SignalSet) -> io::Result<SignalSet> {
    let mut old = SignalSet::empty();
    // SAFETY: both sets are ours.
    match unsafe { libc::pthread_sigmask(how, &set.0, &mut old.0) } {
        0 => Ok(old),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Lets blocked signals in for a moment, with the mask a wait would use: a process that never has to wait, for it finds
/// work each time it looks, would not see them (`epoll_pwait` delivers none when it has events to report).
pub fn deliver_pending(wait_mask: &SignalSet) -> io::Result<()> {
    let old = set_mask(wait_mask)?;
    set_mask(&old).map(drop)
}

/// The words for a signal in log lines, as the C library has them ("Segmentation fault").
pub fn describe(signal: i32) -> String {
    // SAFETY: gives a string that lives until the next call in this thread; it is copied at once.
    let text = unsafe {
        let text = libc::strsignal(signal);
        if text.is_null() {
            return format!("Signal {signal}");
        }
        CStr::from_ptr(text)
    };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::{kill, pid};

    // Signals belong to the process, tests to its threads: each test has a signal of its own, sent by `raise`, which
    // reaches the calling thread.
    fn raise(signal: i32) {
        // SAFETY: takes a number only.
        unsafe { libc::raise(signal) };
    }

    #[test]
    fn sets() {
        let set = SignalSet::of(&[libc::SIGTERM, libc::SIGHUP]);
        assert!(set.contains(libc::SIGTERM) && !set.contains(libc::SIGINT));
        assert!(!set.without(libc::SIGTERM).contains(libc::SIGTERM));
        assert!(
            SignalSet::full().contains(libc::SIGUSR1)
                && !SignalSet::empty().contains(libc::SIGUSR1)
        );
        assert_eq!(format!("{set:?}"), "{1, 15}");
    }

    #[test]
    fn a_flag_is_set_and_taken() {
        crate::os::alone(|| {
            catch(libc::SIGWINCH).unwrap();
            assert!(!raised(libc::SIGWINCH));
            raise(libc::SIGWINCH);
            assert!(raised(libc::SIGWINCH) && take(libc::SIGWINCH) && !take(libc::SIGWINCH));
            assert!(!raised(-1) && !take(4000));
        });
    }

    #[test]
    fn a_blocked_signal_waits() {
        crate::os::alone(|| {
            let signal = libc::SIGUSR2;
            catch_restarting(signal).unwrap();
            let before = block(&SignalSet::of(&[signal])).unwrap();
            raise(signal);
            assert!(!raised(signal) && mask().unwrap().contains(signal));
            deliver_pending(&before).unwrap();
            assert!(take(signal) && mask().unwrap().contains(signal));
            set_mask(&before).unwrap();
            assert!(!mask().unwrap().contains(signal));
        });
    }

    #[test]
    fn ignored_and_named() {
        crate::os::alone(|| {
            ignore(libc::SIGURG).unwrap();
            kill(pid(), libc::SIGURG).unwrap();
            default(libc::SIGURG).unwrap();
            assert_eq!(describe(libc::SIGSEGV), "Segmentation fault");
        });
    }
}
