//! The core's own steps: DocumentRoot, TRACE and OPTIONS, and the default handler, which serves files.

use crate::config::core::{FileEtag, RangeLimit, Trace};
use crate::config::section::is_within;
use crate::connection::files::{Content, Kept, SMALL};
use crate::filters::{Bucket, FileRange};
use crate::hooks::{Answer, Status};
use crate::log;
use crate::log::Level;
use crate::os::{clock, errno, file, path};
use crate::protocol::http1::Framing;
use crate::protocol::method::MethodSet;
use crate::protocol::Method;
use crate::request::{error, validators, FileInfo, FileKind, Request};
use bstr::BString;
use std::fs::File;
use std::io;
use std::rc::Rc;

const LOG_MODULE: &str = "core";

/// Bytes that `TraceEnable extended` sends back at most.
const MOST_TRACED: usize = 64 * 1024;

/// URL path to file name below DocumentRoot.
pub fn translate(r: &mut Request) -> Answer<'_> {
    if r.uri == "*" || r.no_file {
        r.no_file = true;
        return Answer::Now(Status::Ok);
    }
    if !r.uri.starts_with(b"/") {
        log!(
            &*r,
            Level::Error,
            126,
            "Invalid URI in request {}",
            log::raw(&r.the_request)
        );
        return Answer::Now(Status::Http(400));
    }
    let mut name = std::mem::take(&mut r.filename);
    let root = match &r.core_server().document_root {
        Some(root) => path::to_bytes(root),
        None => crate::version::default_docroot().as_bytes().into(),
    };
    let end = root.iter().rposition(|byte| *byte != b'/');
    name.clear();
    name.extend_from_slice(&root[..end.map_or(0, |end| end + 1)]);
    name.extend_from_slice(below_server_path(r));
    r.filename = name;
    Answer::Now(Status::Ok)
}

/// The path without the virtual host's ServerPath.
fn below_server_path(r: &Request) -> &[u8] {
    match &r.server().path {
        Some(path) if is_within(&r.uri, path.as_bytes()) => {
            &r.uri[path.trim_end_matches('/').len()..]
        }
        _ => &r.uri,
    }
}

/// TRACE, and what OPTIONS asks of the server as a whole, concern no file.
pub fn map_methods(r: &mut Request) -> Answer<'_> {
    match r.method {
        Method::Trace => Answer::later(trace(r)),
        Method::Options if r.uri == "*" => Answer::Now(Status::Ok),
        _ => Answer::Now(Status::Declined),
    }
}

/// Sends the request back (RFC 9110, section 9.3.8), as TraceEnable allows.
async fn trace(r: &mut Request) -> Status {
    let mode = r.core_server().trace.unwrap_or(Trace::On);
    if mode == Trace::Off {
        r.notes
            .set("error-notes", "TRACE denied by server configuration");
        return Status::Http(405);
    }
    if mode != Trace::Extended && !matches!(r.framing, Framing::None | Framing::Length(0)) {
        r.notes
            .set("error-notes", "TRACE with a request body is not allowed");
        return Status::Http(413);
    }
    let mut body = r.the_request.to_vec();
    body.extend_from_slice(b"\r\n");
    for (name, value) in r.headers_in.iter() {
        body.extend_from_slice(name);
        body.extend_from_slice(b": ");
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"\r\n");
    loop {
        match r.read_body().await {
            Ok(Some(piece)) if body.len() + piece.len() > MOST_TRACED => return Status::Http(413),
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(failure) => return Status::Http(error::status_of(&failure)),
        }
    }
    r.content_type = Some("message/http".into());
    r.write(body);
    Status::Done
}

/// OPTIONS that no other handler wanted.
pub fn options(r: &mut Request) -> Answer<'_> {
    if r.method != Method::Options {
        return Answer::Now(Status::Declined);
    }
    let allowed = allowed_methods(r);
    r.headers_out.set("Allow", allowed);
    Answer::Now(Status::Ok)
}

/// What the default handler does; TRACE where it is enabled.
fn allowed_methods(r: &Request) -> String {
    let mut set = MethodSet::NONE;
    for method in [Method::Get, Method::Head, Method::Post, Method::Options] {
        set.insert(method);
    }
    if r.core_server().trace != Some(Trace::Off) {
        set.insert(Method::Trace);
    }
    set.allow()
}

/// The default handler: a file.
pub fn serve_file(r: &mut Request) -> Answer<'_> {
    Answer::Now(file_response(r))
}

