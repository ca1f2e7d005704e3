//! What a listing shows: the names of the folder that may be seen, with what is known of each, sorted.

use super::config::{find, Description, Flag, IndexDir, Key, Subject};
use super::natural;
use super::query::Query;
use crate::connection::host::blocking;
use crate::os;
use crate::protocol::status;
use crate::request::{FileKind, Request};
use bstr::{BString, ByteSlice};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// Bytes of a file in which its title is looked for.
const TITLE_SEARCH: u64 = 8192;

/// One line of a listing.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The name as it is linked to: with a slash at the end of a folder's, and a whole path for the parent.
    pub name: BString,
    pub parent: bool,
    folder: bool,
    pub icon: Option<String>,
    pub alt: Option<String>,
    /// Bytes; none for folders.
    pub size: Option<u64>,
    pub modified: Option<SystemTime>,
    pub description: Option<String>,
}

/// All names of a folder.
pub(super) fn names(folder: &Path) -> io::Result<Vec<BString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(BString::from(os::path::bytes(entry?.file_name())));
    }
    Ok(names)
}

/// The lines, sorted. Each name is looked up as if it was asked for: what may not be had is not shown.
pub(super) async fn collect(
    r: &mut Request,
    conf: &IndexDir,
    query: &Query,
    names: Vec<BString>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = parent(r, conf, query).into_iter().collect();
    let mut untitled = Vec::new();
    for name in names {
        if query
            .pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.matches(&name))
        {
            continue;
        }
        if conf.ignores(&[r.filename.as_slice(), name.as_slice()].concat()) {
            continue;
        }
        let sub = r.lookup_file(&name).await;
        if let Some(entry) = entry(conf, query, name, &sub) {
            if wants_title(&entry, query, &sub) {
                untitled.push((entries.len(), sub.filename.clone()));
            }
            entries.push(entry);
        }
    }
    add_titles(r, &mut entries, untitled).await;
    entries.sort_by(|a, b| compare(a, b, query));
    entries
}

/// True where more than the names is shown.
fn is_fancy(query: &Query) -> bool {
    query.flags.has(Flag::FancyIndexing) || query.flags.has(Flag::HtmlTable)
}

/// The line of the folder above; none for the root.
fn parent(r: &Request, conf: &IndexDir, query: &Query) -> Option<Entry> {
    let end = r.uri.trim_end_with(|c| c == '/').rfind_byte(b'/')?;
    let path = [r.filename.as_slice(), b".."].concat();
    if conf.ignores(&path) {
        return None;
    }
    let mut entry = Entry {
        name: r.uri[..end + 1].into(),
        parent: true,
        ..Entry::default()
    };
    if is_fancy(query) {
        let subject = Subject {
            path: &path,
            kind: None,
            encoding: None,
        };
        let folder = Subject {
            path: b"^^DIRECTORY^^",
            ..subject
        };
        entry.icon = find(&conf.icons, &subject)
            .or_else(|| find(&conf.icons, &folder))
            .map(str::to_owned);
        let alt = find(&conf.alts, &subject).or_else(|| find(&conf.alts, &folder));
        entry.alt = Some(alt.unwrap_or("PARENTDIR").to_owned());
        entry.description = Description::find(&conf.descriptions, &path).map(str::to_owned);
    }
    Some(entry)
}

/// The line of a name, if it may be shown.
fn entry(conf: &IndexDir, query: &Query, name: BString, sub: &Request) -> Option<Entry> {
    let info = sub
        .finfo
        .as_ref()
        .filter(|info| info.kind != FileKind::Other)?;
    let folder = info.kind == FileKind::Directory;
    let closed = folder && cannot_enter(&sub.filename);
    let seen = !closed && (sub.status == status::OK || status::is_redirect(sub.status));
    let forbidden = closed || matches!(sub.status, 401 | 403);
    if !(seen || forbidden && query.flags.has(Flag::ShowForbidden)) {
        return None;
    }
    let mut entry = Entry {
        name,
        ..Entry::default()
    };
    if is_fancy(query) {
        entry.folder = folder && query.flags.has(Flag::FoldersFirst);
        entry.modified = Some(info.mtime);
        entry.size = (!folder).then_some(info.size);
        let path = sub.filename.trim_end_with(|c| c == '/');
        let subject = match folder {
            true => Subject {
                path,
                kind: None,
                encoding: None,
            },
            false => Subject {
                path,
                kind: media_type(sub),
                encoding: sub.content_encoding.as_deref(),
            },
        };
        let special = Subject {
            path: b"^^DIRECTORY^^",
            kind: None,
            encoding: None,
        };
        let chosen =
            |items| find(items, &subject).or_else(|| find(items, &special).filter(|_| folder));
        entry.icon = chosen(&conf.icons).map(str::to_owned);
        entry.alt = chosen(&conf.alts)
            .or(folder.then_some("DIR"))
            .map(str::to_owned);
        entry.description = Description::find(&conf.descriptions, path).map(str::to_owned);
    }
    if folder {
        entry.name.push(b'/');
    }
    Some(entry)
}

