//! mod_cgi and mod_cgid: programs answer requests (RFC 3875). One code for both; which of the two is built follows from the
//! MPM, as in Apache, and only where programs are started differs: see `script`.
//!
//! The request's body goes to the program as it comes from the client, while output is taken up meanwhile; once the
//! program's fields are there, content goes to the client as the program writes it.

mod conversation;
mod head;
mod script;
mod script_log;

use crate::config::core::{CoreDir, Options, ResourceLimit};
use crate::config::directive::{parse_interval, Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, Hook, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::os::limits::{self, Resource};
use crate::os::spawner::{OnLoss, Request as Order};
use crate::protocol::escape;
use crate::request::{cgi_env, FileKind, Request};
use crate::server::Draft;
use bstr::ByteSlice;
use conversation::Run;
use script::Script;
use script_log::{Failure, ScriptLog};
use std::time::Duration;

const LOG_MODULE: &str = if cfg!(module = "cgid") { "cgid" } else { "cgi" };

/// The media type that means the same as the handler `cgi-script`.
const TYPE: &str = "application/x-httpd-cgi";
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
        "CGIScriptTimeout",
        ANY_CONF,
        Arity::Take1,
        set_timeout,
        "how long a program may keep silent: seconds, or with a unit"
    )),
    hooks: &[
        HookEntry::new(Hook::CheckConfig(start_programs)),
        HookEntry::request(Phase::Handler, handle),
    ],
    ..Module::EMPTY
};

/// A process that has given up rights must not hand that down: then somebody else starts the programs.
#[cfg(module = "cgi")]
fn start_programs(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.generation.main.starts_programs = true;
    Ok(())
}

/// `mod_cgid.c`.
#[cfg(module = "cgid")]
pub static CGID: Module = Module {
    name: "mod_cgid.c",
    identifier: "cgid_module",
    directives: directives!(
        Directive::new(
            "CGIDScriptTimeout",
            ANY_CONF,
            Arity::Take1,
            set_timeout,
            "how long a program may keep silent: seconds, or with a unit"
        ),
        Directive::new(
            "ScriptSock",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_socket,
            "the socket of Apache's daemon; nothing here"
        )
    ),
    hooks: &[
        HookEntry::new(Hook::CheckConfig(need_spawner)),
        HookEntry::request(Phase::Handler, handle),
    ],
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
    cmd.build.main.reach.writes_file(&file);
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
    cmd.warn_no_effect(
        "the process that starts programs is reached without a name in the file system",
    );
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
    log!(
        r,
        Level::Error,
        number,
        "{reason}: {}",
        log::raw(&r.filename)
    );
    script_log::append(
        r,
        &Failure {
            status,
            error: reason,
            body: b"",
            output: b"",
            errors: b"",
        },
    );
    Status::Http(status)
}

/// The reasons not to run it, in Apache's order.
fn check(r: &Request) -> Result<(), Status> {
    let aliased = r
        .notes
        .get("alias-forced-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case(b"cgi-script"));
    if !aliased && !r.core_dir().options().has(Options::EXEC_CGI) {
        return Err(refuse(
            r,
            403,
            2809,
            "Options ExecCGI is off in this directory",
        ));
    }
    let Some(info) = &r.finfo else {
        return Err(refuse(r, 404, 2811, "script not found or unable to stat"));
    };
    if info.kind == FileKind::Directory {
        return Err(refuse(
            r,
            403,
            2812,
            "attempt to invoke directory as script",
        ));
    }
    if r.core_dir().accept_path_info == Some(Some(false)) && !r.path_info.is_empty() {
        return Err(refuse(
            r,
            404,
            2813,
            "AcceptPathInfo off disallows user's path",
        ));
    }
    if info.more.mode & 0o111 == 0 {
        return Err(refuse(
            r,
            403,
            3194,
            "file permissions deny server execution",
        ));
    }
    Ok(())
}

/// What is to be started, with the request's environment.
fn order(r: &Request) -> Order {
    let mut order = Order::new(r.filename.as_slice(), OnLoss::Kill);
    order.arguments.extend(arguments(
        r.args.as_ref().map_or(b"".as_slice(), |args| args),
    ));
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
    words
        .filter(|word| !word.contains(&0))
        .map(|word| shell_escaped(&word))
        .collect()
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
            log!(
                &*r,
                Level::Error,
                1223,
                err = error,
                "couldn't create child process: {}",
                log::raw(&r.filename)
            );
            return Status::Http(500);
        }
    };
    let mut run = Run::new(r, script);
    let outcome = run.converse(r).await;
    run.conclude(r, outcome).await
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
