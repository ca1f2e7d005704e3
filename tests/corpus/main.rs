//! Replays what fuzzing starts from and what it found (`seeds/NAME/`), and mutations of it from a fixed seed, on the entries
//! that `fuzz/` runs for hours; and the corpus of ambiguous requests on the parser.

mod entries;
mod smuggling;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the mutations of one entry may go on.
const PATIENCE: Duration = Duration::from_secs(4);

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus/seeds")
        .join(name);
    let list = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut seeds: Vec<(String, Vec<u8>)> = list
        .flatten()
        .map(|entry| {
            let bytes = fs::read(entry.path()).expect("a seed");
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    seeds
}

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// Changes a few bytes: others in their place, some twice, some not at all, some of another seed.
    fn mutate(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        const TELLING: &[u8] = b"\r\n\0 \t%/.:;,\"'\\<>(){}[]$&|*+?^-=~09af\x7f\x80\xff";
        let mut bytes = seed.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(16)).min(bytes.len());
            match self.below(5) {
                0 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let twice = bytes[at..end].to_vec();
                    bytes.splice(at..at, twice);
                }
                _ => {
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(32)).min(other.len());
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
            }
        }
        bytes
    }
}

/// Runs an entry on one input; the input is told when it fails.
fn run(entry: fn(&[u8]), name: &str, bytes: &[u8]) {
    let start = Instant::now();
    if let Err(panic) = std::panic::catch_unwind(|| entry(bytes)) {
        eprintln!("{name} fails on {:?}", String::from_utf8_lossy(bytes));
        std::panic::resume_unwind(panic);
    }
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "{name} takes {took:?} for {:?}",
        String::from_utf8_lossy(bytes)
    );
}

fn replay(name: &str) {
    let (_, entry) = entries::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .expect("an entry");
    let seeds = seeds(name);
    for (file, bytes) in &seeds {
        run(*entry, &format!("{name}/{file}"), bytes);
    }
    let start = Instant::now();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let (file, bytes) = &seeds[round % seeds.len()];
        let (_, other) = &seeds[numbers.below(seeds.len())];
        let bytes = numbers.mutate(bytes, other);
        run(*entry, &format!("{name}/{file}, mutated"), &bytes);
        if start.elapsed() > PATIENCE {
            return;
        }
    }
}

macro_rules! replays {
    ($($name:ident),*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*

        #[test]
        fn every_entry_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            let entries: Vec<&str> = entries::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(entries, replayed);
        }
    };
}

replays!(request, chunked, range, fields, config, expression, pattern, scoreboard);
