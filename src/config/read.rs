//! Files to tree: lines, continuation, variables, and the directives that act while reading (Include, Define, IfModule ...).

use super::error::ConfigError;
use super::source::ConfigSource;
use super::tree::{next_word, words, At, Node};
use super::value::ConfMap;
use crate::hooks::module::ModuleSet;
use crate::pattern::{is_wild, Glob, GlobOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How deep Includes and sections may nest.
const MAX_DEPTH: usize = 64;

/// What the read-time directives know and change.
#[derive(Clone)]
pub struct Globals {
    /// `Define` and `-D`; a name without a value has none.
    pub defines: HashMap<String, Option<String>>,
    /// The modules that are active, and those that could be.
    pub modules: ModuleSet,
    /// ServerRoot.
    pub root: PathBuf,
    /// DefaultRuntimeDir, as written; see [`Globals::runtime_folder`].
    pub runtime_dir: PathBuf,
    /// What is worth telling at level info: a LoadModule line that had nothing to do.
    pub notes: Vec<String>,
    /// Records of modules that hold for the whole configuration, `.htaccess` files too: names that directives define.
    pub records: ConfMap,
}

impl Globals {
    /// The folder of pid file, locks and sockets: DefaultRuntimeDir below ServerRoot.
    pub fn runtime_folder(&self) -> PathBuf {
        self.root.join(&self.runtime_dir)
    }
}

/// Reads configuration files into a tree.
pub struct Reader<'a> {
    /// What has been defined and loaded so far.
    pub globals: &'a mut Globals,
    /// Where the bytes come from.
    pub source: &'a mut ConfigSource,
    /// Mistakes; reading goes on behind them.
    pub errors: &'a mut Vec<ConfigError>,
    /// Warnings, in order.
    pub warnings: &'a mut Vec<String>,
    /// False in `.htaccess` files, where nothing may be included, defined or loaded.
    pub main: bool,
    depth: usize,
    /// Set once files or sections were nested too deep: files include each other, and reading them on would take for ever.
    lost: bool,
    parents: Vec<String>,
}

struct Lines<'t> {
    text: std::str::Lines<'t>,
    file: u32,
    number: u32,
}

impl Lines<'_> {
    /// The next line with its continuations joined; its number is that of its last part, as Apache counts.
    fn next(&mut self) -> Option<(u32, String)> {
        let mut line = self.text.next()?.to_owned();
        self.number += 1;
        while line.ends_with('\\') {
            line.pop();
            match self.text.next() {
                Some(more) => line.push_str(more),
                None => break,
            }
            self.number += 1;
        }
        Some((self.number, line.trim().to_owned()))
    }
}

impl<'a> Reader<'a> {
    /// A reader for the main configuration (`main`) or a `.htaccess` file.
    pub fn new(
        globals: &'a mut Globals,
        source: &'a mut ConfigSource,
        errors: &'a mut Vec<ConfigError>,
        warnings: &'a mut Vec<String>,
        main: bool,
    ) -> Self {
        Reader {
            globals,
            source,
            errors,
            warnings,
            main,
            depth: 0,
            lost: false,
            parents: Vec::new(),
        }
    }

    /// Reads `path` to the end of `out`. `from` is the line of the Include, if there is one.
    pub fn read_file(&mut self, path: &Path, from: Option<&At>, out: &mut Vec<Node>) {
        let line = from.map_or(0, |at| at.line);
        match self.source.open(path, self.depth, line) {
            Ok((file, text)) => {
                let mut lines = Lines {
                    text: text.lines(),
                    file,
                    number: 0,
                };
                self.read_lines(&mut lines, None, out);
            }
            Err(error) => {
                let why = crate::log::os_error_text(&error);
                let message = format!(
                    "Could not open configuration file {}: {why}",
                    path.display()
                );
                self.errors.push(match from {
                    Some(at) => ConfigError::reading(self.source, at, message),
                    None => ConfigError::bare(message),
                });
            }
        }
    }

    /// Reads lines that stand in no file (`-C`, `-c`, tests) or are in memory already.
    pub fn read_text(&mut self, text: &str, file: u32, out: &mut Vec<Node>) {
        let mut lines = Lines {
            text: text.lines(),
            file,
            number: 0,
        };
        self.read_lines(&mut lines, None, out);
    }

