//! Modules that make content themselves.

#[cfg(module = "autoindex")]
pub mod autoindex;
#[cfg(any(module = "cgi", module = "cgid"))]
pub mod cgi;
#[cfg(module = "status")]
pub mod status;
