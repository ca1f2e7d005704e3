//! What the MPM lends to every connection that it drives. Implemented in `mpm/`.

use crate::os::driven;
use crate::scoreboard::{Status, WorkerSlot};
use crate::sync::Work;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The MPM, as a connection sees it.
pub trait Host {
    /// A place to work in: a scoreboard slot. `event` lets requests wait here, unread, while all are taken; where a
    /// thread drives one connection there always is one. Dropping the permit gives the place back.
    fn poll_permit(&self, cx: &mut Context<'_>) -> Poll<Permit>;

    /// True once this generation ends: the next answer on each connection carries `Connection: close`.
    fn closing(&self) -> bool;

    /// Runs work that may block: on the spot where a thread drives one connection, else on a thread of the child. An
    /// error: no thread can be made; the work is dropped.
    fn block(&self, work: Work) -> std::io::Result<()>;

    /// True if idle connections are given back with `Outcome::Park`; else they wait in place.
    fn parks(&self) -> bool;

    /// How many contexts share what a process may keep in memory.
    fn sharers(&self) -> usize {
        1
    }

    /// A connection begins or ends to be in this state; `event` shows the numbers in the scoreboard.
    fn count(&self, what: Stage, change: i32) {
        let _ = (what, change);
    }

    /// True for a URL that has crashed too often of late (CrashQuarantine): `key` gives what stands for it, if it is asked at all.
    fn shuns(&self, key: &dyn Fn() -> u64) -> bool {
        let _ = key;
        false
    }

    /// Facts for mod_status and logs.
    fn child(&self) -> ChildFacts;

    /// What mod_status shows: all slots, as they are now.
    fn snapshot(&self) -> crate::scoreboard::Snapshot;
}

/// Takes a slot back.
pub type Release = Rc<dyn Fn(&WorkerSlot)>;

/// The right to work on a request, and the slot that shows it.
pub struct Permit {
    /// The slot in the scoreboard; none where there is no scoreboard (tests).
    pub slot: Option<Rc<WorkerSlot>>,
    /// Called with the slot when the permit is given back.
    pub release: Option<Release>,
}

impl Permit {
    /// The slot of a thread that drives one connection at a time: it is that thread's for good.
    pub fn lasting(slot: Rc<WorkerSlot>) -> Permit {
        Permit {
            slot: Some(slot),
            release: None,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let (Some(slot), Some(release)) = (&self.slot, &self.release) {
            release(slot);
        }
    }
}

/// What a connection without a permit is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The response is on its way to a slow peer.
    Writing,
    /// Between requests.
    KeepAlive,
    /// Lingering close.
    Closing,
}

impl Stage {
    /// What the slot of a thread shows whose one connection begins (`change` above 0) or ends to be in this state.
    pub fn shown(self, change: i32) -> Status {
        match (self, change > 0) {
            (Stage::KeepAlive, true) => Status::KeepAlive,
            (Stage::Closing, true) => Status::Closing,
            (Stage::Writing, true) => Status::Writing,
            (_, false) => Status::Reading,
        }
    }
}

/// Who serves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChildFacts {
    /// Process id.
    pub pid: u32,
    /// Slot of the child in the scoreboard.
    pub slot: u32,
    /// Generation number.
    pub generation: u32,
}

/// Runs `work` where it may block, and gives its result. The one door for blocking work.
pub async fn blocking<T: 'static + crate::sync::MaybeSend>(
    host: &dyn Host,
    work: impl FnOnce() -> T + crate::sync::MaybeSend + 'static,
) -> std::io::Result<T> {
    let work = driven::carrying(work);
    crate::run::call(|job| host.block(job), work).await
}
