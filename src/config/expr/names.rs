//! The names of the language: variables, functions, tests on files, parts of the time.

use super::ast::{Test, Word};

macro_rules! variables {
    ($($variant:ident = $name:literal $(| $alias:literal)*, $about:literal;)*) => {
        /// A variable that the request, its connection or the server gives.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Variable {
            $(#[doc = $about] $variant,)*
        }

        impl Variable {
            /// The name, as it stands between `%{` and `}`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Variable::$variant => $name,)*
                }
            }
        }

        /// Every name that stands for a [`Variable`].
        const VARIABLES: &[(&str, Variable)] = &[
            $(($name, Variable::$variant), $(($alias, Variable::$variant),)*)*
        ];
    };
}

variables! {
    RequestMethod = "REQUEST_METHOD", "The method, such as `GET`.";
    RequestScheme = "REQUEST_SCHEME", "The scheme of the URL.";
    RequestUri = "REQUEST_URI" | "DOCUMENT_URI", "The path of the URL, decoded, without the query.";
    RequestFilename = "REQUEST_FILENAME" | "SCRIPT_FILENAME",
        "The file the URL was mapped to; before that, the path of the URL.";
    PathInfo = "PATH_INFO", "What follows the file in the path.";
    QueryString = "QUERY_STRING", "The query, without its question mark.";
    LastModified = "LAST_MODIFIED", "When the file changed, as `20101231235959`.";
    ScriptUser = "SCRIPT_USER", "The name of the file's owner.";
    ScriptGroup = "SCRIPT_GROUP", "The name of the file's group.";
    IsSubrequest = "IS_SUBREQ", "`true` in a sub-request, else `false`.";
    TheRequest = "THE_REQUEST", "The request line.";
    RemoteAddr = "REMOTE_ADDR", "The client's address.";
    RemotePort = "REMOTE_PORT", "The client's port.";
    RemoteHost = "REMOTE_HOST", "The client's name, or its address.";
    RemoteUser = "REMOTE_USER", "The user that authentication named.";
    RemoteIdent = "REMOTE_IDENT", "The user that ident named.";
    ServerName = "SERVER_NAME", "The name of the server, as UseCanonicalName has it.";
    ServerPort = "SERVER_PORT", "The port, as UseCanonicalPhysicalPort has it.";
    ServerAdmin = "SERVER_ADMIN", "The argument of ServerAdmin.";
    ServerProtocol = "SERVER_PROTOCOL", "The protocol, such as `HTTP/1.1`.";
    ServerProtocolVersion = "SERVER_PROTOCOL_VERSION", "Its version as one number: 1001 is 1.1.";
    ServerProtocolVersionMajor = "SERVER_PROTOCOL_VERSION_MAJOR", "The number before the dot.";
    ServerProtocolVersionMinor = "SERVER_PROTOCOL_VERSION_MINOR", "The number after the dot.";
    DocumentRoot = "DOCUMENT_ROOT", "The argument of DocumentRoot.";
    AuthType = "AUTH_TYPE", "How the user was authenticated.";
    ContentType = "CONTENT_TYPE", "The response's media type.";
    Handler = "HANDLER", "The handler's name.";
    RequestStatus = "REQUEST_STATUS", "The response's status.";
    RequestLogId = "REQUEST_LOG_ID", "The request's number in the error log.";
    ContextPrefix = "CONTEXT_PREFIX", "The part of the URL that was mapped.";
    ContextDocumentRoot = "CONTEXT_DOCUMENT_ROOT", "What it was mapped to.";
    Https = "HTTPS", "`on` or `off`.";
    Http2 = "HTTP2", "`on` or `off`.";
    Ipv6 = "IPV6", "`on` or `off`.";
    ConnLogId = "CONN_LOG_ID", "The connection's number in the error log.";
    ConnRemoteAddr = "CONN_REMOTE_ADDR", "The address of the connection's other end.";
    ServerSoftware = "SERVER_SOFTWARE", "What the server calls itself.";
}

/// Variables that are request headers, and so belong in `Vary`.
const HEADERS: &[(&str, &str)] = &[
    ("HTTP_ACCEPT", "Accept"),
    ("HTTP_COOKIE", "Cookie"),
    ("HTTP_FORWARDED", "Forwarded"),
    ("HTTP_HOST", "Host"),
    ("HTTP_PROXY_CONNECTION", "Proxy-Connection"),
    ("HTTP_REFERER", "Referer"),
    ("HTTP_USER_AGENT", "User-Agent"),
];

/// A part of the local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Weekday,
    All,
}

const TIMES: &[(&str, TimePart)] = &[
    ("TIME_YEAR", TimePart::Year),
    ("TIME_MON", TimePart::Month),
    ("TIME_DAY", TimePart::Day),
    ("TIME_HOUR", TimePart::Hour),
    ("TIME_MIN", TimePart::Minute),
    ("TIME_SEC", TimePart::Second),
    ("TIME_WDAY", TimePart::Weekday),
    ("TIME", TimePart::All),
];

/// The date of the module interface that `%{API_VERSION}` gives: that of the 2.4 releases.
const API_VERSION: &str = "20120211";

/// A point in time as the server's clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    pub year: i32,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// From 0, which is Sunday.
    pub weekday: u8,
}

