//! One loop: it takes connections, drives those that have something to do, and parks the rest.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{ready, Context, Poll};
use std::time::{Duration, Instant};

use super::super::common::accept;
use super::super::common::voice::Voice;
use super::hall::Hall;
use crate::connection::context::ServeContext;
use crate::connection::host::{ChildFacts, Host, Permit, Release, Stage};
use crate::connection::{retire, serve, Outcome, Parked};
use crate::listen::{Accepted, Failure};
use crate::log::{self, Manner};
use crate::run::{Event, Executor, Lot};
use crate::scoreboard::{Snapshot, Status, WorkerSlot};
use crate::sync::{Shared, Work};

/// Connections taken from one listener before the others, and other loops, have their turn.
const AT_ONCE: usize = 4;

/// How often a loop that does not listen looks whether there is room again.
const FULL: Duration = Duration::from_millis(50);

/// How often a loop looks around when nothing happens.
const IDLE: Duration = Duration::from_secs(1);

/// Runs a loop until the process ends. It prefers permits from number `first_permit` on. An error is the exit code.
pub fn run(hall: &Shared<Hall>, first_permit: u32) -> Result<(), i32> {
    let executor = Executor::new()
        .map_err(|error| hall.share.sick(3103, "this loop has no poller", &error))?;
    hall.orders.wake_at_orders(executor.handle());
    log::set_manner(Manner::NeverWait);
    let host = Rc::new(LoopHost::new(hall, first_permit));
    let context = ServeContext::new(hall.share.generation.clone(), host);
    let this = Rc::new(Loop {
        hall: hall.clone(),
        executor,
        lot: Lot::new(),
        context,
        listening: Cell::new(false),
        deaf: Cell::new(false),
        parked: Cell::new(0),
        ids: Cell::new(0),
    });
    let outcome = this.serve();
    this.listen(false);
    this.end_listening();
    outcome
}

/// What a loop lends to its connections.
struct LoopHost {
    hall: Shared<Hall>,
    /// Where looking for a free permit begins.
    first_permit: u32,
    /// All slots of the process, so that a request need not touch a count that other threads touch, too.
    slots: Vec<Rc<WorkerSlot>>,
    release: Release,
}

impl LoopHost {
    fn new(hall: &Shared<Hall>, first_permit: u32) -> LoopHost {
        let own = &hall.share.board.own;
        let workers = 0..own.view().shape().threads;
        let back = hall.clone();
        LoopHost {
            hall: hall.clone(),
            first_permit,
            slots: workers.map(|n| Rc::new(own.worker(n))).collect(),
            release: Rc::new(move |slot| {
                slot.set(match back.orders.is_finishing() {
                    true => Status::Graceful,
                    false => Status::Ready,
                });
                back.permits.give_back(slot.number());
            }),
        }
    }
}

impl Host for LoopHost {
    fn poll_permit(&self, cx: &mut Context<'_>) -> Poll<Permit> {
        let number = ready!(self.hall.permits.poll_take(cx, self.first_permit));
        Poll::Ready(Permit {
            slot: self.slots.get(number as usize).cloned(),
            release: Some(self.release.clone()),
        })
    }

    fn closing(&self) -> bool {
        self.hall.is_closing()
    }

    fn block(&self, work: Work) -> std::io::Result<()> {
        self.hall.pool.run(work)
    }

    fn parks(&self) -> bool {
        true
    }

    fn sharers(&self) -> usize {
        self.hall.loops() as usize
    }

    fn count(&self, what: Stage, change: i32) {
        self.hall.count(what, change);
    }

    fn shuns(&self, key: &dyn Fn() -> u64) -> bool {
        self.hall.share.board.own.view().shuns(key)
    }

    fn child(&self) -> ChildFacts {
        self.hall.share.facts()
    }

    fn snapshot(&self) -> Snapshot {
        self.hall.publish();
        self.hall.share.board.snapshot()
    }
}

/// Counts a connection out when its task ends, however it does.
struct Seat(Option<Rc<Loop>>);

impl Seat {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.iter().for_each(|this| this.hall.leave());
    }
}

struct Loop {
    hall: Shared<Hall>,
    executor: Rc<Executor>,
    lot: Lot<Parked>,
    context: Rc<ServeContext>,
    listening: Cell<bool>,
    deaf: Cell<bool>,
    parked: Cell<i64>,
    ids: Cell<u64>,
}

