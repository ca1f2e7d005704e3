//! The spawner's own loop: connections come, each brings one request, programs start and end. It has one thread, waits in
//! one place, and believes nothing that it reads from a serving process.

use super::protocol::{Reply, LONGEST};
use super::{system, Settings};
use super::{OnLoss, Request};
use crate::os::poll::{self, Waiting};
use crate::os::process::{self, Exited, Pid};
use crate::os::signal::{self, SignalSet};
use crate::os::{fd, file, socket, user};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// On the shared or the control socket: with a descriptor, a new connection.
pub(super) const CONNECT: u8 = b'C';
/// On the control socket: leave when nobody can ask any more.
pub(super) const RETIRE: u8 = b'R';

/// Connections at a time; those beyond it are closed at once.
const CONNECTIONS: usize = 4096;
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// How often it looks whether its parent is still there, should a child have kept the control socket open.
const LOOK: Duration = Duration::from_secs(5);
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Someone who asks.
struct Connection {
    socket: OwnedFd,
    /// It came through the control socket.
    trusted: bool,
    state: State,
}

enum State {
    /// The request as far as it came, with its descriptors, and when its time is over.
    Arriving(Vec<u8>, Vec<OwnedFd>, Instant),
    Running(Pid),
}

/// A program that was started and not yet reaped, so that its pid is its own.
struct Program {
    on_loss: OnLoss,
    /// Whom to tell of its end; `None` once that one is gone.
    connection: Option<u64>,
    /// When it is killed, after SIGTERM.
    kill_at: Option<Instant>,
}

struct Server<'a> {
    /// `None` after the parent is gone or let go of us.
    control: Option<&'a OwnedFd>,
    /// `None` after all who could ask are gone.
    shared: Option<&'a OwnedFd>,
    parent: Pid,
    retired: bool,
    connections: HashMap<u64, Connection>,
    next: u64,
    programs: HashMap<Pid, Program>,
}

/// Runs the spawner in a process that was just forked, with all signals blocked. Gives its exit code.
pub(super) fn main(control: &OwnedFd, shared: &OwnedFd, settings: &Settings) -> i32 {
    match prepare(control, shared, settings) {
        Ok(()) => Server::new(control, shared).run(),
        Err(_) => 1,
    }
}

/// Leaves the parent's ways behind.
fn prepare(control: &OwnedFd, shared: &OwnedFd, settings: &Settings) -> io::Result<()> {
    process::set_thread_name("httpd-spawner");
    // Signals to the server's group (Ctrl-C) are the parent's business.
    process::new_group()?;
    system::close_all_but(&[control, shared]);
    // The files that tell a user's groups lie outside the new root, and only root may change it.
    if let Some(identity) = &settings.identity {
        system::join_groups(identity)?;
    }
    if let Some(root) = &settings.root {
        file::change_root(root)?;
    }
    if let Some(identity) = &settings.identity {
        user::set_uid(identity.uid)?;
    }
    // The control socket tells, too, but a stopped child may hold its other end. Said after the last change of user, which would
    // unsay it.
    process::signal_at_parents_death(libc::SIGHUP)?;
    // Caught and not ignored: a program would inherit being deaf.
    for caught in [
        libc::SIGCHLD,
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGUSR1,
        libc::SIGUSR2,
    ] {
        signal::catch(caught)?;
    }
    for default in [libc::SIGTERM, libc::SIGWINCH, libc::SIGALRM, libc::SIGQUIT] {
        signal::default(default)?;
    }
    // The end of a program is noticed while waiting, and never lost before.
    signal::set_mask(&SignalSet::of(&[libc::SIGCHLD])).map(drop)
}

