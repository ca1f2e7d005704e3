//! Which configuration a request falls under: the walks through `<Location>`, the directories with their `.htaccess`
//! files, `<Files>` and `<If>`, in Apache's order of merging.

use super::windows_names::{self, Hazard};
use super::{FileInfo, FileKind, Request};
use crate::config::build::{execute_htaccess, Build};
use crate::config::core::{CoreDir, Options};
use crate::config::directive::Scope;
use crate::config::read::Reader;
use crate::config::section::{Matcher, Section};
use crate::config::source::ConfigSource;
use crate::config::value::ConfMap;
use crate::connection::context::{DirConf, Holds, Htaccess, ServeContext, Version, Walked};
use crate::connection::files::Seen;
use crate::hooks::Status;
use crate::log;
use crate::log::Level;
use crate::os::{self, file};
use crate::protocol::uri::is_untidy;
use crate::sync::Shared;
use bstr::{BString, ByteSlice};
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::rc::Rc;

const LOG_MODULE: &str = "core";

/// `<Location>` and `<LocationMatch>`, on top of what the request has.
pub fn locations(r: &mut Request) {
    let ctx = r.ctx.clone();
    for section in &ctx.generation.servers[r.server].core().locations {
        if section.matches_location(&r.uri) {
            r.conf = ctx.merge(&r.conf, section);
            keep_names(r, section);
        }
    }
}

/// Named groups of a section's pattern become environment variables `MATCH_NAME`.
fn keep_names(r: &mut Request, section: &Section) {
    let Some(pattern) = section.pattern() else {
        return;
    };
    let subject = match &section.matcher {
        Matcher::LocationMatch(_) => r.uri.clone(),
        Matcher::FilesMatch(_) => BString::from(r.file_base()),
        _ => r.filename.clone(),
    };
    if pattern.names().next().is_none() {
        return;
    }
    if let Some(captures) = pattern.captures(&subject) {
        for (name, group) in pattern.names() {
            if let Some(value) = captures.get(group) {
                r.env
                    .set(format!("MATCH_{}", name.to_ascii_uppercase()), value);
            }
        }
    }
}

/// Finds the file, and walks the directories on the way to it and then `<Files>`.
pub fn storage(r: &mut Request) -> Status {
    r.conf = r.ctx.base_conf(r.server);
    if r.no_file || r.filename.is_empty() {
        return Status::Ok;
    }
    match r.ctx.files.current(r.server, &r.filename) {
        // What is known by this name was found tidy and harmless.
        Some((info, conf)) => (r.finfo, r.conf) = (Some(info), conf),
        None => {
            tidy(&mut r.filename);
            if let Err(status) = check_name(r).and_then(|()| find(r)) {
                return status;
            }
        }
    }
    directory_patterns(r);
    files(r);
    Status::Ok
}

/// Looks at the file and walks its directories, and has both remembered.
fn find(r: &mut Request) -> Result<(), Status> {
    let ctx = r.ctx.clone();
    let beside = access_file_names(&ctx, r.server);
    let mut seen = ctx.files.begin(r.server, &r.filename, beside);
    let asked = r.filename.len();
    find_file(r, &mut seen)?;
    let is_directory = r
        .finfo
        .as_ref()
        .is_some_and(|f| f.kind == FileKind::Directory);
    let directory = directory_of(&r.filename, is_directory);
    r.conf = directories(r, &directory, &mut seen)?;
    if let Some(info) = r.finfo.as_mut().filter(|_| r.filename.len() == asked) {
        ctx.files.note(r.server, &r.filename, info, &r.conf, seen);
    }
    Ok(())
}

/// AccessFileName.
fn access_file_names(ctx: &ServeContext, server: usize) -> &[String] {
    let names = &ctx.generation.servers[server].core().access_file_names;
    names.as_deref().unwrap_or(&ctx.usual_access_files)
}