impl Loop {
    fn serve(self: &Rc<Self>) -> Result<(), i32> {
        let hall = &self.hall;
        while !hall.orders.is_stopping() {
            if hall.orders.is_finishing() {
                self.finish_listening();
                if self.executor.tasks() == 0 && self.lot.is_empty() {
                    return Ok(());
                }
            } else {
                self.listen(hall.has_room());
            }
            let now = Instant::now();
            // Comes by often enough for what it leaves.
            self.context.files.sweep(now);
            self.context.awake.look(now);
            let again = log::flush_idle(now).map(|at| at.saturating_duration_since(now));
            let full = !self.listening.get() && !self.deaf.get();
            let limit = if full { FULL } else { IDLE };
            self.turn(limit.min(again.unwrap_or(IDLE)))?;
            self.count_parked();
        }
        Ok(())
    }

    fn turn(self: &Rc<Self>, limit: Duration) -> Result<(), i32> {
        let mut failed = None;
        let turned = self
            .executor
            .turn(Some(limit), &self.lot, &mut |event| match event {
                Event::Listener(index) => {
                    if let Err(code) = self.accept(index) {
                        failed = Some(code);
                    }
                }
                Event::Parked(parked) => self.drive(parked),
                Event::Expired(parked) => self.close(parked),
                Event::Woken => {}
            });
        if let Err(error) = turned {
            return Err(self.hall.share.sick(20119, "a loop cannot wait", &error));
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes what a listener has, up to a few connections.
    fn accept(self: &Rc<Self>, index: usize) -> Result<(), i32> {
        let Some(listener) = self.hall.share.generation.listeners.get(index) else {
            return Ok(());
        };
        for _ in 0..self.hall.handful(AT_ONCE) {
            if !self.listening.get() || !self.hall.has_room() {
                break;
            }
            match listener.accept() {
                Ok(accepted) => {
                    // An error means that the poller has no memory to spread connections; they still come.
                    let _ = self.executor.accepted(index, listener);
                    self.begin(accepted, index as u32);
                }
                Err(error) => match Failure::of(&error) {
                    Failure::Retry => break,
                    failure => {
                        let voice = Voice::of(&self.hall.share.generation);
                        return accept::go_on(failure, &error, &voice);
                    }
                },
            }
        }
        Ok(())
    }

    /// Counts and drives a connection that was accepted.
    fn begin(self: &Rc<Self>, accepted: Accepted, listener: u32) {
        self.hall.enter();
        self.ids.set(self.ids.get() + 1);
        self.drive(accept::connection(accepted, listener, self.ids.get()));
    }

    /// Drives a connection until it is idle or closed. It is counted, already.
    fn drive(self: &Rc<Self>, parked: Parked) {
        let this = self.clone();
        let seat = Seat(Some(self.clone()));
        // Boxed here, so that it is not moved about on its way to the executor.
        let serving = Box::pin(serve(self.context.clone(), parked));
        self.executor.spawn(async move {
            if let Outcome::Park(parked) = serving.await {
                if this.lot.park(&this.executor, parked).is_ok() {
                    // It goes on being counted until its next task ends.
                    seat.keep();
                }
            }
        });
    }

    /// Closes a connection that has been idle for long enough.
    fn close(self: &Rc<Self>, parked: Parked) {
        let this = self.clone();
        let seat = Seat(Some(self.clone()));
        self.executor.spawn(async move {
            retire(this.context.clone(), parked).await;
            drop(seat);
        });
    }

    /// Begins or ceases to listen, for now.
    fn listen(&self, listen: bool) {
        if listen == self.listening.get() || self.deaf.get() {
            return;
        }
        for (index, listener) in self.hall.share.listeners() {
            let index = index as usize;
            // An error: the listener is in, or out, already.
            let _ = match listen {
                true => self.executor.add_listener(index, listener),
                false => self.executor.remove_listener(listener),
            };
        }
        self.listening.set(listen);
        self.hall.share.board.own.accepting(listen);
    }

    /// The first time: lets go of the listeners, and takes whoever has been let in and would be served by nobody.
    fn finish_listening(self: &Rc<Self>) {
        if self.deaf.get() {
            return;
        }
        // The kernel may have told this loop alone of a connection, and it had no room.
        for (index, listener) in self.hall.share.listeners() {
            let told = std::iter::from_fn(|| listener.accept().ok());
            for accepted in told.take(AT_ONCE) {
                self.begin(accepted, index);
            }
        }
        self.listen(false);
        self.end_listening();
        while let Some((accepted, listener)) = self.hall.share.leftover() {
            self.begin(accepted, listener);
        }
    }

    /// This loop will never listen again.
    fn end_listening(&self) {
        if !self.deaf.replace(true) {
            self.hall.deaf();
        }
    }

    fn count_parked(&self) {
        let now = (self.lot.len() + self.context.awake.resting()) as i64;
        let before = self.parked.replace(now);
        if now != before {
            self.hall.parked_changed(now - before);
        }
    }
}
