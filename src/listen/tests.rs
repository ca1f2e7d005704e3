//! Binding, taking over, accepting, waiting: on loopback, with ports of the kernel's choice.

use crate::os::fd::AsFd;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::*;
use crate::os::{fd, signal};

const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn spec(addr: &str) -> ListenSpec {
    let addr: SocketAddr = addr.parse().unwrap();
    ListenSpec {
        addr: Some(addr.ip()),
        scope: 0,
        port: addr.port(),
        protocol: "http".into(),
        reuse_port: false,
        free_bind: false,
        multipath: false,
    }
}

/// Without the filter that keeps a connection back until its first byte.
fn plain_options() -> Options {
    Options {
        filters: Vec::new(),
        ..Options::default()
    }
}

fn bind(specs: &[ListenSpec]) -> Vec<Listener> {
    bind_all(specs, &plain_options(), &[]).unwrap().listeners
}

/// Binds a spec at a port that is free, where 0 would give each of its sockets a port of its own.
fn bind_at_free_port(spec: &mut ListenSpec, options: &Options) -> Vec<Listener> {
    for _ in 0..50 {
        // Another test may take it in between.
        spec.port = bind(&[super::tests::spec("0.0.0.0:0")])[0].addr().port();
        if let Ok(bound) = bind_all(std::slice::from_ref(spec), options, &[]) {
            return bound.listeners;
        }
    }
    panic!("no port stays free");
}

#[test]
fn accepts_and_tells_addresses() {
    let listeners = bind(&[spec("127.0.0.1:0"), spec("0.0.0.0:0")]);
    assert!(fd::is_nonblocking(&listeners[0]).unwrap());
    for listener in &listeners {
        assert_eq!(Failure::of(&listener.accept().unwrap_err()), Failure::Retry);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.addr().port()));
        let mut client = TcpStream::connect(to).unwrap();
        let accepted = listener.accept().unwrap();
        assert_eq!(
            (accepted.local, accepted.peer),
            (to, client.local_addr().unwrap())
        );
        fd::write(&accepted.socket, b"hi").unwrap();
        drop(accepted);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hi");
    }
}

#[test]
fn options_are_set_and_set_anew() {
    let options = Options {
        send_buffer: 70_000,
        receive_buffer: 50_000,
        ..Options::default()
    };
    let bound = bind_all(&[spec("127.0.0.1:0")], &options, &[]).unwrap();
    let check = |listener: &Listener, keeps_back: bool| {
        let socket = socket2::SockRef::from(listener);
        assert!(socket.keepalive().unwrap() && socket.reuse_address().unwrap());
        assert!(
            socket.send_buffer_size().unwrap() >= 70_000
                && socket.recv_buffer_size().unwrap() >= 50_000
        );
        let _client = TcpStream::connect(listener.addr()).unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(listener.accept().is_err(), keeps_back);
        }
    };
    assert!(bound.warnings.is_empty());
    check(&bound.listeners[0], true);
    let none = Options {
        filters: vec![("HTTP".into(), "None".into())],
        ..options
    };
    let mut again = spec("127.0.0.1:0");
    again.port = bound.listeners[0].addr().port();
    let bound = bind_all(&[again], &none, &bound.listeners).unwrap();
    check(&bound.listeners[0], false);
}

#[test]
fn a_taken_port_is_told_in_apaches_words() {
    let taken = bind(&[spec("127.0.0.1:0")]);
    let addr = taken[0].addr();
    let problems = bind_all(
        &[spec("127.0.0.1:0"), spec(&addr.to_string())],
        &plain_options(),
        &[],
    )
    .unwrap_err();
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let number = libc::EADDRINUSE;
    let words = format!(
        "({number})Address already in use: AH00072: make_sock: could not bind to address {addr}"
    );
    assert_eq!(text, [words]);
    let nothing = bind_all(&[], &plain_options(), &[]).unwrap_err();
    assert_eq!(
        nothing[0].to_string(),
        "no listening sockets available, shutting down"
    );
}

