//! What a serving process (or thread, where one process does all) gives up before it takes a connection: `ChildSandbox`.
//!
//! Programs are not started from here but by the spawner, and logs by the parent, which keep all their rights; so `on` takes away
//! nothing that a configuration can ask for.

use super::codes::SICK;
use super::conf::{self, Sandbox};
use super::voice::Voice;
use crate::log::Level;
use crate::os::process::no_new_privileges;
use crate::os::sandbox::{self, Files};
use crate::server::Generation;
use std::io;
use std::path::PathBuf;

/// Gives up what the configuration says, and this system can. An error is an exit code; the reason is in the log.
pub fn enter(generation: &Generation) -> Result<(), i32> {
    let wanted = conf::of(generation).child_sandbox.unwrap_or_default();
    give_up(wanted, generation).map_err(|error| {
        let told = format!("the rights that ChildSandbox names cannot be given up: {error}");
        Voice::of(generation).own(Level::Alert, 20405, told);
        SICK
    })
}

fn give_up(wanted: Sandbox, generation: &Generation) -> io::Result<()> {
    if wanted == Sandbox::Off {
        return Ok(());
    }
    no_new_privileges()?;
    if wanted == Sandbox::Strict && sandbox::can_limit_files() {
        limit_files(generation)?;
    }
    match sandbox::can_filter_calls() {
        true => sandbox::filter_calls(),
        false => Ok(()),
    }
}

fn limit_files(generation: &Generation) -> io::Result<()> {
    let reach = &generation.main.reach;
    let roots = generation.servers.iter().map(|server| {
        let root = server.core().document_root.clone();
        root.unwrap_or_else(|| PathBuf::from(crate::version::default_docroot()))
    });
    let read: Vec<_> = roots.chain(reach.read.iter().cloned()).collect();
    let cores = conf::of(generation).core_dump_directory.iter();
    let write: Vec<_> = cores.chain(&reach.write).cloned().collect();
    sandbox::limit_files(Files {
        read: &read,
        write: &write,
    })
}

/// Says once what this kernel lacks of what the configuration wants.
pub fn tell_missing(generation: &Generation) {
    let said = conf::of(generation).child_sandbox;
    let wanted = said.unwrap_or_default();
    if wanted == Sandbox::Off || (said.is_none() && !sandbox::EXPECTED) {
        return;
    }
    let calls = (!sandbox::can_filter_calls()).then_some("filters for system calls");
    let files = wanted == Sandbox::Strict && !sandbox::can_limit_files();
    let files = files.then_some("limits on files (Landlock)");
    let missing: Vec<&str> = calls.into_iter().chain(files).collect();
    if !missing.is_empty() {
        let missing = missing.join(", no ");
        let told = format!("this system has no {missing}: ChildSandbox does without");
        Voice::of(generation).own(Level::Notice, 20404, told);
    }
}
