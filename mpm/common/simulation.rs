//! The parent's mind against many random lives: bursts, crashes, refused forks, bad configurations, stubborn children,
//! signals at any time. What must hold at every step is asserted at every step; the seed stands in each failure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::drain::Bounds;
use super::exits::Ended;
use super::limits::Fitted;
use super::limits::Limits;
use super::plan::Status;
use super::pool::Phase;
use super::supervisor::{Act, Spec, Supervisor, Wish, PROBE_TIME};
use super::turns::{Exit, Kind};
use crate::mpm::chosen::MPM;

const STEP: Duration = Duration::from_millis(50);

/// A small generator of numbers (xorshift), so that a seed is all a failure needs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

struct SimChild {
    generation: u32,
    slot: u32,
    ready_at: Option<Instant>,
    ready: bool,
    told_to_finish: bool,
    doomed: Option<Ended>,
    stubborn: bool,
    undead: bool,
    /// When each held connection will have been served.
    held: Vec<Instant>,
    served: u32,
}

struct World {
    seed: u64,
    dice: Dice,
    now: Instant,
    sup: Supervisor,
    children: BTreeMap<i32, SimChild>,
    next_pid: i32,
    next_generation: u32,
    reading: Option<Instant>,
    queue: u64,
    accepted: u64,
    served: u64,
    lost: u64,
    limits: BTreeMap<u32, Spec>,
    /// When each generation ceased to serve.
    taken_over: BTreeMap<u32, Instant>,
    /// No crash, no ungraceful restart, nothing stubborn: then nothing may be lost at all.
    gentle: bool,
    hazards: bool,
    reloads: u32,
    outcomes: u32,
    max_per_child: u32,
    /// When saturation was last explained.
    explained: Option<Instant>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let now = Instant::now();
        let gentle = seed % 3 == 0;
        let spec = spec(1, gentle, &mut dice);
        let max_per_child = if dice.one_in(3) {
            1 + dice.roll(50) as u32
        } else {
            0
        };
        World {
            seed,
            now,
            sup: Supervisor::new(MPM.numbers, spec.clone(), now),
            children: BTreeMap::new(),
            next_pid: 1000,
            next_generation: 2,
            reading: None,
            queue: 0,
            accepted: 0,
            served: 0,
            lost: 0,
            limits: BTreeMap::from([(1, spec)]),
            taken_over: BTreeMap::new(),
            gentle,
            hazards: true,
            reloads: 0,
            outcomes: 0,
            max_per_child,
            explained: None,
            dice,
        }
    }

    fn step(&mut self, tick: bool) {
        self.now += STEP;
        self.live_children();
        self.finish_reading();
        self.sup.poll(self.now);
        if tick {
            let children = &self.children;
            let limits = &self.limits;
            self.sup.tick(self.now, &mut |pid, child| {
                look(&children[&pid], limits[&child.generation].fitted.limits)
            });
        }
        self.carry_out();
        self.check();
        if tick {
            self.check_draining();
        }
    }

    fn explained(&mut self, held: Duration) {
        let before = self.explained.replace(self.now);
        let quiet = before.map(|before| self.now - before);
        let minute = Duration::from_secs(60);
        assert!(
            quiet.is_none_or(|quiet| quiet >= minute),
            "seed {}: explained again after {quiet:?} (full for {held:?})",
            self.seed
        );
    }

    fn carry_out(&mut self) {
        while let Some(act) = self.sup.next_act() {
            match act {
                Act::Start {
                    generation,
                    slot,
                    bucket,
                } => self.fork(generation, slot, bucket),
                Act::Finish(pid) => {
                    if let Some(child) = self.children.get_mut(&pid) {
                        child.told_to_finish = true;
                    }
                }
                Act::Signal { pid, number } => self.signal(pid, number),
                Act::Reload(_) => {
                    self.reloads += 1;
                    let delay = Duration::from_millis(self.dice.roll(800));
                    assert!(
                        self.reading.is_none(),
                        "seed {}: two reloads at once",
                        self.seed
                    );
                    self.reading = Some(self.now + delay);
                }
                Act::Commit { generation, .. } => {
                    let before = self.limits.range(..generation).map(|(number, _)| *number);
                    for number in before {
                        self.taken_over.entry(number).or_insert(self.now);
                    }
                    self.outcomes += 1;
                    self.reading = None;
                }
                Act::Refuse { .. } => {
                    self.outcomes += 1;
                    self.reading = None;
                }
                Act::Over(generation) => {
                    let left = self
                        .children
                        .values()
                        .any(|c| c.generation == generation && !c.undead);
                    assert!(
                        !left,
                        "seed {}: generation {generation} is not over",
                        self.seed
                    );
                }
                Act::Explain(held) => self.explained(held),
                Act::Drain(_) | Act::CloseListeners | Act::LetGoListeners | Act::Note(_) => {}
            }
        }
    }

    fn fork(&mut self, generation: u32, slot: u32, bucket: u32) {
        let limits = self.limits[&generation].fitted.limits;
        assert_eq!(slot % limits.buckets, bucket, "seed {}", self.seed);
        if self.hazards && !self.gentle && self.dice.one_in(60) {
            return self
                .sup
                .not_started(generation, slot, "no memory", self.now);
        }
        let wild = self.hazards && !self.gentle;
        let pid = self.next_pid;
        self.next_pid += 1;
        let never_ready = wild && self.dice.one_in(200);
        let dies = match self.dice.roll(400) {
            0 if wild => Some(Ended::Code(7)),
            1..=4 if wild => Some(Ended::Signal {
                number: 11,
                core: false,
            }),
            5 if wild && self.dice.one_in(5) => Some(Ended::Code(15)),
            _ => None,
        };
        let delay = Duration::from_millis(self.dice.roll(200));
        let child = SimChild {
            generation,
            slot,
            ready_at: (!never_ready).then(|| self.now + delay),
            ready: false,
            told_to_finish: false,
            doomed: dies,
            stubborn: wild && self.dice.one_in(20),
            undead: wild && self.dice.one_in(300),
            held: Vec::new(),
            served: 0,
        };
        let taken = self
            .children
            .values()
            .any(|c| c.generation == generation && c.slot == slot && !c.undead);
        assert!(!taken, "seed {}: slot {slot} given twice", self.seed);
        self.children.insert(pid, child);
        self.sup.started(pid, generation, slot, self.now);
    }

    fn signal(&mut self, pid: i32, number: i32) {
        let Some(child) = self.children.get(&pid) else {
            return;
        };
        let ends = match number {
            libc::SIGTERM => !child.stubborn && !child.undead,
            _ => !child.undead,
        };
        if ends {
            let core = false;
            self.end(pid, Ended::Signal { number, core });
        }
    }

    fn end(&mut self, pid: i32, how: Ended) {
        if let Some(child) = self.children.remove(&pid) {
            self.lost += child.held.len() as u64;
            self.sup.ended(pid, how, self.now);
        }
    }

    fn live_children(&mut self) {
        let pids: Vec<i32> = self.children.keys().copied().collect();
        for pid in pids {
            self.live(pid);
        }
    }

    fn live(&mut self, pid: i32) {
        let now = self.now;
        let max = self.max_per_child;
        let Some(child) = self.children.get_mut(&pid) else {
            return;
        };
        let done = child.held.iter().filter(|at| **at <= now).count();
        child.held.retain(|at| *at > now);
        child.served += done as u32;
        self.served += done as u64;
        if !child.ready && child.ready_at.is_some_and(|at| at <= now) {
            if let Some(how) = child.doomed {
                return self.end(pid, how);
            }
            child.ready = true;
            self.sup.ready(pid, now);
        }
        let Some(child) = self.children.get_mut(&pid) else {
            return;
        };
        if max > 0 && child.served >= max && !child.told_to_finish {
            child.told_to_finish = true;
            self.sup.finishing(pid);
        }
        if child.told_to_finish && child.held.is_empty() && !child.undead {
            return self.end(pid, Ended::Code(0));
        }
        self.accept(pid);
        if self.hazards && !self.gentle && self.dice.one_in(3000) {
            let core = false;
            self.end(pid, Ended::Signal { number: 9, core });
        }
    }

    fn accept(&mut self, pid: i32) {
        let Some(child) = self.children.get_mut(&pid) else {
            return;
        };
        let threads = self.limits[&child.generation]
            .fitted
            .limits
            .threads_per_child as usize;
        while child.ready && !child.told_to_finish && child.held.len() < threads && self.queue > 0 {
            self.queue -= 1;
            self.accepted += 1;
            let long = self.dice.one_in(40);
            let millis = self.dice.roll(if long { 20_000 } else { 400 });
            child.held.push(self.now + Duration::from_millis(millis));
        }
    }

    fn finish_reading(&mut self) {
        if self.reading.is_none_or(|at| at > self.now) {
            return;
        }
        self.reading = None;
        if self.dice.one_in(4) {
            return self.sup.reloaded(Err("line 7 is wrong".into()), self.now);
        }
        let spec = spec(self.next_generation, self.gentle, &mut self.dice);
        self.limits.insert(self.next_generation, spec.clone());
        self.next_generation += 1;
        self.sup.reloaded(Ok(spec), self.now);
    }

    fn check(&self) {
        let mut seen = BTreeSet::new();
        for (pid, child) in self.sup.pool().iter() {
            assert!(
                seen.insert((child.generation, child.slot)),
                "seed {}: slot shared",
                self.seed
            );
            assert!(
                self.children.contains_key(&pid),
                "seed {}: pid {pid} is a ghost",
                self.seed
            );
        }
        for (generation, spec) in &self.limits {
            let used = self.sup.pool().capacity_used(*generation);
            let most = spec.fitted.limits.max_processes;
            assert!(
                used <= most,
                "seed {}: {used} processes, limit {most}",
                self.seed
            );
        }
    }

    /// After a round no more of the past goes on than the serving configuration allows, and for no longer.
    fn check_draining(&self) {
        let seed = self.seed;
        let now_serving = self.sup.generation();
        let bounds = self.limits[&now_serving].drain;
        let children = self.sup.pool().iter();
        let past =
            children.filter(|(_, c)| c.phase == Phase::Draining && c.generation != now_serving);
        let mut workers = 0;
        for (pid, child) in past {
            workers += self.children[&pid].held.len() as u32;
            let since = self.taken_over[&child.generation];
            let time = bounds.time.unwrap_or(Duration::MAX);
            assert!(
                self.now.duration_since(since) < time,
                "seed {seed}: {pid} drains for too long"
            );
        }
        let most = bounds.workers.unwrap_or(u32::MAX);
        assert!(workers <= most, "seed {seed}: {workers} drain, {most} may");
    }

    fn run(&mut self, steps: u32) {
        for n in 0..steps {
            if self.hazards {
                self.trouble();
            }
            self.step(n % 20 == 19);
            if self.sup.done().is_some() {
                return;
            }
        }
    }

    fn trouble(&mut self) {
        if self.dice.one_in(10) {
            self.queue += self.dice.roll(60);
        }
        if self.dice.one_in(150) {
            let kind = if !self.gentle && self.dice.one_in(3) {
                Kind::Restart
            } else {
                Kind::Graceful
            };
            self.sup.wish(Wish::Reload(kind), self.now);
        }
    }
}

