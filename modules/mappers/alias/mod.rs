//! mod_alias: addresses that lead elsewhere, in the file system (Alias, ScriptAlias) or on the net (Redirect). Server-wide
//! rules and those of `<Location>` act while the address is translated; rules of folders in fixups.

mod config;

use crate::config::expr::StringExpr;
use crate::config::value::{pick, Conf};
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::os::path;
use crate::pattern::{substitute, Pattern};
use crate::protocol::{escape, status};
use crate::request::{expr_vars, Request};
use bstr::{BString, ByteSlice};

const LOG_MODULE: &str = "alias";

/// `mod_alias.c`.
pub static MODULE: Module = Module {
    name: "mod_alias.c",
    identifier: "alias_module",
    directives: config::DIRECTIVES,
    hooks: &[
        HookEntry::request(Phase::Translate, translate)
            .before(&["mod_userdir.c", "mod_vhost_alias.c"]),
        HookEntry::request(Phase::Fixups, fixup),
    ],
    ..Module::EMPTY
};

/// What an address is compared with.
#[derive(Clone, Debug)]
enum Source {
    /// A path and what is below it.
    Path(String),
    /// A regular expression; its groups go into the target.
    Pattern(Pattern),
}

/// Alias, AliasMatch and their Script forms.
#[derive(Clone, Debug)]
struct Alias {
    from: Source,
    to: String,
    /// ScriptAlias.
    script: bool,
}

/// Redirect and RedirectMatch.
#[derive(Clone, Debug)]
struct Redirect {
    from: Source,
    to: String,
    status: u16,
}

/// The rules outside sections.
#[derive(Clone, Default)]
struct AliasServer {
    aliases: Vec<Alias>,
    redirects: Vec<Redirect>,
}

impl Conf for AliasServer {
    fn merge(&self, over: &Self) -> Self {
        AliasServer {
            aliases: over.aliases.iter().chain(&self.aliases).cloned().collect(),
            redirects: over
                .redirects
                .iter()
                .chain(&self.redirects)
                .cloned()
                .collect(),
        }
    }
}

/// The one alias of a `<Location>`.
#[derive(Clone, Debug)]
struct Here {
    to: StringExpr,
    script: bool,
    /// The section's path, for AliasPreservePath; none if it is a pattern.
    path: Option<String>,
}

/// The rules of sections and `.htaccess` files.
#[derive(Clone, Default)]
struct AliasDir {
    redirects: Vec<Redirect>,
    alias: Option<Here>,
    /// Redirect without a path: status and target.
    redirect: Option<(u16, Option<StringExpr>)>,
    /// RedirectRelative.
    relative: Option<bool>,
    /// AliasPreservePath.
    preserve: Option<bool>,
}

impl Conf for AliasDir {
    fn merge(&self, over: &Self) -> Self {
        AliasDir {
            redirects: over
                .redirects
                .iter()
                .chain(&self.redirects)
                .cloned()
                .collect(),
            alias: pick(&self.alias, &over.alias),
            redirect: pick(&self.redirect, &over.redirect),
            relative: over.relative.or(self.relative),
            preserve: over.preserve.or(self.preserve),
        }
    }
}

/// The translate_name hook.
fn translate(r: &mut Request) -> Answer<'_> {
    Answer::Now(translated(r))
}

fn translated(r: &mut Request) -> Status {
    if !r.uri.is_empty() && !r.uri.starts_with(b"/") {
        return Status::Declined;
    }
    let (ctx, conf) = (r.ctx.clone(), r.conf.clone());
    let server = ctx.generation.servers[r.server].conf.get::<AliasServer>();
    let dir = conf.get::<AliasDir>();
    if let Some(status) = dir.and_then(|dir| redirect_here(r, dir)) {
        return status;
    }
    if let Some(status) = server.and_then(|server| redirected(r, &server.redirects, dir)) {
        return status;
    }
    if let Some(here) = dir.and_then(|dir| dir.alias.as_ref()) {
        let preserve = dir.and_then(|dir| dir.preserve) == Some(true);
        return alias_here(r, here, preserve);
    }
    match server.and_then(|server| aliased(r, &server.aliases)) {
        Some(status) => status,
        None => Status::Declined,
    }
}

