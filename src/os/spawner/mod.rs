//! The spawner: one small process that starts programs (CGI, external filters, helpers) for all others. It is forked from
//! the parent while that is small and has one thread, and takes on the servers' user at once; so the processes that
//! serve can be large, threaded and sealed (no_new_privs, seccomp), and still run programs that are none of it.
//!
//! ```text
//!  parent ──control──┐                 a serving process, per program:
//!                    ├── spawner ◄──────── one private socket pair: request and descriptors out,
//!  children ─shared──┘                     pid or error back, later how it ended
//! ```
//! All serving processes inherit one end of the *shared* socket. To ask for a program, one makes a private socket pair and
//! sends the other end of it through the shared one, as if it connected. Whoever closes its private socket loses interest: a
//! program of [`OnLoss::Kill`] is then terminated. The parent keeps the spawner's end of the shared socket, so a spawner
//! that dies is replaced without anyone noticing more than a short wait.
//!
//! Because those who ask may have been broken into, they can start programs with the spawner's own rights only. A request
//! that names another user is taken through the *control* socket alone, which no child has.

mod child;
mod client;
mod protocol;
mod server;
mod system;

pub use super::program::{Identity, OnLoss, Request};
pub use child::{start_here, Child};
pub use client::{Client, Pending, Progress, Running};

use super::process::{self, Fork, Pid};
use super::{fd, signal, socket};
use crate::sync::Shared;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A spawner that dies is started again, but not more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// How the spawner lives.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whom it runs as (`User`, `Group`), which needs root; `None`: as whoever started the server.
    pub identity: Option<Identity>,
    /// The folder that it takes as the whole file system (`ChrootDir`), which needs root.
    pub root: Option<PathBuf>,
}

/// The spawner, in the parent; a child drops its copy and keeps a [`Client`]. Dropping the last one ends the process and the programs it started, except those of
/// [`OnLoss::Leave`].
#[derive(Debug)]
pub struct Spawner {
    settings: Settings,
    /// `None` while it waits to be started again.
    pid: Option<Pid>,
    started: Instant,
    /// Our end; the spawner leaves when it is closed.
    control: Client,
    client: Client,
    /// The spawner's end of the shared socket, for its successor.
    shared: OwnedFd,
}

impl Spawner {
    /// Forks the spawner. The caller has one thread.
    pub fn start(settings: Settings) -> io::Result<Spawner> {
        let (ours, shared) = socket::pair()?;
        fd::set_nonblocking(&ours, true)?;
        fd::set_nonblocking(&shared, true)?;
        let (pid, control) = launch(&shared, &settings)?;
        Ok(Spawner {
            settings,
            pid: Some(pid),
            started: Instant::now(),
            control,
            client: Client::new(ours),
            shared,
        })
    }

    /// What serving processes ask through.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What the parent asks through; here a request may name a user. After [`Spawner::tend`] started the spawner again, ask
    /// for a new one.
    pub fn control(&self) -> Client {
        self.control.clone()
    }

    /// The process, if it runs.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Tells that a child of the parent has ended. True if it was the spawner; [`Spawner::tend`] starts it again.
    pub fn exited(&mut self, pid: Pid) -> bool {
        let ours = self.pid == Some(pid);
        if ours {
            self.pid = None;
        }
        ours
    }

    /// Starts a spawner that ended again, once its pause is over; to be called about once a second. True if it did. Requests
    /// that were made meanwhile are served then.
    pub fn tend(&mut self) -> io::Result<bool> {
        if self.pid.is_some() || self.started.elapsed() < PAUSE {
            return Ok(false);
        }
        self.started = Instant::now();
        let (pid, control) = launch(&self.shared, &self.settings)?;
        self.pid = Some(pid);
        self.control = control;
        Ok(true)
    }

    /// Lets the spawner serve those that still have its client, then leave; for one whose successor runs as another user.
    /// Gives its pid, which the parent will reap.
    pub fn retire(self) -> Option<Pid> {
        // If it cannot be told it is gone already.
        let _ = fd::write(self.control.socket(), &[server::RETIRE]);
        self.pid
    }
}

/// Forks the process. Gives its pid and our end of its control socket.
fn launch(shared: &OwnedFd, settings: &Settings) -> io::Result<(Pid, Client)> {
    let (ours, control) = socket::pair()?;
    fd::set_nonblocking(&ours, true)?;
    fd::set_nonblocking(&control, true)?;
    // Signals for the parent are held back until the child has handlers of its own.
    let before = signal::block(&signal::SignalSet::full())?;
    match process::fork() {
        Ok(Fork::Child) => process::exit_now(server::main(&control, shared, settings)),
        Ok(Fork::Parent(pid)) => {
            signal::set_mask(&before)?;
            Ok((pid, Client::new(ours)))
        }
        Err(error) => {
            signal::set_mask(&before)?;
            Err(error)
        }
    }
}

/// Shared between the clones of a client.
type Socket = Shared<OwnedFd>;

#[cfg(test)]
mod tests;
