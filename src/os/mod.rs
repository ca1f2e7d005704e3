//! System calls behind safe functions, one folder for each family of systems. Everything above says what it wants;
//! only here stands how this system does it, and only here (with `ffi`) `unsafe` is at home. A connection's path passes
//! through it wherever a byte meets the kernel.
//!
//! `unix/` is complete where a system lacks a call too: it then falls back or answers `Unsupported`. `windows/` stands beside
//! it under the same names, for all that a server without fork and signals needs.
#![allow(unsafe_code)]

pub mod clock;
pub mod driven;
pub mod memory;
pub mod program;
pub mod properties;
#[cfg(unix)]
pub mod spawner;
#[cfg(unix)]
pub mod unix;
pub mod watch;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub mod windows;
#[cfg(windows)]
pub use windows::*;
