//! The core module: the directives that Apache gives to `core`, and the handlers that serve files and answer OPTIONS and
//! TRACE. What the directives leave behind stands in `src/config/core.rs`.

mod directory;
mod filters;
mod handlers;
mod limits;
mod names;
mod process;
mod sections;
mod server;
pub mod so;

use httpd_internal::*;

/// Short names for the tables of this folder.
mod httpd_internal {
    pub use crate::config::directive::{Arity, Cmd, Directive, Scope};
    pub use crate::hooks::module::Module;
    pub use crate::hooks::{HookEntry, Order, Phase};
}

/// `core.c`.
pub static MODULE: Module = Module {
    name: "core.c",
    identifier: "core_module",
    directives: DIRECTIVES,
    filters: filters::CORE,
    hooks: &[
        HookEntry::request(Phase::Translate, handlers::translate).order(Order::ReallyLast),
        HookEntry::request(Phase::Handler, handlers::serve_file).order(Order::ReallyLast),
    ],
    ..Module::EMPTY
};

/// `http_core.c`.
pub static HTTP_CORE: Module = Module {
    name: "http_core.c",
    identifier: "http_module",
    directives: HTTP_DIRECTIVES,
    filters: filters::HTTP,
    hooks: &[
        HookEntry::request(Phase::MapToStorage, handlers::map_methods).order(Order::First),
        HookEntry::request(Phase::Handler, handlers::options)
            .order(Order::ReallyLast)
            .before(&["core.c"]),
    ],
    ..Module::EMPTY
};

/// Only inside sections, as Apache's ACCESS_CONF.
const ACCESS: Scope = Scope::ACCESS_CONF;
/// Server, virtual host and sections.
const ANY_CONF: Scope = Scope::RSRC_CONF.or(Scope::ACCESS_CONF);

macro_rules! row {
    ($name:literal, $scope:expr, $arity:ident, $set:expr, $help:literal) => {
        Directive::new($name, $scope, Arity::$arity, $set, $help)
    };
}

/// A row for `-L` and `<IfDirective>`: the reader itself carries these out.
fn read_time(cmd: &mut Cmd<'_>) -> Result<(), String> {
    Err(format!(
        "{} is carried out while the files are read",
        cmd.directive.name
    ))
}

const READ: Scope = Scope::EXEC_ON_READ.or(Scope::RSRC_CONF);
const READ_ANY: Scope = Scope::EXEC_ON_READ.or(Scope::ALL);

