//! `LogFormat`: the `%` language, read into a row of parts once, with the configuration.

use crate::hooks::provider::LogItem;

/// A format that was read.
#[derive(Clone, Debug, Default)]
pub struct Format(pub(super) Vec<Part>);

/// A piece of a line.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(Vec<u8>),
    Item(Item),
}

/// An item, with what stands between `%` and its letter.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub value: Value,
    /// `%<`: of the request as it came, and not (`%>`) as it was answered, where internal redirects came between.
    pub original: bool,
    /// `%404,500`: only for these; empty: for all.
    pub statuses: Vec<u16>,
    /// `%!404,500`: only for others.
    pub except: bool,
}

/// What an item shows. With `true`, an address is that of the socket, whomever a proxy named.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Client(bool),
    Local,
    Host(bool),
    Ident,
    User,
    Time(When, Clock),
    Took(Unit),
    Line,
    Method,
    Path,
    Query,
    Protocol,
    Status,
    /// `%b`, where nothing is `-`, and `%B`, where it is `0`.
    Bytes {
        dash: bool,
    },
    Server,
    HostName,
    Port(Port),
    Process(Process),
    Connection,
    KeptAlive,
    File,
    Handler,
    Id(bool),
    Cookie(String),
    Variable(String),
    RequestField(String),
    ResponseField(String),
    RequestTrailer(String),
    ResponseTrailer,
    Note(String),
    /// An argument that means nothing stands for itself.
    Echo(String),
    OfModule(OfModule),
}

/// An item that another module offers, with its argument.
#[derive(Clone)]
pub(super) struct OfModule(pub LogItem, pub String);

impl std::fmt::Debug for OfModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OfModule({:?})", self.1)
    }
}

/// Which moment `%t` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Begin,
    End,
}

/// How `%t` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// `[25/Nov/2026:09:55:36 +0000]`
    Common,
    Seconds,
    Milliseconds,
    Microseconds,
    MillisecondsOfSecond,
    MicrosecondsOfSecond,
    /// By strftime(3).
    Form(String),
}

/// The unit of `%T` and `%D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

/// Which port `%p` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Canonical,
    Local,
    Remote,
}

/// Which number `%P` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Id,
    Thread,
    ThreadHex,
}

const CUT_SHORT: &str = "Ran off end of LogFormat parsing args to some directive";

impl Format {
    /// Reads a format; `offered` knows the items of other modules by name (`I`, `^FB`).
    pub fn parse(text: &str, offered: &dyn Fn(&str) -> Option<LogItem>) -> Result<Format, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            rest = match rest.strip_prefix('%') {
                Some(after) if after.starts_with('%') => {
                    push_text(&mut parts, b"%");
                    &after[1..]
                }
                Some(after) => {
                    let (item, after) = item(after, offered)?;
                    parts.push(Part::Item(item));
                    after
                }
                None => {
                    let end = rest.find('%').unwrap_or(rest.len());
                    push_text(&mut parts, &unescaped(&rest[..end]));
                    &rest[end..]
                }
            };
        }
        Ok(Format(parts))
    }
}

fn push_text(parts: &mut Vec<Part>, text: &[u8]) {
    match parts.last_mut() {
        Some(Part::Text(known)) => known.extend_from_slice(text),
        _ => parts.push(Part::Text(text.to_vec())),
    }
}

/// `\n`, `\r`, `\t` and `\\`; any other backslash stays.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'\\') | None => out.push(b'\\'),
            Some(other) => out.extend_from_slice(&[b'\\', other]),
        }
    }
    out
}

/// Reads what follows a `%`, up to and with the letter.
fn item<'t>(
    text: &'t str,
    offered: &dyn Fn(&str) -> Option<LogItem>,
) -> Result<(Item, &'t str), String> {
    let mut argument = String::new();
    let (mut original, mut except, mut statuses) = (None, false, Vec::new());
    let mut rest = text;
    loop {
        let letter = rest.chars().next().ok_or(CUT_SHORT)?;
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '!' => {
                except = !except;
                after
            }
            '<' => {
                original = Some(true);
                after
            }
            '>' => {
                original = Some(false);
                after
            }
            ',' => after,
            '{' => {
                let (inside, after) = after.split_once('}').ok_or(CUT_SHORT)?;
                argument = inside.replace("\\n", "\n").replace("\\t", "\t");
                after
            }
            '0'..='9' => {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                statuses.extend(rest[..end].parse::<u16>().ok());
                &rest[end..]
            }
            _ => {
                let (name, after) = name(rest)?;
                let (value, usual) = value(name, argument, offered)?;
                let item = Item {
                    value,
                    original: original.unwrap_or(usual),
                    statuses,
                    except,
                };
                return Ok((item, after));
            }
        };
    }
}

/// A letter, or `^` and two.
fn name(text: &str) -> Result<(&str, &str), String> {
    let count = if text.starts_with('^') { 3 } else { 1 };
    let end = text
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(index, _)| index);
    if text[..end].chars().count() < count {
        return Err("Unrecognized LogFormat directive %^".into());
    }
    Ok(text.split_at(end))
}

