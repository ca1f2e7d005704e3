//! Sections: what they match, and the lines inside.

use super::httpd_internal::{Cmd, Scope};
use crate::config::core::{CoreDir, CoreServer};
use crate::config::directive::{Inner, Place};
use crate::config::expr::{BoolExpr, ParseOptions};
use crate::config::section::{Matcher, Section};
use crate::config::tree::{next_word, words};
use crate::config::value::ConfMap;
use crate::os::path;
use crate::pattern::{is_wild, Glob, GlobOptions, Pattern};
use crate::protocol::method::MethodSet;
use crate::protocol::Method;
use crate::server::vhost::VhostAddress;
use crate::server::Server;
use crate::sync::Shared;
use std::path::Path;

/// What may stand in a section: the per-directory classes and ACCESS_CONF.
const INSIDE: Scope = Scope::ALL.or(Scope::ACCESS_CONF);

pub fn directory(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    let (word, rest) = one_argument(cmd, &text)?;
    if word == "~" {
        return directory_pattern(cmd, rest);
    }
    let absolute = match word.as_str() {
        // On a system of drives, the root of each.
        "/" => word.clone(),
        _ => String::from_utf8_lossy(&path::to_bytes(&cmd.root_relative(&word))).into_owned(),
    };
    let mut path = normal(&absolute);
    if !path.ends_with('/') {
        path.push('/');
    }
    cmd.build.main.reach.has_section(Path::new(&path));
    let conf = inside(cmd, Place::Directory, Some(&word), Some(&path))?;
    let path = native(path.as_bytes());
    let glob = is_wild(&path).then(|| path_glob(&path));
    let depth = path.matches('/').count();
    add_directory(cmd, Matcher::Directory { path, depth, glob }, conf);
    Ok(())
}

pub fn directory_match(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    directory_pattern(cmd, &text)
}

fn directory_pattern(cmd: &mut Cmd<'_>, text: &str) -> Result<(), String> {
    let source = the_pattern(cmd, text)?;
    let pattern = compile_names(cmd, &source)?;
    let conf = inside(
        cmd,
        Place::Directory,
        Some(&format!("~{source}")),
        Some(&source),
    )?;
    add_directory(cmd, Matcher::DirectoryMatch(pattern), conf);
    Ok(())
}

fn add_directory(cmd: &mut Cmd<'_>, matcher: Matcher, conf: ConfMap) {
    let section = Shared::new(Section {
        id: cmd.build.section_id(),
        matcher,
        conf,
    });
    cmd.server_conf::<CoreServer>().directories.push(section);
}

pub fn location(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    let (word, rest) = one_argument(cmd, &text)?;
    if word == "~" {
        return location_pattern(cmd, rest);
    }
    let path = word;
    let glob = is_wild(&path).then(|| path_glob(&path));
    let conf = inside(cmd, Place::Location, Some(&path), Some(&path))?;
    add_location(cmd, Matcher::Location { path, glob }, conf);
    Ok(())
}

pub fn location_match(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    location_pattern(cmd, &text)
}

fn location_pattern(cmd: &mut Cmd<'_>, text: &str) -> Result<(), String> {
    let source = the_pattern(cmd, text)?;
    let pattern = compile(cmd, &source)?;
    let conf = inside(
        cmd,
        Place::Location,
        Some(&format!("~{source}")),
        Some(&source),
    )?;
    add_location(cmd, Matcher::LocationMatch(pattern), conf);
    Ok(())
}

fn add_location(cmd: &mut Cmd<'_>, matcher: Matcher, conf: ConfMap) {
    let section = Shared::new(Section {
        id: cmd.build.section_id(),
        matcher,
        conf,
    });
    cmd.server_conf::<CoreServer>().locations.push(section);
}

pub fn files(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    let (word, rest) = one_argument(cmd, &text)?;
    if word == "~" {
        return files_pattern(cmd, rest);
    }
    let name = native(word.as_bytes());
    let glob = is_wild(&name).then(|| path_glob(&name));
    let conf = inside(cmd, Place::Files, Some(&word), None)?;
    add_files(cmd, Matcher::Files { name, glob }, conf);
    Ok(())
}

