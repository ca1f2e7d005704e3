//! Modules that change what is known about a request: its environment and its header fields.

#[cfg(module = "env")]
pub mod env;
#[cfg(module = "headers")]
pub mod headers;
#[cfg(module = "setenvif")]
pub mod setenvif;
#[cfg(module = "version")]
pub mod version;
