//! The C face: the public headers compile as C89 and as C++, each alone, and a C program that knows nothing but `scoreboard.h`
//! reads a running server's ScoreBoardFile and finds there what /server-status?auto tells.
//!
//! It needs a C compiler (`CC`, else cc) and a C++ compiler (`CXX`, else c++).

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The headers of include/, and the generated one where this build was configured.
fn headers() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join("include"))
        .expect("include/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "h"))
        .collect();
    let generated = option_env!("HTTPD_CONFIG").map(PathBuf::from);
    found.extend(generated.filter(|path| path.is_file() && !found.contains(path)));
    found.sort();
    assert!(
        found.iter().any(|path| path.ends_with("scoreboard.h")),
        "{found:?}"
    );
    found
}

/// Runs a compiler: the variable's, else the usual one.
fn compile(variable: &str, usual: &str, args: &[&str], source: &Path) {
    let compiler = std::env::var(variable).unwrap_or_else(|_| usual.to_string());
    let mut words = compiler.split_whitespace();
    let run = Command::new(words.next().unwrap_or(usual))
        .args(words)
        .args(args)
        .arg("-I")
        .arg(root().join("include"))
        .arg(source)
        .output()
        .unwrap_or_else(|error| panic!("{compiler} is needed for this test: {error}"));
    assert!(
        run.status.success(),
        "{}: {}",
        source.display(),
        String::from_utf8_lossy(&run.stderr)
    );
}

/// A source file that includes one header, twice, and nothing else.
fn includer(folder: &Path, header: &Path, end: &str) -> PathBuf {
    let name = header.file_stem().and_then(|n| n.to_str()).expect("a name");
    let source = folder.join(format!("{name}.{end}"));
    let line = format!("#include \"{}\"\n", header.display());
    let text = format!("{line}{line}int {name}_is_complete;\n");
    fs::write(&source, text).expect("written");
    source
}

#[test]
fn headers_are_c89() {
    let folder = tempfile::tempdir().expect("a folder");
    for header in headers() {
        let source = includer(folder.path(), &header, "c");
        compile(
            "CC",
            "cc",
            &[
                "-std=c89",
                "-pedantic",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
            ],
            &source,
        );
    }
}

#[test]
fn headers_are_cpp() {
    let folder = tempfile::tempdir().expect("a folder");
    for header in headers() {
        let source = includer(folder.path(), &header, "cc");
        for standard in ["-std=c++98", "-std=c++17"] {
            // C++98 has no long long, of which <stdint.h> itself is made on some systems.
            compile(
                "CXX",
                "c++",
                &[
                    standard,
                    "-pedantic",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                    "-Wno-long-long",
                    "-fsyntax-only",
                ],
                &source,
            );
        }
    }
}

