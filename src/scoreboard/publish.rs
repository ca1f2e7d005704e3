//! The `ScoreBoardFile`: what programs outside may read, in the layout that `include/scoreboard.h` describes.
//!
//! The parent writes it from a snapshot, with plain writes and never through a mapping (a full disk would then be a bus
//! error in the parent). Nothing is ever read back from it. A reader maps it and takes the sequence number before and after.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::layout::{CLIENT_BYTES, PROTOCOL_BYTES, REQUEST_BYTES, VHOST_BYTES};
use super::snapshot::{Process, Snapshot, Worker};
use crate::os::file;

/// First bytes of the file.
pub const MAGIC: [u8; 8] = *b"httpdsb\0";
/// Number of this layout; a reader refuses others.
pub const LAYOUT: u32 = 1;
/// Size of the head.
pub const HEADER_BYTES: usize = 256;
/// Size of a process record.
pub const PROCESS_BYTES: usize = 128;
/// Size of a worker record.
pub const WORKER_BYTES: usize = 288;
/// Where the sequence number stands; odd while the file is being written.
const SEQUENCE_AT: u64 = 32;
const AFTER_SEQUENCE: usize = 40;

/// What the server is doing, with the numbers of `AP_MPMQ_MPM_STATE` and one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// No child is ready yet.
    Starting = 0,
    /// Serves.
    Running = 1,
    /// Was told to stop.
    Stopping = 2,
    /// The server has ended, or another file has taken this one's name: open it anew.
    Over = 3,
}

/// What does not change while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Name of the MPM.
    pub mpm: String,
    /// The server's product token.
    pub server: String,
    /// The parent's pid.
    pub parent: u32,
}

/// The open file.
#[derive(Debug)]
pub struct Publisher {
    path: PathBuf,
    labels: Labels,
    file: File,
    sequence: u64,
    processes: u32,
    threads: u32,
}

impl Publisher {
    /// Makes the file with room for `processes` of `threads` workers, beside its place and then renamed onto it.
    pub fn create(path: &Path, labels: Labels, processes: u32, threads: u32) -> io::Result<Self> {
        Ok(Publisher {
            file: fresh_file(path, processes, threads)?,
            path: path.to_owned(),
            labels,
            sequence: 0,
            processes,
            threads,
        })
    }

    /// Writes what the snapshot says. A snapshot that needs more room gets a new, larger file of the same name.
    pub fn publish(&mut self, snapshot: &Snapshot, state: State) -> io::Result<()> {
        let processes = snapshot.processes.len() as u32;
        let widest = snapshot.processes.iter().map(|p| p.workers.len()).max();
        let threads = widest.unwrap_or(0) as u32;
        if processes > self.processes || threads > self.threads {
            self.grow(processes.max(self.processes * 2), threads.max(self.threads))?;
        }
        self.sequence += 1;
        self.write_sequence()?;
        let bytes = self.render(snapshot, state);
        // Closed in any case, or readers would wait for the end of a write that failed.
        let written = self.write_body(&bytes, snapshot.processes.len());
        self.sequence += 1;
        self.write_sequence()?;
        written
    }

    /// Marks the file as no longer kept and removes its name, unless that is another server's by now.
    pub fn end(&mut self) {
        let _ = self.mark_over();
        let (named, own) = (std::fs::metadata(&self.path), self.file.metadata());
        if matches!((named, own), (Ok(named), Ok(own)) if file::is_same(&named, &own)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn mark_over(&self) -> io::Result<()> {
        let over = (State::Over as u32).to_ne_bytes();
        file::write_all_at(&self.file, &over, AFTER_SEQUENCE as u64)
    }

    fn grow(&mut self, processes: u32, threads: u32) -> io::Result<()> {
        let file = fresh_file(&self.path, processes, threads)?;
        let _ = self.mark_over();
        self.file = file;
        self.sequence = 0;
        self.processes = processes;
        self.threads = threads;
        Ok(())
    }

    fn write_sequence(&self) -> io::Result<()> {
        let bytes = self.sequence.to_ne_bytes();
        file::write_all_at(&self.file, &bytes, SEQUENCE_AT)
    }

    /// Writes head and process records in one piece, then the workers, where they stand behind all process records.
    fn write_body(&self, bytes: &[u8], processes: usize) -> io::Result<()> {
        let (head, workers) = bytes.split_at(HEADER_BYTES + PROCESS_BYTES * processes);
        let body = head.get(AFTER_SEQUENCE..).unwrap_or_default();
        let first = &head[..SEQUENCE_AT as usize];
        file::write_all_at(&self.file, body, AFTER_SEQUENCE as u64)?;
        let at = HEADER_BYTES + PROCESS_BYTES * self.processes as usize;
        file::write_all_at(&self.file, workers, at as u64)?;
        // The magic comes last: a file without it is not ready.
        file::write_all_at(&self.file, first, 0)
    }

    fn render(&self, snapshot: &Snapshot, state: State) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        self.render_head(&mut out, snapshot, state);
        for process in &snapshot.processes {
            render_process(&mut out, process);
        }
        let none = Worker::default();
        for process in &snapshot.processes {
            for index in 0..self.threads as usize {
                render_worker(&mut out, process.workers.get(index).unwrap_or(&none));
            }
        }
        out.0
    }

    fn render_head(&self, out: &mut Writer, snapshot: &Snapshot, state: State) {
        let (idle, busy) = snapshot.idle_and_busy();
        let totals = &snapshot.totals;
        out.0.extend(MAGIC);
        out.u32s(&[
            LAYOUT,
            HEADER_BYTES as u32,
            PROCESS_BYTES as u32,
            WORKER_BYTES as u32,
            self.processes,
            self.threads,
        ]);
        out.u64s(&[self.sequence]);
        out.u32s(&[
            state as u32,
            snapshot.generation,
            self.labels.parent,
            snapshot.max_processes,
            idle,
            busy,
        ]);
        out.u64s(&[
            snapshot.server_started,
            snapshot.generation_started,
            snapshot.taken,
            totals.accesses,
            totals.bytes,
            totals.duration,
        ]);
        out.u64s(&totals.cpu);
        out.u32s(&[snapshot.processes.len() as u32, 0]);
        out.text(self.labels.mpm.as_bytes(), 32);
        out.text(self.labels.server.as_bytes(), 72);
    }
}

fn fresh_file(path: &Path, processes: u32, threads: u32) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = std::fs::remove_file(&beside);
    let file = file::create_new(&beside)?;
    let process = PROCESS_BYTES as u64 + WORKER_BYTES as u64 * u64::from(threads);
    file.set_len(HEADER_BYTES as u64 + process * u64::from(processes))?;
    file::replace(&beside, path)?;
    Ok(file)
}

