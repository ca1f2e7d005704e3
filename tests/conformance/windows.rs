//! What only Windows' MPM has: a child that is handed its configuration, connections parked at a completion port, AcceptFilter,
//! words by named events, services. `make check-windows` asks this of httpd.exe under wine; elsewhere the cases are left out.

use crate::harness::program::{is_windows, shell};
use crate::harness::server::{processes, signal};
use crate::harness::{eventually, run, Client, Server, Setup};
use std::collections::BTreeSet;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Ends a case that other systems have nothing like.
macro_rules! windows_only {
    () => {
        if !is_windows() {
            eprintln!("left out: only Windows has this");
            return;
        }
    };
}

fn setup(conf: &str) -> Setup {
    Setup::new().file("htdocs/a.txt", "hello\n").conf(conf)
}

/// Asks on a connection that is to be kept.
fn ask(client: &mut Client) {
    client
        .send("GET /a.txt HTTP/1.1\r\nHost: www.example.test\r\n\r\n")
        .response()
        .is(200)
        .lacks("Connection");
}

/// The children that were started so far, by their numbers.
fn started(s: &Server) -> Vec<String> {
    let text = s.read("logs/error_log");
    let numbers = text.lines().filter_map(|line| {
        let (_, number) = line.split_once("Created child process ")?;
        Some(number.trim().to_string())
    });
    numbers.collect()
}

fn await_children(s: &Server, count: usize) {
    s.await_text("logs/error_log", |text| {
        text.matches("AH00354: Child: Starting").count() >= count
    });
}

#[test]
fn idle_connections_hold_no_thread() {
    windows_only!();
    let s = setup("ThreadsPerChild 2\nKeepAliveTimeout 60").start();
    let mut idle: Vec<Client> = (0..40).map(|_| s.client()).collect();
    idle.iter_mut().for_each(ask);
    // So do clients that have not said anything yet.
    let silent: Vec<Client> = (0..40).map(|_| s.client()).collect();
    s.get("/a.txt").is(200);
    idle.iter_mut().rev().for_each(ask);
    drop(silent);
}

#[test]
fn idle_connections_end_in_time() {
    windows_only!();
    let s = setup("KeepAliveTimeout 1").start();
    let mut kept = s.client();
    ask(&mut kept);
    kept.closed();
}

#[test]
fn a_thread_too_few_is_told() {
    windows_only!();
    let s = setup("ThreadsPerChild 1\nTimeout 20\n<IfModule mod_reqtimeout.c>\nRequestReadTimeout header=0 body=0\n</IfModule>").start();
    // A head that is not whole holds its thread; the others wait in the queue, or for a place there.
    let mut slow: Vec<Client> = (0..3).map(|_| s.client()).collect();
    for client in &mut slow {
        client.send("GET /a.txt HTTP/1.1\r\nHost: www.exa");
    }
    s.logged("AH00326: Server ran out of threads to serve requests. Consider raising the ThreadsPerChild setting");
    for client in &mut slow {
        client
            .send("mple.test\r\nConnection: close\r\n\r\n")
            .response()
            .is(200);
    }
    s.get("/a.txt").is(200);
}

#[test]
fn accept_filter_none() {
    windows_only!();
    for filter in ["none", "connect", "data"] {
        let s = setup(&format!("AcceptFilter http {filter}\nKeepAliveTimeout 60")).start();
        let mut clients: Vec<Client> = (0..20).map(|_| s.client()).collect();
        clients.iter_mut().for_each(ask);
        clients.iter_mut().for_each(ask);
        assert_eq!(s.command(&["-k", "restart"]).code, 0);
        s.get("/a.txt").is(200);
        assert!(!s.read("logs/error_log").contains("falling back"));
        s.stop();
    }
}

