//! Where a request's body comes from and its response goes: one kind for each protocol.

use super::http1::Http1;
use crate::request::Request;
use bytes::Bytes;
use std::io;

/// One request's way to its peer.
#[derive(Default)]
pub enum Exchange {
    /// None: a sub-request that is only looked up, or the place is being used at this moment.
    #[default]
    Nowhere,
    /// HTTP/1.x on a connection.
    Http1(Box<Http1>),
}

impl Exchange {
    /// Takes it out of a request, to be used together with the request.
    pub fn take(&mut self) -> Exchange {
        std::mem::take(self)
    }

    /// The next piece of the request's body, before its filters.
    pub async fn read_body(&mut self, r: &mut Request) -> io::Result<Option<Bytes>> {
        match self {
            Exchange::Nowhere => Ok(None),
            Exchange::Http1(http) => http.read_body(r).await,
        }
    }

    /// Frames and sends what is ready; with `last`, the response is complete.
    pub async fn send(&mut self, r: &mut Request, last: bool) -> io::Result<()> {
        match self {
            Exchange::Nowhere => Ok(()),
            Exchange::Http1(http) => http.send(r, last).await,
        }
    }

    /// True if the connection will wait for another request behind the response that was made.
    pub fn stays_alive(&self) -> bool {
        match self {
            Exchange::Nowhere => false,
            Exchange::Http1(http) => http.stays_alive(),
        }
    }

    /// Bytes read that no request has taken yet, and bytes made that wait to be sent.
    pub fn backlog(&self) -> (u64, u64) {
        match self {
            Exchange::Nowhere => (0, 0),
            Exchange::Http1(http) => http.backlog(),
        }
    }

    /// The response cannot be completed as its head promised: the connection ends with it.
    pub fn spoil(&mut self) {
        match self {
            Exchange::Nowhere => {}
            Exchange::Http1(http) => http.spoil(),
        }
    }

    /// True once the head of the final response is on its way and cannot be changed.
    pub fn is_committed(&self) -> bool {
        match self {
            Exchange::Nowhere => false,
            Exchange::Http1(http) => http.is_committed(),
        }
    }
}
