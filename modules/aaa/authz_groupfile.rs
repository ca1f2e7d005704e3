//! mod_authz_groupfile: `Require group NAME ...`, with groups in a text file, `group: user user ...` a line.

use super::common::require_text;
use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::expr::StringExpr;
use crate::config::tree::words;
use crate::config::value::{pick, Conf};
use crate::connection::host::blocking;
use crate::hooks::module::Module;
use crate::hooks::provider::{AuthzAnswer, AuthzResult, Provider, Service};
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, Request};
use bstr::io::BufReadExt;
use bstr::ByteSlice;
use std::any::Any;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

const LOG_MODULE: &str = "authz_groupfile";

/// `mod_authz_groupfile.c`.
pub static MODULE: Module = Module {
    name: "mod_authz_groupfile.c",
    identifier: "authz_groupfile_module",
    directives: &[Directive::new(
        "AuthGroupFile",
        Scope::AUTHCFG,
        Arity::Take1,
        group_file,
        "a text file of groups and their users",
    )],
    providers: &[Provider {
        name: "group",
        service: Service::Authz {
            parse: require_text,
            check,
        },
    }],
    ..Module::EMPTY
};

/// AuthGroupFile.
#[derive(Clone, Default)]
struct Groups {
    file: Option<PathBuf>,
}

impl Conf for Groups {
    fn merge(&self, over: &Self) -> Self {
        Groups {
            file: pick(&self.file, &over.file),
        }
    }
}

fn group_file(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let path = cmd.root_relative(cmd.arg(0));
    cmd.build.main.reach.reads_file(&path);
    cmd.dir_conf::<Groups>().file = Some(path);
    Ok(())
}

fn check<'r>(r: &'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r> {
    let Some(names) = prepared.downcast_ref::<StringExpr>() else {
        return AuthzAnswer::Now(AuthzResult::Error);
    };
    if r.user.is_none() {
        return AuthzAnswer::Now(AuthzResult::DeniedNoUser);
    }
    let Some(file) = r
        .dir_conf::<Groups>()
        .and_then(|groups| groups.file.clone())
    else {
        log!(
            &*r,
            Level::Error,
            1664,
            "no AuthGroupFile says where the groups are"
        );
        return AuthzAnswer::Now(AuthzResult::Denied);
    };
    AuthzAnswer::Later(Box::pin(decide(r, names, file)))
}

async fn decide(r: &mut Request, names: &StringExpr, file: PathBuf) -> AuthzResult {
    let user = r.user.clone().unwrap_or_default();
    let (path, name, host) = (file.clone(), user.to_vec(), r.ctx.host.clone());
    let groups = match blocking(&*host, move || groups_of(&path, &name))
        .await
        .and_then(|groups| groups)
    {
        Ok(groups) => groups,
        Err(error) => {
            log!(
                &*r,
                Level::Error,
                1665,
                err = error,
                "cannot read the group file {}",
                file.display()
            );
            return AuthzResult::Denied;
        }
    };
    if groups.is_empty() {
        let (user, uri) = (log::raw(&user), log::raw(&r.uri));
        log!(&*r, Level::Error, 1666, "Authorization of user {user} to access {uri} failed, reason: user doesn't appear in group file ({}).", file.display());
        return AuthzResult::Denied;
    }
    let names = match expr_vars::string(r, names) {
        Ok(names) => names,
        Err(message) => {
            log!(
                &*r,
                Level::Error,
                2592,
                "the names of Require group cannot be evaluated: {message}"
            );
            return AuthzResult::Denied;
        }
    };
    let names = words(&names.to_string());
    if names.iter().any(|name| {
        groups
            .iter()
            .any(|group| group.eq_ignore_ascii_case(name.as_bytes()))
    }) {
        return AuthzResult::Granted;
    }
    let (user, uri) = (log::raw(&user), log::raw(&r.uri));
    log!(&*r, Level::Error, 1667, "Authorization of user {user} to access {uri} failed, reason: user is not part of the 'require'ed group(s).");
    AuthzResult::Denied
}

/// The groups of a file that list a user.
fn groups_of(path: &Path, user: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut groups = Vec::new();
    BufReader::new(File::open(path)?).for_byte_line(|line| {
        let line = line.trim_ascii();
        if !line.starts_with(b"#") {
            let (group, members) = line.split_once_str(":").unwrap_or((line, b""));
            if words(&members.to_str_lossy())
                .iter()
                .any(|member| member.as_bytes() == user)
            {
                groups.push(group.trim_ascii().to_vec());
            }
        }
        Ok(true)
    })?;
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("groups");
        std::fs::write(
            &path,
            "# a: joe\na: bob joe\r\n\nb:joe\nc: joey \"big joe\"\nd: 'joe'\nnone\n",
        )
        .unwrap();
        let groups = |user: &str| groups_of(&path, user.as_bytes()).unwrap();
        assert_eq!(groups("joe"), [b"a", b"b", b"d"]);
        assert_eq!(groups("big joe"), [b"c"]);
        assert!(groups("jo").is_empty());
    }
}
