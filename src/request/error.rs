//! What a request is answered with when it went wrong: ErrorDocument or the built-in page; and the end of those that went
//! well.

use super::{phases, redirect, Request};
use crate::config::core::{ErrorDocument, Signature};
use crate::filters::Bucket;
use crate::hooks::{Phase, Status};
use crate::log;
use crate::log::Level;
use crate::os::clock;
use crate::protocol::conditional::{self, Validators, Verdict};
use crate::protocol::{escape, status, Method};
use bstr::{BStr, ByteSlice};
use std::fmt;
use std::io;

const LOG_MODULE: &str = "core";

/// The status that a failure to read the request's body is answered with; travels inside an `io::Error`.
#[derive(Debug)]
pub struct BodyError {
    /// 400, 408 or 413.
    pub status: u16,
    /// For the log.
    pub reason: &'static str,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for BodyError {}

/// The status for a failure while the body was read: that of a [`BodyError`], else 400.
pub fn status_of(error: &io::Error) -> u16 {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<BodyError>());
    inner.map_or(status::BAD_REQUEST, |e| e.status)
}

/// Ends a request with what its handler, or the phase that stopped it, said.
pub async fn conclude(r: &mut Request, outcome: Status) {
    match outcome {
        Status::Ok | Status::Done | Status::Declined => complete(r).await,
        Status::Http(code) if status::is_header_only(code) => answer_bodiless(r, code).await,
        Status::Http(code) => Box::pin(answer(r, code)).await,
    }
}

/// The response is all there.
async fn complete(r: &mut Request) {
    if !r.out.pending.is_complete() {
        r.push(Bucket::End);
    }
    phases::fixup_response(r).await;
}

/// Answers with an error or a redirect.
pub async fn answer(r: &mut Request, code: u16) {
    if status::is_header_only(code) {
        return answer_bodiless(r, code).await;
    }
    if !begin_anew(r) {
        return;
    }
    let nested = r.previous.iter().any(|p| p.status >= 300);
    let first = r
        .previous
        .iter()
        .map(|p| p.status)
        .find(|status| *status >= 300);
    r.status = first.unwrap_or(code);
    keep_error_fields(r, code);
    if !nested {
        if let Some(document) = find_document(r, code) {
            if custom(r, code, document).await {
                return;
            }
        }
    }
    built_in(r, code, first).await;
}

/// Answers with a status that has no body, as 304 has none.
async fn answer_bodiless(r: &mut Request, code: u16) {
    if begin_anew(r) {
        r.status = code;
        complete(r).await;
    }
}

/// Throws away what was made of a response. False if it is too late for another status: the peer sees one that is cut short.
fn begin_anew(r: &mut Request) -> bool {
    if r.exchange.is_committed() {
        r.aborted = true;
        return false;
    }
    r.out.reset();
    r.fixed_up = false;
    true
}

/// Of the fields made so far, an error keeps only those that belong to any response.
fn keep_error_fields(r: &mut Request, code: u16) {
    let location = r.response_field("Location").map(|v| v.to_owned());
    let allow = r.response_field("Allow").map(|v| v.to_owned());
    r.headers_out.clear();
    if let Some(location) =
        location.filter(|_| status::is_redirect(code) || code == status::CREATED)
    {
        r.headers_out.set("Location", location);
    }
    if code == status::METHOD_NOT_ALLOWED || code == status::NOT_IMPLEMENTED {
        let allow = allow.map_or_else(
            || crate::protocol::method::MethodSet::ALL.allow(),
            |v| v.to_string(),
        );
        r.headers_out.set("Allow", allow);
    }
    r.content_encoding = None;
    r.content_languages.clear();
}

fn find_document(r: &Request, code: u16) -> Option<ErrorDocument> {
    let documents = &r.core_dir().error_documents;
    documents
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, document)| document.clone())
}

/// An ErrorDocument. False if the built-in page has to serve.
async fn custom(r: &mut Request, code: u16, document: ErrorDocument) -> bool {
    let (expression, local) = match &document {
        ErrorDocument::Default => return false,
        ErrorDocument::Text(text) => return text_document(r, code, text).await,
        ErrorDocument::Local(path) => (path, true),
        ErrorDocument::Remote(url) => (url, false),
    };
    let target = match super::expr_vars::string(r, expression) {
        Ok(target) if !target.is_empty() => target,
        _ => return false,
    };
    if local {
        r.env.set("REQUEST_METHOD", r.method_name.clone());
        if !redirect::may_redirect(r) {
            return false;
        }
        r.status = code;
        let method = if r.method == Method::Head {
            Method::Head
        } else {
            Method::Get
        };
        Box::pin(redirect::run(r, target.as_bstr(), Some(method))).await;
        return true;
    }
    r.status = status::FOUND;
    r.headers_out.set("Location", &target);
    built_in(r, status::FOUND, None).await;
    true
}

