//! Leaving the terminal, which nobody does here: a server that is to run without one is a service.

use std::io;

/// Told once the server is ready.
pub struct Ready(());

impl Ready {
    /// Nobody waits.
    pub fn unasked() -> Ready {
        Ready(())
    }

    /// The server is ready.
    pub fn tell(self) {}
}

/// The server stays at its console.
pub fn detach() -> io::Result<Ready> {
    Ok(Ready::unasked())
}

/// There are no sessions of this kind.
pub fn lead_session() -> io::Result<()> {
    Ok(())
}
