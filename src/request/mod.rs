//! The request: the record that all phases read and change, named as Apache names its fields.

pub mod cgi_env;
pub mod client_name;
pub mod error;
pub mod expr_vars;
pub mod phases;
pub mod redirect;
mod site;
pub mod subrequest;
pub mod table;
pub mod url;
pub mod validators;
pub mod walk;
pub mod windows_names;

use crate::config::core::{CoreDir, CoreServer};
use crate::config::value::Conf;
use crate::connection::context::{DirConf, ServeContext};
use crate::connection::exchange::Exchange;
use crate::connection::files::Kept;
use crate::connection::ConnInfo;
use crate::filters::chain::{Input, Output};
use crate::os::properties::Properties;
use crate::protocol::http1::Framing;
use crate::protocol::{Method, Version};
use crate::server::Server;
use bstr::{BString, ByteSlice};
use bytes::Bytes;
use std::any::Any;
use std::io;
use std::rc::Rc;
use std::time::SystemTime;
use table::Table;

/// Bytes of a body that go through its filters at a time.
const PART: u64 = 256 * 1024;

/// The media type and the handler that stand for directories, by which modules know them.
pub const DIRECTORY_TYPE: &str = "httpd/unix-directory";

/// What a file name turned out to be.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// Regular file, directory, or another kind.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Last modification.
    pub mtime: SystemTime,
    /// Owner, permissions and the like.
    pub more: Properties,
    /// Links may not be followed here, and the name was seen to be none: whoever opens it must not follow one that has taken
    /// its place meanwhile.
    pub not_a_link: bool,
    /// What is remembered of its content.
    pub kept: Option<Rc<Kept>>,
}

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A device, pipe or socket.
    Other,
}

impl FileInfo {
    /// From what the file system said.
    pub fn of(meta: &std::fs::Metadata) -> FileInfo {
        let kind = match meta.file_type() {
            t if t.is_file() => FileKind::Regular,
            t if t.is_dir() => FileKind::Directory,
            _ => FileKind::Other,
        };
        FileInfo {
            kind,
            size: meta.len(),
            mtime: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            more: crate::os::file::properties(meta),
            not_a_link: false,
            kept: None,
        }
    }

    /// Whether nothing that the file system shows of the file differs: it has the same content, unless it changed within a
    /// tick of the system's clock.
    pub fn is_same(&self, other: &FileInfo) -> bool {
        let all = |info: &FileInfo| (info.kind, info.size, info.mtime, info.more);
        all(self) == all(other)
    }
}

/// The request that an internal redirect came from.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Its path.
    pub uri: BString,
    /// Its query.
    pub args: Option<BString>,
    /// Its status when it was redirected.
    pub status: u16,
    /// Its environment.
    pub env: Table,
    /// Its handler.
    pub handler: Option<String>,
    /// Its file name.
    pub filename: BString,
    /// Its user.
    pub user: Option<BString>,
    /// Its method.
    pub method_name: BString,
    /// Seconds of the first request's URL in the log: unparsed target.
    pub unparsed_uri: BString,
}