async fn text_document(r: &mut Request, code: u16, text: &crate::config::expr::StringExpr) -> bool {
    match super::expr_vars::string(r, text) {
        Ok(text) => {
            r.status = code;
            r.content_type = Some("text/html; charset=iso-8859-1".into());
            phases::all(r, Phase::InsertErrorFilter).await;
            r.write(text.to_vec());
            complete(r).await;
            true
        }
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                20011,
                "cannot evaluate an ErrorDocument: {message}"
            );
            false
        }
    }
}

/// The built-in page. `first` is the error that an ErrorDocument was to explain when it met `code` itself.
async fn built_in(r: &mut Request, code: u16, first: Option<u16>) {
    let shown = first.unwrap_or(code);
    r.status = shown;
    if code == status::METHOD_NOT_ALLOWED && r.method == Method::Trace {
        r.headers_out.unset("Allow");
    }
    phases::all(r, Phase::InsertErrorFilter).await;
    let page = page(r, shown, first.map(|_| code));
    r.content_type = Some("text/html; charset=iso-8859-1".into());
    r.write(page);
    complete(r).await;
}

fn page(r: &Request, shown: u16, nested: Option<u16>) -> String {
    let location = r
        .headers_out
        .get("Location")
        .map(|l| escape::html(l).to_string());
    let mut foot = String::new();
    if let Some(code) = nested {
        let line = status::line(code);
        foot.push_str(&format!(
            "<p>Additionally, the page that should explain this could not be shown: {line}.</p>\n"
        ));
    }
    foot.push_str(&signature(r, "<hr>\n"));
    status::page(shown, location.as_deref(), &foot)
}

/// The line of ServerSignature below a page the server made itself, with `before` in front; empty where it is Off.
pub fn signature(r: &Request, before: &str) -> String {
    let core = r.core_dir();
    let mode = core.signature.unwrap_or_default();
    if mode == Signature::Off {
        return String::new();
    }
    let name = escape::html(r.server_name().as_bytes());
    let linked = match (&r.server().admin, mode) {
        (Some(admin), Signature::EMail) => {
            let admin = escape::html(admin.as_bytes());
            format!("<a href=\"mailto:{admin}\">{name}</a>")
        }
        _ => name.to_string(),
    };
    let field = &r.ctx.generation.server_field;
    format!(
        "{before}<address>{field} Server at {linked} Port {}</address>\n",
        r.server_port()
    )
}

/// A 416 that is found when the body is at hand already: its page takes the body's place.
pub fn replace_with_page(r: &mut Request, total: u64) {
    r.headers_out
        .set("Content-Range", format!("bytes */{total}"));
    r.headers_out.unset("Content-Length");
    r.headers_out.unset("ETag");
    r.headers_out.unset("Last-Modified");
    let text = page(r, r.status, None);
    r.content_type = Some("text/html; charset=iso-8859-1".into());
    r.out.ready = Default::default();
    r.out.ready.push_bytes(text);
    r.out.ready.buckets.push_back(Bucket::End);
}

/// The conditions of a request against its response's validators: go on, or answer with 304 or 412.
pub fn conditions(r: &Request) -> Option<u16> {
    let conditional = |(name, _): (&BStr, &BStr)| {
        let start = name.get(..3);
        start.is_some_and(|start| start.eq_ignore_ascii_case(b"if-"))
    };
    if r.status != status::OK || r.no_local_copy || !r.headers_in.iter().any(conditional) {
        return None;
    }
    match conditional::evaluate(&r.headers_in, r.method, &validators(r)) {
        Verdict::Proceed => None,
        Verdict::NotModified => Some(status::NOT_MODIFIED),
        Verdict::PreconditionFailed => Some(status::PRECONDITION_FAILED),
    }
}

/// True if there is no If-Range or it names the response at hand.
pub fn if_range_holds(r: &Request) -> bool {
    conditional::range_applies(&r.headers_in, &validators(r))
}

fn validators(r: &Request) -> Validators<'_> {
    Validators {
        etag: r.response_field("ETag").map(|tag| tag.as_bytes()),
        modified: r.mtime.map(clock::seconds),
        now: clock::seconds(r.request_time),
    }
}
