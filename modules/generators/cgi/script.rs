//! A program that runs: its process, and the pipes to its standard three. Nothing here waits but for its own futures, so a
//! loop can drive many.
//!
//! Where a process serves one connection, it starts the program itself, and reaps it. Where many threads serve, the
//! server's spawner does both, if there is one.

use crate::connection::context::ServeContext;
use crate::os::fd::{self, AsFd, OwnedFd};
use crate::os::spawner::{self, Child, Client, Progress, Request as Order, Running};
use crate::run::{self, Fd};
use bytes::BytesMut;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Bytes read from a pipe at a time: all that it holds, mostly.
const READ: usize = 32 * 1024;
/// Bytes of complaints that wait at most to be logged.
const MOST_ERRORS: usize = 64 * 1024;
/// The spawner is given so long to start a program.
const START: Duration = Duration::from_secs(30);
/// How long a program may live on, after it has closed its output, before it is told to end: for its exit only.
const FAREWELL: Duration = Duration::from_millis(20);
/// From SIGTERM to SIGKILL, as in Apache.
const GRACE: Duration = Duration::from_secs(3);

/// A program that runs. Dropping it kills the program.
pub struct Script {
    process: Process,
    input: Option<Fd>,
    output: Option<Fd>,
    complaints: Option<Fd>,
    /// Read from its output.
    pub out: BytesMut,
    /// Read from its standard error.
    pub errors: Vec<u8>,
}

enum Process {
    /// Ours.
    Child(Child),
    /// The spawner's.
    Foreign(Running),
}

/// What [`Script::write`] did.
pub enum Wrote {
    /// So many bytes were taken.
    Bytes(usize),
    /// None, but there is output.
    Output,
    /// The program reads no more.
    Closed,
}

impl Script {
    /// Starts a program. The error is the system's.
    pub async fn start(ctx: &ServeContext, order: &Order) -> io::Result<Script> {
        let (their_input, input) = fd::pipe()?;
        let (output, their_output) = fd::pipe()?;
        let (complaints, their_errors) = fd::pipe()?;
        for ours in [&input, &output, &complaints] {
            fd::set_nonblocking(ours, true)?;
        }
        let standard = [their_input, their_output, their_errors];
        let process = match &ctx.generation.spawner {
            Some(client) => Process::Foreign(ask(client, order, &standard).await?),
            None => Process::Child(spawner::start_here(order, standard.map(Some))?),
        };
        Ok(Script {
            process,
            input: Some(Fd::new(input)),
            output: Some(Fd::new(output)),
            complaints: Some(Fd::new(complaints)),
            out: BytesMut::new(),
            errors: Vec::new(),
        })
    }

    /// Reads what there is of output and complaints: ready if anything came, or one of them ended. Output is left where it
    /// is while `most` bytes wait in `out`.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<()> {
        let mut any = false;
        if self.out.len() < most {
            any |= read(&mut self.output, cx, &mut self.out);
        }
        if self.errors.len() < MOST_ERRORS {
            any |= read(&mut self.complaints, cx, &mut self.errors);
        }
        match any {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// True if all output has been read.
    pub fn is_silent(&self) -> bool {
        self.output.is_none()
    }

    /// Gives the program some of `bytes`, or takes output meanwhile.
    pub async fn write(&mut self, bytes: &[u8], most: usize) -> Wrote {
        poll_fn(|cx| {
            if self.poll_take(cx, most).is_ready() {
                return Poll::Ready(Wrote::Output);
            }
            let Some(input) = &mut self.input else {
                return Poll::Ready(Wrote::Closed);
            };
            match input.poll_write_with(cx, |fd| fd::write(fd, bytes)) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(n)) => Poll::Ready(Wrote::Bytes(n)),
                Poll::Ready(Err(_)) => {
                    self.input = None;
                    Poll::Ready(Wrote::Closed)
                }
            }
        })
        .await
    }

    /// The program's input ends.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sees the program to its end: a little time for its exit, then SIGTERM, then SIGKILL.
    pub async fn finish(mut self) {
        self.close_input();
        self.output = None;
        if !self.ends_within(FAREWELL).await && self.ask_to_end() && !self.ends_within(GRACE).await
        {
            if let Process::Child(child) = &self.process {
                child.kill();
            }
        }
        // What is left is done when it is dropped.
    }

    async fn ends_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        match &mut self.process {
            Process::Child(child) => reaped(child, end).await,
            Process::Foreign(running) => ended(running, end).await,
        }
    }

    /// Asks the program and all that it started to end. False if there is nothing more to do: it has ended, or its spawner
    /// cares for it once it is dropped.
    fn ask_to_end(&self) -> bool {
        match &self.process {
            Process::Child(child) => child.ask_to_end(),
            Process::Foreign(_) => false,
        }
    }

    /// Takes the complaints that came with the program's end.
    pub fn last_words(&mut self) {
        if let Some(complaints) = &self.complaints {
            let mut buffer = [0; 4096];
            while self.errors.len() < MOST_ERRORS {
                match fd::read(complaints, &mut buffer) {
                    Ok(n) if n > 0 => self.errors.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
        }
    }
}

/// Reads once. True if anything came, or the end, which closes the pipe.
fn read(pipe: &mut Option<Fd>, cx: &mut Context<'_>, into: &mut impl Extend<u8>) -> bool {
    let Some(fd) = pipe else { return false };
    let mut buffer = [0; READ];
    match fd.poll_read_with(cx, |fd| fd::read(fd, &mut buffer)) {
        Poll::Pending => false,
        Poll::Ready(Ok(n)) if n > 0 => {
            into.extend(buffer[..n].iter().copied());
            true
        }
        Poll::Ready(_) => {
            *pipe = None;
            true
        }
    }
}

/// Reaps a child as soon as it ends. Its output has ended, so this is a matter of microseconds; nothing would wake us.
async fn reaped(child: &mut Child, end: Instant) -> bool {
    let mut pause = Duration::from_micros(100);
    loop {
        if child.has_ended() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        run::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

async fn ended(running: &mut Running, end: Instant) -> bool {
    let Ok(mut watch) = watch(&*running) else {
        return false;
    };
    loop {
        match running.ended() {
            Ok(None) => {}
            // A spawner that is gone has told its programs to end.
            Ok(Some(_)) | Err(_) => return true,
        }
        watch.clear_read_ready();
        if run::timeout_at(end, watch.readable()).await.is_err() {
            return false;
        }
    }
}

/// Another name for a descriptor, to wait for.
fn watch(fd: impl AsFd) -> io::Result<Fd> {
    Ok(Fd::new(fd.as_fd().try_clone_to_owned()?))
}

/// Has the spawner start a program.
async fn ask(client: &Client, order: &Order, standard: &[OwnedFd; 3]) -> io::Result<Running> {
    let mut pending = client.begin(order, standard.each_ref().map(|fd| Some(fd.as_fd())))?;
    let mut watch = watch(&pending)?;
    let end = Instant::now() + START;
    loop {
        let waited = match pending.step()? {
            Progress::Started(running) => return Ok(running),
            Progress::Busy => {
                run::timeout_at(end, async {
                    run::sleep(Duration::from_millis(10)).await;
                    Ok(())
                })
                .await
            }
            Progress::Write => run::timeout_at(end, watch.writable()).await,
            Progress::Read => {
                watch.clear_read_ready();
                run::timeout_at(end, watch.readable()).await
            }
        };
        waited.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
}
