//! The life of a server: start, signals, `-k`, children that come and go, and every way to end.

use crate::harness::server::{born, free_port, is_alive, parent_of, processes, signal};
use crate::harness::{
    apache_only, eventually, fact, is_root, mpm, one_process, ours_only, program, Server, Setup,
};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(12);

/// Waits in a script until the file `go` is there.
const WAIT: &str =
    "while [ ! -e @ROOT@/go ]; do sleep 0.05; done\nprintf 'Content-Type: text/plain\\n\\nwent\\n'";

fn setup() -> Setup {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .zeros("htdocs/big.bin", BIG)
        .script("cgi-bin/wait", WAIT)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nCustomLog logs/pids \"%P %q\"")
}

/// Far more than all socket buffers hold.
const BIG: usize = 40_000_000;

/// A pool of a known size: `busy` requests at a time in each child, at most `most` in all.
fn pool(busy: u32, most: u32) -> String {
    let limit = match mpm().as_str() {
        "prefork" => format!("ServerLimit {most}\n"),
        "worker" | "event" => format!("ServerLimit {}\n", most / busy),
        _ => String::new(),
    };
    limit + &program::pool(busy, 1, busy, most)
}

/// Waits until the process that served before is gone; one that is the whole server stays.
fn is_replaced(old: u32) -> bool {
    one_process() || eventually(SOON, || !is_alive(old))
}

/// The workers there are: child processes, or threads where there is one process.
fn workers(s: &Server) -> usize {
    if !one_process() && fact("thread-count") != "variable" {
        return s.children().len();
    }
    let family = s.children().into_iter().chain([s.pid()]);
    let threads = |pid| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    family.map(threads).sum()
}

/// Process that serves a request now.
fn serving(s: &Server) -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("?serving-{}-", COUNT.fetch_add(1, Ordering::Relaxed));
    s.get(&format!("/a.txt{mark}")).is(200);
    if program::is_windows() {
        // The server's own numbers are not the host's. The youngest process is the one that takes connections.
        let youngest = processes(&s.root())
            .into_iter()
            .max_by_key(|pid| born(*pid));
        return youngest.expect("a process");
    }
    let text = s.await_text("logs/pids", |t| t.contains(&mark));
    let line = text.lines().find(|l| l.contains(&mark)).unwrap_or_default();
    line.split(' ')
        .next()
        .and_then(|w| w.parse().ok())
        .expect("a pid")
}

/// Kills a child, and waits until it is gone.
fn kill(s: &Server, child: u32) {
    let ends = |text: &str| text.matches("-- Restarting.").count();
    let before = ends(&s.read("logs/error_log"));
    signal(child, "KILL");
    assert!(eventually(SOON, || !is_alive(child)));
    if program::is_windows() {
        // Wine hears of it later, and takes connections for the child until then.
        s.await_text("logs/error_log", |text| ends(text) > before);
    }
}

fn pid_file(s: &Server) -> String {
    s.read("run/httpd.pid").trim().to_string()
}

/// The parent's number as it knows itself: under wine, which numbers processes anew, what the first line of its log has.
fn own_pid(s: &Server) -> String {
    if !program::is_windows() {
        return s.pid().to_string();
    }
    let text = s.logged("[pid ");
    let digits = text.split("[pid ").nth(1).unwrap_or_default();
    digits.chars().take_while(char::is_ascii_digit).collect()
}

/// Waits until the log tells what the parent was told, which is not by a signal on Windows.
fn told(s: &Server, by_signal: &str, on_windows: &str) {
    s.logged(match program::is_windows() {
        true => on_windows,
        false => by_signal,
    });
}

/// Waits until the nth generation serves.
fn generation(s: &Server, n: usize) {
    s.await_text("logs/error_log", |t| {
        t.matches("resuming normal operations").count() >= n
    });
}

