//! mod_authn_file: users and passwords in a text file, `user:hash` a line, or `user:realm:digest` for digests.

use super::password;
use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::{pick, Conf};
use crate::connection::host::blocking;
use crate::hooks::module::Module;
use crate::hooks::provider::{AuthnResult, Provider, Service};
use crate::hooks::LocalFuture;
use crate::log;
use crate::log::Level;
use crate::request::Request;
use bstr::io::BufReadExt;
use bstr::ByteSlice;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

const LOG_MODULE: &str = "authn_file";

/// `mod_authn_file.c`.
pub static MODULE: Module = Module {
    name: "mod_authn_file.c",
    identifier: "authn_file_module",
    directives: &[Directive::new(
        "AuthUserFile",
        Scope::AUTHCFG,
        Arity::Take1,
        user_file,
        "a text file of users and passwords",
    )],
    providers: &[Provider {
        name: "file",
        service: Service::Authn {
            password: check,
            realm: Some(find_digest),
        },
    }],
    ..Module::EMPTY
};

/// AuthUserFile.
#[derive(Clone, Default)]
struct Users {
    file: Option<PathBuf>,
}

impl Conf for Users {
    fn merge(&self, over: &Self) -> Self {
        Users {
            file: pick(&self.file, &over.file),
        }
    }
}

fn user_file(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let path = cmd.root_relative(cmd.arg(0));
    cmd.build.main.reach.reads_file(&path);
    cmd.dir_conf::<Users>().file = Some(path);
    Ok(())
}

fn check<'r>(
    r: &'r mut Request,
    user: &'r [u8],
    password: &'r [u8],
) -> LocalFuture<'r, AuthnResult> {
    Box::pin(async move {
        let Some(file) = r.dir_conf::<Users>().and_then(|users| users.file.clone()) else {
            log!(
                &*r,
                Level::Error,
                1619,
                "no AuthUserFile says where the users are"
            );
            return AuthnResult::Error;
        };
        let (path, user, password) = (file.clone(), user.to_vec(), password.to_vec());
        let host = r.ctx.host.clone();
        let checked = blocking(&*host, move || {
            let known = find(&path, &user)?;
            Ok(known.map(|stored| password::verify(&password, first_field(&stored))))
        });
        match checked.await.and_then(|checked: io::Result<_>| checked) {
            Ok(Some(true)) => AuthnResult::Granted,
            Ok(Some(false)) => AuthnResult::Denied,
            Ok(None) => AuthnResult::UserNotFound,
            Err(error) => {
                log!(
                    &*r,
                    Level::Error,
                    1620,
                    err = error,
                    "cannot read the password file {}",
                    file.display()
                );
                AuthnResult::Error
            }
        }
    })
}

fn find_digest<'r>(
    r: &'r mut Request,
    user: &'r [u8],
    realm: &'r [u8],
) -> LocalFuture<'r, Result<String, AuthnResult>> {
    Box::pin(async move {
        let Some(file) = r.dir_conf::<Users>().and_then(|users| users.file.clone()) else {
            log!(
                &*r,
                Level::Error,
                1621,
                "no AuthUserFile says where the digests are"
            );
            return Err(AuthnResult::Error);
        };
        let (path, key) = (file.clone(), [user, b":", realm].concat());
        let host = r.ctx.host.clone();
        let found = blocking(&*host, move || find(&path, &key));
        match found.await.and_then(|found| found) {
            Ok(Some(rest)) => Ok(String::from_utf8_lossy(first_field(&rest)).into_owned()),
            Ok(None) => Err(AuthnResult::UserNotFound),
            Err(error) => {
                log!(
                    &*r,
                    Level::Error,
                    1622,
                    err = error,
                    "cannot read the digest file {}",
                    file.display()
                );
                Err(AuthnResult::Error)
            }
        }
    })
}

/// What stands behind `key:` in the first line that begins so.
fn find(path: &Path, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut found = None;
    BufReader::new(File::open(path)?).for_byte_line(|line| {
        let line = line.trim_ascii();
        let rest = line
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(b":"));
        match rest {
            Some(rest) if !line.starts_with(b"#") => {
                found = Some(rest.to_vec());
                Ok(false)
            }
            _ => Ok(true),
        }
    })?;
    Ok(found)
}

fn first_field(rest: &[u8]) -> &[u8] {
    rest.find_byte(b':').map_or(rest, |end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        std::fs::write(
            &path,
            "# joe:no\r\n\n#x:y\njo:1\n joe:2:more\r\njoe:3\nempty:\nd:realm:abc\nnocolon\nlast:4",
        )
        .unwrap();
        let found = |key: &str| {
            find(&path, key.as_bytes())
                .unwrap()
                .map(|rest| first_field(&rest).to_vec())
        };
        assert_eq!(found("joe").as_deref(), Some(&b"2"[..]));
        assert_eq!(found("jo").as_deref(), Some(&b"1"[..]));
        assert_eq!(found("empty").as_deref(), Some(&b""[..]));
        assert_eq!(found("d:realm").as_deref(), Some(&b"abc"[..]));
        assert_eq!(found("last").as_deref(), Some(&b"4"[..]));
        for key in ["#x", "nocolon", "j", "", "# joe"] {
            assert_eq!(found(key), None, "{key}");
        }
        assert!(find(&folder.path().join("none"), b"x").is_err());
    }
}
