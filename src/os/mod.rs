//! System calls behind safe functions, one folder for each family of systems. Everything above says what it wants;
//! only here stands how this system does it, and only here (with `ffi`) `unsafe` is at home. A connection's path passes
//! through it wherever a byte meets the kernel.
//!
//! `unix/` is complete where a system lacks a call too: it then falls back or answers `Unsupported`. `windows/` will stand
//! beside it under the same names.
#![allow(unsafe_code)]

#[cfg(unix)]
pub mod clock;
#[cfg(unix)]
pub mod descriptor;
pub mod driven;
#[cfg(unix)]
pub mod spawner;
#[cfg(unix)]
pub mod unix;
#[cfg(unix)]
pub use unix::*;
