//! A thread that drives one connection at a time: prefork's only one, and each of worker's.
//!
//! It gets a connection (`accepting`: in a set of its own; `queued`: from the thread that accepts), and drives its future to the end; a
//! kept connection waits in place. Stop signals are let in while it waits, there and inside the executor.

use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::accept;
use super::share::Share;
use super::system;
use crate::connection::context::ServeContext;
use crate::connection::host::{ChildFacts, Host, Permit, Stage};
use crate::connection::{serve, Parked};
use crate::listen::Accepted;
use crate::log::{self, Manner};
use crate::os::signal::SignalSet;
use crate::run::Executor;
use crate::scoreboard::{Board, Snapshot, Status, WorkerSlot};
use crate::sync::Work;

#[cfg(uses = "inplace")]
mod accepting;
#[cfg(uses = "queue")]
mod queued;

#[cfg(uses = "inplace")]
pub use accepting::serve_one_by_one;
#[cfg(uses = "queue")]
pub use queued::serve_queued;

/// How often processor times are published, at most.
const CPU_EVERY: Duration = Duration::from_millis(500);

/// What a thread is told from outside.
pub trait Orders {
    /// Take no more connections and end when the present one has.
    fn finish(&self) -> bool;
    /// End at once.
    fn stop(&self) -> bool;
    /// A connection is about to be served; false if it is one too many and it is the last (MaxConnectionsPerChild).
    fn count_connection(&self) -> bool;
    /// This thread takes connections from now on.
    fn ready(&self, _executor: &Executor) {}
    /// Called now and then while a connection is served.
    fn meanwhile(&self) {}
    /// What is let in while this thread waits; `None`: its signals are another thread's business.
    fn wait_mask(&self) -> Option<SignalSet> {
        None
    }
    /// The longest it may wait for a connection without a look at its orders.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// What a thread lends to its connection.
struct InPlace {
    board: Board,
    slot: Rc<WorkerSlot>,
    facts: ChildFacts,
}

impl Host for InPlace {
    fn poll_permit(&self, _cx: &mut Context<'_>) -> Poll<Permit> {
        Poll::Ready(Permit::lasting(self.slot.clone()))
    }

    fn closing(&self) -> bool {
        self.board.own.is_closing()
    }

    fn block(&self, work: Work) -> std::io::Result<()> {
        work();
        Ok(())
    }

    fn parks(&self) -> bool {
        false
    }

    fn sharers(&self) -> usize {
        self.board.own.view().shape().threads as usize
    }

    /// The thread's slot shows what its one connection does.
    fn count(&self, what: Stage, change: i32) {
        self.slot.set(what.shown(change));
    }

    fn shuns(&self, key: &dyn Fn() -> u64) -> bool {
        self.board.own.view().shuns(key)
    }

    fn child(&self) -> ChildFacts {
        self.facts
    }

    fn snapshot(&self) -> Snapshot {
        self.board.snapshot()
    }
}

fn attend(
    child: &Share,
    number: u32,
    orders: &dyn Orders,
    work: impl FnOnce(&mut Thread) -> Result<(), i32>,
) -> Result<(), i32> {
    let slot = child.board.own.worker(number);
    let thread = Thread::new(child, slot.clone(), orders);
    let outcome = match thread {
        Ok(mut thread) => work(&mut thread),
        Err(error) => Err(child.sick(20111, "this thread cannot serve", &error)),
    };
    slot.set(match orders.stop() {
        true => Status::Dead,
        false => Status::Graceful,
    });
    log::flush_all();
    outcome
}

struct Thread {
    slot: WorkerSlot,
    executor: Rc<Executor>,
    context: Rc<ServeContext>,
    measured: Cell<Instant>,
    ids: u64,
}

impl Thread {
    fn new(child: &Share, slot: WorkerSlot, orders: &dyn Orders) -> std::io::Result<Thread> {
        let executor = Executor::new()?;
        executor.set_wait_mask(orders.wait_mask());
        log::set_manner(Manner::Gather);
        let host = Rc::new(InPlace {
            board: child.board.clone(),
            slot: Rc::new(slot.clone()),
            facts: child.facts(),
        });
        Ok(Thread {
            slot,
            executor,
            context: ServeContext::new(child.generation.clone(), host),
            measured: Cell::new(Instant::now()),
            ids: 0,
        })
    }

    /// Has nothing to do: says so, and gives how long at most.
    fn rest(&self, orders: &dyn Orders) -> Option<Duration> {
        self.slot.set(Status::Ready);
        let now = Instant::now();
        let again = [log::flush_idle(now), self.context.files.sweep(now)];
        let again = again.into_iter().flatten().min();
        let again = again.map(|at| at.saturating_duration_since(now));
        [again, orders.patience()].into_iter().flatten().min()
    }

    /// Serves a connection that was accepted; false if this thread is to take no other.
    fn take(
        &mut self,
        child: &Share,
        accepted: Accepted,
        listener: u32,
        orders: &dyn Orders,
    ) -> bool {
        let more = orders.count_connection();
        self.ids += 1;
        self.drive(accept::connection(accepted, listener, self.ids), orders);
        self.measure(child, Instant::now());
        more
    }

    /// Drives one connection to its end, or until the process is told to stop.
    fn drive(&self, parked: Parked, orders: &dyn Orders) {
        let future = serve(self.context.clone(), parked);
        let driven = || {
            self.executor.block_on_until(future, &mut || {
                orders.meanwhile();
                orders.stop()
            })
        };
        // A panic costs its connection; it has been told by the panic hook. An error means that the kernel refuses to wait: the
        // connection is lost, and the next wait will tell.
        let _ = catch_unwind(AssertUnwindSafe(driven));
    }

    fn measure(&self, child: &Share, now: Instant) {
        if now.saturating_duration_since(self.measured.get()) >= CPU_EVERY {
            self.measured.set(now);
            child.board.own.spent(system::cpu_times());
        }
    }
}
