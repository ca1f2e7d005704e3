//! What the end of a child means for its parent.

use super::codes::{FATAL, SICK};
use super::note::Note;
use crate::log::Level;

/// How a process ended, as the kernel told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal { number: i32, core: bool },
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Normal,
    /// Scarcity: grow slowly.
    Sick,
    /// The server cannot go on with this configuration.
    Fatal,
    /// It broke down in the middle of something, or was killed by somebody else.
    Broken,
}

/// Judges the end of a child. A code nobody has agreed upon (a panic's 101, a library's `exit(1)`) counts as broken.
pub fn judge(ended: Ended) -> Verdict {
    match ended {
        Ended::Code(0) => Verdict::Normal,
        Ended::Code(SICK) => Verdict::Sick,
        Ended::Code(FATAL) => Verdict::Fatal,
        Ended::Code(_) => Verdict::Broken,
        Ended::Signal { number, .. } if number == libc::SIGTERM || number == libc::SIGHUP => {
            Verdict::Normal
        }
        Ended::Signal { .. } => Verdict::Broken,
    }
}

/// The line the log gets for a child that a signal ended, if it is worth one: TERM, HUP, USR1 and KILL are not, people send those.
/// A child that left with a code nobody has agreed upon gets one, too.
pub fn epitaph(pid: i32, ended: Ended, core_folder: &str) -> Option<Note> {
    let (number, core) = match ended {
        Ended::Signal { number, core } => (number, core),
        Ended::Code(0 | SICK | FATAL) => return None,
        Ended::Code(code) => {
            let told = format!("child pid {pid} ended with exit code {code}");
            return Some(Note::new(Level::Warn, 20104, told));
        }
    };
    let quiet = [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGKILL];
    if quiet.contains(&number) {
        return None;
    }
    let told = format!(
        "child pid {pid} exit signal {} ({number})",
        signal_words(number)
    );
    Some(if core {
        let told = format!("{told}, possible coredump in {core_folder}");
        Note::new(Level::Notice, 51, told)
    } else {
        Note::new(Level::Notice, 52, told)
    })
}

/// A signal in words, as the C library's strsignal puts it.
pub fn signal_words(number: i32) -> &'static str {
    match number {
        libc::SIGHUP => "Hangup",
        libc::SIGINT => "Interrupt",
        libc::SIGQUIT => "Quit",
        libc::SIGILL => "Illegal instruction",
        libc::SIGTRAP => "Trace/breakpoint trap",
        libc::SIGABRT => "Aborted",
        libc::SIGBUS => "Bus error",
        libc::SIGFPE => "Floating point exception",
        libc::SIGKILL => "Killed",
        libc::SIGUSR1 => "User defined signal 1",
        libc::SIGSEGV => "Segmentation fault",
        libc::SIGUSR2 => "User defined signal 2",
        libc::SIGPIPE => "Broken pipe",
        libc::SIGALRM => "Alarm clock",
        libc::SIGTERM => "Terminated",
        libc::SIGXCPU => "CPU time limit exceeded",
        libc::SIGXFSZ => "File size limit exceeded",
        libc::SIGSYS => "Bad system call",
        _ => "Unknown signal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals() {
        let signal = |number| Ended::Signal {
            number,
            core: false,
        };
        assert_eq!(judge(Ended::Code(0)), Verdict::Normal);
        assert_eq!(judge(Ended::Code(7)), Verdict::Sick);
        assert_eq!(judge(Ended::Code(15)), Verdict::Fatal);
        assert_eq!(judge(Ended::Code(101)), Verdict::Broken);
        assert_eq!(judge(signal(libc::SIGTERM)), Verdict::Normal);
        assert_eq!(judge(signal(libc::SIGKILL)), Verdict::Broken);
    }

    #[test]
    fn only_crashes_get_a_line() {
        let segv = Ended::Signal {
            number: libc::SIGSEGV,
            core: true,
        };
        let kill = Ended::Signal {
            number: libc::SIGKILL,
            core: false,
        };
        assert_eq!(
            epitaph(77, segv, "/tmp").map(|n| n.to_string()),
            Some("AH00051: child pid 77 exit signal Segmentation fault (11), possible coredump in /tmp".into())
        );
        assert_eq!(epitaph(77, kill, "/tmp"), None);
        assert_eq!(epitaph(77, Ended::Code(7), "/tmp"), None);
        assert!(epitaph(77, Ended::Code(101), "/tmp").is_some());
    }
}