fn look(child: &SimChild, limits: Limits) -> Status {
    let busy = child.held.len() as u32;
    Status {
        idle: limits.threads_per_child - busy,
        busy,
        connections: busy,
        ..Status::default()
    }
}

fn spec(number: u32, gentle: bool, dice: &mut Dice) -> Spec {
    let threads = if dice.one_in(2) {
        1
    } else {
        1 + dice.roll(8) as u32
    };
    let buckets = if dice.one_in(3) { 2 } else { 1 };
    let max_processes = buckets + dice.roll(40) as u32;
    let min_spare = 1 + dice.roll(10) as u32 + threads * (buckets - 1) + buckets;
    let max_spare = min_spare + (threads + 1) * buckets + dice.roll(20) as u32;
    let start_servers = (1 + dice.roll(5) as u32).max(buckets).min(max_processes);
    let limits = Limits {
        min_spare,
        max_spare,
        max_processes,
        threads_per_child: threads,
        buckets,
    };
    // In a gentle world nothing may be ended.
    let drain = match gentle {
        true => Bounds::default(),
        false => Bounds {
            time: dice
                .one_in(2)
                .then(|| Duration::from_secs(1 + dice.roll(9))),
            workers: dice.one_in(2).then(|| 1 + dice.roll(30) as u32),
        },
    };
    Spec {
        number,
        fitted: Fitted {
            limits,
            start_servers,
            server_limit: max_processes,
            thread_limit: threads,
            max_workers: max_processes * threads,
        },
        drain,
        graceful_timeout: dice.one_in(2).then(|| Duration::from_secs(5)),
        core_folder: "/tmp".into(),
    }
}

