//! Starts programs (CGI) from this very process: it has threads, and making a process copies none of them. So there is no
//! spawner to be asked; its names are there for what is written for both systems.
//!
//! Whoever asks waits for sockets, and programs have pipes: a thread for each of the standard three carries the bytes over.

mod child;
mod interpreter;

use super::fd::{AsFd, BorrowedFd};
use super::process::{Exit, Pid};
pub use crate::os::program::{Identity, OnLoss, Request};
pub use child::{start_here, Child};
use std::io;
use std::path::PathBuf;

/// How a spawner would live.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whom it runs as.
    pub identity: Option<Identity>,
    /// The folder that it takes as the whole file system.
    pub root: Option<PathBuf>,
}

/// A spawner, of which there is none.
#[derive(Debug)]
pub enum Spawner {}

/// The way to it.
#[derive(Clone, Debug)]
pub enum Client {}

/// A request under way.
#[derive(Debug)]
pub enum Pending {}

/// A program that it started.
#[derive(Debug)]
pub enum Running {}

/// What a request waits for.
#[derive(Debug)]
pub enum Progress {
    /// Step again in some 10 ms.
    Busy,
    /// Step again when it can be written.
    Write,
    /// Step again when it can be read.
    Read,
    /// The program runs.
    Started(Running),
}

impl Spawner {
    /// `Unsupported`.
    pub fn start(_settings: Settings) -> io::Result<Spawner> {
        super::unsupported()
    }

    /// What serving processes ask through.
    pub fn client(&self) -> Client {
        match *self {}
    }

    /// The process.
    pub fn pid(&self) -> Option<Pid> {
        match *self {}
    }

    /// Starts it again.
    pub fn tend(&mut self) -> io::Result<bool> {
        match *self {}
    }
}

impl Client {
    /// Asks for a program.
    pub fn begin(
        &self,
        _request: &Request,
        _standard: [Option<BorrowedFd<'_>>; 3],
    ) -> io::Result<Pending> {
        match *self {}
    }
}

impl Pending {
    /// Goes as far as it can without waiting.
    pub fn step(&mut self) -> io::Result<Progress> {
        match *self {}
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}

impl Running {
    /// How the program ended.
    pub fn ended(&mut self) -> io::Result<Option<Exit>> {
        match *self {}
    }
}

impl AsFd for Running {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}