/// Refuses what would lead Windows to something else than the name says.
fn check_name(r: &Request) -> Result<(), Status> {
    let found = match cfg!(windows) {
        true => windows_names::hazard(&r.filename),
        false => None,
    };
    let Some(hazard) = found else { return Ok(()) };
    log!(
        r,
        Level::Error,
        127,
        "Cannot map {} to file: {hazard:?} in {}",
        log::raw(&r.the_request),
        log::raw(&r.filename)
    );
    // No file can have such a name; the others are names of a file that may be there.
    Err(Status::Http(match hazard {
        Hazard::Character => 404,
        _ => 403,
    }))
}

/// Takes doubled slashes and `.` segments out of a file name; aliases may bring them in.
fn tidy(name: &mut BString) {
    if !is_untidy(name) {
        return;
    }
    let mut out = Vec::with_capacity(name.len());
    let ends_with_slash = name.ends_with(b"/") || name.ends_with(b"/.");
    for part in name
        .split_str("/")
        .filter(|part| !part.is_empty() && *part != b".")
    {
        // A name that begins with a drive's letter goes on doing so.
        if name.starts_with(b"/") || !out.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(part);
    }
    if ends_with_slash || out.is_empty() {
        out.push(b'/');
    }
    *name = out.into();
}

/// The directory of a file, or the directory itself, with a slash at its end.
fn directory_of(name: &[u8], is_directory: bool) -> BString {
    let mut dir = match name.rfind_byte(b'/') {
        _ if is_directory => name.to_vec(),
        Some(slash) => name[..slash + 1].to_vec(),
        None => b"/".to_vec(),
    };
    if !dir.ends_with(b"/") {
        dir.push(b'/');
    }
    dir.into()
}

/// Splits the mapped name into what exists (`filename`, `finfo`) and what stands behind it (`path_info`).
fn find_file(r: &mut Request, seen: &mut Option<Seen>) -> Result<(), Status> {
    let mut linked = false;
    let meta = look(&r.filename, &mut linked);
    *seen = seen.filter(|_| !linked);
    if let Ok(meta) = meta {
        r.finfo = Some(FileInfo::of(&meta));
        return Ok(());
    }
    let full = r.filename.clone();
    let mut end = full.len();
    loop {
        let prefix = &full[..end];
        match stat(prefix) {
            Ok(meta) => {
                split(r, &full, end, FileInfo::of(&meta));
                return Ok(());
            }
            Err(error) if file::is_missing(&error) => {
                check_dangling(r, prefix)?;
                match shorter(prefix) {
                    Some(len) => end = len,
                    None => {
                        r.finfo = None;
                        return Ok(());
                    }
                }
            }
            Err(error) => return Err(unreachable_file(r, &full, &error)),
        }
    }
}

/// The length of a name without its last component, or without the slash at its end.
fn shorter(name: &[u8]) -> Option<usize> {
    let bare = name.trim_end_with(|c| c == '/');
    let len = match bare.len() < name.len() {
        true => bare.len(),
        false => bare.rfind_byte(b'/')?,
    };
    (len > 0).then_some(len)
}

/// A link to nowhere is refused: nobody can tell whose it is.
fn check_dangling(r: &Request, name: &[u8]) -> Result<(), Status> {
    match std::fs::symlink_metadata(path(name)) {
        Ok(meta) if meta.file_type().is_symlink() => Err(link_refused(r, name)),
        _ => Ok(()),
    }
}

/// A name that the file system does not let us look at.
fn unreachable_file(r: &Request, name: &[u8], error: &io::Error) -> Status {
    let (uri, name) = (log::raw(&r.uri), log::raw(name));
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            log!(r, Level::Error, 35, err = error, "access to {uri} denied (filesystem path '{name}') because search permissions are missing on a component of the path");
        }
        _ => log!(
            r,
            Level::Error,
            36,
            err = error,
            "access to {uri} failed (filesystem path '{name}')"
        ),
    }
    Status::Http(403)
}

