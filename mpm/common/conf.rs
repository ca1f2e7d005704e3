//! The directives that several MPMs have, and the record they leave in the main server.

use bstr::BStr;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(unix)]
use super::drain::Bounds;
use super::limits::{Fitted, Wanted};
use super::Mpm;
use crate::config::directive::{parse_interval, Arity, Cmd, Directive, Scope, Setter};
use crate::config::value::Conf;
use crate::listen::{ListenSpec, MULTIPLE};
use crate::server::Generation;

/// UpgradeTimeout where nothing is said.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(60);

/// What the configuration says about processes, threads and sockets. `None`: nothing, the MPM's default holds.
#[derive(Clone, Debug, Default)]
pub struct MpmConf {
    /// ServerLimit.
    pub server_limit: Option<i64>,
    /// ThreadLimit.
    pub thread_limit: Option<i64>,
    /// ThreadsPerChild.
    pub threads_per_child: Option<i64>,
    /// MaxRequestWorkers.
    pub max_request_workers: Option<i64>,
    /// MaxRequestWorkers is `auto`: the number above, and ServerLimit and ThreadLimit if they are not given, are computed.
    pub auto: bool,
    /// What was computed and why, for the log.
    pub chosen: Option<String>,
    /// StartServers.
    pub start_servers: Option<i64>,
    /// MinSpareServers or MinSpareThreads.
    pub min_spare: Option<i64>,
    /// MaxSpareServers or MaxSpareThreads.
    pub max_spare: Option<i64>,
    /// MaxConnectionsPerChild; 0: for ever.
    pub max_connections_per_child: u64,
    /// PidFile, absolute.
    pub pid_file: Option<PathBuf>,
    /// ScoreBoardFile, absolute.
    pub score_board_file: Option<PathBuf>,
    /// ServerStatusSocket; `None`: beside the PidFile.
    pub status_socket: Option<StatusPlace>,
    /// CoreDumpDirectory.
    pub core_dump_directory: Option<PathBuf>,
    /// ChildSandbox.
    pub child_sandbox: Option<Sandbox>,
    /// CrashQuarantine.
    pub crash_quarantine: Rule,
    /// EnableExceptionHook.
    pub exception_hook: bool,
    /// GracefulShutdownTimeout; `None` waits for ever.
    pub graceful_shutdown_timeout: Option<Duration>,
    /// UpgradeTimeout.
    pub upgrade_timeout: Option<Duration>,
    /// GracefulDrainTimeout; 0 waits for ever.
    pub graceful_drain_timeout: Option<Duration>,
    /// MaxDrainingWorkers; 0: no bound.
    pub max_draining_workers: Option<u32>,
    /// ListenBacklog.
    pub listen_backlog: Option<u32>,
    /// ListenCoresBucketsRatio; 0: off.
    pub cores_per_bucket: u32,
    /// ListenTCPDeferAccept, in seconds.
    pub defer_accept: Option<u32>,
    /// SendBufferSize and ReceiveBufferSize in bytes; 0: the system's.
    pub send_buffer: u32,
    /// See `send_buffer`.
    pub receive_buffer: u32,
    /// ThreadStackSize in bytes; 0: the system's.
    pub thread_stack_size: usize,
    /// AsyncRequestWorkerFactor.
    pub async_factor: Option<f64>,
}

impl Conf for MpmConf {
    /// All of it belongs to the main server, so nothing is ever on top of it.
    fn merge(&self, _over: &Self) -> Self {
        self.clone()
    }
}

/// ServerStatusSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusPlace {
    /// Nowhere.
    Off,
    /// The absolute path of a Unix socket.
    Path(PathBuf),
    /// A loopback address.
    Address(SocketAddr),
}

impl fmt::Display for StatusPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusPlace::Off => f.write_str("off"),
            StatusPlace::Path(path) => path.display().fmt(f),
            StatusPlace::Address(address) => address.fmt(f),
        }
    }
}

/// ChildSandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// As Apache has it.
    Off,
    /// No new rights, and no system calls that nobody who serves needs.
    #[default]
    On,
    /// And no files that the configuration does not name.
    Strict,
}

/// CrashQuarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// So many crashes; 0: never.
    pub crashes: u32,
    /// Within this time.
    pub within: Duration,
    /// Hold a URL back for so long.
    pub hold: Duration,
}

impl Rule {
    /// `on`.
    pub const USUAL: Rule = Rule {
        crashes: 3,
        within: Duration::from_secs(60),
        hold: Duration::from_secs(300),
    };

    /// `off`.
    pub const OFF: Rule = Rule {
        crashes: 0,
        ..Rule::USUAL
    };
}

