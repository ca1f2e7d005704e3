//! mod_authz_user: `Require valid-user` and `Require user NAME ...`.

use super::common::require_text;
use crate::config::directive::Cmd;
use crate::config::expr::StringExpr;
use crate::config::tree::words;
use crate::hooks::module::Module;
use crate::hooks::provider::{AuthzAnswer, AuthzResult, Prepared, Provider, Service};
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, Request};
use std::any::Any;

const LOG_MODULE: &str = "authz_user";

/// `mod_authz_user.c`.
pub static MODULE: Module = Module {
    name: "mod_authz_user.c",
    identifier: "authz_user_module",
    providers: &[
        Provider {
            name: "user",
            service: Service::Authz {
                parse: require_text,
                check: check_user,
            },
        },
        Provider {
            name: "valid-user",
            service: Service::Authz {
                parse: no_words,
                check: check_valid,
            },
        },
    ],
    ..Module::EMPTY
};

fn no_words(_cmd: &mut Cmd<'_>, _args: &str) -> Result<Prepared, String> {
    Ok(Box::new(()))
}

fn check_valid<'r>(r: &'r mut Request, _prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    AuthzAnswer::Now(match r.user {
        Some(_) => AuthzResult::Granted,
        None => AuthzResult::DeniedNoUser,
    })
}

fn check_user<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let Some(names) = prepared.downcast_ref::<StringExpr>() else {
        return AuthzAnswer::Now(AuthzResult::Error);
    };
    AuthzAnswer::Now(decide(r, names))
}

fn decide(r: &mut Request, names: &StringExpr) -> AuthzResult {
    let Some(user) = r.user.clone() else {
        return AuthzResult::DeniedNoUser;
    };
    let names = match expr_vars::string(r, names) {
        Ok(names) => names,
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2594,
                "the names of Require user cannot be evaluated: {message}"
            );
            return AuthzResult::Denied;
        }
    };
    if words(&names.to_string())
        .iter()
        .any(|name| user == name.as_bytes())
    {
        return AuthzResult::Granted;
    }
    log!(&*r, Level::Error, 1663, "access to {} failed, reason: user '{}' does not meet 'require'ments for user to be allowed access", log::raw(&r.uri), log::raw(&user));
    AuthzResult::Denied
}
