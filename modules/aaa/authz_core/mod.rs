//! mod_authz_core: Require and its containers. Decides twice: before anyone signs in (access_checker_ex), where the outcome
//! may be that a user is needed, and after (auth_checker).

mod providers;
mod rules;

pub use providers::yes_or_no;

use super::common::{auth_type, enter, note_auth_failure, service, wanted};
use crate::config::directive::{Arity, Cmd, Directive, Inner, Scope};
use crate::config::tree::next_word;
use crate::config::value::{Conf, ConfMap};
use crate::hooks::module::Module;
use crate::hooks::provider::{AuthzAnswer, AuthzResult, ParseRequire, Service};
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::request::Request;
use crate::sync::Shared;
use rules::{Line, Logic, Rule};

const LOG_MODULE: &str = "authz_core";

/// `mod_authz_core.c`.
pub static MODULE: Module = Module {
    name: "mod_authz_core.c",
    identifier: "authz_core_module",
    directives: &[
        Directive::new("Require", Scope::AUTHCFG, Arity::Raw, require, "a kind of rule, and the words that it needs"),
        Directive::new("<RequireAll", Scope::AUTHCFG, Arity::Raw, container, "rules that must all hold"),
        Directive::new("<RequireAny", Scope::AUTHCFG, Arity::Raw, container, "rules of which one must hold"),
        Directive::new("<RequireNone", Scope::AUTHCFG, Arity::Raw, container, "rules of which none may hold"),
        Directive::new("<RequireNotAll", Scope::AUTHCFG, Arity::Raw, container, "rules that may not all hold"),
        Directive::new(
            "<AuthzProviderAlias",
            Scope::SERVER,
            Arity::Raw,
            provider_alias,
            "a kind of rule, a new name, and the words, with directives that hold for it",
        ),
        Directive::new(
            "AuthMerging",
            Scope::AUTHCFG,
            Arity::Take1,
            merging,
            "Off, And or Or: what becomes of the rules of the enclosing place",
        ),
        Directive::new(
            "AuthzSendForbiddenOnFailure",
            Scope::AUTHCFG,
            Arity::Flag,
            forbidden,
            "On: users who may not are told so (403), instead of being asked to sign in as another (401)",
        ),
    ],
    hooks: &[
        HookEntry::request(Phase::AccessCheckerEx, before_sign_in).order(Order::Last),
        HookEntry::request(Phase::AuthChecker, after_sign_in).order(Order::Last),
    ],
    providers: providers::PROVIDERS,
    ..Module::EMPTY
};

/// A directory's rules.
#[derive(Clone, Default)]
struct Rules {
    root: Option<Rule>,
    /// AuthMerging; the inner none is Off.
    merging: Option<Option<Logic>>,
    forbidden: Option<bool>,
}

impl Conf for Rules {
    fn merge(&self, over: &Self) -> Self {
        let root = match (&self.root, &over.root, over.merging) {
            // A place that says nothing about rules keeps those around it.
            (base, None, None) => base.clone(),
            (Some(base), Some(over), Some(Some(logic))) => Some(Rule::joined(logic, base, over)),
            (Some(base), None, Some(Some(_))) => Some(base.clone()),
            (_, over, _) => over.clone(),
        };
        Rules {
            root,
            merging: over.merging,
            forbidden: over.forbidden.or(self.forbidden),
        }
    }
}

/// The names that `<AuthzProviderAlias>` made; a record of the whole configuration.
#[derive(Clone, Default)]
struct Aliases(Vec<Alias>);

#[derive(Clone)]
struct Alias {
    name: String,
    parse: ParseRequire,
    line: Shared<Line>,
}

impl Conf for Aliases {
    fn merge(&self, over: &Self) -> Self {
        Aliases(self.0.iter().chain(&over.0).cloned().collect())
    }
}

fn alias<'c>(cmd: &'c Cmd<'_>, name: &str) -> Option<&'c Alias> {
    cmd.build
        .globals
        .records
        .get::<Aliases>()?
        .0
        .iter()
        .find(|alias| alias.name == name)
}

