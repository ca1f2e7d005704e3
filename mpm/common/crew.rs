//! The threads of one child, for MPMs that have them: started together, told together, awaited together.
//!
//! The main thread serves nothing. It hears the parent and the signals, publishes the process's numbers once a second, and ends
//! the process when the serving threads have ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use super::child::{wait_mask, Child};
use super::codes::SICK;
use super::system;
use crate::os::fd;
use crate::os::poll::{wait, Waiting};
use crate::run::Handle;
use crate::sync::{Lock, Shared};

/// How often the process's numbers are published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How long threads may take to end once told to end at once.
const STOPPING: Duration = Duration::from_secs(2);

/// Exit code of a child one of whose threads broke.
const BROKEN: i32 = 1;

/// What all threads of a child hear.
pub struct Orders {
    finish: AtomicBool,
    stop: AtomicBool,
    /// Readable from the moment there is an order: wakes threads that wait in a set of their own.
    call: (OwnedFd, OwnedFd),
    /// Executors to wake.
    handles: Lock<Vec<Handle>>,
    /// A byte for each thread that has ended.
    ended: (OwnedFd, OwnedFd),
    code: AtomicI32,
}

impl Orders {
    pub fn new() -> io::Result<Shared<Orders>> {
        let (call, ended) = (fd::pipe()?, fd::pipe()?);
        fd::set_nonblocking(&call.1, true)?;
        fd::set_nonblocking(&ended.0, true)?;
        Ok(Shared::new(Orders {
            finish: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            call,
            handles: Lock::new(Vec::new()),
            ended,
            code: AtomicI32::new(0),
        }))
    }

    /// Whether to take no more connections.
    pub fn is_finishing(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }

    /// Whether to end at once.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Has this executor woken at each order.
    pub fn wake_at_orders(&self, handle: Handle) {
        self.handles.lock().push(handle);
    }

    /// Tells all threads to take no more connections; true the first time.
    pub fn finish(&self) -> bool {
        let first = !self.finish.swap(true, Ordering::SeqCst);
        if first {
            self.wake();
        }
        first
    }

    /// Tells all threads to end at once.
    pub fn stop(&self) {
        if !self.stop.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        let _ = fd::write(&self.call.1, b"!");
        for handle in self.handles.lock().iter() {
            handle.wake();
        }
    }

    /// Something is scarce, or broken: the process ends with that code as soon as it can.
    fn fail(&self, code: i32) {
        let _ = self
            .code
            .compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        self.finish();
    }
}

impl AsFd for Orders {
    /// Readable once there is an order.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.call.0.as_fd()
    }
}

/// The serving threads of a child.
pub struct Crew {
    /// What they are called, before their number.
    pub name: &'static str,
    pub threads: u32,
    /// The number of the message that they cannot be had.
    pub cannot_start: u32,
}

impl Crew {
    /// Has each thread do `work` (given its number), which answers with an exit code if it fails, until all have ended; gives the exit
    /// code of the child.
    ///
    /// `publish` is called once a second, `finishing` when no more connections are to be taken, until it
    /// answers that all is done.
    pub fn serve(
        &self,
        child: &Child,
        orders: &Shared<Orders>,
        work: impl Fn(u32) -> Result<(), i32> + Clone + Send + 'static,
        publish: &mut dyn FnMut(),
        finishing: &mut dyn FnMut() -> bool,
    ) -> i32 {
        let stack = child.conf().thread_stack_size;
        if let Err(error) = start(orders, self, stack, work) {
            let told = format!("ap_thread_create: unable to create worker thread: {error}");
            let number = self.cannot_start;
            child.voice().own(crate::log::Level::Alert, number, told);
            // The process is of no use; those threads that were made hear it.
            orders.stop();
            return SICK;
        }
        child.report_ready();
        watch(child, orders, self.threads, publish, finishing)
    }
}

fn start(
    orders: &Shared<Orders>,
    crew: &Crew,
    stack: usize,
    work: impl Fn(u32) -> Result<(), i32> + Clone + Send + 'static,
) -> io::Result<()> {
    for number in 0..crew.threads {
        let (orders, work) = (orders.clone(), work.clone());
        let mut builder = std::thread::Builder::new().name(format!("{}{number}", crew.name));
        if stack > 0 {
            builder = builder.stack_size(stack);
        }
        builder.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| work(number)));
            match done {
                Ok(Ok(())) => {}
                Ok(Err(code)) => orders.fail(code),
                Err(_) => orders.fail(BROKEN),
            }
            crate::log::flush_all();
            let _ = fd::write(&orders.ended.1, b".");
        })?;
    }
    Ok(())
}

/// The main thread's work, until all of `threads` serving threads have ended; gives the exit code.
fn watch(
    child: &Child,
    orders: &Orders,
    threads: u32,
    publish: &mut dyn FnMut(),
    finishing: &mut dyn FnMut() -> bool,
) -> i32 {
    let mask = wait_mask();
    let mut ended = 0;
    let mut next = Instant::now();
    let mut last = None;
    let (mut told, mut finished) = (false, false);
    while ended < threads {
        let now = Instant::now();
        if child.told_to_stop() {
            orders.stop();
        } else if child.told_to_finish() || child.board.own.is_closing() {
            orders.finish();
        }
        if orders.is_finishing() && !std::mem::replace(&mut told, true) {
            child.report_finishing();
        }
        if told && !finished {
            finished = finishing();
        }
        if orders.is_stopping() && now >= *last.get_or_insert(now + STOPPING) {
            break;
        }
        if now >= next {
            next = now + PUBLISH_EVERY;
            child.board.own.spent(system::cpu_times());
            publish();
        }
        // The parent's word is said once; a line that has been heard, or is closed, must not wake us for ever.
        let line = child.line.as_ref().filter(|_| !child.told_to_finish());
        let mut fds = vec![Waiting::to_read(&orders.ended.0)];
        fds.extend(line.map(Waiting::to_read));
        if !told {
            fds.push(Waiting::to_read(orders));
        }
        let timeout = next.saturating_duration_since(now).min(until(last, now));
        // An error is a signal, which the next round looks at.
        let _ = wait(&mut fds, Some(timeout), Some(&mask));
        ended += count_ended(orders);
    }
    orders.code.load(Ordering::SeqCst)
}

fn until(last: Option<Instant>, now: Instant) -> Duration {
    last.map_or(PUBLISH_EVERY, |last| last.saturating_duration_since(now))
}

fn count_ended(orders: &Orders) -> u32 {
    let mut bytes = [0; 256];
    let mut count = 0;
    while let Ok(more @ 1..) = fd::read(&orders.ended.0, &mut bytes) {
        count += more as u32;
    }
    count
}
