//! Which program is under test, and how it is run for its command line alone.
//!
//! `HTTPD` names it; without that it is the binary this package has just built. `HTTPD=apache2` is Debian's
//! server, which gets `LoadModule` lines for its shared modules; `HTTPD_MPM` chooses its MPM (event without it).

use super::http::PATIENCE;
use super::server::eventually;
use std::env;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The program to run: a path.
pub fn path() -> String {
    match env::var("HTTPD") {
        Ok(name) if name == "apache2" => "/usr/sbin/apache2".to_string(),
        Ok(name) if !name.is_empty() => name,
        _ => env!("CARGO_BIN_EXE_httpd").to_string(),
    }
}

/// Is the program Apache's own? Cases that only one of the two can pass ask this.
pub fn is_apache() -> bool {
    Path::new(&path())
        .file_name()
        .is_some_and(|n| n == "apache2")
}

/// The MPM that Apache is to load.
fn apache_mpm() -> String {
    env::var("HTTPD_MPM").unwrap_or_else(|_| "event".to_string())
}

/// Name of the MPM of the program under test, by which `mpm/<name>/facts` tells the rest.
pub fn mpm() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(find_mpm).clone()
}

fn find_mpm() -> String {
    if is_apache() {
        return apache_mpm();
    }
    let list = run(&["-l"]).stdout;
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("mpm"));
    let names = folders
        .expect("mpm/")
        .flatten()
        .map(|folder| folder.file_name().to_string_lossy().into_owned());
    let listed = |name: &String| {
        let file = fact_of(name, "file");
        !file.is_empty() && list.lines().any(|line| line.trim() == file)
    };
    let mut found = names.filter(listed);
    found
        .next()
        .unwrap_or_else(|| panic!("`-l` names no MPM: {list}"))
}

/// What `mpm/<name>/facts` says of the MPM under test; empty if nothing.
pub fn fact(key: &str) -> String {
    fact_of(&mpm(), key)
}

fn fact_of(mpm: &str, key: &str) -> String {
    let path = format!("{}/mpm/{mpm}/facts", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_string());
    text.lines().find_map(value).unwrap_or_default()
}

/// Does the process that is started serve by itself, without a parent?
pub fn one_process() -> bool {
    fact("one-process") == "yes"
}

/// Does the program run on Windows, or what takes itself for it? Then it has no signals, and is spoken with by `-k`.
pub fn is_windows() -> bool {
    fact("builds-on") == "windows"
}

/// Who runs shell scripts. HTTPD_SHELL names the program that does it for a server that is one of another system: sh.c beside this
/// file, made by `make check-windows`.
pub fn shell() -> String {
    std::env::var("HTTPD_SHELL").unwrap_or_else(|_| "/bin/sh".to_string())
}

/// Directives of the MPM under test for a pool that begins with `start` workers, keeps at least `spare` idle ones, and has at most
/// `most`; where workers are threads of several processes, each has `each`.
pub fn pool(start: u32, spare: u32, each: u32, most: u32) -> String {
    let threads =
        format!("StartThreads {start}\nMinSpareThreads {spare}\nMaxSpareThreads {most}\n");
    match mpm().as_str() {
        "prefork" => format!(
            "StartServers {start}\nMinSpareServers {spare}\nMaxSpareServers {}\nMaxRequestWorkers {most}\n",
            (3 * spare + 2).max(start)
        ),
        "mpm_winnt" => format!("ThreadsPerChild {most}\n"),
        "beos" => format!("{threads}MaxClients {most}\n"),
        "mpm_netware" => format!("{threads}MaxThreads {most}\n"),
        "mpmt_os2" => format!(
            "StartServers {}\nMinSpareThreads {spare}\nMaxSpareThreads {most}\n",
            start.div_ceil(each)
        ),
        _ => format!(
            "StartServers {}\nThreadsPerChild {each}\nMinSpareThreads {spare}\nMaxSpareThreads {most}\nMaxRequestWorkers {most}\n",
            start.div_ceil(each)
        ),
    }
}

