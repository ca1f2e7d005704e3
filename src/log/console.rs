//! Where messages go before the error log is open: standard error, or the file of `-E`.

use super::destination::Destination;
use super::error_log::{ErrorLog, Formats};
use super::level::{Level, Levels};
use super::logs::OpenError;
use super::site::Site;
use super::target::Target;
use crate::os;
use crate::sync::Shared;
use std::path::Path;

/// The [`Site`] of the start: options, reading the configuration, opening logs and sockets.
#[derive(Clone, Debug)]
pub struct Console {
    levels: Levels,
    log: ErrorLog,
}

impl Console {
    /// Messages to standard error, down to the level of `-e` (usually `warn`).
    pub fn new(level: Option<Level>) -> Console {
        Console {
            levels: Levels::all(level.unwrap_or(Level::Warn)),
            log: ErrorLog::stderr(),
        }
    }

    /// The same, with standard error going to the file of `-E` from now on.
    pub fn into_file(level: Option<Level>, path: &Path) -> Result<Console, OpenError> {
        let open = || {
            let destination = Destination::new(Target::File(path.to_path_buf()));
            destination.open()?;
            if let Some(file) = destination.descriptor() {
                os::file::duplicate_to_standard(file, 2)?;
            }
            Ok(destination)
        };
        let destination = open().map_err(|error| OpenError {
            number: 86,
            error,
            text: format!("httpd: could not open error log file {}.", path.display()),
        })?;
        Ok(Console {
            log: ErrorLog::new(Shared::new(destination), &Formats::new()),
            ..Console::new(level)
        })
    }
}

impl Site for Console {
    fn log_levels(&self) -> &Levels {
        &self.levels
    }
    fn log_errors(&self) -> &ErrorLog {
        &self.log
    }
}
