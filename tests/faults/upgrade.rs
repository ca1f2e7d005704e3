//! Another program takes the server over (`-k upgrade`): no request is lost, and one that fails leaves the old one serving.

use crate::harness::program::{self, fact, mpm};
use crate::harness::server::{is_alive, processes, signal};
use crate::harness::traffic::Met;
use crate::harness::{eventually, is_root, Server, Setup, Traffic};
use crate::sight::{addr, all_gone, download, is_long, serves, setup, BIG, SOON};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Clients who ask while programs come and go: some keep their connections, the others connect anew.
const STAYING: usize = 32;
const FRESH: usize = 8;

/// Answers that must have come before and after each upgrade: ten for each client.
const BETWEEN: usize = 400;

/// A server that has workers enough for the crowd, whichever MPM takes over.
fn busy_setup() -> Setup {
    Setup::new().file("htdocs/a.txt", "hello\n").conf(
        "MaxKeepAliveRequests 0\nKeepAliveTimeout 20\nCustomLog logs/crowd \"%H %>s\"\n\
         <IfModule mpm_prefork_module>\nServerLimit 150\nMaxRequestWorkers 150\nStartServers 10\nMinSpareServers 20\nMaxSpareServers 80\n</IfModule>\n\
         <IfModule mpm_event_module>\nMaxRequestWorkers 24\n</IfModule>",
    )
}

/// Waits until the crowd has had its answers from the present program; false if it does not get them.
fn answered(traffic: &Traffic) -> bool {
    let since = traffic.answered();
    let enough = || traffic.answered() >= since + BETWEEN;
    eventually(Duration::from_secs(60), enough)
}

/// Lets each of these programs take over while the crowd asks, and gives what it met.
fn take_turns(server: &mut Server, programs: &[&str]) -> Met {
    let (_, met) = Traffic::mixed(addr(server), STAYING, FRESH, |traffic| {
        for (turn, program) in programs.iter().enumerate() {
            let old = server.pid();
            assert!(answered(traffic), "no answers before turn {turn}");
            server.upgrade(program).exit(0).out("has taken over");
            assert_ne!(server.pid(), old);
            assert!(answered(traffic), "no answers after turn {turn}");
        }
    });
    eprintln!(
        "{} upgrades: {} requests answered, {} lost",
        programs.len(),
        met.answered,
        met.lost.len()
    );
    met
}

/// Each answer has its whole line in the log to which all programs wrote.
fn all_logged(server: &Server, met: &Met) {
    let count = || {
        let log = server.read("logs/crowd");
        log.lines().filter(|line| *line == "HTTP/1.1 200").count()
    };
    assert!(
        eventually(SOON, || count() >= met.answered),
        "{} lines for {} answers",
        count(),
        met.answered
    );
    let log = server.read("logs/crowd");
    let torn = log.lines().find(|line| !line.starts_with("HTTP/1."));
    assert_eq!(torn, None);
}

#[test]
fn upgrades_lose_no_request() {
    let mut server = busy_setup().start();
    let upgrades = if is_long() { 20 } else { 3 };
    let met = take_turns(&mut server, &vec![""; upgrades]);
    met.nothing_lost();
    all_logged(&server, &met);
    server.stop();
}

#[test]
fn groups_of_listeners_are_handed_over() {
    if !matches!(mpm().as_str(), "prefork" | "worker" | "event") {
        eprintln!("left out: this MPM has no ListenCoresBucketsRatio");
        return;
    }
    let mut server = busy_setup().conf("ListenCoresBucketsRatio 1").start();
    let met = take_turns(&mut server, &["", ""]);
    met.nothing_lost();
    server.stop();
}

