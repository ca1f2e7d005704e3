//! Carries the tree out: finds each directive's row, checks where it stands and its arguments, calls its setter.

use super::core::CoreDir;
use super::directive::{Arity, Cmd, Directive, Inner, Place, Scope};
use super::error::ConfigError;
use super::read::Globals;
use super::source::ConfigSource;
use super::tree::{words, Node};
use super::value::ConfMap;
use crate::protocol::method::MethodSet;
use crate::server::{MainConf, Server};
use std::path::{Path, PathBuf};

/// All that one reading collects beside its places.
pub struct Build {
    /// Definitions, modules, paths.
    pub globals: Globals,
    /// Where the bytes came from.
    pub source: ConfigSource,
    /// Mistakes so far; the reading goes on behind each and is refused at its end.
    pub errors: Vec<ConfigError>,
    /// Warnings so far, in order.
    pub warnings: Vec<String>,
    /// Settings of the whole process.
    pub main: MainConf,
    /// Virtual hosts, in file order.
    pub virtual_hosts: Vec<Server>,
    /// Mistakes that `AllowOverride Nonfatal` tolerates in a `.htaccess` file.
    pub nonfatal: (bool, bool),
    /// Directives that AllowOverrideList names, lower case.
    pub override_list: Vec<String>,
    next_section: u64,
}

impl Build {
    /// An empty reading. Section ids begin behind `first_section`.
    pub fn new(globals: Globals, source: ConfigSource, first_section: u64) -> Self {
        Build {
            globals,
            source,
            errors: Vec::new(),
            warnings: Vec::new(),
            main: MainConf::default(),
            virtual_hosts: Vec::new(),
            nonfatal: (false, false),
            override_list: Vec::new(),
            next_section: first_section,
        }
    }

    /// A number for a section that no other in this reading has.
    pub fn section_id(&mut self) -> u64 {
        self.next_section += 1;
        self.next_section
    }

    /// `path` below ServerRoot, unless it is absolute.
    pub fn root_relative(&self, path: &str) -> PathBuf {
        self.globals.root.join(path)
    }

    /// `path` below DefaultRuntimeDir, unless it is absolute.
    pub fn runtime_relative(&self, path: &str) -> PathBuf {
        self.globals.runtime_folder().join(path)
    }

    /// A warning with file and line.
    pub fn warn_at(&mut self, node: &Node, text: &str) {
        let file = self.source.path_of(&node.at).display();
        self.warnings
            .push(format!("{text} (line {} of {file})", node.at.line));
    }

    /// A file of the configuration that is not in its language (mime.types), read so that it is recorded.
    pub fn read_file(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let read = self.source.read(path);
        read.map_err(|error| {
            format!(
                "cannot read {}: {}",
                path.display(),
                crate::log::os_error_text(&error)
            )
        })
    }

    fn fail(&mut self, node: &Node, message: String) {
        self.errors
            .push(ConfigError::directive(&self.source, &node.at, message));
    }
}

/// The place whose lines are carried out.
pub struct Target<'t> {
    /// The server that is configured.
    pub server: &'t mut Server,
    /// The per-directory records.
    pub dir: &'t mut ConfMap,
    /// The kind of place.
    pub place: Place,
    /// What may stand there.
    pub allowed: Scope,
    /// The section's argument.
    pub section: Option<&'t str>,
    /// The methods of `<Limit>`.
    pub limited: Option<MethodSet>,
}

/// Carries out `nodes` in `target`.
pub fn execute(nodes: &[Node], target: &mut Target<'_>, build: &mut Build) {
    for node in nodes {
        if let Err(message) = execute_one(node, target, build) {
            build.fail(node, message);
        }
    }
}

/// The lines inside the section that `cmd` stands for.
pub fn walk_inner(cmd: &mut Cmd<'_>, inner: Inner<'_>) -> Result<(), String> {
    let mut target = Target {
        server: match inner.server {
            Some(server) => server,
            None => cmd.server,
        },
        dir: match inner.dir {
            Some(dir) => dir,
            None => cmd.dir,
        },
        place: inner.place,
        allowed: inner.allowed,
        section: inner.section,
        limited: inner.limited,
    };
    execute(&cmd.node.children, &mut target, cmd.build);
    Ok(())
}

