//! Lines on their way out of a thread. A thread that serves connections gathers its lines for some milliseconds, so that a busy
//! one makes one write for many; any other thread writes at once. What is gathered is written when the thread ends, too. No
//! line is ever split between two writes unless it is too long for a pipe.

use super::destination::{Destination, Trouble};
use super::error_log::ErrorLog;
use crate::sync::Shared;
use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

/// A batch of this size goes out without waiting for a pause.
const BATCH: usize = 16 * 1024;
/// What may wait for a slow log program, for each thread and log; lines beyond it are lost (and counted).
const QUEUE: usize = 256 * 1024;
/// How old a line may become where lines are gathered: a busy thread then writes fifty times a second at most.
const HOLD: Duration = Duration::from_millis(20);
/// How old a line may become under `BufferedLogs On`.
const OLDEST: Duration = Duration::from_secs(1);
/// How soon a slow program is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// How a thread writes its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Each line at once, waiting for a slow log program: for threads that nobody flushes.
    #[default]
    AtOnce,
    /// Gathered until [`flush_idle`], then waiting for a slow log program: for a thread that serves one connection.
    Gather,
    /// Gathered until [`flush_idle`], never waiting: for a loop that serves many.
    NeverWait,
}

/// Lines for one log.
struct Batch {
    to: Shared<Destination>,
    /// Where to tell if they cannot be written.
    complain: Option<ErrorLog>,
    lines: Vec<u8>,
    /// When the first of them came.
    since: Instant,
    /// May wait as long as `OLDEST`.
    buffered: bool,
}

#[derive(Default)]
struct Batches {
    manner: Manner,
    waiting: Vec<Batch>,
    /// Kept to be filled again.
    spare: Vec<Vec<u8>>,
}

thread_local! {
    static BATCHES: RefCell<Batches> = RefCell::default();
}

/// Says how this thread writes from now on.
pub fn set_manner(manner: Manner) {
    BATCHES.with_borrow_mut(|batches| batches.manner = manner);
}

/// Writes what this thread gathered and has held for long enough, to be called before it waits for events. If something stays,
/// tells when to call again: in 20 ms at most, except under `BufferedLogs On`.
pub fn flush_idle(now: Instant) -> Option<Instant> {
    // Cheap where there is nothing: this is asked at every turn of a loop.
    let is_empty = BATCHES.with_borrow(|batches| batches.waiting.is_empty());
    if is_empty {
        return None;
    }
    flush(Some(now))
}

/// Writes all that this thread gathered, waiting for slow log programs: before the thread or its process ends.
pub fn flush_all() {
    let manner = BATCHES.with_borrow_mut(|batches| std::mem::take(&mut batches.manner));
    flush(None);
    set_manner(manner);
}

fn flush(now: Option<Instant>) -> Option<Instant> {
    let (again, troubles) = BATCHES.with_borrow_mut(|batches| {
        let due = |batch: &Batch| now.is_none_or(|now| batch.until() <= now);
        batches.write_out(due)
    });
    tell(troubles);
    again
}

/// Takes a line with its end. `urgent` ones (of error logs) do not wait for a pause.
pub(super) fn append(
    to: &Shared<Destination>,
    complain: Option<&ErrorLog>,
    line: &[&[u8]],
    urgent: bool,
    buffered: bool,
) {
    let done = BATCHES.try_with(|batches| {
        let Ok(mut batches) = batches.try_borrow_mut() else {
            return None;
        };
        batches.push(to, complain, line, buffered);
        let at_once = urgent || batches.manner == Manner::AtOnce;
        let full = |batch: &Batch| {
            Shared::ptr_eq(&batch.to, to) && (at_once || batch.lines.len() >= BATCH)
        };
        Some(batches.write_out(full).1)
    });
    match done {
        Ok(Some(troubles)) => tell(troubles),
        // The thread is ending, and its batches are gone.
        _ => {
            to.write(&line.concat(), true);
        }
    }
}

/// What happened to a log while the batches were borrowed; told afterwards, since telling writes lines too.
type Told = (Trouble, Shared<Destination>, ErrorLog);

fn tell(troubles: Vec<Told>) {
    for (trouble, about, log) in troubles {
        log.complain(&trouble, about.target());
    }
}

impl Batches {
    fn push(
        &mut self,
        to: &Shared<Destination>,
        complain: Option<&ErrorLog>,
        line: &[&[u8]],
        buffered: bool,
    ) {
        let index = self
            .waiting
            .iter()
            .position(|batch| Shared::ptr_eq(&batch.to, to));
        let index = index.unwrap_or_else(|| {
            self.waiting.push(Batch {
                to: Shared::clone(to),
                complain: complain.cloned(),
                lines: self.spare.pop().unwrap_or_default(),
                since: Instant::now(),
                buffered,
            });
            self.waiting.len() - 1
        });
        let Some(batch) = self.waiting.get_mut(index) else {
            return;
        };
        let length: usize = line.iter().map(|part| part.len()).sum();
        if batch.lines.len() + length > QUEUE {
            to.lose(b"\n", &io::Error::from(io::ErrorKind::WouldBlock));
            return;
        }
        for part in line {
            batch.lines.extend_from_slice(part);
        }
    }

    /// Writes the batches that are `due`. Gives when to come again for the rest, and what there is to tell.
    fn write_out(&mut self, due: impl Fn(&Batch) -> bool) -> (Option<Instant>, Vec<Told>) {
        let wait = self.manner != Manner::NeverWait;
        let mut again: Option<Instant> = None;
        let mut troubles = Vec::new();
        let mut index = 0;
        while let Some(batch) = self.waiting.get_mut(index) {
            let mut next = batch.until();
            if due(batch) {
                troubles.extend(batch.write(wait));
                if batch.lines.is_empty() {
                    self.spare.push(self.waiting.swap_remove(index).lines);
                    continue;
                }
                next = Instant::now() + AGAIN;
            }
            again = Some(again.map_or(next, |soonest| soonest.min(next)));
            index += 1;
        }
        self.spare.truncate(8);
        (again, troubles)
    }
}

impl Batch {
    /// When it goes out at the latest.
    fn until(&self) -> Instant {
        self.since + if self.buffered { OLDEST } else { HOLD }
    }

    fn write(&mut self, wait: bool) -> Option<Told> {
        let lost = self.to.lost();
        let done = self.to.write(&self.lines, wait);
        self.lines.drain(..done);
        let trouble = match self.to.lost() == lost && done > 0 {
            true => self.to.trouble_over(),
            false => self.to.trouble(),
        };
        let log = self.complain.clone()?;
        trouble.map(|trouble| (trouble, Shared::clone(&self.to), log))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.manner = Manner::AtOnce;
        self.write_out(|_| true);
    }
}
