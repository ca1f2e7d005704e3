//! mod_cgi and mod_cgid: programs answer requests (RFC 3875). One code for both; which of the two is built follows from the
//! MPM, as in Apache, and only where programs are started differs: see `script`.
//!
//! The request's body goes to the program as it comes from the client, while output is taken up meanwhile; once the
//! program's fields are there, content goes to the client as the program writes it.

mod head;
mod script;
mod script_log;

use crate::config::core::{CoreDir, Options, ResourceLimit};
use crate::config::directive::{parse_interval, Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
#[cfg(module = "cgid")]
use crate::hooks::Hook;
#[cfg(module = "cgid")]
use crate::server::Draft;
use crate::log;
use crate::log::Level;
use crate::os::limits::{self, Resource};
use crate::os::spawner::{OnLoss, Request as Order};
use crate::protocol::{escape, Method};
use crate::request::{cgi_env, error, redirect, FileKind, Request};
use crate::run;
use bstr::{BStr, BString, ByteSlice};
use bytes::Bytes;
use head::{Head, Verdict};
use script::{Script, Wrote};
use script_log::{Failure, ScriptLog};
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

const LOG_MODULE: &str = if cfg!(module = "cgid") { "cgid" } else { "cgi" };

/// The media type that means the same as the handler `cgi-script`.
const TYPE: &str = "application/x-httpd-cgi";
/// Output that waits while the request's body is still coming.
const GATHER: usize = 256 * 1024;
/// Output that is sent in one go.
const SEND: usize = 64 * 1024;

const ANY_CONF: Scope = Scope::RSRC_CONF.or(Scope::ACCESS_CONF);

macro_rules! directives {
    ($($more:expr),*) => {
        &[
            Directive::new("ScriptLog", Scope::RSRC_CONF, Arity::Take1, set_log, "a file that tells about programs that failed"),
            Directive::new("ScriptLogLength", Scope::RSRC_CONF, Arity::Take1, set_log_length, "bytes that the log grows to"),
            Directive::new("ScriptLogBuffer", Scope::RSRC_CONF, Arity::Take1, set_log_buffer, "bytes of a request's body that are logged"),
            $($more),*
        ]
    };
}

/// `mod_cgi.c`.
#[cfg(module = "cgi")]
pub static CGI: Module = Module {
    name: "mod_cgi.c",
    identifier: "cgi_module",
    directives: directives!(Directive::new(
        "CGIScriptTimeout", ANY_CONF, Arity::Take1, set_timeout, "how long a program may keep silent: seconds, or with a unit"
    )),
    hooks: &[HookEntry::request(Phase::Handler, handle)],
    ..Module::EMPTY
};

/// `mod_cgid.c`.
#[cfg(module = "cgid")]
pub static CGID: Module = Module {
    name: "mod_cgid.c",
    identifier: "cgid_module",
    directives: directives!(
        Directive::new("CGIDScriptTimeout", ANY_CONF, Arity::Take1, set_timeout, "how long a program may keep silent: seconds, or with a unit"),
        Directive::new("ScriptSock", Scope::RSRC_CONF, Arity::Take1, set_socket, "the socket of Apache's daemon; nothing here")
    ),
    hooks: &[HookEntry::new(Hook::CheckConfig(need_spawner)), HookEntry::request(Phase::Handler, handle)],
    ..Module::EMPTY
};

/// A process of many threads starts no programs.
#[cfg(module = "cgid")]
fn need_spawner(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.generation.main.needs_spawner = true;
    Ok(())
}

/// CGIScriptTimeout and CGIDScriptTimeout.
#[derive(Clone, Default)]
struct Patience(Option<Duration>);

impl Conf for Patience {
    fn merge(&self, over: &Self) -> Self {
        Patience(over.0.or(self.0))
    }
}

fn set_timeout(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let time = parse_interval(cmd.arg(0), "s");
    let time = time.ok_or_else(|| format!("{} has wrong format", cmd.directive.name))?;
    // 0 is Timeout's, as in Apache.
    cmd.dir_conf::<Patience>().0 = Some(time).filter(|time| !time.is_zero());
    Ok(())
}

fn set_log(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let file = cmd.root_relative(cmd.arg(0));
    cmd.server_conf::<ScriptLog>().file = Some(file);
    Ok(())
}

fn set_log_length(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 0, i64::MAX as u64)?;
    cmd.server_conf::<ScriptLog>().length = Some(bytes);
    Ok(())
}

