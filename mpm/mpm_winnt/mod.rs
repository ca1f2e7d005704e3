//! mpm_winnt: a control process and one child with a fixed number of threads, for Windows.
//!
//! Windows has no fork. The control process reads and checks the configuration, binds the ports, and starts the same program
//! once more; it hands it the bytes of the configuration, and the sockets.

mod accept;
mod child;
mod control;
mod handover;
mod house;
mod names;
mod port;
pub mod service;
mod system;
mod worker;

use super::common::conf::row;
use super::common::fit;
use super::common::limits::{Ceilings, Fitted, Wanted};
use super::common::note::Note;
use super::common::Mpm;
use crate::config::directive::Directive;

pub use handover::{handed, Handed};

/// The directives of this MPM.
pub static DIRECTIVES: &[Directive] = &[
    row("Listen"),
    row("ListenBacklog"),
    row("SendBufferSize"),
    row("ReceiveBufferSize"),
    row("PidFile"),
    row("ScoreBoardFile"),
    row("CoreDumpDirectory"),
    row("MaxConnectionsPerChild"),
    row("MaxRequestsPerChild"),
    row("MaxMemFree"),
    row("ThreadLimit"),
    row("ThreadsPerChild"),
    row("ThreadStackSize"),
];

/// What the common half must know.
pub static MPM: Mpm = Mpm {
    ceilings: Ceilings {
        first_message: 20_400,
        server_limit: 1,
        thread_limit: 15_000,
    },
    defaults: Wanted {
        server_limit: 1,
        thread_limit: 1920,
        threads_per_child: 64,
        max_request_workers: 64,
        start_servers: 1,
        min_spare: 1,
        max_spare: 64,
        buckets: 1,
    },
    parks: true,
    fit,
    run: control::run,
};

/// ThreadsPerChild within ThreadLimit; the one child has as many workers as threads.
fn fit(wanted: &Wanted, ceilings: &Ceilings, starting: bool) -> (Fitted, Vec<Note>) {
    let most = wanted.thread_limit.clamp(1, ceilings.thread_limit);
    let threads = wanted.threads_per_child.clamp(1, most);
    let wanted = Wanted {
        max_request_workers: threads,
        ..*wanted
    };
    fit::fit(&wanted, ceilings, starting)
}
