//! What a thread remembers of files that it served: which configuration they fall under, what the file system said of them,
//! and the content of small ones. The directory walk asks first; the core's handler takes the content.
//!
//! What is remembered is used only while it is known to be true. Either no word of a change has come (`server::watch`), and the
//! file system is asked nothing at all; or the walk is made as ever, and the content is used if the file shows itself unchanged. In
//! any case it is forgotten when it is as old as OpenFileCacheValid.

use super::context::DirConf;
use crate::hash::{Quick, QuickMap};
use crate::request::{FileInfo, FileKind};
use crate::server::{FileCacheConf, FileCacheMode, Generation};
use crate::sync::Shared;
use bstr::BString;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// Files up to this size are kept in memory.
pub const SMALL: u64 = 16 * 1024;
/// Open files that a process keeps.
const MOST_OPEN: usize = 64;
/// Places for numbers that were asked for once.
const ONCE: usize = 1024;
/// A file that changed within this time may change again without showing it: the system's clock for files is coarse.
const TICK: Duration = Duration::from_millis(100);

/// A file's content, or the way to it.
#[derive(Clone, Debug)]
pub enum Content {
    /// All of it.
    Bytes(Bytes),
    /// Open for reading.
    Open(Rc<File>),
}

/// What is kept of one file, once it was opened.
#[derive(Debug)]
pub struct Kept {
    name: BString,
    content: RefCell<Option<(Content, Charge)>>,
    /// It had not changed for a while when it was read, so that a change since then would show.
    settled: Cell<bool>,
    totals: Rc<Totals>,
}

/// One file, under one server.
struct Known {
    server: usize,
    info: FileInfo,
    kept: Rc<Kept>,
    conf: Rc<DirConf>,
    /// When `info` and `conf` were seen to be true (`Watch::moment`).
    seen: Option<u64>,
    made: Instant,
}

/// What all that is kept takes.
#[derive(Debug, Default)]
struct Totals {
    bytes: Cell<usize>,
    open: Cell<usize>,
}

/// Takes its part of the totals back when what it was for is dropped.
#[derive(Debug)]
struct Charge {
    totals: Rc<Totals>,
    bytes: usize,
    open: usize,
}

impl Charge {
    fn new(totals: &Rc<Totals>, content: &Content) -> Charge {
        let (bytes, open) = match content {
            Content::Bytes(bytes) => (bytes.len(), 0),
            Content::Open(_) => (0, 1),
        };
        totals.bytes.set(totals.bytes.get() + bytes);
        totals.open.set(totals.open.get() + open);
        let totals = totals.clone();
        Charge {
            totals,
            bytes,
            open,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let totals = &self.totals;
        totals.bytes.set(totals.bytes.get() - self.bytes);
        totals.open.set(totals.open.get() - self.open);
    }
}

impl Kept {
    /// The content of the file of this name; none if it was not kept, or belongs to another name.
    pub fn content(&self, name: &[u8]) -> Option<Content> {
        let content = self.content.borrow();
        let (content, _) = content.as_ref().filter(|_| self.name == name)?;
        Some(content.clone())
    }
}

/// A moment at which something was found to be so.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    moment: u64,
    at: Instant,
}

/// One thread's memory of files.
pub struct FileCache {
    generation: Shared<Generation>,
    conf: FileCacheConf,
    most_open: usize,
    hasher: Quick,
    /// By a number made of server and name; who meets another's number takes its place.
    known: RefCell<QuickMap<u64, Known>>,
    /// From the oldest on.
    order: RefCell<VecDeque<(Instant, u64)>>,
    /// Numbers that were asked for and are not known, each in its place: only what is asked for again is remembered, since
    /// that costs more than it spares once.
    once: RefCell<Vec<u64>>,
    /// The number that was not to be remembered.
    passed: Cell<Option<u64>>,
    totals: Rc<Totals>,
    /// The turn of the loop in which word was asked for, and the answer.
    asked: Cell<Option<(Instant, Option<u64>)>>,
}

impl FileCache {
    /// An empty one, with its share of the process's limits: one of `sharers`.
    pub fn new(generation: Shared<Generation>, sharers: usize) -> FileCache {
        let (conf, sharers) = (generation.main.file_cache, sharers.max(1));
        FileCache {
            generation,
            conf: FileCacheConf {
                entries: (conf.entries / sharers).max(1),
                bytes: conf.bytes / sharers,
                ..conf
            },
            most_open: MOST_OPEN / sharers,
            hasher: Quick::default(),
            known: RefCell::default(),
            order: RefCell::default(),
            once: RefCell::default(),
            passed: Cell::new(None),
            totals: Rc::default(),
            asked: Cell::new(None),
        }
    }

    /// A request may have come after this turn of the loop began: word that came in between must be heard first.
    pub fn distrust(&self) {
        self.asked.set(None);
    }

    /// The present moment, where word of changes comes.
    fn moment(&self) -> Option<u64> {
        let turn = crate::run::now();
        match self.asked.get() {
            Some((asked, moment)) if asked == turn => moment,
            _ => {
                let moment = self.generation.watch.moment();
                self.asked.set(Some((turn, moment)));
                moment
            }
        }
    }

    fn is_young(&self, made: Instant) -> bool {
        crate::run::now().saturating_duration_since(made) < self.conf.valid
    }

