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

use super::common::fit;
use super::common::limits::{Ceilings, Fitted, Wanted};
use super::common::note::Note;
use super::common::Mpm;
use crate::config::directive::Arity::{Argv, Take1};
use crate::config::directive::{Directive, Scope};
use crate::mpm::common::conf as set;

pub use handover::{handed, Handed};

/// The directives of this MPM.
#[rustfmt::skip]
pub static DIRECTIVES: &[Directive] = &[
    Directive::new("Listen", Scope::SERVER, Argv, set::listen, "An address and port to take connections on, and the protocol if it is not the usual one"),
    Directive::new("ListenBacklog", Scope::SERVER, Take1, set::listen_backlog, "How many connections may wait to be accepted"),
    Directive::new("SendBufferSize", Scope::SERVER, Take1, set::send_buffer, "The system's send buffer in bytes; 0 is its default"),
    Directive::new("ReceiveBufferSize", Scope::SERVER, Take1, set::receive_buffer, "The system's receive buffer in bytes; 0 is its default"),
    Directive::new("PidFile", Scope::SERVER, Take1, set::pid_file, "The file that holds the control process's number"),
    Directive::new("ScoreBoardFile", Scope::SERVER, Take1, set::score_board_file, "A file in which other programs can read what the server is doing"),
    Directive::new("CoreDumpDirectory", Scope::SERVER, Take1, set::core_dump_directory, "A folder that must be there; Windows writes its dumps where it is told to elsewhere"),
    Directive::new("MaxConnectionsPerChild", Scope::SERVER, Take1, set::max_connections_per_child, "Connections after which the child is replaced; 0 is without limit"),
    Directive::new("MaxRequestsPerChild", Scope::SERVER, Take1, set::max_requests_per_child, "The old name of MaxConnectionsPerChild"),
    Directive::new("MaxMemFree", Scope::SERVER, Take1, set::max_mem_free, "Has no effect: memory is given back when it is not needed"),
    Directive::new("ThreadLimit", Scope::SERVER, Take1, set::thread_limit, "The most threads that ThreadsPerChild may ask for"),
    Directive::new("ThreadsPerChild", Scope::SERVER, Take1, set::threads_per_child, "Requests that the child works on at once"),
    Directive::new("ThreadStackSize", Scope::SERVER, Take1, set::thread_stack_size, "Stack of each thread in bytes; 0 is the system's default"),
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
