//! mod_authn_core: AuthType, AuthName and aliases of providers; the last word in check_user_id.

use super::common::{auth_type, authn_provider, text_expression, AuthnAliases, Realm};
use crate::config::directive::{Arity, Cmd, Directive, Inner, Scope};
use crate::config::expr::StringExpr;
use crate::config::tree::next_word;
use crate::config::value::ConfMap;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::request::Request;
use crate::sync::Shared;

const LOG_MODULE: &str = "authn_core";

/// `mod_authn_core.c`.
pub static MODULE: Module = Module {
    name: "mod_authn_core.c",
    identifier: "authn_core_module",
    directives: &[
        Directive::new(
            "AuthType",
            Scope::AUTHCFG,
            Arity::Take1,
            auth_type_directive,
            "how users sign in (\"Basic\"), or None",
        ),
        Directive::new(
            "AuthName",
            Scope::AUTHCFG,
            Arity::Take1,
            auth_name_directive,
            "the realm that users are asked to sign in to",
        ),
        Directive::new(
            "<AuthnProviderAlias",
            Scope::SERVER,
            Arity::Raw,
            provider_alias,
            "a provider and a new name for it, with directives that hold for it",
        ),
    ],
    hooks: &[HookEntry::request(Phase::CheckUserId, nobody_signed_in).order(Order::Last)],
    ..Module::EMPTY
};

fn auth_type_directive(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let expression = parsed(cmd)?;
    cmd.dir_conf::<Realm>().kind = Some(expression);
    Ok(())
}

fn auth_name_directive(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let expression = parsed(cmd)?;
    cmd.dir_conf::<Realm>().name = Some(expression);
    Ok(())
}

fn parsed(cmd: &Cmd<'_>) -> Result<StringExpr, String> {
    let (text, name) = (cmd.arg(0), cmd.directive.name);
    text_expression(cmd, text)
        .map_err(|message| format!("Cannot parse expression '{text}' in {name}: {message}"))
}

fn provider_alias(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.directive.name;
    let (base, alias) = two_words(cmd.arg(0))
        .ok_or_else(|| format!("{name}> directive requires additional arguments"))?;
    if base.eq_ignore_ascii_case(&alias) {
        return Err(
            "The alias provider name must be different from the base provider name.".into(),
        );
    }
    if authn_provider(cmd, &alias).is_some() {
        return Err(format!(
            "The alias provider {alias} has already be registered previously as either a base provider or an alias provider."
        ));
    }
    let layer = inner_records(cmd)?;
    let mut provider =
        authn_provider(cmd, &base).ok_or_else(|| format!("Unknown Authn provider: {base}"))?;
    provider.layers.push((cmd.build.section_id(), layer));
    provider.name = alias;
    cmd.build
        .globals
        .records
        .entry::<AuthnAliases>()
        .0
        .push(provider);
    Ok(())
}

fn two_words(text: &str) -> Option<(String, String)> {
    let (first, rest) = next_word(text)?;
    let (second, _) = next_word(rest)?;
    (!first.is_empty() && !second.is_empty()).then_some((first, second))
}

/// The directives inside the section, in records of their own.
fn inner_records(cmd: &mut Cmd<'_>) -> Result<Shared<ConfMap>, String> {
    let mut dir = ConfMap::default();
    let place = cmd.place;
    let allowed = Scope::AUTHCFG.or(Scope::ACCESS_CONF);
    cmd.walk(Inner {
        server: None,
        dir: Some(&mut dir),
        place,
        allowed,
        section: None,
        limited: None,
    })?;
    Ok(Shared::new(dir))
}

/// Nobody knew how to sign the user in: a mistake in the configuration, if it asks for a kind of signing in at all.
fn nobody_signed_in(r: &mut Request) -> Answer<'_> {
    match auth_type(r) {
        None => Answer::Now(Status::Declined),
        Some(kind) => {
            log!(
                &*r,
                Level::Error,
                1796,
                "no module signs users in by AuthType {kind}"
            );
            Answer::Now(Status::Http(500))
        }
    }
}
