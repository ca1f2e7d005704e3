//! Modules that stand in the way of bodies: filters, and limits on how long a peer may take to send.

#[cfg(module = "deflate")]
pub mod deflate;
#[cfg(module = "filter")]
pub mod filter;
#[cfg(module = "reqtimeout")]
pub mod reqtimeout;
