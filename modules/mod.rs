//! The modules of this build, in link order. A new module is a file below, a line here, a line in build/modules, and its
//! two features in Cargo.toml.

pub mod arch;
pub mod core;
mod known;
pub mod loggers;

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
    Compiled { module, shared: listed(env!("HTTPD_SHARED_MODULES"), name) }
}

static COMPILED: &[Compiled] = &[
    line(&core::MODULE, "core"),
    line(&core::so::MODULE, "so"),
    line(&core::HTTP_CORE, "http"),
    line(&crate::mpm::MODULE, "mpm"),
    #[cfg(module = "log_config")]
    line(&loggers::log_config::MODULE, "log_config"),
    #[cfg(module = "logio")]
    line(&loggers::logio::MODULE, "logio"),
    #[cfg(module = "unixd")]
    line(&arch::unixd::MODULE, "unixd"),
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