/// `end` bytes of `full` exist: a file with path info behind it, or a directory in which the next name is missing.
fn split(r: &mut Request, full: &[u8], end: usize, info: FileInfo) {
    let end = match info.kind {
        FileKind::Directory => {
            let rest = &full[end..];
            let from = rest.iter().position(|b| *b != b'/').unwrap_or(rest.len());
            let name = rest[from..].find_byte(b'/').unwrap_or(rest.len() - from);
            r.finfo = None;
            end + from + name
        }
        _ => {
            r.finfo = Some(info);
            full[..end].trim_end_with(|c| c == '/').len()
        }
    };
    r.filename = full[..end].into();
    r.path_info = full[end..].into();
}

fn stat(name: &[u8]) -> io::Result<Metadata> {
    std::fs::metadata(path(name))
}

/// As `stat`. Where the name is a link, which `linked` then says, nobody tells of changes of what it leads to.
fn look(name: &[u8], linked: &mut bool) -> io::Result<Metadata> {
    let meta = std::fs::symlink_metadata(path(name))?;
    if !meta.is_symlink() {
        return Ok(meta);
    }
    *linked = true;
    stat(name)
}

fn path(name: &[u8]) -> &Path {
    os::path::of(name)
}

/// The records for a directory (with a slash at its end): sections and `.htaccess` files from the root down. What was `seen`
/// since then is remembered, too.
fn directories(
    r: &mut Request,
    directory: &BString,
    seen: &mut Option<Seen>,
) -> Result<Rc<DirConf>, Status> {
    let ctx = r.ctx.clone();
    if let Some(conf) = remembered(&ctx, r.server, directory, *seen) {
        return Ok(conf);
    }
    let sections = &ctx.generation.servers[r.server].core().directories;
    let mut conf = ctx.base_conf(r.server);
    // Whether files below may be links, and whether `.htaccess` files may change.
    let (mut links, mut fixed) = (false, true);
    let mut looked = Looked::default();
    let ends: Vec<usize> = directory
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'/')
        .map(|(i, _)| i + 1)
        .collect();
    for (level, end) in ends.iter().enumerate() {
        let here = &directory[..*end];
        for section in sections
            .iter()
            .filter(|s| s.matches_directory(here, level + 1))
        {
            conf = ctx.merge(&conf, section);
        }
        if allows_override(conf.core()) {
            fixed = false;
            conf = htaccess(r, here, conf, &mut looked)?;
        }
        if !conf.core().options().has(Options::FOLLOW) {
            links = true;
            let next = ends.get(level + 1).map_or(r.filename.len(), |end| end - 1);
            let plain = check_link(r, &conf, next)?;
            if let Some(info) = r.finfo.as_mut().filter(|_| next == r.filename.len()) {
                info.not_a_link = plain;
            }
        }
    }
    *seen = seen.filter(|_| !looked.linked);
    if !links && !looked.linked {
        let holds = match *seen {
            _ if fixed => Holds::Always,
            Some(seen) => Holds::Seen(seen),
            None => Holds::Asked(looked.files.into()),
        };
        let conf = conf.clone();
        ctx.remember_walk(r.server, directory, Walked { conf, holds });
    }
    Ok(conf)
}

/// The `.htaccess` files that a walk looked at.
#[derive(Default)]
struct Looked {
    files: Vec<(BString, Option<Version>)>,
    /// One of them was a link: that what it leads to changes does not show.
    linked: bool,
}

/// What an earlier walk of this directory found, if it still holds.
fn remembered(
    ctx: &ServeContext,
    server: usize,
    directory: &[u8],
    seen: Option<Seen>,
) -> Option<Rc<DirConf>> {
    let Walked { conf, holds } = ctx.walked(server, directory)?;
    let held = match &holds {
        Holds::Always => true,
        Holds::Seen(seen) => ctx.files.holds(*seen),
        Holds::Asked(files) => files.iter().all(is_as_it_was),
    };
    if let (true, Holds::Asked(_), Some(seen)) = (held, &holds, seen) {
        // From now on word comes.
        let (conf, holds) = (conf.clone(), Holds::Seen(seen));
        ctx.remember_walk(server, directory, Walked { conf, holds });
    }
    held.then_some(conf)
}

