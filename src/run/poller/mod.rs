//! Asks the kernel which descriptors are ready. One file for Linux, where listeners are exclusive and the wait takes a signal
//! mask, one for every other Unix that mio knows, one for Windows; all have the same functions. Descriptors of connections are registered
//! once, for reading and writing, and reported when their state changes; listeners are reported for as long as a connection
//! waits.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(all(unix, any(test, not(any(target_os = "linux", target_os = "android")))))]
mod portable;
#[cfg(windows)]
mod windows;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::Poller;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(super) use portable::Poller;
#[cfg(windows)]
pub(super) use windows::Poller;

/// What the kernel said of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub token: usize,
    pub readable: bool,
    pub writable: bool,
    /// The peer will send no more, or the connection is broken.
    pub closed: bool,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::os::fd;
    use crate::os::fd::{AsFd, OwnedFd};
    use crate::os::process::{self, exit_now, fork, kill, Exit, Fork};
    use crate::os::signal::{self, SignalSet};
    use std::io;
    use std::time::Duration;

    /// The same for each implementation.
    macro_rules! check {
        ($name:ident, $poller:ty) => {
            #[test]
            fn $name() {
                crate::os::alone(|| {
                    let poller = <$poller>::new().unwrap();
                    let (from, to) = pipe();
                    poller.register(from.as_fd(), 5).unwrap();
                    let mut ready = Vec::new();
                    let now = Some(Duration::ZERO);
                    poller.wait(now, None, &mut ready).unwrap();
                    assert_eq!(ready, []);
                    fd::write(&to, b"x").unwrap();
                    poller.wait(None, None, &mut ready).unwrap();
                    assert!(matches!(
                        ready[..],
                        [Ready {
                            token: 5,
                            readable: true,
                            closed: false,
                            ..
                        }]
                    ));
                    poller.wait(now, None, &mut ready).unwrap();
                    assert_eq!(ready, [], "reported once");
                    drop(to);
                    poller.rearm(from.as_fd(), 5).unwrap();
                    poller
                        .wait(now, Some(&SignalSet::empty()), &mut ready)
                        .unwrap();
                    assert!(matches!(
                        ready[..],
                        [Ready {
                            token: 5,
                            readable: true,
                            closed: true,
                            ..
                        }]
                    ));
                    poller.deregister(from.as_fd()).unwrap();

                    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                    listener.set_nonblocking(true).unwrap();
                    poller.add_listener(listener.as_fd(), 9).unwrap();
                    let connect =
                        || std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                    let _clients = [connect(), connect()];
                    for count in 1..=2 {
                        poller.wait(None, None, &mut ready).unwrap();
                        assert!(matches!(
                            ready[..],
                            [Ready {
                                token: 9,
                                readable: true,
                                ..
                            }]
                        ));
                        crate::os::socket::accept(&listener).unwrap();
                        poller.accepted(listener.as_fd(), 9, count * 16).unwrap();
                    }
                    poller.wait(now, None, &mut ready).unwrap();
                    assert_eq!(ready, []);
                    poller.remove_listener(listener.as_fd()).unwrap();
                    let _late = connect();
                    poller.wait(now, None, &mut ready).unwrap();
                    assert_eq!(ready, []);

                    let waker = poller.waker(77).unwrap();
                    waker.wake().unwrap();
                    poller.wait(None, None, &mut ready).unwrap();
                    assert!(matches!(ready[..], [Ready { token: 77, .. }]));

                    // A signal that waits is let in by the wait.
                    let signal = libc::SIGIO;
                    signal::catch(signal).unwrap();
                    let open = signal::block(&SignalSet::of(&[signal])).unwrap();
                    // The process's signals go to any thread, so it is a child with one that asks itself.
                    let Fork::Parent(pid) = fork().unwrap() else {
                        kill(process::pid(), signal).unwrap();
                        let woken = poller.wait(None, Some(&open), &mut ready);
                        let kind = woken.map_err(|error| error.kind());
                        let good =
                            kind == Err(io::ErrorKind::Interrupted) && signal::raised(signal);
                        exit_now(i32::from(!good));
                    };
                    let exit = process::wait(pid).unwrap().unwrap().exit;
                    assert_eq!(exit, Exit::Code(0));
                });
            }
        };
    }

    fn pipe() -> (OwnedFd, OwnedFd) {
        let (from, to) = fd::pipe().unwrap();
        fd::set_nonblocking(&from, true).unwrap();
        (from, to)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    check!(linux, linux::Poller);
    check!(portable, portable::Poller);
}
