//! Directives of directories, locations, files and conditions.

use super::httpd_internal::{Cmd, Scope};
use super::server::on_off;
use crate::config::core::{
    CanonicalName, CoreDir, ErrorDocument, FileEtag, Lookups, Options, OptionsChange, Signature,
};
use crate::config::directive::Place;
use crate::config::expr::{ParseOptions, StringExpr};
use crate::config::tree::words;
use crate::log::Levels;

/// A text with `%{...}` in it, by the rules of this configuration.
pub fn text(cmd: &Cmd<'_>, source: &str) -> Result<StringExpr, String> {
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..Default::default()
    };
    StringExpr::parse(source, &options)
}

pub fn log_level(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let word = cmd.arg(0).to_owned();
    let modules = cmd.build.globals.modules.clone();
    let find = |name: &str| modules.short_name(name);
    match cmd.place {
        Place::Main | Place::VirtualHost => set_level(&mut cmd.server.levels, &word, find),
        _ => {
            let levels = cmd
                .dir_conf::<CoreDir>()
                .log_levels
                .get_or_insert_with(Levels::default);
            set_level(levels, &word, find)
        }
    }
}

fn set_level(
    levels: &mut Levels,
    word: &str,
    find: impl Fn(&str) -> Option<&'static str>,
) -> Result<(), String> {
    levels.set(word, &find)
}

pub fn canonical_name(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => CanonicalName::On,
        "off" => CanonicalName::Off,
        "dns" => CanonicalName::Dns,
        _ => return Err("parameter must be 'on', 'off', or 'dns'".into()),
    };
    cmd.dir_conf::<CoreDir>().canonical_name = Some(mode);
    Ok(())
}

pub fn canonical_port(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = on_off(cmd)?;
    cmd.dir_conf::<CoreDir>().canonical_port = Some(on);
    Ok(())
}

pub fn hostname_lookups(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Lookups::On,
        "off" => Lookups::Off,
        "double" => Lookups::Double,
        _ => return Err("parameter must be 'on', 'off', or 'double'".into()),
    };
    cmd.dir_conf::<CoreDir>().hostname_lookups = Some(mode);
    Ok(())
}

pub fn allow_override(cmd: &mut Cmd<'_>) -> Result<(), String> {
    warn_if_useless(cmd);
    let (mut classes, mut options, mut nonfatal) = (Scope::NONE, None, (false, false));
    for word in words(cmd.arg(0)) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let class = match name.to_ascii_lowercase().as_str() {
            "limit" => Scope::LIMIT,
            "fileinfo" => Scope::FILEINFO,
            "indexes" => Scope::INDEXES,
            "authconfig" => Scope::AUTHCFG,
            "options" => {
                options = value.map(option_list).transpose()?;
                Scope::OPTIONS
            }
            "nonfatal" => {
                nonfatal = parse_nonfatal(value)?;
                Scope::NONE
            }
            "none" => Scope::NONE,
            "all" => Scope::ALL,
            _ => return Err(format!("Illegal override option {word}")),
        };
        classes = classes.or(class);
    }
    let conf = cmd.dir_conf::<CoreDir>();
    (conf.allow_override, conf.override_options, conf.nonfatal) =
        (Some(classes), options, nonfatal);
    Ok(())
}

fn parse_nonfatal(value: Option<&str>) -> Result<(bool, bool), String> {
    match value.unwrap_or_default().to_ascii_lowercase().as_str() {
        "override" => Ok((true, false)),
        "unknown" => Ok((false, true)),
        "all" => Ok((true, true)),
        other => Err(format!(
            "unknown parameter '{other}' of Nonfatal; known are Override, Unknown and All"
        )),
    }
}

/// In `<Location>`, and in sections with a regular expression, `.htaccess` files are not looked for: accepted with
/// Apache's warning.
fn warn_if_useless(cmd: &mut Cmd<'_>) {
    let plain = cmd.place == Place::Directory && !cmd.section.is_some_and(|s| s.starts_with('~'));
    if !plain {
        let file = cmd.build.source.path_of(&cmd.node.at).display();
        let text = format!(
            "AH00114: Useless use of {} in line {} of {file}.",
            cmd.directive.name, cmd.node.at.line
        );
        cmd.build.warnings.push(text);
    }
}

