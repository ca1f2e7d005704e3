//! A child's way into its work, the same for all MPMs: signals, its scoreboard page, fewer privileges, then the MPM's own loop.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::codes::SICK;
use super::conf::{self, MpmConf};
use super::line::{ChildEnd, Word};
use super::privileges::drop_privileges;
use super::sandbox;
use super::share::Share;
use super::voice::Voice;
use super::Mpm;
use crate::log::Level;
use crate::os::crash;
use crate::os::process::{allow_core_dumps, exit_now, signal_at_parents_death};
use crate::os::signal::{self, SignalSet};
use crate::scoreboard::Board;
use crate::server::Generation;
use crate::sync::Shared;

/// Signals by which a child is told to end at once. Blocked, except while it waits.
pub const STOP_SIGNALS: [i32; 3] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT];

/// The parent's signal that there is something to hear on the line; the kernel sends it, where it can, when the parent dies.
/// Blocked, except while a child waits.
pub const WAKE: i32 = libc::SIGUSR1;

/// How long a child whose parent has died goes on with what it has. Nobody else would end it.
pub const ORPHANED: Duration = Duration::from_secs(10);

/// What a child has to work with.
pub struct Child {
    pub generation: Shared<Generation>,
    pub board: Board,
    /// The listener bucket it serves.
    pub bucket: u32,
    /// To the parent; `None` under `-X`, where there is none.
    pub line: Option<ChildEnd>,
    /// It was told to finish, which stays said.
    told: Cell<bool>,
    /// When it found out that its parent has died.
    orphaned: Cell<Option<Instant>>,
}

impl Child {
    pub fn new(
        generation: Shared<Generation>,
        board: Board,
        bucket: u32,
        line: Option<ChildEnd>,
    ) -> Child {
        Child {
            generation,
            board,
            bucket,
            line,
            told: Cell::new(false),
            orphaned: Cell::new(None),
        }
    }

    pub fn conf(&self) -> &MpmConf {
        conf::of(&self.generation)
    }

    /// Whether the parent has said, through the line, that this child is to finish, or has died. Asks the kernel: for moments
    /// of rest, not for each request.
    pub fn told_to_finish(&self) -> bool {
        let Some(line) = &self.line else { return false };
        while !self.told.get() {
            match line.hear() {
                Word::Nothing => break,
                Word::Finish => self.told.set(true),
                Word::Orphaned => {
                    self.told.set(true);
                    self.orphaned.set(Some(Instant::now()));
                }
                Word::Log(index, file) => self.take_log(index, &file),
            }
        }
        self.told.get()
    }

    /// Writes on in a log file that the parent has opened anew.
    fn take_log(&self, index: usize, file: &OwnedFd) {
        if let Err(error) = self.generation.logs.adopt(index, file) {
            let told = format!("a log that was opened anew cannot be taken over: {error}");
            self.voice().own(Level::Error, 20120, told);
        }
    }

    /// Whether its parent has died, as far as it has listened. A process with threads has one that listens all the time.
    #[cfg(not(any(uses = "crew", uses = "pool")))]
    pub fn is_orphaned(&self) -> bool {
        self.orphaned.get().is_some()
    }

    /// Whether a signal has said to end at once, or the time of an orphan is over.
    pub fn told_to_stop(&self) -> bool {
        let orphaned = self.orphaned.get();
        STOP_SIGNALS.iter().any(|number| signal::raised(*number))
            || orphaned.is_some_and(|since| since.elapsed() >= ORPHANED)
    }

    /// Reports that it takes connections.
    pub fn report_ready(&self) {
        if let Some(line) = &self.line {
            line.ready();
        }
    }

    /// Says to the parent and to status pages that this child takes no more connections and will end.
    pub fn report_finishing(&self) {
        self.board.own.quiesce();
        if let Some(line) = &self.line {
            line.finishing();
        }
    }

    /// What its threads share.
    pub fn share(&self) -> Share {
        Share {
            generation: self.generation.clone(),
            board: self.board.clone(),
            bucket: self.bucket as usize,
            door: Shared::default(),
        }
    }

    pub fn voice(&self) -> Voice<'_> {
        Voice::of(&self.generation)
    }
}

/// What is blocked while a child waits: nothing but what the process had blocked when it began.
pub fn wait_mask() -> SignalSet {
    let mask = signal::mask().unwrap_or_else(|_| SignalSet::empty());
    STOP_SIGNALS
        .iter()
        .fold(mask.without(WAKE), |mask, s| mask.without(*s))
}

/// Everything a new child does, to its end.
pub fn live(mpm: &Mpm, child: &Child) -> ! {
    let code = match enter(child) {
        Ok(()) => (mpm.serve)(child),
        Err(code) => code,
    };
    crate::log::flush_all();
    exit_now(code)
}

/// Takes on the child's role. An error is the exit code; the reason is in the log.
pub fn enter(child: &Child) -> Result<(), i32> {
    if take_on_signals(child.line.is_some()).is_err() {
        return Err(SICK);
    }
    let conf = child.conf();
    let folder = conf.core_dump_directory.as_ref();
    let folder = folder.unwrap_or(&child.generation.globals.root);
    let _ = crash::dump_core_in(folder);
    match child.line {
        Some(_) => child.board.own.report_crashes(),
        None => crash::tell_on_stderr(),
    }
    drop_privileges(&child.generation)?;
    if child.line.is_some() {
        // Without it a death of the parent is noticed at the next look at the line.
        let _ = signal_at_parents_death(WAKE);
    }
    if conf.core_dump_directory.is_some() {
        if let Err(error) = allow_core_dumps(true) {
            let told = format!(
                "set dumpable failed - this child will not coredump after software errors: {error}"
            );
            child.voice().core(Level::Alert, 2163, told);
        }
    }
    match child.line {
        Some(_) => sandbox::enter(&child.generation),
        // Under -X this is the process that removes the PidFile and starts log programs again.
        None => Ok(()),
    }
}

/// For a process that does one short thing and ends: it may be ended at any time.
pub fn take_default_signals() {
    for number in STOP_SIGNALS {
        let _ = signal::default(number);
    }
    let _ = signal::set_mask(&SignalSet::empty());
}

/// Stop signals are blocked until the child waits; what is for the parent alone does nothing here.
fn take_on_signals(has_parent: bool) -> std::io::Result<()> {
    let for_the_parent = [libc::SIGUSR2, libc::SIGWINCH, libc::SIGPIPE, libc::SIGXFSZ];
    for number in for_the_parent {
        signal::ignore(number)?;
    }
    signal::default(libc::SIGCHLD)?;
    for number in STOP_SIGNALS {
        signal::catch(number)?;
        // What the parent had noted for itself is not meant for its child.
        signal::take(number);
    }
    if has_parent {
        signal::catch(WAKE)?;
        // The terminal sends this to all; the parent decides what it means.
        signal::ignore(libc::SIGINT)?;
    }
    signal::set_mask(&SignalSet::of(&STOP_SIGNALS).with(WAKE))?;
    Ok(())
}
