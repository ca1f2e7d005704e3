//! mod_setenvif: variables by what a request is. Rules outside sections act when the head is complete, before anything else
//! looks at the request; rules of sections and `.htaccess` files act when the configuration is final, before access is
//! checked. In both, a rule sees what those before it have set.

use crate::config::directive::{Arity, Cmd, Directive, Place, Scope};
use crate::config::expr::{BoolExpr, ParseOptions};
use crate::config::tree::next_word;
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::pattern::{substitute, Flags, Pattern};
use crate::request::{expr_vars, Request};
use crate::sync::Shared;
use bstr::BString;

const LOG_MODULE: &str = "setenvif";

/// `mod_setenvif.c`.
pub static MODULE: Module = Module {
    name: "mod_setenvif.c",
    identifier: "setenvif_module",
    directives: &[
        Directive::new(
            "SetEnvIf",
            Scope::FILEINFO,
            Arity::Raw,
            set_if,
            "an attribute, a regular expression, and variables to set",
        ),
        Directive::new(
            "SetEnvIfNoCase",
            Scope::FILEINFO,
            Arity::Raw,
            set_if_no_case,
            "an attribute, a regular expression of any case, and variables to set",
        ),
        Directive::new(
            "SetEnvIfExpr",
            Scope::FILEINFO,
            Arity::Raw,
            set_if_expr,
            "an expression, and variables to set",
        ),
        Directive::new(
            "BrowserMatch",
            Scope::FILEINFO,
            Arity::Raw,
            browser,
            "a regular expression for User-Agent, and variables to set",
        ),
        Directive::new(
            "BrowserMatchNoCase",
            Scope::FILEINFO,
            Arity::Raw,
            browser_no_case,
            "a regular expression of any case for User-Agent, and variables to set",
        ),
    ],
    hooks: &[
        HookEntry::request(Phase::PostReadRequest, match_server),
        HookEntry::request(Phase::HeaderParser, match_directory),
    ],
    ..Module::EMPTY
};

/// The rules of a server, or of a place within it.
#[derive(Clone, Default)]
struct Rules(Vec<Shared<Rule>>);

/// The same for places; another type, as the two are kept apart.
#[derive(Clone, Default)]
struct DirRules(Vec<Shared<Rule>>);

impl Conf for Rules {
    fn merge(&self, over: &Self) -> Self {
        Rules(self.0.iter().chain(&over.0).cloned().collect())
    }
}

impl Conf for DirRules {
    fn merge(&self, over: &Self) -> Self {
        DirRules(self.0.iter().chain(&over.0).cloned().collect())
    }
}

struct Rule {
    test: Test,
    actions: Vec<Action>,
}

enum Test {
    Attribute(Attribute, Pattern),
    Expression(BoolExpr),
}

/// What is looked at.
enum Attribute {
    RemoteAddr,
    RemoteHost,
    ServerAddr,
    RequestUri,
    RequestMethod,
    RequestProtocol,
    /// A field of the request, else a variable.
    Named(String),
    /// The first field whose name matches.
    Fields(Pattern),
}

#[derive(Debug, PartialEq)]
enum Action {
    Set(String, BString),
    Unset(String),
}

fn set_if(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    let (attribute, rest) = next_word(&line).ok_or_else(|| missing(cmd, "attribute"))?;
    by_pattern(cmd, &attribute, rest, false)
}

fn set_if_no_case(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    let (attribute, rest) = next_word(&line).ok_or_else(|| missing(cmd, "attribute"))?;
    by_pattern(cmd, &attribute, rest, true)
}

fn browser(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    by_pattern(cmd, "User-Agent", &line, false)
}

fn browser_no_case(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    by_pattern(cmd, "User-Agent", &line, true)
}

fn set_if_expr(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let line = cmd.arg(0).to_owned();
    let (text, rest) = next_word(&line).ok_or_else(|| missing(cmd, "expression"))?;
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..ParseOptions::default()
    };
    let expression = BoolExpr::parse(&text, &options).map_err(|error| {
        format!(
            "{}: the expression could not be understood: {error}",
            cmd.directive.name
        )
    })?;
    add(cmd, Test::Expression(expression), rest)
}

fn by_pattern(
    cmd: &mut Cmd<'_>,
    attribute: &str,
    rest: &str,
    ignore_case: bool,
) -> Result<(), String> {
    let (regex, rest) = next_word(rest).ok_or_else(|| missing(cmd, "regular expression"))?;
    let mut flags = cmd.build.main.regex;
    flags.ignore_case |= ignore_case;
    let pattern = Pattern::new(&regex, flags).map_err(|error| {
        format!(
            "{} regex could not be compiled: '{regex}': {error}",
            cmd.directive.name
        )
    })?;
    let attribute = Attribute::parse(attribute, flags)?;
    add(cmd, Test::Attribute(attribute, pattern), rest)
}

fn missing(cmd: &Cmd<'_>, what: &str) -> String {
    format!("Missing {what} for {}", cmd.directive.name)
}

fn add(cmd: &mut Cmd<'_>, test: Test, rest: &str) -> Result<(), String> {
    let words = crate::config::tree::words(rest);
    if words.is_empty() {
        return Err(missing(cmd, "envariable expression"));
    }
    let actions = words.iter().map(|word| action(word)).collect();
    let rule = Shared::new(Rule { test, actions });
    match cmd.place {
        Place::Main | Place::VirtualHost => cmd.server_conf::<Rules>().0.push(rule),
        _ => cmd.dir_conf::<DirRules>().0.push(rule),
    }
    Ok(())
}

