//! Directives of the MPMs whose pool of threads changes its size. They have fewer than the others, and names of their own; what
//! they say is kept in the same record (`common::conf::MpmConf`).

/// Makes the whole table of such an MPM: what all have, then its own rows.
macro_rules! pool_directives {
    ($($own:expr),* $(,)?) => {{
        use $crate::config::directive::{Arity::Argv, Arity::Take1, Directive, Scope};
        use $crate::mpm::common::conf as set;
        &[
            Directive::new("Listen", Scope::SERVER, Argv, set::listen, "An address and port to take connections on, and the protocol if it is not the usual one"),
            Directive::new("ListenBacklog", Scope::SERVER, Take1, set::listen_backlog, "How many connections may wait to be accepted"),
            Directive::new("ListenTCPDeferAccept", Scope::SERVER, Take1, set::defer_accept, "Seconds that the kernel waits for the first bytes before it hands a connection over"),
            Directive::new("SendBufferSize", Scope::SERVER, Take1, set::send_buffer, "The kernel's send buffer in bytes; 0 is the system's default"),
            Directive::new("ReceiveBufferSize", Scope::SERVER, Take1, set::receive_buffer, "The kernel's receive buffer in bytes; 0 is the system's default"),
            Directive::new("PidFile", Scope::SERVER, Take1, set::pid_file, "The file that holds the server's process number"),
            Directive::new("ScoreBoardFile", Scope::SERVER, Take1, set::score_board_file, "A file in which other programs can read what the server is doing"),
            Directive::new("CoreDumpDirectory", Scope::SERVER, Take1, set::core_dump_directory, "The folder a crashing process goes to before it dumps core"),
            Directive::new("CrashQuarantine", Scope::SERVER, Argv, set::crash_quarantine, "A URL that crashed so many children within so many seconds is answered with 503 for so many seconds: on (3 60 300), off, or the three numbers"),
            Directive::new("GracefulShutdownTimeout", Scope::SERVER, Take1, set::graceful_shutdown_timeout, "Seconds that a graceful stop waits for connections; 0 waits for ever"),
            Directive::new("MaxMemFree", Scope::SERVER, Take1, set::max_mem_free, "Has no effect: memory is given back when it is not needed"),
            Directive::new("MinSpareThreads", Scope::SERVER, Take1, set::min_spare, "The fewest idle threads of a process"),
            Directive::new("MaxSpareThreads", Scope::SERVER, Take1, set::max_spare, "The most idle threads of a process"),
            $($own),*
        ]
    }};
}
pub(in crate::mpm) use pool_directives;

use crate::config::directive::{Arity::Take1, Directive, Scope};
use crate::mpm::common::conf as set;

/// Rows that more than one of them has.
pub const START_THREADS: Directive = Directive::new(
    "StartThreads",
    Scope::SERVER,
    Take1,
    set::start_servers,
    "Threads to start with",
);

/// See `START_THREADS`.
pub const THREAD_STACK_SIZE: Directive = Directive::new(
    "ThreadStackSize",
    Scope::SERVER,
    Take1,
    set::thread_stack_size,
    "Stack of each thread in bytes; 0 is the system's default",
);

/// See `START_THREADS`. What it counts for, a thread or a process, is the MPM's choice.
pub const MAX_CONNECTIONS_PER_CHILD: Directive = Directive::new(
    "MaxConnectionsPerChild",
    Scope::SERVER,
    Take1,
    set::max_connections_per_child,
    "Connections after which a child is replaced; 0 is without limit",
);

/// See `START_THREADS`.
pub const MAX_REQUESTS_PER_CHILD: Directive = Directive::new(
    "MaxRequestsPerChild",
    Scope::SERVER,
    Take1,
    set::max_requests_per_child,
    "The old name of MaxConnectionsPerChild",
);
