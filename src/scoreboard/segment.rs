//! The shared pages of one generation: the parent makes them before it forks, a child attaches to its own record.

use std::io;
use std::sync::atomic::AtomicU64;

use super::crash::Crash;
use super::layout::{self, entry, get, head, process, put, worker, Shape, SHUNNED_MOST};
use super::slot::ProcessSlot;
use crate::os::file::OwnedFile;
use crate::os::memory::{memory_file, page_size, Access, Map};
use crate::sync::Shared;

/// Where a child stands, as the parent sees it. Only the parent writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Forked, not ready.
    #[default]
    Starting = 0,
    /// Takes connections.
    Live = 1,
    /// Finishes those that it has.
    Draining = 2,
    /// Was told to end at once.
    Stopping = 3,
}

impl Standing {
    pub(super) fn from_number(number: u64) -> Standing {
        match number {
            1 => Standing::Live,
            2 => Standing::Draining,
            3 => Standing::Stopping,
            _ => Standing::Starting,
        }
    }
}

/// Numbers that only grow, summed over workers that may be gone. Times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub accesses: u64,
    /// Bytes of responses.
    pub bytes: u64,
    /// Time spent on requests.
    pub duration: u64,
    /// Processor time: user, system, ended children's user, ended children's system.
    pub cpu: [u64; 4],
}

impl Totals {
    /// Adds another sum.
    pub fn add(&mut self, other: &Totals) {
        self.accesses = self.accesses.wrapping_add(other.accesses);
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.duration = self.duration.wrapping_add(other.duration);
        for (mine, theirs) in self.cpu.iter_mut().zip(other.cpu) {
            *mine = mine.wrapping_add(theirs);
        }
    }

    fn words(&self) -> [u64; layout::TOTALS] {
        let [user, system, child_user, child_system] = self.cpu;
        let (accesses, bytes, duration) = (self.accesses, self.bytes, self.duration);
        [
            accesses,
            bytes,
            duration,
            user,
            system,
            child_user,
            child_system,
        ]
    }
}

/// In the directory's word for closing: no generation follows.
const LAST: u64 = 2;

/// The parent's handle. Dropped in a child when it attaches.
#[derive(Debug)]
pub struct Segment {
    file: OwnedFile,
    directory: Map,
    view: Shared<View>,
}

impl Segment {
    /// Makes the pages for generation `generation` of a server that started at `server_started` (microseconds since 1970).
    pub fn new(shape: Shape, generation: u32, server_started: u64) -> io::Result<Segment> {
        let page = page_size();
        let len = shape.total_bytes(page);
        let (file, read_only) = memory_file("scoreboard", len as u64)?;
        let directory = shape.directory_bytes(page);
        let segment = Segment {
            directory: Map::of_file(&file, 0, directory, Access::ReadWrite)?,
            view: Shared::new(View {
                map: Map::of_file(&read_only, 0, len, Access::Read)?,
                shape,
                page,
            }),
            file,
        };
        let words = segment.words();
        put(words, head::GENERATION, u64::from(generation));
        put(words, head::SERVER_STARTED, server_started);
        put(words, head::GENERATION_STARTED, super::now());
        Ok(segment)
    }

    /// The pages as everybody may read them.
    pub fn view(&self) -> &Shared<View> {
        &self.view
    }

    /// Tells the children that they are to take no more connections. `last`: nobody takes any after them, for the server stops.
    pub fn close(&self, last: bool) {
        put(self.words(), head::CLOSING, if last { LAST } else { 1 });
    }

    /// Writes a child into the directory.
    pub fn enter(&self, slot: u32, pid: i32, bucket: u32) {
        let at = entry_at(slot);
        let words = self.words();
        put(words, at + entry::STARTED, super::now());
        put(words, at + entry::STANDING, Standing::Starting as u64);
        put(words, at + entry::BUCKET, u64::from(bucket));
        put(words, at + entry::PID, u64::try_from(pid).unwrap_or(0));
    }

    /// Writes down where a child stands.
    pub fn stand(&self, slot: u32, standing: Standing) {
        put(
            self.words(),
            entry_at(slot) + entry::STANDING,
            standing as u64,
        );
    }

    /// Strikes a child that has ended from the directory, and keeps what it had counted.
    pub fn leave(&self, slot: u32) {
        self.add_retired(&self.view.totals_of(slot));
        put(self.words(), entry_at(slot) + entry::PID, 0);
    }

    /// Tells the children which URLs they are not to work on, by their [`key`](super::crash::key)s.
    pub fn shun(&self, keys: &[u64]) {
        let keys = keys.get(..SHUNNED_MOST).unwrap_or(keys);
        let at = self.view.shape.shunned_at();
        for (index, key) in keys.iter().enumerate() {
            put(self.words(), at + index, *key);
        }
        put(self.words(), head::SHUNNED, keys.len() as u64);
    }

    /// Adds what children of an older generation had counted, so that the server's totals go on.
    pub fn add_retired(&self, totals: &Totals) {
        for (index, value) in totals.words().into_iter().enumerate() {
            layout::add(self.words(), head::RETIRED + index, value);
        }
    }

