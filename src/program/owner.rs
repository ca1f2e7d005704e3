//! The parent's side of the configuration: reads it, checks it, opens it, and is asked by the MPM to do so again.

use super::detach::{detach, lead_session, Ready};
#[cfg(windows)]
use super::load_options;
#[cfg(windows)]
use super::open::equip;
use super::open::{open, Started};
use super::{defined, fail, load, tell};
use httpd::config::load::Loaded;
use httpd::listen::Listener;
use httpd::log;
use httpd::log::Level;
#[cfg(windows)]
use httpd::modules::REGISTRY;
use httpd::mpm::{self, Exit, Owner, Refused};
use httpd::options::Command;
use httpd::os::file;
#[cfg(unix)]
use httpd::os::process::{Exit as Ended, Pid};
use httpd::server::Generation;
use httpd::sync::Shared;

const LOG_MODULE: &str = "core";

/// The program in its parent process.
pub struct Program {
    command: Command,
    started: Started,
    next_number: u32,
    /// Told once the first child takes connections.
    ready: Option<Ready>,
    /// Sockets that another program has handed to this one.
    inherited: Vec<Listener>,
}

impl Program {
    /// A program that has not opened anything.
    pub fn new(command: Command) -> Program {
        Program {
            command,
            started: Started::default(),
            next_number: 1,
            ready: None,
            inherited: Vec::new(),
        }
    }

    /// Opens the first configuration and serves until told to end. The value is the exit code.
    pub fn start(mut self, loaded: Loaded) -> i32 {
        self.try_start(loaded)
            .unwrap_or_else(|message| self.fail(&message))
    }

    /// As [`Program::start`]; an error is why nothing is served.
    pub fn try_start(&mut self, loaded: Loaded) -> Result<i32, String> {
        if self.ready.is_none() {
            let ready = self
                .leave_terminal()
                .map_err(|error| format!("httpd: cannot detach from the terminal: {error}"))?;
            self.ready = Some(ready);
        }
        let mut inherited = httpd::listen::handed_down();
        inherited.append(&mut self.inherited);
        let loaded = Loaded {
            generation: loaded.generation,
            warnings: Vec::new(),
        };
        let generation = Shared::new(open(loaded, &inherited, &mut self.started)?);
        drop(inherited);
        self.settle(&generation)
            .map_err(|error| format!("httpd: {error}"))?;
        Ok(match mpm::run(generation, self) {
            Exit::Stopped => 0,
            _ => 1,
        })
    }

    /// Takes over from a server that serves until this one does. That one has left the terminal, if it was to.
    #[cfg(unix)]
    pub fn after(mut self, mut old: mpm::Predecessor) -> Program {
        self.inherited = old.take_listeners();
        // If it fails, so will what is done with them later, and that is told.
        let _ = old.free_standard_streams();
        self.ready = Some(Ready::Predecessor(old));
        self
    }

    /// Says why this program does not serve to whom it concerns, and gives the exit code.
    fn fail(&self, message: &str) -> i32 {
        #[cfg(unix)]
        if let Some(Ready::Predecessor(old)) = &self.ready {
            old.refuse(message);
            return 1;
        }
        fail(message)
    }

    /// Serves what the control process has handed to this child: its configuration, not what the files say now.
    #[cfg(windows)]
    pub fn start_handed(mut self, handed: mpm::Handed) -> Result<i32, String> {
        let options = load_options(&self.command);
        let source = handed.source.clone();
        let loaded = httpd::config::load(&options, &REGISTRY, handed.number, source)
            .map_err(|errors| tell(&errors))?;
        // The control process has told the warnings.
        let loaded = Loaded {
            warnings: Vec::new(),
            ..loaded
        };
        let generation = Shared::new(equip(loaded, &mut self.started)?);
        self.settle(&generation)
            .map_err(|error| format!("httpd: {error}"))?;
        Ok(handed.serve(generation, &mut self))
    }

    /// Somebody waits for the server to be ready, so it does not leave the terminal.
    #[cfg(windows)]
    pub fn tell_ready(mut self, ready: Ready) -> Program {
        self.ready = Some(ready);
        self
    }