/// The program of another MPM, built beside the one under test; in the long form only, for it takes minutes.
fn other_program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("HTTPD_OTHER") {
        return Some(path.into());
    }
    if !is_long() {
        return None;
    }
    let other = if mpm() == "event" { "prefork" } else { "event" };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other-mpm");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--bin", "httpd"])
        .args(["--features", &format!("mpm-{other}")])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("HTTPD_CONFIG")
        .status();
    assert!(built.is_ok_and(|status| status.success()), "cannot build");
    Some(target.join("debug/httpd"))
}

#[test]
fn another_mpm_takes_over_and_gives_back() {
    let Some(other) = other_program() else {
        eprintln!(
            "left out: no program of another MPM; HTTPD_LONG=1 builds one, HTTPD_OTHER names one"
        );
        return;
    };
    let mut server = busy_setup().start();
    let (own, other) = (program::path(), other.display().to_string());
    let met = take_turns(&mut server, &[&other, &own, &other, &own]);
    met.nothing_lost();
    server.stop();
}

/// A script that is to take over; `@HTTPD@` is the program under test.
fn script(server: &Server, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = server.root().join("new-program");
    let text = server.fill(text).replace("@HTTPD@", &program::path());
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("permissions");
    path.display().to_string()
}

/// The upgrade is refused for this reason, and the old program is the server as before.
fn refused(server: &mut Server, program: &str, why: &str) {
    let old = server.pid();
    let out = server.upgrade(program);
    out.exit(1).err("the upgrade failed").err(why);
    assert_eq!(server.pid(), old);
    assert_eq!(server.read("run/httpd.pid").trim(), old.to_string());
    serves(server);
}

#[test]
fn programs_that_fail_leave_the_old_one_serving() {
    let mut server = busy_setup().start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port(2))).expect("the port");
    let (_, met) = Traffic::mixed(addr(&server), 8, 2, |_| {
        for (text, why) in [
            ("echo no such library >&2\nexit 3", "no such library"),
            ("exit 0", "exit code 0"),
            ("kill -SEGV $$", "signal 11"),
            ("exec @HTTPD@ \"$@\" -c 'NoSuchThing on'", "NoSuchThing"),
            (
                "exec @HTTPD@ \"$@\" -c 'Listen 127.0.0.1:@PORT3@'",
                "could not bind",
            ),
            (
                "exec @HTTPD@ \"$@\" -c 'ErrorLog /nonexistent/log'",
                "/nonexistent/log",
            ),
            (
                "exec @HTTPD@ \"$@\" -c 'PidFile /nonexistent/pid'",
                "before it served",
            ),
        ] {
            let program = script(&server, text);
            refused(&mut server, &program, why);
        }
        refused(&mut server, "/nonexistent/httpd", "cannot be started");
        refused(&mut server, "/etc/passwd", "cannot be started");
    });
    met.nothing_lost();
    drop(taken);
    server.upgrade("").exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn a_program_that_cannot_take_the_pid_file_finishes_what_it_has() {
    let mut server = busy_setup().start();
    let program = script(&server, "exec @HTTPD@ \"$@\" -c 'PidFile /nonexistent/pid'");
    let (_, met) = Traffic::mixed(addr(&server), 0, 8, |_| {
        (0..100).for_each(|_| refused(&mut server, &program, "before it served"));
    });
    met.nothing_lost();
    server.stop();
}

#[test]
fn children_that_die_at_once_leave_the_old_one_serving() {
    if mpm() == "prefork" {
        eprintln!("left out: the fault is one of threads");
        return;
    }
    let mut server = busy_setup().start();
    let program = script(
        &server,
        // More than any address space has room for.
        "exec @HTTPD@ \"$@\" -c 'ThreadStackSize 1000000000000000'",
    );
    refused(&mut server, &program, "the new program");
    server.stop();
}

#[test]
fn a_program_that_hangs_is_ended() {
    let mut server = setup().conf("UpgradeTimeout 1").start();
    let program = script(&server, "sleep 1000 & exec sleep 1000");
    refused(&mut server, &program, "UpgradeTimeout");
    // With what it started.
    assert_eq!(sleeping(&server), 0);
    server.stop();
}

