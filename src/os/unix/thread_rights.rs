//! Rights of one thread. Linux keeps user, groups and root folder for each thread; the C library only hides that. A server of a
//! single process uses it: its serving threads give up what the thread that reads the configuration and opens logs must keep.
//! Elsewhere this is not supported, and the whole process has to give up its rights.
//!
//! It bounds what a request can reach in the file system, and what it may do to other processes. It is no wall between threads: they share
//! their memory.

use std::ffi::{CStr, CString};
use std::io;
use std::path::PathBuf;

/// Whom a thread is to be.
#[derive(Clone, Debug)]
pub struct ThreadRights {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    uid: u32,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    gid: u32,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    groups: Vec<libc::gid_t>,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    root: Option<PathBuf>,
}

/// Whether this system has rights for each thread.
pub const SUPPORTED: bool = cfg!(target_os = "linux");

impl ThreadRights {
    /// The rights of user `uid` with group `gid` and all groups that list `name`, below `root` if there is one. Looks the groups
    /// up, so it is called before the threads start.
    pub fn of(uid: u32, gid: u32, name: &CStr, root: Option<PathBuf>) -> io::Result<ThreadRights> {
        Ok(ThreadRights {
            uid,
            gid,
            groups: groups_of(name, gid)?,
            root,
        })
    }

    /// Has the calling thread take these rights for good.
    #[cfg(target_os = "linux")]
    pub fn take(&self) -> io::Result<()> {
        if let Some(root) = &self.root {
            // Root and working folder belong to the process until a thread asks for its own.
            // SAFETY: takes a number only.
            super::check(unsafe { libc::unshare(libc::CLONE_FS) })?;
            std::env::set_current_dir(root)?;
            super::file::change_root(root)?;
        }
        imp::set_groups(&self.groups)?;
        imp::set_gid(self.gid)?;
        imp::set_uid(self.uid)?;
        // What cannot be undone is tried: were root to be had again, nothing would have been given up.
        match imp::set_uid(0) {
            Ok(()) => Err(io::Error::other(
                "the rights that were given up could be had again",
            )),
            Err(_) => Ok(()),
        }
    }

    /// Has the calling thread take these rights for good.
    #[cfg(not(target_os = "linux"))]
    pub fn take(&self) -> io::Result<()> {
        super::unsupported()
    }
}

/// All groups of a user. A name that nobody has is in `gid` alone.
fn groups_of(name: &CStr, gid: u32) -> io::Result<Vec<libc::gid_t>> {
    let name = CString::from(name);
    let mut room = 64;
    while room <= 65_536 {
        let mut groups: Vec<libc::gid_t> = vec![0; room as usize];
        let mut count = room;
        // SAFETY: a C string, and `count` says how many numbers have room.
        let done = unsafe {
            libc::getgrouplist(
                name.as_ptr(),
                gid as _,
                groups.as_mut_ptr().cast(),
                &mut count,
            )
        };
        if done >= 0 {
            groups.truncate(usize::try_from(count).unwrap_or(0));
            return Ok(groups);
        }
        room = (room * 2).max(count);
    }
    Err(io::Error::other("the user is in too many groups"))
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;

    // The plain names have 16 bits on the oldest processors.
    #[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
    use libc::{
        SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID,
    };
    #[cfg(any(target_arch = "x86", target_arch = "arm"))]
    use libc::{
        SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID,
    };

    fn check(result: libc::c_long) -> io::Result<()> {
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    // The calls of the C library would do it to all threads.
    pub fn set_groups(groups: &[libc::gid_t]) -> io::Result<()> {
        // SAFETY: a pointer to as many numbers as are said.
        check(unsafe { libc::syscall(SETGROUPS, groups.len(), groups.as_ptr()) })
    }

    pub fn set_gid(gid: u32) -> io::Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { libc::syscall(SETRESGID, gid, gid, gid) })
    }

    pub fn set_uid(uid: u32) -> io::Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { libc::syscall(SETRESUID, uid, uid, uid) })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::os::user;

    #[test]
    fn one_thread_gives_up_what_the_others_keep() {
        if user::effective_uid() != 0 {
            return;
        }
        let rights = ThreadRights::of(65_534, 65_534, c"nobody", None).unwrap();
        let seen = std::thread::spawn(move || {
            rights.take().unwrap();
            let secret = std::fs::read("/etc/shadow").map_err(|error| error.kind());
            (
                user::effective_uid(),
                user::effective_gid(),
                secret.is_err(),
            )
        });
        assert_eq!(seen.join().unwrap(), (65_534, 65_534, true));
        assert_eq!(user::effective_uid(), 0);
        assert!(std::fs::read("/etc/shadow").is_ok());
    }
}