    fn leave_terminal(&self) -> std::io::Result<Ready> {
        let stays = ["FOREGROUND", "ONE_PROCESS", "DEBUG"]
            .iter()
            .any(|name| defined(&self.command, name));
        if stays {
            return Ok(Ready::unasked());
        }
        if defined(&self.command, "NO_DETACH") {
            // Fails where this process leads a group already, which is as good.
            let _ = lead_session();
            return Ok(Ready::unasked());
        }
        detach()
    }

    /// Standard input and output lead nowhere from now on, and standard error to the main error log.
    fn settle(&self, generation: &Generation) -> std::io::Result<()> {
        let one_process = ["ONE_PROCESS", "DEBUG"]
            .iter()
            .any(|name| defined(&self.command, name));
        if !one_process {
            let null = file::null()?;
            file::duplicate_to_standard(&null, 0)?;
            file::duplicate_to_standard(&null, 1)?;
        }
        generation
            .logs
            .capture_stderr(generation.main_server().error_log.destination())
    }

    fn read(&self, number: u32) -> Result<Loaded, Refused> {
        load(&self.command, number).map_err(|errors| Refused(tell(&errors)))
    }
}

impl Owner for Program {
    fn check(&mut self, serving: &Shared<Generation>) -> Result<(), Refused> {
        self.read(serving.number + 1).map(drop)
    }

    fn build(&mut self, serving: &Shared<Generation>) -> Result<Shared<Generation>, Refused> {
        let loaded = self.read(self.next_number)?;
        let generation = open(loaded, &serving.listeners, &mut self.started).map_err(Refused)?;
        self.next_number += 1;
        // Nothing is lost if standard error stays with the old log.
        let _ = generation
            .logs
            .capture_stderr(generation.main_server().error_log.destination());
        Ok(Shared::new(generation))
    }

    #[cfg(unix)]
    fn succeeds(&self) -> Option<u32> {
        match &self.ready {
            Some(Ready::Predecessor(old)) => Some(old.workers()),
            _ => None,
        }
    }

    fn serving(&mut self, _generation: &Generation) {
        if let Some(ready) = self.ready.take() {
            ready.tell();
        }
    }

    #[cfg(windows)]
    fn arguments(&self) -> Vec<String> {
        self.command.for_reading()
    }

    /// The service manager believes only the process that it knows.
    #[cfg(unix)]
    fn handed_over(&mut self, successor: Pid) {
        super::detach::notify_system(&format!("MAINPID={successor}\n"));
    }

    #[cfg(unix)]
    fn in_child(&mut self) {
        // Whoever waits for the server to come up would wait for this process, too.
        self.ready = None;
        // Serving processes ask through what the generation has; the parent's way is for those with more rights.
        self.started.spawner = None;
    }

    #[cfg(unix)]
    fn reaped(&mut self, serving: &Generation, pid: Pid, ended: Ended) -> bool {
        let spawner = self
            .started
            .spawner
            .as_mut()
            .is_some_and(|spawner| spawner.exited(pid));
        spawner
            || self
                .started
                .programs
                .exited(pid, ended, serving.main_server())
    }

    fn every_second(&mut self, serving: &Generation) -> Vec<usize> {
        self.started.programs.tend(serving.main_server());
        if let Some(Err(error)) = self.started.spawner.as_mut().map(|spawner| spawner.tend()) {
            log!(
                serving.main_server(),
                Level::Error,
                20014,
                err = error,
                "cannot start the process that starts programs"
            );
        }
        self.tell_reopened(serving, serving.logs.reopen_renamed())
    }

    fn reopen_logs(&mut self, serving: &Generation) -> Vec<usize> {
        self.tell_reopened(serving, serving.logs.reopen())
    }
}

impl Program {
    fn tell_reopened(&self, serving: &Generation, reopened: httpd::log::Reopened) -> Vec<usize> {
        for failure in reopened.failures {
            log!(
                serving.main_server(),
                Level::Error,
                20015,
                "a log could not be opened anew and is written on as it was: {failure}"
            );
        }
        reopened.files
    }
}
