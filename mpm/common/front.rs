//! What the process that the administrator started does in every MPM, whether it has children or serves by itself: its PidFile,
//! its signals, its greeting in the log, the outcome of reloads, and the view of the scoreboard for programs outside.

use super::pidfile::{Before, Outcome, PidFile};
use super::voice::Voice;
use super::{conf, Mpm};
use crate::log::Level;
#[cfg(unix)]
use crate::os::signal::{self, SignalSet};
use crate::scoreboard::publish::{Labels, Publisher, State};
use crate::scoreboard::Snapshot;
use crate::server::Generation;

/// What this process hears.
#[cfg(unix)]
const SIGNALS: [i32; 7] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCHLD,
];

/// Looks whether there is anything to serve and writes the PidFile; the reason of an error is in the log. Whose name stands there
/// is no surprise to a program that `succeeds` another.
pub fn begin(generation: &Generation, succeeds: bool) -> Result<PidFile, ()> {
    let voice = Voice::of(generation);
    if generation.listeners.is_empty() {
        let told = "no listening sockets available, shutting down";
        voice.core(Level::Alert, 15, told);
        return Err(());
    }
    let path = conf::of(generation).pid_path(generation);
    let shown = path.display();
    hold_signals();
    match PidFile::write(&path, std::process::id()) {
        Ok((file, before)) => {
            if before == Before::Other && !succeeds {
                let told = format!(
                    "pid file {shown} overwritten -- Unclean shutdown of previous httpd run?"
                );
                voice.core(Level::Warn, 98, told);
            }
            Ok(file)
        }
        Err(error) => {
            let told = format!("httpd: could not log pid to file {shown}: {error}");
            voice.core(Level::Error, 100, told);
            Err(())
        }
    }
}

/// Whoever finds the PidFile may send a signal at once: it waits until there is somebody to hear it.
fn hold_signals() {
    #[cfg(unix)]
    {
        // An error would come again when the signals are taken on.
        let _ = signal::block(&SignalSet::of(&SIGNALS));
    }
}

/// Blocks what this process hears, and gives the mask with which it waits.
#[cfg(unix)]
pub fn take_on_signals() -> std::io::Result<SignalSet> {
    signal::ignore(libc::SIGPIPE)?;
    signal::ignore(libc::SIGXFSZ)?;
    for number in SIGNALS {
        signal::catch(number)?;
    }
    let before = signal::block(&SignalSet::of(&SIGNALS))?;
    Ok(SIGNALS.iter().fold(before, |mask, s| mask.without(*s)))
}

/// Tells the log that a generation serves; the numbers are those of the first two messages.
pub fn introduce((configured, built): (u32, u32), generation: &Generation) {
    let voice = Voice::of(generation);
    let server = &generation.server_field;
    let told = format!("{server} configured -- resuming normal operations");
    voice.own(Level::Notice, configured, told);
    let told = format!("Server built: {}", crate::version::BUILT);
    voice.own(Level::Info, built, told);
    if let Some(chosen) = &conf::of(generation).chosen {
        voice.own(Level::Notice, 20502, chosen.clone());
    }
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    voice.core(
        Level::Notice,
        94,
        format!("Command line: '{}'", words.join(" ")),
    );
    #[cfg(unix)]
    super::sandbox::tell_missing(generation);
}

/// Tells the log that a configuration was not taken.
pub fn tell_refused(current: &Generation, why: &str) {
    let told = format!("the configuration was not taken, the old one goes on serving: {why}");
    Voice::of(current).own(Level::Error, 20114, told);
}

/// Writes beside the PidFile what became of reload number `number`.
pub fn tell_outcome(
    current: &Generation,
    pid_file: &PidFile,
    number: u64,
    refused: Option<String>,
) {
    let outcome = Outcome {
        number,
        pid: pid_file.pid(),
        refused,
    };
    if let Err(error) = outcome.write(pid_file.path()) {
        let told =
            format!("the outcome of the reload cannot be written beside the PidFile: {error}");
        Voice::of(current).own(Level::Warn, 20115, told);
    }
}

/// The ScoreBoardFile, if there is to be one.
pub struct View(Option<Publisher>);

impl View {
    /// Makes the file that the configuration asks for. One that cannot be made is logged and done without.
    pub fn open(mpm: &Mpm, generation: &Generation) -> View {
        let Some(path) = conf::of(generation).score_board_file.clone() else {
            return View(None);
        };
        let labels = Labels {
            mpm: env!("HTTPD_MPM_TITLE").into(),
            server: generation.server_field.clone(),
            parent: std::process::id(),
        };
        let limits = conf::fit(mpm, generation).limits;
        let opened = Publisher::create(
            &path,
            labels,
            limits.max_processes,
            limits.threads_per_child,
        );
        View(match opened {
            Ok(publisher) => Some(publisher),
            Err(error) => {
                let told = format!(
                    "ScoreBoardFile {} cannot be written: {error}",
                    path.display()
                );
                Voice::of(generation).own(Level::Error, 20116, told);
                None
            }
        })
    }

    /// Shows what the server does now; `snapshot` is taken only if somebody may look.
    pub fn publish(
        &mut self,
        generation: &Generation,
        state: State,
        snapshot: impl FnOnce() -> Snapshot,
    ) {
        let Some(publisher) = &mut self.0 else {
            return;
        };
        if let Err(error) = publisher.publish(&snapshot(), state) {
            self.end();
            let told = format!("the ScoreBoardFile is given up: {error}");
            Voice::of(generation).own(Level::Error, 20117, told);
        }
    }

    /// Tells those who look that the server has ended.
    pub fn end(&mut self) {
        if let Some(mut publisher) = self.0.take() {
            publisher.end();
        }
    }
}
