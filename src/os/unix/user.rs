//! Users and groups: looked up while the configuration is read, taken on by each child before it serves.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

use super::{c_string, check};

/// A line of the user database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// By which it is looked up.
    pub name: CString,
    /// Its number.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// Home folder.
    pub home: CString,
}

/// A line of the group database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// By which it is looked up.
    pub name: CString,
    /// The number of the group.
    pub gid: u32,
}

/// Calls a `get..._r` function with a buffer that grows until the entry fits. Gives the entry, made by `copy` while the buffer
/// lives; `Ok(None)`: there is no such entry.
fn look_up<R, T>(
    call: impl Fn(*mut R, *mut libc::c_char, usize, *mut *mut R) -> libc::c_int,
    copy: impl Fn(&R) -> T,
) -> io::Result<Option<T>> {
    let mut size = 1024;
    loop {
        let mut record = MaybeUninit::<R>::uninit();
        let mut found = std::ptr::null_mut();
        let mut buffer: Vec<libc::c_char> = vec![0; size];
        match call(record.as_mut_ptr(), buffer.as_mut_ptr(), size, &mut found) {
            // SAFETY: not null means that it points at `record`, filled in, with strings in `buffer`.
            0 if !found.is_null() => return Ok(Some(copy(unsafe { &*found }))),
            0 | libc::ENOENT | libc::ESRCH => return Ok(None),
            libc::ERANGE if size < 1 << 20 => size *= 2,
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Copies a string of the database; a missing one is empty.
fn copy(text: *const libc::c_char) -> CString {
    if text.is_null() {
        return CString::default();
    }
    // SAFETY: a C string inside the buffer of `look_up`.
    unsafe { CStr::from_ptr(text) }.to_owned()
}

fn user(record: &libc::passwd) -> User {
    User {
        name: copy(record.pw_name),
        uid: record.pw_uid,
        gid: record.pw_gid,
        home: copy(record.pw_dir),
    }
}

fn group(record: &libc::group) -> Group {
    Group {
        name: copy(record.gr_name),
        gid: record.gr_gid,
    }
}

/// The user of this name. May ask the network: never on a connection's thread.
pub fn user_by_name(name: &[u8]) -> io::Result<Option<User>> {
    let Ok(name) = c_string(name) else {
        return Ok(None);
    };
    // SAFETY: the pointers are those of `look_up`, the name outlives the call.
    look_up(
        |r, buf, len, found| unsafe { libc::getpwnam_r(name.as_ptr(), r, buf, len, found) },
        user,
    )
}

/// The user of this number.
pub fn user_by_id(uid: u32) -> io::Result<Option<User>> {
    // SAFETY: the pointers are those of `look_up`.
    look_up(
        |r, buf, len, found| unsafe { libc::getpwuid_r(uid, r, buf, len, found) },
        user,
    )
}

/// The group of this name.
pub fn group_by_name(name: &[u8]) -> io::Result<Option<Group>> {
    let Ok(name) = c_string(name) else {
        return Ok(None);
    };
    // SAFETY: the pointers are those of `look_up`, the name outlives the call.
    look_up(
        |r, buf, len, found| unsafe { libc::getgrnam_r(name.as_ptr(), r, buf, len, found) },
        group,
    )
}

/// The group of this number.
pub fn group_by_id(gid: u32) -> io::Result<Option<Group>> {
    // SAFETY: the pointers are those of `look_up`.
    look_up(
        |r, buf, len, found| unsafe { libc::getgrgid_r(gid, r, buf, len, found) },
        group,
    )
}

/// The user whose rights this process has now.
pub fn effective_uid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// The user who started this process.
pub fn real_uid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getuid() }
}

/// The group whose rights this process has now.
pub fn effective_gid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getegid() }
}

/// Takes on a group for good.
pub fn set_gid(gid: u32) -> io::Result<()> {
    // SAFETY: takes a number only.
    check(unsafe { libc::setgid(gid) }).map(drop)
}

/// Takes on a user for good; root cannot be had back.
pub fn set_uid(uid: u32) -> io::Result<()> {
    // SAFETY: takes a number only.
    check(unsafe { libc::setuid(uid) }).map(drop)
}

/// Takes on all groups that list this user, and `gid`.
pub fn init_groups(name: &CStr, gid: u32) -> io::Result<()> {
    // SAFETY: a C string and a number (whose type differs between systems).
    check(unsafe { libc::initgroups(name.as_ptr(), gid as _) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found() {
        let root = user_by_name(b"root").unwrap().unwrap();
        assert_eq!((root.uid, user_by_id(0).unwrap().unwrap()), (0, root));
        let group = group_by_id(0).unwrap().unwrap();
        assert_eq!(group_by_name(group.name.to_bytes()).unwrap(), Some(group));
    }

    #[test]
    fn nobody_else_is_invented() {
        assert_eq!(user_by_name(b"no such user here").unwrap(), None);
        assert_eq!(user_by_name(b"ro\0ot").unwrap(), None);
        assert_eq!(group_by_name(b"no such group here").unwrap(), None);
        assert_eq!(user_by_id(4_000_000_123).unwrap(), None);
    }
}
