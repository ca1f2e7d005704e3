//! mod_unixd: whom the children run as. The parent stays what it was started as; each child gives up its privileges before it
//! takes a connection, and cannot get them back.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::hooks::module::Module;
use crate::hooks::{Hook, HookEntry};
use crate::os::spawner::Identity;
use crate::os::user;
use crate::server::{Draft, Generation};
use std::ffi::CString;

/// `mod_unixd.c`.
pub static MODULE: Module = Module {
    name: "mod_unixd.c",
    identifier: "unixd_module",
    directives: &[
        Directive::new(
            "User",
            Scope::SERVER,
            Arity::Take1,
            set_user,
            "the user that children run as: a name, or # and a number",
        ),
        Directive::new(
            "Group",
            Scope::SERVER,
            Arity::Take1,
            set_group,
            "the group that children run as: a name, or # and a number",
        ),
        Directive::new(
            "ChrootDir",
            Scope::SERVER,
            Arity::Take1,
            set_chroot,
            "the folder that children take as the whole file system",
        ),
        Directive::new(
            "Suexec",
            Scope::SERVER,
            Arity::Flag,
            set_suexec,
            "whether programs may be started as other users",
        ),
    ],
    hooks: &[
        HookEntry::new(Hook::CheckConfig(check)),
        HookEntry::new(Hook::OpenLogs(demand_identity)),
        HookEntry::new(Hook::DropPrivileges(drop_privileges)),
        HookEntry::new(Hook::DumpRunCfg(dump)),
    ],
    ..Module::EMPTY
};

const NOT_ROOT: &str = "AH02158: ChrootDir needs a server that was started as root";

/// Apache's default where no User or Group is given: `#-1`, which is nobody.
const UNSET: u32 = u32::MAX;

#[derive(Clone, Default)]
struct Unixd {
    user: Option<(String, u32)>,
    group: Option<(String, u32)>,
}

impl Conf for Unixd {
    /// All of it belongs to the main server.
    fn merge(&self, _over: &Self) -> Self {
        self.clone()
    }
}

fn set_user(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    let id = match number(&name)? {
        Some(id) => id,
        None => match user::user_by_name(name.as_bytes()) {
            Ok(Some(user)) => user.uid,
            _ => return Err(format!("AH00543: httpd: bad user name {name}")),
        },
    };
    if id == 0 {
        return Err("Error: User is root. The children of this server must not run as root: name another user".into());
    }
    cmd.server_conf::<Unixd>().user = Some((name, id));
    Ok(())
}

fn set_group(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    let id = match number(&name)? {
        Some(id) => id,
        None => match user::group_by_name(name.as_bytes()) {
            Ok(Some(group)) => group.gid,
            _ => return Err(format!("AH00544: httpd: bad group name {name}")),
        },
    };
    cmd.server_conf::<Unixd>().group = Some((name, id));
    Ok(())
}

/// `#1000`; `#-1` is the highest number, as everywhere on Unix.
fn number(name: &str) -> Result<Option<u32>, String> {
    let Some(digits) = name.strip_prefix('#') else {
        return Ok(None);
    };
    let parsed: i64 = digits
        .parse()
        .map_err(|_| format!("'{name}' is not a number behind #"))?;
    let id = if parsed == -1 {
        Some(UNSET)
    } else {
        u32::try_from(parsed).ok()
    };
    id.map(Some)
        .ok_or_else(|| format!("'{name}' is out of range"))
}

fn set_chroot(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let folder = std::path::PathBuf::from(cmd.arg(0));
    if !folder.is_dir() {
        return Err("ChrootDir must be a valid directory".into());
    }
    cmd.build.main.chroot = Some(folder);
    Ok(())
}

/// No wrapper comes with this release, so Off is the only state it can have.
fn set_suexec(cmd: &mut Cmd<'_>) -> Result<(), String> {
    match cmd.flag() {
        true => Err("suEXEC isn't supported: this release has no suexec wrapper".into()),
        false => Ok(()),
    }
}

fn conf(generation: &Generation) -> Unixd {
    generation
        .main_server()
        .conf
        .get()
        .cloned()
        .unwrap_or_default()
}

