//! mod_access_compat: Order, Allow, Deny and Satisfy, the rules of Apache before 2.4. Satisfy is read before the access phases
//! run, the others are the access_checker.

use super::client_host::{client_host, in_domain};
use super::common::wanted;
use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::ipmask::{looks_like_address, IpMask};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::protocol::method::MethodSet;
use crate::request::Request;

const LOG_MODULE: &str = "access_compat";

/// `mod_access_compat.c`.
pub static MODULE: Module = Module {
    name: "mod_access_compat.c",
    identifier: "access_compat_module",
    directives: &[
        Directive::new(
            "Order",
            Scope::LIMIT,
            Arity::Take1,
            order,
            "'allow,deny', 'deny,allow', or 'mutual-failure'",
        ),
        Directive::new(
            "Allow",
            Scope::LIMIT,
            Arity::Iterate2,
            allow,
            "'from' and the hosts, addresses or env= that may",
        ),
        Directive::new(
            "Deny",
            Scope::LIMIT,
            Arity::Iterate2,
            deny,
            "'from' and the hosts, addresses or env= that may not",
        ),
        Directive::new(
            "Satisfy",
            Scope::AUTHCFG,
            Arity::Take1,
            satisfy,
            "'all' or 'any' of address rules and Require",
        ),
    ],
    hooks: &[
        HookEntry::request(Phase::PostPerDirConfig, read_satisfy),
        HookEntry::request(Phase::AccessChecker, check),
    ],
    ..Module::EMPTY
};

/// `Order`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sequence {
    AllowDeny,
    DenyAllow,
    MutualFailure,
}

/// Whom a rule is about.
#[derive(Clone, Debug)]
enum Whom {
    All,
    Env(String),
    NoEnv(String),
    Address(IpMask),
    Domain(String),
}

#[derive(Clone, Debug)]
struct Entry {
    limited: MethodSet,
    whom: Whom,
}

/// A directory's rules. Later lines for a method count, so those of one kind are kept in order with their methods.
#[derive(Clone, Default)]
struct Access {
    order: Vec<(MethodSet, Sequence)>,
    allow: Vec<Entry>,
    deny: Vec<Entry>,
    /// True for Any.
    satisfy: Vec<(MethodSet, bool)>,
}

impl Conf for Access {
    /// As in Apache: a place with any of these directives starts anew.
    fn merge(&self, over: &Self) -> Self {
        over.clone()
    }
}

fn methods(cmd: &Cmd<'_>) -> MethodSet {
    cmd.limited.unwrap_or(MethodSet::ALL)
}

fn order(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let sequence = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "allow,deny" => Sequence::AllowDeny,
        "deny,allow" => Sequence::DenyAllow,
        "mutual-failure" => Sequence::MutualFailure,
        _ => return Err("unknown order".into()),
    };
    let methods = methods(cmd);
    cmd.dir_conf::<Access>().order.push((methods, sequence));
    Ok(())
}

fn allow(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let entry = entry(cmd)?;
    cmd.dir_conf::<Access>().allow.push(entry);
    Ok(())
}

fn deny(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let entry = entry(cmd)?;
    cmd.dir_conf::<Access>().deny.push(entry);
    Ok(())
}

fn entry(cmd: &Cmd<'_>) -> Result<Entry, String> {
    if !cmd.arg(0).eq_ignore_ascii_case("from") {
        return Err("allow and deny must be followed by 'from'".into());
    }
    Ok(Entry {
        limited: methods(cmd),
        whom: whom(cmd.arg(1))?,
    })
}

fn whom(word: &str) -> Result<Whom, String> {
    if word.eq_ignore_ascii_case("all") {
        return Ok(Whom::All);
    }
    if let Some(rest) = word
        .get(..4)
        .filter(|front| front.eq_ignore_ascii_case("env="))
        .and(word.get(4..))
    {
        return Ok(match rest.strip_prefix('!') {
            Some(name) => Whom::NoEnv(name.into()),
            None => Whom::Env(rest.into()),
        });
    }
    if word.contains('/') || looks_like_address(word) {
        return IpMask::parse(word)
            .map(Whom::Address)
            .map_err(|reason| format!("An IP address was expected: {reason}"));
    }
    if word.contains('#') {
        return Err("No comments are allowed here".into());
    }
    Ok(Whom::Domain(word.into()))
}

