//! `ErrorLogFormat`: how a line of the error log looks. A format is read once, with the configuration, and rendered
//! for each message that is kept.
//!
//! A format is a row of parts in fields. A blank begins a field, and so does `% `, which itself shows nothing. A part
//! that has nothing to show takes its whole field away with it, blank included: `[client\ %a]` is gone where there is
//! no client.

use super::escape::escape_error;
use super::level::Level;
use super::site::{ConnectionFacts, RequestFacts};
use super::stamp::{self, Style};
use std::io;

/// The line where nothing else is said, for files and programs.
pub(super) const DEFAULT: &str = "[%{u}t] [%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\\ %a] %M\
    % ,\\ referer:\\ %{Referer}i";
/// The same for syslog, which writes the time itself.
pub(super) const DEFAULT_SYSLOG: &str = "[%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\\ %a] %M\
    % ,\\ referer:\\ %{Referer}i";

/// The longest line, with its end. What is longer is cut.
pub(super) const LINE_LIMIT: usize = 8192;

/// What a line can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(Vec<u8>),
    /// `%a`; with `true`, `%{c}a`: the other end of the socket even if a proxy named another client.
    Client(bool),
    Local,
    Variable(String),
    ErrorText,
    Location,
    Header(String),
    KeptAlive,
    Level,
    Id(IdOf),
    Module,
    Message,
    Note(String),
    Process,
    /// `%T`, shown in threaded builds; with `true`, `%{g}T`, always.
    Thread(bool),
    Time(Style),
    Server,
    HostName,
}

/// Whose number `%L` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdOf {
    Request,
    Connection,
    /// The connection's, where no request is known.
    ConnectionAlone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    item: Item,
    /// `%7F`: only for messages of this level number or a more talkative one.
    from_level: u8,
    /// `%+`: the line is not written if there is nothing to show.
    required: bool,
    /// `%-`: shows `-` if there is nothing.
    hyphen: bool,
    /// Begins a field.
    field: bool,
}

impl Part {
    fn new(item: Item) -> Part {
        Part {
            item,
            from_level: 0,
            required: false,
            hyphen: false,
            field: false,
        }
    }
}

/// A format that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Part>);

/// What a line is about; everything but `server` may be missing.
pub(super) struct Scene<'a> {
    pub server: &'a str,
    pub message: Option<Message<'a>>,
    pub connection: Option<&'a dyn ConnectionFacts>,
    pub request: Option<&'a dyn RequestFacts>,
}

/// A message, ready to be put into lines.
pub(super) struct Message<'a> {
    pub module: &'a str,
    pub level: Level,
    pub error: Option<&'a io::Error>,
    pub file: &'a str,
    pub line: u32,
    /// With its number, not yet escaped.
    pub text: &'a [u8],
}

const CUT_SHORT: &str = "Ran off end of error log format parsing args to some directive";

impl Format {
    /// Reads the format of messages. `Err` is Apache's text.
    pub fn parse(format: &str) -> Result<Format, String> {
        let format = Format(parts(format)?);
        match format.shows_message() {
            true => Ok(format),
            false => Err("main ErrorLogFormat must contain message format string '%M'".into()),
        }
    }

    /// Reads the format of a line that is written once for a connection or a request, without a message.
    pub fn parse_once(format: &str) -> Result<Format, String> {
        let format = Format(parts(format)?);
        match format.shows_message() {
            false => Ok(format),
            true => {
                Err("%M cannot be used in once-per-request or once-per-connection formats".into())
            }
        }
    }

    /// Nothing but the message.
    pub(super) fn message_alone() -> Format {
        Format(vec![Part::new(Item::Message)])
    }

    fn shows_message(&self) -> bool {
        self.0.iter().any(|part| part.item == Item::Message)
    }

