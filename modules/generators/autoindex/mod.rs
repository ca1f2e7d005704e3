//! mod_autoindex: a page that lists a folder without an index document.
//!
//! `config` has the directives, `entries` collects and sorts what is listed, `page` writes it. The handler here joins them.

mod config;
mod entries;
mod natural;
mod page;
mod query;

use crate::config::core::Options;
use crate::connection::host::blocking;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::os::{clock, path};
use crate::protocol::{date, escape, Method};
use crate::request::{validators, FileKind, Request, DIRECTORY_TYPE};
use bstr::{BStr, BString, ByteSlice};
use config::{Flag, IndexDir};
use page::Page;

const LOG_MODULE: &str = "autoindex";

/// `mod_autoindex.c`.
pub static MODULE: Module = Module {
    name: "mod_autoindex.c",
    identifier: "autoindex_module",
    directives: config::DIRECTIVES,
    hooks: &[HookEntry::request(Phase::Handler, handle)],
    ..Module::EMPTY
};

/// The handler of folders.
fn handle(r: &mut Request) -> Answer<'_> {
    let wanted = match r.handler.as_deref() {
        Some(name) => name == DIRECTORY_TYPE,
        None => r.content_type.as_deref() == Some(DIRECTORY_TYPE),
    };
    if !wanted || !matches!(r.method, Method::Get | Method::Head) {
        return Answer::Now(Status::Declined);
    }
    if !r.core_dir().options().has(Options::INDEXES) {
        let names = r
            .notes
            .get("dir-index-names")
            .map_or("none".to_owned(), |names| names.to_string());
        log!(&*r, Level::Error, 1276, "Cannot serve directory {}: No matching DirectoryIndex ({names}) found, and server-generated directory index forbidden by Options directive", log::raw(&r.filename));
        return Answer::Now(Status::Http(403));
    }
    Answer::later(list(r))
}

/// Lists the folder.
async fn list(r: &mut Request) -> Status {
    let conf = r.dir_conf::<IndexDir>().cloned().unwrap_or_default();
    let query = query::Query::read(&conf, r.args.as_ref().map(|args| args.as_slice()));
    let path = path::of(&r.filename).to_path_buf();
    let ctx = r.ctx.clone();
    let read = blocking(&*ctx.host, move || entries::names(&path)).await;
    let names = match read.and_then(|names| names) {
        Ok(names) => names,
        Err(error) => {
            log!(
                &*r,
                Level::Error,
                1275,
                err = error,
                "Can't open directory for index: {}",
                log::raw(&r.filename)
            );
            return Status::Http(403);
        }
    };
    if !r.filename.ends_with(b"/") {
        r.filename.push(b'/');
    }
    let kind = conf.media_type.as_deref().unwrap_or("text/html");
    let charset = conf.charset.as_deref().unwrap_or("ISO-8859-1");
    r.content_type = Some(format!("{kind};charset={charset}"));
    if query.flags.has(Flag::TrackModified) {
        track(r);
    }
    if r.header_only {
        return Status::Ok;
    }
    let entries = entries::collect(r, &conf, &query, names).await;
    write(r, &conf, query, &entries).await;
    Status::Ok
}

/// Last-Modified and ETag of the folder.
fn track(r: &mut Request) {
    let Some(info) = r.finfo.clone() else { return };
    r.update_mtime(info.mtime);
    let modified = clock::seconds(info.mtime).min(clock::seconds(r.request_time));
    r.headers_out.set("Last-Modified", date::http(modified));
    if let Some(tag) = validators::file_tag(r, &info) {
        r.headers_out.set("ETag", tag);
    }
}

async fn write(r: &mut Request, conf: &IndexDir, query: query::Query, entries: &[entries::Entry]) {
    let mut page = Page::new(conf, &query, title(&r.uri));
    head(r, conf, &mut page).await;
    page.list(entries);
    tail(r, conf, &mut page).await;
    r.write(page.take());
}

/// The path without slashes at its end, for people.
fn title(uri: &[u8]) -> BString {
    let trimmed = uri.trim_end_with(|c| c == '/');
    escape::html(if trimmed.is_empty() {
        &uri[..uri.len().min(1)]
    } else {
        trimmed
    })
}

/// A file named by HeaderName or ReadmeName, and how it goes into the page.
enum Part {
    None,
    /// HTML, through its handler and filters.
    Html(Box<Request>),
    /// Other text, in a `<pre>`.
    Text(Vec<u8>),
}

async fn find_part(r: &mut Request, name: Option<&str>) -> Part {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Part::None;
    };
    let sub = r.lookup_uri(BStr::new(name)).await;
    let regular = sub
        .finfo
        .as_ref()
        .is_some_and(|info| info.kind == FileKind::Regular);
    let kind = sub
        .content_type
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let base = kind.split(';').next().unwrap_or_default().trim();
    if sub.status != 200 || !regular {
        return Part::None;
    }
    if matches!(base, "text/html" | "application/xhtml+xml") {
        return Part::Html(Box::new(sub));
    }
    if !base.starts_with("text/") {
        return Part::None;
    }
    let path = path::of(&sub.filename).to_path_buf();
    let ctx = r.ctx.clone();
    match blocking(&*ctx.host, move || std::fs::read(path)).await {
        Ok(Ok(text)) => Part::Text(text),
        _ => Part::None,
    }
}

/// Puts what a sub-request makes behind what the page has so far. False if it failed.
async fn include(r: &mut Request, mut sub: Box<Request>, page: &mut Page<'_>) -> bool {
    match sub.run_lookup().await {
        Ok(body) => {
            r.write(page.take());
            body.buckets.into_iter().for_each(|bucket| r.push(bucket));
            true
        }
        Err(_) => false,
    }
}

async fn head(r: &mut Request, conf: &IndexDir, page: &mut Page<'_>) {
    match find_part(r, conf.header.as_deref()).await {
        Part::Html(sub) => {
            let bare = page.flags.has(Flag::SuppressHtmlPreamble);
            if !bare {
                page.preamble();
            }
            if !include(r, sub, page).await {
                if bare {
                    page.preamble();
                }
                page.heading();
            }
        }
        Part::Text(text) => {
            page.preamble();
            page.plain(&text);
        }
        Part::None => {
            page.preamble();
            page.heading();
        }
    }
}

async fn tail(r: &mut Request, conf: &IndexDir, page: &mut Page<'_>) {
    let (mut signed, mut closed) = (false, false);
    match find_part(r, conf.readme.as_deref()).await {
        Part::Html(sub) => {
            signed = include(r, sub, page).await;
            closed = signed && page.flags.has(Flag::SuppressHtmlPreamble);
        }
        Part::Text(text) => {
            page.plain(&text);
            signed = true;
        }
        Part::None => {}
    }
    if !signed {
        page.push(crate::request::error::signature(r, "").as_bytes());
    }
    if !closed {
        page.push(b"</body></html>\n");
    }
}