#[test]
fn all_addresses_are_one_or_two_sockets() {
    let mut any = ListenSpec {
        addr: None,
        ..spec("0.0.0.0:0")
    };
    let listeners = bind_at_free_port(&mut any, &plain_options());
    let mapped = listeners[0].addr().is_ipv6();
    let four = ListenSpec {
        addr: Some(Ipv4Addr::UNSPECIFIED.into()),
        ..any.clone()
    };
    // Named besides, all addresses of IPv4 are no second socket.
    let both = bind_all(&[any.clone(), four], &plain_options(), &listeners).unwrap();
    assert_eq!((listeners.len(), both.listeners.len()), (1, 1));
    drop(both);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, any.port));
    let client = TcpStream::connect(to).unwrap();
    let accepted = listeners[0].accept().unwrap();
    assert_eq!(
        (accepted.local, accepted.peer),
        (to, client.local_addr().unwrap()),
        "mapped: {mapped}"
    );
    drop((listeners, accepted, client));
    let apart = Options {
        v4_mapped: false,
        ..plain_options()
    };
    let listeners = bind_at_free_port(&mut any, &apart);
    assert_eq!(listeners.len(), if mapped { 2 } else { 1 });
}

#[test]
fn one_family_is_enough_for_all_addresses() {
    let mut six = spec("[::]:0");
    let options = Options {
        v4_mapped: false,
        ..plain_options()
    };
    let Ok(taken) = bind_all(&[six.clone()], &options, &[]) else {
        return;
    };
    (six.addr, six.port) = (None, taken.listeners[0].addr().port());
    let bound = bind_all(&[six], &plain_options(), &[]).unwrap();
    assert!(bound.listeners.len() == 1 && bound.listeners[0].addr().is_ipv4());
    assert!(bound.warnings[0]
        .to_string()
        .contains("could not bind to address [::]:"));
}