/// Is the port closed? A listener nobody accepts from would make a plain connect wait for minutes.
fn is_closed(addr: (Ipv4Addr, u16)) -> bool {
    TcpStream::connect_timeout(&addr.into(), Duration::from_secs(2))
        .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Begins a download that no buffer can hold, and reads nothing yet.
fn download(s: &Server) -> crate::harness::Client {
    let mut c = s.client();
    c.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let text = s.read("logs/error_log");
    assert!(!text.contains("[emerg]"), "{text}");
    c
}

#[test]
fn pid_file_names_the_parent() {
    let s = setup().start();
    assert_eq!(pid_file(&s), own_pid(&s));
    assert_eq!(serving(&s) == s.pid(), one_process());
    s.stop();
}

#[test]
fn pid_file_goes_at_the_end() {
    let mut s = setup().start();
    s.signal("TERM");
    assert!(s.await_end(SOON).success());
    assert!(!s.root().join("run/httpd.pid").exists());
}

#[test]
fn stop_is_logged() {
    let mut s = setup().start();
    s.signal("TERM");
    s.await_end(SOON);
    told(
        &s,
        "caught SIGTERM, shutting down",
        "Received shutdown signal -- Shutting down",
    );
}

#[test]
fn interrupt_stops_too() {
    let mut s = setup().start();
    s.signal("INT");
    s.await_end(SOON);
}

#[test]
fn messages_carry_the_numbers_of_the_mpm() {
    let mut s = setup().start();
    let (start, stop) = match mpm().as_str() {
        "prefork" => ("AH00163", "AH00169"),
        "worker" => ("AH00292", "AH00295"),
        "beos" | "mpm_netware" | "mpmt_os2" => ("AH20180", "AH20182"),
        "mpm_winnt" => ("AH00455", "AH00422"),
        _ => ("AH00489", "AH00491"),
    };
    s.logged(start);
    s.signal("TERM");
    s.await_end(SOON);
    s.logged(stop);
}

#[test]
fn command_stop() {
    let mut s = setup().start();
    s.command(&["-k", "stop"]).exit(0);
    assert!(s.await_end(SOON).success());
}

#[test]
fn command_start_of_a_running_server() {
    let s = setup().start();
    let text = format!("(pid {}) already running", own_pid(&s));
    s.command(&["-k", "start"]).exit(0).err_or_out(&text);
    s.get("/a.txt").is(200);
}

#[test]
fn command_restart_replaces_the_children() {
    let s = setup().start();
    let old = serving(&s);
    s.command(&["-k", "restart"]).exit(0);
    told(&s, "SIGHUP received", "Received restart signal");
    generation(&s, 2);
    assert!(is_replaced(old));
    assert_eq!(serving(&s) == old, one_process());
    assert_eq!(pid_file(&s), own_pid(&s));
}

#[test]
fn command_restart_reads_the_configuration() {
    let mut s = setup().start();
    s.get("/a.txt").lacks("X-New");
    s.rewrite("Header set X-New yes");
    s.command(&["-k", "restart"]).exit(0);
    generation(&s, 2);
    assert!(eventually(SOON, || s
        .get("/a.txt")
        .header("X-New")
        .is_some()));
}

#[test]
fn command_graceful_replaces_the_children() {
    let s = setup().start();
    let old = serving(&s);
    s.command(&["-k", "graceful"]).exit(0);
    told(&s, "raceful restart", "Received restart signal");
    assert!(is_replaced(old));
    assert_eq!(serving(&s) == old, one_process());
}

#[test]
fn command_graceful_reads_the_configuration() {
    let mut s = setup().start();
    s.rewrite("Header set X-New yes");
    s.command(&["-k", "graceful"]).exit(0);
    assert!(eventually(SOON, || s
        .get("/a.txt")
        .header("X-New")
        .is_some()));
}

#[test]
fn command_upgrade_replaces_the_program() {
    ours_only!();
    if program::is_windows() {
        return;
    }
    let mut s = setup().start();
    let (old, served) = (s.pid(), serving(&s));
    s.rewrite("Header set X-New yes");
    s.upgrade("").exit(0).out("has taken over");
    assert!(s.pid() != old && eventually(SOON, || !is_alive(old) && !is_alive(served)));
    s.get("/a.txt").is(200).has("X-New", "yes");
    assert_eq!(pid_file(&s), s.pid().to_string());
    s.stop();
}

#[test]
fn graceful_waits_for_a_download() {
    if fact("restart") != "waits" {
        return;
    }
    let s = setup().start();
    let mut c = download(&s);
    serving(&s);
    s.signal("USR1");
    s.logged("raceful restart");
    s.logged("waiting for 1 threads to end");
    assert_eq!(c.response().body.len(), BIG);
    generation(&s, 2);
    s.get("/a.txt").is(200);
}

#[test]
fn a_second_restart_does_not_wait() {
    if fact("restart") != "waits" {
        return;
    }
    let s = setup().start();
    let _c = download(&s);
    serving(&s);
    s.signal("HUP");
    s.logged("waiting for 1 threads to end");
    s.signal("HUP");
    generation(&s, 2);
    s.get("/a.txt").is(200);
}

#[test]
fn graceful_lets_a_download_finish() {
    if fact("restart") == "waits" {
        return;
    }
    let s = setup().start();
    let mut c = download(&s);
    s.command(&["-k", "graceful"]).exit(0);
    told(&s, "raceful restart", "Received restart signal");
    s.get("/a.txt").is(200);
    let r = c.response();
    assert_eq!(r.body.len(), BIG);
}

#[test]
fn graceful_twice_lets_a_download_finish() {
    if fact("restart") == "waits" {
        return;
    }
    let s = setup().start();
    let mut c = download(&s);
    for round in 1..=2 {
        s.command(&["-k", "graceful"]).exit(0);
        s.await_text("logs/error_log", |t| {
            t.matches("resuming normal operations").count() > round
        });
    }
    s.get("/a.txt").is(200);
    assert_eq!(c.response().body.len(), BIG);
}

#[test]
fn graceful_with_a_broken_configuration_changes_nothing() {
    let mut s = setup().start();
    s.rewrite("NoSuchThing");
    s.command(&["-k", "graceful"]).exit(1).err("NoSuchThing");
    s.get("/a.txt").is(200);
    assert_eq!(pid_file(&s), own_pid(&s));
}

#[test]
fn restart_with_a_broken_configuration_changes_nothing() {
    let mut s = setup().start();
    s.rewrite("NoSuchThing");
    s.command(&["-k", "restart"]).exit(1).err("NoSuchThing");
    s.get("/a.txt").is(200);
}

#[test]
fn stop_with_a_broken_configuration_is_refused_or_done() {
    let mut s = setup().start();
    s.rewrite("NoSuchThing");
    let code = s.command(&["-k", "stop"]).code;
    assert!(code == 0 || code == 1, "{code}");
}

#[test]
fn signal_with_a_broken_configuration_leaves_the_server_running() {
    ours_only!();
    let mut s = setup().start();
    s.rewrite("NoSuchThing");
    for name in ["USR1", "HUP"] {
        s.signal(name);
        s.logged("NoSuchThing");
        s.get("/a.txt").is(200);
    }
    s.stop();
}

#[test]
fn signal_with_a_broken_configuration_ends_apache() {
    apache_only!();
    let mut s = setup().start();
    s.rewrite("NoSuchThing");
    s.signal("USR1");
    s.await_end(SOON);
}

#[test]
fn hup_restarts() {
    let s = setup().start();
    let old = serving(&s);
    s.signal("HUP");
    generation(&s, 2);
    assert!(is_replaced(old));
    s.get("/a.txt").is(200);
    s.stop();
}

#[test]
fn usr1_restarts_gracefully() {
    let s = setup().start();
    let old = serving(&s);
    s.signal("USR1");
    assert!(is_replaced(old));
    s.get("/a.txt").is(200);
    s.stop();
}

#[test]
fn graceful_stop_lets_a_download_finish() {
    let mut s = setup().start();
    let mut c = download(&s);
    s.command(&["-k", "graceful-stop"]).exit(0);
    s.logged("SIGWINCH");
    let addr = (Ipv4Addr::LOCALHOST, s.port(0));
    assert!(eventually(SOON, || is_closed(addr)));
    assert!(s.ended().is_none(), "ended before the download did");
    assert_eq!(c.response().body.len(), BIG);
    drop(c);
    s.await_end(SOON);
}

#[test]
fn graceful_shutdown_timeout_ends_the_wait() {
    let mut s = setup().conf("GracefulShutdownTimeout 1").start();
    let _c = download(&s);
    let start = Instant::now();
    s.signal("WINCH");
    s.await_end(SOON);
    assert!(start.elapsed() > Duration::from_millis(500));
}

#[test]
fn stop_does_not_wait_for_a_download() {
    let mut s = setup().start();
    let _c = download(&s);
    s.signal("TERM");
    s.await_end(Duration::from_secs(11));
}

#[test]
fn term_ends_a_graceful_stop() {
    let mut s = setup().start();
    let _c = download(&s);
    s.signal("WINCH");
    s.logged("SIGWINCH");
    s.signal("TERM");
    s.await_end(SOON);
}

#[test]
fn graceful_reopens_the_logs() {
    let s = setup().start();
    serving(&s);
    std::fs::rename(s.root().join("logs/pids"), s.root().join("logs/pids.1")).expect("rename");
    std::fs::rename(
        s.root().join("logs/error_log"),
        s.root().join("logs/error_log.1"),
    )
    .expect("rename");
    s.command(&["-k", "graceful"]).exit(0);
    s.logged("resuming normal operations");
    // A child of before may take one more connection, and has the old file.
    let again = || {
        s.get("/a.txt?again").is(200);
        s.read("logs/pids").contains("?again")
    };
    assert!(eventually(SOON, again));
}

#[test]
fn graceful_opens_and_closes_ports() {
    let mut s = setup().conf("Listen 127.0.0.1:@PORT2@").start();
    let addr = |n: usize| (Ipv4Addr::LOCALHOST, s.port(n));
    let (second, third) = (addr(1), addr(2));
    assert!(TcpStream::connect(second).is_ok());
    s.rewrite("Listen 127.0.0.1:@PORT3@");
    s.command(&["-k", "graceful"]).exit(0);
    assert!(eventually(SOON, || TcpStream::connect(third).is_ok()));
    assert!(eventually(SOON, || is_closed(second)));
    s.get("/a.txt").is(200);
}

#[test]
fn port_in_use() {
    let setup = setup();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, setup.port(0))).expect("the port");
    let out = setup.run(&["-DFOREGROUND"]);
    out.exit(1).err("could not bind to address 127.0.0.1:");
    out.err("no listening sockets available, shutting down");
    drop(taken);
}

