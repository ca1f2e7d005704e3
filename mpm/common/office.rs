//! What shows others that this process is the server, and is one process's at a time: the PidFile, the ScoreBoardFile, the
//! socket at which an upgrade is asked for, and that at which the status is. A program that takes over from another has none of
//! it until it serves; one that has been taken over from has none of it any more.

use std::time::Instant;

use super::front::{self, View};
use super::pidfile::{self, PidFile};
use super::reception::{Answerer, Reception, Visitor};
use super::upgrade::{Desk, Event, Time, Upgrades};
use super::voice::Voice;
use super::{conf, Mpm};
use crate::log::Level;
use crate::os::poll::Waiting;
use crate::os::process::{self, Exit, Pid};
use crate::os::signal;
use crate::scoreboard::publish::State;
use crate::scoreboard::Snapshot;
use crate::server::Generation;

/// The office of the server, and how it changes hands.
pub struct Office {
    held: Option<Insignia>,
    upgrades: Upgrades,
    /// Open only while the office is held; outlives it, for those it has sent to answer.
    reception: Reception,
}

struct Insignia {
    pid_file: PidFile,
    view: View,
    /// `None` where the socket could not be made.
    desk: Option<Desk>,
}

impl Insignia {
    /// Takes all of it; one that `succeeds` another, from that. The reason of an error is in the log.
    fn take(mpm: &Mpm, generation: &Generation, succeeds: bool) -> Result<Insignia, ()> {
        // Whoever finds the PidFile finds the socket.
        let desk = Desk::open(&conf::of(generation).pid_path(generation));
        let Ok(pid_file) = front::begin(generation, succeeds) else {
            desk.into_iter().for_each(Desk::close);
            return Err(());
        };
        if let Err(error) = &desk {
            let told = format!("this server cannot be asked for an upgrade: no socket can be made beside the PidFile: {error}");
            Voice::of(generation).own(Level::Warn, 20253, told);
        }
        Ok(Insignia {
            pid_file,
            view: View::open(mpm, generation),
            desk: desk.ok(),
        })
    }

    /// Whether no other server has taken any of it.
    fn is_whole(&self) -> bool {
        let pid_file = pidfile::read(self.pid_file.path()) == Some(self.pid_file.pid());
        pid_file && self.desk.as_ref().is_none_or(Desk::has_name)
    }

    /// Removes what no other server has taken meanwhile.
    fn give_up(mut self) {
        self.view.end();
        if let Some(desk) = self.desk {
            desk.close();
        }
        let _ = self.pid_file.remove();
    }
}

impl Office {
    /// Not held yet. To be made before anything changes the folder of this process.
    pub fn vacant() -> Office {
        Office {
            held: None,
            upgrades: Upgrades::new(),
            reception: Reception::default(),
        }
    }

    /// Takes the office, one that `succeeds` another from that. Without the PidFile there is none; the reason is in the log then.
    pub fn take(&mut self, mpm: &Mpm, generation: &Generation, succeeds: bool) -> Result<(), ()> {
        self.held = Some(Insignia::take(mpm, generation, succeeds)?);
        // Who had it for a moment may have taken the name of the socket.
        self.reception.close();
        self.reception.tend(generation);
        Ok(())
    }

    /// Gives it up, if it is held.
    pub fn leave(&mut self) {
        if let Some(held) = self.held.take() {
            held.give_up();
        }
        self.reception.end();
    }

    /// Whether somebody else has it, or is about to take it.
    pub fn is_changing_hands(&self) -> bool {
        self.held.is_none() || self.upgrades.under_way()
    }

    /// Shows what the server does now; `snapshot` is taken only if somebody may look.
    pub fn publish(
        &mut self,
        generation: &Generation,
        state: State,
        snapshot: impl FnOnce() -> Snapshot,
    ) {
        if let Some(held) = &mut self.held {
            held.view.publish(generation, state, snapshot);
        }
    }

    /// Writes beside the PidFile what became of reload number `number`.
    pub fn tell_outcome(&self, current: &Generation, number: u64, refused: Option<String>) {
        if let Some(held) = &self.held {
            front::tell_outcome(current, &held.pid_file, number, refused);
        }
    }

    /// What is to be waited for.
    pub fn fds(&self) -> impl Iterator<Item = Waiting<'_>> {
        let desk = self.held.iter().filter_map(|held| held.desk.as_ref());
        desk.flat_map(Desk::fds)
            .chain(self.upgrades.fds())
            .chain(self.reception.fd())
    }

    /// When waiting ends.
    pub fn until(&self) -> Option<Instant> {
        self.upgrades.until()
    }

    /// Hears who asks for an upgrade, for which there is a `time`, and how one goes. Gives the process that has taken over.
    pub fn hear(
        &mut self,
        mpm: &Mpm,
        current: &Generation,
        time: Time,
        now: Instant,
    ) -> Option<Pid> {
        let desk = self.held.as_mut().and_then(|held| held.desk.as_mut());
        for (program, caller) in desk.map_or_else(Vec::new, |desk| desk.hear(now)) {
            self.upgrades.ask(program, caller);
        }
        self.upgrades.begin(current, time);
        match self.upgrades.hear(current, now) {
            Event::Nothing => {}
            Event::Failed(refusal) => {
                self.have_back(mpm, current);
                refusal.tell();
            }
            Event::TakenOver(successor) => {
                self.leave();
                forward_wishes(successor);
                return Some(successor);
            }
        }
        None
    }

    /// A process has ended. False if it is nobody that the office knows.
    pub fn reaped(&mut self, pid: Pid, exit: Exit) -> bool {
        #[cfg(uses = "children")]
        if self.reception.reaped(pid) {
            return true;
        }
        self.upgrades.reaped(pid, exit)
    }

    /// Once a second: the status socket is where the serving generation wants it.
    pub fn tend(&mut self, current: &Generation) {
        if self.held.is_some() {
            self.reception.tend(current);
        }
    }

    /// Somebody who wants to see the status, to be answered elsewhere.
    pub fn visitor(&mut self) -> Option<Visitor> {
        self.reception.visitor()
    }

    /// The latest visitor is answered by this one.
    pub fn answered_by(&mut self, answerer: Answerer) {
        self.reception.answered_by(answerer);
    }

    /// The server is told to stop: nobody is to take over.
    pub fn abandon_upgrade(&mut self, mpm: &Mpm, current: &Generation) {
        if let Event::Failed(refusal) = self.upgrades.abandon(current) {
            self.have_back(mpm, current);
            refusal.tell();
        }
    }

    /// In a child of this process, whose business all this is not.
    #[cfg(uses = "children")]
    pub fn forget(&mut self) {
        self.held = None;
        self.reception = Reception::default();
        self.upgrades.forget();
    }

    /// A new program that failed may have come as far as to take some of it.
    fn have_back(&mut self, mpm: &Mpm, current: &Generation) {
        if !self.held.as_ref().is_some_and(Insignia::is_whole) {
            // If it fails, what is held is still all that there is.
            let _ = self.take(mpm, current, true);
        }
    }
}

/// Wishes that came while the office was changing hands are for the new server.
fn forward_wishes(successor: Pid) {
    for number in [libc::SIGWINCH, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2] {
        if signal::take(number) {
            let _ = process::kill(successor, number);
        }
    }
}
