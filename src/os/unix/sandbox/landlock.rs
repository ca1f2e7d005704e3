//! Landlock: which files this thread, and those it starts, can open from now on. Rules stand for the files and folders that
//! the names mean at this moment; what takes their place later under the same name is another file.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::{check, fd};
use super::Files;

// Rights, by the kernel's numbers (linux/landlock.h).
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_REG: u64 = 1 << 8;
/// Removing and making of all kinds, bits 4 to 12.
const REMOVE_AND_MAKE: u64 = 0b1_1111_1111 << 4;
/// Moving between folders, since version 2.
const REFER: u64 = 1 << 13;
/// Since version 3.
const TRUNCATE: u64 = 1 << 14;

/// What a rule about a file, rather than a folder, may say.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;

const TO_READ: u64 = READ_FILE | READ_DIR;
const TO_WRITE: u64 = TO_READ | WRITE_FILE | MAKE_REG | TRUNCATE;

/// What the C library reads by itself, when it looks up a name or a time, or loads a part of itself.
const LIBRARY: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/proc/loadavg",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/dev/urandom",
];

#[repr(C)]
struct Ruleset {
    handled_files: u64,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: libc::c_int,
}

const BENEATH: libc::c_int = 1;

/// The kernel's version of this interface; 0 if it has none, or does not use it.
fn version() -> u32 {
    const VERSION: libc::c_uint = 1;
    let nothing = std::ptr::null::<Ruleset>();
    // SAFETY: with this flag there is no record to be read.
    let found = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) };
    u32::try_from(found).unwrap_or(0)
}

pub fn supported() -> bool {
    version() > 0
}

fn handled() -> u64 {
    let first = EXECUTE | WRITE_FILE | TO_READ | REMOVE_AND_MAKE;
    match version() {
        0 | 1 => first,
        2 => first | REFER,
        _ => first | REFER | TRUNCATE,
    }
}

pub fn apply(files: Files<'_>) -> io::Result<()> {
    let handled = handled();
    let record = Ruleset {
        handled_files: handled,
    };
    let size = size_of::<Ruleset>();
    // SAFETY: the record is as long as said.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const record,
            size,
            0,
        )
    };
    // SAFETY: the kernel just made it.
    let rules = unsafe { fd::own(check(made as libc::c_int)?) };
    for name in LIBRARY.iter().map(Path::new) {
        allow(&rules, name, TO_READ)?;
    }
    allow(&rules, Path::new("/dev/null"), READ_FILE | WRITE_FILE)?;
    for name in files.read {
        allow(&rules, name, TO_READ)?;
    }
    for name in files.write {
        allow(&rules, name, TO_WRITE & handled)?;
    }
    // SAFETY: a descriptor and a number.
    let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) };
    check(done as libc::c_int).map(drop)
}

/// Adds a rule. A name that means nothing, or nothing that this user can reach, needs none.
fn allow(rules: &OwnedFd, name: &Path, rights: u64) -> io::Result<()> {
    let mut options = File::options();
    let options = options
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC);
    let Ok(parent) = options.open(name) else {
        return Ok(());
    };
    let folder = parent.metadata().is_ok_and(|meta| meta.is_dir());
    let rule = Beneath {
        allowed: if folder { rights } else { rights & OF_FILES },
        parent: parent.as_raw_fd(),
    };
    // SAFETY: the record is of the kind that is named, and the kernel keeps no reference to it.
    let added = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            rules.as_raw_fd(),
            BENEATH,
            &raw const rule,
            0,
        )
    };
    check(added as libc::c_int).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::no_new_privileges;
    use std::io::ErrorKind::PermissionDenied;

    #[test]
    fn only_what_is_named_can_be_opened() {
        crate::os::alone(|| {
            if !supported() {
                return;
            }
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            for name in ["read", "write", "other"] {
                std::fs::create_dir(at(name)).unwrap();
                std::fs::write(at(name).join("file"), "text").unwrap();
            }
            std::os::unix::fs::symlink(at("other/file"), at("read/link")).unwrap();
            let files = Files {
                read: &[at("read"), at("gone"), at("read/file")],
                write: &[at("write")],
            };
            // The rights end with the thread; the test's own process keeps them.
            let outcome = std::thread::scope(|scope| {
                let limited = scope.spawn(|| {
                    no_new_privileges().unwrap();
                    apply(files).unwrap();
                    assert_eq!(std::fs::read(at("read/file")).unwrap(), b"text");
                    assert_eq!(std::fs::read_dir(at("read")).unwrap().count(), 2);
                    std::fs::write(at("write/new"), "more").unwrap();
                    std::fs::write(at("write/file"), "").unwrap();
                    std::fs::read("/etc/hosts").unwrap();
                    std::fs::write("/dev/null", "x").unwrap();
                    let refused = [
                        std::fs::read(at("other/file")).map(drop),
                        std::fs::read(at("read/link")).map(drop),
                        std::fs::read(at("read/../other/file")).map(drop),
                        std::fs::read("/etc/passwd").map(drop),
                        std::fs::read_dir(folder.path()).map(drop),
                        std::fs::write(at("read/file"), "x"),
                        std::fs::write(at("read/new"), "x"),
                        std::fs::remove_file(at("write/file")),
                        std::process::Command::new("true").status().map(drop),
                    ];
                    refused.map(|refused| refused.map_err(|error| error.kind()))
                });
                limited.join().unwrap()
            });
            assert_eq!(outcome, [Err(PermissionDenied); 9]);
        });
    }
}
