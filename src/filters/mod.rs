//! Bodies as streams of buckets, and the filters they pass.
//!
//! A handler appends buckets to [`Output`]; they pass the request's filters in the order of their [`Class`], then the
//! protocol frames and sends them. A file bucket that meets no filter leaves by sendfile.

pub mod chain;

use crate::hooks::LocalFuture;
use crate::request::Request;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::rc::Rc;

/// A piece of a body.
#[derive(Clone, Debug)]
pub enum Bucket {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of an open file.
    File(FileRange),
    /// What came before is to be sent now.
    Flush,
    /// The body is complete.
    End,
}

/// A range of an open file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file.
    pub file: Rc<File>,
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
    /// EnableSendfile where it was made.
    pub sendfile: bool,
}

impl Bucket {
    /// Bytes that it adds to the body.
    pub fn len(&self) -> u64 {
        match self {
            Bucket::Bytes(bytes) => bytes.len() as u64,
            Bucket::File(range) => range.len,
            Bucket::Flush | Bucket::End => 0,
        }
    }

    /// True if it adds nothing to the body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Buckets in order.
#[derive(Clone, Debug, Default)]
pub struct Brigade {
    /// The buckets.
    pub buckets: VecDeque<Bucket>,
}

impl Brigade {
    /// Bytes of all buckets.
    pub fn len(&self) -> u64 {
        self.buckets.iter().map(Bucket::len).sum()
    }

    /// True without buckets.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// True if the end of the body is in it.
    pub fn is_complete(&self) -> bool {
        matches!(self.buckets.back(), Some(Bucket::End))
    }

    /// Appends bytes, unless there are none.
    pub fn push_bytes(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.buckets.push_back(Bucket::Bytes(bytes));
        }
    }

    /// The part of the body from `start`, `len` bytes long, without copying.
    pub fn slice(&self, start: u64, len: u64) -> Brigade {
        let mut out = Brigade::default();
        let (mut skip, mut want) = (start, len);
        for bucket in &self.buckets {
            let size = bucket.len();
            if skip >= size {
                skip -= size;
                continue;
            }
            let take = (size - skip).min(want);
            match bucket {
                Bucket::Bytes(bytes) => {
                    out.push_bytes(bytes.slice(skip as usize..(skip + take) as usize))
                }
                Bucket::File(range) => {
                    let offset = range.offset + skip;
                    out.buckets.push_back(Bucket::File(FileRange {
                        offset,
                        len: take,
                        ..range.clone()
                    }));
                }
                Bucket::Flush | Bucket::End => {}
            }
            want -= take;
            skip = 0;
            if want == 0 {
                break;
            }
        }
        out
    }

    /// Leaves the first `len` bytes here, with what stands between them, and gives the rest.
    pub fn split_off(&mut self, len: u64) -> Brigade {
        let mut left = len;
        let mut first = VecDeque::new();
        while let Some(bucket) = self.buckets.pop_front() {
            let size = bucket.len();
            if size <= left && left > 0 {
                left -= size;
                first.push_back(bucket);
                continue;
            }
            match bucket {
                Bucket::Bytes(mut bytes) if left > 0 => {
                    first.push_back(Bucket::Bytes(bytes.split_to(left as usize)));
                    self.buckets.push_front(Bucket::Bytes(bytes));
                }
                Bucket::File(range) if left > 0 => {
                    let rest = FileRange {
                        offset: range.offset + left,
                        len: range.len - left,
                        ..range.clone()
                    };
                    first.push_back(Bucket::File(FileRange { len: left, ..range }));
                    self.buckets.push_front(Bucket::File(rest));
                }
                other => self.buckets.push_front(other),
            }
            break;
        }
        std::mem::replace(self, Brigade { buckets: first })
    }

    /// The whole body as bytes; files are read. Used where a filter needs the content.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.len().min(1 << 20) as usize);
        for bucket in self.buckets {
            match bucket {
                Bucket::Bytes(bytes) => out.extend_from_slice(&bytes),
                Bucket::File(range) => range.read_into(&mut out)?,
                Bucket::Flush | Bucket::End => {}
            }
        }
        Ok(out)
    }
}

impl FileRange {
    /// Appends the range's bytes. A file that became shorter is an error.
    pub fn read_into(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        let len = usize::try_from(self.len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        out.resize(start + len, 0);
        crate::os::file::read_exact_at(&self.file, &mut out[start..], self.offset)
    }
}

/// The place of a filter in the chain (Apache's `AP_FTYPE_...`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Content of one resource.
    Resource = 10,
    /// Content as a whole.
    ContentSet = 20,
    /// The protocol's view of a response.
    Protocol = 30,
    /// Transfer coding.
    Transcode = 40,
    /// The connection.
    Connection = 50,
    /// The socket.
    Network = 60,
}

/// A filter that configurations can name, in a module's record.
pub struct FilterRecord {
    /// The name in SetOutputFilter and others.
    pub name: &'static str,
    /// Its place.
    pub class: Class,
    /// Makes one for a request.
    pub make: MakeFilter,
}

impl FilterRecord {
    /// Which bodies it is for.
    pub fn direction(&self) -> Direction {
        match self.make {
            MakeFilter::Output(_) => Direction::Output,
            MakeFilter::Input(_) => Direction::Input,
        }
    }
}

/// Which bodies a filter is for; a name may stand for a filter of each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Response bodies.
    Output,
    /// Request bodies.
    Input,
}

/// How a filter is made; `None` if it has nothing to do for this request.
pub enum MakeFilter {
    /// For response bodies.
    Output(fn(&mut Request) -> Option<Box<dyn OutputFilter>>),
    /// For request bodies.
    Input(fn(&mut Request) -> Option<Box<dyn InputFilter>>),
}

/// What a filter gives: at once, or after waiting.
pub enum Filtered<'r, T> {
    /// At once.
    Now(io::Result<T>),
    /// After waiting.
    Later(LocalFuture<'r, io::Result<T>>),
}

/// Changes response bodies as they pass.
pub trait OutputFilter {
    /// Takes what came and gives what goes on; it may keep some back until [`Bucket::End`] comes.
    fn run<'r>(&'r mut self, r: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade>;
}

/// Changes request bodies as they pass.
pub trait InputFilter {
    /// Takes a piece (empty at the end of the body) and gives what goes on.
    fn run<'r>(&'r mut self, r: &'r mut Request, piece: Bytes, last: bool) -> Filtered<'r, Bytes>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cross_buckets() {
        let mut brigade = Brigade::default();
        brigade.push_bytes("hello ");
        brigade.push_bytes("big world");
        brigade.buckets.push_back(Bucket::End);
        assert!(brigade.is_complete());
        assert_eq!(brigade.len(), 15);
        let middle = brigade.slice(4, 5).into_bytes().expect("bytes");
        assert_eq!(middle, b"o big");
        assert_eq!(brigade.slice(15, 3).len(), 0);
        let rest = brigade.split_off(8);
        assert_eq!(brigade.into_bytes().expect("bytes"), b"hello bi");
        assert!(rest.is_complete());
        assert_eq!(rest.into_bytes().expect("bytes"), b"g world");
    }
}
