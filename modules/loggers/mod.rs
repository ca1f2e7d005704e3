//! The modules that write access logs. They run when a request's response is complete.

#[cfg(module = "log_config")]
pub mod log_config;
#[cfg(module = "logio")]
pub mod logio;
