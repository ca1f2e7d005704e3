//! Files, disks and descriptors that fail under a running server.

use crate::harness::{eventually, Setup};
use crate::sight::{
    addr, descriptors, download, family_at_rest, held, highest_descriptor, lines, needs_children,
    serves, setup, several_children, BIG, SOON,
};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// A start that must fail, with one clear line.
fn does_not_start(setup: Setup, line: &str) {
    let out = setup.run(&["-DFOREGROUND"]);
    setup.sweep();
    out.exit(1);
    let told = out.stderr.lines().filter(|l| l.contains(line)).count();
    assert_eq!(told, 1, "{line:?} in {out:#?}");
    assert!(out.stderr.lines().count() <= 4, "too many words: {out:#?}");
}

#[test]
fn a_start_with_a_port_in_use() {
    let setup = setup();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, setup.port(0))).expect("the port");
    let port = format!("127.0.0.1:{}", setup.port(0));
    does_not_start(setup, &port);
    drop(taken);
}

#[test]
fn a_start_with_logs_that_cannot_be_opened() {
    does_not_start(
        setup().conf("ErrorLog /nonexistent/error_log"),
        "/nonexistent/error_log",
    );
    does_not_start(
        setup().conf("CustomLog /nonexistent/access_log %h"),
        "/nonexistent/access_log",
    );
}

#[test]
fn a_start_with_a_broken_configuration() {
    let setup = setup().conf("NoSuchThing on");
    let file = format!("line 4 of {}/conf/test.conf", setup.root().display());
    does_not_start(setup, &file);
}

#[test]
fn a_start_without_a_document_root() {
    does_not_start(setup().conf("DocumentRoot @ROOT@/gone"), "/gone");
}

#[test]
fn an_access_log_on_a_full_disk() {
    let server = setup()
        .conf("CustomLog /dev/full %h\nLogLevel warn")
        .start();
    for _ in 0..30 {
        serves(&server);
    }
    let full = "No space left on device";
    server.logged(full);
    std::thread::sleep(Duration::from_millis(1500));
    for _ in 0..30 {
        serves(&server);
    }
    let told = lines(&server, full);
    assert!(told <= 12, "{told} lines");
    assert_eq!(lines(&server, "exit signal"), 0);
    server.stop();
}

#[test]
fn an_error_log_on_a_full_disk() {
    let server = setup().conf("ErrorLog /dev/full\nLogLevel debug").start();
    for _ in 0..30 {
        serves(&server);
        server.get("/none").is(404);
    }
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn a_log_folder_that_goes_away() {
    let mut server = setup()
        .conf("CustomLog logs/sub/access_log %h")
        .folder("logs/sub")
        .start();
    std::fs::remove_dir_all(server.root().join("logs/sub")).expect("removed");
    for _ in 0..5 {
        serves(&server);
    }
    // A reload cannot open it, and says so.
    server.rewrite("CustomLog logs/sub/access_log %h");
    server.command(&["-k", "graceful"]).exit(1).err("logs/sub");
    serves(&server);
    server.stop();
}

fn limit_descriptors(pid: u32, most: u32) -> bool {
    let limits = format!("--nofile={most}:{most}");
    let pid = pid.to_string();
    let done = Command::new("prlimit")
        .args(["--pid", &pid, &limits])
        .status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn descriptors_run_out() {
    needs_children!();
    let server = setup().conf(&several_children()).conf("Timeout 60").start();
    serves(&server);
    let mut held: Vec<_> = (0..4).map(|_| download(&server)).collect();
    assert!(eventually(SOON, || held.iter().all(|c| {
        crate::sight::holder(&server, c.local_port()).is_some()
    })));
    for child in server.children() {
        if !limit_descriptors(child, highest_descriptor(child) + 2) {
            eprintln!("left out: no prlimit here");
            return;
        }
    }
    let crowd: Vec<TcpStream> = (0..60)
        .flat_map(|_| TcpStream::connect(addr(&server)))
        .collect();
    server.logged("Too many open files");
    // While it lasts and when it is over, others are served: children that have no room give way to new ones.
    let answered = eventually(SOON, || server.get("/a.txt").status == 200);
    assert!(answered);
    drop(crowd);
    for client in &mut held {
        let response = client.response();
        assert_eq!(response.body.len(), BIG);
    }
    serves(&server);
    let told = lines(&server, "Too many open files");
    assert!(told <= 60, "{told} lines");
    server.stop();
}

#[test]
fn no_descriptor_stays_behind() {
    let server = setup().start();
    for _ in 0..10 {
        serves(&server);
    }
    family_at_rest(&server);
    let of_the_parent = || descriptors(server.pid()).saturating_sub(server.children().len());
    let before = of_the_parent();
    for _ in 0..4 {
        server.command(&["-k", "graceful"]).exit(0);
        serves(&server);
    }
    for _ in 0..200 {
        drop(TcpStream::connect(addr(&server)));
    }
    assert!(eventually(SOON, || held(&server) == 0));
    assert!(eventually(SOON, || of_the_parent() <= before + 2));
    server.stop();
}

#[test]
fn links_change_under_the_document_root() {
    use std::os::unix::fs::symlink;
    let server = setup()
        .file("htdocs/one/f.txt", "one\n")
        .file("htdocs/two/f.txt", "two two\n")
        .file("outside/f.txt", "secret\n")
        .conf("<Directory @ROOT@/htdocs>\nOptions FollowSymLinks\n</Directory>")
        .start();
    let (docs, outside) = (server.root().join("htdocs"), server.root().join("outside"));
    symlink("one", docs.join("link")).expect("a link");
    let end = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                for target in ["two", "one"] {
                    symlink(target, docs.join("next")).expect("a link");
                    std::fs::rename(docs.join("next"), docs.join("link")).expect("renamed");
                }
            }
        });
        let mut client = server.client();
        for _ in 0..90 {
            let response = client.get("/link/f.txt");
            response.is(200);
            let text = response.text();
            assert!(text == "one\n" || text == "two two\n", "{text:?}");
        }
        end.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    std::fs::remove_file(docs.join("link")).expect("removed");
    symlink(&outside, docs.join("link")).expect("a link");
    server.get("/link/f.txt").is(200);
    server.stop();
}

