//! mod_log_config: access logs. The last step of a request: for each log of its server, one line.
//!
//! `format` reads the `%` language once, with the configuration; `render` makes lines of it; `stamp` keeps the text of the
//! present second. What is opened and written belongs to `src/log`.

mod format;
mod render;
mod stamp;

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::expr::{BoolExpr, ParseOptions};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::provider::{LogItem, Service};
use crate::hooks::{Answer, Hook, HookEntry, Phase, Status};
use crate::log;
use crate::log::{Level, LogWriter, Purpose, Site, Target};
use crate::request::{expr_vars, Request};
use crate::server::Draft;
use crate::sync::Shared;
use format::Format;
use render::Scene;
use std::cell::RefCell;

const LOG_MODULE: &str = "log_config";

/// `mod_log_config.c`.
pub static MODULE: Module = Module {
    name: "mod_log_config.c",
    identifier: "log_config_module",
    directives: DIRECTIVES,
    hooks: &[
        HookEntry::new(Hook::CheckConfig(check_config)),
        HookEntry::new(Hook::OpenLogs(open_logs)),
        HookEntry::request(Phase::LogTransaction, log_transaction),
    ],
    ..Module::EMPTY
};

#[rustfmt::skip]
static DIRECTIVES: &[Directive] = &[
    Directive::new("LogFormat", Scope::RSRC_CONF, Arity::Take12, log_format, "how lines look, and a name for it; without one, how TransferLog's lines look"),
    Directive::new("CustomLog", Scope::RSRC_CONF, Arity::Take23, custom_log, "a file or program, a format or its name, and perhaps a condition: env= or expr="),
    Directive::new("GlobalLog", Scope::SERVER, Arity::Take23, global_log, "the same, for all virtual hosts, too"),
    Directive::new("TransferLog", Scope::RSRC_CONF, Arity::Take1, transfer_log, "a file or program"),
    Directive::new("BufferedLogs", Scope::RSRC_CONF, Arity::Flag, buffered_logs, "On or Off: whether lines wait for others to be written with"),
];

/// The Common Log Format: what TransferLog writes without a LogFormat, and the format called CLF.
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";

/// The logs of a server, and the formats that its directives can name.
#[derive(Clone, Default)]
struct LogConf {
    nicknames: Vec<(String, Shared<Format>)>,
    /// LogFormat without a name.
    usual: Option<Choice>,
    logs: Vec<AccessLog>,
    buffered: bool,
}

/// A format as a directive gave it. A text may turn out to be a name, which may be explained later in the file.
#[derive(Clone)]
struct Choice {
    text: String,
    format: Shared<Format>,
}

/// One log.
#[derive(Clone)]
struct AccessLog {
    target: Target,
    /// None: the server's usual one.
    format: Option<Choice>,
    condition: Condition,
    /// GlobalLog: in virtual hosts that have logs of their own, too.
    global: bool,
    /// `file:line`.
    defined_at: String,
    /// Once open.
    writer: Option<LogWriter>,
}

/// Which requests a log is for.
#[derive(Clone)]
enum Condition {
    Always,
    /// `env=NAME`: the variable is set (true) or, `env=!NAME`, not.
    Variable(String, bool),
    Expression(BoolExpr),
}

impl LogConf {
    fn named(&self, name: &str) -> Option<&Shared<Format>> {
        let known = self.nicknames.iter().find(|(known, _)| known == name);
        known.map(|(_, format)| format)
    }

    /// Puts formats in the place of their names.
    fn resolve(&mut self) {
        let mut conf = std::mem::take(self);
        let formats = &conf.nicknames;
        let look_up = |choice: &mut Choice| {
            if let Some((_, format)) = formats.iter().find(|(name, _)| *name == choice.text) {
                choice.format = format.clone();
            }
        };
        conf.usual.iter_mut().for_each(look_up);
        conf.logs
            .iter_mut()
            .filter_map(|log| log.format.as_mut())
            .for_each(look_up);
        *self = conf;
    }
}

