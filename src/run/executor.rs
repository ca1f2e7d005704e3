//! The loop: runs what is ready, asks the kernel what became ready, and again. Two ways to drive it: `block_on` for a thread
//! that serves one connection at a time, `turn` for an event loop that has many.

use crate::os::fd::{AsFd, BorrowedFd};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_task::Runnable;

use super::clock::Clock;
use super::parking::{Lot, Park};
use super::poller::{Poller, Ready};
#[cfg(threaded)]
use super::remote::{Handle, Remote};
use super::slots::{Slots, Token};
use super::timer::{Key, Timers};
use crate::os::signal::{self, SignalSet};

/// Tasks run before the kernel is asked again.
const BATCH: usize = 64;
/// A loop that never has to wait lets signals in this often.
const LET_SIGNALS_IN: Duration = Duration::from_millis(250);

thread_local! {
    /// The executor of this thread; dead when it is gone.
    static CURRENT: RefCell<Weak<Executor>> = const { RefCell::new(Weak::new()) };
    /// The number of this thread's executor (0: none) and its tasks that are ready.
    static READY: (Cell<usize>, RefCell<VecDeque<Runnable>>) =
        const { (Cell::new(0), RefCell::new(VecDeque::new())) };
}

/// What [`Executor::turn`] reports to an event loop.
#[derive(Debug)]
pub enum Event<P> {
    /// The listener added under this number has a connection waiting. Call [`Executor::accepted`] after each one taken.
    Listener(usize),
    /// A parked connection has something to read, or its end.
    Parked(P),
    /// A parked connection has waited long enough.
    Expired(P),
    /// A signal's handler ran, or another thread called [`Handle::wake`](super::Handle::wake).
    Woken,
}

/// Names an executor, and can be left a message from any thread.
#[cfg(threaded)]
#[derive(Clone)]
pub(super) struct Home(crate::sync::Shared<Remote>);

#[cfg(threaded)]
impl Home {
    fn new(poller: &Poller) -> io::Result<Home> {
        Ok(Home(Remote::new(poller.waker(Token::WAKER.0)?)))
    }

    /// The address of what is shared: nobody else's while anything of this executor is left.
    fn number(&self) -> usize {
        crate::sync::Shared::as_ptr(&self.0) as usize
    }

    /// A descriptor of ours was dropped on another thread, or after us.
    pub fn release(&self, token: Token) {
        self.0.leave(|state| state.released.push(token));
    }

    /// A task was woken on another thread.
    fn schedule(&self, task: Runnable) {
        self.0.leave(|state| state.tasks.push(task));
    }
}

/// Names an executor.
#[cfg(not(threaded))]
#[derive(Clone)]
pub(super) struct Home(usize);

#[cfg(not(threaded))]
impl Home {
    fn new(_poller: &Poller) -> io::Result<Home> {
        thread_local!(static LAST: Cell<usize> = const { Cell::new(0) });
        LAST.with(|last| last.set(last.get() + 1));
        Ok(Home(LAST.with(Cell::get)))
    }

    fn number(&self) -> usize {
        self.0
    }

    /// A descriptor of ours was dropped after us.
    pub fn release(&self, _token: Token) {}

    /// A task was woken after its executor ended. It cannot be dropped where it does not belong, and holds little any more.
    fn schedule(&self, task: Runnable) {
        std::mem::forget(task);
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Home({:x})", self.number())
    }
}

/// The executor of one thread. Made on that thread after the last fork, dropped there with all tasks it still has.
pub struct Executor {
    home: Home,
    poller: Poller,
    slots: RefCell<Slots>,
    timers: RefCell<Timers>,
    clock: Clock,
    tasks: RefCell<Tasks>,
    /// What the last wait found; kept for its memory.
    ready: RefCell<Vec<Ready>>,
    /// To be reported: ready listeners, places of ready parked connections, that somebody woke us.
    listeners: RefCell<Vec<usize>>,
    parked: RefCell<Vec<u32>>,
    woken: Cell<bool>,
    /// Connections taken from each listener.
    accepted: RefCell<Vec<u32>>,
    mask: Cell<Option<SignalSet>>,
    signals_seen: Cell<u32>,
    signals_let_in: Cell<Instant>,
}

