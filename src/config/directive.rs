//! A directive: its row in a module's table, and what its setter is given.
//!
//! Modules declare rows with [`Directive::new`]; `config::build` looks them up while it walks the tree, checks the
//! context and the number of arguments, and calls the setter with a [`Cmd`].

use super::build::Build;
use super::tree::Node;
use super::value::{Conf, ConfMap};
use crate::protocol::method::MethodSet;
use crate::server::Server;

/// Where a directive may stand (Apache's `RSRC_CONF`, `ACCESS_CONF`, `OR_...`) and how it is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scope(u16);

impl Scope {
    /// `.htaccess` and sections, class Limit.
    pub const LIMIT: Scope = Scope(1);
    /// Anywhere; `.htaccess` with class Options.
    pub const OPTIONS: Scope = Scope(2);
    /// Anywhere; `.htaccess` with class FileInfo.
    pub const FILEINFO: Scope = Scope(4);
    /// `.htaccess` and sections, class AuthConfig.
    pub const AUTHCFG: Scope = Scope(8);
    /// Anywhere; `.htaccess` with class Indexes.
    pub const INDEXES: Scope = Scope(16);
    /// Inside `<Directory>`, `<Location>`, `<Files>`, `<If>`.
    pub const ACCESS_CONF: Scope = Scope(64);
    /// The main server and virtual hosts, outside sections.
    pub const RSRC_CONF: Scope = Scope(128);
    /// Executed while the files are read.
    pub const EXEC_ON_READ: Scope = Scope(256);
    /// Not inside `<VirtualHost>` (used together with `RSRC_CONF`).
    pub const GLOBAL: Scope = Scope(512);
    /// Not in `.htaccess`, nor in `<Files>` or `<If>` (used together with `ACCESS_CONF`).
    pub const NOT_IN_FILES: Scope = Scope(1024);
    /// Any class: everywhere, and in `.htaccess` unless AllowOverride is None.
    pub const ALL: Scope = Scope(31);
    /// The main server only.
    pub const SERVER: Scope = Scope(128 | 512);
    /// Nothing.
    pub const NONE: Scope = Scope(0);

    /// Both together; `const`, for tables.
    pub const fn or(self, other: Scope) -> Scope {
        Scope(self.0 | other.0)
    }
    /// True if any bit is common.
    pub const fn meets(self, other: Scope) -> bool {
        self.0 & other.0 != 0
    }
    /// True if all bits of `other` are here.
    pub const fn has(self, other: Scope) -> bool {
        self.0 & other.0 == other.0
    }
    /// Without the bits of `other`.
    pub const fn without(self, other: Scope) -> Scope {
        Scope(self.0 & !other.0)
    }
}

/// How the rest of the line becomes arguments (column `arg_kind` of Apache's command tables).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// None.
    NoArgs,
    /// Exactly one.
    Take1,
    /// Exactly two.
    Take2,
    /// Exactly three.
    Take3,
    /// One or two.
    Take12,
    /// One or three.
    Take13,
    /// Two or three.
    Take23,
    /// One to three.
    Take123,
    /// Any number in one call.
    Argv,
    /// At least one; a call for each.
    Iterate,
    /// At least two; a call for each pair of the first with one of the others.
    Iterate2,
    /// `On` or `Off`.
    Flag,
    /// The rest of the line as it stands; also for sections.
    Raw,
}

/// The function that carries a directive out. `Err` is the message after file and line.
pub type Setter = fn(&mut Cmd<'_>) -> Result<(), String>;

/// One row of a module's directive table.
#[derive(Debug)]
pub struct Directive {
    /// As written; sections begin with `<`.
    pub name: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// Its arguments.
    pub arity: Arity,
    /// What it does.
    pub set: Setter,
    /// One line, shown by `-L` and behind a complaint about its arguments.
    pub help: &'static str,
}

impl Directive {
    /// A row: `Directive::new("DirectoryIndex", Scope::INDEXES, Arity::Raw, set_index, "...")`.
    pub const fn new(
        name: &'static str,
        scope: Scope,
        arity: Arity,
        set: Setter,
        help: &'static str,
    ) -> Directive {
        Directive {
            name,
            scope,
            arity,
            set,
            help,
        }
    }
}

/// The kind of place that is being configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Outside any `<VirtualHost>` and section.
    Main,
    /// In `<VirtualHost>`, outside sections.
    VirtualHost,
    /// In `<Directory>` or `<DirectoryMatch>`.
    Directory,
    /// In `<Location>` or `<LocationMatch>`.
    Location,
    /// In `<Files>` or `<FilesMatch>`.
    Files,
    /// In `<If>`, `<ElseIf>` or `<Else>`.
    If,
    /// In a `.htaccess` file, outside its sections.
    Htaccess,
}

