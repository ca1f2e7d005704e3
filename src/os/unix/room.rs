//! How much room the system gives this process: its control group, the machine's memory, and what it takes itself. Read from
//! /proc and /sys; where there are none, nothing is known.

use std::fs;
use std::path::Path;

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// What this process's control group, or one above it, allows. `None`: no limit, or none that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

/// The limits of this process's control group, of either version.
pub fn group() -> Group {
    let table = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_in(Path::new(CGROUPS), &table)
}

/// `table` is what /proc/self/cgroup says: lines of `number:controllers:path`.
fn group_in(mount: &Path, table: &str) -> Group {
    let mut group = Group::default();
    for line in table.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next(), parts.next(), parts.next());
        let (Some(controllers), Some(path)) = (controllers, path) else {
            continue;
        };
        let has = |name: &str| controllers.split(',').any(|known| known == name);
        if controllers.is_empty() {
            let limit = |file| lowest(mount, path, file);
            group.memory = least(group.memory, limit("memory.max"));
            group.tasks = least(group.tasks, limit("pids.max"));
        }
        if has("memory") {
            let found = lowest(&mount.join("memory"), path, "memory.limit_in_bytes");
            group.memory = least(group.memory, found);
        }
        if has("pids") {
            let found = lowest(&mount.join("pids"), path, "pids.max");
            group.tasks = least(group.tasks, found);
        }
    }
    group
}

/// The lowest limit of a group and of those above it.
fn lowest(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let own = Path::new(path.trim_start_matches('/'));
    let all = own.ancestors().map(|group| mount.join(group).join(file));
    all.filter_map(|file| limit(&fs::read_to_string(file).ok()?))
        .min()
}

/// `max` is no limit; version 1 writes the largest number of whole pages for that.
fn limit(text: &str) -> Option<u64> {
    let number: u64 = text.trim().parse().ok()?;
    (number < 1 << 62).then_some(number)
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Bytes of memory that the machine has.
pub fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Bytes of this process: address space, and memory that is present.
pub fn own_memory() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').map(|number| number.parse::<u64>().ok());
    let page = super::pages::page_size() as u64;
    let mut bytes = || pages.next()??.checked_mul(page);
    Some((bytes()?, bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_and_the_groups_above_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/memory.max", "5000\n");
        write("a/b/memory.max", "max\n");
        write("a/b/pids.max", "70\n");
        let new = group_in(folder.path(), "0::/a/b\n");
        assert_eq!((new.memory, new.tasks), (Some(5000), Some(70)));
        write("memory/x/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/memory.limit_in_bytes", "4096\n");
        write("pids/x/pids.max", "max\n");
        let old = group_in(folder.path(), "8:memory:/x\n7:cpu,pids:/x\n0::/\nodd\n");
        assert_eq!((old.memory, old.tasks), (Some(4096), None));
        assert_eq!(group_in(folder.path(), ""), Group::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_something() {
        let (space, present) = own_memory().unwrap();
        assert!(present > 0 && space >= present);
        assert!(machine_memory().unwrap() > present);
    }
}
