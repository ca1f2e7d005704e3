//! Where a log goes, as the configuration names it: the first argument of `ErrorLog`, `CustomLog`, `TransferLog` and
//! `GlobalLog`.

use crate::os::{errno, program};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// What the server was given as its standard error.
    Stderr,
    /// A file, by its full name.
    File(PathBuf),
    /// A program that reads the lines from its standard input.
    Program(Program),
    /// The system's log.
    Syslog(SyslogTarget),
}

/// A program for log lines: `|command` (also `||command`) is split into words and started as it stands, `|$command`
/// is a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    pub command: String,
    pub shell: bool,
}

/// `syslog[:facility[:tag]]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyslogTarget {
    /// By name; an unknown one is taken as `local7`, as Apache does.
    pub facility: String,
    /// Begins each line; empty for the program's name.
    pub tag: String,
}

impl Target {
    /// Reads the argument of `ErrorLog`. File names are relative to `root` (ServerRoot).
    pub fn of_error_log(argument: &str, root: &Path) -> Target {
        match argument.split_once(':').unwrap_or((argument, "")) {
            (word, settings) if word.eq_ignore_ascii_case("syslog") => {
                let (facility, tag) = settings.split_once(':').unwrap_or((settings, ""));
                Target::Syslog(SyslogTarget {
                    facility: facility.to_string(),
                    tag: tag.to_string(),
                })
            }
            _ => Target::of_transfer_log(argument, root),
        }
    }

    /// Reads the first argument of `CustomLog` and its like. File names are relative to `root` (ServerRoot).
    pub fn of_transfer_log(argument: &str, root: &Path) -> Target {
        match argument.strip_prefix('|') {
            Some(command) => Target::Program(Program::parse(command)),
            None if argument == "/dev/stderr" => Target::Stderr,
            None => Target::File(root.join(argument)),
        }
    }

    /// The folder of the log's file, if it cannot be entered, and why: told before anything is started (AH02291,
    /// AH02297).
    pub fn folder_trouble(&self) -> Option<(PathBuf, io::Error)> {
        let Target::File(path) = self else {
            return None;
        };
        let folder = path.parent()?;
        let trouble = match std::fs::metadata(folder) {
            Ok(found) if found.is_dir() => return None,
            Ok(_) => io::Error::from_raw_os_error(errno::ENOTDIR),
            Err(error) => error,
        };
        Some((folder.to_path_buf(), trouble))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stderr => f.write_str("/dev/stderr"),
            Target::File(path) => path.display().fmt(f),
            Target::Program(Program {
                command,
                shell: true,
            }) => write!(f, "|${command}"),
            Target::Program(Program { command, .. }) => write!(f, "|{command}"),
            Target::Syslog(_) => f.write_str("syslog"),
        }
    }
}

impl Program {
    /// Reads what follows the first `|`.
    fn parse(command: &str) -> Program {
        let (command, shell) = match command.strip_prefix('$') {
            Some(line) => (line, true),
            None => (command.strip_prefix('|').unwrap_or(command), false),
        };
        Program {
            command: command.trim_start().to_string(),
            shell,
        }
    }

    /// What to start: the program and its arguments. Empty if there is no command.
    pub fn words(&self) -> Vec<String> {
        if self.shell {
            return program::shell(&self.command);
        }
        split(&self.command)
    }
}

/// Whether a backslash keeps what follows it. Not where it stands between the names of a path.
const ESCAPES: bool = std::path::MAIN_SEPARATOR != '\\';

/// Splits at blanks; quotes of either kind keep blanks, a backslash keeps what follows it.
fn split(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        if quote == Some(c) {
            quote = None;
        } else if c == '\\' && ESCAPES {
            word.get_or_insert_default().extend(chars.next());
        } else if quote.is_none() && (c == '"' || c == '\'') {
            quote = Some(c);
            word.get_or_insert_default();
        } else if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
        } else {
            word.get_or_insert_default().push(c);
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(argument: &str) -> Target {
        Target::of_error_log(argument, Path::new("/srv"))
    }

    #[test]
    fn each_kind() {
        assert_eq!(target("logs/e"), Target::File("/srv/logs/e".into()));
        assert_eq!(target("/x/e"), Target::File("/x/e".into()));
        assert_eq!(target("/dev/stderr"), Target::Stderr);
        let syslog = |facility: &str, tag: &str| {
            Target::Syslog(SyslogTarget {
                facility: facility.into(),
                tag: tag.into(),
            })
        };
        assert_eq!(target("syslog"), syslog("", ""));
        assert_eq!(target("syslog:user"), syslog("user", ""));
        assert_eq!(target("syslog::t:u"), syslog("", "t:u"));
        assert_eq!(target("syslogs"), Target::File("/srv/syslogs".into()));
        let file = Target::of_transfer_log("syslog:user", Path::new("/srv"));
        assert_eq!(file, Target::File("/srv/syslog:user".into()));
    }

    #[test]
    fn programs() {
        let words = |argument: &str| match target(argument) {
            Target::Program(program) => program.words(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            words(r#"|/bin/rotate "a b" c\ d 'e"f' """#),
            ["/bin/rotate", "a b", "c d", "e\"f", ""]
        );
        assert_eq!(words("||/bin/x  y"), ["/bin/x", "y"]);
        assert_eq!(words("|$cat >x"), ["/bin/sh", "-c", "cat >x"]);
        assert!(words("|").is_empty());
        assert_eq!(target("|$a").to_string(), "|$a");
        assert_eq!(target("||a").to_string(), "|a");
    }

    #[test]
    fn a_missing_folder_is_noticed() {
        let trouble = target("/no/such/e").folder_trouble();
        assert!(trouble.is_some_and(|(folder, _)| folder == Path::new("/no/such")));
        assert!(target("/tmp/e").folder_trouble().is_none());
        assert!(target("|x").folder_trouble().is_none());
    }
}