#[test]
fn no_listen_at_all() {
    let setup = Setup::new()
        .bare()
        .conf("ServerRoot @ROOT@\nServerName x\nPidFile run/p\nErrorLog logs/e");
    setup
        .run(&["-DFOREGROUND"])
        .exit(1)
        .err("no listening sockets available, shutting down");
}

#[test]
fn pid_file_that_cannot_be_written() {
    let setup = setup().conf("PidFile /nonexistent/dir/httpd.pid");
    let out = setup.run(&["-DFOREGROUND"]);
    setup.sweep();
    out.exit(1);
}

#[test]
fn error_log_that_cannot_be_opened() {
    let setup = setup().conf("ErrorLog /nonexistent/dir/error_log");
    setup.run(&["-DFOREGROUND"]).exit(1).err("/nonexistent/dir");
}

#[test]
fn stale_pid_file_is_overwritten() {
    let s = setup().file("run/httpd.pid", "999999\n").start();
    assert!(eventually(SOON, || pid_file(&s) == own_pid(&s)));
    s.logged("AH00098");
    s.get("/a.txt").is(200);
}

#[test]
fn core_dump_directory_must_exist() {
    setup()
        .conf("CoreDumpDirectory /nonexistent/dir")
        .check()
        .exit(1)
        .err("CoreDumpDirectory");
}

