//! httpd: the Apache HTTP Server's job, done again in Rust.
//!
//! The modules stand in the order of a connection's path: `listen` accepts, the MPM drives [`connection::serve`], which reads
//! with [`protocol`], lets the [`request`] pass the [`hooks`] of the [`modules`], and sends [`filters`]' buckets back; [`log`]
//! and [`scoreboard`] tell of it. [`config`] made all of it ready.

#![deny(unsafe_code)]

pub mod config;
pub mod connection;
pub mod ffi;
pub mod filters;
pub mod hash;
pub mod hooks;
pub mod listen;
pub mod log;
pub mod options;
pub mod os;
pub mod pattern;
pub mod protocol;
pub mod request;
pub mod run;
pub mod scoreboard;
pub mod server;
pub mod status;
pub mod sync;
pub mod version;

#[path = "../modules/mod.rs"]
pub mod modules;
#[path = "../mpm/mod.rs"]
pub mod mpm;
