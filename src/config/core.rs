//! The records of the directives that the core itself obeys: those of a server and those of a directory.
//!
//! `modules/core` holds the directives' rows and setters; this is what they leave behind.

use super::expr::StringExpr;
use super::section::Section;
use super::value::{pick, Conf};
use crate::log::{Formats, Levels};
use crate::protocol::uri::EncodedSlashes;
use crate::sync::Shared;
use std::path::PathBuf;
use std::time::Duration;

/// `HttpProtocolOptions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtocolOptions {
    /// Unsafe instead of Strict.
    pub lenient: Option<bool>,
    /// RegisteredMethods instead of LenientMethods.
    pub registered_methods: Option<bool>,
    /// Require1.0 instead of Allow0.9.
    pub require_1_0: Option<bool>,
}

/// `TraceEnable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// 405.
    Off,
    /// Without a body.
    On,
    /// With a body of up to 64 KiB.
    Extended,
}

/// What a server or virtual host sets for all of its requests.
#[derive(Clone, Default, Debug)]
pub struct CoreServer {
    /// DocumentRoot.
    pub document_root: Option<PathBuf>,
    /// TimeOut.
    pub timeout: Option<Duration>,
    /// KeepAlive.
    pub keep_alive: Option<bool>,
    /// KeepAliveTimeout.
    pub keep_alive_timeout: Option<Duration>,
    /// MaxKeepAliveRequests, 0 = no limit.
    pub max_keep_alive_requests: Option<u32>,
    /// LimitRequestLine, bytes.
    pub limit_request_line: Option<usize>,
    /// LimitRequestFields, 0 = no limit.
    pub limit_request_fields: Option<usize>,
    /// LimitRequestFieldSize, bytes.
    pub limit_request_field_size: Option<usize>,
    /// LimitInternalRecursion: internal redirects and nested sub-requests.
    pub recursion: Option<(u32, u32)>,
    /// HttpProtocolOptions.
    pub protocol_options: ProtocolOptions,
    /// TraceEnable.
    pub trace: Option<Trace>,
    /// MergeSlashes.
    pub merge_slashes: Option<bool>,
    /// MergeTrailers.
    pub merge_trailers: Option<bool>,
    /// StrictHostCheck.
    pub strict_host_check: Option<bool>,
    /// AllowEncodedSlashes.
    pub encoded_slashes: Option<EncodedSlashes>,
    /// AccessFileName.
    pub access_file_names: Option<Vec<String>>,
    /// Protocols.
    pub protocols: Option<Vec<String>>,
    /// ProtocolsHonorOrder.
    pub protocols_honor_order: Option<bool>,
    /// Protocol: what the listeners speak.
    pub protocol: Option<String>,
    /// FlushMaxThreshold, bytes.
    pub flush_max_threshold: Option<usize>,
    /// FlushMaxPipelined, responses.
    pub flush_max_pipelined: Option<i32>,
    /// `<Directory>`, in file order, those with patterns too.
    pub directories: Vec<Shared<Section>>,
    /// `<Location>`, in file order.
    pub locations: Vec<Shared<Section>>,
    /// ErrorLog: destination as written.
    pub error_log: Option<String>,
    /// ErrorLogFormat: for messages, requests, connections.
    pub error_log_format: Formats,
}

impl CoreServer {
    /// TimeOut with its default.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(60))
    }
    /// KeepAliveTimeout with its default.
    pub fn keep_alive_timeout(&self) -> Duration {
        self.keep_alive_timeout.unwrap_or(Duration::from_secs(5))
    }
}

