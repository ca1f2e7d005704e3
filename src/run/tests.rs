//! The executor as a whole: connections over loopback, parked ones, timers, wake-ups from other threads.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::*;
use crate::os::{fd, socket};

/// A limit for what must happen soon; reached only by a fault.
const SOON: Duration = Duration::from_secs(20);

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn connect(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

fn accept(listener: &TcpListener) -> Fd {
    Fd::new(socket::accept(listener).unwrap().0)
}

async fn read(fd: &mut Fd, buf: &mut [u8]) -> io::Result<usize> {
    let n = poll_fn(|cx| fd.poll_read_with(cx, |fd| fd::read(fd, buf))).await?;
    if n < buf.len() {
        fd.read_was_partial();
    }
    Ok(n)
}

async fn write_all(fd: &mut Fd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| fd.poll_write_with(cx, |fd| fd::write(fd, bytes))).await?;
        bytes = &bytes[n..];
    }
    Ok(())
}

/// Gives back what comes until the peer ends.
async fn echo(mut fd: Fd) -> io::Result<u64> {
    let mut buf = [0; 4096];
    let mut total = 0;
    loop {
        let n = read(&mut fd, &mut buf).await?;
        if n == 0 {
            socket::shutdown_write(&fd)?;
            return Ok(total);
        }
        write_all(&mut fd, &buf[..n]).await?;
        total += n as u64;
    }
}

/// A client that sends `size` bytes, wants them back, and tells when it has them.
fn client(address: std::net::SocketAddr, size: usize) -> std::thread::JoinHandle<bool> {
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let mut back = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            back.read_to_end(&mut all).unwrap();
            all
        });
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        reader.join().unwrap() == bytes
    })
}

#[test]
fn echo_over_block_on() {
    let executor = Executor::new().unwrap();
    let listener = listener();
    for size in [1, 4096, 3_000_000] {
        let client = client(listener.local_addr().unwrap(), size);
        let mut door = Fd::new(listener.try_clone().unwrap().into());
        let total = executor.block_on(async {
            let accepted = poll_fn(|cx| door.poll_read_with(cx, |fd| socket::accept(fd))).await;
            timeout(SOON, echo(Fd::new(accepted.unwrap().0)))
                .await
                .unwrap()
        });
        assert_eq!(total.unwrap(), size as u64);
        assert!(client.join().unwrap());
    }
    assert_eq!(
        (
            executor.registered(),
            executor.running_timers(),
            executor.tasks()
        ),
        (0, 0, 0)
    );
}

/// What the tests park.
struct Idle {
    fd: Fd,
    deadline: Option<Instant>,
    name: u32,
}