impl Conf for LogConf {
    /// A virtual host with a log of its own has the main server's no more, GlobalLogs excepted. Formats come together.
    fn merge(&self, over: &Self) -> Self {
        let mut base = self.clone();
        base.resolve();
        let mut nicknames = over.nicknames.clone();
        nicknames.extend(
            base.nicknames
                .iter()
                .filter(|(name, _)| over.named(name).is_none())
                .cloned(),
        );
        let mut logs = over.logs.clone();
        let alone = logs.is_empty();
        logs.extend(base.logs.into_iter().filter(|log| alone || log.global));
        LogConf {
            nicknames,
            usual: over.usual.clone().or(base.usual),
            logs,
            buffered: over.buffered || base.buffered,
        }
    }
}

fn log_format(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let choice = choice(cmd, 0)?;
    let name = cmd.args.get(1).cloned();
    let conf = cmd.server_conf::<LogConf>();
    match name {
        Some(name) => {
            conf.nicknames.retain(|(known, _)| *known != name);
            conf.nicknames.push((name, choice.format));
        }
        None => conf.usual = Some(choice),
    }
    Ok(())
}

fn custom_log(cmd: &mut Cmd<'_>) -> Result<(), String> {
    add_log(cmd, false)
}

fn global_log(cmd: &mut Cmd<'_>) -> Result<(), String> {
    add_log(cmd, true)
}

fn transfer_log(cmd: &mut Cmd<'_>) -> Result<(), String> {
    add_log(cmd, false)
}

fn buffered_logs(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.server_conf::<LogConf>().buffered = on;
    Ok(())
}

fn add_log(cmd: &mut Cmd<'_>, global: bool) -> Result<(), String> {
    let format = match cmd.args.len() {
        1 => None,
        _ => Some(choice(cmd, 1)?),
    };
    let condition = match cmd.args.get(2).cloned() {
        Some(clause) => condition(cmd, &clause)?,
        None => Condition::Always,
    };
    let target = Target::of_transfer_log(cmd.arg(0), &cmd.build.globals.root);
    let file = cmd.build.source.path_of(&cmd.node.at).display();
    let defined_at = format!("{file}:{}", cmd.node.at.line);
    let log = AccessLog {
        target,
        format,
        condition,
        global,
        defined_at,
        writer: None,
    };
    cmd.server_conf::<LogConf>().logs.push(log);
    Ok(())
}

/// Argument `index` as a format.
fn choice(cmd: &Cmd<'_>, index: usize) -> Result<Choice, String> {
    let text = cmd.arg(index).to_owned();
    let format = Format::parse(&text, &|name| item_of_modules(cmd, name))?;
    Ok(Choice {
        text,
        format: Shared::new(format),
    })
}

/// An item that another module offers.
fn item_of_modules(cmd: &Cmd<'_>, name: &str) -> Option<LogItem> {
    let modules = cmd.build.globals.modules.active().iter();
    let mut offers = modules.flat_map(|(module, _)| module.providers);
    offers.find_map(|offer| match offer.service {
        Service::LogItem(item) if offer.name == name => Some(item),
        _ => None,
    })
}

fn condition(cmd: &Cmd<'_>, clause: &str) -> Result<Condition, String> {
    if let Some(variable) = clause.strip_prefix("env=") {
        return match variable.strip_prefix('!') {
            _ if variable.trim_start_matches('!').is_empty() => {
                Err("missing environment variable name".into())
            }
            Some(name) => Ok(Condition::Variable(name.to_owned(), false)),
            None => Ok(Condition::Variable(variable.to_owned(), true)),
        };
    }
    let Some(text) = clause.strip_prefix("expr=") else {
        return Err(format!("error in condition clause: '{clause}' is neither env=NAME, env=!NAME nor expr=EXPRESSION"));
    };
    let options = ParseOptions {
        vary: false,
        regex: cmd.build.main.regex,
        ..ParseOptions::default()
    };
    BoolExpr::parse(text, &options).map(Condition::Expression)
}

