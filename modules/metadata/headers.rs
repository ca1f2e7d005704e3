//! mod_headers: changes to the fields of requests and responses. Rules for requests act at the fixups, those for responses
//! when the head of the response is about to be made; `early` ones act when the request's head is complete, and only where
//! they stand outside sections.
//!
//! `Header` has two tables to work on, as in Apache: that of good responses (`onsuccess`, the usual one) and that of all
//! responses (`always`). A page that the server makes for an error meets the rules of the second only.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::expr::{BoolExpr, ParseOptions, StringExpr};
use crate::config::tree::next_word;
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::os::clock;
use crate::pattern::Pattern;
use crate::request::table::Table;
use crate::request::{expr_vars, Request};
use crate::sync::Shared;
use bstr::{BString, ByteSlice};

const LOG_MODULE: &str = "headers";

/// `mod_headers.c`.
pub static MODULE: Module = Module {
    name: "mod_headers.c",
    identifier: "headers_module",
    directives: &[
        Directive::new(
            "Header",
            Scope::FILEINFO,
            Arity::Raw,
            header,
            "a condition (always or onsuccess), an action, a field, and what the action needs",
        ),
        Directive::new(
            "RequestHeader",
            Scope::FILEINFO,
            Arity::Raw,
            request_header,
            "an action, a field, and what the action needs",
        ),
    ],
    hooks: &[
        HookEntry::request(Phase::PostReadRequest, early).order(Order::First),
        HookEntry::request(Phase::Fixups, request_fields).order(Order::Last),
        HookEntry::request(Phase::InsertFilter, begin_response).order(Order::Last),
        HookEntry::request(Phase::InsertErrorFilter, begin_error).order(Order::Last),
        HookEntry::request(Phase::FixupResponse, response_fields).order(Order::Last),
    ],
    ..Module::EMPTY
};

/// The rules of one place, by the table that they work on.
#[derive(Clone, Default)]
struct Headers {
    request: Vec<Shared<Rule>>,
    success: Vec<Shared<Rule>>,
    always: Vec<Shared<Rule>>,
}

