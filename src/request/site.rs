//! A request and a server as places that messages of the error log come from.

use super::Request;
use crate::connection::ConnInfo;
use crate::log::{ConnectionFacts, ErrorLog, Levels, Mark, RequestFacts, Site};
use crate::server::Server;
use bstr::ByteSlice;
use std::borrow::Cow;
use std::net::SocketAddr;

impl Site for Server {
    fn log_levels(&self) -> &Levels {
        &self.levels
    }
    fn log_errors(&self) -> &ErrorLog {
        &self.error_log
    }
    fn log_server(&self) -> &str {
        self.host()
    }
}

impl Site for Request {
    fn log_levels(&self) -> &Levels {
        self.core_dir()
            .log_levels
            .as_ref()
            .unwrap_or(&self.server().levels)
    }
    fn log_errors(&self) -> &ErrorLog {
        &self.server().error_log
    }
    fn log_server(&self) -> &str {
        self.server().host()
    }
    fn log_connection(&self) -> Option<&dyn ConnectionFacts> {
        Some(&*self.conn)
    }
    fn log_request(&self) -> Option<&dyn RequestFacts> {
        Some(self)
    }
}

impl ConnectionFacts for ConnInfo {
    fn peer(&self) -> SocketAddr {
        self.peer
    }
    fn local(&self) -> SocketAddr {
        self.local
    }
    fn kept_alive(&self) -> u32 {
        self.requests.get()
    }
    fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl RequestFacts for Request {
    fn client(&self) -> SocketAddr {
        self.client
    }
    fn mark(&self) -> &Mark {
        &self.mark
    }
    fn host_name(&self) -> Cow<'_, str> {
        Cow::Owned(self.server_name())
    }
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.headers_in
            .get(name)
            .map(|value| Cow::Borrowed(value.as_bytes()))
    }
    fn variable(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.env
            .get_exact(name)
            .map(|value| Cow::Borrowed(value.as_bytes()))
    }
    fn note(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.notes
            .get(name)
            .map(|value| Cow::Borrowed(value.as_bytes()))
    }
}