/// Whether a file is still of this version, or still missing.
fn is_as_it_was((file, version): &(BString, Option<Version>)) -> bool {
    match std::fs::symlink_metadata(path(file)) {
        Ok(meta) => !meta.is_symlink() && *version == Some(version_of(&meta)),
        Err(error) => version.is_none() && file::is_missing(&error),
    }
}

fn version_of(meta: &Metadata) -> Version {
    let modified = meta.modified().unwrap_or(std::time::UNIX_EPOCH);
    (modified, meta.len(), file::properties(meta).inode)
}

/// `<DirectoryMatch>`, on the name of the file or directory that was found.
fn directory_patterns(r: &mut Request) {
    let ctx = r.ctx.clone();
    for section in &ctx.generation.servers[r.server].core().directories {
        if let Matcher::DirectoryMatch(pattern) = &section.matcher {
            if pattern.is_match(&os::path::fold(&r.filename)) {
                r.conf = ctx.merge(&r.conf, section);
                keep_names(r, section);
            }
        }
    }
}

fn allows_override(core: &CoreDir) -> bool {
    core.allow_override.unwrap_or(Scope::NONE) != Scope::NONE || core.override_list.is_some()
}

/// Options without FollowSymLinks: the name up to `end` may not be a link, or only one of its target's owner. True if it was
/// seen to be none.
fn check_link(r: &Request, conf: &DirConf, end: usize) -> Result<bool, Status> {
    let name = path(r.filename.get(..end).unwrap_or(&r.filename));
    let Ok(link) = std::fs::symlink_metadata(name) else {
        return Ok(false);
    };
    if !link.file_type().is_symlink() {
        return Ok(true);
    }
    let same_owner = std::fs::metadata(name)
        .is_ok_and(|target| file::properties(&target).uid == file::properties(&link).uid);
    if conf.core().options().has(Options::OWNER_MATCH) && same_owner {
        return Ok(false);
    }
    Err(link_refused(r, &os::path::to_bytes(name)))
}

fn link_refused(r: &Request, name: &[u8]) -> Status {
    log!(
        r,
        Level::Error,
        37,
        "Symbolic link not allowed or link target not accessible: {}",
        log::raw(name)
    );
    Status::Http(403)
}

/// The `.htaccess` file of a directory, on top of `conf`.
fn htaccess(
    r: &mut Request,
    directory: &[u8],
    conf: Rc<DirConf>,
    looked: &mut Looked,
) -> Result<Rc<DirConf>, Status> {
    let ctx = r.ctx.clone();
    for name in access_file_names(&ctx, r.server) {
        let file = [directory, name.as_bytes()].concat();
        let meta = match look(&file, &mut looked.linked) {
            Ok(meta) => meta,
            Err(error) if file::is_missing(&error) => {
                looked.files.push((file.into(), None));
                continue;
            }
            Err(error) => return Err(closed_htaccess(r, &file, directory, &error)),
        };
        let version = version_of(&meta);
        looked.files.push((BString::from(&file[..]), Some(version)));
        let known = ctx
            .htaccess(&file, conf.id)
            .filter(|known| known.version == version);
        let known = match known {
            Some(known) => known,
            None => {
                if let Err(error) = std::fs::File::open(path(&file)) {
                    return Err(closed_htaccess(r, &file, directory, &error));
                }
                let read = Rc::new(Htaccess {
                    version,
                    id: ctx.new_id(),
                    conf: read_htaccess(r, &file, conf.core()),
                });
                ctx.remember_htaccess(&file, conf.id, read.clone());
                read
            }
        };
        return match &known.conf {
            Ok(map) => Ok(ctx.merge_map(&conf, known.id, map)),
            Err(message) => {
                log!(&*r, Level::Alert, 0, "{message}");
                Err(Status::Http(500))
            }
        };
    }
    Ok(conf)
}

/// A `.htaccess` file that cannot be read might have refused the request.
fn closed_htaccess(r: &Request, file: &[u8], directory: &[u8], error: &io::Error) -> Status {
    let (file, directory) = (log::raw(file), log::raw(directory));
    log!(r, Level::Crit, 529, err = error, "{file} pcfg_openfile: unable to check htaccess file, ensure it is readable and that '{directory}' is executable");
    Status::Http(403)
}

