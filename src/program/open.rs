//! From a configuration that was read to one that can serve: sockets, logs, spawner, and the hooks in between.

use httpd::config::load::Loaded;
use httpd::hooks::Step;
use httpd::listen::{self, Listener};
use httpd::log;
use httpd::log::{ErrorLog, Level, Programs, Purpose, Target};
use httpd::mpm;
use httpd::os::spawner::{Settings, Spawner};
use httpd::server::{Draft, Generation};

const LOG_MODULE: &str = "core";

/// What the parent keeps of what it started.
#[derive(Default)]
pub struct Started {
    /// Log programs.
    pub programs: Programs,
    /// The process that starts programs for the children.
    pub spawner: Option<Spawner>,
}

/// Opens everything. `inherited` are sockets that may be used again. If it fails, what was opened is closed again.
pub fn open(
    loaded: Loaded,
    inherited: &[Listener],
    started: &mut Started,
) -> Result<Generation, String> {
    let mut loaded = loaded;
    loaded.generation.listeners = bind(&loaded.generation, inherited, &mut loaded.warnings)?;
    equip(loaded, started)
}

/// Opens everything but sockets.
pub fn equip(loaded: Loaded, started: &mut Started) -> Result<Generation, String> {
    let Loaded {
        mut generation,
        mut warnings,
    } = loaded;
    name_error_logs(&mut generation);
    run_hooks(&mut generation, &mut warnings, |g| {
        g.hooks.open_logs.clone()
    })?;
    generation
        .logs
        .open(&mut started.programs)
        .map_err(|error| error.to_string())?;
    start_spawner(&mut generation, started)?;
    run_hooks(&mut generation, &mut warnings, |g| {
        g.hooks.post_config.clone()
    })?;
    for note in &generation.globals.notes {
        log!(generation.main_server(), Level::Info, 0, "{note}");
    }
    for warning in warnings {
        log!(generation.main_server(), Level::Warn, 0, "{warning}");
    }
    Ok(generation)
}

fn bind(
    generation: &Generation,
    inherited: &[Listener],
    warnings: &mut Vec<String>,
) -> Result<Vec<Listener>, String> {
    let options = listen_options(generation);
    match listen::bind_all(&generation.main.listens, &options, inherited) {
        Ok(bound) => {
            warnings.extend(bound.warnings.iter().map(ToString::to_string));
            Ok(bound.listeners)
        }
        Err(problems) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let end = "no listening sockets available, shutting down\nAH00015: Unable to open logs";
            Err(
                match lines
                    .iter()
                    .any(|line| line.contains("no listening sockets"))
                {
                    true => lines.join("\n"),
                    false => format!("{}\n{end}", lines.join("\n")),
                },
            )
        }
    }
}

fn listen_options(generation: &Generation) -> listen::Options {
    let conf = mpm::conf(generation);
    let usual = listen::Options::default();
    let filters = generation.main.accept_filters.iter();
    let buckets = match conf.cores_per_bucket {
        0 => 1,
        ratio => (httpd::os::limits::online_cpus() / ratio as usize).max(1),
    };
    listen::Options {
        backlog: conf
            .listen_backlog
            .map_or(usual.backlog, |n| i32::try_from(n).unwrap_or(i32::MAX)),
        send_buffer: conf.send_buffer as usize,
        receive_buffer: conf.receive_buffer as usize,
        defer_seconds: conf.defer_accept.unwrap_or(usual.defer_seconds),
        filters: match generation.main.accept_filters.is_empty() {
            true => usual.filters,
            false => filters
                .map(|(p, f)| (p.as_str().into(), f.as_str().into()))
                .collect(),
        },
        buckets,
        v4_mapped: env!("HTTPD_V4_MAPPED") == "1",
    }
}

/// Gives each server its error log; those with the same destination share it.
fn name_error_logs(generation: &mut Generation) {
    let root = generation.globals.root.clone();
    for index in 0..generation.servers.len() {
        let core = generation.servers[index].core();
        let place = core
            .error_log
            .as_deref()
            .unwrap_or(env!("HTTPD_DEFAULT_ERRORLOG"));
        let target = Target::of_error_log(place, &root);
        let destination = generation.logs.destination(target, Purpose::Errors);
        let log = ErrorLog::new(destination, &core.error_log_format);
        generation.servers[index].error_log = log;
    }
}

fn run_hooks(
    generation: &mut Generation,
    warnings: &mut Vec<String>,
    which: impl Fn(&Generation) -> Vec<Step>,
) -> Result<(), String> {
    for step in which(generation) {
        step(&mut Draft {
            generation,
            warnings,
        })?;
    }
    Ok(())
}

/// One spawner serves all generations, so that a reload does not end the programs that run.
fn start_spawner(generation: &mut Generation, started: &mut Started) -> Result<(), String> {
    let main = &generation.main;
    let needed =
        main.needs_spawner || (main.starts_programs && mpm::conf(generation).gives_up_rights());
    if needed && started.spawner.is_none() {
        let settings = Settings {
            identity: generation.main.identity.clone(),
            root: generation.main.chroot.clone(),
        };
        let spawner = Spawner::start(settings)
            .map_err(|error| format!("cannot start the process that starts programs: {error}"))?;
        started.spawner = Some(spawner);
    }
    let spawner = started.spawner.as_ref().filter(|_| needed);
    generation.spawner = spawner.map(Spawner::client);
    Ok(())
}