/// Lines that only the MPM under test is to read, where a program with another one may take over.
pub fn only_here(lines: &str) -> String {
    let module = format!("mpm_{}_module", mpm().trim_start_matches("mpm_"));
    format!("<IfModule {module}>\n{lines}</IfModule>\n")
}

/// The lines every configuration begins with: nothing for our server, whose modules are static.
pub fn load_modules() -> String {
    if !is_apache() {
        return String::new();
    }
    let mpm = apache_mpm();
    let cgi = if mpm == "prefork" { "cgi" } else { "cgid" };
    let mut text = format!(
        "LoadModule mpm_{mpm}_module /usr/lib/apache2/modules/mod_mpm_{mpm}.so\n\
         LoadModule {cgi}_module /usr/lib/apache2/modules/mod_{cgi}.so\n"
    );
    if cgi == "cgid" {
        text += "ScriptSock \"@ROOT@/run/cgisock\"\n";
    }
    for name in [
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_host",
        "authz_groupfile",
        "authz_user",
        "access_compat",
        "auth_basic",
        "alias",
        "dir",
        "mime",
        "autoindex",
        "deflate",
        "filter",
        "env",
        "setenvif",
        "headers",
        "reqtimeout",
        "status",
    ] {
        text += &format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n");
    }
    text
}

/// What a run of the program that ends by itself left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Demands an exit code.
    pub fn exit(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "exit code of {self:#?}");
        self
    }

    /// Demands text on standard error.
    pub fn err(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "no {text:?} on stderr of {self:#?}"
        );
        self
    }

    /// Demands text on standard output.
    pub fn out(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text),
            "no {text:?} on stdout of {self:#?}"
        );
        self
    }

    /// Demands text on either of the two.
    pub fn err_or_out(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text) || self.stdout.contains(text),
            "no {text:?} in {self:#?}"
        );
        self
    }

    /// Demands a whole line of standard output.
    pub fn line(&self, text: &str) -> &Self {
        assert!(
            self.stdout.lines().any(|l| l == text),
            "no line {text:?} on stdout of {self:#?}"
        );
        self
    }

    /// Demands that standard output lacks a text.
    pub fn not_out(&self, text: &str) -> &Self {
        assert!(
            !self.stdout.contains(text),
            "{text:?} on stdout of {self:#?}"
        );
        self
    }

    /// Demands that standard error lacks a text.
    pub fn not_err(&self, text: &str) -> &Self {
        assert!(
            !self.stderr.contains(text),
            "{text:?} on stderr of {self:#?}"
        );
        self
    }
}

/// Runs the program with arguments and waits for its end.
pub fn run(args: &[&str]) -> Output {
    run_with(args, &[])
}

/// Runs the program with arguments and extra environment variables.
pub fn run_with(args: &[&str], env: &[(&str, &str)]) -> Output {
    let output = run_once(args, env);
    match lost_its_words(args, &output) {
        true => run_once(args, env),
        false => output,
    }
}

/// On a machine with much else to do wine gives one program of some thousand no standard output and no standard error. Ours is
/// never silent when it fails, nor without `-k` when it does not.
fn lost_its_words(args: &[&str], output: &Output) -> bool {
    let silent = output.stdout.is_empty() && output.stderr.is_empty();
    let by_wine = env::var_os("HTTPD_LAYERED").is_some();
    by_wine && silent && (output.code != 0 || !args.contains(&"-k"))
}

fn run_once(args: &[&str], env: &[(&str, &str)]) -> Output {
    // Files, not pipes: a process that outlives the program would keep a pipe open.
    let mut out = tempfile::tempfile().expect("a file for stdout");
    let mut err = tempfile::tempfile().expect("a file for stderr");
    let mut child = Command::new(path())
        .args(args)
        .envs(env.iter().copied())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("a file"))
        .stderr(err.try_clone().expect("a file"))
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", path()));
    let mut status = None;
    eventually(PATIENCE, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let output = Output {
        code: status.and_then(|s| s.code()).unwrap_or(-1),
        stdout: text(&mut out),
        stderr: text(&mut err),
    };
    assert!(status.is_some(), "does not end: {args:?} {output:#?}");
    output
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