fn set_log_buffer(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 0, i32::MAX as usize)?;
    cmd.server_conf::<ScriptLog>().buffer = Some(bytes);
    Ok(())
}

#[cfg(module = "cgid")]
fn set_socket(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn_no_effect("the process that starts programs is reached without a name in the file system");
    Ok(())
}

fn handle(r: &mut Request) -> Answer<'_> {
    let wanted = match (&r.handler, &r.content_type) {
        (Some(handler), _) => handler == "cgi-script" || handler == TYPE,
        (None, Some(kind)) => kind.split(';').next() == Some(TYPE),
        (None, None) => false,
    };
    match wanted {
        true => Answer::later(respond(r)),
        false => Answer::Now(Status::Declined),
    }
}

/// Refuses to run it: a line in both logs.
fn refuse(r: &Request, status: u16, number: u32, reason: &str) -> Status {
    log!(r, Level::Error, number, "{reason}: {}", log::raw(&r.filename));
    script_log::append(r, &Failure { status, error: reason, body: b"", output: b"", errors: b"" });
    Status::Http(status)
}

/// The reasons not to run it, in Apache's order.
fn check(r: &Request) -> Result<(), Status> {
    let aliased = r.notes.get("alias-forced-type").is_some_and(|kind| kind.eq_ignore_ascii_case(b"cgi-script"));
    if !aliased && !r.core_dir().options().has(Options::EXEC_CGI) {
        return Err(refuse(r, 403, 2809, "Options ExecCGI is off in this directory"));
    }
    let Some(info) = &r.finfo else {
        return Err(refuse(r, 404, 2811, "script not found or unable to stat"));
    };
    if info.kind == FileKind::Directory {
        return Err(refuse(r, 403, 2812, "attempt to invoke directory as script"));
    }
    if r.core_dir().accept_path_info == Some(Some(false)) && !r.path_info.is_empty() {
        return Err(refuse(r, 404, 2813, "AcceptPathInfo off disallows user's path"));
    }
    if info.mode & 0o111 == 0 {
        return Err(refuse(r, 403, 3194, "file permissions deny server execution"));
    }
    Ok(())
}

/// What is to be started, with the request's environment.
fn order(r: &Request) -> Order {
    let mut order = Order::new(r.filename.as_slice(), OnLoss::Kill);
    order.arguments.extend(arguments(r.args.as_ref().map_or(b"".as_slice(), |args| args)));
    order.environment = cgi_env::block(r);
    let end = r.filename.rfind_byte(b'/').unwrap_or(0);
    order.folder = r.filename[..end.max(1)].to_vec();
    order.limits = resource_limits(r.core_dir());
    order
}

/// The words of a query without `=` (RFC 3875, section 4.4), with a backslash before all that means something to a shell.
fn arguments(query: &[u8]) -> Vec<Vec<u8>> {
    if query.is_empty() || query.contains(&b'=') {
        return Vec::new();
    }
    let words = query.split(|byte| *byte == b'+');
    let words = words.map(|word| escape::unescape(word).unwrap_or_else(|| word.into()));
    words.filter(|word| !word.contains(&0)).map(|word| shell_escaped(&word)).collect()
}