/// Tells the rest of the server whom children will be.
fn check(draft: &mut Draft<'_>) -> Result<(), String> {
    if user::effective_uid() != 0 {
        return Ok(());
    }
    let (uid, gid) = ids(draft.generation);
    let found = user::user_by_id(uid).ok().flatten();
    let name = found.map_or_else(CString::default, |user| user.name);
    draft.generation.main.identity = Some(Identity { uid, gid, name });
    Ok(())
}

/// Before anything starts: as root, it has to be known whom children are to be; only root can change the root folder.
fn demand_identity(draft: &mut Draft<'_>) -> Result<(), String> {
    if user::effective_uid() != 0 && draft.generation.main.chroot.is_some() {
        return Err(NOT_ROOT.into());
    }
    let conf = conf(draft.generation);
    let unset =
        |setting: &Option<(String, u32)>| setting.as_ref().is_none_or(|(_, id)| *id == UNSET);
    match user::effective_uid() == 0 && (unset(&conf.user) || unset(&conf.group)) {
        true => Err("AH02155: the server was started as root, and User and Group do not say whom its children are to be".into()),
        false => Ok(()),
    }
}

fn ids(generation: &Generation) -> (u32, u32) {
    let conf = conf(generation);
    let id = |setting: Option<(String, u32)>| setting.map_or(UNSET, |(_, id)| id);
    (id(conf.user), id(conf.group))
}

fn drop_privileges(generation: &Generation) -> Result<(), String> {
    if user::effective_uid() != 0 {
        return match generation.main.chroot {
            Some(_) => Err(NOT_ROOT.into()),
            None => Ok(()),
        };
    }
    let (uid, gid) = ids(generation);
    take_groups(generation, gid)?;
    if let Some(root) = &generation.main.chroot {
        std::env::set_current_dir(root)
            .map_err(|e| failed(2159, &format!("Can't chdir to {}", root.display()), &e))?;
        crate::os::file::change_root(root)
            .map_err(|e| failed(2160, &format!("Can't chroot to {}", root.display()), &e))?;
    }
    user::set_uid(uid)
        .map_err(|e| failed(2162, &format!("setuid: unable to change to uid: {uid}"), &e))?;
    // What cannot be undone is tried: were root to be had again, nothing would have been given up.
    match user::set_uid(0) {
        Ok(()) => {
            Err("AH20016: the privileges of root were given up and could be had again".into())
        }
        Err(_) => Ok(()),
    }
}

fn take_groups(generation: &Generation, gid: u32) -> Result<(), String> {
    user::set_gid(gid).map_err(|e| {
        failed(
            2156,
            &format!("setgid: unable to set group id to Group {gid}"),
            &e,
        )
    })?;
    let name = generation
        .main
        .identity
        .as_ref()
        .map(|identity| identity.name.clone())
        .unwrap_or_default();
    user::init_groups(&name, gid).map_err(|e| {
        failed(
            2157,
            &format!(
                "initgroups: unable to set groups for User {} and Group {gid}",
                name.to_string_lossy()
            ),
            &e,
        )
    })
}

fn failed(number: u32, what: &str, error: &std::io::Error) -> String {
    format!("{}: AH{number:05}: {what}", crate::log::SystemError(error))
}

fn dump(generation: &Generation, lines: &mut Vec<String>) {
    let conf = conf(generation);
    let unused = if user::effective_uid() == 0 {
        ""
    } else {
        " not_used"
    };
    for (kind, setting) in [("User", conf.user), ("Group", conf.group)] {
        let (name, id) = setting.unwrap_or_else(|| ("#-1".to_owned(), UNSET));
        lines.push(format!("{kind}: name=\"{name}\" id={id}{unused}"));
    }
    if let Some(root) = &generation.main.chroot {
        lines.push(format!("ChrootDir: \"{}\"{unused}", root.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_behind_a_hash() {
        assert_eq!(number("www-data"), Ok(None));
        assert_eq!(number("#33"), Ok(Some(33)));
        assert_eq!(number("#-1"), Ok(Some(UNSET)));
        assert!(number("#x").is_err());
        assert!(number("#99999999999").is_err());
    }
}