    /// Begins to look at `name`: what is found is true from this moment on, for as long as no word of a change comes. None if
    /// that would not be known, or is not to be remembered.
    pub fn begin(&self, server: usize, name: &[u8], beside: &[String]) -> Option<Seen> {
        if !self.is_wanted(self.number(server, name)) {
            return None;
        }
        let at = crate::run::now();
        if self.conf.mode == FileCacheMode::Timed {
            return Some(Seen { moment: 0, at });
        }
        let moment = self.generation.watch.follow(name, beside)?;
        self.asked.set(Some((at, Some(moment))));
        Some(Seen { moment, at })
    }

    /// Whether to remember what is found under this number: it was asked for before, and there is room.
    fn is_wanted(&self, number: u64) -> bool {
        self.passed.set(Some(number));
        if self.conf.mode == FileCacheMode::Off {
            return false;
        }
        let known = self.known.borrow();
        let mut once = self.once.borrow_mut();
        if once.is_empty() {
            once.resize(ONCE, 0);
        }
        let place = &mut once[number as usize % ONCE];
        let again = std::mem::replace(place, number) == number;
        let wanted = known.contains_key(&number) || again && known.len() < self.conf.entries;
        if wanted {
            self.passed.set(None);
        }
        wanted
    }

    /// Whether what was found then is still so.
    pub fn holds(&self, seen: Seen) -> bool {
        self.is_young(seen.at) && self.is_now(seen.moment)
    }

    fn is_now(&self, moment: u64) -> bool {
        self.conf.mode == FileCacheMode::Timed || self.moment() == Some(moment)
    }

    /// What `name` is and which records it falls under, if that cannot have changed.
    pub fn current(&self, server: usize, name: &[u8]) -> Option<(FileInfo, Rc<DirConf>)> {
        let all = self.known.borrow();
        let known = all.get(&self.number(server, name))?;
        let young = known.is(server, name) && self.is_young(known.made);
        (young && self.is_now(known.seen?)).then(|| (known.info.clone(), known.conf.clone()))
    }

    /// Remembers what was found of `name` at the moment `seen`. What was kept of the same file stays with it.
    pub fn note(
        &self,
        server: usize,
        name: &[u8],
        info: &mut FileInfo,
        conf: &Rc<DirConf>,
        seen: Option<Seen>,
    ) {
        let number = self.number(server, name);
        let gains = seen.is_some() || info.kind == FileKind::Regular;
        if self.passed.get() == Some(number) || !gains {
            return;
        }
        let now = crate::run::now();
        self.make_room(now);
        let seen = seen.map(|seen| seen.moment);
        let mut all = self.known.borrow_mut();
        if let Some(known) = all.get_mut(&number) {
            let same = known.is(server, name) && self.is_young(known.made);
            if same && known.kept.settled.get() && known.info.is_same(info) {
                info.kept = Some(known.kept.clone());
                (known.seen, known.conf, known.info) = (seen, conf.clone(), info.clone());
                return;
            }
        }
        let kept = Rc::new(Kept {
            name: name.into(),
            content: RefCell::default(),
            settled: Cell::new(false),
            totals: self.totals.clone(),
        });
        info.kept = Some(kept.clone());
        // What takes another's place lives no longer than that would have.
        let made = all.get(&number).map_or(now, |known| known.made);
        if made == now {
            self.order.borrow_mut().push_back((now, number));
        }
        let known = Known {
            server,
            info: info.clone(),
            kept,
            conf: conf.clone(),
            seen,
            made,
        };
        all.insert(number, known);
    }

    /// Keeps the content of a file that was just opened, `info` being what the open file showed, and gives it back.
    pub fn keep(&self, kept: &Kept, info: &FileInfo, content: Content) {
        let size = match &content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Open(_) => 0,
        };
        self.make_room(crate::run::now());
        let fits = match &content {
            Content::Bytes(_) => self.totals.bytes.get() + size <= self.conf.bytes,
            Content::Open(_) => self.totals.open.get() < self.most_open,
        };
        if fits {
            let age = |changed| SystemTime::now().duration_since(changed).ok();
            let age = info.more.changed.and_then(age);
            kept.settled.set(age.is_some_and(|age| age >= TICK));
            let charge = Charge::new(&kept.totals, &content);
            *kept.content.borrow_mut() = Some((content, charge));
        }
    }

    /// Forgets what is too old.
    fn make_room(&self, now: Instant) {
        let mut all = self.known.borrow_mut();
        let mut order = self.order.borrow_mut();
        while let Some((made, number)) = order.front().copied() {
            if now.saturating_duration_since(made) < self.conf.valid {
                break;
            }
            order.pop_front();
            all.remove(&number);
        }
    }

    /// Forgets what is too old; tells when to come again. For times when no request comes: an open file holds its disk.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        self.order.borrow().front()?;
        self.make_room(now);
        let order = self.order.borrow();
        order.front().map(|(made, _)| *made + self.conf.valid)
    }

    fn number(&self, server: usize, name: &[u8]) -> u64 {
        self.hasher.hash_one((server, name))
    }
}

impl Known {
    fn is(&self, server: usize, name: &[u8]) -> bool {
        self.server == server && self.kept.name == name
    }
}
