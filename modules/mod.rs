//! The modules of this build, in link order. A new module is a file below, a line here, a line in build/modules, and its
//! two features in Cargo.toml.

pub mod aaa;
pub mod arch;
pub mod core;
pub mod filters;
pub mod generators;
pub mod http;
mod known;
pub mod loggers;
pub mod mappers;
pub mod metadata;
#[cfg(test)]
pub mod skeleton;

use crate::hooks::module::{Compiled, Module, Registry};

/// All that this build knows of modules.
pub static REGISTRY: Registry = Registry {
    compiled: COMPILED,
    unwritten: known::UNWRITTEN,
    elsewhere: known::DIRECTIVES,
    mpms: known::MPMS,
};

/// A line of the table: the module, and whether it sleeps until LoadModule names it.
const fn line(module: &'static Module, name: &str) -> Compiled {
    Compiled {
        module,
        shared: listed(env!("HTTPD_SHARED_MODULES"), name),
    }
}

static COMPILED: &[Compiled] = &[
    line(&core::MODULE, "core"),
    line(&core::so::MODULE, "so"),
    line(&core::HTTP_CORE, "http"),
    line(&crate::mpm::MODULE, "mpm"),
    #[cfg(module = "authn_file")]
    line(&aaa::authn_file::MODULE, "authn_file"),
    #[cfg(module = "authn_core")]
    line(&aaa::authn_core::MODULE, "authn_core"),
    #[cfg(module = "authz_host")]
    line(&aaa::authz_host::MODULE, "authz_host"),
    #[cfg(module = "authz_groupfile")]
    line(&aaa::authz_groupfile::MODULE, "authz_groupfile"),
    #[cfg(module = "authz_user")]
    line(&aaa::authz_user::MODULE, "authz_user"),
    #[cfg(module = "authz_core")]
    line(&aaa::authz_core::MODULE, "authz_core"),
    #[cfg(module = "access_compat")]
    line(&aaa::access_compat::MODULE, "access_compat"),
    #[cfg(module = "auth_basic")]
    line(&aaa::auth_basic::MODULE, "auth_basic"),
    #[cfg(module = "reqtimeout")]
    line(&filters::reqtimeout::MODULE, "reqtimeout"),
    #[cfg(module = "deflate")]
    line(&filters::deflate::MODULE, "deflate"),
    #[cfg(module = "filter")]
    line(&filters::filter::MODULE, "filter"),
    #[cfg(module = "mime")]
    line(&http::mime::MODULE, "mime"),
    #[cfg(module = "log_config")]
    line(&loggers::log_config::MODULE, "log_config"),
    #[cfg(module = "logio")]
    line(&loggers::logio::MODULE, "logio"),
    #[cfg(module = "env")]
    line(&metadata::env::MODULE, "env"),
    #[cfg(module = "headers")]
    line(&metadata::headers::MODULE, "headers"),
    #[cfg(module = "setenvif")]
    line(&metadata::setenvif::MODULE, "setenvif"),
    #[cfg(module = "version")]
    line(&metadata::version::MODULE, "version"),
    #[cfg(module = "unixd")]
    line(&arch::unixd::MODULE, "unixd"),
    #[cfg(module = "status")]
    line(&generators::status::MODULE, "status"),
    #[cfg(module = "cgid")]
    line(&generators::cgi::CGID, "cgid"),
    #[cfg(module = "cgi")]
    line(&generators::cgi::CGI, "cgi"),
    #[cfg(module = "autoindex")]
    line(&generators::autoindex::MODULE, "autoindex"),
    #[cfg(module = "dir")]
    line(&mappers::dir::MODULE, "dir"),
    #[cfg(module = "alias")]
    line(&mappers::alias::MODULE, "alias"),
];

/// True if `name` is one of the words of `list`.
const fn listed(list: &str, name: &str) -> bool {
    let (list, name) = (list.as_bytes(), name.as_bytes());
    let mut at = 0;
    while at < list.len() {
        let mut same = 0;
        while at + same < list.len() && same < name.len() && list[at + same] == name[same] {
            same += 1;
        }
        if same == name.len() && (at + same == list.len() || list[at + same] == b' ') {
            return true;
        }
        while at < list.len() && list[at] != b' ' {
            at += 1;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole() {
        assert!(listed("alias env", "env"));
        assert!(listed("alias env", "alias"));
        assert!(!listed("alias env", "ali"));
        assert!(!listed("alias env", "as"));
        assert!(!listed("", "x"));
    }

    #[test]
    fn names_are_unique() {
        for (at, one) in COMPILED.iter().enumerate() {
            for other in &COMPILED[at + 1..] {
                assert_ne!(one.module.name, other.module.name);
                assert_ne!(one.module.identifier, other.module.identifier);
            }
        }
    }
}