/// Under a layer (layer.c) that has no TransmitFile either.
#[test]
fn accept_ex_that_keeps_failing_is_given_up() {
    windows_only!();
    let Ok(layered) = std::env::var("HTTPD_LAYERED") else {
        eprintln!("left out: make check-windows has the layer that breaks AcceptEx");
        return;
    };
    let big = vec![b'b'; 3 << 20];
    let s = setup("EnableSendfile On\nKeepAliveTimeout 60")
        .bytes("htdocs/big.bin", &big)
        .env("HTTPD_EXE", &layered)
        .env("WINEDLLOVERRIDES", "mswsock=n")
        .start();
    s.logged("Encountered too many AcceptEx faults accepting client connections.");
    s.logged("falling back to 'AcceptFilter none'.");
    let mut clients: Vec<Client> = (0..20).map(|_| s.client()).collect();
    clients.iter_mut().for_each(ask);
    clients.iter_mut().for_each(ask);
    assert!(s.get("/big.bin").is(200).body == big);
    s.command(&["-k", "restart"]).exit(0);
    s.get("/a.txt").is(200);
    s.stop();
}

/// The control process hands over what it has checked: what the files say meanwhile is nobody's business.
#[test]
fn a_child_is_replaced_with_the_configuration_that_was_checked() {
    windows_only!();
    let mut s = setup("MaxConnectionsPerChild 5\nAlias /other @ROOT@/htdocs/a.txt").start();
    s.rewrite("Half of a configurat");
    for _ in 0..8 {
        s.get("/other").is(200);
    }
    await_children(&s, 2);
    s.get("/other").is(200);
    let text =
        s.logged("AH00358: Child: Process exiting because it reached MaxConnectionsPerChild.");
    assert!(!text.contains("Syntax error"), "{text}");
}

#[test]
fn a_child_that_is_killed_is_replaced() {
    windows_only!();
    let s = setup("Alias /other @ROOT@/htdocs/a.txt").start();
    s.get("/other").is(200);
    s.kill_serving();
    await_children(&s, 2);
    assert!(eventually(SOON, || started(&s).len() == 2));
    s.logged("-- Restarting.");
    s.get("/other").is(200);
    s.stop();
}

#[test]
fn a_child_ends_with_its_control_process() {
    windows_only!();
    let s = setup("").start();
    await_children(&s, 1);
    signal(s.pid(), "KILL");
    // What is left behind is looked for at the end.
    s.stop();
}

#[test]
fn a_restart_that_is_refused_leaves_the_child() {
    windows_only!();
    let mut s = setup("").start();
    s.get("/a.txt").is(200);
    // The one who says it must not trip over the mistake himself.
    let aside = s.root().join("aside.conf");
    std::fs::write(
        &aside,
        s.fill("PidFile @ROOT@/run/httpd.pid\nListen 127.0.0.1:@PORT2@\n"),
    )
    .expect("written");
    s.rewrite("Nonsense");
    let (root, aside) = (s.root(), aside.to_string_lossy().into_owned());
    let told = run(&["-d", &root.to_string_lossy(), "-f", &aside, "-k", "restart"]);
    told.exit(1)
        .err("the reload was refused, the old configuration goes on");
    told.err("Invalid command 'Nonsense'");
    s.logged("the configuration was not taken, the old one goes on serving");
    s.get("/a.txt").is(200);
    assert_eq!(started(&s).len(), 1);
    s.rewrite("Alias /new @ROOT@/htdocs/a.txt");
    s.command(&["-k", "restart"]).exit(0);
    s.get("/new").is(200);
    s.logged("exited successfully");
}