/// Reads a `.htaccess` file under the rules of its directory. The message of a mistake begins with file and line.
fn read_htaccess(r: &Request, file: &[u8], rules: &CoreDir) -> Result<ConfMap, String> {
    let mut globals = r.ctx.generation.globals.clone();
    let mut source = ConfigSource::default();
    let (mut errors, mut warnings, mut tree) = (Vec::new(), Vec::new(), Vec::new());
    Reader::new(&mut globals, &mut source, &mut errors, &mut warnings, false).read_file(
        path(file),
        None,
        &mut tree,
    );
    // Sections in the file are merged under numbers of their own, as sections of the configuration are.
    let mut build = Build::new(globals, source, r.ctx.new_id() << 16);
    build.errors = errors;
    let mut map = ConfMap::default();
    execute_htaccess(&tree, &mut map, rules, &mut build);
    for warning in &build.warnings {
        log!(r, Level::Info, 0, "{warning}");
    }
    match build.errors.first() {
        None => Ok(map),
        Some(error) => Err(format!(
            "{}: {}",
            error.place().rsplit_once(':').map_or("", |(f, _)| f),
            error.message
        )),
    }
}

/// `<Files>` and `<FilesMatch>`, on the last component of the file name.
fn files(r: &mut Request) {
    let ctx = r.ctx.clone();
    let start = r.conf.clone();
    if start.core().files.is_empty() || r.filename.ends_with(b"/") {
        return;
    }
    let name = BString::from(r.file_base());
    for section in start.core().files.iter().filter(|s| s.matches_file(&name)) {
        r.conf = ctx.merge(&r.conf, section);
        keep_names(r, section);
    }
}

/// `<If>`, `<ElseIf>`, `<Else>`, last of all; those inside a matching one follow it.
pub fn conditions(r: &mut Request) {
    let start = r.conf.clone();
    if !start.core().conditions.is_empty() {
        run_conditions(r, &start.core().conditions, 0);
    }
}

fn run_conditions(r: &mut Request, sections: &[Shared<Section>], depth: u32) {
    let ctx = r.ctx.clone();
    let mut held = false;
    for section in sections {
        let holds = match &section.matcher {
            Matcher::If(condition) => {
                held = false;
                evaluate(r, condition)
            }
            Matcher::ElseIf(condition) => !held && evaluate(r, condition),
            _ => !held,
        };
        held |= holds;
        if holds {
            r.conf = ctx.merge(&r.conf, section);
            if let Some(core) = section.conf.get::<CoreDir>().filter(|_| depth < 16) {
                run_conditions(r, &core.conditions, depth + 1);
            }
        }
    }
}

fn evaluate(r: &mut Request, condition: &crate::config::expr::BoolExpr) -> bool {
    match super::expr_vars::boolean(r, condition) {
        Ok(holds) => holds,
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2019,
                "cannot evaluate the condition of a section: {message}"
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tidied() {
        let tidied = |text: &str| {
            let mut name = BString::from(text);
            tidy(&mut name);
            name
        };
        assert_eq!(tidied("/a//b/./c"), "/a/b/c");
        assert_eq!(tidied("/a//"), "/a/");
        assert_eq!(tidied("//"), "/");
        assert_eq!(tidied("/a/."), "/a/");
        assert_eq!(tidied("C:/a//b"), "C:/a/b");
    }

    #[test]
    fn names_are_shortened_slash_by_slash() {
        assert_eq!(shorter(b"/a/b/"), Some(4));
        assert_eq!(shorter(b"/a/b"), Some(2));
        assert_eq!(shorter(b"/a"), None);
        assert_eq!(shorter(b"/"), None);
    }

    #[test]
    fn directories_end_with_a_slash() {
        assert_eq!(directory_of(b"/a/b", false), "/a/");
        assert_eq!(directory_of(b"/a/b", true), "/a/b/");
        assert_eq!(directory_of(b"/a/", true), "/a/");
    }
}