    /// Appends one line, without its end. False if it is not to be written.
    pub(super) fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        let mut field = begin;
        let mut dropping = false;
        for part in &self.0 {
            if part.field {
                dropping = false;
                field = out.len();
            }
            if part.item == Item::Message {
                part.show(scene, out);
                field = out.len();
            } else if dropping {
                continue;
            } else if part.is_too_detailed(scene) {
                out.truncate(field);
                dropping = true;
            } else if !part.shows(scene, out) {
                if part.required {
                    out.truncate(begin);
                    return false;
                } else if part.hyphen {
                    out.push(b'-');
                } else {
                    out.truncate(field);
                    dropping = true;
                }
            }
        }
        out.truncate(begin + LINE_LIMIT - 1);
        out.len() > begin
    }
}

/// Reads the format as parts.
fn parts(format: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let (part, after) = match first {
            '%' => directive(&rest[1..])?,
            _ => text(rest),
        };
        parts.push(part);
        rest = after;
    }
    Ok(parts)
}

/// Reads text up to the next directive or the next field.
fn text(format: &str) -> (Part, &str) {
    let mut shown = String::new();
    let mut chars = format.char_indices();
    let mut leading = true;
    let mut end = format.len();
    while let Some((index, c)) = chars.next() {
        if c == '%' || (c == ' ' && !leading) {
            end = index;
            break;
        }
        leading = leading && c == ' ';
        match (c, chars.as_str().is_empty()) {
            ('\\', false) => match chars.next() {
                Some((_, 'n')) => shown.push('\n'),
                Some((_, 'r')) => shown.push('\r'),
                Some((_, 't')) => shown.push('\t'),
                Some((_, other)) => shown.push(other),
                None => {}
            },
            _ => shown.push(c),
        }
    }
    let mut part = Part::new(Item::Text(shown.into_bytes()));
    part.field = format.starts_with(' ');
    (part, &format[end..])
}

/// Reads what follows a `%`.
fn directive(format: &str) -> Result<(Part, &str), String> {
    let mut part = Part::new(Item::Text(Vec::new()));
    if let Some(rest) = format.strip_prefix(' ') {
        part.field = true;
        return Ok((part, rest));
    }
    let mut argument = None;
    let mut rest = format;
    loop {
        let c = rest.chars().next().ok_or(CUT_SHORT)?;
        let after = &rest[c.len_utf8()..];
        match c {
            '+' => part.required = true,
            '-' => part.hyphen = true,
            '0'..='9' => {
                let digit = c as u8 - b'0';
                part.from_level = part.from_level.saturating_mul(10).saturating_add(digit);
            }
            '{' => {
                let (inside, after) = after.split_once('}').ok_or(CUT_SHORT)?;
                argument = Some(inside);
                rest = after;
                continue;
            }
            _ => {
                part.item = item(c, argument)?;
                return Ok((part, after));
            }
        }
        rest = after;
    }
}

fn item(letter: char, argument: Option<&str>) -> Result<Item, String> {
    let has = |flag: char| argument.is_some_and(|argument| argument.contains(flag));
    let name = || argument.unwrap_or_default().to_string();
    Ok(match letter {
        '%' => Item::Text(b"%".to_vec()),
        'a' => Item::Client(has('c')),
        'A' => Item::Local,
        'e' => Item::Variable(name()),
        'E' => Item::ErrorText,
        'F' => Item::Location,
        'i' => Item::Header(name()),
        'k' => Item::KeptAlive,
        'l' => Item::Level,
        'L' if has('c') => Item::Id(IdOf::Connection),
        'L' if has('C') => Item::Id(IdOf::ConnectionAlone),
        'L' => Item::Id(IdOf::Request),
        'm' => Item::Module,
        'M' => Item::Message,
        'n' => Item::Note(name()),
        'P' => Item::Process,
        'T' => Item::Thread(has('g')),
        't' => Item::Time(Style {
            micro: has('u'),
            compact: has('c'),
        }),
        'v' => Item::Server,
        'V' => Item::HostName,
        other => return Err(format!("Unrecognized error log format directive %{other}")),
    })
}