impl Default for Rule {
    fn default() -> Rule {
        Rule::USUAL
    }
}

/// The record in a generation's main server.
pub fn of(generation: &Generation) -> &MpmConf {
    static NONE: std::sync::LazyLock<MpmConf> = std::sync::LazyLock::new(MpmConf::default);
    generation.main_server().conf.get().unwrap_or(&NONE)
}

/// The limits of a generation; the warnings were given when it was read.
pub fn fit(mpm: &Mpm, generation: &Generation) -> Fitted {
    let buckets = generation.listeners.iter().map(|l| l.bucket() + 1).max();
    let wanted = of(generation).wanted(&mpm.defaults, buckets.unwrap_or(1) as u32);
    (mpm.fit)(&wanted, &mpm.ceilings, false).0
}

impl MpmConf {
    /// What is asked for, with the MPM's defaults where nothing is.
    pub fn wanted(&self, defaults: &Wanted, buckets: u32) -> Wanted {
        Wanted {
            server_limit: self.server_limit.unwrap_or(defaults.server_limit),
            thread_limit: self.thread_limit.unwrap_or(defaults.thread_limit),
            threads_per_child: self.threads_per_child.unwrap_or(defaults.threads_per_child),
            max_request_workers: self
                .max_request_workers
                .unwrap_or(defaults.max_request_workers),
            start_servers: self.start_servers.unwrap_or(defaults.start_servers),
            min_spare: self.min_spare.unwrap_or(defaults.min_spare),
            max_spare: self.max_spare.unwrap_or(defaults.max_spare),
            buckets,
        }
    }

    /// How long a new program may take until it serves, when one is to take over.
    pub fn upgrade_timeout(&self) -> Duration {
        self.upgrade_timeout.unwrap_or(UPGRADE_TIMEOUT)
    }

    /// Whether serving processes give up rights that programs started from them would then lack. On Windows they have no others.
    pub fn gives_up_rights(&self) -> bool {
        cfg!(unix) && self.child_sandbox.unwrap_or_default() != Sandbox::Off
    }

    /// How long and how many connections of earlier generations may go on, for a pool of `max_workers`.
    #[cfg(unix)]
    pub fn drain_bounds(&self, max_workers: u32) -> Bounds {
        Bounds::new(
            self.graceful_drain_timeout,
            self.max_draining_workers,
            max_workers,
        )
    }

    /// Where the PidFile is: what `PidFile` says below ServerRoot, else the compiled name in the runtime folder.
    pub fn pid_path(&self, generation: &Generation) -> PathBuf {
        let usual = Path::new(env!("HTTPD_DEFAULT_PIDLOG")).file_name();
        let folder = generation.globals.runtime_folder();
        let usual = || folder.join(usual.unwrap_or_default());
        self.pid_file.clone().unwrap_or_else(usual)
    }

    /// Where the status is told: what `ServerStatusSocket` says, else beside the PidFile, `httpd.status` for `httpd.pid`.
    pub fn status_place(&self, generation: &Generation) -> StatusPlace {
        let usual = || StatusPlace::Path(self.pid_path(generation).with_extension("status"));
        self.status_socket.clone().unwrap_or_else(usual)
    }
}

/// A table of directives: the rows that the name of this macro stands for, then the MPM's own.
#[cfg(uses = "servers")]
macro_rules! directives {
    ($($own:expr),* $(,)?) => {{
        use $crate::mpm::common::conf::row;
        &[
            row("Listen"),
            row("ListenBacklog"),
            row("ListenCoresBucketsRatio"),
            row("ListenTCPDeferAccept"),
            row("SendBufferSize"),
            row("ReceiveBufferSize"),
            row("PidFile"),
            row("ServerStatusSocket"),
            row("ScoreBoardFile"),
            row("CoreDumpDirectory"),
            row("ChildSandbox"),
            row("CrashQuarantine"),
            row("EnableExceptionHook"),
            row("GracefulShutdownTimeout"),
            row("UpgradeTimeout"),
            row("GracefulDrainTimeout"),
            row("MaxDrainingWorkers"),
            row("MaxConnectionsPerChild"),
            row("MaxRequestsPerChild"),
            row("MaxRequestWorkers"),
            row("MaxClients"),
            row("ServerLimit"),
            row("StartServers"),
            row("MaxMemFree"),
            row("ThreadStackSize"),
            $($own),*
        ]
    }};
}
#[cfg(uses = "servers")]
pub(in crate::mpm) use directives;

