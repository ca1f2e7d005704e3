//! mod_dir: what a folder is answered with: the redirect to its name with a slash, its index document, or a fallback
//! for what is not there. Runs late in fixups, when everything else about the request is known.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::tree::words;
use crate::config::value::{pick, Conf};
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::protocol::{escape, status, Method};
use crate::request::{redirect, FileKind, Request, DIRECTORY_TYPE};
use bstr::{BStr, BString, ByteSlice};

/// `mod_dir.c`.
pub static MODULE: Module = Module {
    name: "mod_dir.c",
    identifier: "dir_module",
    directives: DIRECTIVES,
    hooks: &[HookEntry::request(Phase::Fixups, fixup).order(Order::Last)],
    ..Module::EMPTY
};

#[rustfmt::skip]
static DIRECTIVES: &[Directive] = &[
    Directive::new("DirectoryIndex", Scope::INDEXES, Arity::Raw, directory_index, "a list of file names, or disabled"),
    Directive::new("DirectorySlash", Scope::INDEXES, Arity::Take1, directory_slash, "On, Off or NotFound: what a folder's name without a slash leads to"),
    Directive::new("DirectoryIndexRedirect", Scope::INDEXES, Arity::Take1, index_redirect, "On, Off, permanent, temp, seeother or a status from 300 to 399"),
    Directive::new("FallbackResource", Scope::INDEXES, Arity::Take1, fallback_resource, "a local URL for what is not there, or disabled"),
    Directive::new("DirectoryCheckHandler", Scope::INDEXES, Arity::Flag, check_handler, "whether another handler keeps the index away"),
];

/// `DirectorySlash`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    On,
    Off,
    NotFound,
}

/// The directives of a directory.
#[derive(Clone, Default)]
struct DirConf {
    /// DirectoryIndex; an empty list is `disabled`.
    index: Option<Vec<String>>,
    slash: Option<Slash>,
    /// DirectoryIndexRedirect: a status, or 0 for none.
    redirect: Option<u16>,
    /// FallbackResource; empty for `disabled`.
    fallback: Option<String>,
    check_handler: Option<bool>,
}

impl Conf for DirConf {
    fn merge(&self, over: &Self) -> Self {
        DirConf {
            index: pick(&self.index, &over.index),
            slash: over.slash.or(self.slash),
            redirect: over.redirect.or(self.redirect),
            fallback: pick(&self.fallback, &over.fallback),
            check_handler: over.check_handler.or(self.check_handler),
        }
    }
}

fn directory_index(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let names = words(cmd.arg(0));
    // `disabled` alone empties the list; among others it is the name of a file.
    let disabled = names.len() == 1
        && names
            .iter()
            .all(|name| name.eq_ignore_ascii_case("disabled"));
    let index = cmd.dir_conf::<DirConf>().index.get_or_insert_with(Vec::new);
    match disabled {
        true => index.clear(),
        false => index.extend(names),
    }
    Ok(())
}

fn directory_slash(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let slash = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Slash::On,
        "off" => Slash::Off,
        "notfound" => Slash::NotFound,
        _ => return Err("DirectorySlash must be On, Off or NotFound".into()),
    };
    cmd.dir_conf::<DirConf>().slash = Some(slash);
    Ok(())
}

fn index_redirect(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let code = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" | "temp" => status::FOUND,
        "off" => 0,
        "permanent" => 301,
        "seeother" => 303,
        text => match text.parse::<u16>() {
            Ok(code) if (300..400).contains(&code) => code,
            Ok(_) => {
                return Err("DirectoryIndexRedirect only accepts values between 300 and 399".into())
            }
            Err(_) => {
                return Err("DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx".into())
            }
        },
    };
    cmd.dir_conf::<DirConf>().redirect = Some(code);
    Ok(())
}

fn fallback_resource(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let target = cmd.arg(0);
    let target = if target.eq_ignore_ascii_case("disabled") {
        String::new()
    } else {
        target.to_owned()
    };
    cmd.dir_conf::<DirConf>().fallback = Some(target);
    Ok(())
}

fn check_handler(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<DirConf>().check_handler = Some(on);
    Ok(())
}

/// The fixups hook.
fn fixup(r: &mut Request) -> Answer<'_> {
    match &r.finfo {
        Some(info) if info.kind == FileKind::Directory => folder(r),
        None if r.handler.is_none() && !r.no_file => fallback(r),
        _ => Answer::Now(Status::Declined),
    }
}