fn execute_one(node: &Node, target: &mut Target<'_>, build: &mut Build) -> Result<(), String> {
    let Some((_, row)) = build.globals.modules.directive(&node.name) else {
        let message = build.globals.modules.unknown_directive(&node.name);
        if target.place == Place::Htaccess && build.nonfatal.1 {
            build.warn_at(node, &message);
            return Ok(());
        }
        return Err(message);
    };
    if let Err(message) = check_place(row, target, build) {
        if target.place == Place::Htaccess && build.nonfatal.0 {
            build.warn_at(node, &message);
            return Ok(());
        }
        return Err(message);
    }
    for args in arguments(row, &node.args)? {
        let mut cmd = Cmd {
            directive: row,
            node,
            args,
            server: target.server,
            dir: target.dir,
            build,
            place: target.place,
            allowed: target.allowed,
            section: target.section,
            limited: target.limited,
        };
        (row.set)(&mut cmd)?;
    }
    Ok(())
}

/// Apache's context rules: by scope bits, by `<VirtualHost>`, by AllowOverrideList.
fn check_place(row: &Directive, target: &Target<'_>, build: &Build) -> Result<(), String> {
    let listed = target.place == Place::Htaccess
        && row.scope.meets(Scope::ALL)
        && build
            .override_list
            .iter()
            .any(|name| name.eq_ignore_ascii_case(row.name));
    let name = row.name.trim_start_matches('<');
    let shown = if row.name.starts_with('<') {
        format!("<{name}>")
    } else {
        name.to_owned()
    };
    if row.scope.has(Scope::GLOBAL) && target.place == Place::VirtualHost {
        return Err(format!("{shown} cannot occur within <VirtualHost> section"));
    }
    if row.scope.has(Scope::NOT_IN_FILES) && matches!(target.place, Place::Files | Place::If) {
        return Err(format!(
            "{shown} cannot occur within <Files> or <If> section"
        ));
    }
    if row.scope.meets(target.allowed) || listed {
        return Ok(());
    }
    Err(match target.place {
        Place::Htaccess if row.scope.meets(Scope::ALL) => {
            format!("{shown} not allowed here; AllowOverride does not permit it")
        }
        _ => format!("{shown} not allowed here"),
    })
}

/// Splits the rest of the line as `row` wants it: the arguments of each call.
fn arguments(row: &Directive, text: &str) -> Result<Vec<Vec<String>>, String> {
    if row.arity == Arity::Raw {
        return Ok(vec![vec![text.to_owned()]]);
    }
    let list = words(text);
    let wrong = |need: &str| Err(complaint(row, need));
    let exact = |list: Vec<String>, fits: bool, need: &str| match fits {
        true => Ok(vec![list]),
        false => wrong(need),
    };
    let n = list.len();
    match row.arity {
        Arity::NoArgs => exact(list, n == 0, "takes no arguments"),
        Arity::Take1 => exact(list, n == 1, "takes one argument"),
        Arity::Take2 => exact(list, n == 2, "takes two arguments"),
        Arity::Take3 => exact(list, n == 3, "takes three arguments"),
        Arity::Take12 => exact(list, n == 1 || n == 2, "takes 1-2 arguments"),
        Arity::Take13 => exact(list, n == 1 || n == 3, "takes one or three arguments"),
        Arity::Take23 => exact(list, n == 2 || n == 3, "takes two or three arguments"),
        Arity::Take123 => exact(
            list,
            (1..=3).contains(&n),
            "takes one, two or three arguments",
        ),
        Arity::Argv | Arity::Raw => Ok(vec![list]),
        Arity::Iterate if n == 0 => wrong("requires at least one argument"),
        Arity::Iterate => Ok(list.into_iter().map(|word| vec![word]).collect()),
        Arity::Iterate2 if n < 2 => wrong("requires at least two arguments"),
        Arity::Iterate2 => {
            let pairs = list[1..]
                .iter()
                .map(|word| vec![list[0].clone(), word.clone()]);
            Ok(pairs.collect())
        }
        Arity::Flag => {
            let fits = n == 1 && ["on", "off"].contains(&list[0].to_ascii_lowercase().as_str());
            match fits {
                true => Ok(vec![list]),
                false => Err(format!("{} must be On or Off", row.name)),
            }
        }
    }
}

fn complaint(row: &Directive, need: &str) -> String {
    match row.help {
        "" => format!("{} {need}", row.name),
        help => format!("{} {need}, {help}", row.name),
    }
}

/// Carries out the lines of a `.htaccess` file: what may stand there follows from the enclosing directory's AllowOverride.
pub fn execute_htaccess(nodes: &[Node], dir: &mut ConfMap, allow: &CoreDir, build: &mut Build) {
    let mut nobody = Server::new("");
    build.nonfatal = allow.nonfatal;
    build.override_list = allow.override_list.clone().unwrap_or_default();
    let allowed = allow.allow_override.unwrap_or(Scope::NONE);
    dir.entry::<CoreDir>().override_options = allow.override_options;
    let mut target = Target {
        server: &mut nobody,
        dir,
        place: Place::Htaccess,
        allowed,
        section: None,
        limited: None,
    };
    execute(nodes, &mut target, build);
}