/// The fixups hook: rules of folders, and of whatever holds now and did not before.
fn fixup(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    let Some(dir) = conf.get::<AliasDir>() else {
        return Answer::Now(Status::Declined);
    };
    let found = redirect_here(r, dir).or_else(|| redirected(r, &dir.redirects, Some(dir)));
    Answer::Now(found.unwrap_or(Status::Declined))
}

/// How much of `uri` is `path`, where it is followed by nothing or a slash. Several slashes are as good as one.
fn matched(uri: &[u8], path: &[u8]) -> Option<usize> {
    let (mut at, mut rest) = (0, path);
    while let Some((&byte, more)) = rest.split_first() {
        if uri.get(at) != Some(&byte) {
            return None;
        }
        at += 1;
        rest = more;
        if byte == b'/' {
            rest = rest.trim_start_with(|c| c == '/');
            at += uri[at..].iter().take_while(|b| **b == b'/').count();
        }
    }
    let whole = path.ends_with(b"/") || matches!(uri.get(at), None | Some(b'/'));
    (at > 0 && whole).then_some(at)
}

/// The first alias that fits makes the file name.
fn aliased(r: &mut Request, aliases: &[Alias]) -> Option<Status> {
    for alias in aliases {
        let file = match &alias.from {
            Source::Path(path) => match matched(&r.uri, path.as_bytes()) {
                Some(end) => {
                    r.context_prefix = Some(path.clone());
                    r.context_document_root = Some(alias.to.as_str().into());
                    BString::from([alias.to.as_bytes(), &r.uri[end..]].concat())
                }
                None => continue,
            },
            Source::Pattern(pattern) => match pattern.captures(&r.uri) {
                Some(groups) => substitute(alias.to.as_bytes(), &groups).into(),
                None => continue,
            },
        };
        return Some(set_file(r, file, alias.script));
    }
    None
}

/// The alias of a `<Location>`.
fn alias_here(r: &mut Request, here: &Here, preserve: bool) -> Status {
    let mut file = match expr_vars::string(r, &here.to) {
        Ok(file) => file,
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2825,
                "Can't evaluate alias expression: {message}"
            );
            return Status::Http(500);
        }
    };
    if let Some(path) = here.path.as_ref().filter(|_| preserve) {
        if let Some(end) = matched(&r.uri, path.as_bytes()) {
            r.context_prefix = Some(path.clone());
            r.context_document_root = Some(file.clone());
            file.extend_from_slice(&r.uri[end..]);
        }
    }
    set_file(r, file, here.script)
}

fn set_file(r: &mut Request, file: BString, script: bool) -> Status {
    if script {
        r.handler = Some("cgi-script".into());
        r.notes.set("alias-forced-type", "cgi-script");
    }
    r.filename = match path::is_absolute(&file) {
        true => file,
        false => {
            let root = &path::to_bytes(&r.ctx.generation.globals.root);
            [root.as_ref(), b"/", file.as_slice()].concat().into()
        }
    };
    Status::Ok
}

/// The first redirect that fits answers.
fn redirected(r: &mut Request, redirects: &[Redirect], dir: Option<&AliasDir>) -> Option<Status> {
    for redirect in redirects {
        let target = match &redirect.from {
            Source::Path(path) => match matched(&r.uri, path.as_bytes()) {
                Some(end) => {
                    // The rest follows the target at once, so a colon in it begins no scheme.
                    let rest = escape::path(&r.uri[end..]);
                    BString::from([redirect.to.as_bytes(), &rest].concat())
                }
                None => continue,
            },
            Source::Pattern(pattern) => match pattern.captures(&r.uri) {
                Some(groups) => escaped(&substitute(redirect.to.as_bytes(), &groups)),
                None => continue,
            },
        };
        return Some(answer(r, redirect.status, target, dir));
    }
    None
}