impl Park for Idle {
    fn fd(&mut self) -> &mut Fd {
        &mut self.fd
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

#[test]
fn echo_over_turn() {
    let executor = Executor::new().unwrap();
    let listeners = [listener(), listener(), listener()];
    let lot: Lot<Idle> = Lot::new();
    for (index, listener) in listeners.iter().enumerate() {
        executor.add_listener(index, listener).unwrap();
    }
    let clients: Vec<_> = (0..60)
        .map(|n| client(listeners[n % 3].local_addr().unwrap(), 10_000 * (n + 1)))
        .collect();
    let done = Rc::new(Cell::new(0));
    let mut seen = [0; 3];
    let start = Instant::now();
    while done.get() < clients.len() && start.elapsed() < SOON {
        let turned = executor.turn(Some(SOON), &lot, &mut |event| match event {
            Event::Listener(index) => {
                let Ok((fd, _)) = socket::accept(&listeners[index]) else {
                    return;
                };
                executor.accepted(index, &listeners[index]).unwrap();
                seen[index] += 1;
                // As the event MPM does: a new connection is parked until its first byte.
                let idle = Idle {
                    fd: Fd::new(fd),
                    deadline: None,
                    name: 0,
                };
                assert!(lot.park(&executor, idle).is_ok());
            }
            Event::Parked(idle) => {
                let done = done.clone();
                executor.spawn(async move {
                    echo(idle.fd).await.unwrap();
                    done.set(done.get() + 1);
                });
            }
            Event::Expired(_) => panic!("no deadlines here"),
            Event::Woken => {}
        });
        turned.unwrap();
    }
    assert_eq!(seen, [20; 3]);
    assert!(clients.into_iter().all(|client| client.join().unwrap()));
    assert_eq!(
        (executor.registered(), executor.tasks(), lot.len()),
        (0, 0, 0)
    );
}

#[test]
fn parked_connections_wake_and_expire() {
    let executor = Executor::new().unwrap();
    let lot = Lot::new();
    let listener = listener();
    let mut clients = Vec::new();
    let now = Instant::now();
    let deadlines = [
        None,
        Some(now + Duration::from_millis(30)),
        Some(now + SOON),
        Some(now),
    ];
    for (name, deadline) in (0..).zip(deadlines) {
        clients.push(connect(&listener));
        assert!(lot
            .park(
                &executor,
                Idle {
                    fd: accept(&listener),
                    deadline,
                    name
                }
            )
            .is_ok());
    }
    assert_eq!((lot.len(), executor.registered()), (4, 4));
    let next = lot.next_deadline().unwrap();
    assert!(next > now && next < now + Duration::from_millis(100));
    let mut log = Vec::new();
    let mut turn = |lot: &Lot<Idle>| {
        let mut back = Vec::new();
        let mut on = |event: Event<Idle>| match event {
            Event::Parked(idle) => {
                log.push(format!("readable {}", idle.name));
                back.push(idle);
            }
            Event::Expired(idle) => log.push(format!("expired {}", idle.name)),
            Event::Listener(_) | Event::Woken => {}
        };
        executor.turn(Some(SOON), lot, &mut on).unwrap();
        back
    };
    while lot.len() > 2 {
        turn(&lot);
    }
    clients[2].write_all(b"x").unwrap();
    let mut idle = turn(&lot).pop().unwrap();
    // Nothing was read: parked again, it is reported again at once, though no event comes.
    assert!(lot.park(&executor, idle).is_ok());
    idle = turn(&lot).pop().unwrap();
    assert_eq!(
        executor.block_on(read(&mut idle.fd, &mut [0; 9])).unwrap(),
        1
    );
    assert!(lot.park(&executor, idle).is_ok());
    drop(clients);
    let mut closed = Vec::new();
    while !lot.is_empty() {
        closed.append(&mut turn(&lot));
    }
    assert_eq!(
        log[..4],
        ["expired 3", "expired 1", "readable 2", "readable 2"]
    );
    log[4..].sort();
    assert_eq!(
        (&log[4..], executor.registered()),
        (&["readable 0".to_owned(), "readable 2".to_owned()][..], 2)
    );
    drop(closed);
    assert_eq!((lot.len(), executor.registered()), (0, 0));
}

#[test]
fn the_lot_gives_back_on_demand() {
    let executor = Executor::new().unwrap();
    let lot = Lot::new();
    let listener = listener();
    let mut clients = Vec::new();
    for name in 0..3 {
        clients.push(connect(&listener));
        let deadline = Some(Instant::now() + SOON * (4 - name));
        assert!(lot
            .park(
                &executor,
                Idle {
                    fd: accept(&listener),
                    deadline,
                    name
                }
            )
            .is_ok());
    }
    let names: Vec<u32> = lot.take_all().into_iter().map(|idle| idle.name).collect();
    assert_eq!(
        (names, lot.is_empty(), lot.next_deadline()),
        (vec![0, 1, 2], true, None)
    );
    assert!(lot.take_all().is_empty() && executor.registered() == 0);
}

#[test]
fn a_kept_connection_is_registered_once() {
    let executor = Executor::new().unwrap();
    let listener = listener();
    let mut client = connect(&listener);
    let mut fd = accept(&listener);
    executor.block_on(async {
        for round in 0..20 {
            let asked = Cell::new(false);
            let both = poll_fn(|cx| {
                let read = fd.poll_read_with(cx, |fd| fd::read(fd, &mut [0; 64]));
                if !asked.replace(true) {
                    client.write_all(b"ping").unwrap();
                }
                read
            });
            assert_eq!(timeout(SOON, both).await.unwrap().unwrap(), 4);
            fd.read_was_partial();
            assert_eq!(executor.registered(), 1, "round {round}");
        }
    });
    fd.leave();
    assert_eq!(executor.registered(), 0);
    drop(client);
    assert_eq!(executor.block_on(read(&mut fd, &mut [0; 8])).unwrap(), 0);
}

#[test]
fn a_partial_read_hides_no_end() {
    let executor = Executor::new().unwrap();
    let listener = listener();
    for registered in [false, true] {
        let mut client = connect(&listener);
        let mut fd = accept(&listener);
        executor.block_on(async {
            if registered {
                let waited = timeout(Duration::ZERO, fd.readable()).await;
                assert_eq!(waited.map(|_| ()), Err(Elapsed));
            }
            client.write_all(b"all").unwrap();
            client.shutdown(std::net::Shutdown::Both).unwrap();
            let mut buf = [0; 64];
            assert_eq!(
                timeout(SOON, read(&mut fd, &mut buf))
                    .await
                    .unwrap()
                    .unwrap(),
                3
            );
            assert_eq!(
                timeout(SOON, read(&mut fd, &mut buf))
                    .await
                    .unwrap()
                    .unwrap(),
                0
            );
        });
    }
}

#[test]
fn timers_run_in_order_and_leave_nothing() {
    let executor = Executor::new().unwrap();
    let order = Rc::new(RefCell::new(Vec::new()));
    for millis in [30, 10, 20, 0] {
        let order = order.clone();
        executor.spawn(async move {
            sleep(Duration::from_millis(millis)).await;
            order.borrow_mut().push(millis);
        });
    }
    let start = Instant::now();
    executor.block_on(sleep(Duration::from_millis(40)));
    assert!(start.elapsed() >= Duration::from_millis(40));
    assert_eq!(*order.borrow(), [0, 10, 20, 30]);
    let quick = executor.block_on(timeout(SOON, async { 5 }));
    let slow = executor.block_on(timeout(
        Duration::from_millis(1),
        std::future::pending::<()>(),
    ));
    let never = executor.block_on(timeout(Duration::MAX, yield_now()));
    assert_eq!((quick, slow, never), (Ok(5), Err(Elapsed), Ok(())));
    assert_eq!((executor.running_timers(), executor.tasks()), (0, 0));
}

#[test]
fn a_sleep_can_be_put_off_and_brought_forward() {
    let executor = Executor::new().unwrap();
    let start = Instant::now();
    executor.block_on(async {
        let mut nap = std::pin::pin!(sleep(Duration::from_millis(10)));
        assert!(poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx).is_pending())).await);
        nap.as_mut()
            .get_mut()
            .reset(start + Duration::from_millis(40));
        assert_eq!(executor.running_timers(), 1);
        nap.as_mut().await;
        assert!(start.elapsed() >= Duration::from_millis(40));
        nap.as_mut().get_mut().reset(Instant::now() + SOON);
        assert!(poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx).is_pending())).await);
        nap.as_mut()
            .get_mut()
            .reset(Instant::now() + Duration::from_millis(1));
        nap.await;
    });
    assert!(start.elapsed() < SOON && executor.running_timers() == 0);
}

