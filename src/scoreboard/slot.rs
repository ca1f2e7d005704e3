//! What a child writes: its process's counts, and each worker's state and present request. Stores only, no lock, nothing
//! that could wait, since it stands on every request's path.

use std::sync::atomic::AtomicU64;

use super::layout::{self, add, get, process, put, put_text, worker};
use super::segment::{worker_at, View};
use super::status::Status;
use crate::os::driven;
use crate::os::memory::Map;
use crate::sync::Shared;

/// The record of this process.
#[derive(Clone, Debug)]
pub struct ProcessSlot {
    map: Shared<Map>,
    view: Shared<View>,
    slot: u32,
    pid: i32,
}

/// How many connections an event process holds, by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// All of them, those with a worker too.
    pub connections: u64,
    /// Wait for bytes in the middle of a request.
    pub waiting_io: u64,
    /// Have an answer that the peer is slow to take.
    pub writing: u64,
    /// Wait for the next request.
    pub kept_alive: u64,
    /// Lingering close.
    pub closing: u64,
    /// Held by a module.
    pub suspended: u64,
}

impl ProcessSlot {
    pub(super) fn new(map: Map, view: Shared<View>, slot: u32, pid: i32) -> ProcessSlot {
        let this = ProcessSlot {
            map: Shared::new(map),
            view,
            slot,
            pid,
        };
        this.forget_predecessor();
        this
    }

    /// A slot's own counts go on over its processes; everything else begins anew.
    fn forget_predecessor(&self) {
        let words = self.words();
        (0..process::WORDS).for_each(|index| put(words, index, 0));
        for thread in 0..self.view.shape().threads {
            let at = worker_at(thread);
            let kept = [worker::BY_SLOT, worker::BYTES_SLOT];
            for index in (0..worker::WORDS).filter(|index| !kept.contains(index)) {
                put(words, at + index, 0);
            }
        }
        put(words, self.view.shape().crash_at() + driven::SIGNAL, 0);
    }

    /// A crash of this process reports here.
    #[cfg(unix)]
    pub fn report_crashes(&self) {
        let at = self.view.shape().crash_at();
        crate::os::crash::record_in(&self.map, at * 8, layout::CRASH_WORDS);
    }

    /// The number of this slot in its generation.
    pub fn number(&self) -> u32 {
        self.slot
    }

    /// The process, as its parent knows it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The whole generation, to read.
    pub fn view(&self) -> &Shared<View> {
        &self.view
    }

    /// Whether this process is to take no more connections: its generation ends, or it was chosen to go.
    pub fn is_closing(&self) -> bool {
        self.view.is_closing() || self.view.is_draining(self.slot)
    }

    /// Whether nobody takes connections after this process's generation: the server stops.
    pub fn is_last(&self) -> bool {
        self.view.is_last()
    }

    /// The slot of worker number `thread` of this process.
    pub fn worker(&self, thread: u32) -> WorkerSlot {
        WorkerSlot {
            map: self.map.clone(),
            at: worker_at(thread),
            number: thread,
        }
    }

    /// Publishes how many connections this process holds.
    pub fn hold(&self, held: &Held) {
        let words = self.words();
        put(words, process::CONNECTIONS, held.connections);
        put(words, process::WAITING_IO, held.waiting_io);
        put(words, process::WRITING, held.writing);
        put(words, process::KEPT_ALIVE, held.kept_alive);
        put(words, process::CLOSING, held.closing);
        put(words, process::SUSPENDED, held.suspended);
    }

    /// Publishes that this process takes no more connections and will end.
    pub fn quiesce(&self) {
        put(self.words(), process::QUIESCING, 1);
    }

    /// Publishes whether this process listens at the moment.
    pub fn accepting(&self, accepting: bool) {
        put(self.words(), process::NOT_ACCEPTING, u64::from(!accepting));
    }