pub fn files_match(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    files_pattern(cmd, &text)
}

fn files_pattern(cmd: &mut Cmd<'_>, text: &str) -> Result<(), String> {
    let source = the_pattern(cmd, text)?;
    let pattern = compile_names(cmd, &source)?;
    let conf = inside(cmd, Place::Files, Some(&source), None)?;
    add_files(cmd, Matcher::FilesMatch(pattern), conf);
    Ok(())
}

fn add_files(cmd: &mut Cmd<'_>, matcher: Matcher, conf: ConfMap) {
    let section = Shared::new(Section {
        id: cmd.build.section_id(),
        matcher,
        conf,
    });
    cmd.dir_conf::<CoreDir>().files.push(section);
}

pub fn condition(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let expression = parse_condition(cmd)?;
    add_condition(cmd, Matcher::If(expression))
}

pub fn else_condition(cmd: &mut Cmd<'_>) -> Result<(), String> {
    needs_if(cmd)?;
    let expression = parse_condition(cmd)?;
    add_condition(cmd, Matcher::ElseIf(expression))
}

pub fn otherwise(cmd: &mut Cmd<'_>) -> Result<(), String> {
    needs_if(cmd)?;
    if !cmd.arg(0).is_empty() {
        return Err("<Else> does not take an argument".into());
    }
    add_condition(cmd, Matcher::Else)
}

fn needs_if(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.directive.name;
    match cmd
        .dir_conf::<CoreDir>()
        .conditions
        .last()
        .map(|section| &section.matcher)
    {
        Some(Matcher::If(_) | Matcher::ElseIf(_)) => Ok(()),
        _ => Err(format!("{name}> without a matching <If> section before it")),
    }
}

fn parse_condition(cmd: &Cmd<'_>) -> Result<BoolExpr, String> {
    let text = cmd.arg(0);
    // The whole expression may stand in quotes, in which case it is unquoted as an argument.
    let unquoted = match next_word(text) {
        Some((word, "")) if text.starts_with('"') => word,
        _ => text.to_owned(),
    };
    if unquoted.is_empty() {
        return Err(format!("{}> needs an expression", cmd.directive.name));
    }
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..Default::default()
    };
    BoolExpr::parse(&unquoted, &options)
        .map_err(|message| format!("Cannot parse condition clause: {message}"))
}

fn add_condition(cmd: &mut Cmd<'_>, matcher: Matcher) -> Result<(), String> {
    let conf = inside(cmd, Place::If, None, None)?;
    let section = Shared::new(Section {
        id: cmd.build.section_id(),
        matcher,
        conf,
    });
    cmd.dir_conf::<CoreDir>().conditions.push(section);
    Ok(())
}

/// Carries out the lines inside a section, into records of its own.
fn inside(
    cmd: &mut Cmd<'_>,
    place: Place,
    argument: Option<&str>,
    path: Option<&str>,
) -> Result<ConfMap, String> {
    let mut dir = ConfMap::default();
    dir.entry::<CoreDir>().path = path.map(str::to_owned);
    let htaccess = cmd.place == Place::Htaccess
        || (!cmd.allowed.meets(Scope::RSRC_CONF) && !cmd.allowed.meets(Scope::ACCESS_CONF));
    let allowed = if htaccess { cmd.allowed } else { INSIDE };
    let argument = argument.or(cmd.section).map(str::to_owned);
    let inner = Inner {
        server: None,
        dir: Some(&mut dir),
        place,
        allowed,
        section: argument.as_deref(),
        limited: None,
    };
    cmd.walk(inner)?;
    Ok(dir)
}

/// The section's one argument; with `~` in front, the pattern behind it.
fn one_argument<'t>(cmd: &Cmd<'_>, text: &'t str) -> Result<(String, &'t str), String> {
    let name = cmd.directive.name;
    match next_word(text) {
        None => Err(format!("{name}> section must specify a path or pattern")),
        Some((word, rest)) if word == "~" || rest.is_empty() => Ok((word, rest)),
        Some(_) => Err(format!("Multiple {name}> arguments not (yet) supported.")),
    }
}