/// True for a folder that the server may not search: whatever it holds is answered with 403.
fn cannot_enter(folder: &[u8]) -> bool {
    let inside = [folder, b"/."].concat();
    std::fs::metadata(os::path::of(&inside))
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// The media type without its parameters.
fn media_type(sub: &Request) -> Option<&str> {
    sub.content_type
        .as_deref()
        .and_then(|kind| kind.split(';').next())
        .map(str::trim)
}

fn wants_title(entry: &Entry, query: &Query, sub: &Request) -> bool {
    let html = [
        "text/html",
        "application/xhtml+xml",
        "text/x-server-parsed-html",
    ];
    is_fancy(query)
        && query.flags.has(Flag::ScanHtmlTitles)
        && entry.description.is_none()
        && entry.size.is_some()
        && sub.status == status::OK
        && sub.content_encoding.is_none()
        && media_type(sub).is_some_and(|kind| html.iter().any(|h| h.eq_ignore_ascii_case(kind)))
}

/// Reads the titles of HTML files, all in one piece of work.
async fn add_titles(r: &Request, entries: &mut [Entry], untitled: Vec<(usize, BString)>) {
    if untitled.is_empty() {
        return;
    }
    let ctx = r.ctx.clone();
    let work = move || -> Vec<_> {
        untitled
            .into_iter()
            .map(|(at, path)| (at, read_title(&path)))
            .collect()
    };
    for (at, title) in blocking(&*ctx.host, work).await.unwrap_or_default() {
        if let Some(entry) = entries.get_mut(at) {
            entry.description = title;
        }
    }
}

fn read_title(path: &[u8]) -> Option<String> {
    let mut start = Vec::new();
    File::open(os::path::of(path))
        .ok()?
        .take(TITLE_SEARCH)
        .read_to_end(&mut start)
        .ok()?;
    find_title(&start)
}

/// What stands behind the first `<title>`, up to the next tag, on one line.
fn find_title(text: &[u8]) -> Option<String> {
    let at = text.to_ascii_lowercase().find(b"<title>")?;
    let rest = &text[at + 7..];
    let end = rest.find_byte(b'<').unwrap_or(rest.len());
    Some(rest[..end].to_str_lossy().replace(['\r', '\n'], " "))
}

/// The parent first, folders next where they are to be, then by the key; names decide where nothing else does.
fn compare(a: &Entry, b: &Entry, query: &Query) -> Ordering {
    let fixed = b.parent.cmp(&a.parent).then(b.folder.cmp(&a.folder));
    if fixed != Ordering::Equal {
        return fixed;
    }
    let order = by_key(a, b, query).then_with(|| by_name(&a.name, &b.name, query));
    if query.ascending {
        order
    } else {
        order.reverse()
    }
}

fn by_key(a: &Entry, b: &Entry, query: &Query) -> Ordering {
    match query.key {
        Key::Name => Ordering::Equal,
        Key::Modified => a.modified.cmp(&b.modified),
        Key::Size => a.size.cmp(&b.size),
        Key::Description => {
            let text = |e: &Entry| e.description.clone().unwrap_or_default();
            let (a, b) = (text(a), text(b));
            match query.flags.has(Flag::VersionSort) {
                true => natural::compare(a.as_bytes(), b.as_bytes(), false),
                false => a.cmp(&b),
            }
        }
    }
}

fn by_name(a: &[u8], b: &[u8], query: &Query) -> Ordering {
    let ignore_case = query.flags.has(Flag::IgnoreCase);
    let mut order = Ordering::Equal;
    if query.flags.has(Flag::VersionSort) {
        if ignore_case {
            order = natural::compare(a, b, true);
        }
        order = order.then_with(|| natural::compare(a, b, false));
    }
    if ignore_case {
        order = order.then_with(|| a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()));
    }
    order.then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        let title = |text: &str| find_title(text.as_bytes());
        assert_eq!(title("<html><TITLE>A\n b</title>"), Some("A  b".into()));
        assert_eq!(title("<titles>x"), None);
        assert_eq!(title("<title>cut"), Some("cut".into()));
    }

    #[test]
    fn the_parent_comes_first_whatever_the_order() {
        let entry = |name: &str, parent: bool| Entry {
            name: name.into(),
            parent,
            ..Entry::default()
        };
        let sorted = |args: &str| {
            let query = Query::read(&IndexDir::default(), Some(args.as_bytes()));
            let mut entries = [entry("b", false), entry("/", true), entry("a", false)];
            entries.sort_by(|a, b| compare(a, b, &query));
            entries.map(|e| e.name.to_string()).concat()
        };
        assert_eq!(sorted("C=N;O=A"), "/ab");
        assert_eq!(sorted("C=N;O=D"), "/ba");
    }
}
