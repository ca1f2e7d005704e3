//! What the modules of this folder have in common: AuthType and AuthName, and how providers are found by name, those too
//! that `<AuthnProviderAlias>` makes.

use crate::config::directive::Cmd;
use crate::config::expr::{ParseOptions, StringExpr};
use crate::config::value::{pick, Conf, ConfMap};
use crate::connection::context::DirConf;
use crate::hooks::provider::{CheckPassword, FindDigest, Prepared, Service};
use crate::hooks::Phase;
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, phases, Request};
use crate::sync::Shared;
use std::rc::Rc;

const LOG_MODULE: &str = "authn_core";

/// AuthType and AuthName; `authn_core` holds the directives.
#[derive(Clone, Default)]
pub struct Realm {
    /// AuthType.
    pub kind: Option<StringExpr>,
    /// AuthName.
    pub name: Option<StringExpr>,
}

impl Conf for Realm {
    fn merge(&self, over: &Self) -> Self {
        Realm {
            kind: pick(&self.kind, &over.kind),
            name: pick(&self.name, &over.name),
        }
    }
}

/// AuthType for this request; none where it is unset, `None`, or cannot be evaluated.
pub fn auth_type(r: &mut Request) -> Option<String> {
    let conf = r.conf.clone();
    let expression = conf.get::<Realm>()?.kind.as_ref()?;
    match expr_vars::string(r, expression) {
        Ok(kind) => Some(kind.to_string()).filter(|kind| !kind.eq_ignore_ascii_case("none")),
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2834,
                "AuthType cannot be evaluated: {message}"
            );
            None
        }
    }
}

/// AuthName for this request, ready to stand between quotes.
pub fn auth_name(r: &mut Request) -> Option<String> {
    let conf = r.conf.clone();
    let expression = conf.get::<Realm>()?.name.as_ref()?;
    match expr_vars::string(r, expression) {
        Ok(name) => Some(escape_quotes(&name.to_string())),
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2835,
                "AuthName cannot be evaluated: {message}"
            );
            None
        }
    }
}

/// A backslash before each quote that has none yet; other escapes stay as they are.
fn escape_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            c => out.push(c),
        }
    }
    out
}

/// What a refused request wanted, for the log: its file, or its path where it has none.
pub fn wanted(r: &Request) -> (&'static str, log::Raw<'_>) {
    match r.filename.is_empty() {
        true => ("uri ", log::raw(&r.uri)),
        false => ("", log::raw(&r.filename)),
    }
}

/// Fills in the field that asks the client to sign in, by the AuthType in force.
pub async fn note_auth_failure(r: &mut Request) {
    if auth_type(r).is_none() {
        log!(
            &*r,
            Level::Error,
            571,
            "AuthType is needed to ask for a user: {}",
            log::raw(&r.uri)
        );
        return;
    }
    phases::first(r, Phase::NoteAuthFailure).await;
}

/// An expression for a text, where the field `Vary` is not to tell of it.
pub fn text_expression(cmd: &Cmd<'_>, text: &str) -> Result<StringExpr, String> {
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        vary: false,
        ..Default::default()
    };
    StringExpr::parse(text, &options)
}

/// The words of a Require line that may have variables in them; for [`Service::Authz`].
pub fn require_text(cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..Default::default()
    };
    let text = StringExpr::parse(args, &options);
    Ok(Box::new(text.map_err(|message| {
        format!("Cannot parse expression in require line: {message}")
    })?))
}

/// Directives that hold while an alias' provider runs, on top of the request's own; several for an alias of an alias.
pub type Layers = Vec<(u64, Shared<ConfMap>)>;

/// A way to check passwords, found by name.
#[derive(Clone)]
pub struct AuthnProvider {
    /// The name it was found by.
    pub name: String,
    /// Checks a password.
    pub password: CheckPassword,
    /// Finds a digest.
    pub realm: Option<FindDigest>,
    /// Directives of the alias.
    pub layers: Layers,
}

/// The aliases that `<AuthnProviderAlias>` made; a record of the whole configuration.
#[derive(Clone, Default)]
pub struct AuthnAliases(pub Vec<AuthnProvider>);

impl Conf for AuthnAliases {
    fn merge(&self, over: &Self) -> Self {
        AuthnAliases(self.0.iter().chain(&over.0).cloned().collect())
    }
}

/// The provider of this name while the configuration is read: a module's, or an alias.
pub fn authn_provider(cmd: &mut Cmd<'_>, name: &str) -> Option<AuthnProvider> {
    let found = service(cmd, "authn", name);
    if let Some(Service::Authn { password, realm }) = found {
        return Some(AuthnProvider {
            name: name.into(),
            password: *password,
            realm: *realm,
            layers: Vec::new(),
        });
    }
    cmd.build
        .globals
        .records
        .get::<AuthnAliases>()?
        .0
        .iter()
        .find(|alias| alias.name == name)
        .cloned()
}

/// What an active module offers under this name.
pub fn service(cmd: &Cmd<'_>, group: &str, name: &str) -> Option<&'static Service> {
    let modules = cmd.build.globals.modules.active().iter();
    let mut offers = modules.flat_map(|(module, _)| module.providers);
    offers
        .find(|p| p.name == name && p.service.group() == group)
        .map(|p| &p.service)
}

/// Puts the directives of an alias on top of the request's own; gives those back that [`Request::conf`] is to be again.
pub fn enter(r: &mut Request, layers: &Layers) -> Rc<DirConf> {
    let before = r.conf.clone();
    for (id, map) in layers {
        r.conf = r.ctx.clone().merge_map(&r.conf, *id, map);
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped_once() {
        assert_eq!(escape_quotes(r#"a "b" c"#), r#"a \"b\" c"#);
        assert_eq!(escape_quotes(r#"a \"b\" \\"#), r#"a \"b\" \\"#);
        assert_eq!(escape_quotes(r"end\"), r"end\");
    }
}