pub fn allow_override_list(cmd: &mut Cmd<'_>) -> Result<(), String> {
    warn_if_useless(cmd);
    let mut names = Vec::new();
    for name in cmd.args.clone() {
        if name.eq_ignore_ascii_case("none") {
            continue;
        }
        match cmd.build.globals.modules.directive(&name) {
            Some((_, row)) if row.scope.meets(Scope::ALL) => names.push(name.to_ascii_lowercase()),
            Some(_) => cmd.warn(&format!(
                "AH02305: Discarding directive `{name}', not allowed in .htaccess"
            )),
            None => cmd.warn(&format!(
                "AH00116: Discarding unrecognized directive `{name}'"
            )),
        }
    }
    cmd.dir_conf::<CoreDir>().override_list = Some(names).filter(|names| !names.is_empty());
    Ok(())
}

fn option_bit(name: &str) -> Result<u16, String> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "indexes" => Options::INDEXES,
        "includes" => Options::INCLUDES,
        "includesnoexec" => Options::INCLUDES_NOEXEC,
        "followsymlinks" => Options::FOLLOW,
        "symlinksifownermatch" => Options::OWNER_MATCH,
        "execcgi" => Options::EXEC_CGI,
        "multiviews" => Options::MULTIVIEWS,
        "all" => Options::ALL,
        "none" => 0,
        _ => return Err(format!("Illegal option {name}")),
    })
}

/// `AllowOverride Options=a,b`.
fn option_list(text: &str) -> Result<u16, String> {
    text.split(',')
        .try_fold(0, |bits, name| Ok(bits | option_bit(name)?))
}

pub fn options(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mut change = OptionsChange::default();
    let list = words(cmd.arg(0));
    let signs = list
        .iter()
        .filter(|word| word.starts_with(['+', '-']))
        .count();
    if signs > 0 && signs < list.len() {
        return Err("Either all Options must start with + or -, or no Option may.".into());
    }
    for word in &list {
        let bit = option_bit(word.trim_start_matches(['+', '-']))?;
        check_permitted(cmd, bit, word)?;
        match word.as_bytes().first() {
            Some(b'+') => (change.add, change.remove) = (change.add | bit, change.remove & !bit),
            Some(b'-') => (change.remove, change.add) = (change.remove | bit, change.add & !bit),
            _ => change.absolute = Some(change.absolute.unwrap_or(0) | bit),
        }
    }
    let conf = cmd.dir_conf::<CoreDir>();
    conf.options = match change.absolute {
        Some(_) => change,
        None => OptionsChange {
            absolute: conf.options.absolute,
            add: (conf.options.add & !change.remove) | change.add,
            remove: (conf.options.remove & !change.add) | change.remove,
        },
    };
    Ok(())
}

/// `AllowOverride Options=...` limits which options a `.htaccess` file may touch.
fn check_permitted(cmd: &mut Cmd<'_>, bit: u16, word: &str) -> Result<(), String> {
    if cmd.place != Place::Htaccess {
        return Ok(());
    }
    match cmd.dir_conf::<CoreDir>().override_options {
        Some(permitted) if bit & !permitted != 0 => Err(format!("Option {word} not allowed here")),
        _ => Ok(()),
    }
}

pub fn accept_path_info(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        "default" => None,
        _ => return Err("AcceptPathInfo must be set to on, off or default".into()),
    };
    cmd.dir_conf::<CoreDir>().accept_path_info = Some(mode);
    Ok(())
}

pub fn default_charset(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let charset = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "off" => String::new(),
        "on" => "iso-8859-1".into(),
        _ => cmd.arg(0).to_owned(),
    };
    cmd.dir_conf::<CoreDir>().default_charset = Some(charset);
    Ok(())
}

pub fn default_type(cmd: &mut Cmd<'_>) -> Result<(), String> {
    if !cmd.arg(0).eq_ignore_ascii_case("none") {
        cmd.warn("AH01567: Ignoring deprecated use of DefaultType");
    }
    Ok(())
}

pub fn force_type(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let kind = cmd.arg(0).to_owned();
    let kind = if kind.eq_ignore_ascii_case("none") {
        String::new()
    } else {
        kind
    };
    cmd.dir_conf::<CoreDir>().force_type = Some(kind);
    Ok(())
}

pub fn set_handler(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let handler = text(cmd, cmd.arg(0))?;
    cmd.dir_conf::<CoreDir>().handler = Some(handler);
    Ok(())
}

/// As in Apache, a name that nobody has is no mistake: each response tells of it in the log, and does without.
fn filter_names(cmd: &mut Cmd<'_>) -> Result<Vec<String>, String> {
    let names: Vec<_> = cmd
        .arg(0)
        .split(';')
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect();
    for name in &names {
        let known = cmd.build.globals.modules.has_filter(name);
        if !known && !name.eq_ignore_ascii_case("none") {
            cmd.warn(&format!(
                "{}: no filter is called {name} in the active modules",
                cmd.directive.name
            ));
        }
    }
    Ok(names
        .into_iter()
        .filter(|name| !name.eq_ignore_ascii_case("none"))
        .collect())
}

