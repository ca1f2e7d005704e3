//! Sub-requests: what another address would be, asked on behalf of a request, without its body and its response.

use super::{phases, Request};
use crate::connection::exchange::Exchange;
use crate::hooks::Status;
use crate::protocol::uri::split_query;
use crate::protocol::Method;
use bstr::{BStr, BString};

impl Request {
    /// Looks up a local address: `/path?query` or, without a slash in front, relative to this request's. The result's
    /// `status` is 200 if it may be had.
    pub async fn lookup_uri(&mut self, target: &BStr) -> Request {
        let mut sub = self.child();
        let (path, query) = split_query(target);
        sub.uri = match path.first() {
            Some(b'/') => path.into(),
            _ => relative(&self.uri, path),
        };
        sub.unparsed_uri = sub.uri.clone();
        sub.args = query.map(BString::from);
        let outcome = Box::pin(phases::prepare(&mut sub)).await;
        concluded(sub, outcome)
    }

    /// Looks up a file in this request's directory, or by absolute name; the path is not translated again.
    pub async fn lookup_file(&mut self, name: &[u8]) -> Request {
        let mut sub = self.child();
        let folder = match self.filename.ends_with(b"/") || !self.is_directory() {
            true => self.filename.clone(),
            false => BString::from([self.filename.as_slice(), b"/"].concat()),
        };
        sub.filename = match name.first() {
            Some(b'/') => name.into(),
            _ => relative(&folder, name.into()),
        };
        sub.uri = relative(&self.uri, BStr::new(&crate::protocol::escape::path(name)));
        sub.unparsed_uri = sub.uri.clone();
        let outcome = Box::pin(phases::prepare_mapped(&mut sub)).await;
        concluded(sub, outcome)
    }

    fn is_directory(&self) -> bool {
        self.finfo.as_ref().is_some_and(|info| info.kind == super::FileKind::Directory)
    }

    fn child(&self) -> Request {
        let mut sub = Request::new(self.ctx.clone(), self.conn.clone(), self.server, Exchange::Nowhere);
        sub.sub_depth = self.sub_depth + 1;
        sub.method = Method::Get;
        sub.method_name = "GET".into();
        sub.the_request = self.the_request.clone();
        sub.version = self.version;
        sub.hostname = self.hostname.clone();
        sub.host_port = self.host_port;
        sub.headers_in = self.headers_in.clone();
        sub.env = self.env.clone();
        sub.user = self.user.clone();
        sub.auth_type = self.auth_type.clone();
        sub.client = self.client;
        sub.request_time = self.request_time;
        sub.started = self.started;
        sub
    }
}

/// `name` beside the last component of `base`.
fn relative(base: &[u8], name: &BStr) -> BString {
    let end = base.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
    BString::from([&base[..end], name.as_ref() as &[u8]].concat())
}

fn concluded(mut sub: Request, outcome: Status) -> Request {
    let most = sub.core_server().recursion.map_or(10, |(_, nested)| nested);
    sub.status = match outcome {
        _ if most > 0 && sub.sub_depth > most => 500,
        Status::Http(code) => code,
        _ => 200,
    };
    sub
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_last_slash() {
        assert_eq!(relative(b"/a/b", BStr::new("c")), "/a/c");
        assert_eq!(relative(b"/a/", BStr::new("c")), "/a/c");
        assert_eq!(relative(b"", BStr::new("c")), "c");
    }
}