fn render_process(out: &mut Writer, process: &Process) {
    let held = &process.held;
    out.u32s(&[
        u32::try_from(process.pid).unwrap_or(0),
        process.slot,
        process.generation,
        process.bucket,
        u32::from(process.is_leaving()),
        u32::from(!process.accepting),
    ]);
    out.u64s(&[
        process.started,
        held.connections,
        held.waiting_io,
        held.writing,
        held.kept_alive,
        held.closing,
        held.suspended,
    ]);
    out.u64s(&process.totals.cpu);
    out.u32s(&[process.workers.len() as u32, 0]);
    out.u64s(&[0]);
}

fn render_worker(out: &mut Writer, worker: &Worker) {
    out.u32s(&[worker.status as u32, worker.thread as u32]);
    out.u64s(&worker.accesses);
    out.u64s(&worker.bytes);
    out.u64s(&[
        worker.started,
        worker.stopped,
        worker.last_used,
        worker.duration,
    ]);
    out.u64s(&worker.cpu);
    out.text(&worker.client, CLIENT_BYTES);
    out.text(&worker.request, REQUEST_BYTES);
    out.text(&worker.vhost, VHOST_BYTES);
    out.text(&worker.protocol, PROTOCOL_BYTES);
    out.u64s(&[0]);
}

/// Numbers in the machine's own order, as a C program finds them in a struct without gaps.
struct Writer(Vec<u8>);

impl Writer {
    fn u32s(&mut self, values: &[u32]) {
        values.iter().for_each(|v| self.0.extend(v.to_ne_bytes()));
    }

    fn u64s(&mut self, values: &[u64]) {
        values.iter().for_each(|v| self.0.extend(v.to_ne_bytes()));
    }

    /// Text cut to leave room for a zero, filled up with zeros.
    fn text(&mut self, text: &[u8], bytes: usize) {
        let kept = text.get(..bytes - 1).unwrap_or(text);
        self.0.extend(kept);
        self.0.extend(std::iter::repeat_n(0, bytes - kept.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(processes: usize, workers: usize) -> Snapshot {
        let worker = Worker {
            status: super::super::Status::Writing,
            request: b"GET / HTTP/1.1".to_vec(),
            ..Worker::default()
        };
        let process = Process {
            pid: 4711,
            workers: vec![worker; workers],
            ..Process::default()
        };
        Snapshot {
            generation: 3,
            processes: vec![process; processes],
            ..Snapshot::default()
        }
    }

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn records_have_the_sizes_of_the_header_file() {
        let mut out = Writer(Vec::new());
        render_process(&mut out, &Process::default());
        assert_eq!(out.0.len(), PROCESS_BYTES);
        render_worker(&mut out, &Worker::default());
        assert_eq!(out.0.len(), PROCESS_BYTES + WORKER_BYTES);
    }

    #[test]
    fn the_file_is_whole_and_grows_by_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        let mut publisher = Publisher::create(&path, Labels::default(), 4, 2).unwrap();
        publisher.publish(&snapshot(3, 2), State::Running).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], &MAGIC);
        assert_eq!(
            bytes.len(),
            HEADER_BYTES + 4 * (PROCESS_BYTES + 2 * WORKER_BYTES)
        );
        assert_eq!(u32_at(&bytes, 32), 2);
        assert_eq!(u32_at(&bytes, 44), 3);
        assert_eq!(u32_at(&bytes, 144), 3);
        assert_eq!(u32_at(&bytes, HEADER_BYTES), 4711);
        assert_eq!(u32_at(&bytes, HEADER_BYTES + 4 * PROCESS_BYTES), 4);

        let old = File::open(&path).unwrap();
        publisher.publish(&snapshot(9, 2), State::Running).unwrap();
        let mut state = [0; 4];
        file::read_exact_at(&old, &mut state, 40).unwrap();
        assert_eq!(u32::from_ne_bytes(state), State::Over as u32);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(u32_at(&bytes, 144), 9);
        publisher.end();
        assert!(!path.exists());
    }
}