/// Processes that a hanging program has left: they have its environment.
fn sleeping(server: &Server) -> usize {
    let all = processes(&server.root()).into_iter();
    all.filter(|pid| runs(*pid, "sleep")).count()
}

#[test]
fn a_stop_ends_an_upgrade_too() {
    let mut server = setup().start();
    let program = script(&server, "exec sleep 1000");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.command(&["-k", "upgrade", &program]));
        assert!(eventually(SOON, || sleeping(&server) == 1));
        let again = server.command(&["-k", "upgrade", &program]);
        again.exit(1).err("another upgrade is on its way");
        serves(&server);
        server.command(&["-k", "stop"]).exit(0);
        let out = asked.join().expect("the command");
        out.exit(1).err("told to stop");
    });
    server.await_end(SOON);
    all_gone(&server, SOON);
}

#[test]
fn a_reload_that_is_asked_for_meanwhile_comes_after() {
    let mut server = setup().conf("UpgradeTimeout 5").start();
    let program = script(&server, "exec sleep 1000");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.command(&["-k", "upgrade", &program]));
        assert!(eventually(SOON, || sleeping(&server) == 1));
        server.command(&["-k", "graceful"]).exit(0);
        asked.join().expect("the command").exit(1);
    });
    serves(&server);
    server.upgrade("").exit(0);
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn a_download_outlives_its_program() {
    let mut server = setup().conf("Timeout 60").start();
    let mut client = download(&server);
    serves(&server);
    let old = server.pid();
    server.upgrade("").exit(0);
    serves(&server);
    assert!(is_alive(old));
    assert_eq!(client.response().body.len(), BIG);
    drop(client);
    assert!(eventually(SOON, || !is_alive(old)));
    serves(&server);
    let log = server.read("logs/error_log");
    for trouble in ["AH00098", "panic", "long lost"] {
        assert!(!log.contains(trouble), "{log}");
    }
    server.stop();
}

#[test]
fn the_new_program_has_the_ports_of_its_configuration() {
    let mut server = setup().conf("Listen 127.0.0.1:@PORT2@").start();
    let at = |server: &Server, n| (Ipv4Addr::LOCALHOST, server.port(n));
    let (second, third) = (at(&server, 1), at(&server, 2));
    let held = download(&server);
    assert!(TcpStream::connect(second).is_ok());
    server.rewrite("Listen 127.0.0.1:@PORT3@");
    server.upgrade("").exit(0);
    assert!(TcpStream::connect(third).is_ok());
    let gone = || TcpStream::connect_timeout(&second.into(), SOON).is_err();
    assert!(eventually(SOON, gone), "a port that nobody wants is open");
    serves(&server);
    drop(held);
    server.stop();
}

#[test]
fn the_new_program_begins_with_as_many_workers() {
    if !matches!(mpm().as_str(), "prefork" | "worker" | "event") {
        eprintln!("left out: the number of processes says nothing of the workers");
        return;
    }
    let mut server = setup().conf(&program::pool(16, 4, 4, 40)).start();
    let enough = |server: &Server| {
        let each = if mpm() == "prefork" { 1 } else { 4 };
        eventually(SOON, || server.children().len() * each >= 12)
    };
    assert!(enough(&server));
    // Started by itself it would have four, and keep them.
    server.rewrite(&program::pool(4, 4, 4, 40));
    server.upgrade("").exit(0);
    assert!(enough(&server), "{:?}", server.children());
    server.stop();
}