/// `NAME`, `NAME=value` or `!NAME`.
fn action(word: &str) -> Action {
    if let Some(name) = word.strip_prefix('!') {
        return Action::Unset(name.to_owned());
    }
    match word.split_once('=') {
        Some((name, value)) => Action::Set(name.to_owned(), value.into()),
        None => Action::Set(word.to_owned(), "1".into()),
    }
}

impl Attribute {
    fn parse(text: &str, flags: Flags) -> Result<Attribute, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "remote_addr" => Attribute::RemoteAddr,
            "remote_host" => Attribute::RemoteHost,
            "server_addr" => Attribute::ServerAddr,
            "request_uri" => Attribute::RequestUri,
            "request_method" => Attribute::RequestMethod,
            "request_protocol" => Attribute::RequestProtocol,
            oid if oid.starts_with("oid(") => {
                return Err(format!("{text}: extensions of client certificates need mod_ssl, which this build does not have"));
            }
            _ if text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
            {
                Attribute::Named(text.to_owned())
            }
            _ => {
                let pattern = Pattern::new(text, flags);
                Attribute::Fields(pattern.map_err(|error| {
                    format!("Header name regex could not be compiled: '{text}': {error}")
                })?)
            }
        })
    }

    /// The value; what is not there reads as empty, so that `^$` finds it.
    fn value(&self, r: &Request) -> BString {
        match self {
            Attribute::RemoteAddr => r.client.ip().to_canonical().to_string().into(),
            Attribute::RemoteHost => r
                .remote_host()
                .unwrap_or_else(|| r.client.ip().to_canonical().to_string())
                .into(),
            Attribute::ServerAddr => r.conn.local.ip().to_canonical().to_string().into(),
            Attribute::RequestUri => r.uri.clone(),
            Attribute::RequestMethod => r.method_name.clone(),
            Attribute::RequestProtocol => r.version.as_str().into(),
            Attribute::Named(name) => match r.headers_in.joined(name) {
                Some(value) => value.into_owned(),
                None => r.env.get(name).map(BString::from).unwrap_or_default(),
            },
            Attribute::Fields(pattern) => {
                let mut fields = r.headers_in.iter();
                let found = fields.find(|(name, _)| pattern.is_match(name));
                found.map(|(_, value)| value.into()).unwrap_or_default()
            }
        }
    }
}

fn match_server(r: &mut Request) -> Answer<'_> {
    let ctx = r.ctx.clone();
    if let Some(rules) = ctx.generation.servers[r.server].conf.get::<Rules>() {
        run(r, &rules.0);
    }
    Answer::Now(Status::Declined)
}

fn match_directory(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    if let Some(rules) = conf.get::<DirRules>() {
        run(r, &rules.0);
    }
    Answer::Now(Status::Declined)
}

fn run(r: &mut Request, rules: &[Shared<Rule>]) {
    for rule in rules {
        match &rule.test {
            Test::Attribute(attribute, pattern) => {
                let value = attribute.value(r);
                if let Some(captures) = pattern.captures(&value) {
                    for action in &rule.actions {
                        action.run(r, |template| substitute(template, &captures).into());
                    }
                }
            }
            Test::Expression(expression) => match expr_vars::boolean(r, expression) {
                Ok(false) => {}
                Ok(true) => by_expression(r, &rule.actions),
                Err(error) => log!(
                    &*r,
                    Level::Error,
                    20300,
                    "cannot evaluate the expression of a SetEnvIfExpr: {error}"
                ),
            },
        }
    }
}

/// `$1` and the like stand for the groups of the last pattern in the expression.
fn by_expression(r: &mut Request, actions: &[Action]) {
    let captures = r.captures.take();
    for action in actions {
        action.run(r, |template| match &captures {
            Some(captures) => substitute(template, captures).into(),
            None => template.into(),
        });
    }
    r.captures = captures;
}

impl Action {
    fn run(&self, r: &mut Request, fill: impl Fn(&[u8]) -> BString) {
        match self {
            Action::Set(name, value) => {
                let value = fill(value);
                log!(
                    &*r,
                    Level::Trace2,
                    0,
                    "Setting {name} to {}",
                    log::raw(&value)
                );
                r.env.set(name, value);
            }
            Action::Unset(name) => {
                r.env.unset(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_three_forms() {
        assert_eq!(action("A"), Action::Set("A".into(), "1".into()));
        assert_eq!(action("A=b=c"), Action::Set("A".into(), "b=c".into()));
        assert_eq!(action("A="), Action::Set("A".into(), "".into()));
        assert_eq!(action("!A"), Action::Unset("A".into()));
    }

    #[test]
    fn attributes_are_told_from_patterns() {
        let parse = |text: &str| Attribute::parse(text, Flags::default());
        assert!(matches!(parse("REMOTE_ADDR"), Ok(Attribute::RemoteAddr)));
        assert!(matches!(parse("X-Any"), Ok(Attribute::Named(_))));
        assert!(matches!(parse("^X-Any"), Ok(Attribute::Fields(_))));
        assert!(parse("OID(\"1.2\")").is_err());
        assert!(parse("(").is_err());
    }
}
