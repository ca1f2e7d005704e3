//! mod_mime: what the extensions of a file's name say about it: media type, charset, languages, codings, handler and
//! filters. Runs in the type_checker phase, once the file is known.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::{pick, Conf};
use crate::hash::QuickMap;
use crate::hooks::module::Module;
use crate::hooks::{Answer, Hook, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::protocol::token;
use crate::request::{FileKind, Request, DIRECTORY_TYPE};
use crate::server::Draft;
use crate::sync::Shared;
use std::path::PathBuf;

const LOG_MODULE: &str = "mime";

/// `mod_mime.c`.
pub static MODULE: Module = Module {
    name: "mod_mime.c",
    identifier: "mime_module",
    directives: DIRECTIVES,
    hooks: &[
        HookEntry::new(Hook::PostConfig(read_types)),
        HookEntry::request(Phase::TypeChecker, find_type),
    ],
    ..Module::EMPTY
};

macro_rules! row {
    ($name:literal, $scope:ident, $arity:ident, $set:expr, $help:literal) => {
        Directive::new($name, Scope::$scope, Arity::$arity, $set, $help)
    };
}

#[rustfmt::skip]
static DIRECTIVES: &[Directive] = &[
    row!("TypesConfig", RSRC_CONF, Take1, types_config, "the file that maps media types to extensions"),
    row!("AddType", FILEINFO, Iterate2, |cmd| add(cmd, Field::Type), "a mime type followed by one or more file extensions"),
    row!("AddEncoding", FILEINFO, Iterate2, |cmd| add(cmd, Field::Encoding), "an encoding (e.g., gzip), followed by one or more file extensions"),
    row!("AddLanguage", FILEINFO, Iterate2, |cmd| add(cmd, Field::Language), "a language (e.g., fr), followed by one or more file extensions"),
    row!("AddCharset", FILEINFO, Iterate2, |cmd| add(cmd, Field::Charset), "a charset (e.g., iso-2022-jp), followed by one or more file extensions"),
    row!("AddHandler", FILEINFO, Iterate2, |cmd| add(cmd, Field::Handler), "a handler name followed by one or more file extensions"),
    row!("AddInputFilter", FILEINFO, Iterate2, |cmd| add(cmd, Field::InputFilters), "filter names with ; between, followed by one or more file extensions"),
    row!("AddOutputFilter", FILEINFO, Iterate2, |cmd| add(cmd, Field::OutputFilters), "filter names with ; between, followed by one or more file extensions"),
    row!("RemoveType", FILEINFO, Iterate, |cmd| remove(cmd, Field::Type), "one or more file extensions"),
    row!("RemoveEncoding", FILEINFO, Iterate, |cmd| remove(cmd, Field::Encoding), "one or more file extensions"),
    row!("RemoveLanguage", FILEINFO, Iterate, |cmd| remove(cmd, Field::Language), "one or more file extensions"),
    row!("RemoveCharset", FILEINFO, Iterate, |cmd| remove(cmd, Field::Charset), "one or more file extensions"),
    row!("RemoveHandler", FILEINFO, Iterate, |cmd| remove(cmd, Field::Handler), "one or more file extensions"),
    row!("RemoveInputFilter", FILEINFO, Iterate, |cmd| remove(cmd, Field::InputFilters), "one or more file extensions"),
    row!("RemoveOutputFilter", FILEINFO, Iterate, |cmd| remove(cmd, Field::OutputFilters), "one or more file extensions"),
    row!("DefaultLanguage", FILEINFO, Take1, default_language, "the language of documents whose names tell none"),
    row!("ModMimeUsePathInfo", ACCESS_CONF, Flag, use_path_info, "whether the path behind a file counts as part of its name"),
    row!("MultiviewsMatch", FILEINFO, Iterate, multiviews_match, "NegotiatedOnly (default), Handlers and/or Filters, or Any"),
];

/// What an extension can say; the index of its value in [`Extension`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Type,
    Encoding,
    Language,
    Charset,
    Handler,
    InputFilters,
    OutputFilters,
}

/// How many fields there are.
const FIELDS: usize = Field::OutputFilters as usize + 1;

/// What one place says about an extension. The empty text takes away what the types file says.
#[derive(Clone, Default, Debug)]
struct Extension([Option<Box<str>>; FIELDS]);

impl Extension {
    fn get(&self, field: Field) -> Option<&str> {
        self.0[field as usize].as_deref()
    }
}

/// `MultiviewsMatch`: which extensions negotiation may add to a name. Kept for mod_negotiation.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Multiviews {
    /// Any.
    pub any: bool,
    /// NegotiatedOnly.
    pub negotiated_only: bool,
    /// Handlers.
    pub handlers: bool,
    /// Filters.
    pub filters: bool,
}

