//! mod_env: variables of the configuration (SetEnv) and of the server's own environment (PassEnv) for programs. They join
//! the request's environment at the fixups, so access rules do not see them; SetEnvIf is for that.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::os::path;
use crate::request::Request;
use bstr::BString;

/// `mod_env.c`.
pub static MODULE: Module = Module {
    name: "mod_env.c",
    identifier: "env_module",
    directives: &[
        Directive::new(
            "PassEnv",
            Scope::FILEINFO,
            Arity::Iterate,
            pass,
            "variables of the server's own environment",
        ),
        Directive::new(
            "SetEnv",
            Scope::FILEINFO,
            Arity::Take12,
            set,
            "a variable, and its value",
        ),
        Directive::new(
            "UnsetEnv",
            Scope::FILEINFO,
            Arity::Iterate,
            unset,
            "variables that programs do not see",
        ),
    ],
    hooks: &[HookEntry::request(Phase::Fixups, fixup)],
    ..Module::EMPTY
};

/// What one place says.
#[derive(Clone, Default, Debug, PartialEq)]
struct Env {
    set: Vec<(String, BString)>,
    /// Taken out of what outer places set.
    unset: Vec<String>,
}

impl Env {
    fn put(&mut self, name: &str, value: BString) {
        self.set
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.set.push((name.to_owned(), value));
    }

    fn take(&mut self, name: &str) {
        self.set
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl Conf for Env {
    fn merge(&self, over: &Self) -> Self {
        let mut merged = Env {
            set: self.set.clone(),
            unset: Vec::new(),
        };
        for (name, value) in &over.set {
            merged.put(name, value.clone());
        }
        for name in &over.unset {
            merged.take(name);
        }
        merged
    }
}

fn set(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (name, value) = (cmd.arg(0).to_owned(), BString::from(cmd.arg(1)));
    cmd.dir_conf::<Env>().put(&name, value);
    Ok(())
}

fn pass(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    match std::env::var_os(&name) {
        Some(value) => cmd.dir_conf::<Env>().put(&name, path::bytes(value).into()),
        None => cmd.warn(&format!("AH01506: PassEnv variable {name} was undefined")),
    }
    Ok(())
}

/// In one place it counts if it stands behind the SetEnv; it always counts against outer places.
fn unset(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    let env = cmd.dir_conf::<Env>();
    env.take(&name);
    env.unset.push(name);
    Ok(())
}

fn fixup(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    let Some(env) = conf.get::<Env>().filter(|env| !env.set.is_empty()) else {
        return Answer::Now(Status::Declined);
    };
    for (name, value) in &env.set {
        r.env.set(name, value);
    }
    Answer::Now(Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(set: &[(&str, &str)], unset: &[&str]) -> Env {
        Env {
            set: set
                .iter()
                .map(|(n, v)| (n.to_string(), BString::from(*v)))
                .collect(),
            unset: unset.iter().map(|n| n.to_string()).collect(),
        }
    }

    #[test]
    fn inner_places_win_and_take_away() {
        let base = env(&[("A", "1"), ("B", "2")], &["C"]);
        let merged = base.merge(&env(&[("B", "3"), ("C", "4")], &["A"]));
        assert_eq!(merged, env(&[("B", "3"), ("C", "4")], &[]));
    }
}
