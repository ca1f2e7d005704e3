//! Processes: made, awaited, signalled, sealed. The MPM's parent lives on these; a connection never does.

use std::io;

use super::{check, restart};

/// A process id.
pub type Pid = libc::pid_t;

/// Which side of a [`fork`] this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The process that called; the other one is its child.
    Parent(Pid),
    /// The new process.
    Child,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself, with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

/// A process that ended and was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exited {
    /// Which one.
    pub pid: Pid,
    /// How.
    pub exit: Exit,
}

/// Makes a second process. The caller has one thread (a process that forks has neither threads nor an executor), so
/// the child may do whatever it likes.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: fork itself touches no memory of ours; with one thread no lock is held by another one.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Ends this process at once: no destructors, no buffers flushed, which is right for a child of [`fork`].
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit never returns and looks at nothing of ours.
    unsafe { libc::_exit(code) }
}

/// Reaps one child that ended, without waiting. `None`: none has ended, or there is no child.
pub fn reap() -> io::Result<Option<Exited>> {
    wait_for(-1, libc::WNOHANG)
}

/// Reaps this child if it ended, without waiting. `None` also where it is no child of ours (any more).
pub fn reap_pid(pid: Pid) -> io::Result<Option<Exited>> {
    wait_for(pid, libc::WNOHANG)
}

/// Waits until this child ends.
pub fn wait(pid: Pid) -> io::Result<Option<Exited>> {
    wait_for(pid, 0)
}

fn wait_for(pid: Pid, options: libc::c_int) -> io::Result<Option<Exited>> {
    let mut status = 0;
    // SAFETY: status outlives the call.
    let found = restart(|| check(unsafe { libc::waitpid(pid, &mut status, options) }));
    match found {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some(Exited {
            pid,
            exit: exit_of(status),
        })),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        Err(error) => Err(error),
    }
}

fn exit_of(status: libc::c_int) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit::Signal {
            signal: libc::WTERMSIG(status),
            core: libc::WCOREDUMP(status),
        }
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    }
}

/// Sends a signal to one process; signal 0 only asks whether it is there.
pub fn kill(pid: Pid, signal: i32) -> io::Result<()> {
    // A pid that is not positive would name a group, or everyone.
    if pid <= 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: takes numbers only.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Sends a signal to every process of a group.
pub fn kill_group(group: Pid, signal: i32) -> io::Result<()> {
    if group <= 1 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: takes numbers only.
    check(unsafe { libc::kill(-group, signal) }).map(drop)
}

/// Whether a process of this id exists, ours or not.
pub fn exists(pid: Pid) -> bool {
    match kill(pid, 0) {
        Ok(()) => true,
        Err(error) => error.raw_os_error() == Some(libc::EPERM),
    }
}

/// This process.
pub fn pid() -> Pid {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getpid() }
}

/// The process that started this one, or 1 after that ended.
pub fn parent_pid() -> Pid {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getppid() }
}

/// The process group of a process (0: of this one).
pub fn group_of(pid: Pid) -> io::Result<Pid> {
    // SAFETY: takes a number only.
    check(unsafe { libc::getpgid(pid) })
}

/// Makes this process the leader of a new group.
pub fn new_group() -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::setpgid(0, 0) }).map(drop)
}

/// Has a program lead a group of its own, so that signals to ours do not end it.
pub fn own_group(command: &mut std::process::Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Whether a child has ended of whose end nobody will be told; here the parent hears of each.
pub fn has_ended_untold(_pid: Pid) -> bool {
    false
}

/// Starts a session: this process has no terminal and leads a group of its own.
pub fn new_session() -> io::Result<Pid> {
    // SAFETY: takes nothing.
    check(unsafe { libc::setsid() })
}

/// Lowers (or raises) this process's claim on the processor by `by`.
pub fn nice(by: i32) {
    // SAFETY: takes a number only. Its result is ambiguous and of no use.
    let _ = unsafe { libc::nice(by) };
}

/// Asks for a signal when the parent of this process ends, until this process changes its user. Elsewhere than on Linux nothing
/// happens: a socket that the parent had tells there, when somebody looks.
pub fn signal_at_parents_death(signal: i32) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return control(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = signal;
        Ok(())
    }
}

/// Lets this process dump core, or forbids it. A change of user forbids it on Linux (CoreDumpDirectory asks for this).
pub fn allow_core_dumps(allow: bool) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return control(libc::PR_SET_DUMPABLE, allow.into());
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = allow;
        Ok(())
    }
}

/// No program that this process or its children start can gain rights by its file's mode. Cannot be undone.
pub fn no_new_privileges() -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return control(libc::PR_SET_NO_NEW_PRIVS, 1);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    Ok(())
}

/// The kernel's number of this thread, as `top` shows it; where the kernel tells none, that of the process.
pub fn thread_id() -> u32 {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointer and cannot fail.
    let id = unsafe { libc::gettid() } as u32;
    #[cfg(not(target_os = "linux"))]
    let id = std::process::id();
    id
}

/// Names the calling thread for `ps` and debuggers (15 bytes on Linux, the rest is cut). Elsewhere nothing happens.
pub fn set_thread_name(name: &str) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut bytes = [0u8; 16];
        for (to, from) in bytes.iter_mut().zip(name.bytes().take(15)) {
            *to = from;
        }
        // SAFETY: 16 bytes that end in NUL, as the kernel wants them.
        unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr(), 0, 0, 0) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = name;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn control(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options used here take one number.
    check(unsafe { libc::prctl(option, value, zero, zero, zero) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child that only exits or kills itself is safe to fork from a test's thread.
    fn child(body: impl FnOnce()) -> Pid {
        match fork().unwrap() {
            Fork::Parent(pid) => pid,
            Fork::Child => {
                body();
                exit_now(0)
            }
        }
    }

    #[test]
    fn exit_code_arrives() {
        crate::os::alone(|| {
            let pid = child(|| exit_now(7));
            assert!(exists(pid));
            assert_eq!(
                wait(pid).unwrap(),
                Some(Exited {
                    pid,
                    exit: Exit::Code(7)
                })
            );
            assert_eq!(reap_pid(pid).unwrap(), None);
        });
    }

    #[test]
    fn signal_arrives() {
        crate::os::alone(|| {
            let pid = child(|| loop {
                std::thread::park();
            });
            kill(pid, libc::SIGKILL).unwrap();
            let exit = Exit::Signal {
                signal: libc::SIGKILL,
                core: false,
            };
            assert_eq!(wait(pid).unwrap(), Some(Exited { pid, exit }));
        });
    }

    #[test]
    fn no_signal_to_everyone() {
        for pid in [0, -1] {
            assert_eq!(
                kill(pid, 0).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
            assert_eq!(
                kill_group(pid, 0).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        }
        assert_eq!(
            kill_group(1, 0).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
