//! mod_auth_basic: signs users in by the Basic scheme (RFC 7617), with the help of providers that know passwords.
//!
//! Messages about users who are refused have the form that Apache's have: programs that lock out attackers read them.

use super::common::{auth_name, auth_type, authn_provider, enter, AuthnProvider};
use super::password::same;
use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::expr::{base64, unbase64, ParseOptions, StringExpr};
use crate::config::value::{pick, Conf};
use crate::hooks::module::Module;
use crate::hooks::provider::AuthnResult;
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, Request};
use bstr::{BString, ByteSlice};
use md5::{Digest, Md5};

const LOG_MODULE: &str = "auth_basic";

/// `mod_auth_basic.c`.
pub static MODULE: Module = Module {
    name: "mod_auth_basic.c",
    identifier: "auth_basic_module",
    directives: &[
        Directive::new("AuthBasicProvider", Scope::AUTHCFG, Arity::Iterate, provider, "who is asked about users and passwords, in order"),
        Directive::new(
            "AuthBasicAuthoritative",
            Scope::AUTHCFG,
            Arity::Flag,
            authoritative,
            "Off: other modules may know users that the providers here do not",
        ),
        Directive::new(
            "AuthBasicFake",
            Scope::AUTHCFG,
            Arity::Take12,
            fake,
            "a user and a password for an Authorization field that programs and proxies are to see, or off",
        ),
        Directive::new(
            "AuthBasicUseDigestAlgorithm",
            Scope::AUTHCFG,
            Arity::Take1,
            digest_algorithm,
            "MD5: passwords are compared as user:realm:password digests; Off",
        ),
    ],
    hooks: &[
        HookEntry::request(Phase::CheckUserId, sign_in),
        HookEntry::request(Phase::Fixups, fake_field).order(Order::Last),
        HookEntry::request(Phase::NoteAuthFailure, note_failure),
    ],
    ..Module::EMPTY
};

/// A directory's settings.
#[derive(Clone, Default)]
struct Basic {
    providers: Vec<AuthnProvider>,
    authoritative: Option<bool>,
    /// User and password; the inner none is `off`.
    fake: Option<Option<(StringExpr, StringExpr)>>,
    digest: Option<bool>,
}

impl Conf for Basic {
    fn merge(&self, over: &Self) -> Self {
        let providers = if over.providers.is_empty() {
            &self.providers
        } else {
            &over.providers
        };
        Basic {
            providers: providers.clone(),
            authoritative: over.authoritative.or(self.authoritative),
            fake: pick(&self.fake, &over.fake),
            digest: over.digest.or(self.digest),
        }
    }
}

fn provider(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    let found =
        authn_provider(cmd, &name).ok_or_else(|| format!("Unknown Authn provider: {name}"))?;
    cmd.dir_conf::<Basic>().providers.push(found);
    Ok(())
}

fn authoritative(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.dir_conf::<Basic>().authoritative = Some(cmd.flag());
    Ok(())
}

fn fake(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        vary: false,
        ..Default::default()
    };
    let (user, password) = (
        cmd.arg(0),
        cmd.args.get(1).map_or("password", String::as_str),
    );
    let pair = match user.eq_ignore_ascii_case("off") {
        true => None,
        false => {
            let name = StringExpr::parse(user, &options).map_err(|message| {
                format!("Could not parse fake username expression '{user}': {message}")
            })?;
            let word = StringExpr::parse(password, &options).map_err(|message| {
                format!("Could not parse fake password expression associated to user '{user}': {message}")
            })?;
            Some((name, word))
        }
    };
    cmd.dir_conf::<Basic>().fake = Some(pair);
    Ok(())
}

fn digest_algorithm(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "md5" => true,
        "off" => false,
        _ => {
            return Err(format!(
                "Invalid algorithm in AuthBasicUseDigestAlgorithm: {}",
                cmd.arg(0)
            ))
        }
    };
    cmd.dir_conf::<Basic>().digest = Some(on);
    Ok(())
}

