//! Limits: what is asked for, what is fixed, and what fits together in the end, with a warning for each number that had to change. The
//! rules are in `fit` and `threads::limits`.
//!
//! Pure. Each change has two wordings, as in Apache: one for the start, which stands on the console and explains, and a short
//! one (the next message number) for a later reading of the configuration, which only the log gets.

use super::note::Note;
use crate::log::Level;

/// What the configuration allows, in the units of the planner (`plan`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fewest idle workers.
    pub min_spare: u32,
    /// Most idle workers.
    pub max_spare: u32,
    /// Most processes that are not draining.
    pub max_processes: u32,
    /// Workers of one process; 1 for prefork.
    pub threads_per_child: u32,
    /// Listener buckets, 1 if ListenCoresBucketsRatio is off.
    pub buckets: u32,
}

impl Limits {
    /// The share of these limits that bucket number `bucket` has. The shares add up to the whole, and no bucket goes without a process.
    #[cfg(any(test, uses = "children"))]
    pub fn share(&self, bucket: u32) -> Limits {
        let buckets = self.buckets.max(1);
        Limits {
            min_spare: self.min_spare.div_ceil(buckets).max(1),
            max_spare: self.max_spare.div_ceil(buckets).max(1),
            max_processes: (self.max_processes + buckets - 1 - bucket.min(buckets - 1)) / buckets,
            ..*self
        }
    }
}

/// What the configuration (or the MPM's defaults) asks for. Plain numbers, not yet checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub server_limit: i64,
    pub thread_limit: i64,
    pub threads_per_child: i64,
    pub max_request_workers: i64,
    pub start_servers: i64,
    /// MinSpareServers or MinSpareThreads.
    pub min_spare: i64,
    /// MaxSpareServers or MaxSpareThreads.
    pub max_spare: i64,
    pub buckets: u32,
}

impl Wanted {
    /// The defaults where children have threads: three processes of 25 threads at first, 16 at most.
    #[cfg(any(uses = "crew", all(test, uses = "fit")))]
    pub const OF_THREADS: Wanted = Wanted {
        server_limit: 16,
        thread_limit: 64,
        threads_per_child: 25,
        max_request_workers: 400,
        start_servers: 3,
        min_spare: 75,
        max_spare: 250,
        buckets: 1,
    };
}

/// Limits that fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitted {
    pub limits: Limits,
    /// Children to start with.
    pub start_servers: u32,
    pub server_limit: u32,
    pub thread_limit: u32,
    /// Workers altogether: MaxRequestWorkers after fitting.
    pub max_workers: u32,
}

/// What an MPM fixes at compile time.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Number of the first of its check messages; the others follow in steps.
    pub first_message: u32,
    pub server_limit: i64,
    /// 1 for an MPM without threads.
    pub thread_limit: i64,
}

/// Gathers the warnings about what had to be changed.
pub struct Teller {
    starting: bool,
    pub notes: Vec<Note>,
}

#[allow(dead_code)] // an MPM with a rule of its own for its limits may need only some
impl Teller {
    pub fn new(starting: bool) -> Teller {
        Teller {
            starting,
            notes: Vec::new(),
        }
    }

    /// Notes one change: `long` at the start, `short` later, whose number is the next one.
    pub fn tell(&mut self, number: u32, long: String, short: String) {
        self.notes.push(if self.starting {
            Note::new(Level::Warn, number, format!("WARNING: {long}"))
        } else {
            Note::new(Level::Warn, number + 1, short)
        });
    }

    pub fn cut(&mut self, number: u32, name: &str, value: &mut i64, most: i64, unit: &str) {
        if *value > most {
            let head = format!("{name} of {value} exceeds compile-time limit of {most}");
            self.tell(
                number,
                format!("{head} {unit}, decreasing to {most}."),
                format!("{head}, decreasing to match"),
            );
            *value = most;
        }
    }

    pub fn at_least_one(&mut self, number: u32, name: &str, value: &mut i64) {
        if *value < 1 {
            let head = format!("{name} of {value} not allowed, increasing to 1");
            self.tell(number, format!("{head}."), head.clone());
            *value = 1;
        }
    }

    pub fn spare_at_least_one(&mut self, number: u32, name: &str, value: &mut i64) {
        if *value < 1 {
            let head = format!("{name} of {value} not allowed, increasing to 1");
            let why = "to avoid almost certain server failure. Please read the documentation.";
            self.tell(number, format!("{head} {why}"), head.clone());
            *value = 1;
        }
    }
}
