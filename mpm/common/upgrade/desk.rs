//! The socket beside the PidFile at which the running server is asked for an upgrade. Its mode lets root and the server's own
//! user in, and who calls is asked of the kernel besides.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mpm::common::named_socket::NamedSocket;
use crate::mpm::common::pidfile;
use crate::os::poll::Waiting;
use crate::os::{socket, user};

/// First word of a request; the path of the program follows, to the end of the line.
pub(super) const REQUEST: &str = "upgrade ";
/// First word of the answer to an upgrade that was made; the new pid follows.
pub(super) const DONE: &str = "done ";
/// First line of the answer to one that was not; the reason follows.
pub(super) const REFUSED: &str = "refused\n";

/// How long a caller may take to say what it wants.
const CALLER_TIME: Duration = Duration::from_secs(5);

/// Callers that are heard at a time; the others wait in the kernel.
const CALLERS: usize = 8;

/// The longest request: a path, and the word before it.
const LONGEST: usize = 8192;

/// See the module's head.
pub struct Desk {
    socket: NamedSocket,
    callers: Vec<Caller>,
}

/// Somebody who asks.
pub struct Caller {
    stream: UnixStream,
    said: Vec<u8>,
    until: Instant,
}

impl Desk {
    /// Makes the socket. A name that another server has left, or still has, is taken over.
    pub fn open(pid_file: &Path) -> io::Result<Desk> {
        let path = pidfile::beside(pid_file, ".upgrade");
        Ok(Desk {
            socket: NamedSocket::open(&path)?,
            callers: Vec::new(),
        })
    }

    /// Whether no other server has taken the name.
    pub fn has_name(&self) -> bool {
        self.socket.has_name()
    }

    /// Removes the name, unless another server has taken it meanwhile.
    pub fn close(self) {
        self.socket.close();
    }

    /// What is to be waited for.
    pub fn fds(&self) -> impl Iterator<Item = Waiting<'_>> {
        let room = self.callers.len() < CALLERS;
        let own = room.then(|| Waiting::to_read(self.socket.socket()));
        let callers = self.callers.iter().map(|c| Waiting::to_read(&c.stream));
        own.into_iter().chain(callers)
    }

    /// Who asks, and for which program.
    pub fn hear(&mut self, now: Instant) -> Vec<(PathBuf, Caller)> {
        while self.callers.len() < CALLERS {
            let Ok((stream, _)) = self.socket.socket().accept() else {
                break;
            };
            if is_trusted(&stream) && stream.set_nonblocking(true).is_ok() {
                self.callers.push(Caller {
                    stream,
                    said: Vec::new(),
                    until: now + CALLER_TIME,
                });
            }
        }
        let mut asked = Vec::new();
        for mut caller in std::mem::take(&mut self.callers) {
            match caller.request() {
                Ok(Some(program)) => asked.push((program, caller)),
                Ok(None) if now < caller.until => self.callers.push(caller),
                // Too slow, gone, or not to be understood: closed.
                _ => {}
            }
        }
        asked
    }
}

impl Caller {
    /// The request once it is whole.
    fn request(&mut self) -> io::Result<Option<PathBuf>> {
        let mut bytes = [0; 1024];
        loop {
            if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
                let program = self.said.get(..end).unwrap_or_default();
                let program = program.strip_prefix(REQUEST.as_bytes());
                let program = program.ok_or(io::ErrorKind::InvalidData)?;
                return Ok(Some(std::ffi::OsStr::from_bytes(program).into()));
            }
            if self.said.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.said.extend(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the new pid, or why there is none. One who has left does not hear it.
    pub fn answer(mut self, outcome: &Result<i32, String>) {
        let text = match outcome {
            Ok(pid) => format!("{DONE}{pid}\n"),
            Err(why) => format!("{REFUSED}{why}\n"),
        };
        let _ = self.stream.write_all(text.as_bytes());
    }
}

/// Root, or the server's own user. Where the system does not tell, the mode of the socket must do.
fn is_trusted(stream: &UnixStream) -> bool {
    match socket::peer_uid(stream) {
        Ok(uid) => uid == 0 || uid == user::effective_uid(),
        Err(error) => error.kind() == io::ErrorKind::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::poll::wait;

    #[test]
    fn a_request_is_heard_in_pieces_and_answered() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("httpd.pid");
        let mut desk = Desk::open(&pid_file).unwrap();
        let path = folder.path().join("httpd.pid.upgrade");
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"upgrade /new").unwrap();
        assert!(desk.hear(Instant::now()).is_empty());
        client.write_all(b"/httpd\n").unwrap();
        wait(&mut desk.fds().collect::<Vec<_>>(), None, None).unwrap();
        let (program, caller) = desk.hear(Instant::now()).pop().unwrap();
        assert_eq!(program, Path::new("/new/httpd"));
        caller.answer(&Err("no".into()));
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "refused\nno\n");
    }

    #[test]
    fn who_says_nothing_or_nonsense_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Desk::open(&folder.path().join("pid")).unwrap();
        let path = folder.path().join("pid.upgrade");
        let mut silent = UnixStream::connect(&path).unwrap();
        let mut noisy = UnixStream::connect(&path).unwrap();
        noisy.write_all(b"GET / HTTP/1.1\n").unwrap();
        let now = Instant::now();
        assert!(desk.hear(now).is_empty());
        assert!(desk.hear(now + CALLER_TIME).is_empty());
        for client in [&mut silent, &mut noisy] {
            // Closed with a request unread, it may be a reset.
            assert!(!matches!(client.read(&mut [0; 1]), Ok(1..)));
        }
    }
}