impl Conf for Headers {
    fn merge(&self, over: &Self) -> Self {
        let joined = |a: &[Shared<Rule>], b: &[Shared<Rule>]| a.iter().chain(b).cloned().collect();
        Headers {
            request: joined(&self.request, &over.request),
            success: joined(&self.success, &over.success),
            always: joined(&self.always, &over.always),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Request,
    Success,
    Always,
}

struct Rule {
    action: Action,
    field: String,
    when: When,
}

enum Action {
    Set(Value),
    SetIfEmpty(Value),
    Append(Value),
    Merge(Value),
    Add(Value),
    Unset,
    /// Fields of the request whose names match go to the response.
    Echo(Pattern),
    /// The value goes to a note of this name.
    Note(Value),
    Edit {
        pattern: Pattern,
        value: Value,
        all: bool,
    },
}

enum When {
    Ever,
    /// When the head is complete.
    Early,
    EnvSet(String),
    EnvUnset(String),
    Holds(BoolExpr),
}

enum Value {
    Format(Vec<Part>),
    Expression(StringExpr),
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(BString),
    /// `%t`: when the request came, microseconds.
    Time,
    /// `%D`: since then, microseconds.
    Duration,
    /// `%l`: the system's load.
    Load,
    /// `%i`: idle workers, percent.
    Idle,
    /// `%b`: busy workers, percent.
    Busy,
    /// `%{NAME}e`.
    Env(String),
    /// `%{NAME}s`: of TLS.
    Tls(String),
}

fn header(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    let (first, rest) = next_word(&line).ok_or("Header requires an action and a field")?;
    match first.to_ascii_lowercase().as_str() {
        "always" => add(cmd, Place::Always, rest),
        "onsuccess" => add(cmd, Place::Success, rest),
        _ => add(cmd, Place::Success, &line),
    }
}

fn request_header(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    add(cmd, Place::Request, &line)
}

fn add(cmd: &mut Cmd<'_>, place: Place, line: &str) -> Result<(), String> {
    let rule = Shared::new(parse(cmd, place, line)?);
    let headers = cmd.dir_conf::<Headers>();
    match place {
        Place::Request => headers.request.push(rule),
        Place::Success => headers.success.push(rule),
        Place::Always => headers.always.push(rule),
    }
    Ok(())
}

/// `ACTION FIELD [VALUE [REPLACEMENT]] [CONDITION]`.
fn parse(cmd: &Cmd<'_>, place: Place, line: &str) -> Result<Rule, String> {
    let mut words = crate::config::tree::words(line).into_iter();
    let name = cmd.directive.name;
    let (Some(verb), Some(field)) = (words.next(), words.next()) else {
        return Err(format!("{name} requires an action and a field"));
    };
    let mut rest: Vec<String> = words.collect();
    let action = parse_action(cmd, place, &verb, &field, &mut rest)?;
    let when = match rest.len() {
        0 => When::Ever,
        1 => parse_when(cmd, &rest[0])?,
        _ => return Err("Too many arguments to directive".into()),
    };
    // A colon at the end is a habit of some.
    let field = field.split(':').next().unwrap_or_default().to_owned();
    Ok(Rule {
        action,
        field,
        when,
    })
}

/// Takes what the action needs off the front of `rest`.
fn parse_action(
    cmd: &Cmd<'_>,
    place: Place,
    verb: &str,
    field: &str,
    rest: &mut Vec<String>,
) -> Result<Action, String> {
    let name = cmd.directive.name;
    let mut take = |need: &str| match rest.is_empty() {
        true => Err(format!("{name} {need}")),
        false => Ok(rest.remove(0)),
    };
    let needs_value = "requires three arguments: an action, a field and a value";
    let verb = verb.to_ascii_lowercase();
    Ok(match verb.as_str() {
        "set" => Action::Set(parse_value(cmd, &take(needs_value)?)?),
        "setifempty" => Action::SetIfEmpty(parse_value(cmd, &take(needs_value)?)?),
        "append" => Action::Append(parse_value(cmd, &take(needs_value)?)?),
        "merge" => Action::Merge(parse_value(cmd, &take(needs_value)?)?),
        "add" => Action::Add(parse_value(cmd, &take(needs_value)?)?),
        "note" if place != Place::Request => Action::Note(parse_value(
            cmd,
            &take("note requires the name of a note")?,
        )?),
        "unset" => Action::Unset,
        "echo" if place != Place::Request => Action::Echo(parse_pattern(cmd, field)?),
        "edit" | "edit*" => {
            let pattern = parse_pattern(cmd, &take("edit requires a match and a substitution")?)?;
            let value = parse_value(cmd, &take("edit requires a match and a substitution")?)?;
            Action::Edit {
                pattern,
                value,
                all: verb == "edit*",
            }
        }
        _ => {
            let more = if place == Place::Request {
                ""
            } else {
                ", 'echo', 'note'"
            };
            return Err(format!("first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset'{more}, 'edit', or 'edit*'"));
        }
    })
}

fn parse_pattern(cmd: &Cmd<'_>, text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::new(text, cmd.build.main.regex);
    pattern.map_err(|error| {
        format!(
            "{} regex could not be compiled: '{text}': {error}",
            cmd.directive.name
        )
    })
}

fn options<'o>(cmd: &Cmd<'_>) -> ParseOptions<'o> {
    ParseOptions {
        regex: cmd.build.main.regex,
        vary: false,
        ..ParseOptions::default()
    }
}

fn parse_when(cmd: &Cmd<'_>, text: &str) -> Result<When, String> {
    let lower = text.to_ascii_lowercase();
    if lower == "early" {
        return Ok(When::Early);
    }
    if lower.starts_with("expr=") {
        let parsed = BoolExpr::parse(&text[5..], &options(cmd));
        return parsed
            .map(When::Holds)
            .map_err(|error| format!("Can't parse envclause/expression: {error}"));
    }
    if !lower.starts_with("env=") {
        return Err(format!("Unknown parameter: {text}"));
    }
    match text[4..]
        .strip_prefix('!')
        .map_or((false, &text[4..]), |name| (true, name))
    {
        (_, "") => Err(
            "error: missing environment variable name. envclause should be in the form env=envar"
                .into(),
        ),
        (false, name) => Ok(When::EnvSet(name.to_owned())),
        (true, name) => Ok(When::EnvUnset(name.to_owned())),
    }
}

fn parse_value(cmd: &Cmd<'_>, text: &str) -> Result<Value, String> {
    if let Some(expression) = text.strip_prefix("expr=") {
        let parsed = StringExpr::parse(expression, &options(cmd));
        return parsed
            .map(Value::Expression)
            .map_err(|error| format!("Can't parse value expression : {error}"));
    }
    parse_format(text).map(Value::Format)
}

