//! A scoreboard whose pages anybody may scribble on, as a child could on its own.

use httpd::scoreboard::publish::{Labels, Publisher, State};
use httpd::scoreboard::snapshot::glance;
use httpd::scoreboard::{layout, Segment, Shape, Snapshot};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const SHAPE: Shape = Shape {
    slots: 3,
    threads: 4,
};
const PIDS: [i32; 3] = [4001, 4002, 0];

/// The segment, the file behind its pages, and a place to publish.
pub struct Pages {
    segment: Segment,
    file: File,
    len: u64,
    page: u64,
    folder: TempDir,
}

impl Pages {
    pub fn new() -> Pages {
        // Tests run side by side in one process: a number of its own tells this segment's file from the others'.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = 1_000_000 + NUMBER.fetch_add(1, Ordering::Relaxed);
        let segment = Segment::new(SHAPE, number, 1).expect("a segment");
        let file = file_of(number);
        let len = file.metadata().expect("a length").len();
        Pages {
            segment,
            file,
            len,
            page: httpd::os::memory::page_size() as u64,
            folder: super::folder(),
        }
    }

    /// Fills the children's records with the data, again and again, and reads all that readers read.
    pub fn scribble(&self, data: &[u8]) {
        for (slot, pid) in (0..).zip(PIDS) {
            self.segment.leave(slot);
            if pid > 0 {
                self.segment.enter(slot, pid, 0);
            }
        }
        if data.is_empty() {
            return;
        }
        let len = self.len as usize;
        let mut all = data.repeat(len / data.len() + 1);
        all.truncate(len);
        self.write(&all[self.page as usize..], self.page);
        let snapshot = self.look();
        // Who the children are only the parent says.
        let pids: Vec<i32> = snapshot.processes.iter().map(|p| p.pid).collect();
        assert_eq!(pids, &PIDS[..2]);
        for slot in 0..SHAPE.slots {
            self.segment.leave(slot);
        }
        assert!(Snapshot::take(&[self.segment.view().clone()], 3)
            .processes
            .is_empty());
        // The directory is the parent's alone, but nothing may fall over it either.
        self.write(&all[..self.page as usize], 0);
        self.look();
        self.write(&vec![0; len], 0);
    }

    fn write(&self, bytes: &[u8], at: u64) {
        self.file.write_all_at(bytes, at).expect("written");
    }

    fn look(&self) -> Snapshot {
        let view = self.segment.view();
        let snapshot = Snapshot::take(&[view.clone(), view.clone()], 3);
        assert!(snapshot.processes.len() <= 2 * SHAPE.slots as usize);
        let (idle, busy) = snapshot.idle_and_busy();
        assert!(idle + busy <= 2 * SHAPE.slots * SHAPE.threads);
        for process in &snapshot.processes {
            assert!(process.pid > 0);
            assert_eq!(process.workers.len(), SHAPE.threads as usize);
            for worker in &process.workers {
                assert!(worker.client.len() <= layout::CLIENT_BYTES);
                assert!(worker.request.len() <= layout::REQUEST_BYTES);
                assert!(worker.vhost.len() <= layout::VHOST_BYTES);
                assert!(worker.protocol.len() <= layout::PROTOCOL_BYTES);
            }
        }
        for slot in 0..SHAPE.slots {
            let glance = glance(view, slot);
            assert!(glance.idle + glance.busy <= SHAPE.threads);
            if let Some(crash) = view.crash(slot) {
                assert!(crash.target.len() <= self.page as usize);
                crash.key();
            }
        }
        let path = self.folder.path().join("board");
        let mut publisher = Publisher::create(&path, Labels::default(), 1, 1).expect("a file");
        publisher
            .publish(&snapshot, State::Running)
            .expect("published");
        let mut first = snapshot;
        first.processes.truncate(2);
        first
    }
}

/// The file whose first word is this number.
fn file_of(number: u32) -> File {
    let links = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    for link in links.flatten() {
        let named = std::fs::read_link(link.path());
        if !named.is_ok_and(|name| name.to_string_lossy().contains("memfd:scoreboard")) {
            continue;
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).open(link.path()) else {
            continue;
        };
        let mut word = [0; 8];
        if file.read_exact_at(&mut word, 0).is_ok() && u64::from_ne_bytes(word) == u64::from(number)
        {
            return file;
        }
    }
    panic!("no file of segment {number}");
}