#[test]
fn what_shows_the_server_shows_the_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(SOON)).expect("a time");
    let mut server = setup()
        .conf("ScoreBoardFile board")
        .env("NOTIFY_SOCKET", &path.display().to_string())
        .start();
    let said = || {
        let mut bytes = [0; 200];
        let count = manager.recv(&mut bytes).expect("a message");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let old = server.pid();
    assert_eq!(said(), format!("READY=1\nMAINPID={old}\n"));
    server.upgrade("").exit(0);
    let new = format!("MAINPID={}\n", server.pid());
    // The old process says it too: the manager believes no other.
    let mut both = [said(), said()];
    both.sort();
    assert_eq!(both, [new.clone(), format!("READY=1\n{new}")]);
    assert!(eventually(SOON, || !is_alive(old)));
    for name in ["run/httpd.pid", "run/httpd.pid.upgrade", "run/board"] {
        assert!(server.root().join(name).exists(), "{name} is gone");
    }
    server.command(&["-k", "stop"]).exit(0);
    all_gone(&server, SOON);
    for name in ["run/httpd.pid", "run/httpd.pid.upgrade", "run/board"] {
        assert!(!server.root().join(name).exists(), "{name} is left");
    }
}

#[test]
fn a_server_without_a_terminal_is_taken_over() {
    let setup = setup();
    setup.run(&["-k", "start"]).exit(0);
    let pid = || {
        let text = std::fs::read_to_string(setup.root().join("run/httpd.pid"));
        text.ok().and_then(|text| text.trim().parse::<u32>().ok())
    };
    let old = pid().expect("a pid");
    let said = setup.run(&["-k", "upgrade"]);
    let new = pid().expect("a pid");
    setup.run(&["-k", "stop"]).exit(0);
    setup.sweep();
    said.exit(0);
    let told = format!("httpd (pid {new}) has taken over from pid {old}");
    said.out(&told);
    assert!(!is_alive(old) && !is_alive(new));
}

#[test]
fn an_upgrade_of_nothing_starts_the_server() {
    let setup = setup();
    let said = setup.run(&["-k", "upgrade"]);
    setup.run(&["-k", "stop"]).exit(0);
    setup.sweep();
    said.exit(0).out("not running, trying to start");
}

#[test]
fn only_the_servers_own_user_may_ask() {
    if !is_root() {
        eprintln!("left out: it takes root to be somebody else");
        return;
    }
    use std::os::unix::process::CommandExt;
    let server = setup().start();
    let asked = Command::new(program::path())
        .arg("-f")
        .arg(server.root().join("conf/httpd.conf"))
        .args(["-k", "upgrade", "/bin/true"])
        .uid(65534)
        .gid(65534)
        .stdin(Stdio::null())
        .output()
        .expect("a command");
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(
        !asked.status.success() && said.contains("Permission denied"),
        "{said}"
    );
    let log = server.read("logs/error_log");
    assert!(!log.contains("upgrade requested"), "{log}");
    server.stop();
}

/// Who the PidFile says is the server.
fn named(server: &Server) -> Option<u32> {
    server.read("run/httpd.pid").trim().parse().ok()
}

/// Asks for an upgrade; while it is on its way and the new program, whose pid it is given, serves, does `meanwhile`.
fn during_an_upgrade(server: &Server, meanwhile: impl FnOnce(u32)) -> program::Output {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.command(&["-k", "upgrade"]));
        let new = || named(server).filter(|pid| *pid != server.pid());
        assert!(eventually(SOON, || new().is_some()), "nobody takes over");
        meanwhile(new().expect("a pid"));
        asked.join().expect("the command")
    })
}

#[test]
fn a_new_program_that_dies_as_soon_as_it_serves_gives_back() {
    let mut server = busy_setup().start();
    let (_, met) = Traffic::mixed(addr(&server), 8, 2, |traffic| {
        assert!(answered(traffic));
        let out = during_an_upgrade(&server, |new| {
            let since = traffic.answered();
            eventually(SOON, || traffic.answered() >= since + 20);
            signal(new, "KILL");
        });
        out.exit(1).err("the upgrade failed").err("signal 9");
        assert_eq!(named(&server), Some(server.pid()));
        assert!(answered(traffic), "nobody serves");
    });
    // Its children go on with what they have; where there are none, that is lost.
    match fact("one-process") == "yes" {
        true => assert!(met.lost.len() <= 10, "{met:?}"),
        false => met.nothing_lost(),
    }
    server.command(&["-k", "graceful"]).exit(0);
    server.upgrade("").exit(0);
    serves(&server);
    server.stop();
}

