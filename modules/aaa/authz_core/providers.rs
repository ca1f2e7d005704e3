//! The words of Require that need no other module: all, env, method, expr.

use crate::config::directive::Cmd;
use crate::config::expr::{BoolExpr, ParseOptions};
use crate::config::tree::words;
use crate::hooks::provider::{AuthzAnswer, AuthzResult, Prepared, Provider, Service};
use crate::log;
use crate::log::Level;
use crate::protocol::method::MethodSet;
use crate::protocol::Method;
use crate::request::{expr_vars, Request};
use std::any::Any;

const LOG_MODULE: &str = "authz_core";

/// The rows for [`super::MODULE`].
pub static PROVIDERS: &[Provider] = &[
    Provider {
        name: "all",
        service: Service::Authz {
            parse: parse_all,
            check: check_all,
        },
    },
    Provider {
        name: "env",
        service: Service::Authz {
            parse: parse_env,
            check: check_env,
        },
    },
    Provider {
        name: "method",
        service: Service::Authz {
            parse: parse_method,
            check: check_method,
        },
    },
    Provider {
        name: "expr",
        service: Service::Authz {
            parse: parse_expr,
            check: check_expr,
        },
    },
];

/// Granted or denied.
pub fn yes_or_no(yes: bool) -> AuthzAnswer<'static> {
    AuthzAnswer::Now(if yes {
        AuthzResult::Granted
    } else {
        AuthzResult::Denied
    })
}

fn parse_all(_cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    match args.to_ascii_lowercase().as_str() {
        "granted" => Ok(Box::new(true)),
        "denied" => Ok(Box::new(false)),
        _ => Err("Argument for 'Require all' must be 'granted' or 'denied'".into()),
    }
}

fn check_all<'r>(_r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    yes_or_no(prepared.downcast_ref() == Some(&true))
}

fn parse_env(_cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    Ok(Box::new(words(args)))
}

fn check_env<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let names = prepared.downcast_ref::<Vec<String>>();
    yes_or_no(names.is_some_and(|names| names.iter().any(|name| r.env.contains(name))))
}

fn parse_method(cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    let mut methods = MethodSet::NONE;
    for word in words(args) {
        match Method::from_name(word.as_bytes()) {
            Method::Other if !cmd.build.main.methods.contains(&word) => {
                return Err(format!("Invalid Method '{word}'"))
            }
            method => methods.insert(method),
        }
    }
    Ok(Box::new(methods))
}

fn check_method<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let methods = prepared.downcast_ref::<MethodSet>();
    yes_or_no(methods.is_some_and(|methods| methods.contains(r.method)))
}

/// A condition, and whether it speaks of the user.
struct Condition {
    holds: BoolExpr,
    wants_user: bool,
}

fn parse_expr(cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    let bare = args
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(args);
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        vary: false,
        ..Default::default()
    };
    let holds = BoolExpr::parse(bare, &options)
        .map_err(|message| format!("Cannot parse expression in require line: {message}"))?;
    let wants_user = bare.to_ascii_uppercase().contains("REMOTE_USER");
    Ok(Box::new(Condition { holds, wants_user }))
}

fn check_expr<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let Some(condition) = prepared.downcast_ref::<Condition>() else {
        return AuthzAnswer::Now(AuthzResult::Error);
    };
    AuthzAnswer::Now(match expr_vars::boolean(r, &condition.holds) {
        Ok(true) => AuthzResult::Granted,
        Ok(false) if condition.wants_user => AuthzResult::DeniedNoUser,
        Ok(false) => AuthzResult::Denied,
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2320,
                "the condition of Require expr cannot be evaluated: {message}"
            );
            AuthzResult::Error
        }
    })
}