/// Text with `%` items in it.
fn parse_format(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, item)) = rest.split_once('%') {
        push_text(&mut parts, before);
        let (argument, item) = match item.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("Missing } in format")?,
            None => ("", item),
        };
        let mut chars = item.chars();
        match chars.next() {
            None | Some('%') => push_text(&mut parts, "%"),
            Some('t') => parts.push(Part::Time),
            Some('D') => parts.push(Part::Duration),
            Some('l') => parts.push(Part::Load),
            Some('i') => parts.push(Part::Idle),
            Some('b') => parts.push(Part::Busy),
            Some('e') => parts.push(Part::Env(argument.to_owned())),
            Some('s') => parts.push(Part::Tls(argument.to_owned())),
            Some(other) => return Err(format!("Unrecognized header format %{other}")),
        }
        rest = chars.as_str();
    }
    push_text(&mut parts, rest);
    Ok(parts)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.extend_from_slice(text.as_bytes()),
        _ => parts.push(Part::Text(text.into())),
    }
}

/// Which rules the response meets; left on the request when its filters are put in place.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Good,
    Error,
}

fn remember(r: &mut Request, kind: Kind) {
    match r.extension_mut::<Kind>() {
        Some(known) => *known = kind,
        None => r.extensions.push(Box::new(kind)),
    }
}

fn begin_response(r: &mut Request) -> Answer<'_> {
    if r.dir_conf::<Headers>().is_some() {
        remember(r, Kind::Good);
    }
    Answer::Now(Status::Declined)
}

fn begin_error(r: &mut Request) -> Answer<'_> {
    if r.dir_conf::<Headers>().is_some() {
        remember(r, Kind::Error);
    }
    Answer::Now(Status::Declined)
}

fn early(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    if let Some(headers) = conf.get::<Headers>() {
        run(r, Place::Request, &headers.request, true);
        run(r, Place::Always, &headers.always, true);
        run(r, Place::Success, &headers.success, true);
    }
    Answer::Now(Status::Declined)
}

fn request_fields(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    if let Some(headers) = conf.get::<Headers>() {
        run(r, Place::Request, &headers.request, false);
    }
    Answer::Now(Status::Declined)
}

fn response_fields(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    if let (Some(headers), Some(kind)) = (conf.get::<Headers>(), r.extension::<Kind>().copied()) {
        run(r, Place::Always, &headers.always, false);
        if kind == Kind::Good {
            run(r, Place::Success, &headers.success, false);
        }
    }
    Answer::Now(Status::Declined)
}

fn run(r: &mut Request, place: Place, rules: &[Shared<Rule>], early: bool) {
    for rule in rules {
        if matches!(rule.when, When::Early) == early && holds(r, &rule.when) {
            apply(r, place, rule);
        }
    }
}

fn holds(r: &mut Request, when: &When) -> bool {
    match when {
        When::Ever | When::Early => true,
        When::EnvSet(name) => r.env.contains(name),
        When::EnvUnset(name) => !r.env.contains(name),
        When::Holds(expression) => match expr_vars::boolean(r, expression) {
            Ok(holds) => holds,
            Err(error) => {
                log!(
                    &*r,
                    Level::Error,
                    1548,
                    "Can't evaluate envclause expression: {error}"
                );
                false
            }
        },
    }
}

fn table(r: &mut Request, place: Place) -> &mut Table {
    match place {
        Place::Request => &mut r.headers_in,
        Place::Success => &mut r.headers_out,
        Place::Always => &mut r.err_headers_out,
    }
}

/// Content-Type of a response is no entry of the tables until the head is made.
fn is_type(place: Place, field: &str) -> bool {
    place != Place::Request && field.eq_ignore_ascii_case("Content-Type")
}

