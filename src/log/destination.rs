//! An opened log: the parent opens it once, children inherit it, everybody appends. Whole lines go in with as few writes
//! as possible; what cannot be written is counted, and told about once when that is possible again.

use super::level::Level;
use super::syslog::Syslog;
use super::target::Target;
use crate::os::descriptor;
use crate::os::file::{self, AsFile, BorrowedFile, OwnedFile};
use crate::sync::{Counter, Once};
use std::fs::File;
use std::io;
use std::time::Duration;

/// Up to so many bytes reach a pipe in one piece, whoever else writes to it (PIPE_BUF).
const PIECE: usize = 4096;

/// How long a thread that may wait does so for a log program that does not read. It then loses lines, and does not wait
/// again before one was taken.
const PATIENCE: Duration = Duration::from_secs(2);

/// A log, opened or not yet. Lines for one that is not open go to standard error.
#[derive(Debug)]
pub struct Destination {
    target: Target,
    open: Once<Open>,
    losses: Losses,
}

#[derive(Debug)]
enum Open {
    File(File),
    /// Writing end of a pipe, never blocking.
    Pipe(File),
    Syslog(Syslog),
}

/// What was not written.
#[derive(Debug, Default)]
struct Losses {
    lines: Counter,
    /// How many of the lines were told about.
    told: Counter,
    /// The system's number of the last error.
    error: Counter,
    /// 1 after the beginning of a loss was told.
    begun: Counter,
    /// 1 if a program let its patient writers down.
    stuck: Counter,
    /// 1 if the last write ended within a line, on a disk that was just full.
    torn: Counter,
}

/// Something to tell about a log, in another log or in itself.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It cannot be written.
    Begun(io::Error),
    /// It can again; so many lines are lost.
    Over(u64),
}