fn file_response(r: &mut Request) -> Status {
    if let Some(handler) = r
        .handler
        .clone()
        .filter(|h| h != "default-handler" && !h.is_empty())
    {
        log!(
            &*r,
            Level::Debug,
            20012,
            "no module handles '{handler}'; the file itself is served"
        );
    }
    if !matches!(r.method, Method::Get | Method::Head | Method::Post) {
        let allowed = allowed_methods(r);
        r.headers_out.set("Allow", allowed);
        let known = r.method != Method::Other
            || r.ctx
                .generation
                .main
                .methods
                .iter()
                .any(|m| r.method_name == m.as_bytes());
        return Status::Http(if known { 405 } else { 501 });
    }
    let Some(info) = r.finfo.clone() else {
        log!(
            &*r,
            Level::Info,
            128,
            "File does not exist: {}",
            log::raw(&r.filename)
        );
        return Status::Http(404);
    };
    match info.kind {
        FileKind::Directory => {
            log!(
                &*r,
                Level::Info,
                129,
                "Attempt to serve directory: {}",
                log::raw(&r.filename)
            );
            return Status::Http(404);
        }
        FileKind::Other => {
            log!(
                &*r,
                Level::Error,
                20013,
                "{} is neither a file nor a folder",
                log::raw(&r.filename)
            );
            return Status::Http(403);
        }
        FileKind::Regular => {}
    }
    // A file has no path behind it, unless the configuration wants it so.
    if !r.path_info.is_empty() && r.core_dir().accept_path_info != Some(Some(true)) {
        log!(
            &*r,
            Level::Info,
            130,
            "File does not exist: {}{}",
            log::raw(&r.filename),
            log::raw(&r.path_info)
        );
        return Status::Http(404);
    }
    send(r, info)
}

/// Sends a file: what is kept of it, or what is opened now.
fn send(r: &mut Request, info: FileInfo) -> Status {
    let digest = r.core_dir().file_etag.bits() & FileEtag::DIGEST != 0;
    let kept = info.kept.as_ref().filter(|_| !digest);
    if let Some(content) = kept.and_then(|kept| kept.content(&r.filename)) {
        r.update_mtime(info.mtime);
        let tag = validators::file_tag(r, &info);
        return answer(r, &info, tag, content);
    }
    open_and_send(r, info)
}

fn open_and_send(r: &mut Request, seen: FileInfo) -> Status {
    let file = match file::open_to_send(path::of(&r.filename), seen.not_a_link) {
        Ok(file) => file,
        Err(error) => return cannot_open(r, &error),
    };
    // What counts is the file that is open now, not the one that was looked at.
    let info = match file.metadata() {
        Ok(meta) if meta.is_file() => FileInfo::of(&meta),
        Ok(_) => return cannot_open(r, &io::ErrorKind::PermissionDenied.into()),
        Err(error) => return cannot_open(r, &error),
    };
    r.update_mtime(info.mtime);
    let tag = match tag(r, &info, &file) {
        Ok(tag) => tag,
        Err(error) => return cannot_open(r, &error),
    };
    let content = match &seen.kept {
        Some(kept) if seen.is_same(&info) => keep(r, kept, &info, file),
        _ => Content::Open(Rc::new(file)),
    };
    answer(r, &info, tag, content)
}

/// Has the content of an open file kept for the next request, all of it where it is small.
fn keep(r: &Request, kept: &Kept, info: &FileInfo, file: File) -> Content {
    let whole = FileRange {
        file: Rc::new(file),
        offset: 0,
        len: info.size,
        sendfile: false,
    };
    let mut bytes = Vec::new();
    let content = match info.size <= SMALL && whole.read_into(&mut bytes).is_ok() {
        true => Content::Bytes(bytes.into()),
        false => Content::Open(whole.file),
    };
    r.ctx.files.keep(kept, info, content.clone());
    content
}

/// Answers with a file, or says that the client has it.
fn answer(r: &mut Request, info: &FileInfo, tag: Option<BString>, content: Content) -> Status {
    add_validators(r, info, tag);
    if let Some(status) = error::conditions(r) {
        return Status::Http(status);
    }
    match content {
        Content::Bytes(bytes) => r.out.pending.push_bytes(bytes),
        Content::Open(file) if info.size > 0 => r.push(Bucket::File(FileRange {
            file,
            offset: 0,
            len: info.size,
            sendfile: r.core_dir().sendfile.unwrap_or(false),
        })),
        Content::Open(_) => {}
    }
    r.push(Bucket::End);
    Status::Ok
}

fn cannot_open(r: &Request, error: &io::Error) -> Status {
    log!(
        r,
        Level::Error,
        132,
        err = error,
        "file permissions deny server access: {}",
        log::raw(&r.filename)
    );
    match error.raw_os_error() {
        Some(errno::EMFILE | errno::ENFILE) => Status::Http(503),
        _ if error.kind() == io::ErrorKind::NotFound => Status::Http(404),
        _ => Status::Http(403),
    }
}

/// The entity tag of an open file, if FileETag wants one.
fn tag(r: &Request, info: &FileInfo, file: &File) -> io::Result<Option<BString>> {
    if r.core_dir().file_etag.bits() & FileEtag::DIGEST == 0 {
        return Ok(validators::file_tag(r, info));
    }
    let digest = crate::config::expr::digest_of_file(file)?;
    Ok(Some(crate::protocol::etag::of_digest(&digest)))
}

/// Last-Modified, ETag and Accept-Ranges.
fn add_validators(r: &mut Request, info: &FileInfo, tag: Option<BString>) {
    let modified =
        clock::seconds(r.mtime.unwrap_or(info.mtime)).min(clock::seconds(r.request_time));
    r.headers_out
        .set("Last-Modified", crate::protocol::date::http(modified));
    if let Some(tag) = tag {
        r.headers_out.set("ETag", &tag);
        r.ctx.give_back_text(tag);
    }
    let ranges = r.core_dir().max_ranges != Some(RangeLimit::None);
    r.headers_out
        .set("Accept-Ranges", if ranges { "bytes" } else { "none" });
}
