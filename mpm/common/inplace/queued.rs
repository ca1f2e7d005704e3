//! A thread that gets its connections from another, which accepts for all.

use std::time::Duration;

use super::{attend, Orders, Thread};
use crate::listen::Accepted;
use crate::mpm::common::share::Share;

/// Serves connections one after the other until told to end: `take` gives the next one with its listener's number, after at most the given
/// time. An error is the exit code of the process.
pub fn serve_queued(
    child: &Share,
    number: u32,
    orders: &dyn Orders,
    take: &mut dyn FnMut(Option<Duration>) -> Option<(Accepted, u32)>,
) -> Result<(), i32> {
    attend(child, number, orders, |thread| {
        thread.work_off(child, orders, take)
    })
}

impl Thread {
    fn work_off(
        &mut self,
        child: &Share,
        orders: &dyn Orders,
        take: &mut dyn FnMut(Option<Duration>) -> Option<(Accepted, u32)>,
    ) -> Result<(), i32> {
        self.slot.run_by(u64::from(crate::os::clock::thread_id()));
        orders.ready(&self.executor);
        while !orders.finish() && !orders.stop() {
            if let Some((accepted, number)) = take(self.rest(orders)) {
                if !self.take(child, accepted, number, orders) {
                    break;
                }
            }
        }
        Ok(())
    }
}