fn shell_escaped(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    for byte in word {
        if b"&;`'\"|*?~<>^()[]{}$\\\n!#".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// RLimitCPU, RLimitMEM and RLimitNPROC; a hard limit that is not given stays as it is.
fn resource_limits(dir: &CoreDir) -> Vec<(Resource, u64, u64)> {
    let set = |resource, limit: Option<ResourceLimit>| {
        let (soft, hard) = limit?;
        let hard = hard.or_else(|| limits::get(resource).ok().map(|(_, hard)| hard))?;
        Some((resource, soft.min(hard), hard))
    };
    [
        set(Resource::Cpu, dir.rlimit_cpu),
        set(Resource::Memory, dir.rlimit_mem),
        set(Resource::Processes, dir.rlimit_nproc),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn respond(r: &mut Request) -> Status {
    if let Err(status) = check(r) {
        return status;
    }
    cgi_env::add_common(r);
    cgi_env::add_cgi(r).await;
    let ctx = r.ctx.clone();
    let script = match Script::start(&ctx, &order(r)).await {
        Ok(script) => script,
        Err(error) => {
            log!(&*r, Level::Error, 1223, err = error, "couldn't create child process: {}", log::raw(&r.filename));
            return Status::Http(500);
        }
    };
    let mut run = Run::new(r, script);
    let outcome = run.converse(r).await;
    run.conclude(r, outcome).await
}

/// A program that answers a request.
struct Run {
    script: Script,
    stage: Stage,
    patience: Duration,
    /// The beginning of the request's body, for ScriptLog.
    body: Vec<u8>,
    body_kept: usize,
    /// Complaints so far, for ScriptLog.
    complaints: Vec<u8>,
}

enum Stage {
    /// The fields are not complete.
    Head,
    /// Content goes to the client; so many bytes at most, if the program said so.
    Content(Option<u64>),
    /// Whatever the program says goes to the client (`nph-`).
    Raw,
    /// Nothing more goes to the client.
    Decided(Outcome),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The response is there.
    Complete,
    /// Another status.
    Status(u16),
    /// Go on at this local address.
    Local(BString),
    /// The program is to blame, and ScriptLog is told.
    Failed(u16),
    /// Too late for a status: the client sees that something is missing.
    Broken,
}

impl Run {
    fn new(r: &Request, script: Script) -> Run {
        let timeout = r.dir_conf::<Patience>().and_then(|patience| patience.0);
        let raw = r.file_base().starts_with(b"nph-");
        Run {
            script,
            stage: if raw { Stage::Raw } else { Stage::Head },
            patience: timeout.unwrap_or_else(|| r.core_server().timeout()),
            body: Vec::new(),
            body_kept: r.server_conf::<ScriptLog>().map_or(0, ScriptLog::body_bytes),
            complaints: Vec::new(),
        }
    }

    /// Body in, content out.
    async fn converse(&mut self, r: &mut Request) -> Outcome {
        if let Err(outcome) = self.feed(r).await {
            return outcome;
        }
        self.script.close_input();
        loop {
            if let Err(outcome) = self.pass_on(r).await {
                return outcome;
            }
            if self.script.is_silent() {
                return self.end(r);
            }
            if let Err(outcome) = self.take(r).await {
                return outcome;
            }
        }
    }

    /// Gives the program the request's body.
    async fn feed(&mut self, r: &mut Request) -> Result<(), Outcome> {
        loop {
            let piece = {
                let mut reading = pin!(r.read_body());
                let script = &mut self.script;
                poll_fn(|cx| {
                    // The client may be slow, and the program talk meanwhile.
                    while script.poll_take(cx, GATHER).is_ready() {}
                    reading.as_mut().poll(cx)
                })
                .await
            };
            self.log_complaints(r);
            match piece {
                Ok(Some(piece)) => {
                    if !self.write(r, piece).await? {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    log!(&*r, Level::Error, 1225, err = error, "Error reading request entity data");
                    return Err(if r.exchange.is_committed() { Outcome::Broken } else { Outcome::Status(error::status_of(&error)) });
                }
            }
        }
    }

    /// Writes a piece of the body. False if the program reads no more.
    async fn write(&mut self, r: &mut Request, mut piece: Bytes) -> Result<bool, Outcome> {
        let room = self.body_kept.saturating_sub(self.body.len()).min(piece.len());
        self.body.extend_from_slice(&piece[..room]);
        while !piece.is_empty() {
            match run::timeout(self.patience, self.script.write(&piece, GATHER)).await {
                Ok(Wrote::Bytes(n)) => drop(piece.split_to(n)),
                Ok(Wrote::Closed) => return Ok(false),
                Ok(Wrote::Output) if self.script.out.len() >= GATHER => self.pass_on(r).await?,
                Ok(Wrote::Output) => {}
                Err(_) => return Err(self.timed_out(r)),
            }
        }
        Ok(true)
    }

    /// Waits for more output; what waits for the client is sent before.
    async fn take(&mut self, r: &mut Request) -> Result<(), Outcome> {
        let at_once = poll_fn(|cx| Poll::Ready(self.script.poll_take(cx, SEND).is_ready())).await;
        if !at_once {
            self.flush(r).await?;
            let script = &mut self.script;
            let waited = run::timeout(self.patience, poll_fn(|cx| script.poll_take(cx, SEND))).await;
            if waited.is_err() {
                return Err(self.timed_out(r));
            }
        }
        self.log_complaints(r);
        Ok(())
    }

    async fn flush(&mut self, r: &mut Request) -> Result<(), Outcome> {
        if r.out.pending.is_empty() {
            return Ok(());
        }
        r.raw_response = matches!(self.stage, Stage::Raw);
        match r.flush().await {
            Ok(()) => Ok(()),
            Err(error) => {
                log!(&*r, Level::Debug, 1237, err = error, "the client does not take the output of {}", log::raw(&r.filename));
                Err(Outcome::Broken)
            }
        }
    }

    /// Takes the output so far to where it belongs.
    async fn pass_on(&mut self, r: &mut Request) -> Result<(), Outcome> {
        if matches!(self.stage, Stage::Head) {
            self.read_head(r)?;
        }
        match &mut self.stage {
            Stage::Head => {}
            Stage::Decided(_) => self.script.out.clear(),
            Stage::Content(_) if r.header_only => return Err(Outcome::Complete),
            Stage::Content(left) => {
                let mut bytes = self.script.out.split();
                if let Some(left) = left {
                    bytes.truncate((*left).min(bytes.len() as u64) as usize);
                    *left -= bytes.len() as u64;
                }
                r.write(bytes.freeze());
            }
            Stage::Raw => {
                r.raw_response = true;
                let bytes = self.script.out.split().freeze();
                r.write(bytes);
            }
        }
        if r.out.pending.len() >= SEND as u64 {
            self.flush(r).await?;
        }
        Ok(())
    }

    fn read_head(&mut self, r: &mut Request) -> Result<(), Outcome> {
        let (fields, length) = match head::parse(&self.script.out) {
            Head::Partial => return Ok(()),
            Head::Whole(fields, length) => (fields, length),
            Head::Bad(line) => {
                let line = log::raw(&line[..line.len().min(30)]);
                log!(&*r, Level::Error, 0, "malformed header from script '{}': Bad header: {line}", log::raw(r.file_base()));
                return Err(Outcome::Failed(500));
            }
        };
        self.stage = match head::apply(r, fields) {
            Verdict::Content(left) => Stage::Content(left),
            Verdict::Local(target) => Stage::Decided(Outcome::Local(target)),
            Verdict::Status(302) => Stage::Decided(Outcome::Status(302)),
            Verdict::Status(500) => return Err(Outcome::Failed(500)),
            Verdict::Status(status) => return Err(Outcome::Status(status)),
        };
        drop(self.script.out.split_to(length));
        Ok(())
    }

    /// All output has been passed on.
    fn end(&mut self, r: &mut Request) -> Outcome {
        match &self.stage {
            Stage::Head => {
                log!(&*r, Level::Error, 0, "End of script output before headers: {}", log::raw(r.file_base()));
                Outcome::Failed(500)
            }
            Stage::Decided(outcome) => outcome.clone(),
            Stage::Content(Some(left)) if *left > 0 && r.exchange.is_committed() && r.headers_out.contains("Content-Length") => {
                log!(&*r, Level::Error, 20302, "{} announced more content than it gave", log::raw(&r.filename));
                Outcome::Broken
            }
            Stage::Content(_) | Stage::Raw => Outcome::Complete,
        }
    }

    fn timed_out(&mut self, r: &Request) -> Outcome {
        if r.exchange.is_committed() {
            log!(r, Level::Warn, 1220, "Timeout waiting for output from CGI script {}", log::raw(&r.filename));
            return Outcome::Broken;
        }
        log!(r, Level::Error, 0, "Script timed out before returning headers: {}", log::raw(r.file_base()));
        Outcome::Failed(504)
    }

    /// Whole lines of standard error go to the error log.
    fn log_complaints(&mut self, r: &Request) {
        while let Some(end) = self.script.errors.find_byte(b'\n') {
            let line: Vec<u8> = self.script.errors.drain(..=end).collect();
            self.complain(r, &line);
        }
        if self.script.errors.len() >= 8192 {
            let line = std::mem::take(&mut self.script.errors);
            self.complain(r, &line);
        }
    }

    fn complain(&mut self, r: &Request, line: &[u8]) {
        let text = line.trim_end_with(|c| c == '\n' || c == '\r');
        if !text.is_empty() {
            log!(r, Level::Error, 1215, "stderr from {}: {}", log::raw(&r.filename), log::raw(text));
        }
        if self.body_kept > 0 && self.complaints.len() < GATHER {
            self.complaints.extend_from_slice(line);
        }
    }

    /// Ends the program, and the response as `outcome` has it.
    async fn conclude(mut self, r: &mut Request, outcome: Outcome) -> Status {
        if outcome == Outcome::Complete && !r.header_only && self.flush_before_farewell(r).await.is_err() {
            r.aborted = true;
        }
        self.script.last_words();
        self.log_complaints(r);
        let rest = std::mem::take(&mut self.script.errors);
        self.complain(r, &rest);
        if let Outcome::Failed(status) = outcome {
            let (body, output, errors) = (&self.body, &self.script.out, &self.complaints);
            script_log::append(r, &Failure { status, error: "", body, output, errors });
        }
        match outcome {
            // Nobody wants it any more.
            Outcome::Broken | Outcome::Failed(504) => drop(self.script),
            _ => self.script.finish().await,
        }
        match outcome {
            Outcome::Complete => Status::Ok,
            Outcome::Status(status) | Outcome::Failed(status) => Status::Http(status),
            Outcome::Local(target) => go_on(r, target.as_ref()).await,
            Outcome::Broken => {
                r.aborted = true;
                r.exchange.spoil();
                Status::Ok
            }
        }
    }

    /// The content need not wait until the program is gone; a short one leaves in one piece with its end, though.
    async fn flush_before_farewell(&mut self, r: &mut Request) -> Result<(), Outcome> {
        match r.exchange.is_committed() {
            true => self.flush(r).await,
            false => Ok(()),
        }
    }
}

/// A local Location: the request begins anew there, as GET, and its body has been read.
async fn go_on(r: &mut Request, target: &BStr) -> Status {
    r.headers_in.unset("Content-Length");
    r.headers_in.unset("Transfer-Encoding");
    redirect::run(r, target, Some(Method::Get)).await;
    Status::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_without_equals_are_arguments() {
        assert_eq!(arguments(b"one+two"), [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(arguments(b"a%20b%3bc"), [b"a b\\;c".to_vec()]);
        assert!(arguments(b"a=b").is_empty() && arguments(b"").is_empty());
    }
}