#[test]
fn a_restart_lets_a_request_finish() {
    windows_only!();
    let s = setup("<IfModule mod_reqtimeout.c>\nRequestReadTimeout header=0 body=0\n</IfModule>")
        .start();
    let mut slow = s.client();
    slow.send("GET /a.txt HTTP/1.1\r\nHost: www.exa");
    let mut kept = s.client();
    ask(&mut kept);
    s.command(&["-k", "restart"]).exit(0);
    slow.send("mple.test\r\n\r\n")
        .response()
        .is(200)
        .has("Connection", "close");
    kept.send("GET /a.txt HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
    kept.response().is(200).has("Connection", "close");
    s.logged("exited successfully");
}

#[test]
fn limits_are_told() {
    windows_only!();
    let check = |conf: &str, told: &str| {
        setup(conf).check().exit(0).err(told);
    };
    check("ThreadsPerChild 2000", "WARNING: ThreadsPerChild of 2000 exceeds ThreadLimit of 1920 threads, decreasing to 1920. To increase, please see the ThreadLimit directive.");
    check("ThreadLimit 20000", "WARNING: ThreadLimit of 20000 exceeds compile-time limit of 15000 threads, decreasing to 15000.");
    check(
        "ThreadsPerChild 0",
        "WARNING: ThreadsPerChild of 0 not allowed, increasing to 1.",
    );
    for name in [
        "MaxRequestWorkers 5",
        "StartServers 1",
        "GracefulShutdownTimeout 5",
        "Win32DisableAcceptEx",
    ] {
        let word = name.split(' ').next().unwrap_or_default();
        setup(name)
            .check()
            .exit(1)
            .err(&format!("Invalid command '{word}'"));
    }
}

/// A log program is fed, across restarts too, started again when it dies, and leaves with the server.
#[test]
fn log_programs_are_fed() {
    windows_only!();
    let program = |name: &str| format!("\"|{} --log Z:@ROOT@/logs/{name}\"", shell());
    let s = setup(&format!(
        "CustomLog {} \"<%q>\"\nErrorLog {}",
        program("asked"),
        program("errors")
    ))
    .start();
    let asked = |mark: &str| {
        s.get(&format!("/a.txt?{mark}")).is(200);
        s.await_text("logs/asked", |text| text.contains(&format!("<?{mark}>")));
    };
    asked("first");
    s.await_text("logs/errors", |text| {
        text.contains("AH00354: Child: Starting")
    });
    s.command(&["-k", "restart"]).exit(0);
    asked("second");
    let programs = || {
        let feeds = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains("--log"))
        };
        let all = processes(&s.root()).into_iter();
        all.filter(feeds).collect::<Vec<u32>>()
    };
    programs().into_iter().for_each(|pid| signal(pid, "KILL"));
    s.await_text("logs/errors", |text| text.contains("was started again"));
    asked("third");
    s.stop();
}

