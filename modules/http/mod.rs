//! Modules of the protocol's own matters.

#[cfg(module = "mime")]
pub mod mime;
