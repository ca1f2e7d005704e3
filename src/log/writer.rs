//! The writing end of an access log, or of any log that modules keep: whole lines in, as few writes as possible out.

use super::batch;
use super::destination::Destination;
use super::error_log::ErrorLog;
use crate::sync::Shared;

/// A log of lines. Cloning it makes another name for it.
#[derive(Clone, Debug)]
pub struct LogWriter {
    destination: Shared<Destination>,
    buffered: bool,
}

impl LogWriter {
    /// Lines to a destination (see [`super::Logs::destination`]). Those of a thread that gathers are written when it has a
    /// pause; with `buffered` (`BufferedLogs On`) when there are 16 KiB of them or they are a second old.
    pub fn new(destination: Shared<Destination>, buffered: bool) -> LogWriter {
        LogWriter {
            destination,
            buffered,
        }
    }

    pub fn destination(&self) -> &Shared<Destination> {
        &self.destination
    }

    /// Takes a line, without its end. If it cannot be written it is lost, which is counted and told to `errors` once.
    pub fn line(&self, line: &[u8], errors: &ErrorLog) {
        let parts = [line, b"\n"];
        batch::append(
            &self.destination,
            Some(errors),
            &parts,
            false,
            self.buffered,
        );
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
