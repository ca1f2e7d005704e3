//! What the loops of one process share: permits, threads for blocking work, and the counts by which it is decided whether to take
//! more connections.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use super::super::common::child::Child;
use super::super::common::crew::Orders;
use super::super::common::share::Share;
use super::permits::Permits;
use crate::connection::host::Stage;
use crate::run::Pool;
use crate::scoreboard::{Held, Status};
use crate::sync::Shared;

/// AsyncRequestWorkerFactor is counted in sixteenths, as Apache does.
const UNIT: f64 = 16.0;

/// One process's shared state.
pub struct Hall {
    pub share: Share,
    pub orders: Shared<Orders>,
    pub permits: Permits,
    pub pool: Pool,
    threads: u32,
    loops: u32,
    factor: u64,
    /// MaxConnectionsPerChild; 0 is for ever.
    most: u64,
    accepted: AtomicU64,
    connections: AtomicI64,
    parked: AtomicI64,
    writing: AtomicI64,
    kept_alive: AtomicI64,
    closing: AtomicI64,
    /// Loops that may still listen.
    listening: AtomicU32,
}

impl Hall {
    pub fn new(child: &Child, orders: Shared<Orders>, loops: u32) -> Hall {
        let threads = child.board.own.view().shape().threads;
        let conf = child.conf();
        let stack = Some(conf.thread_stack_size).filter(|bytes| *bytes > 0);
        for number in 0..threads {
            child.board.own.worker(number).set(Status::Ready);
        }
        Hall {
            share: child.share(),
            orders,
            permits: Permits::new(threads),
            pool: Pool::new(threads as usize, stack),
            threads,
            loops,
            factor: (conf.async_factor.unwrap_or(2.0) * UNIT).max(1.0) as u64,
            most: conf.max_connections_per_child,
            accepted: AtomicU64::new(0),
            connections: AtomicI64::new(0),
            parked: AtomicI64::new(0),
            writing: AtomicI64::new(0),
            kept_alive: AtomicI64::new(0),
            closing: AtomicI64::new(0),
            listening: AtomicU32::new(loops),
        }
    }

    /// Loops that the process began with.
    pub fn loops(&self) -> u32 {
        self.loops
    }

    /// Whether there is room for another connection: a worker is idle, and there are fewer connections than one a worker and a
    /// factor more for each idle one. Those that are only being closed do not count.
    pub fn has_room(&self) -> bool {
        let idle = self.permits.free() as u64;
        let counted =
            self.connections.load(Ordering::Relaxed) - self.closing.load(Ordering::Relaxed);
        let most = u64::from(self.threads) + idle * self.factor / UNIT as u64;
        idle > 0 && u64::try_from(counted).unwrap_or(0) < most
    }

    /// How many connections one loop may take at once: all loops together no more than there are idle workers, so that a burst
    /// does not queue here while another process has workers for it.
    pub fn handful(&self, most: usize) -> usize {
        let share = self.permits.free() / self.loops as usize;
        share.clamp(1, most)
    }

    /// A connection was accepted. After MaxConnectionsPerChild of them the process finishes.
    pub fn enter(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let count = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if self.most > 0 && count >= self.most {
            self.orders.finish();
        }
    }

    /// A connection has ended.
    pub fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A loop's parked connections have become more or fewer.
    pub fn parked_changed(&self, change: i64) {
        self.parked.fetch_add(change, Ordering::Relaxed);
    }

    /// See `Host::count`.
    pub fn count(&self, what: Stage, change: i32) {
        let counter = match what {
            Stage::Writing => &self.writing,
            Stage::KeepAlive => &self.kept_alive,
            Stage::Closing => &self.closing,
        };
        counter.fetch_add(i64::from(change), Ordering::Relaxed);
    }

    /// Whether answers are to be the last on their connections.
    pub fn is_closing(&self) -> bool {
        self.orders.is_finishing() || self.share.board.own.is_closing()
    }

    /// A loop listens no more and never will. The last one has the sockets let go.
    pub fn deaf(&self) {
        if self.listening.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.share.close_listeners();
        }
    }

    /// Puts the counts on the scoreboard.
    pub fn publish(&self) {
        let read = |counter: &AtomicI64| counter.load(Ordering::Relaxed);
        let kept = read(&self.parked) + read(&self.kept_alive);
        let (writing, closing) = (read(&self.writing), read(&self.closing));
        let working = i64::from(self.threads) - self.permits.free() as i64;
        let all = read(&self.connections);
        // Each number is read by itself, so that a sum may be off by one that is on its way.
        let plain = |count: i64| u64::try_from(count).unwrap_or(0);
        self.share.board.own.hold(&Held {
            connections: plain(all),
            waiting_io: plain(all - kept - writing - closing - working),
            writing: plain(writing),
            kept_alive: plain(kept),
            closing: plain(closing),
            suspended: 0,
        });
        self.permits.nudge();
    }

    /// Shows the workers that wait as finishing.
    pub fn finish(&self) {
        for number in 0..self.threads {
            let slot = self.share.board.own.worker(number);
            if slot.status() == Status::Ready {
                slot.set(Status::Graceful);
            }
        }
    }
}