#[rustfmt::skip]
static DIRECTIVES: &[Directive] = &[
    row!("<Directory", Scope::RSRC_CONF, Raw, sections::directory, "a folder, or a wildcard pattern of folders, and all below"),
    row!("<DirectoryMatch", Scope::RSRC_CONF, Raw, sections::directory_match, "folders that match a regular expression"),
    row!("<Location", Scope::RSRC_CONF, Raw, sections::location, "a URL path, and all below"),
    row!("<LocationMatch", Scope::RSRC_CONF, Raw, sections::location_match, "URL paths that match a regular expression"),
    row!("<Files", Scope::ALL, Raw, sections::files, "files of a name, or of a wildcard pattern"),
    row!("<FilesMatch", Scope::ALL, Raw, sections::files_match, "files whose names match a regular expression"),
    row!("<If", Scope::ALL, Raw, sections::condition, "requests for which an expression holds"),
    row!("<ElseIf", Scope::ALL, Raw, sections::else_condition, "requests for which this expression holds and none before it did"),
    row!("<Else", Scope::ALL, Raw, sections::otherwise, "requests for which no expression before held"),
    row!("<Limit", Scope::LIMIT.or(Scope::AUTHCFG), Raw, sections::limit, "methods that the access rules inside are for"),
    row!("<LimitExcept", Scope::LIMIT.or(Scope::AUTHCFG), Raw, sections::limit_except, "methods that the access rules inside are not for"),
    row!("<VirtualHost", Scope::SERVER, Raw, sections::virtual_host, "addresses and ports of a virtual host"),
    row!("<IfDefine", READ_ANY, Raw, read_time, "lines that count if a name is defined"),
    row!("<IfModule", READ_ANY, Raw, read_time, "lines that count if a module is active"),
    row!("<IfFile", READ_ANY, Raw, read_time, "lines that count if a file exists"),
    row!("<IfDirective", READ_ANY, Raw, read_time, "lines that count if a directive is known"),
    row!("<IfSection", READ_ANY, Raw, read_time, "lines that count if a section is known"),
    row!("Include", READ.or(ACCESS), Take1, read_time, "a file, a folder or a pattern of files to read here"),
    row!("IncludeOptional", READ.or(ACCESS), Take1, read_time, "the same; it may match nothing"),
    row!("Define", READ, Take12, read_time, "a name, and a value for it"),
    row!("UnDefine", READ, Take1, read_time, "a name to forget"),
    row!("ServerRoot", READ.or(Scope::GLOBAL), Take1, read_time, "the folder that relative names begin at"),
    row!("DefaultRuntimeDir", READ.or(Scope::GLOBAL), Take1, read_time, "the folder of pid file, locks and sockets"),
    row!("Error", Scope::ALL, Raw, process::error, "a message to refuse the configuration with"),

    row!("DocumentRoot", Scope::RSRC_CONF, Take1, server::document_root, "the folder of the files to serve"),
    row!("ServerName", Scope::RSRC_CONF, Take1, names::server_name, "the host name and port of the server"),
    row!("ServerAlias", Scope::RSRC_CONF, Raw, names::server_alias, "other names of a virtual host"),
    row!("ServerPath", Scope::RSRC_CONF, Take1, names::server_path, "a path by which clients without Host reach a virtual host"),
    row!("ServerAdmin", Scope::RSRC_CONF, Take1, names::server_admin, "the address shown to people who see an error"),
    row!("NameVirtualHost", Scope::SERVER, Take1, names::name_virtual_host, "an address; not needed since 2.3.11"),
    row!("Port", Scope::RSRC_CONF, Take1, names::port, "nothing any more: use Listen and ServerName"),
    row!("ErrorLog", Scope::RSRC_CONF, Take12, server::error_log, "a file, a program or syslog"),
    row!("ErrorLogFormat", Scope::RSRC_CONF, Take12, server::error_log_format, "how lines of the error log look"),
    row!("LogLevel", ANY_CONF, Iterate, directory::log_level, "which messages are kept"),
    row!("AccessFileName", Scope::RSRC_CONF, Raw, server::access_file_name, "the name of per-directory files"),
    row!("Protocol", Scope::RSRC_CONF, Take1, server::protocol, "http or https"),
    row!("Protocols", Scope::RSRC_CONF, Iterate, server::protocols, "the protocols that may be spoken"),
    row!("ProtocolsHonorOrder", Scope::RSRC_CONF, Take1, server::protocols_honor_order, "On or Off: whose preference counts"),
    row!("UseCanonicalName", ANY_CONF, Take1, directory::canonical_name, "On, Off or DNS: where the server's own name comes from"),
    row!("UseCanonicalPhysicalPort", ANY_CONF, Take1, directory::canonical_port, "On or Off: whether the real port may be named"),
    row!("HostnameLookups", ANY_CONF, Take1, directory::hostname_lookups, "On, Off or Double: names of clients"),
    row!("MergeSlashes", Scope::RSRC_CONF, Flag, server::merge_slashes, "whether // in a path is /"),
    row!("MergeTrailers", Scope::RSRC_CONF, Flag, server::merge_trailers, "whether trailer fields join the header's"),
    row!("StrictHostCheck", Scope::RSRC_CONF, Flag, server::strict_host_check, "whether a host that no server has is refused"),
    row!("AllowEncodedSlashes", Scope::RSRC_CONF, Take1, server::encoded_slashes, "On, Off or NoDecode: %2F in paths"),
    row!("FlushMaxThreshold", Scope::RSRC_CONF, Take1, limits::flush_threshold, "bytes that wait at most for more"),
    row!("FlushMaxPipelined", Scope::RSRC_CONF, Take1, limits::flush_pipelined, "responses that wait at most for more"),
    row!("ReadBufferSize", ANY_CONF, Take1, limits::read_buffer, "bytes of a buffer for reading"),

    row!("AllowOverride", ACCESS.or(Scope::NOT_IN_FILES), Raw, directory::allow_override, "kinds of directives that per-directory files may have"),
    row!("AllowOverrideList", ACCESS.or(Scope::NOT_IN_FILES), Argv, directory::allow_override_list, "directives that per-directory files may have"),
    row!("Options", Scope::OPTIONS, Raw, directory::options, "what is allowed here"),
    row!("AcceptPathInfo", Scope::FILEINFO, Take1, directory::accept_path_info, "On, Off or Default: whether a path may go on behind a file"),
    row!("AddDefaultCharset", Scope::FILEINFO, Take1, directory::default_charset, "a charset for text, or Off"),
    row!("DefaultType", Scope::FILEINFO, Take1, directory::default_type, "none; other values had a meaning once"),
    row!("ForceType", Scope::FILEINFO, Take1, directory::force_type, "a media type for all files here"),
    row!("SetHandler", Scope::FILEINFO, Take1, directory::set_handler, "who answers all requests here"),
    row!("SetOutputFilter", Scope::FILEINFO, Take1, directory::output_filter, "filters for responses, with ; between"),
    row!("SetInputFilter", Scope::FILEINFO, Take1, directory::input_filter, "filters for request bodies, with ; between"),
    row!("ErrorDocument", Scope::FILEINFO, Take2, directory::error_document, "a status, and a text, path or URL"),
    row!("FileETag", Scope::FILEINFO, Raw, directory::file_etag, "what entity tags of files are made from"),
    row!("EnableMMAP", Scope::FILEINFO, Flag, directory::enable_mmap, "whether files may be mapped to memory"),
    row!("EnableSendfile", Scope::FILEINFO, Flag, directory::enable_sendfile, "whether the kernel may send files by itself"),
    row!("ContentDigest", Scope::OPTIONS, Flag, directory::content_digest, "whether responses carry Content-MD5"),
    row!("ServerSignature", Scope::ALL, Take1, directory::signature, "On, Off or EMail: a line below pages the server makes"),
    row!("CGIPassAuth", Scope::AUTHCFG, Flag, directory::cgi_pass_auth, "whether programs see the Authorization field"),
    row!("CGIVar", Scope::FILEINFO, Take2, directory::cgi_var, "REQUEST_URI and where it comes from"),
    row!("CGIMapExtension", Scope::FILEINFO, Take23, process::netware_only, "a program and an extension, on NetWare"),
    row!("ScriptInterpreterSource", Scope::FILEINFO, Take1, process::windows_only, "Script, Registry or Registry-Strict, on Windows"),
    row!("QualifyRedirectURL", Scope::FILEINFO, Flag, directory::qualify_redirect, "whether REDIRECT_URL is an absolute URL"),

    row!("LimitRequestBody", Scope::ALL, Take1, limits::request_body, "bytes of a request's body"),
    row!("LimitXMLRequestBody", Scope::ALL, Take1, limits::xml_body, "bytes of an XML body"),
    row!("LimitInternalRecursion", Scope::RSRC_CONF, Take12, limits::recursion, "internal redirects, and nested sub-requests"),
    row!("MaxRanges", ANY_CONF, Take1, limits::max_ranges, "ranges of one request"),
    row!("MaxRangeOverlaps", ANY_CONF, Take1, limits::max_overlaps, "overlapping ranges of one request"),
    row!("MaxRangeReversals", ANY_CONF, Take1, limits::max_reversals, "ranges of one request that go back"),
    row!("RLimitCPU", Scope::ALL, Take12, limits::rlimit_cpu, "seconds of CPU time of a program: soft, hard or max"),
    row!("RLimitMEM", Scope::ALL, Take12, limits::rlimit_mem, "bytes of memory of a program: soft, hard or max"),
    row!("RLimitNPROC", Scope::ALL, Take12, limits::rlimit_nproc, "processes of a program's user: soft, hard or max"),

    row!("AcceptFilter", Scope::SERVER, Take2, process::accept_filter, "a protocol, and what the kernel waits for before it hands on connections"),
    row!("ExtendedStatus", Scope::SERVER, Flag, process::extended_status, "whether the scoreboard tells details"),
    row!("SeeRequestTail", Scope::SERVER, Flag, process::see_request_tail, "whether the scoreboard keeps the end of long request lines"),
    row!("OpenFileCache", Scope::SERVER, Take1, process::open_file_cache, "Off, On or Timed: whether files served a moment ago are remembered"),
    row!("OpenFileCacheEntries", Scope::SERVER, Take1, process::open_file_cache_entries, "files that a process remembers at most"),
    row!("OpenFileCacheBytes", Scope::SERVER, Take1, process::open_file_cache_bytes, "bytes of contents that a process remembers at most"),
    row!("OpenFileCacheValid", Scope::SERVER, Take1, process::open_file_cache_valid, "seconds after which a file is read anew in any case"),
    row!("ServerTokens", Scope::SERVER, Take1, process::server_tokens, "Full, OS, Minimal, Minor, Major or Prod: what the Server field tells"),
    row!("Mutex", Scope::SERVER, Raw, process::mutex, "a mechanism, and the locks that it is for"),
    row!("RegexDefaultOptions", Scope::SERVER, Raw, process::regex_options, "options of all regular expressions"),
    row!("RegisterHttpMethod", Scope::SERVER, Iterate, process::register_method, "methods that are known"),
    row!("GprofDir", Scope::RSRC_CONF, Take1, process::gprof, "a folder for profiles of gprof builds"),
    row!("UNCList", Scope::SERVER, Argv, process::windows_only, "hosts of network paths, on Windows"),
];

