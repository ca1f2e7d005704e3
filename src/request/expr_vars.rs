//! A request as expressions see it, and their evaluation on a request.

use super::Request;
use crate::config::expr::{BoolExpr, Context, LocalTime, StringExpr, Variable, Vars};
use crate::os::path;
use bstr::{BString, ByteSlice};
use std::borrow::Cow;
use std::net::IpAddr;

/// The value of a condition on this request.
pub fn boolean(r: &mut Request, expression: &BoolExpr) -> Result<bool, String> {
    let mut context = begin(r);
    let result = expression.eval(&*r, &mut context);
    end(r, context);
    result
}

/// The value of a text on this request.
pub fn string(r: &mut Request, expression: &StringExpr) -> Result<BString, String> {
    if let Some(text) = expression.constant() {
        return Ok(text.into());
    }
    let mut context = begin(r);
    let result = expression
        .eval(&*r, &mut context)
        .map(|text| BString::from(text.into_owned()));
    end(r, context);
    result
}

fn begin(r: &mut Request) -> Context {
    Context {
        captures: r.captures.take(),
        vary: Vec::new(),
    }
}

/// Groups stay for the next expression; fields that had a say are named in Vary.
fn end(r: &mut Request, context: Context) {
    r.captures = context.captures;
    for name in context.vary {
        if !r.headers_out.has_token("Vary", &name) {
            r.headers_out.merge("Vary", &name);
        }
    }
}

fn text(value: impl ToString) -> Option<Cow<'static, [u8]>> {
    Some(Cow::Owned(value.to_string().into_bytes()))
}

fn bytes(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(Cow::Borrowed(value))
}

fn on_off(value: bool) -> Option<Cow<'static, [u8]>> {
    Some(Cow::Borrowed(if value { b"on" } else { b"off" }))
}

impl Vars for Request {
    fn variable(&self, variable: Variable) -> Option<Cow<'_, [u8]>> {
        match variable {
            Variable::RequestMethod => bytes(&self.method_name),
            Variable::RequestScheme => bytes(self.scheme().as_bytes()),
            Variable::RequestUri => bytes(&self.uri),
            Variable::RequestFilename => match self.filename.is_empty() {
                true => bytes(&self.uri),
                false => bytes(&self.filename),
            },
            Variable::PathInfo => bytes(&self.path_info),
            Variable::QueryString => self.args.as_ref().map(|a| Cow::Borrowed(a.as_slice())),
            Variable::LastModified => {
                let seconds = crate::os::clock::seconds(self.finfo.as_ref()?.mtime);
                Some(Cow::Owned(
                    crate::protocol::date::strftime(b"%Y%m%d%H%M%S", seconds, 0, "GMT").into(),
                ))
            }
            Variable::ScriptUser => {
                let owner = crate::os::user::user_by_id(self.finfo.as_ref()?.more.uid).ok()??;
                Some(Cow::Owned(owner.name.into_bytes()))
            }
            Variable::ScriptGroup => {
                let group = crate::os::user::group_by_id(self.finfo.as_ref()?.more.gid).ok()??;
                Some(Cow::Owned(group.name.into_bytes()))
            }
            Variable::IsSubrequest => bytes(if self.is_main() { b"false" } else { b"true" }),
            Variable::TheRequest => bytes(&self.the_request),
            Variable::RemoteAddr => text(self.client.ip().to_canonical()),
            Variable::RemotePort => text(self.client.port()),
            Variable::RemoteHost => match self.remote_host() {
                Some(name) => text(name),
                None => text(self.client.ip().to_canonical()),
            },
            Variable::RemoteUser => self.user.as_ref().map(|u| Cow::Borrowed(u.as_slice())),
            Variable::RemoteIdent => None,
            Variable::ServerName => text(self.server_name()),
            Variable::ServerPort => text(self.server_port()),
            Variable::ServerAdmin => self
                .server()
                .admin
                .as_deref()
                .and_then(|a| bytes(a.as_bytes())),
            Variable::ServerProtocol => bytes(self.version.as_str().as_bytes()),
            Variable::ServerProtocolVersion => text(self.version_number()),
            Variable::ServerProtocolVersionMajor => text(self.version_number() / 1000),
            Variable::ServerProtocolVersionMinor => text(self.version_number() % 1000),
            Variable::DocumentRoot => {
                let root = self.core_server().document_root.as_ref()?;
                Some(path::to_bytes(root))
            }
            Variable::AuthType => self.auth_type.as_deref().and_then(|t| bytes(t.as_bytes())),
            Variable::ContentType => self
                .content_type
                .as_deref()
                .and_then(|t| bytes(t.as_bytes())),
            Variable::Handler => self.handler.as_deref().and_then(|t| bytes(t.as_bytes())),
            Variable::RequestStatus => text(self.status),
            Variable::RequestLogId => text(self.mark.id()),
            Variable::ContextPrefix => self
                .context_prefix
                .as_deref()
                .and_then(|t| bytes(t.as_bytes())),
            Variable::ContextDocumentRoot => {
                self.context_document_root.as_ref().and_then(|t| bytes(t))
            }
            Variable::Https => on_off(self.scheme() == "https" && self.notes.contains("tls")),
            Variable::Http2 => on_off(self.version == crate::protocol::Version::Http2),
            Variable::Ipv6 => on_off(self.client.ip().to_canonical().is_ipv6()),
            Variable::ConnLogId => text(self.conn.mark.id()),
            Variable::ConnRemoteAddr => text(self.conn.peer.ip().to_canonical()),
            Variable::ServerSoftware => bytes(self.ctx.generation.server_field.as_bytes()),
        }
    }

    fn request_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.headers_in.joined(name).map(unstyled)
    }

    fn response_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        if name.eq_ignore_ascii_case(b"Content-Type") {
            return self
                .content_type
                .as_deref()
                .and_then(|t| bytes(t.as_bytes()));
        }
        self.headers_out
            .joined(name)
            .or_else(|| self.err_headers_out.joined(name))
            .map(unstyled)
    }

    fn env(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.env.get_exact(name).and_then(|v| bytes(v.as_bytes()))
    }

    fn note(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.notes.get(name).and_then(|v| bytes(v.as_bytes()))
    }

    fn client_ip(&self) -> Option<IpAddr> {
        Some(self.client.ip().to_canonical())
    }

    fn local_time(&self) -> LocalTime {
        let at = crate::os::clock::local(crate::os::clock::seconds(self.request_time));
        LocalTime {
            year: at.year,
            month: at.month,
            day: at.day,
            hour: at.hour,
            minute: at.minute,
            second: at.second,
            weekday: at.weekday,
        }
    }
}

fn unstyled(value: Cow<'_, bstr::BStr>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_ref()),
        Cow::Owned(value) => Cow::Owned(value.into()),
    }
}

impl Request {
    /// The protocol version as one number: 1001 is 1.1.
    pub fn version_number(&self) -> u32 {
        use crate::protocol::Version;
        match self.version {
            Version::Http09 => 9,
            Version::Http10 => 1000,
            Version::Http11 => 1001,
            Version::Http2 => 2000,
        }
    }
}