impl Conf for CoreServer {
    fn merge(&self, over: &Self) -> Self {
        let (b, o) = (self, over);
        let joined =
            |a: &[Shared<Section>], b: &[Shared<Section>]| a.iter().chain(b).cloned().collect();
        CoreServer {
            document_root: pick(&b.document_root, &o.document_root),
            timeout: o.timeout.or(b.timeout),
            keep_alive: o.keep_alive.or(b.keep_alive),
            keep_alive_timeout: o.keep_alive_timeout.or(b.keep_alive_timeout),
            max_keep_alive_requests: o.max_keep_alive_requests.or(b.max_keep_alive_requests),
            limit_request_line: o.limit_request_line.or(b.limit_request_line),
            limit_request_fields: o.limit_request_fields.or(b.limit_request_fields),
            limit_request_field_size: o.limit_request_field_size.or(b.limit_request_field_size),
            recursion: o.recursion.or(b.recursion),
            protocol_options: ProtocolOptions {
                lenient: o.protocol_options.lenient.or(b.protocol_options.lenient),
                registered_methods: o
                    .protocol_options
                    .registered_methods
                    .or(b.protocol_options.registered_methods),
                require_1_0: o
                    .protocol_options
                    .require_1_0
                    .or(b.protocol_options.require_1_0),
            },
            trace: o.trace.or(b.trace),
            merge_slashes: o.merge_slashes.or(b.merge_slashes),
            merge_trailers: o.merge_trailers.or(b.merge_trailers),
            strict_host_check: o.strict_host_check.or(b.strict_host_check),
            encoded_slashes: o.encoded_slashes.or(b.encoded_slashes),
            access_file_names: pick(&b.access_file_names, &o.access_file_names),
            protocols: pick(&b.protocols, &o.protocols),
            protocols_honor_order: o.protocols_honor_order.or(b.protocols_honor_order),
            protocol: pick(&b.protocol, &o.protocol),
            flush_max_threshold: o.flush_max_threshold.or(b.flush_max_threshold),
            flush_max_pipelined: o.flush_max_pipelined.or(b.flush_max_pipelined),
            directories: joined(&b.directories, &o.directories),
            locations: joined(&b.locations, &o.locations),
            error_log: pick(&b.error_log, &o.error_log),
            error_log_format: o.error_log_format.within(&b.error_log_format),
        }
    }
}

/// `Options`, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options(pub u16);

impl Options {
    /// Indexes.
    pub const INDEXES: u16 = 1;
    /// Includes.
    pub const INCLUDES: u16 = 2;
    /// FollowSymLinks.
    pub const FOLLOW: u16 = 4;
    /// ExecCGI.
    pub const EXEC_CGI: u16 = 8;
    /// IncludesNOEXEC.
    pub const INCLUDES_NOEXEC: u16 = 32;
    /// SymLinksIfOwnerMatch.
    pub const OWNER_MATCH: u16 = 64;
    /// MultiViews.
    pub const MULTIVIEWS: u16 = 128;
    /// All but MultiViews.
    pub const ALL: u16 = Self::INDEXES | Self::INCLUDES | Self::FOLLOW | Self::EXEC_CGI;

    /// True if this option is on.
    pub fn has(self, option: u16) -> bool {
        self.0 & option != 0
    }
}

/// One place's Options line: either absolute, or a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionsChange {
    /// Set by a line without signs.
    pub absolute: Option<u16>,
    /// By `+`.
    pub add: u16,
    /// By `-`.
    pub remove: u16,
}

/// `ErrorDocument`.
#[derive(Clone, Debug)]
pub enum ErrorDocument {
    /// Back to the built-in page.
    Default,
    /// A text.
    Text(StringExpr),
    /// A local path.
    Local(StringExpr),
    /// Another server's URL.
    Remote(StringExpr),
}

/// `HostnameLookups`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lookups {
    /// Never.
    #[default]
    Off,
    /// Once.
    On,
    /// And back again.
    Double,
}

/// `UseCanonicalName`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CanonicalName {
    /// From the Host field.
    #[default]
    Off,
    /// From ServerName.
    On,
    /// From the address that the client connected to.
    Dns,
}

/// `ServerSignature`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Signature {
    /// None.
    #[default]
    Off,
    /// Name and port.
    On,
    /// With a mailto link.
    EMail,
}

/// A limit that may be turned off: `MaxRanges` and its relatives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeLimit {
    /// Any number.
    Unlimited,
    /// Ranges are not served at all.
    None,
    /// At most this many.
    Most(usize),
}

/// A soft and a hard limit for programs that are started; `u64::MAX` is `max`.
pub type ResourceLimit = (u64, Option<u64>);