#[test]
fn a_panic_ends_only_its_task() {
    let executor = Executor::new().unwrap();
    executor.spawn(async { panic!("expected by the test") });
    let done = Rc::new(Cell::new(false));
    let flag = done.clone();
    executor.spawn(async move { flag.set(true) });
    executor.block_on(async {
        while executor.tasks() > 0 {
            yield_now().await;
        }
    });
    assert!(done.get());
}

#[test]
fn tasks_end_with_their_executor() {
    struct Dropped(Rc<Cell<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let count = Rc::new(Cell::new(0));
    let (from, _to) = fd::pipe().unwrap();
    fd::set_nonblocking(&from, true).unwrap();
    let executor = Executor::new().unwrap();
    assert_eq!(
        Executor::new().err().map(|error| error.kind()),
        Some(io::ErrorKind::AlreadyExists)
    );
    let (sleeper, reader, idle) = (
        Dropped(count.clone()),
        Dropped(count.clone()),
        Dropped(count.clone()),
    );
    executor.spawn(async move {
        sleep(SOON).await;
        drop(sleeper);
    });
    executor.spawn(async move {
        let _kept = reader;
        let _ = read(&mut Fd::new(from), &mut [0; 8]).await;
    });
    executor.block_on(yield_now());
    executor.spawn(async move { drop(idle) });
    assert_eq!((count.get(), executor.tasks()), (0, 3));
    drop(executor);
    assert_eq!(count.get(), 3);
    assert!(Executor::try_current().is_none());
    Executor::new().unwrap().block_on(yield_now());
}

#[test]
fn many_yielding_tasks_let_io_through() {
    let executor = Executor::new().unwrap();
    let (from, to) = fd::pipe().unwrap();
    fd::set_nonblocking(&from, true).unwrap();
    let stop = Rc::new(Cell::new(false));
    for _ in 0..200 {
        let stop = stop.clone();
        executor.spawn(async move {
            while !stop.get() {
                yield_now().await;
            }
        });
    }
    let got = executor.block_on(async {
        let mut from = Fd::new(from);
        let mut buf = [0; 8];
        let read = read(&mut from, &mut buf);
        let writer = std::thread::spawn(move || fd::write(&to, b"abc").unwrap());
        let got = timeout(SOON, async { read.await.unwrap() }).await;
        writer.join().unwrap();
        got
    });
    stop.set(true);
    assert_eq!(got, Ok(3));
    executor.block_on(async {
        while executor.tasks() > 0 {
            yield_now().await;
        }
    });
}

#[test]
fn stop_is_asked() {
    let executor = Executor::new().unwrap();
    let mut asked = 0;
    let mut stop = || {
        asked += 1;
        asked == 3
    };
    let nothing = executor.block_on_until(
        async {
            loop {
                sleep(Duration::from_millis(1)).await;
            }
        },
        &mut stop,
    );
    assert!(matches!(nothing, Ok(None::<()>)));
    assert_eq!((asked, executor.running_timers()), (3, 0));
}

/// In a process of its own, where no other test's thread can take the signal.
#[test]
fn stop_signals_come_in_during_waits_only() {
    crate::os::alone(|| {
        use crate::os::process::{exit_now, fork, kill, pid, wait, Exit, Fork};
        use crate::os::signal::{self, SignalSet};
        for busy in [false, true] {
            let Fork::Parent(child) = fork().unwrap() else {
                let stop = SignalSet::of(&[libc::SIGTERM]);
                signal::catch(libc::SIGTERM).unwrap();
                let open = signal::block(&stop).unwrap();
                let executor = Executor::new().unwrap();
                executor.set_wait_mask(Some(open));
                kill(pid(), libc::SIGTERM).unwrap();
                let early = signal::raised(libc::SIGTERM);
                let endless = async {
                    loop {
                        if busy {
                            yield_now().await;
                        } else {
                            sleep(SOON).await;
                        }
                    }
                };
                let stopped =
                    executor.block_on_until(endless, &mut || signal::raised(libc::SIGTERM));
                exit_now(i32::from(early || !matches!(stopped, Ok(None::<()>))));
            };
            assert_eq!(
                wait(child).unwrap().unwrap().exit,
                Exit::Code(0),
                "busy: {busy}"
            );
        }
    });
}

#[test]
fn the_pool_gives_results_back() {
    let executor = Executor::new().unwrap();
    let pool = Pool::new(3, Some(256 * 1024));
    let sum = executor.block_on(async {
        let calls: Vec<_> = (0..50u64).map(|n| pool.call(move || n * n)).collect();
        let mut sum = 0;
        for call in calls {
            sum += call.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, (0..50).map(|n| n * n).sum::<u64>());
    assert!(pool.threads() <= 3);
    let lost: io::Result<()> = executor.block_on(pool.call(|| panic!("expected by the test")));
    assert!(lost.is_err());
    pool.run(Box::new(|| panic!("expected by the test")))
        .unwrap();
    assert_eq!(executor.block_on(pool.call(|| 7)).unwrap(), 7);
    pool.close();
}

#[cfg(threaded)]
mod threads {
    use super::*;
    use std::sync::mpsc;
    use std::task::Waker;

    #[test]
    fn tasks_are_woken_from_other_threads() {
        let executor = Executor::new().unwrap();
        let count = Rc::new(Cell::new(0));
        let (send, wakers) = mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || wakers.iter().for_each(Waker::wake));
        for _ in 0..100 {
            let (count, send) = (count.clone(), send.clone());
            executor.spawn(async move {
                let mut sent = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut sent, true) {
                        return Poll::Ready(());
                    }
                    send.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                })
                .await;
                count.set(count.get() + 1);
            });
        }
        let mut sent = false;
        let main = poll_fn(|cx| {
            if !std::mem::replace(&mut sent, true) {
                send.send(cx.waker().clone()).unwrap();
                return Poll::Pending;
            }
            if count.get() == 100 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        executor.block_on(timeout(SOON, main)).unwrap();
        drop(send);
        waking.join().unwrap();
    }

    #[test]
    fn a_handle_wakes_a_turn() {
        let executor = Executor::new().unwrap();
        let lot: Lot<Idle> = Lot::new();
        let handle = executor.handle();
        let waking = std::thread::spawn(move || (0..5).for_each(|_| handle.wake()));
        let mut woken = 0;
        executor
            .turn(Some(SOON), &lot, &mut |event| {
                woken += i32::from(matches!(event, Event::Woken))
            })
            .unwrap();
        waking.join().unwrap();
        assert_eq!(woken, 1);
    }

    #[test]
    fn a_descriptor_may_end_on_another_thread() {
        let executor = Executor::new().unwrap();
        let (from, to) = fd::pipe().unwrap();
        fd::set_nonblocking(&from, true).unwrap();
        let mut fd = Fd::new(from);
        assert!(executor
            .block_on(timeout(Duration::ZERO, fd.readable()))
            .is_err());
        assert_eq!(executor.registered(), 1);
        let fd = std::thread::spawn(move || {
            let executor = Executor::new().unwrap();
            fd::write(&to, b"x").unwrap();
            executor.block_on(fd.readable()).unwrap();
            assert_eq!(executor.registered(), 1);
            fd
        })
        .join()
        .unwrap();
        executor.block_on(sleep(Duration::from_millis(1)));
        assert_eq!(executor.registered(), 0);
        drop(fd);
    }

    #[test]
    fn the_pool_has_no_more_threads_than_allowed() {
        let pool = Pool::new(2, None);
        let (done, all) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = crate::sync::Shared::new(crate::sync::Lock::new(gate));
        for n in 0..6 {
            let (done, gate) = (done.clone(), gate.clone());
            pool.run(Box::new(move || {
                gate.lock().recv().unwrap();
                done.send(n).unwrap();
            }))
            .unwrap();
        }
        assert_eq!(pool.threads(), 2);
        assert!(pool.waiting() >= 4);
        (0..6).for_each(|_| go.send(()).unwrap());
        let mut seen: Vec<i32> = all.iter().take(6).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
        pool.close();
        assert!(pool.run(Box::new(|| ())).is_err());
    }
}
