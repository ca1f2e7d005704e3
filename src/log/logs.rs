//! All logs of one reading of the configuration: each opened once, however often it is named, and reopened together.

use super::destination::Destination;
use super::format::SystemError;
use super::program::Programs;
use super::target::Target;
use crate::os::descriptor;
use crate::os::file::{self, OwnedFile};
use crate::sync::{Counter, Lock, Shared};
use std::fmt;
use std::io;

/// What a log is for, which decides how a failure to open it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `ErrorLog`.
    Errors,
    /// `CustomLog`, `TransferLog`, `GlobalLog` and whatever else modules write.
    Transfers,
}

/// A log that could not be opened, told in one line: `(13)Permission denied: AH00091: httpd: could not ...`.
#[derive(Debug)]
pub struct OpenError {
    /// Apache's number of the event.
    pub number: u32,
    pub error: io::Error,
    pub text: String,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = SystemError(&self.error);
        write!(f, "{error}: AH{:05}: {}", self.number, self.text)
    }
}

impl std::error::Error for OpenError {}

/// The logs of one reading of the configuration.
#[derive(Debug, Default)]
pub struct Logs {
    list: Lock<Vec<Entry>>,
    /// One more than the index of the log that stands at standard error, or 0.
    at_stderr: Counter,
}

#[derive(Clone, Debug)]
struct Entry {
    purpose: Purpose,
    log: Shared<Destination>,
}

impl Logs {
    pub const fn new() -> Logs {
        Logs {
            list: Lock::new(Vec::new()),
            at_stderr: Counter::new(0),
        }
    }

    /// The log for a target; the same one for the same target.
    pub fn destination(&self, target: Target, purpose: Purpose) -> Shared<Destination> {
        let mut list = self.list.lock();
        if let Some(known) = list.iter().find(|entry| *entry.log.target() == target) {
            return Shared::clone(&known.log);
        }
        let log = Shared::new(Destination::new(target));
        list.push(Entry {
            purpose,
            log: Shared::clone(&log),
        });
        log
    }

    fn entries(&self) -> Vec<Entry> {
        self.list.lock().clone()
    }

    /// Opens all logs, in the order of their making, and starts log programs. At the first failure it stops; dropping the
    /// logs then closes what is open, at which log programs end.
    pub fn open(&self, programs: &mut Programs) -> Result<(), OpenError> {
        for entry in self.entries() {
            let log = &entry.log;
            let opened = match (log.target(), log.descriptor()) {
                (Target::Program(program), None) => programs
                    .start(program, entry.purpose)
                    .and_then(|writing_end| log.connect(writing_end)),
                _ => log.open(),
            };
            opened.map_err(|error| entry.failure(error))?;
        }
        Ok(())
    }

    /// Lets standard error go to this log: what the C library, a panic or a program started from here says is kept there.
    /// Nothing happens for syslog.
    pub fn capture_stderr(&self, log: &Shared<Destination>) -> io::Result<()> {
        let list = self.entries();
        let index = list
            .iter()
            .position(|entry| Shared::ptr_eq(&entry.log, log));
        if let Some(descriptor) = log.descriptor() {
            file::duplicate_to_standard(descriptor, 2)?;
            self.at_stderr
                .set(index.map_or(0, |index| index as u64 + 1));
        }
        Ok(())
    }

    /// Opens all files anew under their names. Those that cannot be opened go on as they are, and are told.
    pub fn reopen(&self) -> Reopened {
        self.reopen_those(|_| true)
    }

    /// Opens anew those files whose name was given to another file, or taken away, since they were opened (logrotate,
    /// `mv`). Looks at every file, so about once a second is often enough.
    pub fn reopen_renamed(&self) -> Reopened {
        self.reopen_those(Destination::was_renamed)
    }

    fn reopen_those(&self, wanted: impl Fn(&Destination) -> bool) -> Reopened {
        let mut reopened = Reopened::default();
        for (index, entry) in self.entries().into_iter().enumerate() {
            if !wanted(&entry.log) {
                continue;
            }
            match entry.log.reopen() {
                Ok(None) => {}
                Ok(Some(_)) => {
                    self.follow_at_stderr(index, &entry);
                    reopened.files.push(index);
                }
                Err(error) => reopened.failures.push(entry.failure(error)),
            }
        }
        reopened
    }

    fn follow_at_stderr(&self, index: usize, entry: &Entry) {
        if self.at_stderr.get() == index as u64 + 1 {
            if let Some(descriptor) = entry.log.descriptor() {
                // If it fails, standard error stays with the old file, which is no loss of the log's lines.
                let _ = file::duplicate_to_standard(descriptor, 2);
            }
        }
    }

    /// The log of this index, whose descriptor the parent sends to children that may not open files themselves.
    pub fn at(&self, index: usize) -> Option<Shared<Destination>> {
        let list = self.list.lock();
        list.get(index).map(|entry| Shared::clone(&entry.log))
    }