fn is_basic(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("basic"))
}

fn note_failure(r: &mut Request) -> Answer<'_> {
    if !is_basic(auth_type(r).as_deref()) {
        return Answer::Now(Status::Declined);
    }
    ask(r);
    Answer::Now(Status::Ok)
}

/// Asks the client to sign in.
fn ask(r: &mut Request) {
    let realm = auth_name(r).unwrap_or_default();
    r.err_headers_out
        .set("WWW-Authenticate", format!("Basic realm=\"{realm}\""));
}

fn sign_in(r: &mut Request) -> Answer<'_> {
    let kind = auth_type(r);
    if !is_basic(kind.as_deref()) {
        return Answer::Now(Status::Declined);
    }
    let Some(realm) = auth_name(r) else {
        log!(
            &*r,
            Level::Error,
            1615,
            "AuthName is needed: {}",
            log::raw(&r.uri)
        );
        return Answer::Now(Status::Http(500));
    };
    r.auth_type = kind;
    let Some((user, password)) = credentials(r) else {
        ask(r);
        return Answer::Now(Status::Http(401));
    };
    // Known from here on, if only for the log: the providers have not spoken yet.
    r.user = Some(user.clone());
    Answer::later(async move {
        let result = check(r, &user, &password, &realm).await;
        conclude(r, result)
    })
}

/// User and password of the Authorization field.
fn credentials(r: &Request) -> Option<(BString, BString)> {
    let field = r.headers_in.get("Authorization")?;
    let scheme = field.find_byte(b' ').unwrap_or(field.len());
    let (scheme, rest) = field.split_at(scheme);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        log!(
            r,
            Level::Error,
            1614,
            "client used wrong authentication scheme: {}",
            log::raw(&r.uri)
        );
        return None;
    }
    Some(user_and_password(rest.trim_ascii_start()))
}

/// What stands before the first colon, and behind it. As C strings they end at a NUL.
fn user_and_password(encoded: &[u8]) -> (BString, BString) {
    let decoded = unbase64(encoded);
    let text = decoded
        .find_byte(0)
        .map_or(&decoded[..], |end| &decoded[..end]);
    match text.split_once_str(":") {
        Some((user, password)) => (user.into(), password.into()),
        None => (text.into(), BString::default()),
    }
}

/// Asks the providers in order until one knows the user.
async fn check(r: &mut Request, user: &[u8], password: &[u8], realm: &str) -> AuthnResult {
    let conf = r.conf.clone();
    let basic = conf.get::<Basic>();
    let by_digest = basic.and_then(|basic| basic.digest).unwrap_or(false);
    let configured = basic.map_or(&[][..], |basic| &basic.providers);
    let standard = if configured.is_empty() {
        default_provider(r)
    } else {
        None
    };
    let mut result = AuthnResult::Error;
    let mut asked = false;
    for provider in configured.iter().chain(&standard) {
        asked = true;
        let before = enter(r, &provider.layers);
        result = match by_digest {
            true => check_digest(r, provider, user, password, realm).await,
            false => (provider.password)(r, user, password).await,
        };
        r.conf = before;
        if result != AuthnResult::UserNotFound {
            break;
        }
    }
    if !asked {
        log!(
            &*r,
            Level::Error,
            1616,
            "no provider is there to check passwords"
        );
    }
    result
}

/// `file`, where no provider is named.
fn default_provider(r: &Request) -> Option<AuthnProvider> {
    match r.ctx.generation.service("authn", "file")? {
        crate::hooks::provider::Service::Authn { password, realm } => Some(AuthnProvider {
            name: "file".into(),
            password: *password,
            realm: *realm,
            layers: Vec::new(),
        }),
        _ => None,
    }
}

