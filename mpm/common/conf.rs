//! The directives that all Unix MPMs have, and the record they leave in the main server.

use bstr::BStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::limits::{Fitted, Wanted};
use super::Mpm;
use crate::config::directive::Cmd;
use crate::config::value::Conf;
use crate::listen::{ListenSpec, MULTIPLE};
use crate::server::Generation;

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
    /// CoreDumpDirectory.
    pub core_dump_directory: Option<PathBuf>,
    /// CrashQuarantine.
    pub crash_quarantine: Rule,
    /// EnableExceptionHook.
    pub exception_hook: bool,
    /// GracefulShutdownTimeout; `None` waits for ever.
    pub graceful_shutdown_timeout: Option<Duration>,
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

    /// Where the PidFile is: what `PidFile` says below ServerRoot, else the compiled name in the runtime folder.
    pub fn pid_path(&self, generation: &Generation) -> PathBuf {
        let usual = Path::new(env!("HTTPD_DEFAULT_PIDLOG")).file_name();
        let folder = generation.globals.runtime_folder();
        let usual = || folder.join(usual.unwrap_or_default());
        self.pid_file.clone().unwrap_or_else(usual)
    }
}

/// Makes a whole table of directives: the common rows, then the MPM's own.
macro_rules! directives {
    ($($own:expr),* $(,)?) => {{
        use $crate::config::directive::{Arity::Take1, Arity::Argv, Arity::Flag, Directive, Scope};
        use $crate::mpm::common::conf as set;
        &[
            Directive::new("Listen", Scope::SERVER, Argv, set::listen, "An address and port to take connections on, and the protocol if it is not the usual one"),
            Directive::new("ListenBacklog", Scope::SERVER, Take1, set::listen_backlog, "How many connections may wait to be accepted"),
            Directive::new("ListenCoresBucketsRatio", Scope::SERVER, Take1, set::buckets, "Processor cores for each group of listening sockets; 0 keeps one group"),
            Directive::new("ListenTCPDeferAccept", Scope::SERVER, Take1, set::defer_accept, "Seconds that the kernel waits for the first bytes before it hands a connection over"),
            Directive::new("SendBufferSize", Scope::SERVER, Take1, set::send_buffer, "The kernel's send buffer in bytes; 0 is the system's default"),
            Directive::new("ReceiveBufferSize", Scope::SERVER, Take1, set::receive_buffer, "The kernel's receive buffer in bytes; 0 is the system's default"),
            Directive::new("PidFile", Scope::SERVER, Take1, set::pid_file, "The file that holds the parent's process number"),
            Directive::new("ScoreBoardFile", Scope::SERVER, Take1, set::score_board_file, "A file in which other programs can read what the server is doing"),
            Directive::new("CoreDumpDirectory", Scope::SERVER, Take1, set::core_dump_directory, "The folder a crashing process goes to before it dumps core"),
            Directive::new("CrashQuarantine", Scope::SERVER, Argv, set::crash_quarantine, "A URL that crashed so many children within so many seconds is answered with 503 for so many seconds: on (3 60 300), off, or the three numbers"),
            Directive::new("EnableExceptionHook", Scope::SERVER, Flag, set::exception_hook, "Whether modules are told of a crash before the process ends"),
            Directive::new("GracefulShutdownTimeout", Scope::SERVER, Take1, set::graceful_shutdown_timeout, "Seconds that a graceful stop waits for connections; 0 waits for ever"),
            Directive::new("MaxConnectionsPerChild", Scope::SERVER, Take1, set::max_connections_per_child, "Connections after which a child is replaced; 0 is without limit"),
            Directive::new("MaxRequestsPerChild", Scope::SERVER, Take1, set::max_requests_per_child, "The old name of MaxConnectionsPerChild"),
            Directive::new("MaxRequestWorkers", Scope::SERVER, Take1, set::max_request_workers, "The most requests that are worked on at once"),
            Directive::new("MaxClients", Scope::SERVER, Take1, set::max_clients, "The old name of MaxRequestWorkers"),
            Directive::new("ServerLimit", Scope::SERVER, Take1, set::server_limit, "The most processes that MaxRequestWorkers may ask for"),
            Directive::new("StartServers", Scope::SERVER, Take1, set::start_servers, "Processes to start with"),
            Directive::new("MaxMemFree", Scope::SERVER, Take1, set::max_mem_free, "Has no effect: memory is given back when it is not needed"),
            Directive::new("ThreadStackSize", Scope::SERVER, Take1, set::thread_stack_size, "Stack of each thread in bytes; 0 is the system's default"),
            $($own),*
        ]
    }};
}
pub(in crate::mpm) use directives;

/// The rows of the MPMs whose processes have threads.
#[cfg(threaded)]
macro_rules! thread_directives {
    ($($own:expr),* $(,)?) => {
        $crate::mpm::common::conf::directives![
            Directive::new("ThreadLimit", Scope::SERVER, Take1, set::thread_limit, "The most threads that ThreadsPerChild may ask for"),
            Directive::new("ThreadsPerChild", Scope::SERVER, Take1, set::threads_per_child, "Requests that one process works on at once"),
            Directive::new("MinSpareThreads", Scope::SERVER, Take1, set::min_spare, "The fewest idle threads, over all processes"),
            Directive::new("MaxSpareThreads", Scope::SERVER, Take1, set::max_spare, "The most idle threads, over all processes"),
            $($own),*
        ]
    };
}
#[cfg(threaded)]
pub(in crate::mpm) use thread_directives;

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
    max_request_workers,
    start_servers,
    min_spare,
    max_spare
);
#[cfg(threaded)]
number_setters!(thread_limit, threads_per_child);

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
    if cfg!(one_process) {
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
