//! The program around the library: what the command line asks for, and the parent's part in reading configurations.
//! This is the one place that knows the MPM, the modules and the configuration together.

#[cfg(unix)]
mod capacity;
#[cfg_attr(windows, path = "windows/control.rs")]
mod control;
#[cfg_attr(windows, path = "windows/detach.rs")]
mod detach;
mod dump;
mod open;
mod owner;
#[cfg(windows)]
#[path = "windows/role.rs"]
mod role;
#[cfg(unix)]
mod status;

use httpd::config::error::ConfigError;
use httpd::config::load::Loaded;
use httpd::config::source::ConfigSource;
use httpd::config::LoadOptions;
use httpd::log::{startup, Console, Level};
use httpd::modules::REGISTRY;
use httpd::options::{Command, Show, Verb};
use httpd::{mpm, version};
use std::path::PathBuf;

const LOG_MODULE: &str = "core";

/// Does what the command line asks; the value is the exit code.
pub fn run(command: Command) -> i32 {
    #[cfg(windows)]
    if let Some(code) = role::play(&command) {
        return code;
    }
    if let Some(show) = command.show {
        if let Some(code) = dump::show(show, &command) {
            return code;
        }
    }
    let console = match console(&command) {
        Ok(console) => console,
        Err(message) => return fail(&message),
    };
    let loaded = match load(&command, 0) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&tell(&errors)),
    };
    for note in &loaded.generation.globals.notes {
        startup!(console, Level::Info, 0, "{note}");
    }
    for warning in &loaded.warnings {
        startup!(console, Level::Warn, 0, "{warning}");
    }
    if command.show == Some(Show::Directives) {
        dump::directives(&loaded.generation);
        return 0;
    }
    if command.test {
        return test(&command, &loaded);
    }
    match control::begin(&command, &loaded.generation) {
        control::Next::Leave(code) => code,
        control::Next::Start => owner::Program::new(command).start(loaded),
        #[cfg(unix)]
        control::Next::TakeOver(old) => owner::Program::new(command).after(old).start(loaded),
    }
}

fn console(command: &Command) -> Result<Console, String> {
    match &command.messages {
        None => Ok(Console::new(command.level)),
        Some(path) => Console::into_file(command.level, path).map_err(|error| error.to_string()),
    }
}

/// `-t`, alone or with a part to be shown.
fn test(command: &Command, loaded: &Loaded) -> i32 {
    let shown = dump::parts(&loaded.generation, &command.defines);
    if !shown {
        eprintln!("Syntax OK");
    }
    0
}

/// What the command line says about reading the configuration.
pub fn load_options(command: &Command) -> LoadOptions {
    let root = command
        .root
        .clone()
        .unwrap_or_else(|| PathBuf::from(version::ROOT));
    // A relative -d is relative to where the program was started, also after it has moved.
    let root = std::path::absolute(&root).unwrap_or(root);
    LoadOptions {
        root,
        file: command
            .file
            .clone()
            .unwrap_or_else(|| PathBuf::from(env!("HTTPD_SERVER_CONFIG_FILE"))),
        before: command.before.clone(),
        after: command.after.clone(),
        defines: command.defines.clone(),
        runtime_dir: PathBuf::from(env!("HTTPD_DEFAULT_REL_RUNTIMEDIR")),
    }
}

/// Reads the configuration.
pub fn load(command: &Command, number: u32) -> Result<Loaded, Vec<ConfigError>> {
    httpd::config::load(
        &load_options(command),
        &REGISTRY,
        number,
        ConfigSource::default(),
    )
}

/// All mistakes, each in Apache's form.
pub fn tell(errors: &[ConfigError]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A reason on standard error, and the exit code for it.
pub fn fail(message: &str) -> i32 {
    eprintln!("{message}");
    1
}

/// True if `-D name` was given, or an option that implies it.
pub fn defined(command: &Command, name: &str) -> bool {
    command.defines.iter().any(|known| known == name)
}

/// The verb, Start where none was given.
pub fn verb(command: &Command) -> Verb {
    command.verb.unwrap_or(Verb::Start)
}

/// Where the running server's pid is.
pub fn pid_path(generation: &httpd::server::Generation) -> PathBuf {
    mpm::conf(generation).pid_path(generation)
}