async fn check_digest(
    r: &mut Request,
    provider: &AuthnProvider,
    user: &[u8],
    password: &[u8],
    realm: &str,
) -> AuthnResult {
    let Some(find) = provider.realm else {
        log!(
            &*r,
            Level::Error,
            2493,
            "the provider {} has no digests for AuthBasicUseDigestAlgorithm",
            provider.name
        );
        return AuthnResult::Error;
    };
    let known = match find(r, user, realm.as_bytes()).await {
        Ok(known) => known,
        Err(result) => return result,
    };
    let mut digest = Md5::new();
    for (place, part) in [user, realm.as_bytes(), password].into_iter().enumerate() {
        digest.update(if place == 0 { &b""[..] } else { b":" });
        digest.update(part);
    }
    let digest: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match same(digest.as_bytes(), known.as_bytes()) {
        true => AuthnResult::Granted,
        false => AuthnResult::Denied,
    }
}

/// What the request is answered with.
fn conclude(r: &mut Request, result: AuthnResult) -> Status {
    let conf = r.conf.clone();
    let authoritative = conf
        .get::<Basic>()
        .and_then(|basic| basic.authoritative)
        .unwrap_or(true);
    let user = r.user.clone().unwrap_or_default();
    match result {
        AuthnResult::Granted => return Status::Ok,
        AuthnResult::Denied => {
            log!(
                &*r,
                Level::Error,
                1617,
                "user {}: authentication failure for \"{}\": Password Mismatch",
                log::raw(&user),
                log::raw(&r.uri)
            );
        }
        _ if !authoritative => return Status::Declined,
        AuthnResult::UserNotFound => {
            log!(
                &*r,
                Level::Error,
                1618,
                "user {} not found: {}",
                log::raw(&user),
                log::raw(&r.uri)
            );
        }
        AuthnResult::Error => return Status::Http(500),
    }
    ask(r);
    Status::Http(401)
}

/// AuthBasicFake: an Authorization field for those behind this server.
fn fake_field(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    let pair = conf
        .get::<Basic>()
        .and_then(|basic| basic.fake.as_ref())
        .and_then(Option::as_ref);
    match pair {
        Some((user, password)) if r.is_initial() => Answer::Now(write_fake(r, user, password)),
        _ => Answer::Now(Status::Declined),
    }
}

fn write_fake(r: &mut Request, user: &StringExpr, password: &StringExpr) -> Status {
    let (user, password) = match (expr_vars::string(r, user), expr_vars::string(r, password)) {
        (Ok(user), Ok(password)) => (user, password),
        (Err(message), _) => {
            log!(
                &*r,
                Level::Error,
                2455,
                "the user of AuthBasicFake cannot be evaluated for {}: {message}",
                log::raw(&r.uri)
            );
            return Status::Http(500);
        }
        (_, Err(message)) => {
            log!(
                &*r,
                Level::Error,
                2456,
                "the password of AuthBasicFake cannot be evaluated for {}: {message}",
                log::raw(&r.uri)
            );
            return Status::Http(500);
        }
    };
    if user.is_empty() {
        log!(
            &*r,
            Level::Debug,
            2458,
            "the user of AuthBasicFake is empty for {}",
            log::raw(&r.uri)
        );
        return Status::Declined;
    }
    if password.is_empty() {
        log!(
            &*r,
            Level::Debug,
            2459,
            "the password of AuthBasicFake is empty for {}",
            log::raw(&r.uri)
        );
        return Status::Declined;
    }
    let text = [user.as_slice(), b":", &password].concat();
    r.headers_in
        .set("Authorization", [&b"Basic "[..], &base64(&text)].concat());
    Status::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (BString, BString) {
        user_and_password(&base64(text.as_bytes()))
    }

    #[test]
    fn credentials_end_at_the_first_colon() {
        assert_eq!(split("joe:se:cret"), ("joe".into(), "se:cret".into()));
        assert_eq!(split("joe"), ("joe".into(), "".into()));
        assert_eq!(split(":"), ("".into(), "".into()));
        assert_eq!(split("joe\0x:secret"), ("joe".into(), "".into()));
        assert_eq!(user_and_password(b"!!!"), ("".into(), "".into()));
    }
}
