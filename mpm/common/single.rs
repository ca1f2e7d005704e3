//! `-X`: one process, no parent, no reload. TERM, HUP and INT end it.

use super::child::{self, Child};
use super::codes::FATAL;
use super::serving::Serving;
use super::turns::Exit;
use super::Mpm;
use crate::log::Level;
use crate::scoreboard::{self, Board};
use crate::server::Generation;
use crate::sync::Shared;

/// Serves in this process until a stop signal comes.
pub fn run(mpm: &Mpm, generation: Shared<Generation>) -> Exit {
    let voice = super::voice::Voice::of(&generation);
    let serving = Serving::new(mpm, generation.clone(), 0, scoreboard::now());
    let serving = match serving {
        Ok(serving) => serving,
        Err(error) => {
            voice.own(
                Level::Emerg,
                20112,
                format!("no memory for the scoreboard: {error}"),
            );
            return Exit::Fatal;
        }
    };
    let pid = crate::os::process::pid();
    serving.segment.enter(0, pid, 0);
    let views = vec![serving.segment.view().clone()];
    let own = match serving.segment.attach(0, pid) {
        Ok(own) => own,
        Err(_) => return Exit::Fatal,
    };
    let max_processes = 1;
    let board = Board {
        own,
        views,
        max_processes,
    };
    let child = Child::new(generation.clone(), board, 0, None);
    let code = match child::enter(&child) {
        Ok(()) => (mpm.serve)(&child),
        Err(code) => code,
    };
    match code {
        FATAL => Exit::Fatal,
        _ => Exit::Stopped,
    }
}
