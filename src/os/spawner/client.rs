//! Asking the spawner for a program. [`Client::begin`] and [`Pending::step`] never wait, for loops that drive many
//! connections; [`Client::start`] does it all and waits, for a process that drives one.

use super::protocol::{Reply, REPLY};
use super::{Request, Socket};
use crate::os::poll::{self, Waiting};
use crate::os::process::{Exit, Pid};
use crate::os::{fd, socket};
use crate::sync::Shared;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The way to the spawner. Inherited over forks; cloning it makes another name for it.
#[derive(Clone, Debug)]
pub struct Client(Socket);

/// A request under way.
#[derive(Debug)]
pub struct Pending {
    client: Client,
    /// Ours of the private pair; taken by `Running`.
    socket: Option<OwnedFd>,
    /// The spawner's, until it is sent there.
    theirs: Option<OwnedFd>,
    request: Vec<u8>,
    /// How much of it is sent.
    sent: usize,
    reply: ReplyBuffer,
}

/// What a request waits for.
#[derive(Debug)]
pub enum Progress {
    /// The spawner has too much to do: step again in some 10 ms.
    Busy,
    /// Step again when [`Pending::as_fd`] can be written.
    Write,
    /// Step again when [`Pending::as_fd`] can be read.
    Read,
    /// The program runs.
    Started(Running),
}

/// A program that was started. Dropping this tells the spawner that nobody is interested any more.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    socket: OwnedFd,
    reply: ReplyBuffer,
}

/// An answer as it arrives.
#[derive(Debug, Default)]
struct ReplyBuffer {
    bytes: [u8; REPLY],
    length: usize,
}

impl ReplyBuffer {
    /// Reads what there is; `None` if that is not all of it. `UnexpectedEof` if the spawner is gone.
    fn read(&mut self, socket: &OwnedFd) -> io::Result<Option<Reply>> {
        while let Some(room) = self
            .bytes
            .get_mut(self.length..)
            .filter(|room| !room.is_empty())
        {
            match fd::read(socket, room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        self.length = 0;
        Reply::decode(self.bytes).map(Some)
    }
}

impl Client {
    pub(super) fn new(socket: OwnedFd) -> Client {
        Client(Shared::new(socket))
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        &self.0
    }

    /// Asks for a program, whose standard input, output and error are the given descriptors or /dev/null. The descriptors may
    /// be closed once this returns.
    pub fn begin(
        &self,
        request: &Request,
        standard: [Option<BorrowedFd<'_>>; 3],
    ) -> io::Result<Pending> {
        let (socket, theirs) = socket::pair()?;
        fd::set_nonblocking(&socket, true)?;
        fd::set_nonblocking(&theirs, true)?;
        let request = request.encode(standard.map(|fd| fd.is_some()))?;
        let fds: Vec<BorrowedFd<'_>> = standard.into_iter().flatten().collect();
        // A new socket has room, so the descriptors leave at once and with them the beginning of the request.
        let sent = socket::send_with_fds(&socket, &request, &fds)?;
        Ok(Pending {
            client: self.clone(),
            socket: Some(socket),
            theirs: Some(theirs),
            request,
            sent,
            reply: ReplyBuffer::default(),
        })
    }

    /// Asks for a program and waits until it runs. The error is the system's where it could not be started; `TimedOut` if the
    /// spawner does not answer within `limit`.
    pub fn start(
        &self,
        request: &Request,
        standard: [Option<BorrowedFd<'_>>; 3],
        limit: Duration,
    ) -> io::Result<Running> {
        let mut pending = self.begin(request, standard)?;
        let end = std::time::Instant::now() + limit;
        loop {
            let progress = pending.step()?;
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut waiting = match progress {
                Progress::Started(running) => return Ok(running),
                Progress::Busy => [Waiting::to_write(self.socket())],
                Progress::Write => [Waiting::to_write(&pending)],
                Progress::Read => [Waiting::to_read(&pending)],
            };
            wait(&mut waiting, left)?;
        }
    }
}

/// Waits; a signal ends the wait early.
fn wait(waiting: &mut [Waiting<'_>], limit: Duration) -> io::Result<()> {
    match poll::wait(waiting, Some(limit), None) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

impl Pending {
    /// Goes as far as it can without waiting. After an error or `Started` the request is over.
    pub fn step(&mut self) -> io::Result<Progress> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        if let Some(theirs) = self.theirs.take() {
            let connect = socket::send_with_fds(
                self.client.socket(),
                &[super::server::CONNECT],
                &[theirs.as_fd()],
            );
            match connect {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.theirs = Some(theirs);
                    return Ok(Progress::Busy);
                }
                Err(error) => return Err(error),
            }
        }
        while let Some(rest) = self
            .request
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            match fd::write(socket, rest) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Write);
                }
                Err(error) => return Err(error),
            }
        }
        match self.reply.read(socket)? {
            None => Ok(Progress::Read),
            Some(Reply::Failed(error)) => Err(io::Error::from_raw_os_error(error as i32)),
            Some(Reply::Started(pid)) => Ok(Progress::Started(Running {
                pid: pid as Pid,
                socket: self.socket.take().ok_or(io::ErrorKind::NotConnected)?,
                reply: ReplyBuffer::default(),
            })),
            Some(Reply::Ended(_)) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // After `Started` there is no socket of its own any more; the shared one is never ready for a mistaken waiter.
        self.socket
            .as_ref()
            .map_or(self.client.socket().as_fd(), |socket| socket.as_fd())
    }
}

impl Running {
    /// The program's process id, for log lines; only the spawner may signal it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// How the program ended; `None` if it runs. [`Running::as_fd`] can be read when this changes. `UnexpectedEof` if the
    /// spawner is gone, so that nobody knows.
    pub fn ended(&mut self) -> io::Result<Option<Exit>> {
        match self.reply.read(&self.socket)? {
            None => Ok(None),
            Some(Reply::Ended(exit)) => Ok(Some(exit)),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Waits until the program ends, at most so long (then `TimedOut`).
    pub fn wait(&mut self, limit: Duration) -> io::Result<Exit> {
        let end = std::time::Instant::now() + limit;
        loop {
            if let Some(exit) = self.ended()? {
                return Ok(exit);
            }
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            wait(&mut [Waiting::to_read(&self.socket)], left)?;
        }
    }
}

impl AsFd for Running {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