/// Extensions, by their names in lower case without the dot.
type Extensions = QuickMap<Box<str>, Extension>;

/// The directives of a directory.
#[derive(Clone, Default)]
struct MimeDir {
    extensions: Shared<Extensions>,
    /// Remove...: taken away from what is inherited and from what the same place adds.
    removed: Vec<(Box<str>, Field)>,
    default_language: Option<Box<str>>,
    path_info: Option<bool>,
    multiviews: Option<Multiviews>,
}

impl Conf for MimeDir {
    fn merge(&self, over: &Self) -> Self {
        let mut extensions = Extensions::clone(&self.extensions);
        for (name, extension) in over.extensions.iter() {
            let known = extensions.entry(name.clone()).or_default();
            for (old, new) in known.0.iter_mut().zip(&extension.0) {
                *old = new.clone().or(old.take());
            }
        }
        take_away(&mut extensions, &over.removed);
        MimeDir {
            extensions: Shared::new(extensions),
            removed: Vec::new(),
            default_language: pick(&self.default_language, &over.default_language),
            path_info: over.path_info.or(self.path_info),
            multiviews: over.multiviews.or(self.multiviews),
        }
    }
}

fn take_away(extensions: &mut Extensions, removed: &[(Box<str>, Field)]) {
    for (name, field) in removed {
        let known = extensions.entry(name.clone()).or_default();
        known.0[*field as usize] = (*field == Field::Type).then(Box::default);
    }
}

/// The main server's types file.
#[derive(Clone, Default)]
struct MimeServer {
    file: Option<PathBuf>,
    /// Media types by extension, in lower case.
    types: Shared<QuickMap<Box<str>, Box<str>>>,
}

impl Conf for MimeServer {
    fn merge(&self, over: &Self) -> Self {
        MimeServer {
            file: pick(&self.file, &over.file),
            types: self.types.clone(),
        }
    }
}

fn types_config(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let file = cmd.root_relative(cmd.arg(0));
    cmd.server_conf::<MimeServer>().file = Some(file);
    Ok(())
}

/// An extension as it is looked up: without a dot in front, in lower case.
fn key(text: &str) -> Box<str> {
    text.strip_prefix('.')
        .unwrap_or(text)
        .to_ascii_lowercase()
        .into()
}

fn add(cmd: &mut Cmd<'_>, field: Field) -> Result<(), String> {
    let value = cmd.arg(0).to_ascii_lowercase();
    let name = key(cmd.arg(1));
    let extensions = Shared::make_mut(&mut cmd.dir_conf::<MimeDir>().extensions);
    extensions.entry(name).or_default().0[field as usize] = Some(value.into());
    Ok(())
}

fn remove(cmd: &mut Cmd<'_>, field: Field) -> Result<(), String> {
    let name = key(cmd.arg(0));
    cmd.dir_conf::<MimeDir>().removed.push((name, field));
    Ok(())
}

fn default_language(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let language = cmd.arg(0).into();
    cmd.dir_conf::<MimeDir>().default_language = Some(language);
    Ok(())
}

fn use_path_info(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<MimeDir>().path_info = Some(on);
    Ok(())
}

fn multiviews_match(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let word = cmd.arg(0).to_owned();
    let set = cmd
        .dir_conf::<MimeDir>()
        .multiviews
        .get_or_insert_with(Multiviews::default);
    let alone = |others: bool, message: &str| {
        if others {
            Err(message.to_owned())
        } else {
            Ok(())
        }
    };
    match word.to_ascii_lowercase().as_str() {
        "any" => {
            set.any = true;
            alone(
                set.negotiated_only || set.handlers || set.filters,
                "Any is incompatible with NegotiatedOnly, Filters and Handlers",
            )
        }
        "negotiatedonly" => {
            set.negotiated_only = true;
            alone(
                set.any || set.handlers || set.filters,
                "NegotiatedOnly is incompatible with Any, Filters and Handlers",
            )
        }
        "filters" => {
            set.filters = true;
            alone(
                set.any || set.negotiated_only,
                "Filters is incompatible with Any and NegotiatedOnly",
            )
        }
        "handlers" => {
            set.handlers = true;
            alone(
                set.any || set.negotiated_only,
                "Handlers is incompatible with Any and NegotiatedOnly",
            )
        }
        _ => Err(format!("Unrecognized option '{word}'")),
    }
}

