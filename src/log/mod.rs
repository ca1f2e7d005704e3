//! The logs: error logs, to which everything speaks, and the writing side of access logs. A connection's path ends here,
//! in one line of an access log; on its way it meets `log!` wherever something is worth telling.
//!
//! # To write a message
//! A file of a module names its module once, then logs from any [`Site`] (server, connection, request):
//! ```ignore
//! const LOG_MODULE: &str = "alias";
//! log!(request, Level::Error, 671, "cannot map {}", log::raw(path));
//! log!(request, Level::Info, 0, err = error, "cannot open {}", log::raw(path)); // (2)No such file ...: cannot open
//! log::startup!(console, Level::Alert, 558, "httpd: could not ..."); // short form, before the error log is open
//! ```
//! The number is Apache's where Apache has the same event, from 20000 where the event is ours, 0 where there is none;
//! each stands for one text (`tests/log_numbers.rs`). Nothing is formatted if the level is not enabled. The text is
//! escaped, cut at 8 KiB, and written as one line with one write(2). `log!` never fails and never blocks a loop.
//!
//! # From configuration to an open log
//! Directives make [`Levels`] (LogLevel), [`Formats`] (ErrorLogFormat) and [`Target`]s (ErrorLog, CustomLog). A reading
//! of the configuration owns one [`Logs`], which hands out a [`Destination`] for each target, once however often it is
//! named; [`ErrorLog::new`] joins destination and formats, [`LogWriter::new`] makes the writing end of an access log.
//! Before they are open, lines go to standard error. The parent calls [`Logs::open`], which also starts log programs
//! and gives them to its [`Programs`]; children inherit all of it.
//!
//! # Duties of who runs a thread or a process
//! - a thread with an executor: [`set_manner`] at its start, [`flush_idle`] before it waits, [`flush_all`] at its end;
//! - the parent: [`Programs::exited`] for each child it reaps, [`Programs::tend`] and [`Logs::reopen_renamed`] about
//!   once a second, [`Logs::reopen`] when told to.

mod batch;
mod console;
mod destination;
pub mod error_log;
mod escape;
pub mod format;
pub mod level;
mod logs;
mod program;
pub mod site;
mod stamp;
mod syslog;
mod target;
mod writer;

pub use batch::{flush_all, flush_idle, set_manner, Manner};
pub use console::Console;
pub use destination::Destination;
pub use error_log::{Emit, ErrorLog, Event, Formats};
pub use escape::{escape_error, escape_item, raw, Raw};
pub use format::{os_error_text, Format, SystemError};
pub use level::{Level, Levels, UNKNOWN_LEVEL};
pub use logs::{Logs, OpenError, Purpose, Reopened};
pub use program::Programs;
pub use site::{ConnectionFacts, Mark, RequestFacts, Site};
pub use target::{Program, SyslogTarget, Target};
pub use writer::LogWriter;

pub use crate::startup;

/// Writes a message to the error log of a [`Site`]: site, level, number, optionally `err = &io::Error`, format and
/// arguments. The calling file has a `const LOG_MODULE: &str`.
#[macro_export]
macro_rules! log {
    ($site:expr, $level:expr, $number:expr, err = $error:expr, $($text:tt)+) => {
        $crate::log_event!(log_emit, $site, $level, $number, ::core::option::Option::Some(&$error), $($text)+)
    };
    ($site:expr, $level:expr, $number:expr, $($text:tt)+) => {
        $crate::log_event!(log_emit, $site, $level, $number, ::core::option::Option::None, $($text)+)
    };
}

/// Writes a message in the short form of start-up (`AH00558: httpd: ...`), with the arguments of [`log!`].
#[macro_export]
macro_rules! startup {
    ($site:expr, $level:expr, $number:expr, err = $error:expr, $($text:tt)+) => {
        $crate::log_event!(log_emit_startup, $site, $level, $number, ::core::option::Option::Some(&$error), $($text)+)
    };
    ($site:expr, $level:expr, $number:expr, $($text:tt)+) => {
        $crate::log_event!(log_emit_startup, $site, $level, $number, ::core::option::Option::None, $($text)+)
    };
}

/// What [`log!`] and [`startup!`] have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! log_event {
    ($emit:ident, $site:expr, $level:expr, $number:expr, $error:expr, $($text:tt)+) => {
        match &$site {
            site => {
                use $crate::log::{Emit as _, Site as _};
                let level: $crate::log::Level = $level;
                if site.log_levels().enabled(LOG_MODULE, level) || site.keeps_always(level) {
                    site.$emit(&$crate::log::Event {
                        module: LOG_MODULE,
                        level,
                        number: $number,
                        error: $error,
                        file: file!(),
                        line: line!(),
                        text: format_args!($($text)+),
                    });
                }
            }
        }
    };
}