impl Destination {
    /// A log that is not open.
    pub fn new(target: Target) -> Destination {
        Destination {
            target,
            open: Once::new(),
            losses: Losses::default(),
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// True for syslog, whose lines carry no time of ours.
    pub(super) fn is_syslog(&self) -> bool {
        matches!(self.target, Target::Syslog(_))
    }

    /// True for a log program, to which a write may have to wait.
    pub(super) fn is_program(&self) -> bool {
        matches!(self.target, Target::Program(_))
    }

    /// Opens it, unless it is a program, whose pipe is handed over with [`Destination::connect`]. What is open stays so.
    pub(super) fn open(&self) -> io::Result<()> {
        if self.open.get().is_some() {
            return Ok(());
        }
        let open = match &self.target {
            Target::Stderr => Open::File(io::stderr().as_file().try_clone_to_owned()?.into()),
            Target::File(path) => Open::File(file::open_to_append(path)?),
            Target::Syslog(target) => Open::Syslog(Syslog::open(target)),
            Target::Program(_) => return Ok(()),
        };
        // Only the parent opens logs, so nobody can have come first.
        let _ = self.open.set(open);
        Ok(())
    }

    /// Takes the pipe to a program that was started.
    pub(super) fn connect(&self, pipe: OwnedFile) -> io::Result<()> {
        let pipe = File::from(pipe);
        descriptor::never_wait(&pipe)?;
        let _ = self.open.set(Open::Pipe(pipe));
        Ok(())
    }

    /// The descriptor, for what is a file or a pipe.
    pub fn descriptor(&self) -> Option<BorrowedFile<'_>> {
        match self.open.get()? {
            Open::File(file) => Some(file.as_file()),
            Open::Pipe(pipe) => Some(pipe.as_file()),
            Open::Syslog(_) => None,
        }
    }

    /// Opens the file anew under its name, for all who hold this log in this process. Other kinds stay as they are.
    pub(super) fn reopen(&self) -> io::Result<Option<&File>> {
        match (&self.target, self.open.get()) {
            (Target::File(path), Some(Open::File(file))) => {
                descriptor::replace(file, file::open_to_append(path)?)?;
                Ok(Some(file))
            }
            _ => Ok(None),
        }
    }

    /// Whether the file's name now belongs to another file, or to none.
    pub(super) fn was_renamed(&self) -> bool {
        let (Target::File(path), Some(Open::File(file))) = (&self.target, self.open.get()) else {
            return false;
        };
        let Ok(ours) = file.metadata() else {
            return false;
        };
        // A pipe or a terminal under a name has nothing to be renamed away from.
        ours.is_file()
            && match std::fs::metadata(path) {
                Ok(named) => !file::is_same(&named, &ours),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
    }

    /// Writes whole lines, with their ends. Gives how many bytes are dealt with, written or given up as lost; the rest,
    /// only ever where a program is slow and `wait` is false, is to be offered again.
    pub(super) fn write(&self, lines: &[u8], wait: bool) -> usize {
        match self.open.get() {
            None => self.settle(lines, write_out(io::stderr(), lines)),
            Some(Open::File(file)) => self.settle(lines, self.write_file(file, lines)),
            Some(Open::Pipe(pipe)) => self.write_pipe(pipe, lines, wait),
            Some(Open::Syslog(syslog)) => {
                for line in lines.split(|&byte| byte == b'\n') {
                    if !line.is_empty() {
                        self.settle(line, (0, syslog.write(Level::Notice, line)));
                    }
                }
                lines.len()
            }
        }
    }

    /// Writes one line, without its end, to a log that keeps levels. False if this is no such log.
    pub(super) fn write_syslog(&self, level: Level, line: &[u8]) -> bool {
        let Some(Open::Syslog(syslog)) = self.open.get() else {
            return false;
        };
        self.settle(line, (0, syslog.write(level, line)));
        true
    }

    /// Counts what an attempt did not write as lost. All of it is dealt with.
    fn settle(&self, lines: &[u8], (done, result): (usize, io::Result<()>)) -> usize {
        if let Err(error) = result {
            self.lose(lines.get(done..).unwrap_or_default(), &error);
        }
        lines.len()
    }

    fn write_file(&self, file: &File, lines: &[u8]) -> (usize, io::Result<()>) {
        let torn = &self.losses.torn;
        if torn.get() != 0 {
            if let (_, Err(error)) = write_out(file, b"\n") {
                return (0, Err(error));
            }
            torn.set(0);
        }
        let (done, result) = write_out(file, lines);
        let last = done.checked_sub(1).and_then(|last| lines.get(last));
        if result.is_err() && last.is_some_and(|&last| last != b'\n') {
            torn.set(1);
        }
        (done, result)
    }

    /// Counts lines as lost.
    pub(super) fn lose(&self, lines: &[u8], error: &io::Error) {
        let ends = lines.iter().filter(|&&byte| byte == b'\n').count();
        self.losses.lines.add(ends.max(1) as u64);
        let code = error.raw_os_error().unwrap_or_default();
        self.losses.error.set(u64::from(code.unsigned_abs()));
    }

    fn write_pipe(&self, pipe: &File, lines: &[u8], wait: bool) -> usize {
        let mut done = 0;
        while let Some(rest) = lines.get(done..).filter(|rest| !rest.is_empty()) {
            match io::Write::write(&mut &*pipe, piece(rest)) {
                Ok(written) => {
                    done += written;
                    if self.losses.stuck.get() != 0 {
                        self.losses.stuck.set(0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !wait {
                        return done;
                    }
                    if self.losses.stuck.get() != 0 || !descriptor::becomes_writable(pipe, PATIENCE)
                    {
                        self.losses.stuck.set(1);
                        return self.settle(lines, (done, Err(error)));
                    }
                }
                Err(error) => return self.settle(lines, (done, Err(error))),
            }
        }
        done
    }

    /// The beginning of a loss, to be asked for after something could not be written; told once.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let losses = &self.losses;
        let (lines, told) = (losses.lines.get(), losses.told.get());
        if lines == told {
            return None;
        }
        if losses.begun.get() == 0 {
            losses.begun.set(1);
            let code = i32::try_from(losses.error.get()).unwrap_or_default();
            return Some(Trouble::Begun(io::Error::from_raw_os_error(code)));
        }
        None
    }

    /// The end of a loss, to be asked for after something was written.
    pub(super) fn trouble_over(&self) -> Option<Trouble> {
        let losses = &self.losses;
        let (lines, told) = (losses.lines.get(), losses.told.get());
        if lines == told {
            return None;
        }
        losses.told.set(lines);
        losses.begun.set(0);
        Some(Trouble::Over(lines.wrapping_sub(told)))
    }

    /// Lines lost so far, by this process.
    pub fn lost(&self) -> u64 {
        self.losses.lines.get()
    }
}

/// The whole lines at the beginning that reach a pipe in one piece; of a line that is too long for that, all there is.
fn piece(lines: &[u8]) -> &[u8] {
    let Some(window) = lines.get(..PIECE) else {
        return lines;
    };
    match memchr::memrchr(b'\n', window) {
        Some(end) => &lines[..=end],
        None => {
            let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
            &lines[..end]
        }
    }
}

/// Writes all, giving also how much was written before an error.
fn write_out(mut to: impl io::Write, lines: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while let Some(rest) = lines.get(done..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}
