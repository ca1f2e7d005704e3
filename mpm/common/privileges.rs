//! The end of root's rights, before the first connection is accepted.

use super::codes::FATAL;
use super::voice::Voice;
use crate::log::Level;
use crate::os::user;
use crate::server::Generation;

/// Gives up this process's rights, as modules say. An error is an exit code; the reason is in the log.
pub fn drop_privileges(generation: &Generation) -> Result<(), i32> {
    for hook in &generation.hooks.drop_privileges {
        if let Err(why) = hook(generation) {
            Voice::of(generation).core(Level::Alert, 0, why);
            return Err(FATAL);
        }
    }
    if generation.hooks.drop_privileges.is_empty() && user::effective_uid() == 0 {
        let told = "Server MUST relinquish startup privileges before accepting connections.  Please ensure mod_unixd or other system security module is loaded.";
        Voice::of(generation).core(Level::Alert, 136, told);
        return Err(FATAL);
    }
    Ok(())
}
