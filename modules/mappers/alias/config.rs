//! The directives of mod_alias.

use super::{is_url, matched, Alias, AliasDir, AliasServer, Here, Redirect, Source};
use crate::config::directive::{Arity, Cmd, Directive, Place, Scope};
use crate::config::expr::{ParseOptions, StringExpr};
use crate::os::path;
use crate::pattern::Pattern;
use crate::protocol::status;
use std::path::Path;

/// Outside sections, and in sections.
const ANY: Scope = Scope::RSRC_CONF.or(Scope::ACCESS_CONF);

macro_rules! row {
    ($name:literal, $scope:expr, $arity:ident, $set:expr, $help:literal) => {
        Directive::new($name, $scope, Arity::$arity, $set, $help)
    };
}

#[rustfmt::skip]
pub(super) static DIRECTIVES: &[Directive] = &[
    row!("Alias", ANY, Take12, |cmd| alias(cmd, false), "a fakename and a realname, or a realname in a Location"),
    row!("ScriptAlias", ANY, Take12, |cmd| alias(cmd, true), "a fakename and a realname, or a realname in a Location"),
    row!("AliasMatch", Scope::RSRC_CONF, Take2, |cmd| alias_match(cmd, false), "a regular expression and a filename"),
    row!("ScriptAliasMatch", Scope::RSRC_CONF, Take2, |cmd| alias_match(cmd, true), "a regular expression and a filename"),
    row!("Redirect", Scope::FILEINFO, Take123, |cmd| redirect(cmd, status::FOUND), "an optional status, then document to be redirected and destination URL"),
    row!("RedirectTemp", Scope::FILEINFO, Take2, |cmd| redirect(cmd, status::FOUND), "a document to be redirected, then the destination URL"),
    row!("RedirectPermanent", Scope::FILEINFO, Take2, |cmd| redirect(cmd, 301), "a document to be redirected, then the destination URL"),
    row!("RedirectMatch", Scope::FILEINFO, Take23, redirect_match, "an optional status, then a regular expression and destination URL"),
    row!("RedirectRelative", Scope::FILEINFO, Flag, redirect_relative, "whether a redirect to a local path stays without scheme and host"),
    row!("AliasPreservePath", Scope::FILEINFO, Flag, preserve_path, "whether an alias in a Location keeps the rest of the path"),
];

/// True outside all sections.
fn is_global(cmd: &Cmd<'_>) -> bool {
    matches!(cmd.place, Place::Main | Place::VirtualHost)
}

fn text(cmd: &Cmd<'_>, what: &str, source: &str) -> Result<StringExpr, String> {
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..Default::default()
    };
    StringExpr::parse(source, &options)
        .map_err(|message| format!("Cannot parse {what} expression '{source}': {message}"))
}

fn pattern(cmd: &Cmd<'_>, source: &str) -> Result<Pattern, String> {
    Pattern::new(source, cmd.build.main.regex)
        .map_err(|message| format!("Regular expression could not be compiled: {message}"))
}

fn alias(cmd: &mut Cmd<'_>, script: bool) -> Result<(), String> {
    let name = cmd.directive.name;
    if cmd.place == Place::Location {
        return match cmd.args.len() {
            1 => alias_in_location(cmd, script),
            _ => Err(format!(
                "{name} takes one argument in <Location>, the file or folder it stands for"
            )),
        };
    }
    if !is_global(cmd) {
        return Err(format!(
            "{name} cannot occur within <Directory>, <Files> or <If> section"
        ));
    }
    if cmd.args.len() == 1 {
        return Err(format!("{name} must have two arguments when used globally"));
    }
    let alias = Alias {
        from: Source::Path(cmd.arg(0).to_owned()),
        to: String::from_utf8_lossy(&path::to_bytes(Path::new(cmd.file_name(1)?))).into_owned(),
        script,
    };
    reads(cmd, 1);
    add(cmd, alias);
    Ok(())
}

fn alias_in_location(cmd: &mut Cmd<'_>, script: bool) -> Result<(), String> {
    let to = text(cmd, "alias", cmd.arg(0))?;
    reads(cmd, 0);
    let path = cmd
        .section
        .filter(|section| !section.starts_with('~'))
        .map(str::to_owned);
    cmd.dir_conf::<AliasDir>().alias = Some(Here { to, script, path });
    Ok(())
}

fn alias_match(cmd: &mut Cmd<'_>, script: bool) -> Result<(), String> {
    let from = Source::Pattern(pattern(cmd, cmd.arg(0))?);
    let to = cmd.file_name(1)?.to_owned();
    reads(cmd, 1);
    add(cmd, Alias { from, to, script });
    Ok(())
}

/// An argument names what children are to read.
fn reads(cmd: &mut Cmd<'_>, argument: usize) {
    let name = cmd.root_relative(cmd.arg(argument));
    cmd.build.main.reach.reads(&name);
}