impl Part {
    fn is_too_detailed(&self, scene: &Scene<'_>) -> bool {
        let level = scene.message.as_ref().map(|message| message.level as u8);
        level.is_some_and(|level| self.from_level > level)
    }

    /// Appends what there is to show; false if that is nothing.
    fn shows(&self, scene: &Scene<'_>, out: &mut Vec<u8>) -> bool {
        if let Item::Text(text) = &self.item {
            // Text, even none, is never missing: a field of its own needs no content.
            out.extend_from_slice(text);
            return true;
        }
        let before = out.len();
        self.show(scene, out);
        out.len() > before
    }

    fn show(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        match &self.item {
            Item::Message | Item::Level | Item::Module | Item::Location | Item::ErrorText => {
                if let Some(message) = &scene.message {
                    self.show_message(message, out);
                }
            }
            Item::Process => display(std::process::id(), out),
            Item::Thread(always) => {
                if *always || cfg!(threaded) {
                    display(crate::os::clock::thread_id(), out);
                }
            }
            Item::Time(style) => stamp::now(*style, out),
            Item::Server => escape_error(scene.server.as_bytes(), out),
            _ => self.show_client(scene, out),
        }
    }

    fn show_message(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        match &self.item {
            Item::Level => out.extend_from_slice(message.level.name().as_bytes()),
            Item::Module => out.extend_from_slice(message.module.as_bytes()),
            Item::Location => {
                let name = message.file.rsplit(['/', '\\']).next();
                display(
                    format_args!("{}({})", name.unwrap_or_default(), message.line),
                    out,
                );
            }
            Item::ErrorText => {
                if let Some(error) = message.error {
                    display(SystemError(error), out);
                }
            }
            _ => escape_error(message.text, out),
        }
    }

    fn show_client(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        let (connection, request) = (scene.connection, scene.request);
        match &self.item {
            Item::Client(of_socket) => {
                let named = request.filter(|_| !of_socket);
                let named = named.map(|request| request.client());
                if let Some(client) = named.or(connection.map(|connection| connection.peer())) {
                    display(format_args!("{}:{}", client.ip(), client.port()), out);
                }
            }
            Item::Local => {
                if let Some(local) = connection.map(|connection| connection.local()) {
                    display(format_args!("{}:{}", local.ip(), local.port()), out);
                }
            }
            Item::KeptAlive => {
                if let Some(connection) = connection {
                    display(connection.kept_alive(), out);
                }
            }
            Item::Id(of) => {
                let mark = match of {
                    IdOf::Request => request.map(|request| request.mark()),
                    IdOf::ConnectionAlone if request.is_some() => None,
                    _ => connection.map(|connection| connection.mark()),
                };
                if let Some(mark) = mark {
                    out.extend_from_slice(mark.id().as_bytes());
                }
            }
            _ => {
                if let Some(request) = request {
                    self.show_request(request, out);
                }
            }
        }
    }

    fn show_request(&self, request: &dyn RequestFacts, out: &mut Vec<u8>) {
        let value = match &self.item {
            Item::Header(name) => request.header(name),
            Item::Variable(name) => request.variable(name),
            Item::Note(name) => request.note(name),
            Item::HostName => {
                return escape_error(request.host_name().as_bytes(), out);
            }
            _ => None,
        };
        if let Some(value) = value {
            escape_error(&value, out);
        }
    }
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = io::Write::write_fmt(out, format_args!("{value}"));
}

/// An error of the system as Apache shows it: `(13)Permission denied`.
pub struct SystemError<'a>(pub &'a io::Error);

impl std::fmt::Display for SystemError<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = self.0.raw_os_error() {
            write!(f, "({code})")?;
        }
        f.write_str(&os_error_text(self.0))
    }
}

/// An error of the system without its number: `Permission denied`.
pub fn os_error_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(code) = error.raw_os_error() {
        // std puts the number behind the text.
        let tail = format!(" (os error {code})");
        text.truncate(text.strip_suffix(&tail).unwrap_or(&text).len());
    }
    text
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