/// What a directory, location, file or condition sets.
#[derive(Clone, Default, Debug)]
pub struct CoreDir {
    /// Options.
    pub options: OptionsChange,
    /// AllowOverride: classes, as scope bits.
    pub allow_override: Option<super::directive::Scope>,
    /// `AllowOverride Options=...`: the options that may be set.
    pub override_options: Option<u16>,
    /// AllowOverrideList, lower case.
    pub override_list: Option<Vec<String>>,
    /// AllowOverride Nonfatal: Override, Unknown.
    pub nonfatal: (bool, bool),
    /// AcceptPathInfo; the inner value is that of `On`/`Off`, none for `Default`.
    pub accept_path_info: Option<Option<bool>>,
    /// AddDefaultCharset; empty for Off.
    pub default_charset: Option<String>,
    /// ContentDigest.
    pub content_digest: Option<bool>,
    /// FileETag.
    pub file_etag: FileEtag,
    /// ForceType; the empty text for None.
    pub force_type: Option<String>,
    /// SetHandler; the empty text for none.
    pub handler: Option<StringExpr>,
    /// SetOutputFilter.
    pub output_filters: Option<Vec<String>>,
    /// SetInputFilter.
    pub input_filters: Option<Vec<String>>,
    /// ErrorDocument, by status.
    pub error_documents: Vec<(u16, ErrorDocument)>,
    /// LimitRequestBody, bytes; 0 = no limit.
    pub limit_request_body: Option<u64>,
    /// LimitXMLRequestBody, bytes; 0 = the highest limit.
    pub limit_xml_body: Option<u64>,
    /// HostnameLookups.
    pub hostname_lookups: Option<Lookups>,
    /// UseCanonicalName.
    pub canonical_name: Option<CanonicalName>,
    /// UseCanonicalPhysicalPort.
    pub canonical_port: Option<bool>,
    /// ServerSignature.
    pub signature: Option<Signature>,
    /// EnableMMAP.
    pub mmap: Option<bool>,
    /// EnableSendfile.
    pub sendfile: Option<bool>,
    /// CGIPassAuth.
    pub cgi_pass_auth: Option<bool>,
    /// CGIVar: name and rule.
    pub cgi_vars: Vec<(String, String)>,
    /// MaxRanges.
    pub max_ranges: Option<RangeLimit>,
    /// MaxRangeOverlaps.
    pub max_overlaps: Option<RangeLimit>,
    /// MaxRangeReversals.
    pub max_reversals: Option<RangeLimit>,
    /// RLimitCPU, seconds.
    pub rlimit_cpu: Option<ResourceLimit>,
    /// RLimitMEM, bytes.
    pub rlimit_mem: Option<ResourceLimit>,
    /// RLimitNPROC.
    pub rlimit_nproc: Option<ResourceLimit>,
    /// LogLevel.
    pub log_levels: Option<Levels>,
    /// QualifyRedirectURL.
    pub qualify_redirect: Option<bool>,
    /// ReadBufferSize, bytes.
    pub read_buffer: Option<usize>,
    /// `<Files>` inside, in order.
    pub files: Vec<Shared<Section>>,
    /// `<If>` inside, in order.
    pub conditions: Vec<Shared<Section>>,
    /// The section's own path or pattern, for directives whose meaning depends on it.
    pub path: Option<String>,
}

/// `FileETag`: components as bits, absolute or as a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEtag {
    /// Without signs.
    pub absolute: Option<u8>,
    /// By `+`.
    pub add: u8,
    /// By `-`.
    pub remove: u8,
}

impl FileEtag {
    /// No tag.
    pub const NONE: u8 = 1;
    /// Modification time.
    pub const MTIME: u8 = 2;
    /// Inode number.
    pub const INODE: u8 = 4;
    /// Size.
    pub const SIZE: u8 = 8;
    /// Digest of the content.
    pub const DIGEST: u8 = 32;

    /// The components in force.
    pub fn bits(&self) -> u8 {
        let base = self.absolute.unwrap_or(Self::MTIME | Self::SIZE);
        (base & !self.remove) | self.add
    }
}

impl CoreDir {
    /// The options in force; FollowSymLinks where nothing was said.
    pub fn options(&self) -> Options {
        let base = self.options.absolute.unwrap_or(Options::FOLLOW);
        Options((base & !self.options.remove) | self.options.add)
    }
}