impl<'a> Server<'a> {
    fn new(control: &'a OwnedFd, shared: &'a OwnedFd) -> Server<'a> {
        Server {
            control: Some(control),
            shared: Some(shared),
            parent: process::parent_pid(),
            retired: false,
            connections: HashMap::new(),
            next: 0,
            programs: HashMap::new(),
        }
    }

    fn run(mut self) -> i32 {
        while !self.is_done() {
            let ready = self.wait();
            self.reap();
            match ready {
                Ok(ready) => self.serve(&ready),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return 1,
            }
            if process::parent_pid() != self.parent {
                self.let_go();
            }
            self.overdue();
        }
        0
    }

    /// Without parent it leaves when its programs have; retired, when nobody can ask and nothing runs.
    fn is_done(&self) -> bool {
        let idle = self
            .programs
            .values()
            .all(|program| program.on_loss == OnLoss::Leave);
        match self.retired {
            true => idle && self.shared.is_none() && self.connections.is_empty(),
            false => idle && self.control.is_none(),
        }
    }

    /// Waits, and tells which connections are readable; control and shared socket are just tried each time.
    fn wait(&self) -> io::Result<Vec<u64>> {
        let (mut waiting, mut keys) = (Vec::new(), Vec::new());
        for socket in [self.control, self.shared].into_iter().flatten() {
            waiting.push(Waiting::to_read(socket));
        }
        let doors = waiting.len();
        for (&key, connection) in &self.connections {
            keys.push(key);
            waiting.push(Waiting::to_read(&connection.socket));
        }
        let mask = SignalSet::empty();
        poll::wait(&mut waiting, Some(self.patience()), Some(&mask))?;
        let ready = waiting.iter().skip(doors).zip(&keys);
        Ok(ready
            .filter(|(waiting, _)| waiting.readable)
            .map(|(_, &key)| key)
            .collect())
    }

    /// Until the next program is to be killed, or a look round.
    fn patience(&self) -> Duration {
        let next = self.programs.values().filter_map(|program| program.kill_at);
        let left = next
            .min()
            .map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(LOOK, |left| left.min(LOOK))
    }

    fn serve(&mut self, ready: &[u64]) {
        if let Some(control) = self.control {
            if self.accept(control, true) {
                self.let_go();
            }
        }
        if let Some(shared) = self.shared {
            if self.accept(shared, false) {
                self.shared = None;
            }
        }
        for &key in ready {
            self.receive(key);
        }
    }

    /// Takes new connections off a socket. True if nobody can send any more.
    fn accept(&mut self, from: &OwnedFd, trusted: bool) -> bool {
        loop {
            // One byte at a time, so that each comes with its own descriptor.
            let mut byte = [0];
            match socket::receive_with_fds(from, &mut byte) {
                Ok((0, _)) => return true,
                Ok((_, _)) if trusted && byte == [RETIRE] => self.retired = true,
                Ok((_, fds)) => fds
                    .into_iter()
                    .for_each(|socket| self.connect(socket, trusted)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // No descriptors left here: who asked sees its socket closed.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return error.raw_os_error() != Some(libc::EMFILE),
            }
        }
    }

    fn connect(&mut self, socket: OwnedFd, trusted: bool) {
        if self.connections.len() >= CONNECTIONS || fd::set_nonblocking(&socket, true).is_err() {
            return;
        }
        let until = Instant::now() + ARRIVAL;
        let connection = Connection {
            socket,
            trusted,
            state: State::Arriving(Vec::new(), Vec::new(), until),
        };
        self.next += 1;
        self.connections.insert(self.next, connection);
        self.receive(self.next);
    }

    /// Reads on, and starts the program when the request is whole.
    fn receive(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        match connection.receive() {
            Ok(None) => {}
            Ok(Some((request, standard))) => self.start(key, &request, standard),
            Err(_) => self.lose(key),
        }
    }

    fn start(&mut self, key: u64, request: &Request, standard: [Option<OwnedFd>; 3]) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        let allowed = connection.trusted || request.identity.is_none();
        let started = match allowed {
            true => system::spawn(request, standard),
            false => Err(io::Error::from_raw_os_error(libc::EPERM)),
        };
        match started {
            Ok(pid) => {
                connection.state = State::Running(pid);
                connection.reply(Reply::Started(pid as u32));
                let program = Program {
                    on_loss: request.on_loss,
                    connection: Some(key),
                    kill_at: None,
                };
                self.programs.insert(pid, program);
            }
            Err(error) => {
                let number = error.raw_os_error().unwrap_or(libc::EIO);
                connection.reply(Reply::Failed(number as u32));
                self.connections.remove(&key);
            }
        }
    }

    /// Whoever asked is gone, or talks nonsense.
    fn lose(&mut self, key: u64) {
        let Some(connection) = self.connections.remove(&key) else {
            return;
        };
        if let State::Running(pid) = connection.state {
            if let Some(program) = self.programs.get_mut(&pid) {
                program.connection = None;
                program.terminate(pid);
            }
        }
    }

    /// The parent is gone: so are, soon, all who could be interested.
    fn let_go(&mut self) {
        self.control = None;
        if !self.retired {
            for (&pid, program) in &mut self.programs {
                program.terminate(pid);
            }
        }
    }

    /// Kills what did not end on SIGTERM, and drops who does not finish asking.
    fn overdue(&mut self) {
        let now = Instant::now();
        for (&pid, program) in &mut self.programs {
            if program.kill_at.is_some_and(|at| at <= now) {
                // Not reaped yet, so it and the group that it leads are still ours.
                let _ = process::kill_group(pid, libc::SIGKILL);
                program.kill_at = Some(now + GRACE);
            }
        }
        self.connections
            .retain(|_, connection| match connection.state {
                State::Arriving(_, _, until) => until > now,
                State::Running(_) => true,
            });
    }

    fn reap(&mut self) {
        while let Ok(Some(Exited { pid, exit })) = process::reap() {
            let program = self.programs.remove(&pid);
            let key = program.and_then(|program| program.connection);
            if let Some(connection) = key.and_then(|key| self.connections.remove(&key)) {
                connection.reply(Reply::Ended(exit));
            }
        }
    }
}

