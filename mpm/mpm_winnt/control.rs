//! The control process: starts the child, hears the administrator, and replaces the child when it ends, is worn, or when the
//! configuration is read anew.
//!
//! A child goes on taking connections until another one does: a restart leaves no moment without. A configuration with a
//! mistake, or a child that does not come up, leaves everything as it was.

use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

use super::child::{self, Orders, Start};
use super::handover::{hand, own_doors, PARENT};
use super::names;
use super::system::{set_on_interrupt, wait_any, Event, Job};
use crate::log::{self, Level};
use crate::mpm::common::codes::FATAL;
use crate::mpm::common::front;
use crate::mpm::common::pidfile::PidFile;
use crate::mpm::common::voice::Voice;
use crate::mpm::common::{Exit, Mpm};
use crate::mpm::{Owner, Refused};
use crate::scoreboard;
use crate::server::Generation;
use crate::sync::Shared;

/// How long a child may take until it is ready.
const READY_TIME: Duration = Duration::from_secs(30);

/// How long children may take to end when the server does.
const STOP_TIME: Duration = Duration::from_secs(30);

/// How often small duties are done.
const ROUND: Duration = Duration::from_secs(1);

/// Exit codes of a child for which there is no hope: so it says, or it could not even begin.
const HOPELESS: [i32; 3] = [FATAL, 3, 2];

/// The first messages of a server.
const GREETING: (u32, u32) = (455, 456);

/// Runs the server until it is told to stop.
pub fn run(_mpm: &'static Mpm, first: Shared<Generation>, owner: &mut dyn Owner) -> Exit {
    let Ok(pid_file) = front::begin(&first, false) else {
        return Exit::Fatal;
    };
    let debug = ["ONE_PROCESS", "DEBUG"];
    let alone = debug
        .iter()
        .any(|name| first.globals.defines.contains_key(*name));
    // The first generation is not kept here: its sockets and logs end with it.
    let exit = match Means::new() {
        Ok(means) if alone => serve_alone(first, means, owner),
        Ok(means) => Control::new(first, means, owner, &pid_file).run(),
        Err(error) => cannot_begin(&first, &error),
    };
    log::flush_all();
    let _ = pid_file.remove();
    exit
}

fn cannot_begin(generation: &Generation, error: &io::Error) -> Exit {
    let told = format!("the server cannot begin: {error}");
    Voice::of(generation).own(Level::Emerg, 20_440, told);
    Exit::Fatal
}

/// What the system lends to the control process.
struct Means {
    shutdown: Event,
    restart: Event,
    job: Job,
}

impl Means {
    fn new() -> io::Result<Means> {
        let pid = std::process::id();
        let means = Means {
            shutdown: Event::named(&names::shutdown(pid))?,
            restart: Event::named(&names::restart(pid))?,
            job: Job::new()?,
        };
        set_on_interrupt(means.shutdown.again()?)?;
        Ok(means)
    }
}

/// `-X`: this very process serves.
fn serve_alone(generation: Shared<Generation>, means: Means, owner: &mut dyn Owner) -> Exit {
    front::introduce(GREETING, &generation);
    let begin = || {
        let orders = Orders {
            stop: means.shutdown,
            ..Orders::new()?
        };
        Ok((own_doors(&generation)?, orders))
    };
    let (doors, orders) = match begin() {
        Ok(begun) => begun,
        Err(error) => return cannot_begin(&generation, &error),
    };
    let start = Start {
        doors,
        generation,
        server_started: scoreboard::now(),
        orders,
    };
    match child::serve(start, owner) {
        0 => Exit::Stopped,
        _ => Exit::Fatal,
    }
}

/// A child, as the control process sees it.
struct Child {
    process: Process,
    orders: Orders,
}

impl Child {
    fn code(&mut self) -> Option<i32> {
        self.process.try_wait().ok().flatten()?.code()
    }
}

struct Control<'o> {
    owner: &'o mut dyn Owner,
    pid_file: &'o PidFile,
    current: Shared<Generation>,
    server_started: u64,
    means: Means,
    serving: Option<Child>,
    /// Children that finish what they have.
    draining: Vec<Child>,
    reloads: u64,
    next_duties: Instant,
}