/// A server with a ScoreBoardFile, ended by its number when dropped.
struct Server {
    folder: tempfile::TempDir,
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        // Children run as somebody else if this is root.
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
        for name in ["htdocs", "logs", "run"] {
            fs::create_dir(path.join(name)).expect("a folder");
        }
        fs::write(path.join("htdocs/a.txt"), "x".repeat(4096)).expect("a file");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port")
            .port();
        fs::write(path.join("httpd.conf"), configuration(path, port)).expect("httpd.conf");
        let child = Command::new(env!("CARGO_BIN_EXE_httpd"))
            .arg("-d")
            .arg(path)
            .arg("-f")
            .arg(path.join("httpd.conf"))
            .arg("-DFOREGROUND")
            .stdin(Stdio::null())
            .stderr(fs::File::create(path.join("logs/stderr")).expect("a file"))
            .spawn()
            .expect("the server");
        let mut server = Server {
            folder,
            child,
            port,
        };
        server.await_ready();
        server
    }

    fn await_ready(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || !self.board().exists() {
            let ended = self.child.try_wait().expect("a state");
            assert!(ended.is_none() && Instant::now() < end, "{}", self.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn errors(&self) -> String {
        let read =
            |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("logs/stderr") + &read("logs/error_log")
    }

    fn board(&self) -> PathBuf {
        self.folder.path().join("run/board")
    }

    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: board.test\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|state| state.is_some()) {
            return;
        }
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let end = Instant::now() + Duration::from_secs(15);
        while self.child.try_wait().is_ok_and(|state| state.is_none()) {
            if Instant::now() > end {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn configuration(root: &Path, port: u16) -> String {
    let root = root.display();
    // The identity line is for root alone; others cannot change theirs.
    let is_root = fs::metadata("/proc/self")
        .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    let identity = if is_root {
        "User #65534\nGroup #65534\n"
    } else {
        ""
    };
    let threads = "StartServers 2\nThreadsPerChild 5\nMinSpareThreads 5\nMaxSpareThreads 15\nMaxRequestWorkers 15\n";
    format!(
        "{identity}ServerName board.test\nListen 127.0.0.1:{port}\nPidFile {root}/run/httpd.pid\nDocumentRoot {root}/htdocs\n\
         ErrorLog {root}/logs/error_log\nScoreBoardFile {root}/run/board\nExtendedStatus On\n\
         <IfModule mod_mime.c>\nTypesConfig /dev/null\n</IfModule>\n\
         <IfModule mpm_prefork_module>\nStartServers 3\nMinSpareServers 3\nMaxSpareServers 5\n</IfModule>\n\
         <IfModule mpm_worker_module>\n{threads}</IfModule>\n<IfModule mpm_event_module>\n{threads}</IfModule>\n\
         <Location /server-status>\nSetHandler server-status\n</Location>\n"
    )
}

/// The C program, compiled.
fn readboard(folder: &Path) -> PathBuf {
    let program = folder.join("readboard");
    let out = program.to_str().expect("UTF-8");
    compile(
        "CC",
        "cc",
        &[
            "-std=c89",
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            out,
        ],
        &root().join("tests/c/readboard.c"),
    );
    program
}

/// `key: value` lines; of those with one key, the last.
fn values(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs
        .map(|(key, value)| (key.to_string(), value.trim_end().to_string()))
        .collect()
}

/// What the C program says.
fn view(program: &Path, server: &Server) -> (HashMap<String, String>, String) {
    let run = Command::new(program)
        .arg(server.board())
        .output()
        .expect("readboard runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    (values(&text), text)
}

/// Where the two differ, now. The page counts the request for itself as a busy worker, and not yet as an access.
fn difference(
    c: &HashMap<String, String>,
    auto: &HashMap<String, String>,
    board: &str,
) -> Option<String> {
    let number =
        |map: &HashMap<String, String>, key: &str| map.get(key).and_then(|v| v.parse::<u64>().ok());
    let all = |key: &str| number(auto, key).unwrap_or(u64::MAX / 4);
    let expected = [
        ("state", 1),
        ("generation", all("ParentServerMPMGeneration")),
        ("total_accesses", all("Total Accesses") + 1),
        ("accesses_of_workers", all("Total Accesses") + 1),
        ("idle_workers", all("IdleWorkers") + all("BusyWorkers")),
        ("busy_workers", 0),
    ];
    for (key, value) in expected {
        if number(c, key) != Some(value) {
            return Some(format!("{key} is {:?} and not {value}", c.get(key)));
        }
    }
    let letters = auto
        .get("Scoreboard")
        .map_or(0, |letters| letters.bytes().filter(|b| *b != b'.').count());
    let workers: usize = board
        .lines()
        .filter_map(|l| l.strip_prefix("process: "))
        .filter_map(|l| l.split(' ').nth(2))
        .map(|letters| letters.bytes().filter(|b| *b != b'.').count())
        .sum();
    if letters != workers {
        return Some(format!(
            "{workers} workers in the file, {letters} on the page"
        ));
    }
    if c.get("mpm") != auto.get("ServerMPM") {
        return Some("the MPMs differ".into());
    }
    None
}

#[test]
fn a_c_program_reads_what_server_status_tells() {
    let server = Server::start();
    let program = readboard(server.folder.path());
    for _ in 0..20 {
        server.get("/a.txt");
    }
    // The file is written about once a second, and workers come and go: the two are compared until they meet.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let auto = values(&server.get("/server-status?auto"));
        let mut found = String::new();
        let round = Instant::now() + Duration::from_millis(2500);
        while Instant::now() < round {
            let (c, text) = view(&program, &server);
            match difference(&c, &auto, &text) {
                None => return agreed(&server, &c, &text),
                Some(what) => found = format!("{what}\n{text}\n{auto:#?}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(Instant::now() < end, "{found}\n{}", server.errors());
    }
}

/// What need not be compared with the page.
fn agreed(server: &Server, c: &HashMap<String, String>, text: &str) {
    let total: u64 = c["total_kbytes"].parse().expect("a number");
    assert!(total >= 80, "20 times 4 KiB were sent\n{text}");
    assert_eq!(c["parent_pid"], server.child.id().to_string());
    assert!(c["server"].starts_with("httpd/"), "{text}");
    let shown =
        |line: &str| line.starts_with("request: 127.0.0.1|board.test") && line.contains("GET /");
    assert!(text.lines().any(shown), "{text}");
}

#[test]
fn a_file_that_is_no_scoreboard_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = readboard(folder.path());
    let file = folder.path().join("no-board");
    fs::write(&file, vec![b'x'; 4096]).expect("written");
    let code = |name: &Path| {
        Command::new(&program)
            .arg(name)
            .output()
            .expect("readboard runs")
            .status
            .code()
    };
    assert_eq!(code(&file), Some(2));
    assert_eq!(code(&folder.path().join("none")), Some(1));
}