impl Program {
    fn terminate(&mut self, pid: Pid) {
        if self.on_loss == OnLoss::Kill && self.kill_at.is_none() {
            // Not reaped yet, so it and the group that it leads are still ours.
            let _ = process::kill_group(pid, libc::SIGTERM);
            self.kill_at = Some(Instant::now() + GRACE);
        }
    }
}

/// A request with the descriptors for its standard three.
type Order = (Request, [Option<OwnedFd>; 3]);

impl Connection {
    /// Reads what there is. Gives the request when it is whole; an error for nonsense, and for the end.
    fn receive(&mut self) -> io::Result<Option<Order>> {
        let nonsense = || io::Error::from(io::ErrorKind::InvalidData);
        let State::Arriving(bytes, fds, _) = &mut self.state else {
            // After its request a client has nothing to say, so this is its end.
            return match fd::read(&self.socket, &mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                _ => Err(nonsense()),
            };
        };
        let mut buffer = [0; 16384];
        loop {
            let (read, more) = match socket::receive_with_fds(&self.socket, &mut buffer) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
            fds.extend(more);
            let Some((length, request)) = bytes.split_first_chunk() else {
                continue;
            };
            let length = u32::from_be_bytes(*length) as usize;
            if length > LONGEST || request.len() > length || fds.len() > 3 {
                return Err(nonsense());
            }
            if request.len() == length {
                let (request, given) = Request::decode(request).ok_or_else(nonsense)?;
                if given.iter().filter(|&&given| given).count() != fds.len() {
                    return Err(nonsense());
                }
                let mut fds = std::mem::take(fds).into_iter();
                let standard = given.map(|given| given.then(|| fds.next()).flatten());
                return Ok(Some((request, standard)));
            }
        }
    }

    /// Replies are shorter than any socket's buffer; one that cannot be sent has nobody to read it.
    fn reply(&self, reply: Reply) {
        let _ = fd::write(&self.socket, &reply.encode());
    }
}