/// Wakers of all tasks alive, to reach them at the end.
#[derive(Default)]
struct Tasks {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// Takes a task off the list when its future is dropped, ended or not.
struct Listed {
    executor: usize,
    place: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let Some(executor) = Executor::try_current() else {
            return;
        };
        if executor.home.number() == self.executor {
            let mut tasks = executor.tasks.borrow_mut();
            tasks.free.push(self.place);
            let waker = tasks.wakers[self.place].take();
            drop(tasks);
            drop(waker);
        }
    }
}

/// Wakes the future of `block_on`.
struct MainWaker {
    woken: AtomicBool,
    #[cfg(threaded)]
    home: Home,
}

impl Wake for MainWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        #[cfg(threaded)]
        if !is_here(self.home.number()) {
            self.home.0.leave(|_| ());
        }
    }
}

/// Whether the calling thread is that of this executor.
#[cfg(threaded)]
fn is_here(executor: usize) -> bool {
    READY
        .try_with(|(here, _)| here.get() == executor)
        .unwrap_or(false)
}

/// Queues a task if the calling thread is its own; gives it back if not.
fn queue_here(executor: usize, task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    // An error: the thread is ending, and its queue is gone.
    let _ = READY.try_with(|(here, queue)| {
        if here.get() == executor {
            queue.borrow_mut().extend(task.take());
        }
    });
    task
}

fn next_task() -> Option<Runnable> {
    READY.with(|(_, queue)| queue.borrow_mut().pop_front())
}

fn has_tasks() -> bool {
    READY.with(|(_, queue)| !queue.borrow().is_empty())
}

impl Executor {
    /// Makes the executor of this thread. `AlreadyExists` while there is another one; else an error of the kernel (no descriptor
    /// or memory left).
    pub fn new() -> io::Result<Rc<Executor>> {
        if Executor::try_current().is_some() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let poller = Poller::new()?;
        let home = Home::new(&poller)?;
        READY.with(|(here, _)| here.set(home.number()));
        let executor = Rc::new(Executor {
            home,
            poller,
            slots: RefCell::default(),
            timers: RefCell::default(),
            clock: Clock::default(),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            listeners: RefCell::default(),
            parked: RefCell::default(),
            woken: Cell::new(false),
            accepted: RefCell::default(),
            mask: Cell::new(None),
            signals_seen: Cell::new(signal::arrivals()),
            signals_let_in: Cell::new(Instant::now()),
        });
        CURRENT.with(|current| *current.borrow_mut() = Rc::downgrade(&executor));
        Ok(executor)
    }

    /// The executor of this thread.
    ///
    /// # Panics
    /// If there is none: a future of ours was polled on a thread that does not serve.
    pub fn current() -> Rc<Executor> {
        match Executor::try_current() {
            Some(executor) => executor,
            None => panic!("this thread has no executor"),
        }
    }

    /// The executor of this thread, if it has one.
    pub fn try_current() -> Option<Rc<Executor>> {
        CURRENT
            .try_with(|current| current.borrow().upgrade())
            .ok()
            .flatten()
    }