/// Redirect without a path, in a section.
fn redirect_here(r: &mut Request, dir: &AliasDir) -> Option<Status> {
    let (code, target) = dir.redirect.as_ref()?;
    let target = match target
        .as_ref()
        .map(|target| expr_vars::string(r, target))
        .transpose()
    {
        Ok(target) => escaped(&target.unwrap_or_default()),
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2826,
                "Can't evaluate redirect expression: {message}"
            );
            return Some(Status::Http(500));
        }
    };
    Some(answer(r, *code, target, Some(dir)))
}

/// A target with its path escaped; query and fragment stay as they are.
fn escaped(target: &[u8]) -> BString {
    let end = target
        .iter()
        .position(|b| matches!(b, b'?' | b'#'))
        .unwrap_or(target.len());
    let (path, rest) = target.split_at(end);
    [escape::path(path).as_slice(), rest].concat().into()
}

fn answer(r: &mut Request, code: u16, mut target: BString, dir: Option<&AliasDir>) -> Status {
    if !status::is_redirect(code) {
        return Status::Http(code);
    }
    let relative = dir.and_then(|dir| dir.relative) == Some(true);
    if target.starts_with(b"/") && !relative {
        let whole = r.absolute_url(&target.to_str_lossy());
        log!(
            &*r,
            Level::Info,
            673,
            "incomplete redirection target of '{}' for URI '{}' modified to '{whole}'",
            log::raw(&target),
            log::raw(&r.uri)
        );
        target = whole.into();
    }
    if !(is_url(&target) || relative && target.starts_with(b"/")) {
        log!(
            &*r,
            Level::Error,
            674,
            "cannot redirect '{}' to '{}'; target is not a valid absoluteURI or abs_path",
            log::raw(&r.uri),
            log::raw(&target)
        );
        return Status::Http(500);
    }
    if let Some(args) = r.args.as_ref().filter(|_| !target.contains(&b'?')) {
        target.push(b'?');
        target.extend_from_slice(args);
    }
    r.headers_out.set("Location", target);
    Status::Http(code)
}

/// True if a text begins with a scheme.
fn is_url(text: &[u8]) -> bool {
    let in_scheme = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let end = text.iter().take_while(|b| in_scheme(b)).count();
    end > 0 && text.get(end) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_in_whole_segments() {
        assert_eq!(matched(b"/a/b", b"/a"), Some(2));
        assert_eq!(matched(b"/a", b"/a"), Some(2));
        assert_eq!(matched(b"/ab", b"/a"), None);
        assert_eq!(matched(b"/a/b", b"/a/"), Some(3));
        assert_eq!(matched(b"/a", b"/a/"), None);
        assert_eq!(matched(b"/a//b", b"/a/"), Some(4));
        assert_eq!(matched(b"//a/b", b"/a"), Some(3));
        assert_eq!(matched(b"/a/b", b"//a"), Some(2));
        assert_eq!(matched(b"/x", b"/"), Some(1));
        assert_eq!(matched(b"", b"/"), None);
        assert_eq!(matched(b"/x", b""), None);
    }

    #[test]
    fn only_the_path_is_escaped() {
        assert_eq!(escaped(b"http://x/a b?c d#e f"), "http://x/a%20b?c d#e f");
        assert_eq!(escaped(b"/a#b"), "/a#b");
    }

    #[test]
    fn schemes() {
        assert!(is_url(b"http://x"));
        assert!(is_url(b"mailto:x"));
        assert!(!is_url(b"/x:y"));
        assert!(!is_url(b"//x"));
        assert!(!is_url(b":x"));
    }
}
