//! Modules that map URLs to files and to other places.

#[cfg(module = "alias")]
pub mod alias;
#[cfg(module = "dir")]
pub mod dir;