    /// Takes, in a child, a file that the parent opened anew.
    pub fn adopt(&self, index: usize, file: &OwnedFile) -> io::Result<()> {
        let list = self.entries();
        let entry = list.get(index).ok_or(io::ErrorKind::NotFound)?;
        if let Some(place) = entry.log.descriptor() {
            descriptor::replace(place, file)?;
            self.follow_at_stderr(index, entry);
        }
        Ok(())
    }
}

/// What became of files that were to be opened anew.
#[derive(Debug, Default)]
pub struct Reopened {
    /// Those that were, by index (see [`Logs::at`]).
    pub files: Vec<usize>,
    pub failures: Vec<OpenError>,
}

impl Entry {
    fn failure(&self, error: io::Error) -> OpenError {
        let (number, text) = match (self.log.target(), self.purpose) {
            (Target::Program(program), Purpose::Errors) => {
                let text = format!("Couldn't start ErrorLog process '{}'.", program.command);
                (89, text)
            }
            (Target::Program(program), Purpose::Transfers) => {
                let text = format!("unable to start piped log program '{}'", program.command);
                (104, text)
            }
            (target, Purpose::Errors) => (
                91,
                format!("httpd: could not open error log file {target}."),
            ),
            (target, Purpose::Transfers) => {
                (649, format!("could not open transfer log file {target}."))
            }
        };
        OpenError {
            number,
            error,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn file(path: &Path) -> Target {
        Target::File(path.to_path_buf())
    }

    #[test]
    fn the_same_target_is_opened_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::new();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let one = logs.destination(file(&a), Purpose::Errors);
        let two = logs.destination(file(&a), Purpose::Transfers);
        let other = logs.destination(file(&b), Purpose::Transfers);
        assert!(Shared::ptr_eq(&one, &two) && !Shared::ptr_eq(&one, &other));
        logs.open(&mut Programs::new()).expect("opened");
        one.write(b"line\n", true);
        assert_eq!(std::fs::read(&a).expect("written"), b"line\n");
    }

    #[test]
    fn failures_read_like_apaches() {
        let show = |target: Target, purpose: Purpose| {
            let logs = Logs::new();
            logs.destination(target, purpose);
            let opened = logs.open(&mut Programs::new());
            opened.map_err(|error| error.to_string())
        };
        let program = |command: &str| Target::of_error_log(command, Path::new("/"));
        assert_eq!(
            show(file(Path::new("/")), Purpose::Errors),
            Err("(21)Is a directory: AH00091: httpd: could not open error log file /.".into())
        );
        assert_eq!(
            show(file(Path::new("/no/x")), Purpose::Transfers),
            Err(
                "(2)No such file or directory: AH00649: could not open transfer log file /no/x."
                    .into()
            )
        );
        assert_eq!(
            show(program("|/no/x"), Purpose::Errors),
            Err(
                "(2)No such file or directory: AH00089: Couldn't start ErrorLog process '/no/x'."
                    .into()
            )
        );
        assert_eq!(
            show(program("|/no/x"), Purpose::Transfers),
            Err(
                "(2)No such file or directory: AH00104: unable to start piped log program '/no/x'"
                    .into()
            )
        );
    }

    #[test]
    fn a_renamed_file_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let logs = Logs::new();
        let log = logs.destination(file(&path), Purpose::Errors);
        logs.open(&mut Programs::new()).expect("opened");
        log.write(b"1\n", true);
        assert!(logs.reopen_renamed().files.is_empty());
        let old = folder.path().join("old");
        std::fs::rename(&path, &old).expect("renamed");
        log.write(b"2\n", true);
        assert_eq!(logs.reopen_renamed().files, [0]);
        log.write(b"3\n", true);
        assert_eq!(std::fs::read(&old).expect("kept"), b"1\n2\n");
        assert_eq!(std::fs::read(&path).expect("new"), b"3\n");
        assert_eq!(logs.reopen().files, [0]);
        // A folder that is gone leaves the log where it is.
        drop(folder);
        let reopened = logs.reopen_renamed();
        assert_eq!((reopened.files.len(), reopened.failures.len()), (0, 1));
        log.write(b"4\n", true);
        assert_eq!(log.lost(), 0);
    }

    #[test]
    fn a_child_takes_what_the_parent_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let logs = Logs::new();
        let log = logs.destination(file(&old), Purpose::Errors);
        logs.open(&mut Programs::new()).expect("opened");
        let opened = std::fs::File::create(&new).expect("made").into();
        logs.adopt(0, &opened).expect("adopted");
        assert!(logs.adopt(1, &opened).is_err() && logs.at(1).is_none());
        log.write(b"line\n", true);
        assert_eq!(std::fs::read(&new).expect("written"), b"line\n");
    }
}