#[test]
fn a_stop_of_the_new_program_is_one_of_the_server() {
    let mut server = setup().start();
    let out = during_an_upgrade(&server, |_| {
        server.command(&["-k", "stop"]).exit(0);
    });
    out.exit(0);
    server.await_end(SOON);
    all_gone(&server, SOON);
}

#[test]
fn a_new_program_that_dies_later_leaves_no_dead_port() {
    let mut server = setup().conf("Timeout 60").start();
    let mut held = download(&server);
    serves(&server);
    server.upgrade("").exit(0);
    signal(server.pid(), "KILL");
    let free = || TcpListener::bind(addr(&server)).is_ok();
    assert!(eventually(SOON, free), "the port is not free");
    // The old one finishes what it had all the same.
    assert_eq!(held.response().body.len(), BIG);
    server.command(&["-k", "start"]).exit(0);
    serves(&server);
    server.command(&["-k", "stop"]).exit(0);
    all_gone(&server, SOON);
}

#[test]
fn programs_and_piped_logs_outlive_an_upgrade() {
    let mut server = setup()
        .script("bin/log", "exec cat >> @ROOT@/logs/piped")
        .script("cgi-bin/hi", "printf 'Content-Type: text/plain\\n\\nhi\\n'")
        .script(
            "cgi-bin/long",
            "> @ROOT@/run/begun\nwhile [ ! -e @ROOT@/go ]; do sleep 0.05; done\n\
             printf 'Content-Type: text/plain\\n\\nwent\\n'",
        )
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nCustomLog \"|@ROOT@/bin/log\" \"%U %>s\"")
        .start();
    std::fs::set_permissions(
        server.root().join("run"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .expect("a folder for the program");
    let old = server.pid();
    server.get("/cgi-bin/hi").is(200).body("hi\n");
    let mut long = server.client();
    long.send("GET /cgi-bin/long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let begun = server.root().join("run/begun");
    assert!(eventually(SOON, || begun.exists()));
    server.upgrade("").exit(0);
    server.get("/cgi-bin/hi").is(200).body("hi\n");
    std::fs::write(server.root().join("go"), "").expect("a file");
    long.response().is(200).body("went\n");
    drop(long);
    assert!(eventually(SOON, || !is_alive(old)));
    server.get("/cgi-bin/hi").is(200).body("hi\n");
    let logged = |line: &str| {
        let text = server.read("logs/piped");
        text.lines().filter(|logged| *logged == line).count()
    };
    let all = || logged("/cgi-bin/hi 200") == 3 && logged("/cgi-bin/long 200") == 1;
    assert!(eventually(SOON, all), "{}", server.read("logs/piped"));
    let programs = || processes(&server.root()).into_iter();
    let cats = || programs().filter(|pid| runs(*pid, "cat")).count();
    assert!(eventually(SOON, || cats() == 1), "{} log programs", cats());
    server.stop();
}

/// Does this process run that program?
fn runs(pid: u32, name: &str) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline"));
    words.is_ok_and(|words| words.starts_with(name.as_bytes()))
}

#[test]
fn a_parent_that_is_killed_after_it_was_taken_over_from_costs_nothing() {
    let mut server = setup().start();
    let held = download(&server);
    let old = server.pid();
    server.upgrade("").exit(0);
    assert!(is_alive(old));
    signal(old, "KILL");
    assert!(eventually(SOON, || !is_alive(old)));
    drop(held);
    serves(&server);
    if fact("one-process") != "yes" {
        server.command(&["-k", "graceful"]).exit(0);
    }
    serves(&server);
    server.stop();
}