impl<'o> Control<'o> {
    fn new(
        first: Shared<Generation>,
        means: Means,
        owner: &'o mut dyn Owner,
        pid_file: &'o PidFile,
    ) -> Control<'o> {
        Control {
            owner,
            pid_file,
            current: first,
            server_started: scoreboard::now(),
            means,
            serving: None,
            draining: Vec::new(),
            reloads: 0,
            next_duties: Instant::now(),
        }
    }

    fn voice(&self) -> Voice<'_> {
        Voice::of(&self.current)
    }

    fn run(&mut self) -> Exit {
        front::introduce(GREETING, &self.current);
        match self.start(&self.current.clone()) {
            Ok(child) => self.serving = Some(child),
            Err(_) if self.means.shutdown.is_set() => return self.stop(),
            Err(why) => {
                let told = format!("create child process failed. Exiting. {why}");
                self.voice().own(Level::Crit, 419, told);
                return Exit::Fatal;
            }
        }
        self.owner.serving(&self.current);
        loop {
            self.wait();
            if self.means.shutdown.is_set() {
                return self.stop();
            }
            if let Err(exit) = self.look_after_children() {
                return exit;
            }
            if self.means.restart.is_set() {
                let _ = self.means.restart.reset();
                self.reload();
            }
            if Instant::now() >= self.next_duties {
                self.next_duties = Instant::now() + ROUND;
                self.owner.every_second(&self.current);
            }
        }
    }

    /// Waits for the administrator, for children, and for the next round.
    fn wait(&self) {
        let mut handles: Vec<BorrowedHandle<'_>> = vec![
            self.means.shutdown.as_handle(),
            self.means.restart.as_handle(),
        ];
        for child in self.serving.iter() {
            handles.extend([child.process.as_handle(), child.orders.worn.as_handle()]);
        }
        let left = 64 - handles.len();
        handles.extend(
            self.draining
                .iter()
                .take(left)
                .map(|child| child.process.as_handle()),
        );
        let limit = self.next_duties.saturating_duration_since(Instant::now());
        if wait_any(&handles, Some(limit)).is_err() {
            // Not to be expected; a round a second is still a server.
            std::thread::sleep(ROUND);
        }
    }

    /// Starts a child for a generation and waits until it takes connections.
    fn start(&self, generation: &Generation) -> Result<Child, String> {
        let mut child = self.spawn(generation).map_err(|error| error.to_string())?;
        let pid = child.process.id();
        let told = format!("Parent: Created child process {pid}");
        self.voice().own(Level::Notice, 418, told);
        let handles = [
            child.orders.ready.as_handle(),
            child.process.as_handle(),
            self.means.shutdown.as_handle(),
        ];
        let woken = wait_any(&handles, Some(READY_TIME));
        if matches!(woken, Ok(Some(0))) {
            return Ok(child);
        }
        let code = child.code();
        let _ = child.process.kill();
        let _ = child.process.wait();
        Err(match code {
            Some(code) => format!("the new child process {pid} exited with status {code}"),
            None => format!("the new child process {pid} did not become ready"),
        })
    }

    fn spawn(&self, generation: &Generation) -> io::Result<Child> {
        let orders = Orders::new()?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(self.owner.arguments())
            .env(PARENT, std::process::id().to_string())
            .stdin(Stdio::piped())
            .spawn()?;
        // An error: the system does not let us (an old one, in another job); the child watches us by itself, too.
        let _ = self.means.job.take(&process);
        if let Err(error) = hand(&mut process, &orders, generation, self.server_started) {
            let _ = process.kill();
            let _ = process.wait();
            return Err(error);
        }
        Ok(Child { process, orders })
    }

    /// Replaces a child that ended or is worn; an error if there is no use in it.
    fn look_after_children(&mut self) -> Result<(), Exit> {
        self.bury();
        let Some(serving) = self.serving.as_mut() else {
            return self.replace();
        };
        if let Some(code) = serving.code() {
            let pid = serving.process.id();
            self.serving = None;
            let hopeless = HOPELESS.contains(&code);
            let what = if hopeless { "Aborting" } else { "Restarting" };
            let told = format!("Parent: child process {pid} exited with status {code} -- {what}.");
            if hopeless {
                self.voice().own(Level::Crit, 427, told);
                return Err(Exit::Fatal);
            }
            self.voice().own(Level::Crit, 428, told);
            return self.replace();
        }
        if serving.orders.worn.is_set() {
            // The same configuration: nobody has asked for another one.
            let _ = serving.orders.worn.reset();
            match self.start(&self.current.clone()) {
                Ok(child) => self.take_over(child),
                Err(why) => self.tell_not_started(&why),
            }
        }
        Ok(())
    }

    /// Starts a child where there is none. The first time that fails ends the server: another one would fare no better.
    fn replace(&mut self) -> Result<(), Exit> {
        match self.start(&self.current.clone()) {
            Ok(child) => {
                self.serving = Some(child);
                Ok(())
            }
            Err(_) if self.means.shutdown.is_set() => Ok(()),
            Err(why) => {
                self.tell_not_started(&why);
                Err(Exit::Fatal)
            }
        }
    }

    fn tell_not_started(&self, why: &str) {
        let told = format!("Parent: a new child process could not be started: {why}");
        self.voice().own(Level::Crit, 20_441, told);
    }

    /// A new child takes connections; the one before it finishes what it has.
    fn take_over(&mut self, child: Child) {
        if let Some(old) = self.serving.replace(child) {
            let _ = old.orders.finish.set();
            self.draining.push(old);
        }
    }

    /// Forgets children that have finished.
    fn bury(&mut self) {
        let voice = Voice::of(&self.current);
        self.draining.retain_mut(|child| {
            let Some(code) = child.code() else {
                return true;
            };
            let pid = child.process.id();
            match code {
                0 => voice.own(
                    Level::Notice,
                    430,
                    format!("Parent: Child process {pid} exited successfully."),
                ),
                _ => voice.own(
                    Level::Warn,
                    20_442,
                    format!("Parent: Child process {pid}, which was finishing, exited with status {code}."),
                ),
            }
            false
        });
    }

    /// Reads the configuration anew; what becomes of it is written beside the PidFile.
    fn reload(&mut self) {
        let told = "Parent: Received restart signal -- Restarting the server.";
        self.voice().own(Level::Notice, 424, told);
        self.reloads += 1;
        let refused = self.try_reload().err();
        if let Some(why) = &refused {
            front::tell_refused(&self.current, why);
        }
        front::tell_outcome(&self.current, self.pid_file, self.reloads, refused);
    }

    fn try_reload(&mut self) -> Result<(), String> {
        let current = self.current.clone();
        // A reader that panics is as bad as a configuration with a mistake, and no worse.
        let built = catch_unwind(AssertUnwindSafe(|| self.owner.build(&current)));
        let next = match built {
            Ok(Ok(next)) => next,
            Ok(Err(Refused(why))) => return Err(why),
            Err(_) => return Err("reading it failed (a panic)".into()),
        };
        let child = self.start(&next)?;
        self.current = next;
        self.take_over(child);
        front::introduce(GREETING, &self.current);
        Ok(())
    }

    /// Ends all children, those that do not end in time by force.
    fn stop(&mut self) -> Exit {
        let told = "Parent: Received shutdown signal -- Shutting down the server.";
        self.voice().own(Level::Notice, 422, told);
        self.draining.extend(self.serving.take());
        for child in &self.draining {
            let _ = child.orders.stop.set();
        }
        let end = Instant::now() + STOP_TIME;
        self.bury();
        while !self.draining.is_empty() && Instant::now() < end {
            let handles: Vec<_> = self
                .draining
                .iter()
                .take(64)
                .map(|child| child.process.as_handle())
                .collect();
            let _ = wait_any(&handles, Some(ROUND));
            self.bury();
        }
        for child in &mut self.draining {
            let pid = child.process.id();
            let told = format!("Parent: Forcing termination of child process {pid}");
            Voice::of(&self.current).own(Level::Notice, 431, told);
            let _ = child.process.kill();
            let _ = child.process.wait();
        }
        Exit::Stopped
    }
}
