//! The arithmetic of the limits: what MaxRequestWorkers and the others come to in processes, threads, connections, descriptors and
//! memory, what the system allows of each, and what runs out first. `MaxRequestWorkers auto` turns it round.
//!
//! [`Capacity::of`] and [`choose`] are pure; [`Room::now`] asks the system, [`settle`] makes numbers of `auto`.

use super::conf::{self, MpmConf};
use super::limits::Fitted;
use super::room::OTHER_DESCRIPTORS;
use super::Mpm;
use crate::os::limits::{get, usable_cpus, Resource, UNLIMITED};
use crate::os::{room, user};
use crate::server::{Draft, Generation};

const KIB: u64 = 1024;

/// Memory of a process beyond what it shares with its parent. An idle child takes a third of it (PSS, bench/RESULTS.md); the
/// rest is for what it keeps once it has served.
pub const PROCESS_BYTES: u64 = 512 * KIB;

/// Memory of a thread: the touched part of its stack, its caches. Less than 50 KiB after a start (bench/RESULTS.md).
pub const THREAD_BYTES: u64 = 128 * KIB;

/// Memory of a connection: its read buffer and head, and what the kernel buffers for it at least.
pub const CONNECTION_BYTES: u64 = 16 * KIB;

/// The stack of a thread where ThreadStackSize says nothing: Rust's standard library reserves so much address space.
const STACK_BYTES: u64 = 2048 * KIB;

/// Descriptors of a child beside its connections and files: logs, its line to the parent, pollers, the spawner's socket.
const CHILD_DESCRIPTORS: u64 = 32;

/// `auto` plans with so many percent of each limit: the rest is for programs, modules and whatever else runs there.
const SHARE: u64 = 80;

/// More workers than this for each processor are not what anybody waits for; who wants them says a number.
const WORKERS_PER_CPU: u32 = 512;

/// What a configuration asks for at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub processes: u32,
    /// Requests that one process works on at once.
    pub workers: u32,
    /// What the system counts as its processes or threads, in one process.
    pub tasks: u32,
    /// Connections of one process.
    pub connections: u32,
    /// Listening sockets.
    pub sockets: u32,
    /// Address space of a thread's stack.
    pub stack: u64,
}

/// What the system allows; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// RLIMIT_NOFILE as it is, and as this process may raise it.
    pub files: (Option<u64>, Option<u64>),
    /// RLIMIT_NPROC.
    pub user_tasks: Option<u64>,
    /// RLIMIT_AS.
    pub space: Option<u64>,
    /// The control group.
    pub group: room::Group,
    /// Of the machine.
    pub memory: Option<u64>,
    pub cpus: u32,
    /// Address space and memory of this process, with the configuration read.
    pub own: (u64, u64),
    /// It is root that starts children.
    pub root: bool,
}

/// One thing of which there may be too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub what: &'static str,
    pub needed: u64,
    /// The limit, and its name.
    pub limit: Option<u64>,
    pub name: &'static str,
    /// It is counted in bytes.
    pub bytes: bool,
}

impl Need {
    /// Percent of the limit that are needed, rounded up.
    pub fn percent(&self) -> Option<u64> {
        let limit = u128::from(self.limit?.max(1));
        let percent = (u128::from(self.needed) * 100).div_ceil(limit);
        Some(u64::try_from(percent).unwrap_or(u64::MAX))
    }
}

/// The arithmetic of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub demand: Demand,
    pub needs: Vec<Need>,
}

impl Capacity {
    /// What `demand` needs of `room`.
    pub fn of(demand: &Demand, room: &Room) -> Capacity {
        let many = |each: u32| u64::from(each) * u64::from(demand.processes);
        let parent = u64::from(demand.processes) + u64::from(demand.sockets) + OTHER_DESCRIPTORS;
        let child = CHILD_DESCRIPTORS
            + u64::from(demand.sockets)
            + u64::from(demand.connections)
            + u64::from(demand.workers);
        let (soft, hard) = room.files;
        // The parent raises its own limit, and its children inherit that.
        let raised = soft.map(|soft| soft.max(parent.min(hard.unwrap_or(u64::MAX))));
        let stacks = u64::from(demand.tasks - 1).saturating_mul(demand.stack);
        let memory = room.own.1
            + many(1) * PROCESS_BYTES
            + many(demand.tasks - 1) * THREAD_BYTES
            + many(demand.connections) * CONNECTION_BYTES;
        let alone = demand.tasks == 1;
        let need = |what, needed, limit, name| Need {
            what,
            needed,
            limit,
            name,
            bytes: false,
        };
        let bytes = |what, needed, limit, name| Need {
            bytes: true,
            ..need(what, needed, limit, name)
        };
        // Root may fork beyond RLIMIT_NPROC; threads are made without its rights.
        let user_tasks = room.user_tasks.filter(|_| !room.root || !alone);
        let tasks = many(demand.tasks);
        let space = room.own.0.saturating_add(stacks);
        let needs = vec![
            need(
                "descriptors of the parent",
                parent,
                hard,
                "RLIMIT_NOFILE, hard",
            ),
            need("descriptors of a child", child, raised, "RLIMIT_NOFILE"),
            need(
                "processes and threads of the user",
                tasks,
                user_tasks,
                "RLIMIT_NPROC",
            ),
            need(
                "processes and threads",
                tasks + 2,
                room.group.tasks,
                "cgroup pids.max",
            ),
            bytes("address space of a child", space, room.space, "RLIMIT_AS"),
            bytes("memory", memory, room.group.memory, "cgroup memory.max"),
            bytes("memory", memory, room.memory, "the machine's"),
        ];
        Capacity {
            demand: *demand,
            needs,
        }
    }