/// Adds an alias, with a warning if an earlier one takes all that it is for.
fn add(cmd: &mut Cmd<'_>, alias: Alias) {
    let hidden = cmd
        .server_conf::<AliasServer>()
        .aliases
        .iter()
        .any(|earlier| hides(&earlier.from, &alias.from));
    if hidden {
        cmd.warn(&format!(
            "AH00671: The {} directive will probably never match because it overlaps an earlier one",
            cmd.directive.name
        ));
    }
    cmd.server_conf::<AliasServer>().aliases.push(alias);
}

fn hides(earlier: &Source, later: &Source) -> bool {
    match (earlier, later) {
        (Source::Path(earlier), Source::Path(later)) => {
            matched(later.as_bytes(), earlier.as_bytes()).is_some()
        }
        (Source::Pattern(earlier), Source::Path(later)) => earlier.is_match(later.as_bytes()),
        (Source::Pattern(earlier), Source::Pattern(later)) => earlier.source() == later.source(),
        (Source::Path(_), Source::Pattern(_)) => false,
    }
}

/// The status that a word stands for.
fn named_status(word: &str) -> Option<u16> {
    match word.to_ascii_lowercase().as_str() {
        "permanent" => Some(301),
        "temp" => Some(302),
        "seeother" => Some(303),
        "gone" => Some(410),
        // What is no number of a status, and too long for one, is no redirect either.
        digits if digits.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(digits.parse().unwrap_or(0))
        }
        _ => None,
    }
}

fn redirect(cmd: &mut Cmd<'_>, usual: u16) -> Result<(), String> {
    let (code, rest) = status_first(cmd, usual)?;
    // In a section the path may be left out: the section says for which addresses.
    let here = !is_global(cmd);
    match rest.as_slice() {
        [] if here => redirect_here(cmd, code, None),
        [only] if here && (status::is_redirect(code) || !only.starts_with('/')) => {
            redirect_here(cmd, code, Some(only))
        }
        [] => Err("Redirect needs the path that it is for".into()),
        [from, more @ ..] => {
            let to = check_target(code, more.first().map(String::as_str), false)?;
            push(
                cmd,
                Redirect {
                    from: Source::Path(from.clone()),
                    to,
                    status: code,
                },
            );
            Ok(())
        }
    }
}

/// Cuts off a status in front.
fn status_first(cmd: &Cmd<'_>, usual: u16) -> Result<(u16, Vec<String>), String> {
    let fixed = cmd.directive.arity == Arity::Take2;
    match named_status(cmd.arg(0)) {
        Some(code) if !fixed => Ok((code, cmd.args[1..].to_vec())),
        None if cmd.args.len() == 3 => Err("Redirect: invalid first argument (of three)".into()),
        _ => Ok((usual, cmd.args.clone())),
    }
}

fn redirect_here(cmd: &mut Cmd<'_>, code: u16, target: Option<&str>) -> Result<(), String> {
    if status::is_redirect(code) && target.is_none() {
        return Err("URL to redirect to is missing".into());
    }
    let target = match target.filter(|_| status::is_redirect(code)) {
        Some(target) => Some(text(cmd, "redirect", target)?),
        None => None,
    };
    check_status(code)?;
    cmd.dir_conf::<AliasDir>().redirect = Some((code, target));
    Ok(())
}

fn redirect_match(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (code, rest) = status_first(cmd, status::FOUND)?;
    let [from, more @ ..] = rest.as_slice() else {
        return Err("RedirectMatch needs a regular expression".into());
    };
    let from = Source::Pattern(pattern(cmd, from)?);
    let to = check_target(code, more.first().map(String::as_str), true)?;
    push(
        cmd,
        Redirect {
            from,
            to,
            status: code,
        },
    );
    Ok(())
}

/// The target, which only redirects have.
fn check_target(code: u16, target: Option<&str>, pattern: bool) -> Result<String, String> {
    match (status::is_redirect(code), target) {
        (true, None) => Err("URL to redirect to is missing".into()),
        (true, Some(url)) if !pattern && !url.starts_with('/') && !is_url(url.as_bytes()) => {
            Err("Redirect to non-URL".into())
        }
        (true, Some(url)) => Ok(url.to_owned()),
        (false, Some(_)) => Err("Redirect URL not valid for this status".into()),
        (false, None) => check_status(code).map(|()| String::new()),
    }
}

/// A status that an answer can have.
fn check_status(code: u16) -> Result<(), String> {
    match (300..600).contains(&code) {
        true => Ok(()),
        false => Err(format!(
            "Redirect: {code} is not a status that a redirect can answer with"
        )),
    }
}

fn push(cmd: &mut Cmd<'_>, redirect: Redirect) {
    match is_global(cmd) {
        true => cmd.server_conf::<AliasServer>().redirects.push(redirect),
        false => cmd.dir_conf::<AliasDir>().redirects.push(redirect),
    }
}

fn redirect_relative(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<AliasDir>().relative = Some(on);
    Ok(())
}

fn preserve_path(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<AliasDir>().preserve = Some(on);
    Ok(())
}