#[rustfmt::skip]
static HTTP_DIRECTIVES: &[Directive] = &[
    row!("TimeOut", Scope::RSRC_CONF, Take1, server::timeout, "seconds that a peer may keep the server waiting"),
    row!("KeepAlive", Scope::RSRC_CONF, Flag, server::keep_alive, "On or Off: several requests on one connection"),
    row!("KeepAliveTimeout", Scope::RSRC_CONF, Take1, server::keep_alive_timeout, "seconds, or milliseconds with ms, to wait for the next request"),
    row!("MaxKeepAliveRequests", Scope::RSRC_CONF, Take1, server::max_keep_alive, "requests on one connection; 0 for any number"),
    row!("LimitRequestLine", Scope::RSRC_CONF, Take1, limits::request_line, "bytes of a request line"),
    row!("LimitRequestFields", Scope::RSRC_CONF, Take1, limits::request_fields, "fields of a request's header"),
    row!("LimitRequestFieldSize", Scope::RSRC_CONF, Take1, limits::field_size, "bytes of a field of a request's header"),
    row!("TraceEnable", Scope::RSRC_CONF, Take1, server::trace, "On, Off or extended"),
    row!("HttpProtocolOptions", Scope::RSRC_CONF, Iterate, server::protocol_options, "Strict or Unsafe, RegisteredMethods or LenientMethods, Allow0.9 or Require1.0"),
];
