//! Reloads that cannot succeed: the old configuration serves on, and the command and the log say why.

use crate::harness::{mpm, Server};
use crate::sight::{serves, setup};
use std::net::{Ipv4Addr, TcpListener};

/// Breakages that reading the configuration finds: the lines, which of them is told, and a word of what is told.
const BROKEN: &[(&str, u32, &str)] = &[
    ("NoSuchThing on", 1, "NoSuchThing"),
    ("KeepAlive On\nDirectoryIndx x", 2, "DirectoryIndx"),
    ("<Directory /x>\nAllowOverride All", 1, "not closed"),
    ("</Directory>", 1, "without matching"),
    ("<Directory /x>\n</Files>", 2, "Expected"),
    ("Timeout never", 1, "Timeout"),
    ("KeepAlive maybe", 1, "KeepAlive"),
    ("Include conf/none.conf", 1, "none.conf"),
    ("Include conf/none*.conf", 1, "none*.conf"),
    ("Include conf/test.conf", 1, "does a file include itself"),
    ("AliasMatch ( /x", 1, "Regular expression"),
    ("<If \"%{NO_SUCH} == 'x'\">\n</If>", 1, "NO_SUCH"),
    ("ServerRoot /nonexistent", 1, "ServerRoot"),
    (
        "LoadModule nothing_module modules/mod_nothing.so",
        1,
        "nothing_module",
    ),
    ("<VirtualHost *:80>\nListen 81\n</VirtualHost>", 2, "Listen"),
    ("LogLevel loud", 1, "Log level"),
    ("Require all granted", 1, "Require"),
    ("Options +NoSuchOption", 1, "NoSuchOption"),
    ("Listen 127.0.0.1:99999", 1, "port"),
    ("ErrorDocument 99 x", 1, "99"),
];

fn refused(server: &Server, line: u32, word: &str) {
    let out = server.command(&["-k", "graceful"]);
    let place = format!("line {line} of {}/conf/test.conf", server.root().display());
    out.exit(1).err(&place).err(word);
    serves(server);
}

#[test]
fn broken_configurations_change_nothing() {
    let mut server = setup().start();
    let (parent, mut children) = (server.pid(), server.children());
    for (conf, line, word) in BROKEN {
        server.rewrite(conf);
        refused(&server, *line, word);
    }
    let mut now = server.children();
    children.sort_unstable();
    now.sort_unstable();
    // Prefork's pool may have grown by a spare child.
    assert!(
        children.iter().all(|pid| now.contains(pid)),
        "{children:?} {now:?}"
    );
    assert_eq!(server.pid(), parent);
    server.rewrite("ServerAdmin mended@example.test");
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn broken_between_check_and_signal() {
    let mut server = setup().start();
    // What `-k graceful` itself would have found is found by the parent: it got the signal from somebody else.
    for (count, signal) in ["USR1", "HUP", "USR1"].into_iter().enumerate() {
        server.rewrite("Timeout 5\nNoSuchThing on");
        server.signal(signal);
        let place = format!("line 2 of {}/conf/test.conf", server.root().display());
        server.await_text("logs/error_log", |t| t.matches(&place).count() > count);
        let told = server.await_text("run/httpd.pid.reload", |t| {
            t.contains(&format!("\n{}\nrefused\n", count + 1))
        });
        assert!(
            told.contains(&place) && told.contains("NoSuchThing"),
            "{told}"
        );
        serves(&server);
    }
    server.rewrite("Timeout 5");
    server.command(&["-k", "graceful"]).exit(0);
    server.stop();
}

#[test]
fn a_port_taken_meanwhile() {
    let mut server = setup().start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port(1))).expect("the port");
    server.rewrite("Listen 127.0.0.1:@PORT2@");
    let port = format!("127.0.0.1:{}", server.port(1));
    let out = server.command(&["-k", "graceful"]);
    out.exit(1).err(&port).err("in use");
    serves(&server);
    drop(taken);
    server.command(&["-k", "graceful"]).exit(0);
    server
        .client_on(Ipv4Addr::LOCALHOST.into(), 1)
        .get("/a.txt")
        .is(200);
    server.stop();
}

#[test]
fn logs_that_cannot_be_opened() {
    let mut server = setup().start();
    for conf in [
        "ErrorLog /nonexistent/folder/error_log",
        "CustomLog /nonexistent/folder/access_log %h",
        "ErrorLog @ROOT@/htdocs",
        "CustomLog @ROOT@/htdocs %h",
    ] {
        server.rewrite(conf);
        let name = server.fill(conf);
        let file = name.split(' ').nth(1).unwrap_or_default();
        server.command(&["-k", "graceful"]).exit(1).err(file);
        serves(&server);
    }
    server.rewrite("CustomLog logs/access_log %h");
    server.command(&["-k", "graceful"]).exit(0);
    server.stop();
}

#[test]
fn a_new_child_that_dies_at_once() {
    if mpm() == "prefork" {
        eprintln!("left out: the fault is one of threads");
        return;
    }
    let mut server = setup().start();
    // More than any address space has room for.
    server.rewrite("ThreadStackSize 1000000000000000");
    let out = server.command(&["-k", "graceful"]);
    assert_ne!(out.code, 0, "{out:?}");
    serves(&server);
    server.rewrite("Timeout 5");
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn what_is_asked_after_a_reload_is_answered_by_it() {
    let mut server = setup().start();
    for round in 0..20 {
        server.rewrite(&format!("Redirect 307 /moved /to/{round}"));
        server.command(&["-k", "graceful"]).exit(0);
        for _ in 0..5 {
            let answer = server.get("/moved");
            let place = answer.is(307).header("Location").unwrap_or_default();
            assert!(place.ends_with(&format!("/to/{round}")), "{place:?}");
        }
    }
    server.stop();
}

#[test]
fn a_document_root_that_goes_away() {
    let mut server = setup().start();
    server.rewrite("DocumentRoot @ROOT@/gone");
    refused(&server, 1, "/gone");
    // A virtual host's is only warned of.
    let host =
        "<VirtualHost *>\nServerName other.example.test\nDocumentRoot @ROOT@/gone\n</VirtualHost>";
    server.rewrite(host);
    server.command(&["-k", "graceful"]).exit(0).err("/gone");
    server.rewrite("Timeout 5");
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    let away = server.root().join("away");
    std::fs::rename(server.root().join("htdocs"), &away).expect("renamed");
    server.get("/a.txt").is(404);
    std::fs::rename(&away, server.root().join("htdocs")).expect("renamed");
    serves(&server);
    server.stop();
}
