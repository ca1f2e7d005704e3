//! The system's log, for `ErrorLog syslog`.

use std::ffi::{CStr, CString};
use std::io;

use super::c_string;

/// An open door to the system's log. There is one in a process: opening another one changes this one too.
#[derive(Debug)]
pub struct Syslog {
    facility: libc::c_int,
    /// The C library keeps the pointer, so the name is kept for ever.
    _name: &'static CStr,
}

/// The names of facilities, as `ErrorLog syslog:FACILITY` has them.
const FACILITIES: &[(&str, libc::c_int)] = &[
    ("auth", libc::LOG_AUTH),
    #[cfg(not(target_os = "haiku"))]
    ("cron", libc::LOG_CRON),
    ("daemon", libc::LOG_DAEMON),
    ("kern", libc::LOG_KERN),
    ("local0", libc::LOG_LOCAL0),
    ("local1", libc::LOG_LOCAL1),
    ("local2", libc::LOG_LOCAL2),
    ("local3", libc::LOG_LOCAL3),
    ("local4", libc::LOG_LOCAL4),
    ("local5", libc::LOG_LOCAL5),
    ("local6", libc::LOG_LOCAL6),
    ("local7", libc::LOG_LOCAL7),
    ("lpr", libc::LOG_LPR),
    ("mail", libc::LOG_MAIL),
    ("news", libc::LOG_NEWS),
    ("syslog", libc::LOG_SYSLOG),
    ("user", libc::LOG_USER),
    ("uucp", libc::LOG_UUCP),
];

impl Syslog {
    /// Opens the log: lines carry `name` and the pid, and go to `facility` (`None`: local7). `InvalidInput` for a facility
    /// that does not exist.
    pub fn open(name: &str, facility: Option<&str>) -> io::Result<Syslog> {
        let wanted = facility.unwrap_or("local7");
        let found = FACILITIES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let &(_, facility) = found.ok_or(io::ErrorKind::InvalidInput)?;
        let name: &'static CStr = Box::leak(c_string(name.as_bytes())?.into_boxed_c_str());
        // SAFETY: the name lives for ever.
        unsafe {
            libc::openlog(
                name.as_ptr(),
                libc::LOG_NDELAY | libc::LOG_CONS | libc::LOG_PID,
                facility,
            )
        };
        Ok(Syslog {
            facility,
            _name: name,
        })
    }

    /// Writes one line; `priority` is 0 (emergency) to 7 (debug), as Apache's levels are. Bytes after a NUL are lost.
    pub fn write(&self, priority: u8, line: &[u8]) {
        let end = line
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(line.len());
        let Ok(line) = CString::new(&line[..end]) else {
            return;
        };
        let priority = self.facility | libc::c_int::from(priority.min(7));
        // SAFETY: the format takes one C string, so that nothing in the line is read as a format.
        unsafe { libc::syslog(priority, c"%s".as_ptr(), line.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_known_facilities_only() {
        let log = Syslog::open("httpd-test", Some("LOCAL3")).unwrap();
        log.write(7, b"a test's line with 100%s\0 and more");
        assert_eq!(
            Syslog::open("x", Some("nowhere")).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
