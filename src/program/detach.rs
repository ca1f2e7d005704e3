//! Whom the server tells that it serves: the process that was started, which waits for that before it leaves the terminal; an
//! earlier program that it takes over from; and systemd.

use httpd::mpm::Predecessor;
use httpd::os::fd::{self, OwnedFd};
use httpd::os::process::{exit_now, fork, new_session, wait, Exit, Fork};
use std::io;

/// Told once the server is ready.
pub enum Ready {
    /// Nobody waits.
    Unasked,
    /// The process that was started waits at the other end of this pipe.
    Started(OwnedFd),
    /// A server that serves until then.
    Predecessor(Predecessor),
}

impl Ready {
    /// Nobody waits.
    pub fn unasked() -> Ready {
        Ready::Unasked
    }

    /// The server is ready: who waits for that may leave, and systemd is told.
    pub fn tell(self) {
        match self {
            Ready::Unasked => {}
            Ready::Started(pipe) => {
                // Nobody may be there to hear it any more, which is no harm.
                let _ = fd::write(&pipe, b"+");
            }
            Ready::Predecessor(old) => old.taken(),
        }
        notify_system(&format!("READY=1\nMAINPID={}\n", std::process::id()));
    }
}

/// Forks; the caller goes on in the child, which has a session of its own.
pub fn detach() -> io::Result<Ready> {
    let (read, write) = fd::pipe()?;
    match fork()? {
        Fork::Child => {
            drop(read);
            new_session()?;
            Ok(Ready::Started(write))
        }
        Fork::Parent(pid) => {
            drop(write);
            let mut byte = [0];
            if matches!(fd::read(&read, &mut byte), Ok(1)) {
                exit_now(0);
            }
            // The child ended first; it has said why.
            match wait(pid) {
                Ok(Some(ended)) => exit_now(match ended.exit {
                    Exit::Code(0) => 1,
                    Exit::Code(code) => code,
                    Exit::Signal { .. } => 1,
                }),
                _ => exit_now(1),
            }
        }
    }
}

/// Leaves the terminal's session without a fork. Fails where this process leads a group already.
pub fn lead_session() -> io::Result<()> {
    new_session().map(drop)
}

/// `sd_notify`: one datagram to the socket that the service manager named, if it has.
pub fn notify_system(message: &str) {
    let socket = std::env::var_os("NOTIFY_SOCKET");
    let Some(path) = socket.as_ref().and_then(|s| s.to_str()) else {
        return;
    };
    let Ok(sender) = std::os::unix::net::UnixDatagram::unbound() else {
        return;
    };
    match path.strip_prefix('@') {
        None => drop(sender.send_to(message.as_bytes(), path)),
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            if let Ok(address) = std::os::unix::net::SocketAddr::from_abstract_name(name) {
                let _ = sender.send_to_addr(message.as_bytes(), &address);
            }
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => {}
    }
}
