//! The door other threads knock at: what they wake is queued behind a lock, and the poller is woken once for all of it.

use std::io;

use async_task::Runnable;

use super::slots::Token;
use crate::sync::{Lock, Shared};

/// The shared side of an executor.
pub(super) struct Remote {
    state: Lock<State>,
    waker: mio::Waker,
}

/// What other threads left for the executor's own.
#[derive(Default)]
pub(super) struct State {
    pub tasks: Vec<Runnable>,
    /// Registrations whose descriptor was dropped elsewhere.
    pub released: Vec<Token>,
    /// Somebody called [`Handle::wake`].
    pub woken: bool,
    notified: bool,
}

impl Remote {
    pub fn new(waker: mio::Waker) -> Shared<Remote> {
        Shared::new(Remote {
            state: Lock::new(State::default()),
            waker,
        })
    }

    /// Leaves something and wakes the poller, if that was not done since it last looked.
    pub fn leave(&self, leave: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        leave(&mut state);
        let first = !std::mem::replace(&mut state.notified, true);
        drop(state);
        if first {
            // It can fail only if the executor is gone.
            let _: io::Result<()> = self.waker.wake();
        }
    }

    /// Takes all that was left.
    pub fn take(&self) -> State {
        std::mem::take(&mut *self.state.lock())
    }
}

/// Wakes an executor from another thread.
#[derive(Clone)]
pub struct Handle(pub(super) Shared<Remote>);

impl Handle {
    /// Has `turn` report `Event::Woken`, once for all calls since the last report.
    pub fn wake(&self) {
        self.0.leave(|state| state.woken = true);
    }
}
