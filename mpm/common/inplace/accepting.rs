//! A thread that waits in a set of its own for a connection, a word from the parent or a signal.

use std::os::fd::BorrowedFd;

use super::{attend, Orders, Thread};
use crate::listen::{Acceptor, Next};
use crate::mpm::common::accept;
use crate::mpm::common::share::Share;
use crate::mpm::common::voice::Voice;

const NO_SET: &str = "Couldn't create pollset in child; check system or user limits";

/// Serves connections one after the other until told to end. An error is the exit code of the process.
pub fn serve_one_by_one(
    child: &Share,
    number: u32,
    call: &[BorrowedFd<'_>],
    orders: &dyn Orders,
) -> Result<(), i32> {
    attend(child, number, orders, |thread| {
        thread.work(child, call, orders)
    })
}

impl Thread {
    fn work(
        &mut self,
        child: &Share,
        call: &[BorrowedFd<'_>],
        orders: &dyn Orders,
    ) -> Result<(), i32> {
        let voice = Voice::of(&child.generation);
        let listeners = child.listeners();
        let sockets = listeners.iter().map(|(_, listener)| *listener);
        let set = Acceptor::new(sockets, call, orders.wait_mask());
        // A process that is told to finish lets go of its listeners, perhaps before this thread has begun.
        let mut acceptor = match set {
            Ok(acceptor) => acceptor,
            Err(_) if orders.finish() => {
                self.serve_leftovers(child, orders);
                return Ok(());
            }
            Err(error) => return Err(child.sick(20118, NO_SET, &error)),
        };
        self.slot.run_by(u64::from(crate::os::clock::thread_id()));
        orders.ready(&self.executor);
        while !orders.finish() && !orders.stop() {
            let limit = self.rest(orders);
            let attending = child.attend();
            let next = acceptor.next(limit);
            drop(attending);
            match next {
                Next::Connection(accepted, place) => {
                    let number = listeners.get(place).map_or(0, |(number, _)| *number);
                    if !self.take(child, accepted, number, orders) {
                        break;
                    }
                }
                Next::Failed(failure, error) => accept::go_on(failure, &error, &voice)?,
                Next::Told(_) | Next::Signal | Next::TimedOut => {}
            }
        }
        drop(acceptor);
        if child.board.own.is_last() {
            // The last to leave closes the door, and serves whoever is behind it by then.
            child.close_unattended();
        }
        self.serve_leftovers(child, orders);
        Ok(())
    }

    /// The last of a server that stops serve whoever has been let in.
    fn serve_leftovers(&mut self, child: &Share, orders: &dyn Orders) {
        while !orders.stop() {
            let Some((accepted, number)) = child.leftover() else {
                return;
            };
            self.take(child, accepted, number, orders);
        }
    }
}
