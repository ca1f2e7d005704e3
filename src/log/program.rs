//! Log programs (`ErrorLog "|..."`, `CustomLog "|..."`): the parent starts them and starts them again when they die. It
//! keeps the reading end of each pipe, so that nothing written meanwhile is lost. A program is never killed: when the
//! last process that writes to it is gone, old generations included, it reads the end of its input and leaves.

use super::level::Level;
use super::logs::Purpose;
use super::site::Site;
use super::target::Program;
use crate::log;
use crate::os::file::{self, OwnedFile};
use crate::os::process::{self, Exit, Pid};
use crate::os::{descriptor, errno};
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LOG_MODULE: &str = "core";

/// A program that dies is started again at once, but not more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What a pipe should hold while its program is busy or being started again.
const PIPE_SIZE: u32 = 1 << 20;

/// The log programs of a server, in its parent. A child drops its copy.
#[derive(Debug, Default)]
pub struct Programs(Vec<Running>);

#[derive(Debug)]
struct Running {
    program: Program,
    purpose: Purpose,
    reading_end: OwnedFile,
    /// `None` while it waits to be started again.
    pid: Option<Pid>,
    started: Instant,
}

impl Programs {
    pub const fn new() -> Programs {
        Programs(Vec::new())
    }

    /// Starts a program and gives the writing end of its pipe.
    pub(super) fn start(&mut self, program: &Program, purpose: Purpose) -> io::Result<OwnedFile> {
        let (reading_end, writing_end) = file::pipe()?;
        descriptor::grow_pipe(&writing_end, PIPE_SIZE);
        let pid = spawn(program, &reading_end, self.have_stderr())?;
        self.0.push(Running {
            program: program.clone(),
            purpose,
            reading_end,
            pid: Some(pid),
            started: Instant::now(),
        });
        Ok(writing_end)
    }

    /// Tells that a child of this process has ended. True if it was a log program; it is started again if anybody can
    /// still write to it.
    pub fn exited(&mut self, pid: Pid, exit: Exit, site: &dyn Site) -> bool {
        let found = self
            .0
            .iter_mut()
            .position(|running| running.pid == Some(pid));
        let Some(index) = found else {
            return false;
        };
        if let Some(running) = self.0.get_mut(index) {
            running.pid = None;
            if descriptor::is_finished(&running.reading_end) {
                self.0.swap_remove(index);
                return true;
            }
            let command = &running.program.command;
            let how = match exit {
                Exit::Code(code) => format!("exit status {code}"),
                Exit::Signal { signal, .. } => format!("signal {signal}"),
            };
            log!(
                site,
                Level::Error,
                106,
                "the log program '{command}' ended unexpectedly ({how})"
            );
        }
        self.tend(site);
        true
    }

    /// Starts those again whose pause is over. To be called about once a second.
    pub fn tend(&mut self, site: &dyn Site) {
        let ended = self.pids().find(|pid| process::has_ended_untold(*pid));
        if let Some(pid) = ended {
            self.exited(pid, Exit::Code(0), site);
        }
        // One that waits and to which nobody writes any more is not needed.
        self.0.retain(|running| {
            running.pid.is_some() || !descriptor::is_finished(&running.reading_end)
        });
        let mute = self.have_stderr();
        for running in &mut self.0 {
            if running.pid.is_none() && running.started.elapsed() >= PAUSE {
                running.start_again(mute, site);
            }
        }
    }

    /// Whether our standard error may lead to one of them. Who inherited it would keep that one, or even itself, from ever reading
    /// the end of its input.
    fn have_stderr(&self) -> bool {
        self.0
            .iter()
            .any(|running| running.purpose == Purpose::Errors)
    }

    /// The processes that run, for the parent's record of whom it started.
    pub fn pids(&self) -> impl Iterator<Item = Pid> + '_ {
        self.0.iter().filter_map(|running| running.pid)
    }
}

impl Running {
    fn start_again(&mut self, mute: bool, site: &dyn Site) {
        self.started = Instant::now();
        let command = &self.program.command;
        match spawn(&self.program, &self.reading_end, mute) {
            Ok(pid) => {
                self.pid = Some(pid);
                log!(
                    site,
                    Level::Notice,
                    20003,
                    "the log program '{command}' was started again (pid {pid})"
                );
            }
            Err(error) => log!(
                site,
                Level::Error,
                107,
                err = error,
                "cannot start the log program '{command}' again"
            ),
        }
    }
}

/// Starts a program in a process group of its own, so that signals to the server's group do not end it. A `mute` one has no standard
/// error.
fn spawn(program: &Program, reading_end: &OwnedFile, mute: bool) -> io::Result<Pid> {
    let words = program.words();
    let (name, arguments) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(name);
    command
        .args(arguments)
        .stdin(Stdio::from(reading_end.try_clone()?));
    if mute {
        command.stderr(Stdio::null());
    }
    process::own_group(&mut command);
    let child = command.spawn().map_err(|error| match error.kind() {
        // std makes an error of its own of an empty name.
        io::ErrorKind::InvalidInput => io::Error::from_raw_os_error(errno::ENOENT),
        _ => error,
    })?;
    Pid::try_from(child.id()).map_err(io::Error::other)
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