fn apply(r: &mut Request, place: Place, rule: &Rule) {
    let field = rule.field.as_str();
    match &rule.action {
        Action::Add(value) => {
            let value = fill(r, value);
            table(r, place).add(field, value);
        }
        Action::Append(value) => {
            let value = fill(r, value);
            table(r, place).append(field, value);
        }
        Action::Merge(value) => {
            let value = fill(r, value);
            table(r, place).merge(field, value);
        }
        Action::Set(value) => set(r, place, field, value),
        Action::SetIfEmpty(value) => {
            let there = table(r, place).contains(field)
                || is_type(place, field) && r.content_type.is_some();
            if !there {
                set(r, place, field, value);
            }
        }
        Action::Unset => {
            if is_type(place, field) {
                r.content_type = None;
            }
            table(r, place).unset(field);
        }
        Action::Echo(pattern) => {
            let all: Vec<_> = r
                .headers_in
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect();
            for (name, value) in all.iter().filter(|(name, _)| pattern.is_match(name)) {
                table(r, place).add(name, value);
            }
        }
        Action::Note(value) => {
            let note = fill(r, value);
            if let Some(value) = table(r, place).get(field).map(|v| v.to_owned()) {
                r.notes.set(note, value);
            }
        }
        Action::Edit {
            pattern,
            value,
            all,
        } => edit(r, place, field, pattern, value, *all),
    }
}

fn set(r: &mut Request, place: Place, field: &str, value: &Value) {
    let value = fill(r, value);
    match is_type(place, field) {
        true => r.content_type = Some(value.to_string()),
        false => table(r, place).set(field, value),
    }
}

/// Replaces what matches in each value of the field.
fn edit(r: &mut Request, place: Place, field: &str, pattern: &Pattern, value: &Value, all: bool) {
    let template = fill(r, value);
    if let Some(kind) = r.content_type.clone().filter(|_| is_type(place, field)) {
        if let Ok(Some(edited)) = pattern.replace(kind.as_bytes(), &template, all) {
            r.content_type = Some(edited.to_str_lossy().into_owned());
        }
    }
    let old: Vec<BString> = table(r, place)
        .get_all(field.as_bytes())
        .map(BString::from)
        .collect();
    let new: Vec<BString> = old
        .iter()
        .map(|value| match pattern.replace(value, &template, all) {
            Ok(Some(edited)) => edited.into(),
            Ok(None) => value.clone(),
            Err(limit) => {
                log!(
                    &*r,
                    Level::Error,
                    20301,
                    "cannot edit the field {field}: {limit}"
                );
                value.clone()
            }
        })
        .collect();
    if new != old {
        table(r, place).unset(field);
        for value in new {
            table(r, place).add(field, value);
        }
    }
}

/// The value for this request.
fn fill(r: &mut Request, value: &Value) -> BString {
    match value {
        Value::Format(parts) => match parts.as_slice() {
            [Part::Text(text)] => text.clone(),
            parts => {
                let mut out = BString::default();
                for part in parts {
                    out.extend_from_slice(&part.value(r));
                }
                out
            }
        },
        Value::Expression(expression) => expr_vars::string(r, expression).unwrap_or_else(|error| {
            log!(
                &*r,
                Level::Error,
                2557,
                "Can't evaluate value expression: {error}"
            );
            BString::default()
        }),
    }
}

impl Part {
    fn value(&self, r: &Request) -> BString {
        let text = match self {
            Part::Text(text) => return text.clone(),
            Part::Time => format!("t={}", clock::microseconds(r.request_time)),
            Part::Duration => format!("D={}", r.started.elapsed().as_micros()),
            Part::Load => format!(
                "l={:.2}",
                crate::os::limits::load_averages().map_or(0.0, |load| load[0])
            ),
            Part::Idle => format!("i={}", idle_and_busy(r).0),
            Part::Busy => format!("b={}", idle_and_busy(r).1),
            // A field ends at a line's end, wherever the value came from.
            Part::Env(name) => {
                return r
                    .env
                    .get(name)
                    .map_or("(null)".into(), |v| v.replace("\n", " ").into())
            }
            Part::Tls(_) => "(null)".into(),
        };
        text.into()
    }
}

/// Percent of all workers that could be.
fn idle_and_busy(r: &Request) -> (u64, u64) {
    let (idle, busy) = r.ctx.host.snapshot().idle_and_busy();
    let (idle, busy) = (u64::from(idle), u64::from(busy));
    let all = (idle + busy).max(1);
    (idle * 100 / all, busy * 100 / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn formats_are_read() {
        assert_eq!(parse_format("100%%"), Ok(vec![text("100%")]));
        assert_eq!(parse_format("%"), Ok(vec![text("%")]));
        assert_eq!(
            parse_format("a %{X}e b%D"),
            Ok(vec![
                text("a "),
                Part::Env("X".into()),
                text(" b"),
                Part::Duration
            ])
        );
        assert_eq!(parse_format(""), Ok(vec![]));
        assert!(parse_format("%q").is_err() && parse_format("%{x").is_err());
    }
}
