//! prefork: many processes, one thread and one connection each. There is no thread besides, so modules need not be safe for
//! threads, and a crash costs one connection.

use std::cell::Cell;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::common::child::{wait_mask, Child, ORPHANED, WAKE};
use super::common::conf::{self, directives};
use super::common::fit::fit;
use super::common::inplace::{serve_one_by_one, Orders};
use super::common::share::Share;
use super::common::{parent, Ceilings, ChildNumbers, Mpm, Numbers, Wanted};
use crate::config::directive::Directive;
use crate::os::signal::{self, SignalSet};
use crate::run::Executor;

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = directives![
    conf::one(
        "MinSpareServers",
        conf::min_spare,
        "The fewest idle processes"
    ),
    conf::one(
        "MaxSpareServers",
        conf::max_spare,
        "The most idle processes"
    ),
];

/// What the common half must know.
pub static MPM: Mpm = parent::record(
    Numbers {
        configured: 163,
        built: 164,
        caught_term: 169,
        caught_winch: 170,
        graceful: 171,
        restart: 173,
        at_limit: 161,
        busy: 162,
        children: ChildNumbers {
            near_limit: 0,
            fork_failed: 159,
            old_fatal: 166,
            stranger: 167,
            killed_in_a_row: 20130,
            never_started: 20131,
        },
    },
    Ceilings {
        first_message: 175,
        server_limit: 200_000,
        thread_limit: 1,
    },
    Wanted {
        server_limit: 256,
        thread_limit: 1,
        threads_per_child: 1,
        max_request_workers: 256,
        start_servers: 5,
        min_spare: 5,
        max_spare: 10,
        buckets: 1,
    },
    fit,
    serve,
);

/// What the only thread of a child is told.
struct Alone<'a> {
    child: &'a Child,
    share: &'a Share,
    connections: Cell<u64>,
    most: u64,
    /// It has stopped listening, in the middle of its last connection.
    deaf: Cell<bool>,
    /// When it last listened to the parent.
    heard: Cell<Instant>,
}

/// How often a busy child listens to its parent.
const LISTEN_EVERY: Duration = Duration::from_millis(250);

impl Orders for Alone<'_> {
    fn finish(&self) -> bool {
        self.child.told_to_finish() || self.child.board.own.is_closing()
    }

    fn stop(&self) -> bool {
        self.child.told_to_stop()
    }

    fn count_connection(&self) -> bool {
        self.connections.set(self.connections.get() + 1);
        let more = self.most == 0 || self.connections.get() < self.most;
        if !more {
            // The parent starts another while this one still serves its last connection.
            self.child.report_finishing();
        }
        more
    }

    fn wait_mask(&self) -> Option<SignalSet> {
        Some(wait_mask())
    }

    fn ready(&self, _executor: &Executor) {
        self.child.report_ready();
    }

    fn meanwhile(&self) {
        // A connection that never rests must not keep its child from hearing of logs that were opened anew.
        let now = crate::run::now();
        let due = now.saturating_duration_since(self.heard.get()) >= LISTEN_EVERY;
        if signal::take(WAKE) || due {
            self.heard.set(now);
            self.child.told_to_finish();
        }
        let finishing = self.child.board.own.is_closing() || self.child.is_orphaned();
        if finishing && !self.deaf.replace(true) {
            self.share.close_listeners();
            if self.child.is_orphaned() {
                // Something must wake this thread when its time is over.
                Executor::current().spawn(crate::run::sleep(ORPHANED));
            }
        }
    }
}

/// A child's life.
fn serve(child: &Child) -> i32 {
    let share = child.share();
    let orders = Alone {
        child,
        share: &share,
        connections: Cell::new(0),
        most: child.conf().max_connections_per_child,
        deaf: Cell::new(false),
        heard: Cell::new(Instant::now()),
    };
    let call: Vec<_> = child.line.iter().map(AsFd::as_fd).collect();
    let outcome = serve_one_by_one(&share, 0, &call, &orders);
    outcome.err().unwrap_or(0)
}