fn satisfy(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let any = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "any" => true,
        "all" => false,
        _ => return Err("Satisfy either 'any' or 'all'.".into()),
    };
    let methods = methods(cmd);
    cmd.dir_conf::<Access>().satisfy.push((methods, any));
    Ok(())
}

/// The last value that holds for a method.
fn for_method<T: Copy>(values: &[(MethodSet, T)], r: &Request) -> Option<T> {
    values
        .iter()
        .rev()
        .find(|(methods, _)| methods.contains(r.method))
        .map(|(_, value)| *value)
}

fn read_satisfy(r: &mut Request) -> Answer<'_> {
    r.satisfy_any = r
        .dir_conf::<Access>()
        .and_then(|access| for_method(&access.satisfy, r))
        .unwrap_or(false);
    Answer::Now(Status::Declined)
}

fn check(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    let Some(access) = conf.get::<Access>() else {
        return Answer::Now(Status::Declined);
    };
    match decide(access, r, None) {
        Some(allowed) => Answer::Now(answer(r, allowed)),
        None => Answer::later(async move {
            // A rule names a host: the client's name has to be found first.
            let host = client_host(r).await;
            let allowed = conf
                .get::<Access>()
                .and_then(|access| decide(access, r, Some(host.as_deref())))
                .unwrap_or(false);
            answer(r, allowed)
        }),
    }
}

fn answer(r: &mut Request, allowed: bool) -> Status {
    if allowed {
        return Status::Ok;
    }
    // With Satisfy Any a user may still come in.
    if !r.satisfy_any {
        let (kind, name) = wanted(r);
        log!(
            &*r,
            Level::Error,
            1797,
            "client denied by server configuration: {kind}{name}"
        );
    }
    Status::Http(403)
}

/// What the rules say. `host` is the client's name, if it is known by now whether there is one; none if it would be needed.
fn decide(access: &Access, r: &Request, host: Option<Option<&str>>) -> Option<bool> {
    let meets = |entries: &[Entry]| any(entries, r, host);
    Some(
        match for_method(&access.order, r).unwrap_or(Sequence::DenyAllow) {
            Sequence::DenyAllow => meets(&access.allow)? || !meets(&access.deny)?,
            Sequence::AllowDeny | Sequence::MutualFailure => {
                meets(&access.allow)? && !meets(&access.deny)?
            }
        },
    )
}

/// Whether one of the entries is about the client.
fn any(entries: &[Entry], r: &Request, host: Option<Option<&str>>) -> Option<bool> {
    for entry in entries
        .iter()
        .filter(|entry| entry.limited.contains(r.method))
    {
        let about = match &entry.whom {
            Whom::All => true,
            Whom::Env(name) => r.env.contains(name),
            Whom::NoEnv(name) => !r.env.contains(name),
            Whom::Address(range) => range.contains(r.client.ip()),
            Whom::Domain(domain) => {
                host?.is_some_and(|host| in_domain(domain.as_bytes(), host.as_bytes()))
            }
        };
        if about {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> String {
        whom(word).map_or_else(|error| error, |whom| format!("{whom:?}"))
    }

    #[test]
    fn words_are_told_apart() {
        assert_eq!(shown("ALL"), "All");
        assert_eq!(shown("env=X"), "Env(\"X\")");
        assert_eq!(shown("Env=!X"), "NoEnv(\"X\")");
        assert_eq!(shown("10.1"), "Address(10.1.0.0/16)");
        assert_eq!(shown("::1"), "Address(::1/128)");
        assert_eq!(shown(".example.org"), "Domain(\".example.org\")");
        assert!(shown("example.org/8").starts_with("An IP address was expected"));
        assert!(shown("10.0.0.0/99").starts_with("An IP address was expected"));
        assert_eq!(shown("a#b"), "No comments are allowed here");
    }
}
