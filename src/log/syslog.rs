//! The system's log as one more destination. Lines go as datagrams to the socket of the log daemon without ever waiting,
//! so a daemon that is stuck costs lines and no requests; syslog(3) would wait, and knows one tag for a whole process.

use super::level::Level;
use super::target::SyslogTarget;
use crate::os::clock;
use crate::os::syslog::Daemon;
use crate::sync::Lock;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where log daemons listen.
const SOCKETS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", LOCAL7),
];
const LOCAL7: u8 = 23;

/// A connection to the log daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    facility: u8,
    tag: String,
    /// `None` while there is no daemon; asked for again at each line.
    socket: Lock<Option<Daemon>>,
}

impl Syslog {
    /// Connects. A daemon that is not there (yet) is no error.
    pub fn open(target: &SyslogTarget) -> Syslog {
        let known = FACILITIES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&target.facility));
        let tag = match target.tag.is_empty() {
            true => "httpd",
            false => &target.tag,
        };
        Syslog {
            facility: known.map_or(LOCAL7, |&(_, number)| number),
            tag: tag.to_string(),
            socket: Lock::new(Daemon::connect(&SOCKETS).ok()),
        }
    }

    /// Sends one line, without its end.
    pub fn write(&self, level: Level, line: &[u8]) -> io::Result<()> {
        self.write_to(&SOCKETS, level, line)
    }

    fn write_to(&self, sockets: &[&str], level: Level, line: &[u8]) -> io::Result<()> {
        let datagram = self.datagram(level, line);
        let mut socket = self.socket.lock();
        if let Some(open) = &*socket {
            match open.send(&datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // The daemon was restarted: its new socket has to be found.
                Err(_) => {}
            }
        }
        *socket = None;
        let open = Daemon::connect(sockets)?;
        open.send(&datagram)?;
        *socket = Some(open);
        Ok(())
    }

    fn datagram(&self, level: Level, line: &[u8]) -> Vec<u8> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = clock::local(since.map_or(0, |since| since.as_secs() as i64));
        let priority = self.facility * 8 + level.severity();
        let (month, tag, pid) = (at.month_name(), &self.tag, std::process::id());
        let mut datagram = format!(
            "<{priority}>{month} {:2} {:02}:{:02}:{:02} {tag}[{pid}]: ",
            at.day, at.hour, at.minute, at.second
        )
        .into_bytes();
        datagram.extend_from_slice(line);
        datagram
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn lines_find_a_daemon_that_restarts() {
        // A child that another test forks would keep the first daemon's socket alive.
        crate::os::alone(find_a_daemon_that_restarts);
    }

    fn find_a_daemon_that_restarts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let name = path.to_str().expect("UTF-8");
        let syslog = Syslog {
            facility: 1,
            tag: "web".into(),
            socket: Lock::new(None),
        };
        assert!(syslog.write_to(&[name], Level::Warn, b"lost").is_err());
        for _ in 0..2 {
            let daemon = UnixDatagram::bind(&path).expect("a socket");
            let sent = syslog.write_to(&["/no/such", name], Level::Trace3, b"hello");
            assert!(sent.is_ok());
            let mut buffer = [0; 200];
            let length = daemon.recv(&mut buffer).expect("a line");
            let line = String::from_utf8_lossy(&buffer[..length]);
            // 1 * 8 + 7: user, debug.
            assert!(line.starts_with("<15>"), "{line}");
            let tail = format!(" web[{}]: hello", std::process::id());
            assert!(line.ends_with(&tail), "{line}");
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn an_unknown_facility_is_local7() {
        let open = |facility: &str| {
            let target = SyslogTarget {
                facility: facility.into(),
                tag: String::new(),
            };
            Syslog::open(&target).facility
        };
        assert_eq!(open("foo"), 23);
        assert_eq!(open("MAIL"), 2);
        assert_eq!(open(""), 23);
    }
}
