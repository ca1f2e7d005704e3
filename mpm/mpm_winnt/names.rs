//! The names by which other processes find the control process's events.

/// The event that ends the server with this control process.
pub fn shutdown(pid: u32) -> String {
    format!("Global\\ap{pid}_shutdown")
}

/// The event that has it read its configuration anew.
pub fn restart(pid: u32) -> String {
    format!("Global\\ap{pid}_restart")
}