pub fn output_filter(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let names = filter_names(cmd)?;
    cmd.dir_conf::<CoreDir>().output_filters = Some(names);
    Ok(())
}

pub fn input_filter(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let names = filter_names(cmd)?;
    cmd.dir_conf::<CoreDir>().input_filters = Some(names);
    Ok(())
}

pub fn error_document(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let status = cmd.number(0, 100u16, 599).unwrap_or(0);
    if status < 400 || crate::protocol::status::reason(status).is_none() {
        return Err(format!("Unsupported HTTP response code {}", cmd.arg(0)));
    }
    let target = cmd.arg(1).to_owned();
    let document = if target.eq_ignore_ascii_case("default") {
        ErrorDocument::Default
    } else if target.starts_with('/') {
        ErrorDocument::Local(text(cmd, &target)?)
    } else if is_url(&target) {
        if status == 401 {
            cmd.warn(
                "AH00113: cannot use a full URL in a 401 ErrorDocument directive --- ignoring!",
            );
            return Ok(());
        }
        ErrorDocument::Remote(text(cmd, &target)?)
    } else {
        // The old form has one quote in front and none at the end.
        ErrorDocument::Text(text(cmd, target.strip_prefix('"').unwrap_or(&target))?)
    };
    let documents = &mut cmd.dir_conf::<CoreDir>().error_documents;
    documents.retain(|(known, _)| *known != status);
    documents.push((status, document));
    Ok(())
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    !scheme.is_empty()
        && !scheme.contains(char::is_whitespace)
        && text[scheme.len()..].starts_with("://")
}

pub fn file_etag(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mut tag = FileEtag::default();
    for word in words(cmd.arg(0)) {
        let bit = match word
            .trim_start_matches(['+', '-'])
            .to_ascii_lowercase()
            .as_str()
        {
            "none" => FileEtag::NONE,
            "all" => FileEtag::MTIME | FileEtag::INODE | FileEtag::SIZE,
            "mtime" => FileEtag::MTIME,
            "size" => FileEtag::SIZE,
            "inode" => FileEtag::INODE,
            "digest" => FileEtag::DIGEST,
            _ => {
                return Err(format!(
                    "Unknown keyword '{word}' for {} directive",
                    cmd.directive.name
                ))
            }
        };
        match word.as_bytes().first() {
            Some(b'+') => tag.add |= bit,
            Some(b'-') => tag.remove |= bit,
            _ => tag.absolute = Some(tag.absolute.unwrap_or(0) | bit),
        }
    }
    cmd.dir_conf::<CoreDir>().file_etag = tag;
    Ok(())
}

/// Files are never mapped to memory here (a file cut short would end the process), so Off is what always happens.
pub fn enable_mmap(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    if on {
        cmd.warn_no_effect("files are never mapped to memory, since one that is cut short meanwhile would end the process");
    }
    cmd.dir_conf::<CoreDir>().mmap = Some(on);
    Ok(())
}

pub fn enable_sendfile(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<CoreDir>().sendfile = Some(on);
    Ok(())
}

pub fn content_digest(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<CoreDir>().content_digest = Some(on);
    Ok(())
}

pub fn signature(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Signature::On,
        "off" => Signature::Off,
        "email" => Signature::EMail,
        _ => return Err("ServerSignature: use one of: off | on | email".into()),
    };
    cmd.dir_conf::<CoreDir>().signature = Some(mode);
    Ok(())
}

pub fn cgi_pass_auth(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<CoreDir>().cgi_pass_auth = Some(on);
    Ok(())
}

pub fn cgi_var(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (name, rule) = (cmd.arg(0).to_owned(), cmd.arg(1).to_ascii_lowercase());
    if name != "REQUEST_URI" {
        return Err("The only valid CGIVar variable is REQUEST_URI".into());
    }
    if rule != "original-uri" && rule != "current-uri" {
        return Err("CGIVar REQUEST_URI takes original-uri or current-uri".into());
    }
    let vars = &mut cmd.dir_conf::<CoreDir>().cgi_vars;
    vars.retain(|(known, _)| *known != name);
    vars.push((name, rule));
    Ok(())
}

pub fn qualify_redirect(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<CoreDir>().qualify_redirect = Some(on);
    Ok(())
}
