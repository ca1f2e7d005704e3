//! The old server as the new program sees it: a line on standard input, through which the listening sockets come and the word
//! goes back that this program has taken over.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::successor::{REFUSED, TAKEN};
use super::{HELLO, VARIABLE, WORKERS};
use crate::listen::Listener;
use crate::os::{fd, socket};

/// A server that goes on serving until this program has taken over.
pub struct Predecessor {
    line: OwnedFd,
    /// Where it writes what has no other place: its log, or the terminal.
    stderr: Option<OwnedFd>,
    listeners: Vec<Listener>,
    workers: u32,
}

impl Predecessor {
    /// Finds out whether this program was started to take over from another. The variable that says so is removed, so that no
    /// child believes it, too.
    pub fn find() -> Result<Option<Predecessor>, String> {
        if std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        std::env::remove_var(VARIABLE);
        let line = io::stdin().as_fd().try_clone_to_owned();
        let heard = line.and_then(|line| Predecessor::listen(line).map(Some));
        heard.map_err(|error| {
            format!("{VARIABLE} is set, but no server speaks on standard input: {error}")
        })
    }

    /// Takes all that the old server hands over.
    fn listen(line: OwnedFd) -> io::Result<Predecessor> {
        let (mut text, mut files) = (Vec::new(), VecDeque::new());
        let mut bytes = [0; 4096];
        while !text.ends_with(b"\nend\n") {
            let (count, some) = socket::receive_with_fds(&line, &mut bytes)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            text.extend(bytes.get(..count).unwrap_or_default());
            files.extend(some);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.lines();
        if lines.next() != Some(HELLO) {
            return Err(io::Error::other("it speaks another language"));
        }
        let mut this = Predecessor {
            line,
            stderr: None,
            listeners: Vec::new(),
            workers: 0,
        };
        for words in lines.filter(|words| *words != "end") {
            if words.contains(':') {
                let workers = words.strip_prefix(WORKERS).and_then(|n| n.parse().ok());
                this.workers = workers.unwrap_or(this.workers);
                continue;
            }
            let file = files.pop_front().ok_or(io::ErrorKind::InvalidData)?;
            match words {
                "stderr" => this.stderr = Some(file),
                _ => this.listeners.extend(Listener::handed(words, file)),
            }
        }
        Ok(this)
    }

    /// The old server's sockets.
    pub fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    /// How many workers the old server had when it started this program: it is not well replaced by fewer.
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// Leaves the old server's pipe and line for what the programs that this one starts are to inherit.
    pub fn free_standard_streams(&mut self) -> io::Result<()> {
        let null = std::fs::File::open("/dev/null")?;
        fd::duplicate_to_standard(&null, 0)?;
        match self.stderr.take() {
            Some(stderr) => fd::duplicate_to_standard(&stderr, 2),
            None => Ok(()),
        }
    }

    /// Tells why this program does not take over; it ends then.
    pub fn refuse(&self, why: &str) {
        self.say(&format!("{REFUSED}{why}\n"));
    }

    /// Tells that this program serves and that the PidFile is its own. From now on the old server takes no connections.
    pub fn taken(self) {
        self.say(TAKEN);
    }

    /// One who has ended does not hear it, and need not.
    fn say(&self, text: &str) {
        let _ = socket::send_with_fds(&self.line, text.as_bytes(), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener};
    use std::os::fd::BorrowedFd;

    fn given(text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<Predecessor> {
        let (ours, theirs) = socket::pair().unwrap();
        socket::send_with_fds(&ours, text.as_bytes(), fds).unwrap();
        drop(ours);
        Predecessor::listen(theirs)
    }

    #[test]
    fn sockets_arrive_with_what_is_said_of_them() {
        let made: Vec<TcpListener> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let at = |n: usize| -> SocketAddr { made[n].local_addr().unwrap() };
        let fds: Vec<_> = made.iter().map(AsFd::as_fd).collect();
        let text = format!(
            "{HELLO}\nworkers: 70\nnews: old\nlisten 0 own\nfuture words\nlisten 3 lent\nend\n"
        );
        let mut old = given(&text, &fds).unwrap();
        let listeners = old.take_listeners();
        let seen: Vec<_> = listeners.iter().map(|l| (l.addr(), l.bucket())).collect();
        assert_eq!((seen, old.workers()), (vec![(at(0), 0), (at(2), 3)], 70));
        assert_eq!(listeners[0].handed_as(), "listen 0 own");
        assert_eq!(listeners[1].handed_as(), "listen 3 lent");
    }

    #[test]
    fn other_languages_and_broken_lines_are_refused() {
        for text in ["httpd-upgrade 2\nend\n", "\nend\n", HELLO] {
            assert!(given(text, &[]).is_err(), "{text}");
        }
        assert!(given(&format!("{HELLO}\nlisten 0 own\nend\n"), &[]).is_err());
    }
}