/// The line that `Require name words` stands for.
fn line(cmd: &mut Cmd<'_>, name: &str, words: &str) -> Result<Shared<Line>, String> {
    if let Some(Service::Authz { parse, check }) = service(cmd, "authz", name) {
        let prepared = parse(cmd, words)?;
        let (name, words) = (name.to_owned(), words.to_owned());
        return Ok(Shared::new(Line {
            name,
            words,
            check: *check,
            prepared,
            layers: Vec::new(),
        }));
    }
    match alias(cmd, name) {
        Some(alias) => Ok(alias.line.clone()),
        None => Err(format!("Unknown Authz provider: {name}")),
    }
}

fn require(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    let (mut name, mut words) = next_word(&text).unwrap_or_default();
    let negate = name.eq_ignore_ascii_case("not");
    if negate {
        (name, words) = next_word(words).unwrap_or_default();
    }
    let line = line(cmd, &name, words)?;
    let rule = Rule::line(cmd, negate, line);
    place(cmd, rule)
}

/// Puts a rule into the innermost container; outside of any, lines stand in a `<RequireAny>` of their own.
fn place(cmd: &mut Cmd<'_>, rule: Rule) -> Result<(), String> {
    let root = &mut cmd.dir_conf::<Rules>().root;
    root.get_or_insert_with(|| Rule::group(Logic::Or, false))
        .push(rule)
}

fn container(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.directive.name;
    if !cmd.arg(0).is_empty() {
        return Err(format!(
            "{name}> directive doesn't take additional arguments"
        ));
    }
    let group = match name {
        "<RequireAll" => Rule::group(Logic::And, false),
        "<RequireAny" => Rule::group(Logic::Or, false),
        "<RequireNotAll" => Rule::group(Logic::And, true),
        _ => Rule::group(Logic::Or, true),
    };
    let outer = cmd.dir_conf::<Rules>().root.replace(group);
    let mistakes = cmd.build.errors.len();
    let (place_inside, section, limited) = (cmd.place, cmd.section.map(str::to_owned), cmd.limited);
    let inner = Inner {
        server: None,
        dir: None,
        place: place_inside,
        allowed: Scope::AUTHCFG,
        section: section.as_deref(),
        limited,
    };
    cmd.walk(inner)?;
    let group = std::mem::replace(&mut cmd.dir_conf::<Rules>().root, outer);
    match group {
        // What is wrong inside has been told.
        _ if cmd.build.errors.len() > mistakes => Ok(()),
        Some(group) if !group.is_empty() => {
            check_signs(cmd, &group)?;
            place(cmd, group)
        }
        _ => Err(format!(
            "{name}> directive contains no authorization directives"
        )),
    }
}

/// A container of negative rules alone can only refuse. As in Apache, only the main configuration is checked for it.
fn check_signs(cmd: &Cmd<'_>, group: &Rule) -> Result<(), String> {
    // Containers inside others allow nothing but their own kind; the outermost one looks through them all.
    let outermost = cmd.allowed.meets(Scope::ACCESS_CONF);
    match group.only_negative().filter(|_| outermost) {
        Some(wrong) => Err(format!(
            "{wrong} directive contains only negative authorization directives"
        )),
        None => Ok(()),
    }
}

fn merging(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let merging = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "off" => None,
        "and" => Some(Logic::And),
        "or" => Some(Logic::Or),
        _ => return Err("AuthMerging must be one of: Off | And | Or".into()),
    };
    cmd.dir_conf::<Rules>().merging = Some(merging);
    Ok(())
}

fn forbidden(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.dir_conf::<Rules>().forbidden = Some(cmd.flag());
    Ok(())
}