/// The same for MPMs whose children have threads.
#[cfg(uses = "crew")]
macro_rules! thread_directives {
    ($($own:expr),* $(,)?) => {
        $crate::mpm::common::conf::directives![
            row("ThreadLimit"),
            row("ThreadsPerChild"),
            row("MinSpareThreads"),
            row("MaxSpareThreads"),
            $($own),*
        ]
    };
}
#[cfg(uses = "crew")]
pub(in crate::mpm) use thread_directives;

/// A row of the main server's that takes one argument.
pub const fn one(name: &'static str, set: Setter, help: &'static str) -> Directive {
    Directive::new(name, Scope::SERVER, Arity::Take1, set, help)
}

/// The row of that name, for an MPM's table. A name that no row has does not compile.
pub const fn row(name: &str) -> Directive {
    let mut at = 0;
    while !same(ROWS[at].name, name) {
        at += 1;
    }
    let row = &ROWS[at];
    Directive::new(row.name, row.scope, row.arity, row.set, row.help)
}

/// `==`, which cannot be had at compile time.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// What more than one MPM has in its table.
#[rustfmt::skip] // one line each
const ROWS: &[Directive] = &[
    Directive::new("Listen", Scope::SERVER, Arity::Argv, listen, "An address and port to take connections on, and the protocol if it is not the usual one"),
    one("ListenBacklog", listen_backlog, "How many connections may wait to be accepted"),
    one("ListenCoresBucketsRatio", buckets, "Processor cores for each group of listening sockets; 0 keeps one group"),
    one("ListenTCPDeferAccept", defer_accept, "Seconds that the kernel waits for the first bytes before it hands a connection over"),
    one("SendBufferSize", send_buffer, "The kernel's send buffer in bytes; 0 is the system's default"),
    one("ReceiveBufferSize", receive_buffer, "The kernel's receive buffer in bytes; 0 is the system's default"),
    one("PidFile", pid_file, "The file that holds the number of the process that was started"),
    one("ServerStatusSocket", status_socket, "Where the server tells its status when all workers are held: the path of a Unix socket, a loopback address with a port, or off"),
    one("ScoreBoardFile", score_board_file, "A file in which other programs can read what the server is doing"),
    one("CoreDumpDirectory", core_dump_directory, "The folder a crashing process goes to before it dumps core"),
    one("ChildSandbox", child_sandbox, "What serving processes give up: on (rights and system calls that no server needs), strict (files, too, that the configuration does not name), or off"),
    Directive::new("CrashQuarantine", Scope::SERVER, Arity::Argv, crash_quarantine, "A URL that crashed so many children within so many seconds is answered with 503 for so many seconds: on (3 60 300), off, or the three numbers"),
    Directive::new("EnableExceptionHook", Scope::SERVER, Arity::Flag, exception_hook, "Whether modules are told of a crash before the process ends"),
    one("GracefulShutdownTimeout", graceful_shutdown_timeout, "Seconds that a graceful stop waits for connections; 0 waits for ever"),
    one("UpgradeTimeout", upgrade_timeout, "Seconds that a new program has, in an upgrade, until it serves"),
    one("GracefulDrainTimeout", graceful_drain_timeout, "How long connections of before a graceful restart may go on; 0 is for ever"),
    one("MaxDrainingWorkers", max_draining_workers, "The most workers that may still finish such connections; 0 is without limit"),
    one("MaxConnectionsPerChild", max_connections_per_child, "Connections after which a child is replaced; 0 is without limit"),
    one("MaxRequestsPerChild", max_requests_per_child, "The old name of MaxConnectionsPerChild"),
    one("MaxRequestWorkers", max_request_workers, "The most requests that are worked on at once; auto is what the system has room for"),
    one("MaxClients", max_clients, "The old name of MaxRequestWorkers"),
    one("ServerLimit", server_limit, "The most processes that MaxRequestWorkers may ask for"),
    one("StartServers", start_servers, "Processes to start with"),
    one("MaxMemFree", max_mem_free, "Has no effect: memory is given back when it is not needed"),
    one("ThreadStackSize", thread_stack_size, "Stack of each thread in bytes; 0 is the system's default"),
    one("ThreadLimit", thread_limit, "The most threads that ThreadsPerChild may ask for"),
    one("ThreadsPerChild", threads_per_child, "Requests that one process works on at once"),
    one("MinSpareThreads", min_spare, "The fewest idle threads"),
    one("MaxSpareThreads", max_spare, "The most idle threads"),
    one("StartThreads", start_servers, "Threads to start with"),
];

type Answer = Result<(), String>;

fn number(cmd: &Cmd<'_>) -> Result<i64, String> {
    cmd.number(0, i64::from(i32::MIN), i64::from(i32::MAX))
}