fn seconds(number: u32) -> u32 {
    number * 20
}

fn live_and_die(seed: u64) {
    let mut world = World::new(seed);
    world.run(seconds(60));
    world.hazards = false;
    // What the smallest pool can serve in the time.
    world.queue = world.queue.min(60);
    // The calm: whatever happened, the pool recovers and serves all that waits.
    world.run(seconds(60) + PROBE_TIME.as_secs() as u32 * 20);
    let early = world.sup.done();
    if early.is_none() {
        assert_eq!(
            world.queue, 0,
            "seed {seed}: connections wait for ever: {:?}",
            world.sup
        );
        assert_eq!(
            world.reloads, world.outcomes,
            "seed {seed}: a reload has no outcome"
        );
        let generation = world.sup.generation();
        let live = world
            .sup
            .pool()
            .of(generation)
            .filter(|(_, c)| c.phase == Phase::Live);
        assert!(
            live.count() as u32 >= world.limits[&generation].fitted.limits.buckets,
            "seed {seed}"
        );
    }
    if world.gentle {
        assert_eq!(early, None, "seed {seed}: a gentle server does not end");
        assert_eq!(
            world.lost, 0,
            "seed {seed}: {} accepted connections lost",
            world.lost
        );
        assert_eq!(world.accepted, world.served, "seed {seed}");
    }
    world.queue = 30;
    let gently = seed % 2 == 0;
    let wish = match seed % 4 {
        0 => Wish::HandOver,
        2 => Wish::GracefulStop,
        _ => Wish::Stop,
    };
    world.sup.wish(wish, world.now);
    world.run(seconds(45));
    if gently && world.sup.done().is_none() {
        world.sup.wish(Wish::Stop, world.now);
        world.run(seconds(15));
    }
    assert!(
        world.sup.done().is_some(),
        "seed {seed}: the stop does not end"
    );
    assert!(world.sup.pool().is_empty(), "seed {seed}");
    if early.is_none() {
        assert_eq!(world.sup.done(), Some(Exit::Stopped), "seed {seed}");
    }
}

#[test]
fn many_lives() {
    // HTTPD_LIVES=100000 looks further than a build needs to.
    let asked = std::env::var("HTTPD_LIVES")
        .ok()
        .and_then(|n| n.parse().ok());
    (1..=asked.unwrap_or(150)).for_each(live_and_die);
}
