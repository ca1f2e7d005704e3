//! The error log: takes a message from wherever it comes, makes a line of it and appends it with one write. It never
//! fails and never gives up: a log that cannot be written costs its lines, which are counted.

use super::batch;
use super::destination::{Destination, Trouble};
use super::escape::{escape_error, Collector};
use super::format::{self, Format, Message, Scene, SystemError, LINE_LIMIT};
use super::level::Level;
use super::site::{Mark, Site};
use super::target::Target;
use crate::sync::Shared;
use std::fmt::{self, Write as _};
use std::io;

/// A message that is to be kept; made by `log!`.
pub struct Event<'a> {
    /// Short name of the module that speaks.
    pub module: &'a str,
    pub level: Level,
    /// Shown as `AH01234: `; 0 shows nothing.
    pub number: u32,
    /// The system's answer, shown as `(13)Permission denied: `.
    pub error: Option<&'a io::Error>,
    /// Where in the source.
    pub file: &'a str,
    pub line: u32,
    pub text: fmt::Arguments<'a>,
}

/// `ErrorLogFormat`, as one place of the configuration has it. An empty one inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    message: Option<Format>,
    connection: Vec<Format>,
    request: Vec<Format>,
}

impl Formats {
    pub const fn new() -> Formats {
        Formats {
            message: None,
            connection: Vec::new(),
            request: Vec::new(),
        }
    }

    /// Takes the arguments of the directive: a format, or `connection` or `request` and a format. `Err` is Apache's
    /// text.
    pub fn set(&mut self, first: &str, second: Option<&str>) -> Result<(), String> {
        let Some(format) = second else {
            self.message = Some(Format::parse(first)?);
            return Ok(());
        };
        let list = if first.eq_ignore_ascii_case("connection") {
            &mut self.connection
        } else if first.eq_ignore_ascii_case("request") {
            &mut self.request
        } else {
            return Err("ErrorLogFormat type must be one of request, connection".into());
        };
        if !format.is_empty() {
            list.push(Format::parse_once(format)?);
        }
        Ok(())
    }

    /// What holds in a virtual host (`self`) of a server (`outer`).
    pub fn within(&self, outer: &Formats) -> Formats {
        let list = |own: &[Format], outer: &[Format]| match own.is_empty() {
            true => outer.to_vec(),
            false => own.to_vec(),
        };
        Formats {
            message: self.message.clone().or_else(|| outer.message.clone()),
            connection: list(&self.connection, &outer.connection),
            request: list(&self.request, &outer.request),
        }
    }
}

/// The error log of a server or virtual host: where lines go and how they look. Cloning it makes another name for it.
#[derive(Clone, Debug)]
pub struct ErrorLog(Shared<Parts>);

#[derive(Debug)]
struct Parts {
    destination: Shared<Destination>,
    message: Format,
    connection: Vec<Format>,
    request: Vec<Format>,
}

/// Numbers of our own events about logs.
mod number {
    pub const CANNOT_WRITE: u32 = 20001;
    pub const LINES_LOST: u32 = 20002;
}

impl ErrorLog {
    /// A log in the usual format unless `formats` says otherwise. It may be written before its destination is open:
    /// lines then go to standard error.
    pub fn new(destination: Shared<Destination>, formats: &Formats) -> ErrorLog {
        let usual = match destination.is_syslog() {
            true => format::DEFAULT_SYSLOG,
            false => format::DEFAULT,
        };
        let usual = || Format::parse(usual).unwrap_or_else(|_| Format::message_alone());
        ErrorLog(Shared::new(Parts {
            message: formats.message.clone().unwrap_or_else(usual),
            connection: formats.connection.clone(),
            request: formats.request.clone(),
            destination,
        }))
    }

    /// A log on standard error.
    pub fn stderr() -> ErrorLog {
        let destination = Destination::new(Target::Stderr);
        ErrorLog::new(Shared::new(destination), &Formats::new())
    }

    pub fn destination(&self) -> &Shared<Destination> {
        &self.0.destination
    }

    /// Writes the message, and before it the lines that introduce its connection and request, if they are new here.
    fn write(&self, scene: &mut Scene<'_>) {
        if let Some(message) = scene.message.take() {
            let parts = &*self.0;
            let connection = scene.connection.map(|connection| connection.mark());
            let request = scene.request.map(|request| request.mark());
            // Access logs show the numbers (`%L`) of those about whom there is something to find here.
            connection
                .iter()
                .chain(&request)
                .for_each(|mark| mark.number());
            self.introduce(connection, &parts.connection, scene);
            self.introduce(request, &parts.request, scene);
            let level = message.level;
            scene.message = Some(message);
            self.render(&parts.message, level, scene);
        }
    }

