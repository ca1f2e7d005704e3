//! The threads that serve. Each waits at the port, takes what there is to do, and drives one connection until it is closed or
//! idle; an idle one goes back to the port and holds no thread.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::house::House;
use super::port::Work;
use crate::connection::context::ServeContext;
use crate::connection::host::{ChildFacts, Host, Permit, Stage};
use crate::connection::{retire, serve, Outcome, Parked};
use crate::log::{self, Manner};
use crate::run::Executor;
use crate::scoreboard::{Snapshot, Status, WorkerSlot};
use crate::sync::{self, Shared};

/// What a thread lends to the connection it drives.
struct Desk {
    house: Shared<House>,
    slot: Rc<WorkerSlot>,
}

impl Host for Desk {
    fn poll_permit(&self, _cx: &mut Context<'_>) -> Poll<Permit> {
        Poll::Ready(Permit::lasting(self.slot.clone()))
    }

    fn closing(&self) -> bool {
        self.house.board.own.is_closing()
    }

    fn block(&self, work: sync::Work) -> std::io::Result<()> {
        work();
        Ok(())
    }

    fn parks(&self) -> bool {
        true
    }

    fn sharers(&self) -> usize {
        self.house.board.own.view().shape().threads as usize
    }

    /// The thread's slot shows what its one connection does.
    fn count(&self, what: Stage, change: i32) {
        self.slot.set(what.shown(change));
    }

    fn child(&self) -> ChildFacts {
        self.house.facts()
    }

    fn snapshot(&self) -> Snapshot {
        self.house.publish();
        self.house.board.snapshot()
    }
}

/// A thread's life, to the word to leave. An error: it cannot serve.
pub fn work(house: &Shared<House>, number: u32) -> std::io::Result<()> {
    let slot = Rc::new(house.board.own.worker(number));
    slot.set(Status::Starting);
    let thread = Thread::new(house, slot.clone())?;
    let outcome = thread.work();
    slot.set(Status::Dead);
    log::flush_all();
    outcome
}

struct Thread<'a> {
    house: &'a Shared<House>,
    slot: Rc<WorkerSlot>,
    executor: Rc<Executor>,
    context: Rc<ServeContext>,
}

impl<'a> Thread<'a> {
    fn new(house: &'a Shared<House>, slot: Rc<WorkerSlot>) -> std::io::Result<Thread<'a>> {
        let executor = Executor::new()?;
        log::set_manner(Manner::Gather);
        slot.run_by(u64::from(crate::os::process::thread_id()));
        let host = Rc::new(Desk {
            house: house.clone(),
            slot: slot.clone(),
        });
        Ok(Thread {
            house,
            slot,
            executor,
            context: ServeContext::new(house.generation.clone(), host),
        })
    }

    fn work(&self) -> std::io::Result<()> {
        loop {
            match self.house.port.next(self.rest())? {
                Some(Work::Serve(parked)) => self.serve(parked),
                Some(Work::Retire(parked)) => self.retire(parked),
                Some(Work::Leave) => return Ok(()),
                None => {}
            }
        }
    }

    /// Has nothing to do: says so, and gives how long at most.
    fn rest(&self) -> Option<Duration> {
        self.slot.set(match self.house.shut.is_set() {
            true => Status::Graceful,
            false => Status::Ready,
        });
        let now = Instant::now();
        log::flush_idle(now).map(|at| at.saturating_duration_since(now))
    }

    /// Drives a connection until it is closed or idle.
    fn serve(&self, parked: Parked) {
        self.slot.set(Status::Reading);
        let future = serve(self.context.clone(), parked);
        // A panic costs its connection; the panic hook has told of it.
        let driven = catch_unwind(AssertUnwindSafe(|| self.executor.block_on(future)));
        match driven {
            Ok(Outcome::Park(parked)) => self.park(parked),
            Ok(Outcome::Close) | Err(_) => self.house.leave(),
        }
    }

    fn park(&self, mut parked: Parked) {
        // It may be taken up by another thread.
        parked.socket.leave();
        match self.house.port.park(parked) {
            Ok(first) => {
                if first {
                    let _ = self.house.look.set();
                }
                self.house.settle();
            }
            Err(parked) => self.retire(parked),
        }
    }

    /// Closes a connection that has been idle for long enough.
    fn retire(&self, parked: Parked) {
        // When the server ends there is no time to do it gently for each.
        if !self.house.port.is_closed() {
            let future = retire(self.context.clone(), parked);
            let _ = catch_unwind(AssertUnwindSafe(|| self.executor.block_on(future)));
        }
        self.house.leave();
    }
}
