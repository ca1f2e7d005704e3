//! The unsafe part of the spawner: leaving behind the parent's descriptors, and the last steps of a program before it
//! begins.
#![allow(unsafe_code)]

use super::{Identity, Request};
use crate::os::limits;
use crate::os::process::Pid;
use crate::os::user;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Closes all descriptors of this process but the standard three and the ones to keep. For a process that was just forked and
/// will never return to what owns them.
pub(super) fn close_all_but(keep: &[&OwnedFd]) {
    let mut keep: Vec<RawFd> = keep.iter().map(|fd| fd.as_raw_fd()).collect();
    keep.sort_unstable();
    let mut from = 3;
    for kept in keep {
        close_range(from, kept - 1);
        from = kept + 1;
    }
    close_range(from, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        let (first, last) = (first as libc::c_uint, last as libc::c_uint);
        // SAFETY: takes numbers only; the owners of what it closes never run in this process.
        let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if done == 0 {
            return;
        }
    }
    let files = limits::get(limits::Resource::Files).map_or(1024, |(soft, _)| soft);
    let limit = RawFd::try_from(files).unwrap_or(65536).min(65536);
    for fd in first..=last.min(limit) {
        // SAFETY: takes a number only; the owners of what it closes never run in this process.
        unsafe { libc::close(fd) };
    }
}

/// Takes on the group of another user and the supplementary ones.
pub(super) fn join_groups(identity: &Identity) -> io::Result<()> {
    user::set_gid(identity.gid)?;
    user::init_groups(&identity.name, identity.gid)
}

/// Takes on another user for good, groups first: afterwards that is forbidden.
fn become_user(identity: &Identity) -> io::Result<()> {
    join_groups(identity)?;
    user::set_uid(identity.uid)
}

/// Starts the program in a process group of its own, so that signals to the server's group spare it. The error is the
/// system's.
pub(super) fn spawn(request: &Request, standard: [Option<OwnedFd>; 3]) -> io::Result<Pid> {
    let os = |bytes: &[u8]| OsStr::from_bytes(bytes).to_os_string();
    if !request.program.contains(&b'/') {
        // Without one it would be looked for in the folders of PATH.
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    let mut command = Command::new(os(&request.program));
    if let Some((name, arguments)) = request.arguments.split_first() {
        command.arg0(os(name));
        command.args(arguments.iter().map(|argument| os(argument)));
    }
    command.env_clear();
    for variable in &request.environment {
        // As `env` has it: the first letter belongs to the name even if it is a `=`.
        let equals = variable.iter().skip(1).position(|&byte| byte == b'=');
        if let Some(equals) = equals {
            let (name, value) = variable.split_at(equals + 1);
            command.env(os(name), os(value.get(1..).unwrap_or_default()));
        }
    }
    if !request.folder.is_empty() {
        command.current_dir(os(&request.folder));
    }
    let [input, output, error] = standard.map(|fd| fd.map_or_else(Stdio::null, Stdio::from));
    command.stdin(input).stdout(output).stderr(error);
    command.process_group(0);
    let (limits, identity) = (request.limits.clone(), request.identity.clone());
    let last_steps = move || {
        for &(resource, soft, hard) in &limits {
            // As Apache: a limit that cannot be had does not keep the program from running.
            let _ = limits::set(resource, soft, hard);
        }
        identity.as_ref().map_or(Ok(()), become_user)
    };
    // SAFETY: the limits are set by plain system calls. Becoming another user does more than that, but only the spawner is
    // asked for it, and it has one thread, so the forked process may allocate and call whatever it likes.
    unsafe { command.pre_exec(last_steps) };
    let child = command
        .spawn()
        .map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            // std's own errors, on a NUL within a string, carry no number of the system.
            None => io::Error::from_raw_os_error(libc::EINVAL),
        })?;
    Pid::try_from(child.id()).map_err(io::Error::other)
}