/// One request, from its head to its log line.
pub struct Request {
    /// What the serving thread lends.
    pub ctx: Rc<ServeContext>,
    /// The connection.
    pub conn: Rc<ConnInfo>,
    /// Index of the server it belongs to.
    pub server: usize,
    /// Per-directory records in force.
    pub conf: Rc<DirConf>,
    /// The request line as it came.
    pub the_request: BString,
    /// The method; a name that is not known is `Method::Other`.
    pub method: Method,
    /// The method's name.
    pub method_name: BString,
    /// The protocol version.
    pub version: Version,
    /// The target as it came: path and query.
    pub unparsed_uri: BString,
    /// The path, decoded and normalised once `phases` has done so.
    pub uri: BString,
    /// The query, encoded as it came.
    pub args: Option<BString>,
    /// Host from the target or the Host field: lower case, without port.
    pub hostname: Option<String>,
    /// The port of the Host field.
    pub host_port: Option<u16>,
    /// Fields of the request.
    pub headers_in: Table,
    /// Trailer fields of the request's body.
    pub trailers_in: Table,
    /// Fields of a good response.
    pub headers_out: Table,
    /// Fields of any response.
    pub err_headers_out: Table,
    /// Words that modules leave for each other.
    pub notes: Table,
    /// Environment of programs and logs.
    pub env: Table,
    /// Objects that modules leave for themselves, found by type.
    pub extensions: Vec<Box<dyn Any>>,
    /// The file that the path was mapped to.
    pub filename: BString,
    /// True once a module mapped the path to something that is no file.
    pub no_file: bool,
    /// What stands in the path behind the file.
    pub path_info: BString,
    /// What the file is.
    pub finfo: Option<FileInfo>,
    /// Who is to make the response.
    pub handler: Option<String>,
    /// Media type, without parameters unless a module set them.
    pub content_type: Option<String>,
    /// Content codings.
    pub content_encoding: Option<String>,
    /// Content languages.
    pub content_languages: Vec<String>,
    /// The authenticated user.
    pub user: Option<BString>,
    /// How the user signed in.
    pub auth_type: Option<String>,
    /// The response's status.
    pub status: u16,
    /// A reason phrase other than the usual one, with the number in front.
    pub status_line: Option<String>,
    /// HEAD: no body is sent.
    pub header_only: bool,
    /// Where the request came from by internal redirects; the first is the original one.
    pub previous: Vec<Previous>,
    /// How many sub-requests deep; 0 is a main request.
    pub sub_depth: u32,
    /// Prefix of the alias that mapped the path.
    pub context_prefix: Option<String>,
    /// Folder of the alias that mapped the path.
    pub context_document_root: Option<BString>,
    /// `Expect: 100-continue` and nothing answered yet.
    pub expecting_continue: bool,
    /// How the body comes.
    pub framing: Framing,
    /// No 304 and no ranges: the content is made anew each time.
    pub no_local_copy: bool,
    /// Latest modification among all that the content depends on.
    pub mtime: Option<SystemTime>,
    /// Where the body comes from and the response goes.
    pub exchange: Exchange,
    /// The response on its way through the filters.
    pub out: Output,
    /// The filters of the body.
    pub input: Input,
    /// When the head was complete.
    pub request_time: SystemTime,
    /// The same on the clock that durations are taken from.
    pub started: std::time::Instant,
    /// Bytes of the response's body that were handed to the socket.
    pub bytes_sent: u64,
    /// Bytes of the request's body that were read.
    pub bytes_read: u64,
    /// The peer went away before the response was complete.
    pub aborted: bool,
    /// Captures of the last pattern that matched, for expressions.
    pub captures: Option<crate::pattern::Captures<'static>>,
    /// Its number in the error log.
    pub mark: crate::log::Mark,
    /// Satisfy Any: an address rule or a user suffices.
    pub satisfy_any: bool,
    /// The records (`DirConf::id`) under which the access phases judged this request, the one it was redirected from, or the
    /// one it is a sub-request of. Under the same records they are not run again.
    pub judged: Option<u64>,
    /// The hooks that change the response's fields have run (see `phases::fixup_response`).
    pub fixed_up: bool,
    /// The handler makes status line and fields itself: `out` goes to the peer as it is, and the connection ends behind it.
    pub raw_response: bool,
    /// The client's address, changed by modules that know better than the socket.
    pub client: std::net::SocketAddr,
}

impl Request {
    /// A request with nothing known but its connection.
    pub fn new(
        ctx: Rc<ServeContext>,
        conn: Rc<ConnInfo>,
        server: usize,
        exchange: Exchange,
    ) -> Request {
        let conf = ctx.base_conf(server);
        let client = conn.peer;
        let tables = (ctx.table(), ctx.table());
        let text = || ctx.text();
        let texts = (text(), text(), text(), text(), text());
        let (request_time, started) = (crate::run::time_of_day(), crate::run::now());
        Request {
            ctx,
            client,
            conn,
            server,
            conf,
            the_request: texts.0,
            method: Method::Get,
            method_name: texts.1,
            version: Version::Http11,
            unparsed_uri: texts.2,
            uri: texts.3,
            args: None,
            hostname: None,
            host_port: None,
            headers_in: tables.0,
            trailers_in: Table::new(),
            headers_out: tables.1,
            err_headers_out: Table::new(),
            notes: Table::new(),
            env: Table::new(),
            extensions: Vec::new(),
            filename: texts.4,
            no_file: false,
            path_info: BString::default(),
            finfo: None,
            handler: None,
            content_type: None,
            content_encoding: None,
            content_languages: Vec::new(),
            user: None,
            auth_type: None,
            status: 200,
            status_line: None,
            header_only: false,
            previous: Vec::new(),
            sub_depth: 0,
            context_prefix: None,
            context_document_root: None,
            expecting_continue: false,
            framing: Framing::None,
            no_local_copy: false,
            mtime: None,
            exchange,
            out: Output::default(),
            input: Input::default(),
            request_time,
            started,
            bytes_sent: 0,
            bytes_read: 0,
            aborted: false,
            captures: None,
            mark: crate::log::Mark::new(),
            satisfy_any: false,
            judged: None,
            fixed_up: false,
            raw_response: false,
        }
    }

    /// Gives memory back that the thread's next request can use. What was the request's is gone.
    pub fn recycle(&mut self) {
        for table in [&mut self.headers_in, &mut self.headers_out] {
            self.ctx.give_back(std::mem::take(table));
        }
        let texts = [
            &mut self.the_request,
            &mut self.method_name,
            &mut self.unparsed_uri,
            &mut self.uri,
            &mut self.filename,
        ];
        for text in texts {
            self.ctx.give_back_text(std::mem::take(text));
        }
    }

    /// The server it belongs to. Borrowed from the request; clone `ctx` first to change the request meanwhile.
    pub fn server(&self) -> &Server {
        &self.ctx.generation.servers[self.server]
    }