impl Conf for CoreDir {
    fn merge(&self, over: &Self) -> Self {
        let (b, o) = (self, over);
        let joined =
            |a: &[Shared<Section>], b: &[Shared<Section>]| a.iter().chain(b).cloned().collect();
        CoreDir {
            options: merge_options(b.options, o.options),
            allow_override: o.allow_override.or(b.allow_override),
            override_options: if o.allow_override.is_some() {
                o.override_options
            } else {
                b.override_options
            },
            override_list: pick(&b.override_list, &o.override_list),
            nonfatal: if o.allow_override.is_some() {
                o.nonfatal
            } else {
                b.nonfatal
            },
            accept_path_info: o.accept_path_info.or(b.accept_path_info),
            default_charset: pick(&b.default_charset, &o.default_charset),
            content_digest: o.content_digest.or(b.content_digest),
            file_etag: merge_etag(b.file_etag, o.file_etag),
            force_type: pick(&b.force_type, &o.force_type),
            handler: pick(&b.handler, &o.handler),
            output_filters: pick(&b.output_filters, &o.output_filters),
            input_filters: pick(&b.input_filters, &o.input_filters),
            error_documents: merge_keyed(&b.error_documents, &o.error_documents),
            limit_request_body: o.limit_request_body.or(b.limit_request_body),
            limit_xml_body: o.limit_xml_body.or(b.limit_xml_body),
            hostname_lookups: o.hostname_lookups.or(b.hostname_lookups),
            canonical_name: o.canonical_name.or(b.canonical_name),
            canonical_port: o.canonical_port.or(b.canonical_port),
            signature: o.signature.or(b.signature),
            mmap: o.mmap.or(b.mmap),
            sendfile: o.sendfile.or(b.sendfile),
            cgi_pass_auth: o.cgi_pass_auth.or(b.cgi_pass_auth),
            cgi_vars: merge_keyed(&b.cgi_vars, &o.cgi_vars),
            max_ranges: o.max_ranges.or(b.max_ranges),
            max_overlaps: o.max_overlaps.or(b.max_overlaps),
            max_reversals: o.max_reversals.or(b.max_reversals),
            rlimit_cpu: o.rlimit_cpu.or(b.rlimit_cpu),
            rlimit_mem: o.rlimit_mem.or(b.rlimit_mem),
            rlimit_nproc: o.rlimit_nproc.or(b.rlimit_nproc),
            log_levels: match (&b.log_levels, &o.log_levels) {
                (Some(base), Some(over)) => Some(over.within(base)),
                (base, over) => pick(base, over),
            },
            qualify_redirect: o.qualify_redirect.or(b.qualify_redirect),
            read_buffer: o.read_buffer.or(b.read_buffer),
            files: joined(&b.files, &o.files),
            conditions: joined(&b.conditions, &o.conditions),
            path: pick(&b.path, &o.path),
        }
    }
}

/// An absolute line starts anew, a relative one changes what was there.
fn merge_options(base: OptionsChange, over: OptionsChange) -> OptionsChange {
    if over.absolute.is_some() {
        return over;
    }
    OptionsChange {
        absolute: base.absolute,
        add: (base.add & !over.remove) | over.add,
        remove: (base.remove & !over.add) | over.remove,
    }
}

fn merge_etag(base: FileEtag, over: FileEtag) -> FileEtag {
    if over.absolute.is_some() {
        return over;
    }
    FileEtag {
        absolute: base.absolute,
        add: (base.add & !over.remove) | over.add,
        remove: (base.remove & !over.add) | over.remove,
    }
}

fn merge_keyed<K: PartialEq + Clone, V: Clone>(base: &[(K, V)], over: &[(K, V)]) -> Vec<(K, V)> {
    let kept = base
        .iter()
        .filter(|(key, _)| !over.iter().any(|(k, _)| k == key));
    kept.chain(over).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_add_up() {
        let base = CoreDir {
            options: OptionsChange {
                absolute: Some(Options::INDEXES),
                ..Default::default()
            },
            ..Default::default()
        };
        let over = CoreDir {
            options: OptionsChange {
                absolute: None,
                add: Options::EXEC_CGI,
                remove: Options::INDEXES,
            },
            ..Default::default()
        };
        assert_eq!(base.merge(&over).options(), Options(Options::EXEC_CGI));
        assert_eq!(CoreDir::default().options(), Options(Options::FOLLOW));
    }

    #[test]
    fn error_documents_replace_by_status() {
        let merged = merge_keyed(&[(404, 'a'), (500, 'b')], &[(404, 'c')]);
        assert_eq!(merged, [(500, 'b'), (404, 'c')]);
    }
}
