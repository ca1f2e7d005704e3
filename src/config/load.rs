//! One whole reading of the configuration: from the command line's words to a [`Generation`] that is not yet open.

use super::build::{execute, Build, Target};
use super::core::CoreDir;
use super::directive::{Place, Scope};
use super::error::ConfigError;
use super::read::{Globals, Reader};
use super::source::ConfigSource;
use super::tree::Node;
use crate::hooks::module::{ModuleSet, Registry};
use crate::hooks::HookTable;
use crate::server::vhost::VhostTable;
use crate::server::{Draft, Generation, Server, ServerName};
use std::path::PathBuf;

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `-d`, else the compiled ServerRoot.
    pub root: PathBuf,
    /// `-f`, relative to the root.
    pub file: PathBuf,
    /// `-C`, in order.
    pub before: Vec<String>,
    /// `-c`, in order.
    pub after: Vec<String>,
    /// `-D`, in order.
    pub defines: Vec<String>,
    /// The runtime directory without a DefaultRuntimeDir, relative to the root.
    pub runtime_dir: PathBuf,
}

/// A reading that succeeded, with what it has to say.
pub struct Loaded {
    /// The configuration; sockets and logs are not open.
    pub generation: Generation,
    /// Warnings, in order.
    pub warnings: Vec<String>,
}

/// Reads and checks the configuration. All mistakes of it are told together.
pub fn load(
    options: &LoadOptions,
    registry: &'static Registry,
    number: u32,
    source: ConfigSource,
) -> Result<Loaded, Vec<ConfigError>> {
    let globals = Globals {
        defines: options
            .defines
            .iter()
            .map(|name| (name.clone(), None))
            .collect(),
        modules: ModuleSet::new(registry),
        root: options.root.clone(),
        runtime_dir: options.runtime_dir.clone(),
        notes: Vec::new(),
        records: super::value::ConfMap::default(),
    };
    let mut build = Build::new(globals, source, 0);
    let tree = read(options, &mut build);
    let modules: Vec<_> = build
        .globals
        .modules
        .active()
        .iter()
        .map(|(module, _)| *module)
        .collect();
    let hooks = HookTable::build(&modules).unwrap_or_else(|message| {
        build.errors.push(ConfigError::bare(message));
        HookTable::default()
    });
    let main = execute_main(&tree, &mut build);
    finish(main, hooks, build, number)
}

fn read(options: &LoadOptions, build: &mut Build) -> Vec<Node> {
    let mut tree = Vec::new();
    let mut reader = Reader::new(
        &mut build.globals,
        &mut build.source,
        &mut build.errors,
        &mut build.warnings,
        true,
    );
    reader.read_text(&options.before.join("\n"), u32::MAX, &mut tree);
    reader.read_file(&options.root.join(&options.file), None, &mut tree);
    reader.read_text(&options.after.join("\n"), u32::MAX, &mut tree);
    tree
}

fn execute_main(tree: &[Node], build: &mut Build) -> Server {
    let mut main = Server::new("");
    let mut dir = std::mem::take(&mut main.dir);
    let mut target = Target {
        server: &mut main,
        dir: &mut dir,
        place: Place::Main,
        allowed: Scope::RSRC_CONF
            .or(Scope::OPTIONS)
            .or(Scope::FILEINFO)
            .or(Scope::INDEXES),
        section: None,
        limited: None,
    };
    execute(tree, &mut target, build);
    main.dir = dir;
    main
}

fn finish(
    main: Server,
    hooks: HookTable,
    mut build: Build,
    number: u32,
) -> Result<Loaded, Vec<ConfigError>> {
    let mut main = main;
    if main.name.is_none() {
        build.warnings.push(name_main_server(&mut main));
    }
    settle_levels(&mut main, None);
    let mut servers = vec![main];
    for mut server in std::mem::take(&mut build.virtual_hosts) {
        server.inherit(&servers[0]);
        settle_levels(&mut server, Some(&servers[0]));
        server.index = servers.len();
        servers.push(server);
    }
    let vhosts = VhostTable::build(&mut servers, &mut build.warnings);
    let mut generation = Generation::new(number, servers, vhosts, hooks, build.main);
    generation.globals = build.globals;
    generation.source = build.source;
    generation.index_services();
    let mut errors = build.errors;
    let mut warnings = build.warnings;
    if errors.is_empty() {
        for check in generation.hooks.check_config.clone() {
            let mut draft = Draft {
                generation: &mut generation,
                warnings: &mut warnings,
            };
            if let Err(message) = check(&mut draft) {
                errors.push(ConfigError::bare(message));
            }
        }
    }
    match errors.is_empty() {
        true => Ok(Loaded {
            generation,
            warnings,
        }),
        false => Err(errors),
    }
}

/// A main server without a ServerName is called as its machine; the warning says so (AH00558).
fn name_main_server(main: &mut Server) -> String {
    let host = crate::os::host_name().unwrap_or_default();
    let host = String::from_utf8_lossy(&host).to_ascii_lowercase();
    let host = if host.is_empty() {
        "127.0.0.1".to_owned()
    } else {
        host
    };
    let warning = format!(
        "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using {host}. Set the 'ServerName' directive globally to suppress this message"
    );
    main.name = Some(ServerName {
        scheme: None,
        host,
        port: 0,
    });
    warning
}

/// LogLevel in force: a virtual host's within the main server's; sections then merge with what their server has.
fn settle_levels(server: &mut Server, main: Option<&Server>) {
    if let Some(main) = main {
        server.levels = server.levels.within(&main.levels);
    }
    let levels = server.levels.clone();
    server.dir.entry::<CoreDir>().log_levels = Some(levels);
}