macro_rules! number_setters {
    ($($name:ident),*) => { $(
        pub fn $name(cmd: &mut Cmd<'_>) -> Answer {
            let value = number(cmd)?;
            cmd.server_conf::<MpmConf>().$name = Some(value);
            Ok(())
        }
    )* };
}
number_setters!(
    server_limit,
    start_servers,
    min_spare,
    max_spare,
    thread_limit,
    threads_per_child
);

pub fn max_request_workers(cmd: &mut Cmd<'_>) -> Answer {
    let auto = cmd.arg(0).eq_ignore_ascii_case("auto");
    let value = if auto { None } else { Some(number(cmd)?) };
    let conf = cmd.server_conf::<MpmConf>();
    (conf.auto, conf.max_request_workers) = (auto, value);
    Ok(())
}

pub fn listen(cmd: &mut Cmd<'_>) -> Answer {
    let words: Vec<&BStr> = cmd.args.iter().map(BStr::new).collect();
    let specs = ListenSpec::parse(&words).map_err(|refused| refused.to_string())?;
    for spec in specs {
        if cmd.build.main.listens.contains(&spec) {
            return Err(MULTIPLE.into());
        }
        cmd.build.main.listens.push(spec);
    }
    Ok(())
}

pub fn listen_backlog(cmd: &mut Cmd<'_>) -> Answer {
    let value = cmd.number(0, 1, i32::MAX as u32)?;
    cmd.server_conf::<MpmConf>().listen_backlog = Some(value);
    Ok(())
}

pub fn buckets(cmd: &mut Cmd<'_>) -> Answer {
    let value = cmd.number(0, 0, i32::MAX as u32)?;
    cmd.server_conf::<MpmConf>().cores_per_bucket = value;
    Ok(())
}

pub fn defer_accept(cmd: &mut Cmd<'_>) -> Answer {
    let value = cmd.number(0, 0, i32::MAX as u32)?;
    cmd.server_conf::<MpmConf>().defer_accept = Some(value);
    Ok(())
}

fn buffer_size(cmd: &Cmd<'_>) -> Result<u32, String> {
    let value = cmd.number(0, 0, i32::MAX as u32)?;
    match value {
        1..512 => Err(format!(
            "{} must be >= 512 bytes, or 0 for system default.",
            cmd.directive.name
        )),
        _ => Ok(value),
    }
}

pub fn send_buffer(cmd: &mut Cmd<'_>) -> Answer {
    let value = buffer_size(cmd)?;
    cmd.server_conf::<MpmConf>().send_buffer = value;
    Ok(())
}

pub fn receive_buffer(cmd: &mut Cmd<'_>) -> Answer {
    let value = buffer_size(cmd)?;
    cmd.server_conf::<MpmConf>().receive_buffer = value;
    Ok(())
}

pub fn pid_file(cmd: &mut Cmd<'_>) -> Answer {
    let path = cmd.build.root_relative(cmd.arg(0));
    cmd.server_conf::<MpmConf>().pid_file = Some(path);
    Ok(())
}

pub fn score_board_file(cmd: &mut Cmd<'_>) -> Answer {
    let path = cmd.build.runtime_relative(cmd.arg(0));
    cmd.server_conf::<MpmConf>().score_board_file = Some(path);
    Ok(())
}

/// The longest path that every system takes for a socket, the `.new` of its making included.
const LONGEST_SOCKET_PATH: usize = 103 - ".new".len();

pub fn status_socket(cmd: &mut Cmd<'_>) -> Answer {
    let word = cmd.arg(0);
    let place = if word.eq_ignore_ascii_case("off") {
        StatusPlace::Off
    } else if let Ok(address) = word.parse::<SocketAddr>() {
        if !address.ip().is_loopback() || address.port() == 0 {
            return Err(format!(
                "ServerStatusSocket {address}: only a loopback address, with a port, is possible"
            ));
        }
        StatusPlace::Address(address)
    } else if !word.contains('/') && word.contains(':') {
        return Err(format!(
            "ServerStatusSocket {word}: neither a path nor an address in numbers with a port"
        ));
    } else {
        let path = cmd.build.runtime_relative(word);
        if path.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(format!(
                "ServerStatusSocket {}: the path of a socket may have {LONGEST_SOCKET_PATH} bytes at most",
                path.display()
            ));
        }
        StatusPlace::Path(path)
    };
    cmd.server_conf::<MpmConf>().status_socket = Some(place);
    Ok(())
}