    /// What runs out first, if there is any limit.
    pub fn first(&self) -> Option<&Need> {
        let limited = self.needs.iter().filter(|need| need.limit.is_some());
        limited.max_by_key(|need| need.percent())
    }

    /// What does not fit into the share that `auto` plans with.
    fn tight(&self) -> Option<&Need> {
        self.first().filter(|need| need.percent() > Some(SHARE))
    }
}

/// The largest number from 1 to `most` whose demand fits, and what the next one lacks. Needs must grow with the number.
pub fn choose(most: u32, room: &Room, demand: impl Fn(u32) -> Demand) -> (u32, Option<Need>) {
    let lacks = |number| Capacity::of(&demand(number), room).tight().copied();
    let (mut good, mut bad) = (1, most.max(1) + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match lacks(middle) {
            None => good = middle,
            Some(_) => bad = middle,
        }
    }
    (good, if bad > most { None } else { lacks(bad) })
}

impl Room {
    /// What the system says now.
    pub fn now() -> Room {
        let limit = |resource| get(resource).unwrap_or((UNLIMITED, UNLIMITED));
        let some = |value| (value != UNLIMITED).then_some(value);
        let (soft, hard) = limit(Resource::Files);
        Room {
            files: (some(soft), some(hard)),
            user_tasks: some(limit(Resource::Processes).0),
            space: some(limit(Resource::Memory).0),
            group: room::group(),
            memory: room::machine_memory(),
            cpus: u32::try_from(usable_cpus()).unwrap_or(u32::MAX),
            own: room::own_memory().unwrap_or_default(),
            root: user::effective_uid() == 0,
        }
    }
}

/// The demand of a configuration with so many processes of so many workers.
fn demand(mpm: &Mpm, conf: &MpmConf, sockets: u32, processes: u32, workers: u32) -> Demand {
    let threaded = mpm.ceilings.thread_limit > 1;
    let loops = if mpm.parks { usable_cpus() as u32 } else { 0 };
    let tasks = if threaded {
        workers.saturating_add(loops + 1)
    } else {
        1
    };
    let factor = if mpm.parks {
        conf.async_factor.unwrap_or(2.0)
    } else {
        0.0
    };
    Demand {
        processes,
        workers,
        tasks,
        connections: (f64::from(workers) * (1.0 + factor)).ceil() as u32,
        sockets,
        stack: match conf.thread_stack_size as u64 {
            0 => STACK_BYTES,
            bytes => bytes,
        },
    }
}

/// Processes, and workers in each.
fn shape(fitted: &Fitted) -> (u32, u32) {
    match cfg!(uses = "alone") {
        true => (1, fitted.max_workers),
        false => (fitted.limits.max_processes, fitted.limits.threads_per_child),
    }
}

fn sockets(generation: &Generation) -> u32 {
    u32::try_from(generation.main.listens.len()).unwrap_or(u32::MAX)
}

/// The arithmetic of a generation, here and now.
pub fn capacity(mpm: &Mpm, generation: &Generation) -> Capacity {
    let (processes, workers) = shape(&conf::fit(mpm, generation));
    let conf = conf::of(generation);
    let demand = demand(mpm, conf, sockets(generation), processes, workers);
    Capacity::of(&demand, &Room::now())
}

/// Where the configuration says `MaxRequestWorkers auto`, puts numbers in its place, and keeps the reason for the log.
pub fn settle(mpm: &Mpm, draft: &mut Draft<'_>) {
    let sockets = sockets(draft.generation);
    let Some(main) = draft.generation.servers.first_mut() else {
        return;
    };
    if !main.conf.get::<MpmConf>().is_some_and(|conf| conf.auto) {
        return;
    }
    settle_numbers(mpm, main.conf.entry::<MpmConf>(), sockets, &Room::now());
}

