//! System calls that no serving process needs: a program in the kernel's packet-filter language answers them with EPERM. It is a
//! list of what is refused, not of what is allowed, so that no C library and no module finds something ordinary missing.

use std::io;

use super::super::check;

/// Refused whatever their arguments are.
#[rustfmt::skip]
const REFUSED: &[libc::c_long] = &[
    // Other processes' memory and descriptors.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_kcmp,
    libc::SYS_pidfd_getfd, libc::SYS_process_madvise,
    // The kernel itself.
    libc::SYS_kexec_load, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_reboot,
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_lookup_dcookie, libc::SYS_syslog,
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    // What is mounted where, and who sees it.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_open_tree, libc::SYS_move_mount,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    libc::SYS_setns, libc::SYS_unshare, libc::SYS_open_by_handle_at,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_quotactl, libc::SYS_acct,
    // Keys, clocks, names.
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_vhangup,
    // Would turn a mapping of one's own scoreboard page into one of another's.
    libc::SYS_remap_file_pages,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")] libc::SYS_kexec_file_load,
    #[cfg(target_arch = "aarch64")] libc::SYS_kexec_file_load,
];

/// Flags of `clone` that make new namespaces.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// `AUDIT_ARCH_...` of the one kind of calls that this program makes.
const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    0xC000_003E
} else if cfg!(target_arch = "aarch64") {
    0xC000_00B7
} else {
    0xC000_00F3
};

/// Numbers from here on are x86-64's second kind of calls (x32).
const SECOND_KIND: u32 = 0x4000_0000;

// Places in `struct seccomp_data`; all supported processors are little-endian.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const FIRST_ARGUMENT_AT: u32 = 16;

const fn statement(code: u32, k: u32) -> libc::sock_filter {
    branch(code, k, 0, 0)
}

const fn branch(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const IF_ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

const ALLOW: libc::sock_filter = statement(RETURN, libc::SECCOMP_RET_ALLOW);

const fn refuse(error: i32) -> libc::sock_filter {
    statement(RETURN, libc::SECCOMP_RET_ERRNO | error as u32)
}

fn program() -> Vec<libc::sock_filter> {
    // Each question is followed by its answer, so that no branch has to count over the others.
    let mut program = vec![
        statement(LOAD, ARCHITECTURE_AT),
        branch(IF_EQUAL, ARCHITECTURE, 1, 0),
        refuse(libc::EPERM),
        statement(LOAD, NUMBER_AT),
        branch(IF_AT_LEAST, SECOND_KIND, 0, 1),
        refuse(libc::EPERM),
    ];
    for call in REFUSED {
        program.extend([branch(IF_EQUAL, *call as u32, 0, 1), refuse(libc::EPERM)]);
    }
    program.extend([
        // Its flags are in memory, where a filter cannot look: C libraries then take `clone`.
        branch(IF_EQUAL, libc::SYS_clone3 as u32, 0, 1),
        refuse(libc::ENOSYS),
        branch(IF_EQUAL, libc::SYS_clone as u32, 0, 3),
        statement(LOAD, FIRST_ARGUMENT_AT),
        branch(IF_ANY_BIT, NAMESPACES, 0, 1),
        refuse(libc::EPERM),
        ALLOW,
    ]);
    program
}

fn seccomp(operation: libc::c_uint, argument: *const libc::c_void) -> io::Result<()> {
    // SAFETY: the operations used here read a record of theirs and keep no reference to it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, 0, argument) };
    check(result as libc::c_int).map(drop)
}

pub fn supported() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    seccomp(libc::SECCOMP_GET_ACTION_AVAIL, (&raw const action).cast()).is_ok()
}

pub fn apply(_: ()) -> io::Result<()> {
    let mut program = program();
    let record = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_mut_ptr(),
    };
    seccomp(libc::SECCOMP_SET_MODE_FILTER, (&raw const record).cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::no_new_privileges;

    fn error_of(call: libc::c_long, argument: libc::c_long) -> Option<i32> {
        // SAFETY: calls of the test, whose arguments point at nothing.
        let result = unsafe { libc::syscall(call, argument, 0, 0, 0, 0) };
        (result == -1).then(|| io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    #[test]
    fn what_is_refused_and_what_is_not() {
        crate::os::alone(|| {
            if !supported() {
                return;
            }
            // The rights end with the thread; the test's own process keeps them.
            let outcome = std::thread::spawn(|| {
                no_new_privileges().unwrap();
                apply(()).unwrap();
                let user = libc::c_long::from(libc::CLONE_NEWUSER);
                assert_eq!(error_of(libc::SYS_unshare, user), Some(libc::EPERM));
                assert_eq!(error_of(libc::SYS_clone, user), Some(libc::EPERM));
                assert_eq!(error_of(libc::SYS_clone3, 0), Some(libc::ENOSYS));
                assert_eq!(error_of(libc::SYS_ptrace, 0), Some(libc::EPERM));
                assert_eq!(error_of(libc::SYS_bpf, 0), Some(libc::EPERM));
                assert_eq!(error_of(libc::SYS_getpid, 0), None);
                // Threads, files and programs are as before.
                std::thread::spawn(|| ()).join().unwrap();
                std::fs::read("/proc/self/status").unwrap();
                let child = std::process::Command::new("true").status().unwrap();
                assert!(child.success());
            });
            outcome.join().unwrap();
        });
    }
}