    /// Starts a task, which runs until it ends or the executor does. A panic in it ends only that task.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let executor = self.home.number();
        let mut tasks = self.tasks.borrow_mut();
        let place = tasks.free.pop().unwrap_or(tasks.wakers.len());
        let listed = Listed { executor, place };
        let future = async move {
            let _listed = listed;
            future.await;
        };
        let home = self.home.clone();
        let schedule = move |task| {
            if let Some(task) = queue_here(home.number(), task) {
                home.schedule(task);
            }
        };
        let (runnable, task) = async_task::spawn_local(future, schedule);
        if place == tasks.wakers.len() {
            tasks.wakers.push(None);
        }
        tasks.wakers[place] = Some(runnable.waker());
        drop(tasks);
        task.detach();
        runnable.schedule();
    }

    /// Tasks that have not ended.
    pub fn tasks(&self) -> usize {
        let tasks = self.tasks.borrow();
        tasks.wakers.len() - tasks.free.len()
    }

    /// Descriptors registered with the poller.
    pub fn registered(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Timers that run.
    pub fn running_timers(&self) -> usize {
        self.timers.borrow().len()
    }

    /// Lets these signals in while the thread waits, and only then: `mask` is what is blocked during the wait. `None` (as at
    /// first) leaves the thread's mask alone.
    pub fn set_wait_mask(&self, mask: Option<SignalSet>) {
        self.mask.set(mask);
    }

    /// Wakes this executor from other threads.
    #[cfg(threaded)]
    pub fn handle(&self) -> Handle {
        Handle(self.home.0.clone())
    }

    /// Adds a listener; `turn` reports it under this number. Small numbers, please: there is a count for each.
    pub fn add_listener(&self, index: usize, listener: impl AsFd) -> io::Result<()> {
        self.poller
            .add_listener(listener.as_fd(), Token::listener(index).0)
    }

    /// Takes a listener out: it is closed soon, or no more connections are wanted for now.
    pub fn remove_listener(&self, listener: impl AsFd) -> io::Result<()> {
        self.poller.remove_listener(listener.as_fd())
    }

    /// To be called after each connection taken from a listener, so that it is reported again and connections spread over the
    /// processes and threads that wait for them.
    pub fn accepted(&self, index: usize, listener: impl AsFd) -> io::Result<()> {
        let mut counts = self.accepted.borrow_mut();
        if counts.len() <= index {
            counts.resize(index + 1, 0);
        }
        counts[index] = counts[index].wrapping_add(1);
        self.poller
            .accepted(listener.as_fd(), Token::listener(index).0, counts[index])
    }

    /// Runs `future` to its end, and all tasks meanwhile.
    ///
    /// # Panics
    /// If the kernel refuses to wait, which it has no reason for.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.block_on_until(future, &mut || false) {
            Ok(Some(output)) => output,
            Ok(None) => unreachable!("nothing stops it"),
            Err(error) => panic!("cannot wait for events: {error}"),
        }
    }

    /// As [`Executor::block_on`], but gives up (`None`, the future is dropped) once `stop` says so. It is asked after each
    /// wait, which a signal's handler ends: with a wait mask set no signal is missed.
    pub fn block_on_until<F: Future>(
        &self,
        future: F,
        stop: &mut dyn FnMut() -> bool,
    ) -> io::Result<Option<F::Output>> {
        // The thread may have waited elsewhere since the last turn.
        self.clock.refresh();
        let mut future = pin!(future);
        #[allow(clippy::disallowed_types)] // std's Wake asks for it
        let main = std::sync::Arc::new(MainWaker {
            woken: AtomicBool::new(true),
            #[cfg(threaded)]
            home: self.home.clone(),
        });
        let waker = Waker::from(main.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            for _ in 0..BATCH {
                if !main.woken.load(Ordering::Relaxed) && !has_tasks() {
                    break;
                }
                if main.woken.swap(false, Ordering::SeqCst) {
                    if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                        return Ok(Some(output));
                    }
                }
                self.run_tasks(1);
            }
            let busy = main.woken.load(Ordering::SeqCst) || has_tasks();
            self.wait(busy.then_some(Duration::ZERO))?;
            if stop() {
                return Ok(None);
            }
        }
    }

    /// One round of an event loop: runs tasks, waits until something happens (at most `limit`), reports it to `on`, and runs the
    /// tasks that this made ready. An error means that the kernel refuses to wait.
    pub fn turn<P: Park>(
        &self,
        limit: Option<Duration>,
        lot: &Lot<P>,
        on: &mut dyn FnMut(Event<P>),
    ) -> io::Result<()> {
        self.run_tasks(BATCH);
        let limit = if has_tasks() || lot.has_readable() {
            Some(Duration::ZERO)
        } else {
            limit
        };
        let deadline = lot
            .next_deadline()
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.wait(earlier(limit, deadline))?;
        for index in self.listeners.take() {
            on(Event::Listener(index));
        }
        let mut places = self.parked.take();
        places.append(&mut lot.take_readable());
        for place in places {
            if let Some(connection) = lot.take(place) {
                on(Event::Parked(connection));
            }
        }
        for connection in lot.take_expired(self.clock.now()) {
            on(Event::Expired(connection));
        }
        if self.woken.take() {
            on(Event::Woken);
        }
        self.run_tasks(BATCH);
        Ok(())
    }

    fn run_tasks(&self, most: usize) {
        for _ in 0..most {
            let Some(task) = next_task() else { break };
            // The panic was reported by the panic hook; its task is gone, the others are not.
            let _ = catch_unwind(AssertUnwindSafe(|| task.run()));
        }
    }

    /// Waits for the poller, at most for `limit` and until the first timer; notes and wakes what became ready.
    fn wait(&self, limit: Option<Duration>) -> io::Result<()> {
        let first = self.timers.borrow().first();
        let timer = first.map(|first| first.saturating_duration_since(Instant::now()));
        let mut limit = earlier(limit, timer);
        let mask = self.mask.get();
        if let Some(mask) = &mask {
            self.let_signals_in(mask)?;
        }
        if self.signals_came() {
            limit = Some(Duration::ZERO);
        }
        let mut ready = self.ready.take();
        let waited = self.poller.wait(limit, mask.as_ref(), &mut ready);
        self.clock.refresh();
        for event in ready.drain(..) {
            self.dispatch(event);
        }
        self.ready.replace(ready);
        self.signals_came();
        self.fire_timers();
        match waited {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes that a handler ran since the last look. Handlers of one process run on any of its threads: each loop finds out.
    fn signals_came(&self) -> bool {
        let arrivals = signal::arrivals();
        let came = self.signals_seen.replace(arrivals) != arrivals;
        if came {
            self.woken.set(true);
        }
        came
    }

    /// A wait that finds events lets no signal in. So that a busy thread sees its signals they are let in now and then.
    fn let_signals_in(&self, mask: &SignalSet) -> io::Result<()> {
        let now = Instant::now();
        if now.saturating_duration_since(self.signals_let_in.get()) >= LET_SIGNALS_IN {
            self.signals_let_in.set(now);
            signal::deliver_pending(mask)?;
        }
        Ok(())
    }

    fn dispatch(&self, event: Ready) {
        let token = Token(event.token);
        if token == Token::WAKER {
            return self.take_messages();
        }
        if let Some(index) = token.as_listener() {
            return self.listeners.borrow_mut().push(index);
        }
        let woken = self
            .slots()
            .ready(token, event.readable, event.writable, event.closed);
        woken
            .read
            .into_iter()
            .chain(woken.write)
            .for_each(Waker::wake);
        self.parked.borrow_mut().extend(woken.parked);
    }

    #[cfg(threaded)]
    fn take_messages(&self) {
        let left = self.home.0.take();
        READY.with(|(_, queue)| queue.borrow_mut().extend(left.tasks));
        for token in left.released {
            let woken = self.slots().remove(token);
            drop(woken);
        }
        if left.woken {
            self.woken.set(true);
        }
    }

    #[cfg(not(threaded))]
    fn take_messages(&self) {}

    fn fire_timers(&self) {
        if self.timers.borrow().first().is_none() {
            return;
        }
        let now = self.clock.now();
        loop {
            // The borrow ends before the waker runs.
            let due = self.timers().pop(now);
            match due {
                Some(waker) => waker.wake(),
                None => break,
            }
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn slots(&self) -> RefMut<'_, Slots> {
        self.slots.borrow_mut()
    }

    pub(super) fn timers(&self) -> RefMut<'_, Timers> {
        self.timers.borrow_mut()
    }

    pub(super) fn remove_timer(&self, key: Key) {
        let waker = self.timers().remove(key);
        drop(waker);
    }

    pub(super) fn home(&self) -> Home {
        self.home.clone()
    }

    pub(super) fn is_home(&self, home: &Home) -> bool {
        self.home.number() == home.number()
    }

    pub(super) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<Token> {
        let token = self.slots().insert();
        if let Err(error) = self.poller.register(fd, token.0) {
            self.slots().remove(token);
            return Err(error);
        }
        Ok(token)
    }

    pub(super) fn rearm(&self, token: Token, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.rearm(fd, token.0)
    }

    /// The descriptor leaves, but stays open.
    pub(super) fn deregister(&self, token: Token, fd: BorrowedFd<'_>) {
        // It is registered, so this cannot fail; and if it did, the events' number is nobody's.
        let _ = self.poller.deregister(fd);
        let woken = self.slots().remove(token);
        drop(woken);
    }

    /// The descriptor is closed right after this.
    pub(super) fn closing(&self, token: Token, fd: BorrowedFd<'_>) {
        if !Poller::CLOSING_DEREGISTERS {
            let _ = self.poller.deregister(fd);
        }
        let woken = self.slots().remove(token);
        drop(woken);
    }
}

/// The shorter of two limits, `None` being none.
fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Waking a task queues it, and a queued task that is dropped drops its future; that may wake others.
        let tasks = self.tasks.take();
        tasks.wakers.into_iter().flatten().for_each(Waker::wake);
        #[cfg(threaded)]
        self.take_messages();
        while let Some(task) = next_task() {
            drop(task);
        }
        READY.with(|(here, _)| here.set(0));
    }
}
