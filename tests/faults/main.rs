//! The fault suite: what files, ports, descriptors, processes, signals and clients can do to a server that runs. Each fault may
//! cost only what it touches; the server tells it in a line and goes on. Every case is bounded in time.

#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../conformance/harness/mod.rs"]
mod harness;

mod capacity;
mod children;
mod clients;
mod clock;
mod crashes;
mod endings;
mod files;
mod hostile;
mod killing;
mod memory;
mod panics;
mod reload;
mod sandbox;
mod saturation;
mod sight;
mod signals;
mod slow;
mod turnover;
mod upgrade;
