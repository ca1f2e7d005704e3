//! Limits of the process (RLimitCPU, RLimitMEM, RLimitNPROC, open files) and the number of processors.

#![allow(clippy::unnecessary_cast, clippy::useless_conversion)] // these numbers have other types elsewhere

use std::io;

use super::check;

/// No limit at all.
pub const UNLIMITED: u64 = u64::MAX;

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Seconds of processor time.
    Cpu,
    /// Bytes of memory: address space, or the data segment where the system has no such limit.
    Memory,
    /// Processes of the user.
    Processes,
    /// Open files.
    Files,
    /// Bytes of a core dump.
    Core,
}

impl Resource {
    /// The system's number, `None` where it has no such limit. Its type differs between systems.
    fn number(self) -> Option<u32> {
        Some(match self {
            Resource::Cpu => libc::RLIMIT_CPU as u32,
            #[cfg(not(target_os = "openbsd"))]
            Resource::Memory => libc::RLIMIT_AS as u32,
            #[cfg(target_os = "openbsd")]
            Resource::Memory => libc::RLIMIT_DATA as u32,
            #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
            Resource::Processes => libc::RLIMIT_NPROC as u32,
            #[cfg(any(
                target_os = "freebsd",
                target_os = "dragonfly",
                target_os = "netbsd",
                target_os = "openbsd"
            ))]
            Resource::Processes => libc::RLIMIT_NPROC as u32,
            #[allow(unreachable_patterns)]
            Resource::Processes => return None,
            Resource::Files => libc::RLIMIT_NOFILE as u32,
            Resource::Core => libc::RLIMIT_CORE as u32,
        })
    }
}

/// The limits of this process: (soft, hard).
pub fn get(resource: Resource) -> io::Result<(u64, u64)> {
    let number = resource.number().ok_or(io::ErrorKind::Unsupported)?;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the record outlives the call.
    check(unsafe { libc::getrlimit(number as _, &mut limit) })?;
    Ok((from_system(limit.rlim_cur), from_system(limit.rlim_max)))
}

/// Sets the limits of this process and of those it starts.
pub fn set(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let number = resource.number().ok_or(io::ErrorKind::Unsupported)?;
    let limit = libc::rlimit {
        rlim_cur: to_system(soft),
        rlim_max: to_system(hard),
    };
    // SAFETY: the record outlives the call.
    check(unsafe { libc::setrlimit(number as _, &limit) }).map(drop)
}

fn from_system(value: libc::rlim_t) -> u64 {
    if value == libc::RLIM_INFINITY {
        return UNLIMITED;
    }
    u64::try_from(value).unwrap_or(UNLIMITED)
}

fn to_system(value: u64) -> libc::rlim_t {
    libc::rlim_t::try_from(value).unwrap_or(libc::RLIM_INFINITY)
}

/// Processors that are online, at least one (ListenCoresBucketsRatio counts these).
pub fn online_cpus() -> usize {
    // SAFETY: takes a number only.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}

/// Processors this process may run on, at least one.
pub fn usable_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processes that want to run, on average over 1, 5 and 15 minutes.
#[cfg(not(target_os = "haiku"))]
pub fn load_averages() -> Option<[f64; 3]> {
    let mut averages = [0.0; 3];
    // SAFETY: the array has as many places as is said.
    let count = unsafe { libc::getloadavg(averages.as_mut_ptr(), 3) };
    (count == 3).then_some(averages)
}

/// Haiku does not count them.
#[cfg(target_os = "haiku")]
pub fn load_averages() -> Option<[f64; 3]> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_and_set() {
        let (soft, hard) = get(Resource::Files).unwrap();
        assert!(soft > 2 && soft <= hard);
        set(Resource::Files, soft, hard).unwrap();
        assert_eq!(get(Resource::Files).unwrap(), (soft, hard));
        assert!((1..100_000).contains(&online_cpus()) && usable_cpus() <= online_cpus());
        assert_eq!(to_system(UNLIMITED), libc::RLIM_INFINITY);
    }
}