fn settle_numbers(mpm: &Mpm, conf: &mut MpmConf, sockets: u32, room: &Room) {
    let number = |value: i64| u32::try_from(value).unwrap_or(1).max(1);
    let alone = cfg!(uses = "alone");
    let each = match alone {
        true => 1,
        false => number(
            conf.threads_per_child
                .unwrap_or(mpm.defaults.threads_per_child),
        ),
    };
    let ceiling = match alone {
        true => number(mpm.ceilings.thread_limit),
        false => number(conf.server_limit.unwrap_or(mpm.ceilings.server_limit)),
    };
    let enough = room.cpus.saturating_mul(WORKERS_PER_CPU).div_ceil(each);
    let most = ceiling.min(enough);
    let (chosen, lacking) = choose(most, room, |count| match alone {
        true => demand(mpm, conf, sockets, 1, count),
        false => demand(mpm, conf, sockets, count, each),
    });
    let workers = chosen.saturating_mul(each);
    let shape = match (alone, each) {
        (true, _) | (_, 1) => String::new(),
        _ => format!(" ({chosen} processes of {each})"),
    };
    let why = match lacking {
        Some(need) => format!(
            "more would take over {SHARE} % of {} ({})",
            need.name, need.what
        ),
        None if ceiling < enough => format!("{ceiling} is the limit of this MPM or of ServerLimit"),
        None => format!(
            "{} processors have {WORKERS_PER_CPU} workers each",
            room.cpus
        ),
    };
    conf.chosen = Some(format!(
        "MaxRequestWorkers auto: {workers} workers{shape}; {why}"
    ));
    conf.max_request_workers = Some(i64::from(workers));
    if !alone {
        conf.server_limit.get_or_insert(i64::from(chosen));
        let least = i64::from(each).max(mpm.defaults.thread_limit);
        conf.thread_limit.get_or_insert(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Room = Room {
        files: (None, None),
        user_tasks: None,
        space: None,
        group: room::Group {
            memory: None,
            tasks: None,
        },
        memory: None,
        cpus: 4,
        own: (0, 0),
        root: false,
    };

    fn prefork(processes: u32) -> Demand {
        Demand {
            processes,
            workers: 1,
            tasks: 1,
            connections: 1,
            sockets: 2,
            stack: STACK_BYTES,
        }
    }

    fn event(processes: u32) -> Demand {
        Demand {
            workers: 25,
            tasks: 28,
            connections: 75,
            ..prefork(processes)
        }
    }

    fn needed(demand: &Demand, what: &str) -> u64 {
        let capacity = Capacity::of(demand, &PLENTY);
        let need = capacity.needs.iter().find(|need| need.what == what);
        need.map_or(0, |need| need.needed)
    }

    #[test]
    fn needs_add_up() {
        assert_eq!(
            needed(&prefork(100), "descriptors of the parent"),
            100 + 2 + 256
        );
        assert_eq!(
            needed(&prefork(100), "descriptors of a child"),
            32 + 2 + 1 + 1
        );
        assert_eq!(
            needed(&event(16), "descriptors of a child"),
            32 + 2 + 75 + 25
        );
        assert_eq!(needed(&event(16), "processes and threads"), 16 * 28 + 2);
        assert_eq!(
            needed(&event(1), "address space of a child"),
            27 * STACK_BYTES
        );
        let memory = 512 + 27 * 128 + 75 * 16;
        assert_eq!(needed(&event(1), "memory"), memory * KIB);
    }

    #[test]
    fn the_tightest_runs_out_first() {
        assert_eq!(Capacity::of(&prefork(10), &PLENTY).first(), None);
        let mut room = PLENTY;
        room.memory = Some(1 << 40);
        room.user_tasks = Some(5);
        let capacity = Capacity::of(&prefork(10), &room);
        let first = capacity.first().map(|need| (need.name, need.percent()));
        assert_eq!(first, Some(("RLIMIT_NPROC", Some(200))));
        // Root forks all the same, but threads are not root's.
        room.root = true;
        let name = |demand| Capacity::of(&demand, &room).first().map(|need| need.name);
        assert_eq!(name(prefork(10)), Some("the machine's"));
        assert_eq!(name(event(10)), Some("RLIMIT_NPROC"));
    }

    #[test]
    fn the_limit_that_the_parent_raises_is_its_childrens() {
        let room = Room {
            files: (Some(20), Some(500)),
            ..PLENTY
        };
        let capacity = Capacity::of(&event(10), &room);
        let child = capacity
            .needs
            .iter()
            .find(|need| need.name == "RLIMIT_NOFILE");
        assert_eq!(child.and_then(|need| need.limit), Some(10 + 2 + 256));
    }

    #[test]
    fn auto_takes_what_fits_and_knows_what_the_next_one_lacks() {
        let room = Room {
            files: (Some(400), Some(400)),
            ..PLENTY
        };
        let (chosen, lacking) = choose(1000, &room, prefork);
        // 80 % of 400, less 256 and two listening sockets.
        assert_eq!(chosen, 62);
        assert_eq!(
            lacking.map(|need| need.what),
            Some("descriptors of the parent")
        );
        assert_eq!(choose(7, &room, prefork), (7, None));
        assert_eq!(choose(1000, &PLENTY, event), (1000, None));
        let none = Room {
            memory: Some(1),
            ..PLENTY
        };
        let (least, lacking) = choose(1000, &none, event);
        assert_eq!((least, lacking.is_some()), (1, true));
    }
}
