//! There are no signals here: none can be blocked, and none arrives. The MPM hears the service manager and named events
//! instead.

use std::io;

/// A set of signals, always empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalSet(());

impl SignalSet {
    /// All there are.
    pub fn full() -> SignalSet {
        SignalSet(())
    }
}

/// How many have arrived.
pub fn arrivals() -> u32 {
    0
}

/// Keeps them from the calling thread. Gives what was kept before.
pub fn block(set: &SignalSet) -> io::Result<SignalSet> {
    Ok(*set)
}

/// Lets those in that wait.
pub fn deliver_pending(_wait_mask: &SignalSet) -> io::Result<()> {
    Ok(())
}