/// The value of a name, and whether it is usually that of the request as it came.
fn value(
    name: &str,
    a: String,
    offered: &dyn Fn(&str) -> Option<LogItem>,
) -> Result<(Value, bool), String> {
    Ok(match name {
        "a" => (Value::Client(a == "c"), false),
        "A" => (Value::Local, false),
        "h" => (Value::Host(a == "c"), false),
        "l" => (Value::Ident, false),
        "u" => (Value::User, false),
        "t" => (time(&a), false),
        "D" => (Value::Took(Unit::Microseconds), true),
        "T" => (took(a), true),
        "r" => (Value::Line, true),
        "m" => (Value::Method, false),
        "U" => (Value::Path, true),
        "q" => (Value::Query, false),
        "H" => (Value::Protocol, false),
        "s" => (Value::Status, true),
        "b" => (Value::Bytes { dash: true }, false),
        "B" => (Value::Bytes { dash: false }, false),
        "v" => (Value::Server, false),
        "V" => (Value::HostName, false),
        "p" => (port(a), false),
        "P" => (process(a), false),
        "X" => (Value::Connection, false),
        "k" => (Value::KeptAlive, false),
        "f" => (Value::File, false),
        "R" => (Value::Handler, true),
        "L" => (Value::Id(a == "c"), true),
        "C" => (Value::Cookie(a), false),
        "e" => (Value::Variable(a), false),
        "i" => (Value::RequestField(a), false),
        "o" => (Value::ResponseField(a), false),
        "n" => (Value::Note(a), false),
        "^ti" => (Value::RequestTrailer(a), false),
        "^to" => (Value::ResponseTrailer, false),
        _ => match offered(name) {
            Some(item) => (Value::OfModule(OfModule(item, a)), false),
            None => return Err(format!("Unrecognized LogFormat directive %{name}")),
        },
    })
}

fn time(argument: &str) -> Value {
    let moment = |word: &str, when: When| {
        let rest = argument.strip_prefix(word)?;
        match rest.strip_prefix(':') {
            Some(form) => Some((when, form)),
            None if rest.is_empty() => Some((when, "")),
            None => None,
        }
    };
    let found = moment("begin", When::Begin).or_else(|| moment("end", When::End));
    let (when, form) = found.unwrap_or((When::Begin, argument));
    let clock = match form {
        "" => Clock::Common,
        "sec" => Clock::Seconds,
        "msec" => Clock::Milliseconds,
        "usec" => Clock::Microseconds,
        "msec_frac" => Clock::MillisecondsOfSecond,
        "usec_frac" => Clock::MicrosecondsOfSecond,
        form => Clock::Form(form.to_owned()),
    };
    Value::Time(when, clock)
}

fn took(argument: String) -> Value {
    match argument.as_str() {
        "" | "s" => Value::Took(Unit::Seconds),
        "ms" => Value::Took(Unit::Milliseconds),
        "us" => Value::Took(Unit::Microseconds),
        _ => Value::Echo(argument),
    }
}

fn port(argument: String) -> Value {
    match argument.to_ascii_lowercase().as_str() {
        "" | "canonical" => Value::Port(Port::Canonical),
        "local" => Value::Port(Port::Local),
        "remote" => Value::Port(Port::Remote),
        _ => Value::Echo(argument),
    }
}

fn process(argument: String) -> Value {
    match argument.to_ascii_lowercase().as_str() {
        "" | "pid" => Value::Process(Process::Id),
        "tid" => Value::Process(Process::Thread),
        "hextid" => Value::Process(Process::ThreadHex),
        _ => Value::Echo(argument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Part>, String> {
        Format::parse(text, &|_| None).map(|format| format.0)
    }

    fn only(text: &str) -> Item {
        match parse(text).expect("a format").as_slice() {
            [Part::Item(item)] => item.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn conditions_and_redirects() {
        let item = only("%!200,304{User-agent}i");
        assert!(item.except && item.statuses == [200, 304] && !item.original);
        assert!(matches!(item.value, Value::RequestField(name) if name == "User-agent"));
        assert!(only("%s").original && !only("%>s").original && only("%><b").original);
        assert!(!only("%!!404s").except);
    }

    #[test]
    fn text_is_joined_and_unescaped() {
        let parts = parse("a\\tb%%\\d\\\\\\").expect("a format");
        assert!(
            matches!(parts.as_slice(), [Part::Text(text)] if text == b"a\tb%\\d\\\\"),
            "{parts:?}"
        );
    }

    #[test]
    fn mistakes_are_told_as_apache_tells_them() {
        let error = |text: &str| parse(text).expect_err("a mistake");
        assert_eq!(error("%Q"), "Unrecognized LogFormat directive %Q");
        for text in ["%", "%{foo", "%200", "%!"] {
            assert_eq!(error(text), CUT_SHORT, "{text}");
        }
        assert!(error("%^x").starts_with("Unrecognized LogFormat directive %^"));
        assert_eq!(error("%^FB"), "Unrecognized LogFormat directive %^FB");
    }

    #[test]
    fn times() {
        let shown = |argument: &str| match time(argument) {
            Value::Time(when, clock) => (when, clock),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(""), (When::Begin, Clock::Common));
        assert_eq!(shown("end"), (When::End, Clock::Common));
        assert_eq!(shown("end:msec"), (When::End, Clock::Milliseconds));
        assert_eq!(shown("beginx"), (When::Begin, Clock::Form("beginx".into())));
        assert_eq!(
            shown("usec_frac"),
            (When::Begin, Clock::MicrosecondsOfSecond)
        );
    }

    #[test]
    fn arguments_that_mean_nothing_stand_for_themselves() {
        assert!(matches!(only("%{xx}T").value, Value::Echo(text) if text == "xx"));
        assert!(matches!(
            only("%{ms}T").value,
            Value::Took(Unit::Milliseconds)
        ));
    }
}