impl LocalTime {
    pub(super) fn part(&self, part: TimePart) -> String {
        match part {
            TimePart::Year => format!("{:04}", self.year),
            TimePart::Month => format!("{:02}", self.month),
            TimePart::Day => format!("{:02}", self.day),
            TimePart::Hour => format!("{:02}", self.hour),
            TimePart::Minute => format!("{:02}", self.minute),
            TimePart::Second => format!("{:02}", self.second),
            TimePart::Weekday => self.weekday.to_string(),
            TimePart::All => format!(
                "{:04}{:02}{:02}{:02}{:02}{:02}",
                self.year, self.month, self.day, self.hour, self.minute, self.second
            ),
        }
    }
}

/// The word that a variable's name stands for, without those of modules. The name's case does not matter.
pub(super) fn variable(name: &str, vary: bool) -> Option<Word> {
    let found = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some(&(_, header)) = HEADERS.iter().find(|entry| found(entry.0)) {
        return Some(Word::RequestHeader { name: header, vary });
    }
    if let Some(&(_, part)) = TIMES.iter().find(|entry| found(entry.0)) {
        return Some(Word::Time(part));
    }
    if found("API_VERSION") {
        return Some(Word::Literal(API_VERSION.as_bytes().into()));
    }
    VARIABLES
        .iter()
        .find(|entry| found(entry.0))
        .map(|entry| Word::Variable(entry.1))
}

/// Every name that [`variable`] knows, for suggestions.
pub(super) fn variable_names<'n>() -> impl Iterator<Item = &'n str> {
    let times = TIMES.iter().map(|entry| entry.0);
    let headers = HEADERS.iter().map(|entry| entry.0);
    let variables = VARIABLES.iter().map(|entry| entry.0);
    variables.chain(headers).chain(times).chain(["API_VERSION"])
}

/// A function whose value is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    RequestHeader { vary: bool },
    ResponseHeader,
    RequestEnv,
    OsEnv,
    Note,
    Env,
    ToLower,
    ToUpper,
    Escape,
    Unescape,
    Base64,
    Unbase64,
    Md5,
    Sha1,
    File,
    FileModified,
    FileSize,
    Ldap,
    Replace,
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("req", Function::RequestHeader { vary: true }),
    ("http", Function::RequestHeader { vary: true }),
    ("req_novary", Function::RequestHeader { vary: false }),
    ("resp", Function::ResponseHeader),
    ("reqenv", Function::RequestEnv),
    ("v", Function::RequestEnv),
    ("osenv", Function::OsEnv),
    ("note", Function::Note),
    ("env", Function::Env),
    ("tolower", Function::ToLower),
    ("toupper", Function::ToUpper),
    ("escape", Function::Escape),
    ("unescape", Function::Unescape),
    ("base64", Function::Base64),
    ("unbase64", Function::Unbase64),
    ("md5", Function::Md5),
    ("sha1", Function::Sha1),
    ("file", Function::File),
    ("filemod", Function::FileModified),
    ("filesize", Function::FileSize),
    ("ldap", Function::Ldap),
    ("replace", Function::Replace),
];

/// The function of a name, whose case does not matter.
pub(super) fn function(name: &str) -> Option<Function> {
    FUNCTIONS
        .iter()
        .find(|entry| entry.0.eq_ignore_ascii_case(name))
        .map(|entry| entry.1)
}

/// Every name that [`function`] knows, for suggestions.
pub(super) fn function_names<'n>() -> impl Iterator<Item = &'n str> {
    FUNCTIONS.iter().map(|entry| entry.0)
}

impl Function {
    pub(super) fn arguments(self) -> usize {
        match self {
            Function::Replace => 3,
            _ => 1,
        }
    }

    /// Whether it tells about files, which some places forbid.
    pub(super) fn is_restricted(self) -> bool {
        matches!(
            self,
            Function::File | Function::FileModified | Function::FileSize
        )
    }
}

/// A test on the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTest {
    /// `-d`: a directory.
    Directory,
    /// `-e`: anything that exists.
    Exists,
    /// `-f`: a regular file.
    Regular,
    /// `-s`: a regular file that is not empty.
    NotEmpty,
    /// `-L`, `-h`: a symbolic link.
    Link,
    /// `-x`: executable by someone.
    Executable,
}

/// The tests on one word, but for `-R`, whose word is read at once.
const TESTS: &[(u8, Test)] = &[
    (b'n', Test::NotEmpty),
    (b'z', Test::Empty),
    (b'T', Test::True),
    (b'd', Test::File(FileTest::Directory)),
    (b'e', Test::File(FileTest::Exists)),
    (b'f', Test::File(FileTest::Regular)),
    (b's', Test::File(FileTest::NotEmpty)),
    (b'L', Test::File(FileTest::Link)),
    (b'h', Test::File(FileTest::Link)),
    (b'x', Test::File(FileTest::Executable)),
    (b'F', Test::FileReachable),
    (b'U', Test::UrlReachable),
    (b'A', Test::UrlReachable),
];

/// The test of a letter.
pub(super) fn test(letter: u8) -> Option<Test> {
    TESTS
        .iter()
        .find(|entry| entry.0 == letter)
        .map(|entry| entry.1)
}
