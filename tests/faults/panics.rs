//! A module that panics: its request is answered with 500, and those beside it on the same thread go on. The server has no such
//! module, so these cases drive connections of the library themselves, with one more module in its table.

use httpd::config::load::LoadOptions;
use httpd::config::source::ConfigSource;
use httpd::connection::context::ServeContext;
use httpd::connection::host::{blocking, ChildFacts, Host, Permit};
use httpd::connection::{serve, Parked};
use httpd::hooks::module::{Compiled, Module, Registry};
use httpd::hooks::{Answer, HookEntry, Order, Phase, Status};
use httpd::modules::REGISTRY;
use httpd::request::Request;
use httpd::run::{self, Executor, Fd, Pool};
use httpd::scoreboard::Snapshot;
use httpd::sync::{Shared, Work};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Answers `/panic`, `/later` and `/blocking` by panicking, at once, after it has waited, and on another thread; everything else
/// slowly and well.
static PANICS: Module = Module {
    name: "mod_panics.c",
    identifier: "panics_module",
    hooks: &[HookEntry {
        order: Order::ReallyFirst,
        ..HookEntry::request(Phase::Handler, handle)
    }],
    ..Module::EMPTY
};

fn handle(r: &mut Request) -> Answer<'_> {
    if r.uri == "/panic" {
        panic!("expected by the test");
    }
    Answer::later(async move {
        run::sleep(Duration::from_millis(50)).await;
        match r.uri.as_slice() {
            b"/later" => panic!("expected by the test"),
            b"/blocking" => {
                let host = r.ctx.host.clone();
                let lost = blocking(&*host, || panic!("expected by the test")).await;
                let lost: std::io::Result<()> = lost;
                assert!(lost.is_err());
                Status::Http(500)
            }
            _ => {
                r.write("well\n");
                Status::Ok
            }
        }
    })
}

fn registry() -> &'static Registry {
    let ours = REGISTRY
        .compiled
        .iter()
        .map(|compiled| Compiled { ..*compiled });
    let more = Compiled {
        module: &PANICS,
        shared: false,
    };
    let compiled: Vec<Compiled> = ours.chain([more]).collect();
    Box::leak(Box::new(Registry {
        compiled: compiled.leak(),
        ..REGISTRY
    }))
}

/// A thread that drives many connections.
struct OneThread(Pool);

impl Host for OneThread {
    fn poll_permit(&self, _cx: &mut Context<'_>) -> Poll<Permit> {
        Poll::Ready(Permit {
            slot: None,
            release: None,
        })
    }

    fn closing(&self) -> bool {
        false
    }

    fn block(&self, work: Work) -> std::io::Result<()> {
        self.0.run(work)
    }

    fn parks(&self) -> bool {
        false
    }

    fn child(&self) -> ChildFacts {
        ChildFacts::default()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}

fn context(folder: &std::path::Path) -> Rc<ServeContext> {
    std::fs::write(
        folder.join("httpd.conf"),
        "ServerName a\nListen 127.0.0.1:80\n",
    )
    .expect("written");
    let options = LoadOptions {
        root: folder.to_owned(),
        file: "httpd.conf".into(),
        ..LoadOptions::default()
    };
    let loaded = httpd::config::load(&options, registry(), 0, ConfigSource::default());
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors:?}"));
    let host = Rc::new(OneThread(Pool::new(1, None)));
    ServeContext::new(Shared::new(loaded.generation), host)
}

/// Asks for each path on a connection of its own, all at the same time, and gives the status lines.
fn ask_at_once(paths: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let executor = Executor::new().expect("an executor");
    let context = context(folder.path());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    let clients: Vec<_> = paths
        .iter()
        .enumerate()
        .map(|(id, path)| {
            let mut client = TcpStream::connect(address).expect("connected");
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            client.write_all(request.as_bytes()).expect("sent");
            let (socket, peer) = listener.accept().expect("accepted");
            socket.set_nonblocking(true).expect("non-blocking");
            let parked = Parked::new(Fd::new(socket.into()), address, peer, 0, id as u64);
            let context = context.clone();
            executor.spawn(async move {
                serve(context, parked).await;
            });
            std::thread::spawn(move || {
                let mut text = String::new();
                let _ = client.set_read_timeout(Some(Duration::from_secs(10)));
                let _ = client.read_to_string(&mut text);
                text.lines().next().unwrap_or_default().to_owned()
            })
        })
        .collect();
    executor.block_on(async {
        while !clients.iter().all(|client| client.is_finished()) {
            run::sleep(Duration::from_millis(5)).await;
        }
    });
    let answers = clients.into_iter().map(|client| client.join());
    answers.map(|answer| answer.expect("a client")).collect()
}

#[test]
fn a_panic_costs_its_request_alone() {
    let bad = "HTTP/1.1 500 Internal Server Error";
    let good = "HTTP/1.1 200 OK";
    let answers = ask_at_once(&[
        "/a",
        "/panic",
        "/b",
        "/later",
        "/blocking",
        "/c",
        "/blocking",
    ]);
    assert_eq!(answers, [good, bad, good, bad, bad, good, bad]);
}
