//! Patterns that administrators write: regular expressions, and (in [`glob`]) shell wildcards.
//!
//! A regular expression in a configuration is written for PCRE. [`Pattern`] reads that dialect, rewrites what can be
//! said otherwise (see `translate`), and compiles it to the `regex` crate, whose time is linear in the subject. Only
//! look-around, back references, atomic and possessive parts go to `fancy-regex`, with a step limit for each match.
//! Both work on bytes: a URL or a file name need not be UTF-8.
//!
//! Patterns are compiled while the configuration is read and used at every stage of a request.

mod classes;
pub mod glob;
mod translate;

pub use glob::{is_wild, Glob, GlobOptions};

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Bytes a compiled pattern may take before it is refused.
const COMPILED_LIMIT: usize = 4 << 20;
/// Steps one match of a backtracking pattern may take: some milliseconds.
const STEP_LIMIT: usize = 250_000;

/// How a pattern is read. The default is Apache's: `RegexDefaultOptions DOTALL DOLLAR_ENDONLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// ASCII letters match whatever their case (flag `i`).
    pub ignore_case: bool,
    /// `^` and `$` match at every line (flag `m`).
    pub multi_line: bool,
    /// `.` matches a newline too (flag `s`).
    pub dot_all: bool,
    /// Without `multi_line`, `$` matches at the very end only, not before a final newline.
    pub dollar_end_only: bool,
    /// Blanks and comments in the pattern are skipped (flag `x`).
    pub extended: bool,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags {
            ignore_case: false,
            multi_line: false,
            dot_all: true,
            dollar_end_only: true,
            extended: false,
        }
    }
}

impl Flags {
    /// The default flags, ignoring case.
    pub fn ignoring_case() -> Flags {
        Flags {
            ignore_case: true,
            ..Flags::default()
        }
    }
}

/// Why a match ended without an answer: a backtracking pattern took too many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimit;

impl fmt::Display for StepLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the match was given up after {STEP_LIMIT} backtracking steps"
        )
    }
}

impl std::error::Error for StepLimit {}

/// A compiled regular expression.
#[derive(Clone)]
pub struct Pattern {
    source: Box<[u8]>,
    flags: Flags,
    engine: Engine,
    names: Box<[(Box<str>, usize)]>,
}

#[derive(Clone)]
enum Engine {
    Linear(regex::bytes::Regex),
    Backtracking(fancy_regex::Regex),
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pattern({:?})", bstr::BStr::new(&self.source))
    }
}

impl Pattern {
    /// Compiles `source`, written for PCRE. The error is a sentence part without the pattern itself, naming the offset
    /// in bytes where one is known.
    pub fn new(source: impl AsRef<[u8]>, flags: Flags) -> Result<Pattern, String> {
        let source = source.as_ref();
        let translated = translate::translate(source, flags)?;
        let engine = if translated.backtracking {
            Engine::Backtracking(compile_backtracking(&translated.text, flags)?)
        } else {
            Engine::Linear(compile_linear(&translated.text, flags)?)
        };
        let names = named_groups(&engine);
        Ok(Pattern {
            source: source.into(),
            flags,
            engine,
            names,
        })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The flags it was compiled with.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Whether a match may backtrack, and so has a step limit.
    pub fn is_backtracking(&self) -> bool {
        matches!(self.engine, Engine::Backtracking(_))
    }

    /// How many groups the pattern has, group 0 not counted.
    pub fn group_count(&self) -> usize {
        let all = match &self.engine {
            Engine::Linear(regex) => regex.captures_len(),
            Engine::Backtracking(regex) => regex.captures_len(),
        };
        all.saturating_sub(1)
    }

    /// The named groups with their numbers, in the order of the numbers.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, group)| (&**name, *group))
    }

    /// Whether the pattern is found in `subject`; a match that is given up counts as none, as in Apache.
    pub fn is_match(&self, subject: &[u8]) -> bool {
        match &self.engine {
            Engine::Linear(regex) => regex.is_match(subject),
            Engine::Backtracking(regex) => regex.is_match(subject).unwrap_or(false),
        }
    }