fn provider_alias(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.arg(0).to_owned();
    let (base, rest) = next_word(&text).unwrap_or_default();
    let (name, rest) = next_word(rest).unwrap_or_default();
    let (words, rest) = next_word(rest).unwrap_or_default();
    if base.is_empty() || name.is_empty() {
        return Err("<AuthzProviderAlias> directive requires additional arguments".into());
    }
    if !rest.is_empty() {
        cmd.warn("AH10142: <AuthzProviderAlias> takes the first of its words only; quote them to pass several");
    }
    let mut dir = ConfMap::default();
    let (place, allowed) = (cmd.place, Scope::AUTHCFG.or(Scope::ACCESS_CONF));
    cmd.walk(Inner {
        server: None,
        dir: Some(&mut dir),
        place,
        allowed,
        section: None,
        limited: None,
    })?;
    let (parse, check, mut layers) = match (service(cmd, "authz", &base), alias(cmd, &base)) {
        (Some(Service::Authz { parse, check }), _) => (*parse, *check, Vec::new()),
        (_, Some(alias)) => (alias.parse, alias.line.check, alias.line.layers.clone()),
        _ => return Err(format!("Unknown Authz provider: {base}")),
    };
    layers.push((cmd.build.section_id(), Shared::new(dir)));
    let prepared = parse(cmd, &words)
        .map_err(|message| format!("Can't parse 'Require {base} {words}': {message}"))?;
    let line = Shared::new(Line {
        name: name.clone(),
        words,
        check,
        prepared,
        layers,
    });
    cmd.build
        .globals
        .records
        .entry::<Aliases>()
        .0
        .push(Alias { name, parse, line });
    Ok(())
}

fn before_sign_in(r: &mut Request) -> Answer<'_> {
    authorize(r, false)
}

fn after_sign_in(r: &mut Request) -> Answer<'_> {
    authorize(r, true)
}

/// How far one pass through the rules came.
enum Pass {
    NoRules,
    Decided(AuthzResult),
    /// This line has to wait for its answer.
    Waits(Shared<Line>),
}

fn authorize(r: &mut Request, signed_in: bool) -> Answer<'_> {
    let mut known = Vec::new();
    match pass(r, &mut known) {
        Pass::NoRules => Answer::Now(without_rules(r)),
        Pass::Decided(result) => match verdict(r, result, signed_in) {
            Some(status) => Answer::Now(status),
            None => Answer::later(ask_again(r)),
        },
        Pass::Waits(line) => Answer::later(authorize_later(r, signed_in, known, line)),
    }
}

/// Passes again behind each line that waits; the answers so far are kept, so that no line is asked twice.
async fn authorize_later(
    r: &mut Request,
    signed_in: bool,
    mut known: Vec<AuthzResult>,
    mut line: Shared<Line>,
) -> Status {
    loop {
        known.push(wait_for(r, &line).await);
        match pass(r, &mut known) {
            Pass::Waits(next) => line = next,
            Pass::NoRules => return without_rules(r),
            Pass::Decided(result) => {
                return match verdict(r, result, signed_in) {
                    Some(status) => status,
                    None => ask_again(r).await,
                }
            }
        }
    }
}

async fn ask_again(r: &mut Request) -> Status {
    note_auth_failure(r).await;
    Status::Http(401)
}

fn pass(r: &mut Request, known: &mut Vec<AuthzResult>) -> Pass {
    let conf = r.conf.clone();
    let Some(root) = conf.get::<Rules>().and_then(|rules| rules.root.as_ref()) else {
        return Pass::NoRules;
    };
    let method = r.method;
    let (mut asked, mut waits) = (0, None);
    let result = root.decide(method, &mut |line| {
        asked += 1;
        if let Some(result) = known.get(asked - 1) {
            return Some(*result);
        }
        let result = ask(r, line);
        match result {
            Some(result) => known.push(result),
            None => waits = Some(line.clone()),
        }
        result
    });
    match (result, waits) {
        (_, Some(line)) => Pass::Waits(line),
        (result, None) => Pass::Decided(result.unwrap_or(AuthzResult::Error)),
    }
}

