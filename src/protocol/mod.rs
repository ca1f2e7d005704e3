//! HTTP as bytes: what turns bytes into requests and back, with no socket, file or clock in it.
//!
//! A connection hands what it has read to `http1`, gets a head, the body's framing and the target; the other files hold
//! what requests and responses are made of: dates, entity tags, ranges, conditions, escapes. Everything here is a
//! function of byte slices, so that it is tested with byte slices.

pub mod conditional;
pub mod date;
pub mod decimal;
pub mod escape;
pub mod etag;
pub mod http1;
pub mod method;
pub mod range;
pub mod status;
pub mod token;
pub mod uri;

pub use method::Method;

/// Why a request cannot be accepted: the answer it gets and what the error log says.
///
/// Every rejection of a head or of a body's framing also ends the connection, since what follows on it cannot be told
/// apart from the rest of the bad request. (Paths with encoded slashes are the exception: a plain 404.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// The status of the answer, 400 to 505.
    pub status: u16,
    /// One phrase for the error log; it never contains anything the peer sent.
    pub reason: &'static str,
}

impl Reject {
    /// A rejection with this status and reason.
    pub const fn new(status: u16, reason: &'static str) -> Reject {
        Reject { status, reason }
    }

    /// A 400 with this reason.
    pub const fn bad(reason: &'static str) -> Reject {
        Reject::new(status::BAD_REQUEST, reason)
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Reject {}

/// The version of a request, as far as it changes how it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A request line without a version: the answer is the body alone, then the connection closes.
    Http09,
    /// HTTP/1.0: no chunks, no interim answers, persistent only by `Connection: keep-alive`.
    Http10,
    /// HTTP/1.1, and any later HTTP/1.x.
    Http11,
    /// HTTP/2, whose requests come in frames.
    Http2,
}

impl Version {
    /// As `%H` and SERVER_PROTOCOL show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Version::Http09 => "HTTP/0.9",
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2.0",
        }
    }
}
