//! mod_authz_host: rules for the client's address: `Require ip`, `host`, `forward-dns` and `local`.

use super::client_host::{client_host, in_domain, leads_to_client};
use super::common::require_text;
use crate::config::directive::Cmd;
use crate::config::expr::StringExpr;
use crate::config::ipmask::IpMask;
use crate::config::tree::words;
use crate::hooks::module::Module;
use crate::hooks::provider::{AuthzAnswer, AuthzResult, Prepared, Provider, Service};
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, Request};
use std::any::Any;

const LOG_MODULE: &str = "authz_host";

/// `mod_authz_host.c`.
pub static MODULE: Module = Module {
    name: "mod_authz_host.c",
    identifier: "authz_host_module",
    providers: &[
        Provider {
            name: "ip",
            service: Service::Authz {
                parse: parse_ip,
                check: check_ip,
            },
        },
        Provider {
            name: "host",
            service: Service::Authz {
                parse: require_text,
                check: check_host,
            },
        },
        Provider {
            name: "forward-dns",
            service: Service::Authz {
                parse: require_text,
                check: check_forward,
            },
        },
        Provider {
            name: "local",
            service: Service::Authz {
                parse: parse_local,
                check: check_local,
            },
        },
    ],
    ..Module::EMPTY
};

fn granted(yes: bool) -> AuthzResult {
    if yes {
        AuthzResult::Granted
    } else {
        AuthzResult::Denied
    }
}

fn parse_ip(_cmd: &mut Cmd<'_>, args: &str) -> Result<Prepared, String> {
    let words = words(args);
    if words.is_empty() {
        return Err("'require ip' requires an argument".into());
    }
    let ranges = words.iter().map(|word| {
        IpMask::parse(word)
            .map_err(|reason| format!("ip address '{word}' appears to be invalid: {reason}"))
    });
    Ok(Box::new(ranges.collect::<Result<Vec<IpMask>, String>>()?))
}

fn check_ip<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let address = r.client.ip();
    let ranges = prepared.downcast_ref::<Vec<IpMask>>();
    AuthzAnswer::Now(granted(ranges.is_some_and(|ranges| {
        ranges.iter().any(|range| range.contains(address))
    })))
}

fn parse_local(_cmd: &mut Cmd<'_>, _args: &str) -> Result<Prepared, String> {
    Ok(Box::new(()))
}

/// A client on this machine: from a loopback address, or from the address that it came to.
fn check_local<'r>(r: &'r mut Request, _prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let address = r.client.ip().to_canonical();
    AuthzAnswer::Now(granted(
        address.is_loopback() || address == r.conn.local.ip().to_canonical(),
    ))
}

/// The names of a line, up to a `#`: nobody's name has one, and someone may have taken it for a comment.
fn names(
    r: &mut Request,
    prepared: &(dyn Any + Send + Sync),
    kind: &str,
) -> Result<Vec<String>, ()> {
    let Some(expression) = prepared.downcast_ref::<StringExpr>() else {
        return Err(());
    };
    let text = match expr_vars::string(r, expression) {
        Ok(text) => text.to_string(),
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2593,
                "the names of Require {kind} cannot be evaluated: {message}"
            );
            return Err(());
        }
    };
    let Some((before, _)) = text.split_once('#') else {
        return Ok(words(&text));
    };
    match before.trim().is_empty() {
        true => log!(
            &*r,
            Level::Error,
            10120,
            "Require {kind} names no host in front of its comment: {text}"
        ),
        false => log!(
            &*r,
            Level::Warn,
            10121,
            "Require {kind} has no comments; the one here is ignored: {text}"
        ),
    }
    Ok(words(before))
}

fn check_host<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    AuthzAnswer::Later(Box::pin(async move {
        let Some(host) = client_host(r).await else {
            log!(
                &*r,
                Level::Error,
                1753,
                "access to {} by host name failed: the client has no name that leads back to it",
                log::raw(&r.uri)
            );
            return AuthzResult::Denied;
        };
        let names = names(r, prepared, "host").unwrap_or_default();
        granted(
            names
                .iter()
                .any(|name| in_domain(name.as_bytes(), host.as_bytes())),
        )
    }))
}

fn check_forward<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    AuthzAnswer::Later(Box::pin(async move {
        for name in names(r, prepared, "forward-dns").unwrap_or_default() {
            match leads_to_client(r, name.clone()).await {
                Ok(true) => return AuthzResult::Granted,
                Ok(false) => {}
                Err(error) => log!(
                    &*r,
                    Level::Debug,
                    3355,
                    err = error,
                    "Require forward-dns {name} has no address"
                ),
            }
        }
        AuthzResult::Denied
    }))
}