#[test]
fn a_generation_takes_over_what_it_keeps() {
    let old = bind(&[spec("127.0.0.1:0"), spec("127.0.0.1:0")]);
    let (kept, dropped) = (old[0].addr(), old[1].addr());
    let client = TcpStream::connect(kept).unwrap();
    let mut keep = spec(&kept.to_string());
    keep.protocol = "https".into();
    let new = bind_all(&[spec("127.0.0.1:0"), keep], &plain_options(), &old)
        .unwrap()
        .listeners;
    drop(old);
    assert_eq!(
        (new[1].addr(), new[1].protocol().as_slice()),
        (kept, &b"https"[..])
    );
    // It came before the restart.
    assert_eq!(new[1].accept().unwrap().peer, client.local_addr().unwrap());
    assert!(TcpStream::connect(dropped).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn buckets_share_a_port() {
    let options = Options {
        buckets: 3,
        ..plain_options()
    };
    let mut named = spec("127.0.0.1:0");
    let listeners = bind_at_free_port(&mut named, &options);
    assert_eq!(
        listeners.iter().map(Listener::bucket).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let again = bind_all(&[named], &options, &listeners).unwrap().listeners;
    let clients: Vec<_> = (0..30)
        .map(|_| TcpStream::connect(listeners[0].addr()).unwrap())
        .collect();
    let taken = again
        .iter()
        .map(|listener| std::iter::from_fn(|| listener.accept().ok()).count());
    assert_eq!(taken.sum::<usize>(), clients.len());
}

#[test]
fn only_listeners_are_adopted() {
    let listener = bind(&[spec("127.0.0.1:0")]).remove(0);
    let addr = listener.addr();
    fd::set_nonblocking(&listener, false).unwrap();
    let adopted = handed::adopt(listener.socket).unwrap();
    assert_eq!(adopted.addr(), addr);
    assert!(fd::is_nonblocking(&adopted).unwrap());
    let again = bind_all(&[spec(&addr.to_string())], &plain_options(), &[adopted]).unwrap();
    assert_eq!(again.listeners[0].protocol(), "http");
    assert!(handed::adopt(fd::pipe().unwrap().0).is_none());
}

#[test]
fn failures_are_sorted() {
    let of = |number| Failure::of(&io::Error::from_raw_os_error(number));
    for number in [
        libc::EINTR,
        libc::EAGAIN,
        libc::ECONNABORTED,
        libc::EPROTO,
        libc::ENETUNREACH,
    ] {
        assert_eq!(of(number), Failure::Retry);
    }
    for number in [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOMEM,
        libc::ENOBUFS,
        libc::EFAULT,
    ] {
        assert_eq!(of(number), Failure::Shortage);
    }
    assert_eq!(
        (of(libc::EBADF), of(libc::ENETDOWN)),
        (Failure::Closed, Failure::NetworkDown)
    );
    assert!(of(libc::EMFILE).message().is_some() && of(libc::EINTR).message().is_none());
}

#[test]
fn an_acceptor_takes_turns_and_hears_the_pipe() {
    let listeners = bind(&[
        spec("127.0.0.1:0"),
        spec("127.0.0.1:0"),
        spec("127.0.0.1:0"),
    ]);
    let (pipe, tell) = fd::pipe().unwrap();
    let mut acceptor = Acceptor::new(&listeners, &[pipe.as_fd()], None).unwrap();
    assert!(matches!(
        acceptor.next(Some(Duration::ZERO)),
        Next::TimedOut
    ));
    let connect = |place: usize| TcpStream::connect(listeners[place].addr()).unwrap();
    let clients = [connect(0), connect(0), connect(1), connect(2)];
    let mut order = Vec::new();
    for _ in 0..3 {
        match acceptor.next(SOON) {
            Next::Connection(_, place) => order.push(place),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, [0, 1, 2]);
    fd::write(&tell, b"!").unwrap();
    // The connection that waits comes first, the word then, and again until it is read.
    assert!(matches!(acceptor.next(SOON), Next::Connection(_, 0)));
    assert!(matches!(acceptor.next(SOON), Next::Told(0)));
    assert!(matches!(acceptor.next(SOON), Next::Told(0)));
    fd::read(&pipe, &mut [0; 1]).unwrap();
    assert!(matches!(
        acceptor.next(Some(Duration::ZERO)),
        Next::TimedOut
    ));
    drop(clients);
    drop(tell);
    assert!(matches!(acceptor.next(SOON), Next::Told(0)));
}

/// Each child sends itself the signal while it is blocked: it is seen at the wait, also when connections keep coming.
#[test]
fn an_acceptor_lets_signals_in() {
    crate::os::alone(|| {
        use crate::os::process::{exit_now, fork, kill, pid, wait, Exit, Fork};
        use signal::SignalSet;
        for busy in [false, true] {
            let listeners = bind(&[spec("127.0.0.1:0")]);
            let Fork::Parent(child) = fork().unwrap() else {
                signal::catch(libc::SIGHUP).unwrap();
                let open = signal::block(&SignalSet::of(&[libc::SIGHUP])).unwrap();
                let mut acceptor = Acceptor::new(&listeners, &[], Some(open)).unwrap();
                kill(pid(), libc::SIGHUP).unwrap();
                let early = signal::raised(libc::SIGHUP);
                let start = std::time::Instant::now();
                let mut client = busy.then(|| TcpStream::connect(listeners[0].addr()).unwrap());
                let mut signalled = false;
                while !signalled && start.elapsed() < SOON.unwrap() {
                    signalled = matches!(acceptor.next(SOON), Next::Signal);
                    client = busy.then(|| TcpStream::connect(listeners[0].addr()).unwrap());
                }
                drop(client);
                exit_now(i32::from(
                    early || !signalled || !signal::raised(libc::SIGHUP),
                ));
            };
            assert_eq!(
                wait(child).unwrap().unwrap().exit,
                Exit::Code(0),
                "busy: {busy}"
            );
        }
    });
}

/// Several processes on one listener: each connection is served once, none is forgotten.
#[test]
fn processes_share_a_listener() {
    crate::os::alone(|| {
        use crate::os::process::{exit_now, fork, wait, Exit, Fork};
        let listeners = bind(&[spec("127.0.0.1:0")]);
        let (pipe, tell) = fd::pipe().unwrap();
        let mut children = Vec::new();
        for _ in 0..4 {
            let Fork::Parent(pid) = fork().unwrap() else {
                let mut acceptor = Acceptor::new(&listeners, &[pipe.as_fd()], None).unwrap();
                let mut served = 0;
                loop {
                    match acceptor.next(SOON) {
                        Next::Connection(connection, 0) => {
                            served += 1;
                            fd::write(&connection.socket, b"k").unwrap();
                        }
                        Next::Told(0) => exit_now(served),
                        _ => exit_now(255),
                    }
                }
            };
            children.push(pid);
        }
        for _ in 0..50 {
            let mut client = TcpStream::connect(listeners[0].addr()).unwrap();
            client.set_read_timeout(SOON).unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            let _ = client.write(b"x");
        }
        fd::write(&tell, b"!").unwrap();
        let served: i32 = children
            .into_iter()
            .map(|pid| match wait(pid).unwrap().unwrap().exit {
                Exit::Code(code) if code <= 50 => code,
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(served, 50);
    });
}