fn the_pattern(cmd: &Cmd<'_>, text: &str) -> Result<String, String> {
    match next_word(text) {
        Some((source, "")) if !source.is_empty() => Ok(source),
        Some(_) => Err(format!(
            "Multiple {}> arguments not (yet) supported.",
            cmd.directive.name
        )),
        None => Err(format!(
            "{}> needs a regular expression",
            cmd.directive.name
        )),
    }
}

fn compile(cmd: &Cmd<'_>, source: &str) -> Result<Pattern, String> {
    Pattern::new(source, cmd.build.main.regex)
        .map_err(|e| format!("Regex could not be compiled: {e}"))
}

/// As [`compile`], for the names of files, which may not tell cases apart.
fn compile_names(cmd: &Cmd<'_>, source: &str) -> Result<Pattern, String> {
    let mut flags = cmd.build.main.regex;
    flags.ignore_case |= path::FOLDS;
    Pattern::new(source, flags).map_err(|e| format!("Regex could not be compiled: {e}"))
}

/// A file name as others are compared with it.
fn native(name: &[u8]) -> String {
    String::from_utf8_lossy(&path::fold(name)).into_owned()
}

fn path_glob(path: &str) -> Glob {
    Glob::new(
        path,
        GlobOptions {
            pathname: true,
            ..Default::default()
        },
    )
}

/// Without doubled slashes and `.` segments.
fn normal(path: &str) -> String {
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    // A drive's letter stands at the very beginning.
    let start = if path.starts_with('/') { "/" } else { "" };
    format!("{start}{}", parts.join("/"))
}

fn methods(cmd: &Cmd<'_>) -> Result<MethodSet, String> {
    let list = words(cmd.arg(0));
    if list.is_empty() {
        return Err(format!(
            "{}> needs the names of methods",
            cmd.directive.name
        ));
    }
    let mut set = MethodSet::NONE;
    for name in list {
        match Method::from_name(name.as_bytes()) {
            Method::Trace => {
                return Err("TRACE cannot be controlled by <Limit>, see TraceEnable".into())
            }
            Method::Other if !cmd.build.main.methods.contains(&name) => {
                return Err(format!(
                    "unknown method \"{name}\" in {}>",
                    cmd.directive.name
                ));
            }
            method => set.insert(method),
        }
    }
    Ok(set)
}

pub fn limit(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let set = methods(cmd)?;
    limited(cmd, set)
}

pub fn limit_except(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let set = methods(cmd)?.complement();
    limited(cmd, set)
}

fn limited(cmd: &mut Cmd<'_>, set: MethodSet) -> Result<(), String> {
    if cmd.limited.is_some() {
        return Err(format!(
            "{}> cannot occur within another <Limit> or <LimitExcept>",
            cmd.directive.name
        ));
    }
    let (place, allowed) = (cmd.place, cmd.allowed);
    let section = cmd.section.map(str::to_owned);
    cmd.walk(Inner {
        server: None,
        dir: None,
        place,
        allowed,
        section: section.as_deref(),
        limited: Some(set),
    })
}

pub fn virtual_host(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let addresses = words(cmd.arg(0));
    if addresses.is_empty() {
        return Err("<VirtualHost> directive requires additional arguments".into());
    }
    let at = &cmd.node.at;
    let place = format!("{}:{}", cmd.build.source.path_of(at).display(), at.line);
    let mut server = Server::new(&place);
    for address in &addresses {
        match VhostAddress::parse(address) {
            Ok(list) => server.addresses.extend(list),
            // A name that is not found drops its address; anything else is a mistake.
            Err(message) if message.starts_with("AH00547") => cmd.warn(&message),
            Err(message) => return Err(message),
        }
    }
    let mut dir = std::mem::take(&mut server.dir);
    cmd.walk(Inner {
        server: Some(&mut server),
        dir: Some(&mut dir),
        place: Place::VirtualHost,
        allowed: Scope::RSRC_CONF
            .or(Scope::OPTIONS)
            .or(Scope::FILEINFO)
            .or(Scope::INDEXES),
        section: None,
        limited: None,
    })?;
    server.dir = dir;
    cmd.build.virtual_hosts.push(server);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        assert_eq!(normal("/a//b/./c/"), "/a/b/c");
        assert_eq!(normal("/"), "/");
    }
}
