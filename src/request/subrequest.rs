//! Sub-requests: what another address would be, asked on behalf of a request; and, where a page is made of several,
//! its content.

use super::{phases, Request};
use crate::connection::exchange::Exchange;
use crate::filters::{Brigade, Bucket};
use crate::hooks::Status;
use crate::log;
use crate::log::Level;
use crate::protocol::uri::split_query;
use crate::protocol::{escape, Method};
use bstr::{BStr, BString};

const LOG_MODULE: &str = "core";

impl Request {
    /// Looks up a local address: `/path?query` or, without a slash in front, relative to this request's. The result's
    /// `status` is 200 if it may be had. The address is encoded.
    pub async fn lookup_uri(&mut self, target: &BStr) -> Request {
        let mut sub = self.child();
        let (path, query) = split_query(target);
        sub.uri = match path.first() {
            Some(b'/') => path.into(),
            _ => relative(&escape::path(&self.uri), path),
        };
        sub.unparsed_uri = sub.uri.clone();
        sub.args = query.map(BString::from);
        if too_deep(&sub) {
            return concluded(sub, Status::Http(500));
        }
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
        sub.filename = match crate::os::path::is_absolute(name) {
            true => name.into(),
            false => relative(&folder, name.into()),
        };
        // An absolute name has no address of its own.
        if !name.contains(&b'/') {
            sub.uri = relative(&self.uri, name.into());
        }
        sub.unparsed_uri = escape::path(&sub.uri);
        if too_deep(&sub) {
            return concluded(sub, Status::Http(500));
        }
        let outcome = Box::pin(phases::prepare_mapped(&mut sub)).await;
        concluded(sub, outcome)
    }

    /// Makes the content of a sub-request that was looked up with status 200: what its handler and filters give. `Err` is
    /// the status of the failure.
    pub async fn run_lookup(&mut self) -> Result<Brigade, u16> {
        // A part of a page is never answered with 304 or 412.
        self.no_local_copy = true;
        match Box::pin(phases::respond(self)).await {
            Status::Http(code) => return Err(code),
            Status::Ok | Status::Done | Status::Declined => {}
        }
        if !self.out.pending.is_complete() {
            self.push(Bucket::End);
        }
        self.run_output_filters().await.map_err(|_| 500u16)?;
        let mut body = std::mem::take(&mut self.out.ready);
        body.buckets
            .retain(|bucket| !matches!(bucket, Bucket::End | Bucket::Flush));
        Ok(body)
    }

    fn is_directory(&self) -> bool {
        self.finfo
            .as_ref()
            .is_some_and(|info| info.kind == super::FileKind::Directory)
    }

    fn child(&self) -> Request {
        let mut sub = Request::new(
            self.ctx.clone(),
            self.conn.clone(),
            self.server,
            Exchange::Nowhere,
        );
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
        sub.judged = self.judged;
        sub.client = self.client;
        sub.request_time = self.request_time;
        sub.started = self.started;
        sub
    }
}

/// `name` beside the last component of `base`.
fn relative(base: &[u8], name: &BStr) -> BString {
    let end = base
        .iter()
        .rposition(|b| *b == b'/')
        .map_or(0, |slash| slash + 1);
    BString::from([&base[..end], name.as_ref() as &[u8]].concat())
}

fn concluded(mut sub: Request, outcome: Status) -> Request {
    sub.status = match outcome {
        Status::Http(code) => code,
        _ => 200,
    };
    sub
}

/// True, with a line in the log, if a sub-request is nested deeper than LimitInternalRecursion allows.
fn too_deep(sub: &Request) -> bool {
    let most = sub.core_server().recursion.map_or(10, |(_, nested)| nested);
    let deep = most > 0 && sub.sub_depth > most;
    if deep {
        log!(sub, Level::Error, 125, "Request exceeded the limit of {most} subrequest nesting levels due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary.");
    }
    deep
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