    /// The first match in `subject` and its groups; a match that is given up counts as none.
    pub fn captures<'s>(&self, subject: &'s [u8]) -> Option<Captures<'s>> {
        self.try_captures(subject, 0).unwrap_or(None)
    }

    /// The first match that begins at `start` or later; what stands before `start` is still seen by look-behind and
    /// anchors. A `start` beyond the end finds nothing.
    pub fn try_captures<'s>(
        &self,
        subject: &'s [u8],
        start: usize,
    ) -> Result<Option<Captures<'s>>, StepLimit> {
        if start > subject.len() {
            return Ok(None);
        }
        let groups = match &self.engine {
            Engine::Linear(regex) => regex.captures_at(subject, start).map(|found| {
                found
                    .iter()
                    .map(|group| group.map(|part| part.range()))
                    .collect()
            }),
            Engine::Backtracking(regex) => regex
                .captures_from_pos(subject, start)
                .map_err(|_| StepLimit)?
                .map(|found| {
                    (0..found.len())
                        .map(|group| found.get(group).map(|part| part.start()..part.end()))
                        .collect()
                }),
        };
        Ok(groups.map(|groups| Captures {
            subject: Cow::Borrowed(subject),
            groups,
        }))
    }

    /// The named groups that took part in a match, for `MATCH_NAME` variables.
    pub fn named<'p, 'c>(
        &'p self,
        captures: &'c Captures<'_>,
    ) -> impl Iterator<Item = (&'p str, &'c [u8])> {
        self.names
            .iter()
            .filter_map(move |(name, group)| captures.get(*group).map(|text| (&**name, text)))
    }

    /// Replaces the first match (or, with `all`, every match) by `template`, as [`substitute`] reads it; `None` where
    /// nothing matches.
    pub fn replace(
        &self,
        subject: &[u8],
        template: &[u8],
        all: bool,
    ) -> Result<Option<Vec<u8>>, StepLimit> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut start = 0;
        let mut found_any = false;
        while let Some(captures) = self.try_captures(subject, start)? {
            let Some(range) = captures.range(0) else {
                break;
            };
            found_any = true;
            out.extend_from_slice(subject.get(copied..range.start).unwrap_or_default());
            out.extend(substitute(template, &captures));
            copied = range.end;
            // An empty match must not be found again: step over one byte.
            start = if range.is_empty() {
                range.end + 1
            } else {
                range.end
            };
            if !all {
                break;
            }
        }
        if !found_any {
            return Ok(None);
        }
        out.extend_from_slice(subject.get(copied..).unwrap_or_default());
        Ok(Some(out))
    }
}

/// What a match found: the whole match is group 0. Owns or borrows its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captures<'s> {
    subject: Cow<'s, [u8]>,
    groups: Vec<Option<Range<usize>>>,
}

impl Captures<'_> {
    /// The text of a group; `None` where it took no part or does not exist.
    pub fn get(&self, group: usize) -> Option<&[u8]> {
        self.subject.get(self.range(group)?)
    }

    /// Where in the subject a group stands.
    pub fn range(&self, group: usize) -> Option<Range<usize>> {
        self.groups.get(group)?.clone()
    }

    /// How many groups the pattern has, group 0 included.
    #[allow(clippy::len_without_is_empty)] // group 0 always exists
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The same, independent of the subject's lifetime.
    pub fn into_owned(self) -> Captures<'static> {
        Captures {
            subject: Cow::Owned(self.subject.into_owned()),
            groups: self.groups,
        }
    }
}

/// Fills a template: `$0` to `$9` stand for groups (empty where unset), a backslash makes the next byte literal, and
/// everything else stands for itself, as in RedirectMatch or AliasMatch.
pub fn substitute(template: &[u8], captures: &Captures<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(template.len());
    let mut rest = template.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'$' => match rest.next_if(u8::is_ascii_digit) {
                Some(digit) => {
                    out.extend_from_slice(captures.get(usize::from(digit - b'0')).unwrap_or(b""))
                }
                None => out.push(b'$'),
            },
            b'\\' => out.push(rest.next().unwrap_or(b'\\')),
            other => out.push(other),
        }
    }
    out
}

fn compile_linear(text: &str, flags: Flags) -> Result<regex::bytes::Regex, String> {
    regex::bytes::RegexBuilder::new(text)
        .unicode(false)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(COMPILED_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => too_big(limit),
            other => last_line(&other.to_string()),
        })
}

fn compile_backtracking(text: &str, flags: Flags) -> Result<fancy_regex::Regex, String> {
    fancy_regex::RegexBuilder::new(text)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .backtrack_limit(STEP_LIMIT)
        .delegate_size_limit(COMPILED_LIMIT)
        .build()
        .map_err(|error| last_line(&error.to_string()))
}

fn too_big(limit: usize) -> String {
    format!("it would take more than {limit} bytes once compiled")
}

/// The engines draw the place under a copy of the (translated) pattern; only their last line says what is wrong.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_string()
}

fn named_groups(engine: &Engine) -> Box<[(Box<str>, usize)]> {
    let named = |(group, name): (usize, Option<&str>)| name.map(|name| (name.into(), group));
    match engine {
        Engine::Linear(regex) => regex
            .capture_names()
            .enumerate()
            .filter_map(named)
            .collect(),
        Engine::Backtracking(regex) => regex
            .capture_names()
            .enumerate()
            .filter_map(named)
            .collect(),
    }
}

#[cfg(test)]
mod tests;