/// A line's answer, if it has it at once.
fn ask(r: &mut Request, line: &Line) -> Option<AuthzResult> {
    let before = enter(r, &line.layers);
    let result = match (line.check)(r, &*line.prepared) {
        AuthzAnswer::Now(result) => Some(result),
        AuthzAnswer::Later(_) => None,
    };
    r.conf = before;
    if let Some(result) = result {
        tell(r, line, result);
    }
    result
}

async fn wait_for(r: &mut Request, line: &Line) -> AuthzResult {
    let before = enter(r, &line.layers);
    let result = match (line.check)(r, &*line.prepared) {
        AuthzAnswer::Now(result) => result,
        AuthzAnswer::Later(answer) => answer.await,
    };
    r.conf = before;
    tell(r, line, result);
    result
}

fn tell(r: &Request, line: &Line, result: AuthzResult) {
    let shown = match result {
        AuthzResult::Granted => "granted",
        AuthzResult::Denied => "denied",
        AuthzResult::DeniedNoUser => "denied (no authenticated user yet)",
        AuthzResult::Neutral => "neutral",
        AuthzResult::Error => "error",
    };
    log!(
        r,
        Level::Debug,
        1626,
        "authorization result of Require {} {}: {shown}",
        line.name,
        line.words
    );
}

fn without_rules(r: &mut Request) -> Status {
    if auth_type(r).is_some() {
        log!(
            &*r,
            Level::Error,
            1627,
            "AuthType is set, but no Require line says who may come in"
        );
        return Status::Http(500);
    }
    log!(
        &*r,
        Level::Debug,
        1628,
        "authorization result: granted (no directives)"
    );
    Status::Ok
}

/// What a decision means in this phase; none where the client is to be asked for a user (again).
fn verdict(r: &mut Request, result: AuthzResult, signed_in: bool) -> Option<Status> {
    match result {
        AuthzResult::Granted => Some(Status::Ok),
        AuthzResult::DeniedNoUser if !signed_in => Some(Status::Declined),
        AuthzResult::DeniedNoUser => {
            log!(
                &*r,
                Level::Error,
                1629,
                "authorization failure (no authenticated user): {}",
                log::raw(&r.uri)
            );
            None
        }
        AuthzResult::Denied | AuthzResult::Neutral if !signed_in || auth_type(r).is_none() => {
            let (kind, name) = wanted(r);
            log!(
                &*r,
                Level::Error,
                1630,
                "client denied by server configuration: {kind}{name}"
            );
            Some(Status::Http(403))
        }
        AuthzResult::Denied | AuthzResult::Neutral => {
            let user = r.user.clone().unwrap_or_default();
            log!(
                &*r,
                Level::Error,
                1631,
                "user {}: authorization failure for \"{}\": ",
                log::raw(&user),
                log::raw(&r.uri)
            );
            let forbidden = r
                .dir_conf::<Rules>()
                .and_then(|rules| rules.forbidden)
                .unwrap_or(false);
            forbidden.then_some(Status::Http(403))
        }
        // Whoever failed has told the log.
        AuthzResult::Error => Some(Status::Http(500)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(merging: Option<Option<Logic>>, group: bool) -> Rules {
        Rules {
            root: group.then(|| Rule::group(Logic::Or, false)),
            merging,
            forbidden: None,
        }
    }

    #[test]
    fn merging_follows_the_inner_place() {
        let base = rules(None, true);
        let shape = |over: Rules| base.merge(&over).root.map(|root| root.to_string());
        assert_eq!(shape(rules(None, false)).as_deref(), Some("<RequireAny>"));
        assert_eq!(
            shape(rules(Some(Some(Logic::And)), true)).as_deref(),
            Some("<RequireAll>")
        );
        assert_eq!(shape(rules(Some(None), false)), None);
        assert_eq!(
            shape(rules(Some(Some(Logic::Or)), false)).as_deref(),
            Some("<RequireAny>")
        );
        let kept = Rules {
            forbidden: Some(true),
            ..rules(None, true)
        }
        .merge(&rules(None, true));
        assert_eq!(kept.forbidden, Some(true));
    }
}