fn folder(r: &mut Request) -> Answer<'_> {
    let handler = r.handler.get_or_insert_with(|| DIRECTORY_TYPE.to_owned());
    let taken = handler != DIRECTORY_TYPE;
    if !r.path_info.is_empty() {
        return Answer::Now(Status::Declined);
    }
    let conf = r.dir_conf::<DirConf>().cloned().unwrap_or_default();
    if !r.uri.ends_with(b"/") {
        return Answer::Now(add_slash(r, conf.slash.unwrap_or(Slash::On)));
    }
    if taken && conf.check_handler == Some(true) {
        // The handler answers for itself; that the file is a folder is not its type.
        if r.content_type.as_deref() == Some(DIRECTORY_TYPE) {
            r.content_type = None;
        }
        return Answer::Now(Status::Declined);
    }
    Answer::later(index(r, conf))
}

/// A folder's address without its slash.
fn add_slash(r: &mut Request, slash: Slash) -> Status {
    match slash {
        Slash::Off => return Status::Declined,
        Slash::NotFound => return Status::Http(404),
        Slash::On => {}
    }
    if r.method != Method::Get && r.method != Method::Head && r.env.contains("redirect-carefully") {
        return Status::Declined;
    }
    let mut target = escape::path(&r.uri);
    target.push(b'/');
    if let Some(args) = &r.args {
        target.push(b'?');
        target.extend_from_slice(args);
    }
    let location = r.absolute_url(&target.to_str_lossy());
    r.headers_out.set("Location", location);
    Status::Http(301)
}

/// `name`, followed by the query of the request.
fn with_query(r: &Request, name: &str) -> BString {
    let mut target = BString::from(name);
    if let Some(args) = &r.args {
        target.push(b'?');
        target.extend_from_slice(args);
    }
    target
}

/// The first of the names in DirectoryIndex that is a file.
async fn index(r: &mut Request, conf: DirConf) -> Status {
    let usual = ["index.html".to_owned()];
    let names = conf.index.as_deref().unwrap_or(&usual);
    let mut refused = None;
    for name in names {
        let target = with_query(r, name);
        let sub = r.lookup_uri(BStr::new(&target)).await;
        if is_file(&sub) {
            return match conf.redirect {
                Some(code) if code != 0 => {
                    let location = r.absolute_url(&escape::path(&sub.uri).to_str_lossy());
                    r.headers_out.set("Location", location);
                    Status::Http(code)
                }
                _ => {
                    redirect::adopt(r, sub);
                    Status::Ok
                }
            };
        }
        let alone = names.len() == 1 && matches!(sub.status, 401 | 406);
        if status::is_redirect(sub.status) || alone {
            return keep_answer(r, &sub);
        }
        // A file that may not be seen must not lead to a listing of the folder.
        if !matches!(sub.status, 200 | 404) {
            refused = Some(Status::Http(sub.status));
        }
    }
    let tried = names.join(" ");
    r.notes.set("dir-index-names", tried);
    refused.unwrap_or(Status::Declined)
}

fn is_file(sub: &Request) -> bool {
    let regular = sub
        .finfo
        .as_ref()
        .is_some_and(|info| info.kind == FileKind::Regular);
    sub.status == status::OK && (regular || sub.handler.as_deref() == Some("proxy-server"))
}

/// A redirect or a challenge that was found on the way is the answer.
fn keep_answer(r: &mut Request, sub: &Request) -> Status {
    r.notes.overlay(&sub.notes);
    r.headers_out.overlay(&sub.headers_out);
    r.err_headers_out.overlay(&sub.err_headers_out);
    Status::Http(sub.status)
}

/// FallbackResource, for what is neither a file nor anybody's.
fn fallback(r: &mut Request) -> Answer<'_> {
    let target = match r
        .dir_conf::<DirConf>()
        .and_then(|conf| conf.fallback.as_deref())
    {
        Some(target) if !target.is_empty() => with_query(r, target),
        _ => return Answer::Now(Status::Declined),
    };
    Answer::later(async move {
        let sub = r.lookup_uri(BStr::new(&target)).await;
        if is_file(&sub) {
            redirect::adopt(r, sub);
            return Status::Ok;
        }
        match sub.status {
            code if status::is_redirect(code) => keep_answer(r, &sub),
            200 | 404 => Status::Declined,
            code => Status::Http(code),
        }
    })
}