/// Reads the types file, once for all servers.
fn read_types(draft: &mut Draft<'_>) -> Result<(), String> {
    let generation = &mut *draft.generation;
    let named = generation
        .main_server()
        .conf
        .get::<MimeServer>()
        .and_then(|conf| conf.file.clone());
    let file = named.unwrap_or_else(|| generation.globals.root.join("conf/mime.types"));
    let bytes = generation.source.read(&file).map_err(|error| {
        let reason = log::os_error_text(&error);
        format!(
            "AH01597: could not open mime types config file {}: {reason}",
            file.display()
        )
    })?;
    let types = parse_types(&String::from_utf8_lossy(&bytes));
    if let Some(main) = generation.servers.first_mut() {
        main.conf.entry::<MimeServer>().types = Shared::new(types);
    }
    Ok(())
}

/// Lines of a media type and its extensions; `#` begins a comment line.
fn parse_types(text: &str) -> QuickMap<Box<str>, Box<str>> {
    let mut types = QuickMap::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        let Some(kind) = words.next() else { continue };
        for extension in words {
            types.insert(extension.to_ascii_lowercase().into(), kind.into());
        }
    }
    types
}

/// The type_checker hook.
fn find_type(r: &mut Request) -> Answer<'_> {
    if r.finfo
        .as_ref()
        .is_some_and(|info| info.kind == FileKind::Directory)
    {
        r.content_type = Some(DIRECTORY_TYPE.to_owned());
        return Answer::Now(Status::Ok);
    }
    if r.filename.is_empty() {
        return Answer::Now(Status::Declined);
    }
    let (ctx, conf) = (r.ctx.clone(), r.conf.clone());
    let types = ctx
        .generation
        .main_server()
        .conf
        .get::<MimeServer>()
        .map(|conf| &*conf.types);
    let dir = conf.get::<MimeDir>();
    let mut found = Found {
        types,
        dir: dir.map(|dir| &*dir.extensions),
        kind: None,
        charset: None,
    };
    if dir.and_then(|dir| dir.path_info) == Some(true) {
        let name = [r.filename.as_slice(), r.path_info.as_slice()].concat();
        found.read_name(r, &name);
    } else {
        let name = std::mem::take(&mut r.filename);
        found.read_name(r, &name);
        r.filename = name;
    }
    let typed = found
        .kind
        .or(r.content_type.as_deref())
        .map(|kind| with_charset(kind, found.charset));
    r.content_type = typed;
    if r.content_languages.is_empty() {
        if let Some(language) = dir.and_then(|dir| dir.default_language.as_deref()) {
            r.content_languages.push(language.to_owned());
        }
    }
    Answer::Now(if r.content_type.is_some() {
        Status::Ok
    } else {
        Status::Declined
    })
}

/// What the extensions seen so far said.
struct Found<'c> {
    types: Option<&'c QuickMap<Box<str>, Box<str>>>,
    dir: Option<&'c Extensions>,
    kind: Option<&'c str>,
    charset: Option<&'c str>,
}

impl<'c> Found<'c> {
    /// All extensions of the last component of `path`. The base name is none, nor are dots in front of it.
    fn read_name(&mut self, r: &mut Request, path: &[u8]) {
        let start = path
            .iter()
            .rposition(|b| *b == b'/')
            .map_or(0, |slash| slash + 1);
        let name = &path[start..];
        let dots = name.iter().take_while(|b| **b == b'.').count();
        let parts = name[dots..].split(|b| *b == b'.').skip(1);
        for extension in parts.filter(|extension| !extension.is_empty()) {
            let mut buffer = [0u8; 32];
            // A name that is longer than any extension in use is not looked up.
            let Some(lower) = buffer.get_mut(..extension.len()) else {
                continue;
            };
            lower.copy_from_slice(extension);
            lower.make_ascii_lowercase();
            if let Ok(lower) = std::str::from_utf8(lower) {
                self.read_extension(r, lower);
            }
        }
    }

    fn read_extension(&mut self, r: &mut Request, name: &str) {
        let said = self.dir.and_then(|extensions| extensions.get(name));
        let forced = said.and_then(|said| said.get(Field::Type));
        match forced {
            Some("") => {}
            Some(kind) => self.kind = Some(kind),
            None => {
                if let Some(kind) = self.types.and_then(|types| types.get(name)) {
                    self.kind = Some(kind);
                }
            }
        }
        let Some(said) = said else { return };
        self.charset = said.get(Field::Charset).or(self.charset);
        if let Some(language) = said.get(Field::Language) {
            r.content_languages.push(language.to_owned());
        }
        if let Some(encoding) = said.get(Field::Encoding) {
            r.content_encoding = Some(match r.content_encoding.take() {
                Some(before) => format!("{before}, {encoding}"),
                None => encoding.to_owned(),
            });
        }
        if let Some(handler) = said.get(Field::Handler) {
            r.handler = Some(handler.to_owned());
        }
        for name in names(said.get(Field::InputFilters)) {
            if let Err(message) = r.add_input_filter(name) {
                log!(&*r, Level::Error, 81, "{message}");
            }
        }
        for name in names(said.get(Field::OutputFilters)) {
            if let Err(message) = r.add_output_filter(name) {
                log!(&*r, Level::Error, 82, "{message}");
            }
        }
    }
}

