//! Servers in temporary folders: configuration, start, readiness, signals, and an end that leaves nothing behind.

use super::http::{Client, Response, PATIENCE};
use super::program::{self, Output};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Asks until the answer is yes or the time is over; tells which.
pub fn eventually(limit: Duration, mut ask: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if ask() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Do the tests run as root?
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// A port nobody listens on, below the range the kernel gives to outgoing connections. Each test process starts
/// at another place of the range, and no port is given twice by one.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(613) % 20_000;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(step < 20_000, "no free port");
        let port = 10_000 + ((start + step) % 20_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Account for the children when the tests run as root.
fn account() -> (&'static str, &'static str) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    let has = |text: &str, name: &str| text.lines().any(|l| l.starts_with(&format!("{name}:")));
    if has(&passwd, "www-data") {
        ("www-data", "www-data")
    } else if has(&group, "nogroup") {
        ("nobody", "nogroup")
    } else {
        ("nobody", "nobody")
    }
}

/// A server to be: files, links and configuration. `@ROOT@` in a configuration or file is the folder, `@PORT@` to
/// `@PORT3@` are ports (the first is listened on), `@USER@` the children's account.
pub struct Setup {
    dir: TempDir,
    conf: String,
    base: bool,
    args: Vec<String>,
    env: Vec<(String, String)>,
    ports: [u16; 3],
}

impl Setup {
    /// A folder with an empty document root and the base configuration.
    pub fn new() -> Setup {
        let dir = tempfile::Builder::new()
            .prefix("conformance-")
            .tempdir()
            .expect("a temporary folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        for name in ["conf", "logs", "run", "htdocs", "cgi-bin"] {
            fs::create_dir(dir.path().join(name)).expect("a folder");
        }
        let setup = Setup {
            dir,
            conf: String::new(),
            base: true,
            args: Vec::new(),
            env: Vec::new(),
            ports: [free_port(), free_port(), free_port()],
        };
        setup.file(
            "conf/mime.types",
            "text/html html htm\ntext/plain txt\ntext/css css\napplication/json json\nimage/png png\n\
             application/x-gzip tgz\n# a comment\napplication/octet-stream\n",
        )
    }

    /// The folder.
    pub fn root(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    /// The nth port, from 0.
    pub fn port(&self, n: usize) -> u16 {
        self.ports[n]
    }

    /// Puts folder, ports and account in a text.
    pub fn fill(&self, text: &str) -> String {
        text.replace("@ROOT@", &self.dir.path().to_string_lossy())
            .replace("@PORT@", &self.ports[0].to_string())
            .replace("@PORT2@", &self.ports[1].to_string())
            .replace("@PORT3@", &self.ports[2].to_string())
            .replace("@USER@", account().0)
            .replace("@GROUP@", account().1)
    }

    /// Writes a file below the folder.
    pub fn file(self, name: &str, text: &str) -> Setup {
        let text = self.fill(text);
        self.bytes(name, text.as_bytes())
    }

    /// Writes a file of bytes.
    pub fn bytes(self, name: &str, bytes: &[u8]) -> Setup {
        let path = self.dir.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a folder");
        }
        fs::write(&path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// Makes a file of zeros that takes no room.
    pub fn zeros(self, name: &str, size: usize) -> Setup {
        let path = self.dir.path().join(name);
        let file = fs::File::create(&path);
        file.and_then(|f| f.set_len(size as u64))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// Sets a file's modification time, in seconds since 1970.
    pub fn dated(self, name: &str, seconds: u64) -> Setup {
        let path = self.dir.path().join(name);
        let file = fs::File::options().write(true).open(&path);
        file.and_then(|f| f.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// Makes a folder.
    pub fn folder(self, name: &str) -> Setup {
        fs::create_dir_all(self.dir.path().join(name)).expect("a folder");
        self
    }

    /// Writes an executable shell script.
    pub fn script(self, name: &str, text: &str) -> Setup {
        let path = self.dir.path().join(name);
        let setup = self.file(name, &format!("#!{}\n{text}", program::shell()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        setup
    }

    /// Makes a symbolic link; the target is taken as written.
    pub fn link(self, name: &str, target: &str) -> Setup {
        let target = self.fill(target);
        symlink(target, self.dir.path().join(name)).expect("a link");
        self
    }

    /// Adds to the configuration.
    pub fn conf(mut self, text: &str) -> Setup {
        self.conf += text;
        self.conf.push('\n');
        self
    }

    /// Leaves out all but the modules of the base configuration.
    pub fn bare(mut self) -> Setup {
        self.base = false;
        self
    }

    /// Adds a command line argument.
    pub fn arg(mut self, arg: &str) -> Setup {
        let arg = self.fill(arg);
        self.args.push(arg);
        self
    }

    /// Sets a variable of the server's environment.
    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.env.push((name.to_string(), value.to_string()));
        self
    }

    fn base(&self) -> String {
        let mut text = program::load_modules();
        if self.base {
            let pool = program::pool(4, 2, 12, 24);
            text += &BASE.replace("@POOL@", &program::only_here(&pool));
            if is_root() && !program::is_windows() {
                text += "User @USER@\nGroup @GROUP@\n";
            }
        }
        text + "Include @ROOT@/conf/test.conf\n"
    }

    /// Writes `conf/httpd.conf` (the base) and `conf/test.conf` (the case's lines, so that line numbers are theirs).
    pub fn write(&self) {
        let conf = self.dir.path().join("conf");
        fs::write(conf.join("httpd.conf"), self.fill(&self.base())).expect("httpd.conf");
        fs::write(conf.join("test.conf"), self.fill(&self.conf)).expect("test.conf");
    }

    /// Runs the program on this configuration with arguments, to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.write();
        let root = self.dir.path().to_string_lossy().into_owned();
        let file = format!("{root}/conf/httpd.conf");
        let mut all = vec!["-d", &root, "-f", &file];
        all.extend(self.args.iter().map(String::as_str));
        let args: Vec<String> = args.iter().map(|a| self.fill(a)).collect();
        all.extend(args.iter().map(String::as_str));
        let mut env: Vec<(&str, &str)> = self
            .env
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        env.push(("CONFORMANCE_ROOT", &root));
        program::run_with(&all, &env)
    }

    /// Ends whatever a start that failed has left running.
    pub fn sweep(&self) {
        let root = self.root();
        eventually(Duration::from_secs(2), || processes(&root).is_empty());
        for pid in processes(&root) {
            signal(pid, "KILL");
        }
    }

    /// Checks the configuration (`-t`).
    pub fn check(&self) -> Output {
        self.run(&["-t"])
    }

    /// Starts the server and waits until it takes connections. A port taken by somebody else since is exchanged.
    pub fn start(mut self) -> Server {
        for _ in 0..5 {
            self.write();
            let mut child = self.spawn();
            if self.ready(&mut child) {
                return Server::new(self, child);
            }
            let log = self.log();
            let _ = child.kill();
            let _ = child.wait();
            if !log.contains("ddress already in use") {
                panic!("the server does not start:\n{log}");
            }
            self.ports = [free_port(), free_port(), free_port()];
        }
        panic!("no free port");
    }

    fn spawn(&self) -> Child {
        let root = self.dir.path();
        let errors = fs::File::create(root.join("logs/stderr")).expect("a file for stderr");
        Command::new(program::path())
            .arg("-d")
            .arg(root)
            .arg("-f")
            .arg(root.join("conf/httpd.conf"))
            .args(&self.args)
            .arg("-DFOREGROUND")
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .env("CONFORMANCE_ROOT", root)
            // A parent may signal its whole process group: it must not be ours.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program::path()))
    }

    fn ready(&self, child: &mut Child) -> bool {
        let pid = self.dir.path().join("run/httpd.pid");
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[0]));
        eventually(PATIENCE, || {
            !matches!(child.try_wait(), Ok(None))
                || (pid.exists() && TcpStream::connect(addr).is_ok())
        }) && matches!(child.try_wait(), Ok(None))
    }

    fn log(&self) -> String {
        let read = |n: &str| fs::read_to_string(self.dir.path().join(n)).unwrap_or_default();
        read("logs/stderr") + &read("logs/error_log")
    }
}

/// The lines all servers of the suite share: light pools, one port, an open document root.
const BASE: &str = r#"ServerRoot "@ROOT@"
DefaultRuntimeDir run
PidFile run/httpd.pid
Listen 127.0.0.1:@PORT@
ServerName www.example.test
DocumentRoot "@ROOT@/htdocs"
ErrorLog logs/error_log
TypesConfig conf/mime.types
@POOL@<Directory />
    AllowOverride None
</Directory>
"#;

/// A running server.
pub struct Server {
    setup: Setup,
    child: Option<Child>,
    /// The parent that has taken over from the one that was started.
    successor: Option<u32>,
    watch: Child,
}

impl Server {
    fn new(setup: Setup, child: Child) -> Server {
        Server {
            watch: watch(&setup, child.id()),
            setup,
            child: Some(child),
            successor: None,
        }
    }

    /// The folder.
    pub fn root(&self) -> PathBuf {
        self.setup.root()
    }

    /// The nth port, from 0.
    pub fn port(&self, n: usize) -> u16 {
        self.setup.port(n)
    }

    /// Puts folder and ports in a text.
    pub fn fill(&self, text: &str) -> String {
        self.setup.fill(text)
    }

    /// Process id of the server's parent process.
    pub fn pid(&self) -> u32 {
        let started = self.child.as_ref().map_or(0, Child::id);
        self.successor.unwrap_or(started)
    }

    /// Reads a file below the folder; empty when it is not there.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.root().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until a file's text satisfies a question, and gives the text.
    pub fn await_text(&self, name: &str, ask: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        let good = eventually(PATIENCE, || {
            text = self.read(name);
            ask(&text)
        });
        assert!(
            good,
            "{name} does not come to what it should: {text}\n--- error log\n{}",
            self.setup.log()
        );
        text
    }

    /// Waits for a text in the error log.
    pub fn logged(&self, part: &str) -> String {
        self.await_text("logs/error_log", |t| t.contains(part))
    }

    /// Opens a connection to the first port.
    pub fn client(&self) -> Client {
        self.client_on(IpAddr::from(Ipv4Addr::LOCALHOST), 0)
    }

    /// Opens a connection to an address and the nth port.
    pub fn client_on(&self, ip: IpAddr, n: usize) -> Client {
        Client::connect(
            SocketAddr::from((ip, self.setup.ports[n])),
            &self.root().join("logs/error_log"),
        )
    }

    /// Asks for a path on a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[])
    }

    /// Asks with more header lines.
    pub fn get_with(&self, path: &str, headers: &[&str]) -> Response {
        self.ask("GET", path, headers)
    }

    /// HEAD.
    pub fn head(&self, path: &str) -> Response {
        self.ask("HEAD", path, &[])
    }

    /// Any method without a body. A Host among the lines takes the place of the usual one.
    pub fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Response {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|h| h.starts_with("Host:")) {
            text += "Host: www.example.test\r\n";
        }
        for line in headers {
            text += line;
            text += "\r\n";
        }
        text += "Connection: close\r\n\r\n";
        let mut client = self.client();
        client.send(text);
        if method == "HEAD" {
            client.head_response()
        } else {
            client.response()
        }
    }

    /// POST with a body of known length.
    pub fn post(&self, path: &str, headers: &[&str], body: &str) -> Response {
        let mut text = format!(
            "POST {path} HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for line in headers {
            text += line;
            text += "\r\n";
        }
        text += "\r\n";
        text += body;
        self.raw(text)
    }

    /// Sends bytes as they are and reads one response.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Response {
        self.client().send(bytes).response()
    }

    /// Sends a signal to the parent; on Windows, the word that stands for it.
    pub fn signal(&self, name: &str) {
        if !program::is_windows() {
            return signal(self.pid(), name);
        }
        let word = match name {
            "TERM" | "INT" => "stop",
            "HUP" | "USR1" => "restart",
            _ => panic!("Windows has nothing like the signal {name}"),
        };
        self.command(&["-k", word]);
    }

    /// Kills the processes that serve, which are all but the first.
    pub fn kill_serving(&self) {
        let others = processes(&self.root());
        let others = others.into_iter().filter(|pid| *pid != self.pid());
        others.for_each(|pid| signal(pid, "KILL"));
    }

    /// Has the parent ended?
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()
            .and_then(|c| c.try_wait().ok().flatten())
    }

    /// Waits for the parent's end.
    pub fn await_end(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        eventually(limit, || {
            status = self.ended();
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("the server goes on:\n{}", self.setup.log()))
    }

    /// Writes the configuration anew, with other lines of the case.
    pub fn rewrite(&mut self, conf: &str) {
        self.setup.conf = conf.to_string();
        self.setup.conf.push('\n');
        self.setup.write();
    }

    /// Runs the program on this server's configuration (`-k restart` and others).
    pub fn command(&self, args: &[&str]) -> Output {
        self.setup.run(args)
    }

    /// Has another program take over (`-k upgrade`; an empty name: the program under test), and follows it if it does.
    pub fn upgrade(&mut self, program: &str) -> Output {
        let words = ["-k", "upgrade", program];
        let out = self.command(&words[..if program.is_empty() { 2 } else { 3 }]);
        if out.code == 0 {
            let pid = self.read("run/httpd.pid").trim().parse().expect("a pid");
            self.successor = Some(pid);
            dismiss(&mut self.watch);
            self.watch = watch(&self.setup, pid);
        }
        out
    }

    /// Has the parent ended, whosever child it is?
    fn is_over(&mut self) -> bool {
        match self.successor {
            Some(pid) => !is_alive(pid),
            None => self.ended().is_some(),
        }
    }

    /// Children of the parent that serve: those that have its command line.
    pub fn children(&self) -> Vec<u32> {
        let parent = self.pid();
        processes(&self.root())
            .into_iter()
            .filter(|&pid| parent_of(pid) == Some(parent))
            .collect()
    }

    /// Stops by SIGTERM and demands that the parent ends and leaves no process behind.
    pub fn stop(mut self) {
        self.end(true);
    }

    fn end(&mut self, gently: bool) {
        if self.child.is_none() {
            return;
        }
        if !self.is_over() {
            match gently || !program::is_windows() {
                true => self.signal("TERM"),
                // A word to it takes a program more, which takes its time under wine. The child ends with its parent.
                false => signal(self.pid(), "KILL"),
            }
            if !eventually(Duration::from_secs(15), || self.is_over()) {
                signal(self.pid(), "KILL");
            }
        }
        if let Some(mut child) = self.child.take() {
            if self.successor.is_some() {
                // It may still be finishing what it had.
                signal(child.id(), "TERM");
            }
            let _ = child.wait();
        }
        let root = self.root();
        let alone = eventually(Duration::from_secs(5), || processes(&root).is_empty());
        for pid in processes(&root) {
            signal(pid, "KILL");
        }
        if !alone && !std::thread::panicking() {
            panic!("processes left behind:\n{}", self.setup.log());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(false);
        dismiss(&mut self.watch);
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}", self.setup.log());
        }
    }
}

