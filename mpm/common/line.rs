//! The line between the parent and one child: a socket pair; the parent's messages are two bytes, the child's one. Its closing tells either side that the other
//! is gone. It does what the pipe of death does in Apache, but the parent chooses which child hears it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::os::{fd, socket};

/// Parent to child: take no more connections and finish those that you have.
const FINISH: u8 = b'!';
/// Parent to child: a log was opened anew; its number follows, and the file comes with the message.
const LOG: u8 = b'l';
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
        let _ = fd::write(&self.0, &[FINISH, 0]);
    }

    /// Gives the child a log that was opened anew. One that does not take it in goes on with the old file.
    pub fn give_log(&self, index: u8, file: BorrowedFd<'_>) {
        let _ = socket::send_with_fds(&self.0, &[LOG, index], &[file]);
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
#[derive(Debug)]
pub enum Word {
    Nothing,
    Finish,
    /// This log was opened anew.
    Log(usize, OwnedFd),
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
        let mut bytes = [0; 2];
        match socket::receive_with_fds(&self.0, &mut bytes) {
            Ok((0, _)) => Word::Orphaned,
            Ok((_, mut files)) if bytes[0] == LOG => match files.pop() {
                Some(file) => Word::Log(usize::from(bytes[1]), file),
                None => Word::Nothing,
            },
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
        assert!(matches!(child.hear(), Word::Nothing));
        child.ready();
        child.finishing();
        assert_eq!(parent.reports(), [Report::Ready, Report::Finishing]);
        let log = std::fs::File::open("/dev/null").unwrap();
        parent.give_log(3, log.as_fd());
        parent.finish();
        assert!(matches!(child.hear(), Word::Log(3, _)));
        assert!(matches!(child.hear(), Word::Finish));
        drop(parent);
        assert!(matches!(child.hear(), Word::Orphaned));
    }

    #[test]
    fn the_child_is_gone() {
        let (parent, child) = make().unwrap();
        drop(child);
        assert_eq!(parent.reports(), [Report::Gone]);
        parent.finish();
    }
}
