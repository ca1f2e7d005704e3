//! The language of httpd.conf: from files to the records that requests are served by.
//!
//! `source` reads bytes, `read` makes a `tree`, `build` carries its directives out with the tables of the modules, and
//! leaves `value` records in servers and `section`s. A whole reading is [`load`].

pub mod build;
pub mod core;
pub mod directive;
pub mod error;
pub mod expr;
pub mod ipmask;
pub mod load;
pub mod read;
pub mod section;
pub mod source;
pub mod suggest;
pub mod tree;
pub mod value;
pub mod version;

pub use load::{load, LoadOptions};