/// A shell that stops a server and removes its folder when the test process is gone.
fn watch(setup: &Setup, pid: u32) -> Child {
    // Reads a line: "done" when the server was stopped in order, nothing when the test process is gone.
    let script = "read -r word; [ \"$word\" = done ] && exit 0; kill -TERM \"$1\"; i=0; \
                  while kill -0 \"$1\" 2>/dev/null && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done; \
                  kill -KILL \"$1\" 2>/dev/null; rm -rf \"$2\"";
    Command::new("sh")
        .args(["-c", script, "watch", &pid.to_string()])
        .arg(setup.dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh")
}

/// Tells such a shell that it is not needed any more.
fn dismiss(watch: &mut Child) {
    if let Some(mut pipe) = watch.stdin.take() {
        use std::io::Write;
        let _ = pipe.write_all(b"done\n");
    }
    let _ = watch.wait();
}

/// Is there a process of this number that is not just waited for?
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Sends a signal by name.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .stderr(Stdio::null())
        .status();
}

/// Processes whose command line or first environment names the folder; zombies have neither.
pub fn processes(root: &Path) -> Vec<u32> {
    let root = root.to_string_lossy().into_owned();
    let names = |file: PathBuf| {
        fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&root))
    };
    let Ok(list) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    list.flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let proc = PathBuf::from(format!("/proc/{pid}"));
            let is_watch = fs::read(proc.join("cmdline"))
                .is_ok_and(|c| String::from_utf8_lossy(&c).contains("read -r word"));
            !is_watch && (names(proc.join("cmdline")) || names(proc.join("environ")))
        })
        .collect()
}

/// Parent of a process.
pub fn parent_of(pid: u32) -> Option<u32> {
    stat_of(pid, 1).and_then(|number| number.try_into().ok())
}

/// When a process was made, in ticks of the host.
pub fn born(pid: u32) -> Option<u64> {
    stat_of(pid, 19)
}

/// The nth number that the host tells of a process, behind its name.
fn stat_of(pid: u32, nth: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.rsplit_once(") ")?.1;
    after.split(' ').nth(nth)?.parse().ok()
}