/// A name that is now a file, now a link out of the document root, where links may not be followed: the file or a refusal.
#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    use std::os::unix::fs::symlink;
    let server = setup()
        .file("secret.txt", "secret\n")
        .file("htdocs/plain.txt", "plain\n")
        .conf("<Directory @ROOT@/htdocs>\nOptions None\n</Directory>")
        .start();
    let (docs, secret) = (
        server.root().join("htdocs"),
        server.root().join("secret.txt"),
    );
    std::fs::copy(docs.join("plain.txt"), docs.join("f.txt")).expect("copied");
    let end = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                symlink(&secret, docs.join("next")).expect("a link");
                std::fs::rename(docs.join("next"), docs.join("f.txt")).expect("renamed");
                std::fs::hard_link(docs.join("plain.txt"), docs.join("next")).expect("a name");
                let _ = std::fs::rename(docs.join("next"), docs.join("f.txt"));
                let _ = std::fs::remove_file(docs.join("next"));
            }
        });
        let mut seen = [0; 3];
        for _ in 0..2000 {
            let response = server.get("/f.txt");
            match (response.status, response.text().as_str()) {
                (200, "plain\n") => seen[0] += 1,
                (403, _) => seen[1] += 1,
                (404, _) => seen[2] += 1,
                (status, text) => {
                    end.store(true, std::sync::atomic::Ordering::Relaxed);
                    panic!("{status} {text:?} after {seen:?}");
                }
            }
        }
        end.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
    server.stop();
}

#[test]
fn a_file_that_shrinks_while_it_is_sent() {
    let server = setup().start();
    let client = download(&server);
    let port = client.local_port();
    assert!(eventually(SOON, || crate::sight::holder(&server, port).is_some()));
    let file = std::fs::File::options()
        .write(true)
        .open(server.root().join("htdocs/big.bin"));
    file.and_then(|f| f.set_len(1000)).expect("cut");
    let mut client = client;
    let rest = client.rest();
    assert!(rest.len() < BIG);
    serves(&server);
    assert_eq!(lines(&server, "exit signal"), 0);
    server.stop();
}

#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let server = setup().file("htdocs/closed.txt", "x").start();
    let path = server.root().join("htdocs/closed.txt");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("permissions");
    server.get("/closed.txt").is(403);
    serves(&server);
    server.stop();
}

/// Opening a pipe waits for who writes to it, if one lets it.
#[test]
fn a_pipe_in_the_place_of_a_file() {
    let server = setup().start();
    let docs = server.root().join("htdocs");
    let made = Command::new("mkfifo").arg(docs.join("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()));
    server.get("/pipe").is(403);
    let end = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                std::fs::hard_link(docs.join("pipe"), docs.join("next")).expect("a name");
                std::fs::rename(docs.join("next"), docs.join("f.txt")).expect("renamed");
                std::fs::hard_link(docs.join("a.txt"), docs.join("next")).expect("a name");
                std::fs::rename(docs.join("next"), docs.join("f.txt")).expect("renamed");
            }
        });
        for _ in 0..500 {
            let status = server.get("/f.txt").status;
            assert!([200, 403, 404].contains(&status), "{status}");
        }
        end.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    serves(&server);
    server.stop();
}
