//! HTTP/1.0 and 1.1 (RFC 9112): request heads, the framing of bodies, chunks, and the rules about Host.
//!
//! A connection feeds `head::Parser`, then asks `accept` whether the finished head is a request that has exactly one
//! reading; bodies go through `chunked` or are counted.

pub mod chunked;
pub mod framing;
pub mod head;
pub mod host;

pub use framing::Framing;
pub use head::{Head, Parser};

use super::uri::{self, Target};
use super::{Reject, Version};
use crate::request::table::Table;
use bstr::{BStr, BString};

/// Limits on a request's head, from LimitRequestLine, LimitRequestFields and LimitRequestFieldSize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line; beyond them 414.
    pub line: usize,
    /// Number of header fields, 0 for no limit; beyond it 400.
    pub fields: usize,
    /// Bytes of one header field, its name included; beyond them 400.
    pub field_size: usize,
    /// Empty lines accepted before the request line.
    pub blank_lines: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            line: 8190,
            fields: 100,
            field_size: 8190,
            blank_lines: 10,
        }
    }
}

/// What HttpProtocolOptions and RegisterHttpMethod say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `Strict`; `Unsafe` accepts bare line feeds, folded fields, odd spacing of the request line and of names.
    pub strict: bool,
    /// `Allow0.9`; with `Require1.0` a request line without version is a 400.
    pub allow_http09: bool,
    /// `RegisteredMethods`: an unknown method is a 501 here; with `LenientMethods` handlers see it.
    pub registered_methods: bool,
    /// Names that RegisterHttpMethod made known.
    pub extra_methods: Vec<BString>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            strict: true,
            allow_http09: true,
            registered_methods: false,
            extra_methods: Vec::new(),
        }
    }
}

/// What a head comes to once all that concerns it as a whole has been decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<'b> {
    /// How the body is delimited.
    pub framing: Framing,
    /// What the request line asks for.
    pub target: Target<'b>,
    /// The host the request names: lower case, without a final dot; `None` where it names none (HTTP/1.0).
    pub host: Option<host::Authority>,
}

/// Decides framing, target and host of a finished head, with each repeated field still apart; then joins repeated
/// fields, and makes Host agree with an absolute target, as RFC 9112 section 3.2.2 demands.
pub fn accept<'b>(
    head: &Head<'b>,
    fields: &mut Table,
    options: &Options,
) -> Result<Accepted<'b>, Reject> {
    let framing = framing::framing(fields, head.version)?;
    let target = uri::parse_target(head.method, head.target, options.strict)?;
    let host = match target {
        Target::Absolute { authority, .. } => {
            host::check_field(fields, head.version, options.strict, true)?;
            let host = host::parse(authority, options.strict)?;
            if head.version >= Version::Http10 {
                fields.set("Host", without_userinfo(authority));
            }
            Some(host)
        }
        _ => host::check_field(fields, head.version, options.strict, false)?,
    };
    fields.compress();
    Ok(Accepted {
        framing,
        target,
        host,
    })
}

/// An authority as a Host field has it.
fn without_userinfo(authority: &BStr) -> &BStr {
    match memchr::memrchr(b'@', authority) {
        Some(at) => BStr::new(&authority[at + 1..]),
        None => authority,
    }
}