    /// In a child just forked: its own record writable, everything else to read only, the rest of the parent's handle closed.
    pub fn attach(self, slot: u32, pid: i32) -> io::Result<ProcessSlot> {
        self.lend(slot, pid)
    }

    /// The record of a process that is its own parent: this very one.
    pub fn lend(&self, slot: u32, pid: i32) -> io::Result<ProcessSlot> {
        let view = self.view.clone();
        let offset = view.record_offset(slot);
        let len = view.shape.record_bytes(view.page);
        let map = Map::of_file(&self.file, offset as u64, len, Access::ReadWrite)?;
        Ok(ProcessSlot::new(map, view, slot, pid))
    }

    fn words(&self) -> &[AtomicU64] {
        self.directory
            .atoms(0, self.directory.len() / 8)
            .unwrap_or_default()
    }
}

fn entry_at(slot: u32) -> usize {
    head::WORDS + entry::WORDS * slot as usize
}

/// The pages of one generation, to read only. Whatever a child has written there is taken as numbers, never as truth.
#[derive(Debug)]
pub struct View {
    map: Map,
    shape: Shape,
    page: usize,
}

impl View {
    /// How many slots and workers there are.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The generation's number.
    pub fn generation(&self) -> u32 {
        get(self.directory(), head::GENERATION) as u32
    }

    /// Whether the generation takes no more connections. One load; asked at every answer.
    pub fn is_closing(&self) -> bool {
        get(self.directory(), head::CLOSING) != 0
    }

    /// Whether nobody takes connections after this generation.
    pub fn is_last(&self) -> bool {
        get(self.directory(), head::CLOSING) == LAST
    }

    /// Whether the parent has told the child in that slot to finish.
    pub fn is_draining(&self, slot: u32) -> bool {
        self.standing(slot) as u8 >= Standing::Draining as u8
    }

    /// Whether a URL is not to be worked on. One load where none is shunned; only then its key is asked for.
    pub fn shuns(&self, key: impl FnOnce() -> u64) -> bool {
        let count = get(self.directory(), head::SHUNNED) as usize;
        if count == 0 {
            return false;
        }
        let key = key();
        let at = self.shape.shunned_at();
        let mut keys = (0..count.min(SHUNNED_MOST)).map(|index| get(self.directory(), at + index));
        keys.any(|shunned| shunned == key)
    }

    /// What the process in that slot wrote down when it crashed, as untrusted as all that it wrote.
    pub fn crash(&self, slot: u32) -> Option<Crash> {
        let words = self.record(slot).get(self.shape.crash_at()..)?;
        Crash::read(words)
    }

    pub(super) fn standing(&self, slot: u32) -> Standing {
        let number = get(self.directory(), entry_at(slot) + entry::STANDING);
        Standing::from_number(number)
    }

    /// The process in that slot, 0 if none.
    pub fn pid(&self, slot: u32) -> i32 {
        let pid = get(self.directory(), entry_at(slot) + entry::PID);
        i32::try_from(pid).unwrap_or(0)
    }

    pub(super) fn started(&self, slot: u32) -> u64 {
        get(self.directory(), entry_at(slot) + entry::STARTED)
    }

    pub(super) fn bucket(&self, slot: u32) -> u32 {
        get(self.directory(), entry_at(slot) + entry::BUCKET) as u32
    }

    /// When the server and when this generation started, microseconds since 1970.
    pub fn times(&self) -> (u64, u64) {
        let words = self.directory();
        (
            get(words, head::SERVER_STARTED),
            get(words, head::GENERATION_STARTED),
        )
    }

    /// What ended children had counted.
    pub fn retired(&self) -> Totals {
        let word = |index| get(self.directory(), head::RETIRED + index);
        Totals {
            accesses: word(0),
            bytes: word(1),
            duration: word(2),
            cpu: [word(3), word(4), word(5), word(6)],
        }
    }

    /// What the process in that slot has counted.
    pub fn totals_of(&self, slot: u32) -> Totals {
        let record = self.record(slot);
        let mut totals = Totals {
            cpu: std::array::from_fn(|i| get(record, process::CPU + i)),
            ..Totals::default()
        };
        for thread in 0..self.shape.threads {
            let word = |index| get(record, worker_at(thread) + index);
            totals.accesses = totals.accesses.wrapping_add(word(worker::BY_PROCESS));
            totals.bytes = totals.bytes.wrapping_add(word(worker::BYTES_PROCESS));
            totals.duration = totals.duration.wrapping_add(word(worker::DURATION));
        }
        totals
    }

    fn directory(&self) -> &[AtomicU64] {
        let bytes = self.shape.directory_bytes(self.page);
        self.map.atoms(0, bytes / 8).unwrap_or_default()
    }

    pub(super) fn record(&self, slot: u32) -> &[AtomicU64] {
        let words = self.shape.record_bytes(self.page) / 8;
        let offset = self.record_offset(slot);
        self.map.atoms(offset, words).unwrap_or_default()
    }

    fn record_offset(&self, slot: u32) -> usize {
        self.shape.directory_bytes(self.page) + self.shape.record_bytes(self.page) * slot as usize
    }
}

pub(super) fn worker_at(thread: u32) -> usize {
    process::WORDS + worker::WORDS * thread as usize
}