/// The filter names of a list with `;` between them.
fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.into_iter()
        .flat_map(|list| list.split(';'))
        .filter(|name| !name.is_empty())
}

/// The type with its parameters in one spelling, and the charset instead of one that it had.
fn with_charset(kind: &str, charset: Option<&str>) -> String {
    if !kind.contains(';') {
        return match charset {
            Some(charset) => format!("{kind}; charset={charset}"),
            None => kind.to_owned(),
        };
    }
    let Some((base, parameters)) = split_parameters(kind) else {
        return kind.to_owned();
    };
    let mut out = base.to_owned();
    let mut written = false;
    for (name, value) in parameters {
        match charset.filter(|_| name.eq_ignore_ascii_case("charset")) {
            Some(charset) if !written => {
                out.push_str(&format!("; charset={charset}"));
                written = true;
            }
            Some(_) => {}
            None => out.push_str(&format!("; {name}={value}")),
        }
    }
    if let Some(charset) = charset.filter(|_| !written) {
        out.push_str(&format!("; charset={charset}"));
    }
    out
}

/// `type/subtype; name=value; ...`; nothing where it is not written so.
fn split_parameters(kind: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let (base, mut rest) = kind.split_once(';')?;
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some((base.trim(), parameters));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        let after = after.trim_start();
        let end = match after.strip_prefix('"') {
            Some(quoted) => quoted_end(quoted)? + 1,
            None => after.find(';').unwrap_or(after.len()),
        };
        let (value, more) = after.split_at(end);
        if !token::is_token(name.as_bytes()) {
            return None;
        }
        parameters.push((name, value.trim_end()));
        rest = more.trim_start();
        rest = rest.strip_prefix(';').unwrap_or(rest);
    }
}

/// Where a quoted text ends, its closing quote included; the opening one has been cut off.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_files() {
        let types =
            parse_types("# no\ntext/html html HTM\n\napplication/x-lonely\n  text/plain\ttxt\n");
        assert_eq!(types.len(), 3);
        assert_eq!(types.get("htm").map(|t| &**t), Some("text/html"));
        assert_eq!(types.get("txt").map(|t| &**t), Some("text/plain"));
    }

    #[test]
    fn charsets_take_the_place_of_others() {
        assert_eq!(with_charset("text/html", None), "text/html");
        assert_eq!(
            with_charset("text/html", Some("utf-8")),
            "text/html; charset=utf-8"
        );
        assert_eq!(
            with_charset("text/x;a=b", Some("utf-8")),
            "text/x; a=b; charset=utf-8"
        );
        assert_eq!(
            with_charset("text/x; charset=a; q=\"b;c\"", Some("d")),
            "text/x; charset=d; q=\"b;c\""
        );
        assert_eq!(with_charset("text/x; broken", Some("d")), "text/x; broken");
    }

    #[test]
    fn removal_wins_over_what_is_inherited_and_what_is_added() {
        let place = |added: &[(&str, &str)], removed: &[&str]| {
            let mut extensions = Extensions::default();
            for (name, kind) in added {
                extensions.entry((*name).into()).or_default().0[Field::Type as usize] =
                    Some((*kind).into());
            }
            MimeDir {
                extensions: Shared::new(extensions),
                removed: removed
                    .iter()
                    .map(|name| ((*name).into(), Field::Type))
                    .collect(),
                ..MimeDir::default()
            }
        };
        let base = place(&[("a", "x/a"), ("b", "x/b")], &[]);
        let merged = base.merge(&place(&[("c", "x/c"), ("d", "x/d")], &["b", "c", "html"]));
        let kind = |name: &str| merged.extensions.get(name).and_then(|e| e.get(Field::Type));
        assert_eq!(kind("a"), Some("x/a"));
        assert_eq!(kind("b"), Some(""));
        assert_eq!(kind("c"), Some(""));
        assert_eq!(kind("d"), Some("x/d"));
        assert_eq!(kind("html"), Some(""));
    }
}