    /// The core's record of the server.
    pub fn core_server(&self) -> &CoreServer {
        self.server().core()
    }

    /// The core's record of the directory.
    pub fn core_dir(&self) -> &CoreDir {
        self.conf.core()
    }

    /// A module's per-directory record. To change the request while it is held, clone `conf` (an Rc) and ask that.
    pub fn dir_conf<T: Conf>(&self) -> Option<&T> {
        self.conf.get()
    }

    /// A module's per-server record.
    pub fn server_conf<T: Conf>(&self) -> Option<&T> {
        self.server().conf.get()
    }

    /// True for the request that the client made, false for sub-requests.
    pub fn is_main(&self) -> bool {
        self.sub_depth == 0
    }

    /// True for the request that the client made, before any internal redirect.
    pub fn is_initial(&self) -> bool {
        self.sub_depth == 0 && self.previous.is_empty()
    }

    /// Name for self-referential URLs by UseCanonicalName, without port.
    pub fn server_name(&self) -> String {
        use crate::config::core::CanonicalName;
        match (
            self.core_dir().canonical_name.unwrap_or_default(),
            &self.hostname,
        ) {
            (CanonicalName::Off, Some(host)) => host.clone(),
            (CanonicalName::Dns, _) => self
                .local_host()
                .unwrap_or_else(|| self.server().host().to_owned()),
            _ => self.server().host().to_owned(),
        }
    }

    /// Port for self-referential URLs by UseCanonicalName and UseCanonicalPhysicalPort: that of the request, the socket or
    /// the server's own, else the scheme's.
    pub fn server_port(&self) -> u16 {
        use crate::config::core::CanonicalName;
        let physical = self.conn.local.port();
        let physical = self
            .core_dir()
            .canonical_port
            .unwrap_or(false)
            .then_some(physical);
        let own = self.server().own_port();
        let port = match self.core_dir().canonical_name.unwrap_or_default() {
            CanonicalName::On => own.or(physical),
            _ => self.host_port.or(physical).or(own),
        };
        port.unwrap_or(if self.scheme() == "https" { 443 } else { 80 })
    }

    /// `http` or what ServerName says.
    pub fn scheme(&self) -> &str {
        let name = self.server().name.as_ref();
        name.and_then(|n| n.scheme.as_deref()).unwrap_or("http")
    }

    /// An absolute URL for a local path that is encoded already.
    pub fn absolute_url(&self, path: &str) -> String {
        let host = self.server_name();
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host
        };
        match (self.scheme(), self.server_port()) {
            ("http", 80) | ("https", 443) => format!("{}://{host}{path}", self.scheme()),
            (scheme, port) => format!("{scheme}://{host}:{port}{path}"),
        }
    }

    /// The next piece of the body; none at its end. Errors have been answered or end the connection.
    pub async fn read_body(&mut self) -> io::Result<Option<Bytes>> {
        let mut exchange = self.exchange.take();
        let piece = exchange.read_body(self).await;
        self.exchange = exchange;
        let piece = piece?;
        self.run_input_filters(piece).await
    }

    /// Sends what has been produced so far, through the filters.
    pub async fn flush(&mut self) -> io::Result<()> {
        phases::fixup_response(self).await;
        self.flush_parts().await?;
        self.flush_part().await
    }

    /// Sends all but the last part of a body that filters want to see: a large one is never in memory as a whole.
    pub async fn flush_parts(&mut self) -> io::Result<()> {
        while !self.out.is_plain() && self.out.pending.len() > PART {
            let rest = self.out.pending.split_off(PART);
            let result = self.flush_part().await;
            self.out.pending = rest;
            result?;
        }
        Ok(())
    }

    async fn flush_part(&mut self) -> io::Result<()> {
        self.run_output_filters().await?;
        let mut exchange = self.exchange.take();
        let result = exchange.send(self, false).await;
        self.exchange = exchange;
        if result.is_err() {
            self.aborted = true;
        }
        result
    }

    /// The extension of type `T`, if a module left one.
    pub fn extension<T: Any>(&self) -> Option<&T> {
        self.extensions.iter().find_map(|e| e.downcast_ref())
    }

    /// The same, to change it.
    pub fn extension_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.extensions.iter_mut().find_map(|e| e.downcast_mut())
    }

    /// A later time of modification counts.
    pub fn update_mtime(&mut self, time: SystemTime) {
        if self.mtime.is_none_or(|known| time > known) {
            self.mtime = Some(time);
        }
    }

    /// The last component of the file name.
    pub fn file_base(&self) -> &[u8] {
        let name = self.filename.as_slice();
        name.rfind_byte(b'/')
            .map_or(name, |slash| &name[slash + 1..])
    }

    /// A field of the response, whichever table it is in.
    pub fn response_field(&self, name: &str) -> Option<&bstr::BStr> {
        self.headers_out
            .get(name)
            .or_else(|| self.err_headers_out.get(name))
    }
}
