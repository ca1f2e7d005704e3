//! A request's way through the phases, in running order.

use super::{error, url, walk, Request};
use crate::hooks::{Answer, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::protocol::http1::Framing;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{pin, Pin};
use std::task::{Context, Poll};

const LOG_MODULE: &str = "core";

/// The most that LimitRequestBody allows where it is not set.
const DEFAULT_BODY_LIMIT: u64 = 1 << 30;

/// Processes a request whose head is complete. When this returns, the response is in `r.out` or on its way; whatever
/// goes wrong becomes an error response. A panic in a module costs this request only.
pub async fn process(r: &mut Request) {
    let panicked = Caught(pin!(run_and_answer(r))).await;
    if panicked {
        log!(
            &*r,
            Level::Error,
            20010,
            "a module panicked while it worked on this request; it is answered with 500"
        );
        r.aborted |= r.exchange.is_committed();
        error::answer(r, 500).await;
    }
}

async fn run_and_answer(r: &mut Request) {
    let status = run(r).await;
    error::conclude(r, status).await;
}

/// Answers a request that could not be read.
pub async fn reject(r: &mut Request, status: u16) {
    error::answer(r, status).await;
}

/// Logs a request: the hooks of `log_transaction`.
pub async fn log(r: &mut Request) {
    all(r, Phase::LogTransaction).await;
}

/// Everything from post_read_request to the handler.
async fn run(r: &mut Request) -> Status {
    if r.notes.contains("strict-host") {
        return Status::Http(400);
    }
    super::client_name::find(r).await;
    if let Some(stop) = go(all(r, Phase::PostReadRequest).await) {
        return stop;
    }
    match first(r, Phase::QuickHandler).await {
        Status::Declined => {}
        done => return done,
    }
    match prepare(r).await {
        Status::Ok => respond(r).await,
        other => other,
    }
}

/// Phases from the URL to fixups: all that a sub-request needs to know what it would be.
pub async fn prepare(r: &mut Request) -> Status {
    if let Some(stop) = map(r).await {
        return stop;
    }
    prepare_mapped(r).await
}

/// URL to file name.
async fn map(r: &mut Request) -> Option<Status> {
    r.conf = r.ctx.base_conf(r.server);
    walk::locations(r);
    match first(r, Phase::PreTranslate).await {
        Status::Declined | Status::Ok => {
            if let Err(reject) = url::decode(r) {
                log!(
                    &*r,
                    Level::Info,
                    26,
                    "{}: {}",
                    reject.reason,
                    log::raw(&r.unparsed_uri)
                );
                return Some(Status::Http(reject.status));
            }
        }
        Status::Done => {}
        stop => return Some(stop),
    }
    r.conf = r.ctx.base_conf(r.server);
    walk::locations(r);
    match first(r, Phase::Translate).await {
        Status::Ok | Status::Declined => None,
        stop => Some(stop),
    }
}

/// From the file name to fixups; sub-requests for a file begin here.
pub async fn prepare_mapped(r: &mut Request) -> Status {
    match first(r, Phase::MapToStorage).await {
        Status::Ok => {}
        Status::Declined => match walk::storage(r) {
            Status::Ok => {}
            stop => return stop,
        },
        stop => return stop,
    }
    walk::locations(r);
    walk::conditions(r);
    apply_core(r);
    if r.is_main() {
        super::client_name::find(r).await;
    }
    if let Some(stop) = go(all(r, Phase::PostPerDirConfig).await) {
        return stop;
    }
    if r.is_main() {
        if let Some(stop) = go(all(r, Phase::HeaderParser).await) {
            return stop;
        }
    }
    if let Some(stop) = access(r).await {
        return stop;
    }
    match first(r, Phase::TypeChecker).await {
        Status::Ok | Status::Declined => {}
        stop => return stop,
    }
    override_type(r);
    go(all(r, Phase::Fixups).await).unwrap_or(Status::Ok)
}

/// SetHandler and the filters that the core's directives name.
fn apply_core(r: &mut Request) {
    let conf = r.conf.clone();
    if let Some(handler) = &conf.core().handler {
        match super::expr_vars::string(r, handler) {
            // None leaves what the extension says.
            Ok(name) if name.is_empty() || name.eq_ignore_ascii_case(b"none") => {}
            Ok(name) => r.handler = Some(name.to_string()),
            Err(message) => log!(
                &*r,
                Level::Error,
                3154,
                "cannot evaluate the handler expression: {message}"
            ),
        }
    }
}

/// ForceType and SetHandler win over what modules found.
fn override_type(r: &mut Request) {
    let conf = r.conf.clone();
    match conf.core().force_type.as_deref() {
        // None leaves what the extension says.
        None | Some("") => {}
        Some(kind) => r.content_type = Some(kind.to_owned()),
    }
    apply_core(r);
}

/// The access phases, unless they have judged the same records before: those of the request that this is a sub-request of, or
/// was redirected from. So an ErrorDocument beside the page that it explains can be shown to one who may see neither.
async fn access(r: &mut Request) -> Option<Status> {
    if r.judged == Some(r.conf.id) {
        return None;
    }
    if r.judged.replace(r.conf.id).is_some() {
        r.user = None;
        r.auth_type = None;
    }
    let by_rules = go(all(r, Phase::AccessChecker).await);
    if r.satisfy_any == by_rules.is_none() {
        // Satisfy Any: allowed, and no user is asked for. Satisfy All: refused, and no user would change that.
        return by_rules;
    }
    let without_user = match r
        .ctx
        .generation
        .hooks
        .phase(Phase::AccessCheckerEx)
        .is_empty()
    {
        true => Status::Ok,
        false => first(r, Phase::AccessCheckerEx).await,
    };
    match without_user {
        Status::Ok => match first(r, Phase::ForceAuthn).await {
            Status::Ok => authenticate(r).await,
            // As Apache has it, no rule for users at all satisfies Satisfy Any, too.
            _ => None,
        },
        Status::Declined => authenticate(r).await,
        stop => Some(stop),
    }
}

async fn authenticate(r: &mut Request) -> Option<Status> {
    match first(r, Phase::CheckUserId).await {
        Status::Ok => {}
        Status::Declined => {
            log!(&*r, Level::Error, 27, "authentication is required here, but no type of it is configured (AuthType); {} is refused", log::raw(&r.uri));
            return Some(Status::Http(500));
        }
        stop => return Some(stop),
    }
    match first(r, Phase::AuthChecker).await {
        Status::Ok => None,
        Status::Declined => {
            log!(
                &*r,
                Level::Error,
                25,
                "nothing decides whether the user may see {}: is a Require line missing?",
                log::raw(&r.uri)
            );
            Some(Status::Http(500))
        }
        stop => Some(stop),
    }
}

/// Filters and handler.
pub async fn respond(r: &mut Request) -> Status {
    if let Some(status) = check_body_limit(r) {
        return status;
    }
    add_core_filters(r);
    all(r, Phase::InsertFilter).await;
    match first(r, Phase::Handler).await {
        Status::Declined => {
            log!(
                &*r,
                Level::Warn,
                28,
                "no handler is there for {}",
                r.handler.as_deref().unwrap_or("this request")
            );
            Status::Http(if r.handler.is_some() { 500 } else { 404 })
        }
        status => status,
    }
}

/// LimitRequestBody where the request says how long its body is.
fn check_body_limit(r: &Request) -> Option<Status> {
    let limit = body_limit(r);
    match r.framing {
        Framing::Length(n) if limit > 0 && n > limit => {
            log!(
                r,
                Level::Error,
                1588,
                "Requested content-length of {n} is larger than the configured limit of {limit}"
            );
            Some(Status::Http(413))
        }
        _ => None,
    }
}

/// LimitRequestBody in force, bytes; 0 = no limit.
pub fn body_limit(r: &Request) -> u64 {
    r.core_dir()
        .limit_request_body
        .unwrap_or(DEFAULT_BODY_LIMIT)
}

/// SetOutputFilter and SetInputFilter.
fn add_core_filters(r: &mut Request) {
    let conf = r.conf.clone();
    for name in conf.core().output_filters.iter().flatten() {
        if let Err(message) = r.add_output_filter(name) {
            log!(&*r, Level::Error, 82, "{message}");
        }
    }
    for name in conf.core().input_filters.iter().flatten() {
        if let Err(message) = r.add_input_filter(name) {
            log!(&*r, Level::Error, 81, "{message}");
        }
    }
}

/// Last changes to the fields of the response, before its head is made: once for each response that is begun.
pub async fn fixup_response(r: &mut Request) {
    if !r.exchange.is_committed() && !std::mem::replace(&mut r.fixed_up, true) {
        all(r, Phase::FixupResponse).await;
    }
}

/// Runs every hook of a phase until one stops it.
pub async fn all(r: &mut Request, phase: Phase) -> Status {
    let ctx = r.ctx.clone();
    for hook in ctx.generation.hooks.phase(phase) {
        let status = match hook(r) {
            Answer::Now(status) => status,
            Answer::Later(future) => future.await,
        };
        match status {
            Status::Ok | Status::Declined => {}
            stop => return stop,
        }
    }
    Status::Ok
}

/// Runs the hooks of a phase until one does not decline.
pub async fn first(r: &mut Request, phase: Phase) -> Status {
    let ctx = r.ctx.clone();
    for hook in ctx.generation.hooks.phase(phase) {
        let status = match hook(r) {
            Answer::Now(status) => status,
            Answer::Later(future) => future.await,
        };
        match status {
            Status::Declined => {}
            answer => return answer,
        }
    }
    Status::Declined
}

/// `None` to go on.
fn go(status: Status) -> Option<Status> {
    match status {
        Status::Ok | Status::Declined => None,
        stop => Some(stop),
    }
}

/// A future whose panic becomes `true`.
struct Caught<F>(F);

impl<F: Future<Output = ()>> Future for Caught<Pin<&mut F>> {
    type Output = bool;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let inner = &mut self.0;
        // What the panic left half done belongs to this request, which is answered with 500 and then thrown away.
        match std::panic::catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
            Ok(Poll::Ready(())) => Poll::Ready(false),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(true),
        }
    }
}
