//! Leaving the terminal, which nobody does here: a server that is to run without one is a service.

use httpd::mpm::service::Progress;
use std::io;

/// Told once the server is ready.
pub struct Ready(Option<Progress>);

impl Ready {
    /// Nobody waits.
    pub fn unasked() -> Ready {
        Ready(None)
    }

    /// The service manager waits.
    pub fn service(progress: Progress) -> Ready {
        Ready(Some(progress))
    }

    /// The server is ready.
    pub fn tell(self) {
        if let Some(progress) = self.0 {
            progress.running();
        }
    }
}

/// The server stays at its console.
pub fn detach() -> io::Result<Ready> {
    Ok(Ready::unasked())
}

/// There are no sessions of this kind.
pub fn lead_session() -> io::Result<()> {
    Ok(())
}
