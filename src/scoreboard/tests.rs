//! The scoreboard over real processes: what a child writes, what others see, what nobody may write.

use super::*;
use crate::os::memory::page_size;
use crate::os::process::{exit_now, fork, wait, Exit, Fork};
use crate::os::signal;

const SHAPE: Shape = Shape {
    slots: 5,
    threads: 3,
};

/// Runs `work` in a child attached to `slot`, and gives how it ended.
fn in_child(segment: Segment, slot: u32, work: impl FnOnce(ProcessSlot)) -> Exit {
    let Fork::Parent(pid) = fork().unwrap() else {
        let _ = signal::default(libc::SIGSEGV);
        let own = segment.attach(slot, 77).unwrap();
        work(own);
        exit_now(0)
    };
    std::mem::forget(segment);
    wait(pid).unwrap().unwrap().exit
}

#[test]
fn what_a_child_writes_everybody_sees() {
    let segment = Segment::new(SHAPE, 7, 1_000).unwrap();
    let view = segment.view().clone();
    segment.enter(2, 4711, 1);
    segment.stand(2, Standing::Live);
    in_child(segment, 2, |own| {
        let worker = own.worker(1);
        let facts = RequestFacts {
            client: b"192.0.2.1",
            line: &[b'a'; 100],
            vhost: b"a.example:80",
            protocol: b"http/1.1",
            ..RequestFacts::default()
        };
        worker.set(Status::Writing);
        worker.begin(&facts, 5_000_000);
        worker.end(100, 5_002_000);
        own.worker(0).set(Status::Ready);
        own.hold(&Held {
            connections: 9,
            ..Held::default()
        });
        own.accepting(false);
    });
    let snapshot = Snapshot::take(std::slice::from_ref(&view), 3);
    let [process] = &snapshot.processes[..] else {
        panic!("one process: {snapshot:?}");
    };
    assert_eq!(
        (process.pid, process.slot, process.generation),
        (4711, 2, 7)
    );
    assert_eq!(process.held.connections, 9);
    assert!(!process.accepting && !process.is_leaving());
    assert_eq!(process.counts(), (1, 1, 0));
    let worker = &process.workers[1];
    assert_eq!(worker.request, [b'a'; 63]);
    assert_eq!(worker.client, b"192.0.2.1");
    assert_eq!((worker.accesses, worker.bytes), ([1; 3], [100; 3]));
    assert_eq!(worker.duration, 2_000);
    assert_eq!(snapshot.totals.accesses, 1);
    let glance = snapshot::glance(&view, 2);
    assert_eq!((glance.idle, glance.busy, glance.connections), (1, 1, 9));
    assert!(!glance.accepting);
}

#[test]
fn a_child_can_write_its_own_pages_only() {
    let segment = Segment::new(SHAPE, 1, 0).unwrap();
    let exit = in_child(segment, 0, |own| {
        let words = own.view().record(1);
        layout::put(words, 0, 1);
    });
    assert!(
        matches!(exit, Exit::Signal { signal, .. } if signal == libc::SIGSEGV || signal == libc::SIGBUS),
        "{exit:?}"
    );
}

#[test]
fn random_pages_read_as_numbers() {
    let segment = Segment::new(SHAPE, 1, 0).unwrap();
    let view = segment.view().clone();
    segment.enter(0, 100, 0);
    segment.enter(4, 200, 0);
    in_child(segment, 4, |own| {
        let words = page_size() / 8;
        let mut random: u64 = 88172645463325252;
        for index in 0..words {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            own.scribble(index, random);
        }
    });
    let snapshot = Snapshot::take(std::slice::from_ref(&view), 3);
    assert_eq!(snapshot.processes[1].pid, 200);
    let glance = snapshot::glance(&view, 4);
    assert!(glance.idle + glance.busy <= SHAPE.threads);
}

#[test]
fn totals_outlive_their_child_and_slots_count_on() {
    let segment = Segment::new(SHAPE, 1, 0).unwrap();
    let view = segment.view().clone();
    for pid in [10, 11] {
        segment.enter(0, pid, 0);
        let Fork::Parent(child) = fork().unwrap() else {
            let own = segment.attach(0, pid).unwrap();
            own.worker(0).end(50, 1);
            exit_now(0)
        };
        wait(child).unwrap();
        if pid == 10 {
            segment.leave(0);
        }
    }
    let snapshot = Snapshot::take(std::slice::from_ref(&view), 3);
    assert_eq!(snapshot.totals.accesses, 2);
    assert_eq!(snapshot.totals.bytes, 100);
    assert_eq!(snapshot.processes[0].workers[0].accesses, [1, 1, 2]);
    assert!(!view.is_closing());
    segment.close(false);
    assert!(view.is_closing() && !view.is_last());
    segment.close(true);
    assert!(view.is_closing() && view.is_last());
}
