//! A mistake in the configuration: file, line, what is wrong, and where known the cure.

use super::source::ConfigSource;
use super::tree::At;
use std::fmt;

/// One mistake.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// File and line, if it stands in one.
    pub at: Option<(String, u32)>,
    /// What is wrong.
    pub message: String,
    /// True if it was found while the files were read into the tree, false if a directive refused.
    pub reading: bool,
}

impl ConfigError {
    /// A mistake of the text: sections, Include, LoadModule.
    pub fn reading(source: &ConfigSource, at: &At, message: String) -> Self {
        ConfigError {
            at: Some(place(source, at)),
            message,
            reading: true,
        }
    }

    /// A directive that is unknown, out of place or refused its arguments.
    pub fn directive(source: &ConfigSource, at: &At, message: String) -> Self {
        ConfigError {
            at: Some(place(source, at)),
            message,
            reading: false,
        }
    }

    /// A mistake without a line.
    pub fn bare(message: String) -> Self {
        ConfigError {
            at: None,
            message,
            reading: true,
        }
    }

    /// `file:line` for one-line reports, or the empty text.
    pub fn place(&self) -> String {
        self.at
            .as_ref()
            .map_or(String::new(), |(file, line)| format!("{file}:{line}"))
    }
}

fn place(source: &ConfigSource, at: &At) -> (String, u32) {
    (source.path_of(at).display().to_string(), at.line)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            None => write!(f, "httpd: {}", self.message),
            Some((file, line)) if self.reading => {
                write!(
                    f,
                    "httpd: Syntax error on line {line} of {file}: {}",
                    self.message
                )
            }
            Some((file, line)) => {
                write!(
                    f,
                    "AH00526: Syntax error on line {line} of {file}:\n{}",
                    self.message
                )
            }
        }
    }
}
