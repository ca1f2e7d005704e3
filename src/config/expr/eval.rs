//! Evaluation of parsed expressions on a request.

use super::ast::{Comparison, Cond, List, Test, Word};
use super::functions;
use super::names::Function;
use super::{Context, Vars};
use crate::pattern::{Captures, Glob, Pattern};
use bstr::BString;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

type Value<'a> = Cow<'a, [u8]>;

/// Evaluates a condition.
pub(super) fn condition(
    cond: &Cond,
    vars: &dyn Vars,
    context: &mut Context,
) -> Result<bool, String> {
    Evaluation { vars, context }.condition(cond)
}

/// Evaluates a word.
pub(super) fn word<'a>(
    word: &'a Word,
    vars: &'a dyn Vars,
    context: &mut Context,
) -> Result<Value<'a>, String> {
    Evaluation { vars, context }.word(word)
}

struct Evaluation<'a, 'c> {
    vars: &'a dyn Vars,
    context: &'c mut Context,
}

impl<'a> Evaluation<'a, '_> {
    fn condition(&mut self, cond: &'a Cond) -> Result<bool, String> {
        Ok(match cond {
            Cond::Const(value) => *value,
            Cond::Not(inner) => !self.condition(inner)?,
            Cond::All(conds) => self.first_that_is(conds, false)?.is_none(),
            Cond::Any(conds) => self.first_that_is(conds, true)?.is_some(),
            Cond::Compare {
                left,
                right,
                numbers,
                operator,
            } => {
                let (left, right) = (self.word(left)?, self.word(right)?);
                let order = if *numbers {
                    functions::integer(&left).cmp(&functions::integer(&right))
                } else {
                    left.cmp(&right)
                };
                operator.holds(order)
            }
            Cond::Matches {
                subject,
                pattern,
                negated,
            } => self.matches(subject, pattern)? != *negated,
            Cond::In { word, list } => {
                let word = self.word(word)?;
                self.contains(list, &word)?
            }
            Cond::Address { word, range } => {
                address(&self.word(word)?).is_some_and(|address| range.contains(address))
            }
            Cond::Client(range) => self
                .vars
                .client_ip()
                .is_some_and(|address| range.contains(address)),
            Cond::Wildcard {
                subject,
                pattern,
                options,
            } => {
                let subject = self.word(subject)?;
                let pattern = self.word(pattern)?;
                Glob::new(pattern, *options).matches(&subject)
            }
            Cond::ConstWildcard { subject, glob } => glob.matches(&self.word(subject)?),
            Cond::Test { test, word } => {
                let word = self.word(word)?;
                self.test(*test, &word)
            }
        })
    }

    fn first_that_is(&mut self, conds: &'a [Cond], wanted: bool) -> Result<Option<usize>, String> {
        for (place, cond) in conds.iter().enumerate() {
            if self.condition(cond)? == wanted {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn test(&self, test: Test, word: &[u8]) -> bool {
        match test {
            Test::NotEmpty => !word.is_empty(),
            Test::Empty => word.is_empty(),
            Test::True => {
                let is = |text: &str| word.eq_ignore_ascii_case(text.as_bytes());
                !["", "0", "off", "false", "no"].into_iter().any(is)
            }
            Test::File(test) => self.vars.file_test(test, word),
            Test::FileReachable => self.vars.file_reachable(word),
            Test::UrlReachable => self.vars.url_reachable(word),
        }
    }

    /// As in Apache, only a pattern with groups changes what `$0` to `$9` stand for: to its match, or to nothing.
    fn matches(&mut self, subject: &'a Word, pattern: &Pattern) -> Result<bool, String> {
        let subject = self.word(subject)?;
        let found = pattern.try_captures(&subject, 0).map_err(|error| {
            let source = String::from_utf8_lossy(pattern.source());
            format!("pattern {source:?}: {error}")
        })?;
        let matched = found.is_some();
        if pattern.group_count() > 0 {
            self.context.captures = found.map(Captures::into_owned);
        }
        Ok(matched)
    }

    fn contains(&mut self, list: &'a List, word: &[u8]) -> Result<bool, String> {
        if let List::Words(words) = list {
            for one in words {
                if *self.word(one)? == *word {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        Ok(self.list(list)?.iter().any(|one| *one == word))
    }

    fn list(&mut self, list: &'a List) -> Result<Vec<BString>, String> {
        match list {
            List::Words(words) => words
                .iter()
                .map(|word| Ok(self.word(word)?.into_owned().into()))
                .collect(),
            List::Module { name, argument } => {
                let argument = self.word(argument)?;
                Ok(self.vars.module_list(name, &argument))
            }
            List::Split { pattern, of } => {
                let mut parts = Vec::new();
                for text in self.list(of)? {
                    split(pattern, &text, &mut parts)?;
                }
                Ok(parts)
            }
        }
    }

    fn word(&mut self, word: &'a Word) -> Result<Value<'a>, String> {
        Ok(match word {
            Word::Literal(text) => Cow::Borrowed(text),
            Word::Group(number) => {
                let group = self
                    .context
                    .captures
                    .as_ref()
                    .and_then(|found| found.get(usize::from(*number)));
                Cow::Owned(group.unwrap_or_default().to_vec())
            }
            Word::RequestHeader { name, vary } => self.request_header(name.as_bytes(), *vary),
            Word::Variable(variable) => self.vars.variable(*variable).unwrap_or_default(),
            Word::Time(part) => Cow::Owned(self.vars.local_time().part(*part).into_bytes()),
            Word::ModuleVariable(name) => self.vars.module_variable(name).unwrap_or_default(),
            Word::Call {
                function,
                arguments,
            } => self.call(*function, arguments)?,
            Word::ModuleCall { name, argument } => {
                let argument = self.word(argument)?;
                self.vars
                    .module_function(name, &argument)
                    .unwrap_or_default()
            }
            Word::Concat(parts) => {
                let mut text = Vec::new();
                for part in parts {
                    text.extend_from_slice(&self.word(part)?);
                }
                Cow::Owned(text)
            }
            Word::Substitute {
                pattern,
                template,
                all,
                subject,
            } => {
                let subject = self.word(subject)?;
                let replaced = pattern
                    .replace(&subject, template, *all)
                    .map_err(|error| error.to_string())?;
                replaced.map_or(subject, Cow::Owned)
            }
            Word::Join { list, separator } => {
                let list = self.list(list)?;
                let separator = separator
                    .as_deref()
                    .map_or(Ok(Cow::Borrowed(&b""[..])), |one| self.word(one))?;
                Cow::Owned(bstr::join(&*separator, list))
            }
            Word::Condition(cond) => {
                let text: &[u8] = if self.condition(cond)? {
                    b"true"
                } else {
                    b"false"
                };
                Cow::Borrowed(text)
            }
        })
    }

    fn request_header(&mut self, name: &[u8], vary: bool) -> Value<'a> {
        if vary {
            self.context.add_vary(name);
        }
        self.vars.request_header(name).unwrap_or_default()
    }

    fn call(&mut self, function: Function, arguments: &'a [Word]) -> Result<Value<'a>, String> {
        let [first, more @ ..] = arguments else {
            return Ok(Cow::Borrowed(b""));
        };
        let first = self.word(first)?;
        let looked_up = match function {
            Function::RequestHeader { vary } => Some(self.request_header(&first, vary)),
            Function::ResponseHeader => self.vars.response_header(&first),
            Function::RequestEnv => self.vars.env(&first),
            Function::OsEnv => self.vars.os_env(&first),
            Function::Note => self.vars.note(&first),
            Function::Env => {
                let note = self.vars.note(&first);
                note.or_else(|| self.vars.env(&first))
                    .or_else(|| self.vars.os_env(&first))
            }
            Function::Replace => {
                let [from, to] = more else {
                    return Ok(first);
                };
                let (from, to) = (self.word(from)?, self.word(to)?);
                Some(Cow::Owned(functions::replace(&first, &from, &to)))
            }
            _ => Some(Cow::Owned(functions::compute(function, &first)?)),
        };
        Ok(looked_up.unwrap_or_default())
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The parts of `text` between the matches of `pattern`.
fn split(pattern: &Pattern, text: &[u8], parts: &mut Vec<BString>) -> Result<(), String> {
    let mut begin = 0;
    let mut search = 0;
    while let Some(found) = pattern
        .try_captures(text, search)
        .map_err(|error| error.to_string())?
    {
        let Some(range) = found.range(0).filter(|range| range.start < text.len()) else {
            break;
        };
        // An empty match at the start of a part would split off nothing.
        if range.end > begin {
            parts.push(text.get(begin..range.start).unwrap_or_default().into());
            begin = range.end;
        }
        search = range.end.max(range.start + 1);
    }
    parts.push(text.get(begin..).unwrap_or_default().into());
    Ok(())
}
