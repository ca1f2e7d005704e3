//! A reading of the scoreboard at one moment, for status pages, the parent's maintenance and outside readers.
//!
//! Pages of children are untrusted: every number is cut to what it may be, a pid comes only from the parent's directory.

use super::layout::{self, get, get_text, process, worker};
use super::segment::{worker_at, Standing, Totals, View};
use super::slot::Held;
use super::status::Status;
use crate::sync::Shared;

/// One worker.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    /// What it does.
    pub status: Status,
    /// The system's number of its thread, 0 if it has none of its own.
    pub thread: u64,
    /// Requests on the present connection, by this process, by this slot.
    pub accesses: [u64; 3],
    /// Bytes, likewise.
    pub bytes: [u64; 3],
    /// Begin and end of the last request, and when the worker was last used; microseconds since 1970, 0 if never.
    pub started: u64,
    /// See `started`.
    pub stopped: u64,
    /// See `started`.
    pub last_used: u64,
    /// Microseconds spent on requests.
    pub duration: u64,
    /// Processor microseconds: user and system.
    pub cpu: [u64; 2],
    /// Address of the client.
    pub client: Vec<u8>,
    /// The request line, or a part of it.
    pub request: Vec<u8>,
    /// Name and port of the virtual host.
    pub vhost: Vec<u8>,
    /// Protocol of the connection.
    pub protocol: Vec<u8>,
}

/// One child process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// As the parent knows it.
    pub pid: i32,
    /// Its place in its generation.
    pub slot: u32,
    /// The configuration it serves.
    pub generation: u32,
    /// Its listener bucket.
    pub bucket: u32,
    /// What the parent wants of it.
    pub standing: Standing,
    /// Microseconds since 1970.
    pub started: u64,
    /// Says itself that it takes no more connections.
    pub quiescing: bool,
    /// Listens at the moment.
    pub accepting: bool,
    /// Connections that it holds.
    pub held: Held,
    /// What its workers have counted.
    pub totals: Totals,
    /// Its workers, by number.
    pub workers: Vec<Worker>,
}

impl Process {
    /// Whether it takes no more connections and goes.
    pub fn is_leaving(&self) -> bool {
        self.quiescing || matches!(self.standing, Standing::Draining | Standing::Stopping)
    }

    /// Idle, busy and finishing workers.
    pub fn counts(&self) -> (u32, u32, u32) {
        let mut counts = (0, 0, 0);
        for worker in &self.workers {
            match worker.status {
                Status::Graceful => counts.2 += 1,
                status if status.is_busy() => counts.1 += 1,
                status if status.is_idle() => counts.0 += 1,
                _ => {}
            }
        }
        counts
    }
}

/// The whole server.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Microseconds since 1970.
    pub taken: u64,
    /// See `taken`.
    pub server_started: u64,
    /// See `taken`.
    pub generation_started: u64,
    /// The serving generation.
    pub generation: u32,
    /// Its most processes and the workers of each: how large the scoreboard is drawn.
    pub max_processes: u32,
    /// See `max_processes`.
    pub threads: u32,
    /// Over all processes that are or were.
    pub totals: Totals,
    /// The serving generation's children by slot, then those of older ones.
    pub processes: Vec<Process>,
}

impl Snapshot {
    /// Reads all views; the first is the serving generation's (or, in a child, its own).
    pub fn take(views: &[Shared<View>], max_processes: u32) -> Snapshot {
        let mut snapshot = Snapshot {
            taken: super::now(),
            max_processes,
            ..Snapshot::default()
        };
        if let Some(first) = views.first() {
            snapshot.generation = first.generation();
            snapshot.threads = first.shape().threads;
            (snapshot.server_started, snapshot.generation_started) = first.times();
        }
        for view in views {
            snapshot.totals.add(&view.retired());
            for slot in 0..view.shape().slots {
                if view.pid(slot) > 0 {
                    let process = read_process(view, slot);
                    snapshot.totals.add(&process.totals);
                    snapshot.processes.push(process);
                }
            }
        }
        snapshot
    }

    /// Idle and busy workers of all processes. Workers of a process that leaves are never idle.
    pub fn idle_and_busy(&self) -> (u32, u32) {
        let mut sum = (0, 0);
        for process in &self.processes {
            let (idle, busy, finishing) = process.counts();
            if !process.is_leaving() {
                sum.0 += idle;
            }
            sum.1 += busy + finishing;
        }
        sum
    }
}

/// What the parent's maintenance asks, without reading texts: idle and busy workers, connections, quiescing, listening.
pub fn glance(view: &View, slot: u32) -> Glance {
    let record = view.record(slot);
    let mut glance = Glance {
        connections: get(record, process::CONNECTIONS).min(u64::from(u32::MAX)) as u32,
        quiescing: get(record, process::QUIESCING) != 0,
        accepting: get(record, process::NOT_ACCEPTING) == 0,
        ..Glance::default()
    };
    for thread in 0..view.shape().threads {
        let status = Status::from_number(get(record, worker_at(thread) + worker::STATUS));
        glance.idle += u32::from(status.is_idle());
        // A worker that has ended, and shows that it did, holds nothing.
        glance.busy += u32::from(status.is_busy() && status != Status::Graceful);
    }
    glance
}

/// See [`glance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Workers that wait.
    pub idle: u32,
    /// Workers that work.
    pub busy: u32,
    /// Connections it says it holds.
    pub connections: u32,
    /// It says that it takes no more connections.
    pub quiescing: bool,
    /// It listens at the moment.
    pub accepting: bool,
}

fn read_process(view: &View, slot: u32) -> Process {
    let record = view.record(slot);
    let word = |index| get(record, index);
    Process {
        pid: view.pid(slot),
        slot,
        generation: view.generation(),
        bucket: view.bucket(slot),
        standing: view.standing(slot),
        started: view.started(slot),
        quiescing: word(process::QUIESCING) != 0,
        accepting: word(process::NOT_ACCEPTING) == 0,
        held: Held {
            connections: word(process::CONNECTIONS),
            waiting_io: word(process::WAITING_IO),
            writing: word(process::WRITING),
            kept_alive: word(process::KEPT_ALIVE),
            closing: word(process::CLOSING),
            suspended: word(process::SUSPENDED),
        },
        totals: view.totals_of(slot),
        workers: (0..view.shape().threads)
            .map(|thread| read_worker(view, slot, thread))
            .collect(),
    }
}

fn read_worker(view: &View, slot: u32, thread: u32) -> Worker {
    let record = view.record(slot);
    let at = worker_at(thread);
    let word = |index| get(record, at + index);
    let text = |index, bytes| get_text(record, at + index, bytes);
    Worker {
        status: Status::from_number(word(worker::STATUS)),
        thread: word(worker::THREAD),
        accesses: [
            word(worker::ON_CONNECTION),
            word(worker::BY_PROCESS),
            word(worker::BY_SLOT),
        ],
        bytes: [
            word(worker::BYTES_CONNECTION),
            word(worker::BYTES_PROCESS),
            word(worker::BYTES_SLOT),
        ],
        started: word(worker::STARTED),
        stopped: word(worker::STOPPED),
        last_used: word(worker::LAST_USED),
        duration: word(worker::DURATION),
        cpu: [word(worker::CPU), word(worker::CPU + 1)],
        client: text(worker::CLIENT, layout::CLIENT_BYTES),
        request: text(worker::REQUEST, layout::REQUEST_BYTES),
        vhost: text(worker::VHOST, layout::VHOST_BYTES),
        protocol: text(worker::PROTOCOL, layout::PROTOCOL_BYTES),
    }
}
