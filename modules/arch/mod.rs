//! Modules for one family of systems.

#[cfg(module = "unixd")]
pub mod unixd;