/// What a setter is given: its arguments, and the records it may write to.
pub struct Cmd<'a> {
    /// The row it was called for.
    pub directive: &'static Directive,
    /// The line as read, with its children if it is a section.
    pub node: &'a Node,
    /// The arguments, unquoted, as `Arity` splits them. For `Raw`, one: the rest of the line.
    pub args: Vec<String>,
    /// The server that is being configured; in a `.htaccess` file a record that is thrown away.
    pub server: &'a mut Server,
    /// The per-directory records of this place.
    pub dir: &'a mut ConfMap,
    /// All that is not of one place: modules, definitions, paths, warnings.
    pub build: &'a mut Build,
    /// The kind of place.
    pub place: Place,
    /// What may stand here.
    pub allowed: Scope,
    /// The path, pattern or condition of the innermost section.
    pub section: Option<&'a str>,
    /// The methods of an enclosing `<Limit>` or `<LimitExcept>`.
    pub limited: Option<MethodSet>,
}

impl Cmd<'_> {
    /// Argument `index`, or the empty text.
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    /// The value of a `Flag` directive.
    pub fn flag(&self) -> bool {
        self.arg(0).eq_ignore_ascii_case("on")
    }

    /// The server-wide record of type `T` in the present server.
    pub fn server_conf<T: Conf>(&mut self) -> &mut T {
        self.server.conf.entry()
    }

    /// The per-directory record of type `T` in the present place.
    pub fn dir_conf<T: Conf>(&mut self) -> &mut T {
        self.dir.entry()
    }

    /// Argument `index` as a whole number, with a message that names the directive and the limits.
    pub fn number<N>(&self, index: usize, least: N, most: N) -> Result<N, String>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let text = self.arg(index);
        match text.parse::<N>() {
            Ok(n) if n >= least && n <= most => Ok(n),
            _ => Err(format!(
                "{}: '{}' is not a number from {} to {}",
                self.directive.name, text, least, most
            )),
        }
    }

    /// A path relative to ServerRoot made absolute.
    pub fn root_relative(&self, path: &str) -> std::path::PathBuf {
        self.build.root_relative(path)
    }

    /// An argument that names files to be served. On Windows it cannot begin with a machine of the network: the walk through the
    /// directories, which finds their sections, begins at a drive.
    pub fn file_name(&self, index: usize) -> Result<&str, String> {
        let name = self.arg(index);
        match crate::os::path::is_remote(name.as_bytes()) {
            false => Ok(name),
            true => Err(format!(
                "{}: {name} begins with the name of another machine; give the share a drive letter (net use), or a link in a \
                 folder (mklink /D), and name that",
                self.directive.name
            )),
        }
    }

    /// A directive that this server accepts without effect: says why, once for each line.
    pub fn warn_no_effect(&mut self, why: &str) {
        let text = format!("{} has no effect here: {}", self.directive.name, why);
        self.warn(&text);
    }

    /// A warning with the place of this line.
    pub fn warn(&mut self, text: &str) {
        self.build.warn_at(self.node, text);
    }

    /// Carries out the lines inside a section, in the same records unless `dir` or `place` say otherwise.
    pub fn walk(&mut self, inner: Inner<'_>) -> Result<(), String> {
        super::build::walk_inner(self, inner)
    }
}

/// Where the lines inside a section go.
pub struct Inner<'x> {
    /// Another server than the enclosing one: `<VirtualHost>`.
    pub server: Option<&'x mut Server>,
    /// Other per-directory records than the enclosing ones.
    pub dir: Option<&'x mut ConfMap>,
    /// The kind of place inside.
    pub place: Place,
    /// What may stand inside.
    pub allowed: Scope,
    /// What `Cmd::section` is inside.
    pub section: Option<&'x str>,
    /// The methods of `<Limit>`.
    pub limited: Option<MethodSet>,
}

/// A time: `30`, `30s`, `500ms`, `2min`, `1h`, with `unit` where none is written. Apache's `ap_timeout_parameter_parse`.
pub fn parse_interval(text: &str, unit: &str) -> Option<std::time::Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let suffix = if suffix.is_empty() { unit } else { suffix };
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "s" | "sec" => 1000,
        "ms" => 1,
        "mi" | "min" | "m" => 60_000,
        "h" | "hour" => 3_600_000,
        _ => return None,
    };
    number
        .checked_mul(factor)
        .map(std::time::Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn intervals_have_units() {
        assert_eq!(parse_interval("5", "s"), Some(Duration::from_secs(5)));
        assert_eq!(parse_interval("5", "ms"), Some(Duration::from_millis(5)));
        assert_eq!(
            parse_interval("500ms", "s"),
            Some(Duration::from_millis(500))
        );
        assert_eq!(parse_interval("2min", "s"), Some(Duration::from_secs(120)));
        assert_eq!(parse_interval("x", "s"), None);
        assert_eq!(parse_interval("5 parsecs", "s"), None);
        assert_eq!(parse_interval("-1", "s"), None);
    }

    #[test]
    fn scopes_meet() {
        assert!(Scope::ALL.meets(Scope::FILEINFO));
        assert!(!Scope::ALL.meets(Scope::RSRC_CONF));
        assert!(Scope::SERVER.has(Scope::RSRC_CONF));
    }
}