#[test]
fn killed_child_is_replaced_soon() {
    if one_process() {
        return;
    }
    let s = setup().start();
    let old = serving(&s);
    let before = s.children().len();
    let start = Instant::now();
    kill(&s, old);
    assert!(eventually(SOON, || s.children().len() >= before.min(2)));
    s.get("/a.txt").is(200);
    // A program begins slowly under wine, and nobody else serves there meanwhile.
    let limit = Duration::from_secs(if program::is_windows() { 10 } else { 2 });
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

#[test]
fn crashed_child_is_told_and_replaced() {
    if one_process() {
        return;
    }
    let s = setup().start();
    let old = serving(&s);
    signal(old, "SEGV");
    s.logged("exit signal Segmentation fault (11)");
    assert_ne!(serving(&s), old);
}

#[test]
fn killed_children_again_and_again() {
    if one_process() {
        return;
    }
    let s = setup().start();
    for _ in 0..3 {
        kill(&s, serving(&s));
    }
    s.get("/a.txt").is(200);
    s.stop();
}

#[test]
fn max_connections_per_child() {
    if one_process() {
        return;
    }
    let s = setup()
        .conf(&pool(2, 4))
        .conf("MaxConnectionsPerChild 3")
        .start();
    let first = serving(&s);
    let changed = (0..60).any(|_| serving(&s) != first);
    assert!(changed, "child {first} goes on");
    // Another child may have taken a turn before the first had all of its own.
    let ended = || {
        s.get("/a.txt").is(200);
        !is_alive(first)
    };
    assert!(eventually(SOON, ended));
}

#[test]
fn max_connections_per_thread() {
    if !one_process() {
        return;
    }
    let name = match mpm().as_str() {
        "beos" => "MaxRequestsPerThread",
        _ => "MaxConnectionsPerChild",
    };
    let s = setup()
        .conf(&pool(2, 2))
        .conf(&format!("{name} 3\nCustomLog logs/threads %{{tid}}P"))
        .start();
    for _ in 0..20 {
        s.get("/a.txt").is(200);
    }
    let text = s.await_text("logs/threads", |t| t.lines().count() >= 20);
    let threads: BTreeSet<&str> = text.lines().collect();
    assert!(threads.len() >= 4, "{threads:?}");
}

#[test]
fn pool_of_threads_shrinks_again() {
    if fact("thread-count") != "variable" {
        return;
    }
    let directives = match mpm().as_str() {
        "beos" => "StartThreads 12\nMinSpareThreads 1\nMaxSpareThreads 9\nMaxClients 24",
        "mpm_netware" => "StartThreads 12\nMinSpareThreads 1\nMaxSpareThreads 9\nMaxThreads 24",
        _ => "StartServers 1\nMinSpareThreads 2\nMaxSpareThreads 3",
    };
    let s = setup().conf(directives).start();
    let mut clients: Vec<_> = (0..8).map(|_| s.client()).collect();
    for c in &mut clients {
        c.send("GET /cgi-bin/wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    s.get("/a.txt").is(200);
    let before = workers(&s);
    std::fs::write(s.root().join("go"), "").expect("a file");
    for c in &mut clients {
        c.response().is(200).body("went\n");
    }
    assert!(
        eventually(SOON, || workers(&s) + 3 <= before),
        "{before}, then {}",
        workers(&s)
    );
    s.get("/a.txt").is(200);
    s.stop();
}

#[test]
fn pool_grows_under_load() {
    let s = setup().conf(&pool(2, 8)).start();
    s.get("/a.txt").is(200);
    let before = workers(&s);
    let mut clients: Vec<_> = (0..6).map(|_| s.client()).collect();
    for c in &mut clients {
        c.send("GET /cgi-bin/wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    assert!(
        eventually(SOON, || workers(&s) >= before + 2),
        "{before}, then {}",
        workers(&s)
    );
    std::fs::write(s.root().join("go"), "").expect("a file");
    for c in &mut clients {
        c.response().is(200).body("went\n");
    }
}

#[test]
fn max_request_workers_is_told_and_kept() {
    // mpmt_os2 has no such limit.
    let limit = match mpm().as_str() {
        "mpmt_os2" => return,
        "beos" => "MaxClients",
        "mpm_netware" => "MaxThreads",
        _ => "MaxRequestWorkers",
    };
    let s = setup().conf(&pool(2, 2)).start();
    let mut clients: Vec<_> = (0..4).map(|_| s.client()).collect();
    for c in &mut clients {
        c.send("GET /cgi-bin/wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    s.logged(&format!("server reached {limit} setting"));
    std::fs::write(s.root().join("go"), "").expect("a file");
    for c in &mut clients {
        c.response().is(200).body("went\n");
    }
}

#[test]
fn limits_are_cut_with_a_warning() {
    let (conf, name) = match mpm().as_str() {
        "prefork" => ("ServerLimit 4\nMaxRequestWorkers 9", "MaxRequestWorkers"),
        "beos" => ("MaxClients 99", "MaxClients"),
        "mpm_netware" => ("MaxThreads 9999", "MaxThreads"),
        "mpmt_os2" => ("StartServers 99", "StartServers"),
        "mpm_winnt" => ("ThreadsPerChild 9999", "ThreadsPerChild"),
        _ => (
            "ServerLimit 2\nThreadsPerChild 4\nMaxRequestWorkers 99",
            "MaxRequestWorkers",
        ),
    };
    setup().conf(conf).check().exit(0).err(name);
}

#[test]
fn children_drop_to_the_account() {
    if !is_root() {
        return;
    }
    let s = setup().conf("CustomLog logs/threads %{tid}P").start();
    let child = serving(&s);
    let text = s.await_text("logs/threads", |t| t.contains('\n'));
    // In a server of one process it is the serving threads that do.
    let thread = match one_process() {
        true => text.lines().last().unwrap_or_default().to_string(),
        false => child.to_string(),
    };
    let status = std::fs::read_to_string(format!("/proc/{child}/task/{thread}/status"));
    let status = status.expect("the child");
    let line = |name: &str| {
        let found = status.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_string()
    };
    let of_root = |line: String| line.split_whitespace().any(|id| id == "0");
    for name in ["Uid:", "Gid:", "Groups:"] {
        assert!(!of_root(line(name)), "{}", line(name));
    }
}

#[test]
fn one_process_serves_by_itself() {
    let s = setup().arg("-X").start();
    assert_eq!(serving(&s), s.pid());
    s.stop();
}

#[test]
fn scoreboard_file_is_made() {
    ours_only!();
    let s = setup().conf("ScoreBoardFile @ROOT@/run/scoreboard").start();
    s.get("/a.txt").is(200);
    let len = std::fs::metadata(s.root().join("run/scoreboard")).map(|m| m.len());
    assert!(len.is_ok_and(|l| l > 0));
    s.stop();
}

/// A server that has detached: ended by its PidFile, whatever happens.
struct Daemon(Setup);

impl Daemon {
    fn command(&self, verb: &str) -> i32 {
        self.0.write();
        let root = self.0.root();
        let out = std::fs::File::create(root.join("logs/out")).expect("a file");
        let mut child = Command::new(program::path())
            .arg("-d")
            .arg(&root)
            .arg("-f")
            .arg(root.join("conf/httpd.conf"))
            .args(["-k", verb])
            .env("CONFORMANCE_ROOT", &root)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .expect("the program");
        let mut code = None;
        eventually(SOON, || {
            code = child.try_wait().ok().flatten();
            code.is_some()
        });
        code.and_then(|c| c.code()).unwrap_or_else(|| {
            let _ = child.kill();
            panic!("-k {verb} does not come back")
        })
    }

    fn pid(&self) -> u32 {
        let file = self.0.root().join("run/httpd.pid");
        let mut pid = 0;
        eventually(SOON, || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            pid = text.trim().parse().unwrap_or(0);
            pid != 0
        });
        pid
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let root = self.0.root();
        for name in ["TERM", "KILL"] {
            for pid in processes(&root) {
                signal(pid, name);
            }
            eventually(Duration::from_secs(3), || processes(&root).is_empty());
        }
    }
}

fn answers(port: u16) -> bool {
    eventually(SOON, || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}

#[test]
fn start_detaches_and_stop_ends() {
    let d = Daemon(setup());
    assert_eq!(d.command("start"), 0);
    assert!(answers(d.0.port(0)));
    let pid = d.pid();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    // Fields after the name: state, parent, group, session.
    assert_eq!(
        after.get(3),
        Some(&pid.to_string().as_str()),
        "a session of its own: {stat}"
    );
    assert_eq!(d.command("stop"), 0);
    let root = d.0.root();
    assert!(eventually(SOON, || processes(&root).is_empty()));
    assert!(!root.join("run/httpd.pid").exists());
}

/// The pipes that a process has open.
fn pipes(pid: u32) -> BTreeSet<String> {
    let list = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
    let names = list
        .flatten()
        .filter_map(|e| std::fs::read_link(e.path()).ok());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("pipe:")).collect()
}

#[test]
fn whoever_waits_for_the_start_waits_for_the_parent_alone() {
    if one_process() {
        return;
    }
    ours_only!();
    let d = Daemon(setup().conf(&pool(2, 8)));
    assert_eq!(d.command("start"), 0);
    let parent = d.pid();
    let is_child = |pid: &u32| parent_of(*pid) == Some(parent);
    let children: Vec<u32> = processes(&d.0.root())
        .into_iter()
        .filter(is_child)
        .collect();
    assert!(children.len() >= 2, "{children:?}");
    // What several children have and their parent has not, he gave up once the server was up.
    let (mut seen, kept) = (BTreeSet::new(), pipes(parent));
    for child in children {
        for pipe in pipes(child).difference(&kept) {
            assert!(seen.insert(pipe.clone()), "{pipe} is held by two children");
        }
    }
    assert_eq!(d.command("stop"), 0);
}

#[test]
fn restart_of_nothing_starts() {
    let d = Daemon(setup());
    assert_eq!(d.command("restart"), 0);
    assert!(answers(d.0.port(0)));
    let text = std::fs::read_to_string(d.0.root().join("logs/out")).unwrap_or_default();
    assert!(text.contains("not running, trying to start"), "{text}");
    assert_eq!(d.command("stop"), 0);
}

#[test]
fn graceful_of_nothing_starts() {
    let d = Daemon(setup());
    assert_eq!(d.command("graceful"), 0);
    assert!(answers(d.0.port(0)));
    assert_eq!(d.command("stop"), 0);
}

#[test]
fn two_servers_side_by_side() {
    let a = setup().start();
    let b = setup().start();
    a.get("/a.txt").is(200);
    b.get("/a.txt").is(200);
    a.stop();
    b.get("/a.txt").is(200);
    assert_ne!(free_port(), b.port(0));
    b.stop();
}

#[test]
fn open_port_is_refused_at_graceful_without_harm() {
    ours_only!();
    let mut s = setup().start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, s.port(1))).expect("the port");
    s.rewrite("Listen 127.0.0.1:@PORT2@");
    s.signal("USR1");
    s.logged("could not bind to address");
    s.get("/a.txt").is(200);
    drop(taken);
    s.stop();
}

#[test]
fn pid_file_is_relative_to_the_server_root() {
    let s = setup().conf("PidFile logs/own.pid").run(&["-S"]);
    let line = s.stdout.lines().find(|l| l.starts_with("PidFile: "));
    assert!(
        line.is_some_and(|l| l.ends_with("/logs/own.pid\"") && !l.contains("/run/")),
        "{s:#?}"
    );
}