/// Formats in the place of their names, and a look at the folders of the files.
fn check_config(draft: &mut Draft<'_>) -> Result<(), String> {
    for server in &mut draft.generation.servers {
        let conf = server.conf.entry::<LogConf>();
        conf.resolve();
        for log in &conf.logs {
            if let Some((folder, error)) = log.target.folder_trouble() {
                return Err(format!(
                    "{}: AH02297: Cannot access directory '{}/' for log file '{}' defined at {}",
                    crate::log::SystemError(&error),
                    folder.display(),
                    log.target,
                    log.defined_at
                ));
            }
        }
    }
    Ok(())
}

fn open_logs(draft: &mut Draft<'_>) -> Result<(), String> {
    let generation = &mut *draft.generation;
    // A buffer belongs to a thread and a log, whichever server's line comes: one word is for all.
    let buffered = generation
        .servers
        .iter()
        .any(|s| s.conf.get::<LogConf>().is_some_and(|c| c.buffered));
    for server in &mut generation.servers {
        for log in &mut server.conf.entry::<LogConf>().logs {
            let destination = generation
                .logs
                .destination(log.target.clone(), Purpose::Transfers);
            log.writer = Some(LogWriter::new(destination, buffered));
        }
    }
    Ok(())
}

/// What a thread keeps from line to line.
struct Scratch {
    line: RefCell<Vec<u8>>,
    /// The format of TransferLog where nobody gave one.
    common: Format,
}

impl Scratch {
    fn new() -> Scratch {
        let common = Format::parse(COMMON, &|_| None).unwrap_or_default();
        Scratch {
            line: RefCell::default(),
            common,
        }
    }
}

fn log_transaction(r: &mut Request) -> Answer<'_> {
    let ctx = r.ctx.clone();
    let Some(conf) = ctx.generation.servers[r.server].conf.get::<LogConf>() else {
        return Answer::Now(Status::Declined);
    };
    let scratch = ctx.local(Scratch::new);
    for log in &conf.logs {
        let Some(writer) = &log.writer else { continue };
        if !wanted(r, &log.condition) {
            continue;
        }
        let choice = log.format.as_ref().or(conf.usual.as_ref());
        let format = choice.map_or(&scratch.common, |choice| &choice.format);
        let mut line = scratch.line.borrow_mut();
        line.clear();
        format.render(&Scene::new(r), &mut line);
        writer.line(&line, r.log_errors());
    }
    Answer::Now(Status::Ok)
}

/// Conditions look at the request as it came, before any internal redirect.
fn wanted(r: &mut Request, condition: &Condition) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Variable(name, set) => {
            let env = r.previous.first().map_or(&r.env, |first| &first.env);
            env.contains(name) == *set
        }
        Condition::Expression(expression) => {
            swap_with_first(r);
            let result = expr_vars::boolean(r, expression);
            swap_with_first(r);
            result.unwrap_or_else(|message| {
                log!(
                    &*r,
                    Level::Error,
                    644,
                    "the condition of a CustomLog cannot be evaluated: {message}"
                );
                false
            })
        }
    }
}

/// Exchanges what the request was before its first internal redirect with what it is now.
fn swap_with_first(r: &mut Request) {
    if let Some(first) = r.previous.first_mut() {
        std::mem::swap(&mut first.uri, &mut r.uri);
        std::mem::swap(&mut first.args, &mut r.args);
        std::mem::swap(&mut first.env, &mut r.env);
        std::mem::swap(&mut first.handler, &mut r.handler);
        std::mem::swap(&mut first.filename, &mut r.filename);
        std::mem::swap(&mut first.user, &mut r.user);
    }
}
