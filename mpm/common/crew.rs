//! The threads of one child, for MPMs that have them: told together, awaited together.
//!
//! The main thread serves nothing. It starts the others, the first at once and more when they ask for help; it hears the parent and
//! the signals, publishes the process's numbers once a second, and ends the process when the serving threads have ended.

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

/// What threads tell the main one: an end, and that more of them are wanted.
const ENDED: u8 = b'.';
const HELP: u8 = b'+';

/// What all threads of a child hear.
pub struct Orders {
    finish: AtomicBool,
    stop: AtomicBool,
    /// Readable from the moment there is an order: wakes threads that wait in a set of their own.
    call: (OwnedFd, OwnedFd),
    /// Executors to wake.
    handles: Lock<Vec<Handle>>,
    /// `ENDED` and `HELP`, for the main thread.
    words: (OwnedFd, OwnedFd),
    /// More threads can be had, and nobody has asked for them yet.
    may_ask: AtomicBool,
    code: AtomicI32,
}

impl Orders {
    pub fn new() -> io::Result<Shared<Orders>> {
        let (call, words) = (fd::pipe()?, fd::pipe()?);
        fd::set_nonblocking(&call.1, true)?;
        fd::set_nonblocking(&words.0, true)?;
        Ok(Shared::new(Orders {
            finish: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            call,
            handles: Lock::new(Vec::new()),
            words,
            may_ask: AtomicBool::new(false),
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

    /// Has more threads started, if there are any left: all that there are have work.
    #[cfg(uses = "inplace")]
    pub fn ask_for_help(&self) {
        // Most often all threads have been started: a look is cheaper than a change.
        if self.may_ask.load(Ordering::Relaxed) && self.may_ask.swap(false, Ordering::SeqCst) {
            let _ = fd::write(&self.words.1, &[HELP]);
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
    /// How many are started at once; the others when those ask for help, as many again each time.
    pub first: u32,
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
        let (mut started, mut told) = (0, false);
        let mut start = |most: u32| {
            // First, for the new ones may all have work before the last of them is there, and nobody else would ask.
            let left = most < self.threads;
            orders.may_ask.store(left, Ordering::SeqCst);
            while started < most.min(self.threads) {
                match start(orders, self.name, started, stack, work.clone()) {
                    Ok(()) => (started, told) = (started + 1, false),
                    Err(error) => {
                        // Those that there are may ask often.
                        if !std::mem::replace(&mut told, true) {
                            self.complain(child, &error);
                        }
                        orders.may_ask.store(true, Ordering::SeqCst);
                        break;
                    }
                }
            }
            started
        };
        if start(self.first) < self.first.min(self.threads) {
            // The process is of no use; those threads that were made hear it.
            orders.stop();
            return SICK;
        }
        child.report_ready();
        watch(child, orders, &mut start, publish, finishing)
    }

    fn complain(&self, child: &Child, error: &io::Error) {
        let told = format!("ap_thread_create: unable to create worker thread: {error}");
        let voice = child.voice();
        voice.own(crate::log::Level::Alert, self.cannot_start, told);
    }
}

fn start(
    orders: &Shared<Orders>,
    name: &str,
    number: u32,
    stack: usize,
    work: impl Fn(u32) -> Result<(), i32> + Send + 'static,
) -> io::Result<()> {
    let orders = orders.clone();
    let mut builder = std::thread::Builder::new().name(format!("{name}{number}"));
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
        let _ = fd::write(&orders.words.1, &[ENDED]);
    })?;
    Ok(())
}

/// The main thread's work, until all serving threads have ended; gives the exit code. `start` has that many threads at least, if
/// they can be had, and tells how many were started by then.
fn watch(
    child: &Child,
    orders: &Orders,
    start: &mut dyn FnMut(u32) -> u32,
    publish: &mut dyn FnMut(),
    finishing: &mut dyn FnMut() -> bool,
) -> i32 {
    let mask = wait_mask();
    let (mut started, mut ended) = (start(0), 0);
    let mut next = Instant::now();
    let mut last = None;
    let (mut told, mut finished) = (false, false);
    while ended < started {
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
        let mut fds = vec![Waiting::to_read(&orders.words.0)];
        fds.extend(line.map(Waiting::to_read));
        if !told {
            fds.push(Waiting::to_read(orders));
        }
        let timeout = next.saturating_duration_since(now).min(until(last, now));
        // An error is a signal, which the next round looks at.
        let _ = wait(&mut fds, Some(timeout), Some(&mask));
        let (more, help) = hear(orders);
        ended += more;
        if help && !orders.is_stopping() {
            started = start(started.saturating_mul(2));
        }
    }
    orders.code.load(Ordering::SeqCst)
}

fn until(last: Option<Instant>, now: Instant) -> Duration {
    last.map_or(PUBLISH_EVERY, |last| last.saturating_duration_since(now))
}

/// How many threads have ended since the last call, and whether the others want help.
fn hear(orders: &Orders) -> (u32, bool) {
    let mut bytes = [0; 256];
    let (mut ended, mut help) = (0, false);
    while let Ok(more @ 1..) = fd::read(&orders.words.0, &mut bytes) {
        let helps = bytes[..more].iter().filter(|byte| **byte == HELP).count();
        ended += (more - helps) as u32;
        help |= helps > 0;
    }
    (ended, help)
}