    fn introduce(&self, mark: Option<&Mark>, formats: &[Format], scene: &Scene<'_>) {
        if !formats.is_empty() && mark.is_some_and(Mark::introduce) {
            for format in formats {
                self.render(format, Level::Notice, scene);
            }
        }
    }

    fn render(&self, format: &Format, level: Level, scene: &Scene<'_>) {
        let mut line = Vec::with_capacity(256);
        if format.render(scene, &mut line) {
            self.append(level, line);
        }
    }

    /// Appends a line, which has no end yet.
    fn append(&self, level: Level, mut line: Vec<u8>) {
        let destination = &self.0.destination;
        if destination.write_syslog(level, &line) {
            return;
        }
        line.push(b'\n');
        if destination.is_program() {
            batch::append(destination, Some(self), &[&line], true, false);
            return;
        }
        let lost = destination.lost();
        destination.write(&line, true);
        if destination.lost() == lost {
            if let Some(trouble) = destination.trouble_over() {
                self.complain(&trouble, destination.target());
            }
        }
    }

    /// Tells about a log that cannot be written, or can again.
    pub(super) fn complain(&self, trouble: &Trouble, about: &Target) {
        let (number, error, text) = match trouble {
            Trouble::Begun(error) => (
                number::CANNOT_WRITE,
                Some(error),
                format!("cannot write to the log {about}: its lines are lost until it can be"),
            ),
            Trouble::Over(lines) => (
                number::LINES_LOST,
                None,
                format!("{lines} lines of the log {about} were lost while it could not be written"),
            ),
        };
        let event = Event {
            module: "core",
            level: Level::Error,
            number,
            error,
            file: file!(),
            line: line!(),
            text: format_args!("{text}"),
        };
        self.write_event(&event, "", None);
    }

    fn write_event(&self, event: &Event<'_>, server: &str, site: Option<&dyn Facts>) {
        let text = event.text();
        self.write(&mut Scene {
            server,
            message: Some(Message {
                module: event.module,
                level: event.level,
                error: event.error,
                file: event.file,
                line: event.line,
                text: &text,
            }),
            connection: site.and_then(|site| site.connection()),
            request: site.and_then(|site| site.request()),
        });
    }
}

/// The two parts of a [`Site`] that a line needs, whatever its type.
trait Facts {
    fn connection(&self) -> Option<&dyn super::site::ConnectionFacts>;
    fn request(&self) -> Option<&dyn super::site::RequestFacts>;
}

struct Of<'a, S: ?Sized>(&'a S);

impl<S: Site + ?Sized> Facts for Of<'_, S> {
    fn connection(&self) -> Option<&dyn super::site::ConnectionFacts> {
        self.0.log_connection()
    }
    fn request(&self) -> Option<&dyn super::site::RequestFacts> {
        self.0.log_request()
    }
}

impl Event<'_> {
    /// `AH01234: ` and the text, cut at the limit.
    fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(128);
        let mut collector = Collector {
            text: &mut text,
            limit: LINE_LIMIT,
        };
        // The collector cannot fail; what an argument's Display refuses to show is left out.
        if self.number != 0 {
            let _ = write!(collector, "AH{:05}: ", self.number);
        }
        let _ = collector.write_fmt(self.text);
        text
    }
}

/// What `log!` and `startup!` call once a message is to be kept. A trait, so that the call reaches a site through any
/// kind of reference.
#[doc(hidden)]
pub trait Emit: Site {
    /// True for what no LogLevel suppresses: notices, in anything but syslog.
    fn keeps_always(&self, level: Level) -> bool;
    fn log_emit(&self, event: &Event<'_>);
    fn log_emit_startup(&self, event: &Event<'_>);
}

impl<S: Site + ?Sized> Emit for S {
    fn keeps_always(&self, level: Level) -> bool {
        level == Level::Notice && !self.log_errors().destination().is_syslog()
    }

    fn log_emit(&self, event: &Event<'_>) {
        let log = self.log_errors();
        log.write_event(event, self.log_server(), Some(&Of(self)));
    }

    /// The short form of the start: no time, no module, only the system's error, number and text. What is printable
    /// stays as it is: who starts the server may see his own letters.
    fn log_emit_startup(&self, event: &Event<'_>) {
        let mut line = Vec::new();
        if let Some(error) = event.error {
            line.extend_from_slice(format!("{}: ", SystemError(error)).as_bytes());
        }
        let text = event.text();
        match std::str::from_utf8(&text) {
            Ok(text) if !text.contains(|c: char| c.is_control() && c != '\n') => {
                line.extend_from_slice(text.as_bytes());
            }
            _ => escape_error(&text, &mut line),
        }
        self.log_errors().append(event.level, line);
    }
}

#[cfg(test)]
#[path = "error_log_tests.rs"]
mod tests;