pub fn core_dump_directory(cmd: &mut Cmd<'_>) -> Answer {
    let path = cmd.root_relative(cmd.arg(0));
    if !path.is_dir() {
        return Err(format!(
            "CoreDumpDirectory {} does not exist or is not a directory",
            path.display()
        ));
    }
    cmd.server_conf::<MpmConf>().core_dump_directory = Some(path);
    Ok(())
}

pub fn child_sandbox(cmd: &mut Cmd<'_>) -> Answer {
    let wanted = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "off" => Sandbox::Off,
        "on" => Sandbox::On,
        "strict" => Sandbox::Strict,
        _ => return Err("ChildSandbox must be on, strict or off".into()),
    };
    cmd.server_conf::<MpmConf>().child_sandbox = Some(wanted);
    Ok(())
}

pub fn crash_quarantine(cmd: &mut Cmd<'_>) -> Answer {
    let seconds = |cmd: &Cmd<'_>, place| cmd.number(place, 1, 86_400).map(Duration::from_secs);
    let rule = match cmd.args.len() {
        1 if cmd.arg(0).eq_ignore_ascii_case("off") => Rule::OFF,
        1 if cmd.arg(0).eq_ignore_ascii_case("on") => Rule::USUAL,
        3 => Rule {
            crashes: cmd.number(0, 1, 1000)?,
            within: seconds(cmd, 1)?,
            hold: seconds(cmd, 2)?,
        },
        _ => {
            return Err("CrashQuarantine must be on, off, or three numbers: crashes, seconds within which they count, seconds to hold the URL back".into())
        }
    };
    if cfg!(uses = "alone") {
        cmd.warn_no_effect("the process that crashes is the whole server");
    }
    cmd.server_conf::<MpmConf>().crash_quarantine = rule;
    Ok(())
}

pub fn exception_hook(cmd: &mut Cmd<'_>) -> Answer {
    let on = cmd.flag();
    if on {
        cmd.warn_no_effect("no module of this build has a hook for crashes");
    }
    cmd.server_conf::<MpmConf>().exception_hook = on;
    Ok(())
}

pub fn graceful_shutdown_timeout(cmd: &mut Cmd<'_>) -> Answer {
    let seconds = cmd.number(0, 0, i32::MAX as u64)?;
    let time = (seconds > 0).then(|| Duration::from_secs(seconds));
    cmd.server_conf::<MpmConf>().graceful_shutdown_timeout = time;
    Ok(())
}

pub fn upgrade_timeout(cmd: &mut Cmd<'_>) -> Answer {
    let seconds = cmd.number(0, 1, u64::from(u16::MAX))?;
    cmd.server_conf::<MpmConf>().upgrade_timeout = Some(Duration::from_secs(seconds));
    Ok(())
}

pub fn graceful_drain_timeout(cmd: &mut Cmd<'_>) -> Answer {
    let time = parse_interval(cmd.arg(0), "s");
    let time = time.ok_or("GracefulDrainTimeout has wrong format: seconds, or a number with a unit such as ms, s, min or h")?;
    cmd.server_conf::<MpmConf>().graceful_drain_timeout = Some(time);
    Ok(())
}

pub fn max_draining_workers(cmd: &mut Cmd<'_>) -> Answer {
    let most = cmd.number(0, 0, i32::MAX as u32)?;
    cmd.server_conf::<MpmConf>().max_draining_workers = Some(most);
    Ok(())
}

pub fn max_connections_per_child(cmd: &mut Cmd<'_>) -> Answer {
    // Apache takes a negative number as "for ever", too.
    let value = number(cmd)?;
    cmd.server_conf::<MpmConf>().max_connections_per_child = u64::try_from(value).unwrap_or(0);
    Ok(())
}

pub fn max_requests_per_child(cmd: &mut Cmd<'_>) -> Answer {
    cmd.warn("MaxRequestsPerChild is deprecated, use MaxConnectionsPerChild instead.");
    max_connections_per_child(cmd)
}

pub fn max_clients(cmd: &mut Cmd<'_>) -> Answer {
    cmd.warn("MaxClients is deprecated, use MaxRequestWorkers instead.");
    max_request_workers(cmd)
}

pub fn max_mem_free(cmd: &mut Cmd<'_>) -> Answer {
    cmd.number(0, 0, u32::MAX)?;
    cmd.warn_no_effect("there are no memory pools that keep what they once had");
    Ok(())
}

pub fn thread_stack_size(cmd: &mut Cmd<'_>) -> Answer {
    let bytes = cmd.number(0, 0, i32::MAX as u64)?;
    if !cfg!(threaded) {
        cmd.warn_no_effect("this MPM has no threads");
    }
    cmd.server_conf::<MpmConf>().thread_stack_size = usize::try_from(bytes).unwrap_or(0);
    Ok(())
}