/// By TransmitFile, or read and written: the same bytes, to those who wait before they read, too.
#[test]
fn large_files_arrive_as_they_are() {
    windows_only!();
    let big: Vec<u8> = (0..10u32 << 20).map(|at| (at * 7 / 5) as u8).collect();
    for sendfile in ["On", "Off"] {
        let s = setup(&format!("EnableSendfile {sendfile}"))
            .bytes("htdocs/big.bin", &big)
            .start();
        let mut late = s.client();
        late.send("GET /big.bin HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
        // What is on its way when its client leaves ends, and no other's answer has any of it.
        let mut leaver = s.client();
        leaver.send("GET /big.bin HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
        drop(leaver);
        assert!(s.get("/big.bin").is(200).body == big);
        let part = s.get_with("/big.bin", &["Range: bytes=1000003-9999999"]);
        assert!(part.is(206).body == big[1_000_003..10_000_000]);
        assert!(late.response().is(200).body == big);
        // The connection is as good as before.
        ask(&mut late);
        s.stop();
    }
}

/// Where files have no numbers, those are left out of their tags.
#[test]
fn tags_have_no_file_numbers() {
    windows_only!();
    let s = Setup::new()
        .file("htdocs/number/a.txt", "hello\n")
        .file("htdocs/all/a.txt", "hello\n")
        .dated("htdocs/all/a.txt", 1_000_000_000)
        .conf("<Location /number>\nFileETag INode\n</Location>\n<Location /all>\nFileETag All\n</Location>")
        .start();
    s.get("/number/a.txt").is(200).lacks("ETag");
    s.get("/all/a.txt").has("ETag", "\"6-38d7ea4c68000\"");
}

#[test]
fn what_windows_has_not_is_refused_with_a_cure() {
    windows_only!();
    let refused = |line: &str, cure: &str| {
        let setup = setup(&format!("# first\n{line}"));
        setup
            .check()
            .exit(1)
            .err("line 2 of ")
            .err("conf/test.conf")
            .err(cure);
    };
    refused(
        "ErrorLog syslog:local1",
        "ErrorLog: this system has no syslog; name a file, or a program behind a |",
    );
    for share in ["//server/share/www", "\\\\\\\\server\\\\share"] {
        refused(
            &format!("DocumentRoot \"{share}\""),
            "give the share a drive letter",
        );
        refused(&format!("Alias /x \"{share}\""), "mklink /D");
    }
}

/// What `make check-windows` leaves out: names of cases that there are, each once and below a reason.
#[test]
fn what_is_left_out_exists() {
    let suite = std::env::current_exe().expect("the suite");
    let listed = std::process::Command::new(suite).arg("--list").output();
    let listed = String::from_utf8(listed.expect("a list").stdout).expect("text");
    let cases: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let (mut reason, mut seen) = (false, BTreeSet::new());
    for line in include_str!("windows.skip").lines() {
        if line.is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = line.starts_with("## ");
        } else {
            assert!(cases.contains(line), "there is no case {line:?}");
            assert!(reason, "no reason above {line:?}");
            assert!(seen.insert(line), "{line:?} twice");
        }
    }
    assert!(!seen.is_empty());
}

/// Names a service that only this case has.
struct Installed<'a>(&'a Setup, String);

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        self.0.run(&["-k", "uninstall", "-n", &self.1]);
    }
}

#[test]
fn a_service_lives_as_it_is_told() {
    windows_only!();
    let setup = setup("");
    let name = format!("Test {}", setup.port(0));
    let tell = |verb: &str| setup.run(&["-k", verb, "-n", &name]);
    tell("start").exit(1).err("there is no service");
    tell("install")
        .exit(0)
        .out(&format!("The service '{name}' is installed."));
    let installed = Installed(&setup, name.clone());
    tell("start").exit(0).out("runs");
    let connect = || std::net::TcpStream::connect(("127.0.0.1", setup.port(0)));
    connect().expect("it serves");
    tell("start").exit(0).out("already runs");
    tell("restart").exit(0);
    let log = || std::fs::read_to_string(setup.root().join("logs/error_log")).unwrap_or_default();
    assert!(
        eventually(SOON, || log().matches("resuming normal operations").count()
            == 2),
        "{}",
        log()
    );
    tell("stop").exit(0).out("is stopped");
    assert!(connect().is_err());
    // The options that it begins with are those in the registry.
    let extra = setup.run(&["-k", "config", "-n", &name, "-c", "Nonsense"]);
    extra
        .exit(0)
        .err("This must be mended before the service can be started.");
    tell("start").exit(1).err("did not start");
    tell("config").exit(0);
    tell("start").exit(0);
    drop(installed);
    assert!(eventually(SOON, || connect().is_err()));
    setup.sweep();
}

#[test]
fn words_that_are_only_for_services() {
    windows_only!();
    let setup = setup("");
    setup
        .run(&["-k", "runservice"])
        .exit(1)
        .err("-k runservice is for the service manager");
    setup
        .run(&["-k", "uninstall", "-n", "No such one"])
        .exit(1)
        .err("there is no service");
    setup
        .run(&["-k", "graceful-stop"])
        .exit(1)
        .err("illegal option -- k");
    setup.run(&["-k", "stop"]).exit(0).out("not running");
}
