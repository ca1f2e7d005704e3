//! The line between the parent and one child: a socket pair, one byte a message. Its closing tells either side that the other
//! is gone. It does what the pipe of death does in Apache, but the parent chooses which child hears it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::os::{fd, socket};

/// Parent to child: take no more connections and finish those that you have.
const FINISH: u8 = b'!';
/// Child to parent: I take connections.
const READY: u8 = b'r';
/// Child to parent: I take no more, by my own decision.
const FINISHING: u8 = b'q';

/// Makes both ends, non-blocking.
pub fn make() -> io::Result<(ParentEnd, ChildEnd)> {
    let (parent, child) = socket::pair()?;
    fd::set_nonblocking(&parent, true)?;
    fd::set_nonblocking(&child, true)?;
    Ok((ParentEnd(parent), ChildEnd(child)))
}

/// What a child reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Ready,
    Finishing,
    /// The child has closed its end: it ends, or has ended.
    Gone,
}

/// The parent's end.
#[derive(Debug)]
pub struct ParentEnd(OwnedFd);

impl ParentEnd {
    /// Tells the child to finish. A child that cannot hear has ended, which the parent learns elsewhere.
    pub fn finish(&self) {
        let _ = fd::write(&self.0, &[FINISH]);
    }

    /// Reads what the child reports. Bytes that mean nothing are skipped.
    pub fn reports(&self) -> Vec<Report> {
        let mut bytes = [0; 16];
        match fd::read(&self.0, &mut bytes) {
            Ok(0) => vec![Report::Gone],
            Ok(count) => bytes[..count].iter().filter_map(|b| report(*b)).collect(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Vec::new(),
            Err(_) => vec![Report::Gone],
        }
    }
}

fn report(byte: u8) -> Option<Report> {
    match byte {
        READY => Some(Report::Ready),
        FINISHING => Some(Report::Finishing),
        _ => None,
    }
}

impl AsFd for ParentEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a child hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Nothing,
    Finish,
    /// The parent has died: finish too, nobody else would say so.
    Orphaned,
}

/// The child's end.
#[derive(Debug)]
pub struct ChildEnd(OwnedFd);

impl ChildEnd {
    /// Reports that this child takes connections.
    pub fn ready(&self) {
        let _ = fd::write(&self.0, &[READY]);
    }

    /// Reports that this child takes no more connections.
    pub fn finishing(&self) {
        let _ = fd::write(&self.0, &[FINISHING]);
    }

    /// What the parent has said, without waiting.
    pub fn hear(&self) -> Word {
        let mut byte = [0; 1];
        match fd::read(&self.0, &mut byte) {
            Ok(0) => Word::Orphaned,
            Ok(_) => Word::Finish,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Word::Nothing,
            Err(_) => Word::Orphaned,
        }
    }
}

impl AsFd for ChildEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_and_the_end() {
        let (parent, child) = make().unwrap();
        assert_eq!(parent.reports(), []);
        assert_eq!(child.hear(), Word::Nothing);
        child.ready();
        child.finishing();
        assert_eq!(parent.reports(), [Report::Ready, Report::Finishing]);
        parent.finish();
        assert_eq!(child.hear(), Word::Finish);
        drop(parent);
        assert_eq!(child.hear(), Word::Orphaned);
    }

    #[test]
    fn the_child_is_gone() {
        let (parent, child) = make().unwrap();
        drop(child);
        assert_eq!(parent.reports(), [Report::Gone]);
        parent.finish();
    }
}