    /// Publishes the processor time used, in microseconds: user, system, ended children's user, ended children's system.
    pub fn spent(&self, cpu: [u64; 4]) {
        for (index, time) in cpu.into_iter().enumerate() {
            put(self.words(), process::CPU + index, time);
        }
    }

    fn words(&self) -> &[AtomicU64] {
        self.map.atoms(0, self.map.len() / 8).unwrap_or_default()
    }

    /// Writes any word of the record, as a child gone wild would.
    #[cfg(test)]
    pub(super) fn scribble(&self, index: usize, value: u64) {
        put(self.words(), index, value);
    }
}

/// What a status page tells about a request. Each text is cut to what its field holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestFacts<'a> {
    /// Address of the client.
    pub client: &'a [u8],
    /// The request line.
    pub line: &'a [u8],
    /// Show the end of the line instead of its beginning (`SeeRequestTail`).
    pub tail: bool,
    /// Name and port of the virtual host.
    pub vhost: &'a [u8],
    /// Protocol of the connection.
    pub protocol: &'a [u8],
    /// Requests and bytes before this one on the same connection.
    pub before: (u64, u64),
}

/// One worker's slot. Cheap to clone; only one thread at a time writes through it.
#[derive(Clone, Debug)]
pub struct WorkerSlot {
    map: Shared<Map>,
    at: usize,
    number: u32,
}

impl WorkerSlot {
    /// The worker's number in its process.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What the worker does from now on.
    pub fn set(&self, status: Status) {
        put(self.words(), worker::STATUS, status as u64);
    }

    /// What the worker does.
    pub fn status(&self) -> Status {
        Status::from_number(get(self.words(), worker::STATUS))
    }

    /// Says which thread the worker is.
    pub fn run_by(&self, thread: u64) {
        put(self.words(), worker::THREAD, thread);
    }

    /// A request begins at `now` (microseconds since 1970).
    pub fn begin(&self, facts: &RequestFacts<'_>, now: u64) {
        let words = self.words();
        put(words, worker::ON_CONNECTION, facts.before.0);
        put(words, worker::BYTES_CONNECTION, facts.before.1);
        put(words, worker::STARTED, now);
        put(words, worker::LAST_USED, now);
        put_text(words, worker::CLIENT, layout::CLIENT_BYTES, facts.client);
        let line = if facts.tail {
            let cut = facts.line.len().saturating_sub(layout::REQUEST_BYTES - 1);
            facts.line.get(cut..).unwrap_or_default()
        } else {
            facts.line
        };
        put_text(words, worker::REQUEST, layout::REQUEST_BYTES, line);
        put_text(words, worker::VHOST, layout::VHOST_BYTES, facts.vhost);
        put_text(
            words,
            worker::PROTOCOL,
            layout::PROTOCOL_BYTES,
            facts.protocol,
        );
    }

    /// The request has ended at `now`, after `bytes` sent. Counts it.
    pub fn end(&self, bytes: u64, now: u64) {
        let words = self.words();
        for index in [worker::ON_CONNECTION, worker::BY_PROCESS, worker::BY_SLOT] {
            add(words, index, 1);
        }
        for index in [
            worker::BYTES_CONNECTION,
            worker::BYTES_PROCESS,
            worker::BYTES_SLOT,
        ] {
            add(words, index, bytes);
        }
        let took = now.saturating_sub(get(words, worker::STARTED));
        add(words, worker::DURATION, took);
        put(words, worker::STOPPED, now);
        put(words, worker::LAST_USED, now);
    }

    /// Processor time this worker's thread has used, in microseconds: user and system.
    pub fn spent(&self, user: u64, system: u64) {
        put(self.words(), worker::CPU, user);
        put(self.words(), worker::CPU + 1, system);
    }

    fn words(&self) -> &[AtomicU64] {
        self.map
            .atoms(self.at * 8, worker::WORDS)
            .unwrap_or_default()
    }
}
