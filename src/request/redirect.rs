//! Internal redirects: the same request begins anew at another local address, and remembers where it came from.

use super::{error, phases, Previous, Request};
use crate::hooks::{Phase, Status};
use crate::log;
use crate::log::Level;
use crate::protocol::uri::split_query;
use crate::protocol::Method;
use crate::request::table::Table;
use bstr::{BStr, BString};

const LOG_MODULE: &str = "core";

/// False, with a line in the log, if the request has been redirected LimitInternalRecursion times already.
pub fn may_redirect(r: &Request) -> bool {
    let most = r
        .core_server()
        .recursion
        .map_or(10, |(redirects, _)| redirects);
    let fine = most == 0 || (r.previous.len() as u32) < most;
    if !fine {
        log!(r, Level::Error, 124, "Request exceeded the limit of {most} internal redirects due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary.");
    }
    fine
}

/// Goes on at `target` (`/path?query`, encoded) and answers. `method` replaces the request's own.
pub async fn run(r: &mut Request, target: &BStr, method: Option<Method>) {
    if !may_redirect(r) {
        return Box::pin(error::answer(r, 500)).await;
    }
    begin(r, target, method);
    let status = Box::pin(go(r)).await;
    Box::pin(error::conclude(r, status)).await;
}

async fn go(r: &mut Request) -> Status {
    // As in Apache, variables by SetEnvIf are set anew for the new address.
    match phases::all(r, Phase::PostReadRequest).await {
        Status::Ok => {}
        stop => return stop,
    }
    match phases::prepare(r).await {
        Status::Ok => phases::respond(r).await,
        stop => stop,
    }
}

/// Keeps what the request was, and clears what the phases fill.
pub fn begin(r: &mut Request, target: &BStr, method: Option<Method>) {
    let env = std::mem::take(&mut r.env);
    r.previous.push(Previous {
        uri: r.uri.clone(),
        args: r.args.clone(),
        status: r.status,
        handler: r.handler.take(),
        filename: std::mem::take(&mut r.filename),
        user: r.user.clone(),
        method_name: r.method_name.clone(),
        unparsed_uri: r.unparsed_uri.clone(),
        env: env.clone(),
    });
    let (path, query) = split_query(target);
    r.uri = path.into();
    r.args = query.map(BString::from);
    r.unparsed_uri = target.into();
    if let Some(method) = method {
        r.method = method;
        if method != Method::Other {
            r.method_name = method.name().into();
        }
    }
    r.env = renamed(&env);
    r.env.set("REDIRECT_STATUS", r.status.to_string());
    clear(r);
}

/// What the phases will fill in anew.
fn clear(r: &mut Request) {
    r.conf = r.ctx.base_conf(r.server);
    r.path_info.clear();
    r.finfo = None;
    r.no_file = false;
    r.content_type = None;
    r.content_encoding = None;
    r.content_languages.clear();
    r.context_prefix = None;
    r.context_document_root = None;
    r.mtime = None;
    r.no_local_copy = false;
    // The user stays where the records do; see `phases`.
    r.satisfy_any = false;
    r.out.reset();
    r.fixed_up = false;
    if r.status < 300 {
        r.headers_out.clear();
    }
}

/// The environment of the new request: each variable `X` of the old one as `REDIRECT_X`.
fn renamed(env: &Table) -> Table {
    let mut out = Table::new();
    for (name, value) in env.iter() {
        out.add([b"REDIRECT_", name.as_ref() as &[u8]].concat(), value);
    }
    out
}

/// The request becomes what a looked-up sub-request is (DirectoryIndex, FallbackResource): only the handler is to run.
pub fn adopt(r: &mut Request, mut sub: Request) {
    r.out.adopt_filters(&mut sub.out);
    r.input.adopt_filters(&mut sub.input);
    r.uri = sub.uri;
    r.args = sub.args;
    r.filename = sub.filename;
    r.finfo = sub.finfo;
    r.path_info = sub.path_info;
    r.no_file = sub.no_file;
    r.handler = sub.handler;
    r.content_type = sub.content_type;
    r.content_encoding = sub.content_encoding;
    r.content_languages = sub.content_languages;
    r.conf = sub.conf;
    r.judged = sub.judged;
    r.mtime = sub.mtime;
    r.no_local_copy |= sub.no_local_copy;
    r.user = sub.user.or(r.user.take());
    r.auth_type = sub.auth_type.or(r.auth_type.take());
    r.env.overlay(&sub.env);
    r.notes.overlay(&sub.notes);
    for (name, value) in sub.headers_out.iter() {
        r.headers_out.set(name, value);
    }
    for (name, value) in sub.err_headers_out.iter() {
        r.err_headers_out.add(name, value);
    }
    r.extensions.extend(sub.extensions);
    r.context_prefix = sub.context_prefix.or(r.context_prefix.take());
    r.context_document_root = sub.context_document_root.or(r.context_document_root.take());
}