    /// Reads up to the end tag of `section`, or to the end of the text.
    fn read_lines(
        &mut self,
        lines: &mut Lines<'_>,
        section: Option<(&str, u32)>,
        out: &mut Vec<Node>,
    ) {
        while let Some((number, line)) = lines.next() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = At {
                file: lines.file,
                line: number,
            };
            let line = self.expand(&line, &at);
            if let Some(end) = line.strip_prefix("</") {
                let Some(end) = end.strip_suffix('>').map(str::trim) else {
                    self.fail(
                        &at,
                        format!(
                            "<{}> directive missing closing '>'",
                            line.trim_start_matches('<')
                        ),
                    );
                    continue;
                };
                match section {
                    Some((open, _)) if end.eq_ignore_ascii_case(open) => return,
                    Some((open, _)) => {
                        return self.fail(&at, format!("Expected </{open}> but saw </{end}>"));
                    }
                    None => self.fail(&at, format!("</{end}> without matching <{end}> section")),
                }
                continue;
            }
            self.read_one(lines, &line, at, out);
        }
        if let Some((open, number)) = section {
            let at = At {
                file: lines.file,
                line: number,
            };
            let place = format!("{}:{number}", self.source.path_of(&at).display());
            self.fail(&at, format!("{place}: <{open}> was not closed."));
        }
    }

    fn read_one(&mut self, lines: &mut Lines<'_>, line: &str, at: At, out: &mut Vec<Node>) {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let (name, rest) = (&line[..end], line[end..].trim());
        if name.starts_with('<') {
            return self.read_section(lines, line, at, out);
        }
        match name.to_ascii_lowercase().as_str() {
            "include" => self.include(rest, &at, false, out),
            "includeoptional" => self.include(rest, &at, true, out),
            "define" => self.define(rest, &at),
            "undefine" => self.undefine(rest, &at),
            "loadmodule" => self.load_module(rest, &at),
            "serverroot" => self.server_root(rest, &at),
            "defaultruntimedir" => self.runtime_dir(rest, &at),
            _ => out.push(Node {
                name: name.to_owned(),
                args: rest.to_owned(),
                at,
                children: Vec::new(),
            }),
        }
    }

    fn read_section(&mut self, lines: &mut Lines<'_>, line: &str, at: At, out: &mut Vec<Node>) {
        let Some(inner) = line.strip_suffix('>') else {
            let name = line.split_whitespace().next().unwrap_or(line);
            return self.fail(&at, format!("{name}> directive missing closing '>'"));
        };
        let end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let (name, args) = (inner[1..end].to_owned(), inner[end..].trim().to_owned());
        if self.parents.len() >= MAX_DEPTH {
            self.lost = true;
            self.fail(
                &at,
                format!("sections are nested more than {MAX_DEPTH} deep"),
            );
            return self.skip(lines, &name, at.line);
        }
        if let Some(holds) = self.condition(&name, &args, &at) {
            return match holds {
                true => self.read_lines(lines, Some((&name, at.line)), out),
                false => self.skip(lines, &name, at.line),
            };
        }
        let mut children = Vec::new();
        self.parents.push(name.clone());
        self.read_lines(lines, Some((&name, at.line)), &mut children);
        self.parents.pop();
        out.push(Node {
            name: format!("<{name}"),
            args,
            at,
            children,
        });
    }

    /// Passes over a section whose condition does not hold, with the sections inside.
    fn skip(&mut self, lines: &mut Lines<'_>, name: &str, opened: u32) {
        let mut open = vec![name.to_owned()];
        while let Some((number, line)) = lines.next() {
            if let Some(end) = line.strip_prefix("</") {
                let end = end.trim_end_matches('>').trim();
                match open.pop() {
                    Some(inner) if inner.eq_ignore_ascii_case(end) => {}
                    Some(inner) => {
                        let at = At {
                            file: lines.file,
                            line: number,
                        };
                        return self.fail(&at, format!("Expected </{inner}> but saw </{end}>"));
                    }
                    None => return,
                }
                if open.is_empty() {
                    return;
                }
            } else if let Some(start) = line.strip_prefix('<') {
                let end = start
                    .find(|c: char| c.is_whitespace() || c == '>')
                    .unwrap_or(start.len());
                open.push(start[..end].to_owned());
            }
        }
        let at = At {
            file: lines.file,
            line: opened,
        };
        let place = format!("{}:{opened}", self.source.path_of(&at).display());
        self.fail(&at, format!("{place}: <{name}> was not closed."));
    }

    /// The value of a read-time condition; `None` for every other section.
    fn condition(&mut self, name: &str, args: &str, at: &At) -> Option<bool> {
        let shown = name;
        let name = name.to_ascii_lowercase();
        if ![
            "ifdefine",
            "ifmodule",
            "ifversion",
            "iffile",
            "ifdirective",
            "ifsection",
        ]
        .contains(&name.as_str())
        {
            return None;
        }
        let list = words(args);
        let Some(first) = list.first() else {
            self.fail(at, format!("<{shown}> needs an argument"));
            return Some(false);
        };
        let (negated, word) = match first.strip_prefix('!') {
            Some(word) => (true, word),
            None => (false, first.as_str()),
        };
        if name == "ifversion" {
            return Some(match super::version::holds(&list) {
                Ok(holds) => holds,
                Err(message) => {
                    self.fail(at, message);
                    false
                }
            });
        }
        let holds = match name.as_str() {
            "ifdefine" => self.globals.defines.contains_key(word),
            "ifmodule" => self.globals.modules.is_active(word),
            "iffile" => self.globals.root.join(word).exists(),
            "ifdirective" => self.knows_directive(word),
            _ => self.knows_directive(&format!("<{}", word.trim_matches(['<', '>']))),
        };
        Some(holds != negated)
    }

    fn knows_directive(&self, name: &str) -> bool {
        const READ_TIME: &[&str] = &[
            "Include",
            "IncludeOptional",
            "Define",
            "UnDefine",
            "LoadModule",
            "ServerRoot",
            "DefaultRuntimeDir",
            "<IfDefine",
            "<IfModule",
            "<IfVersion",
            "<IfFile",
            "<IfDirective",
            "<IfSection",
        ];
        READ_TIME
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            || self.globals.modules.directive(name).is_some()
    }

    /// `${NAME}`: a definition, else the environment, else left as it is with a warning.
    fn expand(&mut self, line: &str, at: &At) -> String {
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let Some(end) = from.find('}') else {
                rest = from;
                break;
            };
            let name = &from[2..end];
            match self.variable(name) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str(&from[..=end]);
                    // A lower-case rewrite map reference such as ${map:key} is not a variable.
                    if !name.is_empty() && !name.contains(':') {
                        let place = self.source.path_of(at).display();
                        self.warnings.push(format!(
                            "AH00111: Config variable ${{{name}}} is not defined (line {} of {place})",
                            at.line
                        ));
                    }
                }
            }
            rest = &from[end + 1..];
        }
        out.push_str(rest);
        out
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        match self.globals.defines.get(name) {
            Some(Some(value)) => Some(value.clone()),
            _ => self.source.variable(name),
        }
    }

    fn allowed_here(&mut self, name: &str, at: &At) -> bool {
        if !self.main {
            self.fail(at, format!("{name} not allowed here"));
        }
        self.main
    }

    fn define(&mut self, args: &str, at: &At) {
        let list = words(args);
        match list.as_slice() {
            _ if !self.allowed_here("Define", at) => {}
            [name] | [name, _] if name.contains(':') => {
                self.fail(
                    at,
                    format!("Define: variable name must not contain ':': '{name}'"),
                );
            }
            [name] => drop(self.globals.defines.insert(name.clone(), None)),
            [name, value] => {
                drop(
                    self.globals
                        .defines
                        .insert(name.clone(), Some(value.clone())),
                );
            }
            _ => self.fail(at, "Define takes one or two arguments".into()),
        }
    }

    fn undefine(&mut self, args: &str, at: &At) {
        match words(args).as_slice() {
            _ if !self.allowed_here("UnDefine", at) => {}
            [name] => drop(self.globals.defines.remove(name)),
            _ => self.fail(at, "UnDefine takes one argument".into()),
        }
    }

    fn load_module(&mut self, args: &str, at: &At) {
        if !self.allowed_here("LoadModule", at) {
            return;
        }
        if let Some(outer) = self.parents.last() {
            return self.fail(
                at,
                format!("LoadModule cannot occur within <{outer}> section"),
            );
        }
        let result = match words(args).as_slice() {
            [identifier, file] => self.globals.modules.load(identifier, file),
            _ => Err("LoadModule takes two arguments, a module identifier and a file".into()),
        };
        match result {
            Ok(None) => {}
            Ok(Some(note)) => self.globals.notes.push(note),
            Err(message) => self.fail(at, message),
        }
    }

    fn server_root(&mut self, args: &str, at: &At) {
        match words(args).as_slice() {
            _ if !self.allowed_here("ServerRoot", at) => {}
            [root] if Path::new(root).is_dir() => self.globals.root = PathBuf::from(root),
            [_] => self.fail(at, "ServerRoot must be a valid directory".into()),
            _ => self.fail(at, "ServerRoot takes one argument".into()),
        }
    }

    fn runtime_dir(&mut self, args: &str, at: &At) {
        match words(args).as_slice() {
            _ if !self.allowed_here("DefaultRuntimeDir", at) => {}
            [dir] => self.globals.runtime_dir = PathBuf::from(dir),
            _ => self.fail(at, "DefaultRuntimeDir takes one argument".into()),
        }
    }

    fn include(&mut self, args: &str, at: &At, optional: bool, out: &mut Vec<Node>) {
        let name = if optional {
            "IncludeOptional"
        } else {
            "Include"
        };
        if self.lost || !self.allowed_here(name, at) {
            return;
        }
        let list = words(args);
        let [pattern] = list.as_slice() else {
            return self.fail(at, format!("{name} takes one argument"));
        };
        if self.depth >= MAX_DEPTH {
            self.lost = true;
            let message =
                format!("{name} is nested more than {MAX_DEPTH} deep; does a file include itself?");
            return self.fail(at, message);
        }
        let path = self.globals.root.join(pattern);
        let mut found = Vec::new();
        if let Err(message) = self.find(&path, optional, &mut found) {
            return self.fail(at, message);
        }
        self.depth += 1;
        for path in found {
            self.read_file(&path, Some(at), out);
        }
        self.depth -= 1;
    }

    /// The files that an Include names, in order: a pattern's matches, a folder's files at any depth, or a file.
    fn find(&mut self, path: &Path, optional: bool, out: &mut Vec<PathBuf>) -> Result<(), String> {
        if is_wild(path.to_string_lossy().as_bytes()) {
            let before = out.len();
            self.find_wild(path, out);
            return match out.len() > before || optional {
                true => Ok(()),
                false => Err(format!(
                    "No matches for the wildcard '{}', failing (use IncludeOptional if required)",
                    path.display()
                )),
            };
        }
        if path.is_dir() {
            self.find_in_folder(path, 0, out);
        } else if !optional || path.exists() {
            out.push(path.to_owned());
        }
        Ok(())
    }

    fn find_in_folder(&mut self, folder: &Path, depth: usize, out: &mut Vec<PathBuf>) {
        let names = match self.source.list(folder) {
            Ok(names) if depth < MAX_DEPTH => names,
            _ => return,
        };
        for name in names {
            let path = folder.join(name);
            match path.is_dir() {
                true => self.find_in_folder(&path, depth + 1, out),
                false => out.push(path),
            }
        }
    }

    fn find_wild(&mut self, path: &Path, out: &mut Vec<PathBuf>) {
        let mut found = vec![PathBuf::from("/")];
        let parts: Vec<_> = path
            .components()
            .skip(1)
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let mut next = Vec::new();
            for folder in &found {
                if !is_wild(part) {
                    next.push(folder.join(part));
                    continue;
                }
                let glob = Glob::new(
                    part,
                    GlobOptions {
                        period: true,
                        ..GlobOptions::PATH
                    },
                );
                let names = self.source.list(folder).unwrap_or_default();
                let matching = names.iter().filter(|name| glob.matches(name.as_bytes()));
                next.extend(matching.map(|name| folder.join(name)));
            }
            next.retain(|path| path.exists() && (last || path.is_dir()));
            found = next;
        }
        for path in found {
            match path.is_dir() {
                true => self.find_in_folder(&path, 0, out),
                false => out.push(path),
            }
        }
    }

    fn fail(&mut self, at: &At, message: String) {
        self.errors
            .push(ConfigError::reading(self.source, at, message));
    }
}

/// The first word of `args` and the rest, for directives that treat their line themselves.
pub fn split_first(args: &str) -> (String, &str) {
    next_word(args).unwrap_or_default()
}
