//! A program to be started: what is said of it, whoever starts it. Where it stands on a connection's path: a handler asks for it.

use super::limits::Resource;
use std::ffi::CString;

/// What becomes of a program when whoever asked for it closes its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// SIGTERM to it and what it started, and SIGKILL three seconds later: CGI programs, filters.
    Kill,
    /// Nothing: it reads the end of its input and decides for itself.
    Leave,
}

/// Whom a program, or the spawner itself, runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// By this name the supplementary groups are found.
    pub name: CString,
}

/// A program to be started. Descriptors for its standard three are given beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What happens to it when the server goes without a word.
    pub on_loss: OnLoss,
    /// Full name of the file to execute.
    pub program: Vec<u8>,
    /// All arguments, the name it is called by first.
    pub arguments: Vec<Vec<u8>>,
    /// All variables of its environment, as `NAME=value`; it inherits none.
    pub environment: Vec<Vec<u8>>,
    /// Where it starts; empty: in the server's own folder.
    pub folder: Vec<u8>,
    /// What it may use: soft and hard limit (RLimitCPU, RLimitMEM, RLimitNPROC).
    pub limits: Vec<(Resource, u64, u64)>,
    /// Whom it runs as; taken only from the parent.
    pub identity: Option<Identity>,
}

/// The words by which a line is given to the system's command interpreter.
pub fn shell(line: &str) -> Vec<String> {
    let words = match cfg!(windows) {
        true => ["cmd.exe", "/C", line],
        false => ["/bin/sh", "-c", line],
    };
    words.map(str::to_owned).to_vec()
}

impl Request {
    /// A request for a program, without arguments but its own name and without environment.
    pub fn new(program: impl Into<Vec<u8>>, on_loss: OnLoss) -> Request {
        let program = program.into();
        Request {
            on_loss,
            arguments: vec![program.clone()],
            program,
            environment: Vec::new(),
            folder: Vec::new(),
            limits: Vec::new(),
            identity: None,
        }
    }
}
