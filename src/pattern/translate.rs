//! From PCRE's dialect to the one both engines of [`super::Pattern`] read.
//!
//! Everything is rewritten byte by byte, so that the engines see only constructs whose meaning is the same there:
//! literals outside ASCII become `\xHH`, classes are spelt out, `x` mode is resolved here, `$` becomes `\z` or a
//! look-ahead. What neither engine knows is refused with its offset.

use super::Flags;
use std::fmt::Write;

/// A rewritten pattern, and whether it needs the engine that backtracks.
pub struct Translated {
    pub text: String,
    pub backtracking: bool,
}

/// Rewrites a PCRE pattern; the error names the offset.
pub fn translate(source: &[u8], flags: Flags) -> Result<Translated, String> {
    let mut work = Translator {
        source,
        pos: 0,
        out: String::with_capacity(source.len() + 8),
        scopes: vec![Scope {
            extended: flags.extended,
            multi_line: flags.multi_line,
            opened: 0,
            look_around: false,
        }],
        dollar_end_only: flags.dollar_end_only,
        backtracking: false,
        groups: 0,
        total_groups: count_groups(source),
        last: Last::Nothing,
    };
    work.run()?;
    Ok(Translated {
        text: work.out,
        backtracking: work.backtracking,
    })
}

/// The flags that a group may change for its own length, and where the group opened.
#[derive(Clone, Copy)]
struct Scope {
    extended: bool,
    multi_line: bool,
    opened: usize,
    look_around: bool,
}

/// What stands before the next byte, for quantifiers.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Atom,
    /// An anchor that begins at this place of the output. One engine repeats it only in a group of its own.
    Anchor(usize),
    /// Look-around or `\\K`, which that engine does not repeat at all.
    Assertion,
    Quantifier,
}

/// White space that `\h`, and line ends that `\v`, stand for in an 8-bit pattern.
pub(super) const HORIZONTAL: &str = r"\t \xa0";
pub(super) const VERTICAL: &str = r"\n\x0b\x0c\r\x85";

pub(super) struct Translator<'a> {
    pub(super) source: &'a [u8],
    pub(super) pos: usize,
    out: String,
    scopes: Vec<Scope>,
    dollar_end_only: bool,
    backtracking: bool,
    groups: usize,
    total_groups: usize,
    last: Last,
}

pub(super) type Outcome = Result<(), String>;

impl Translator<'_> {
    fn run(&mut self) -> Outcome {
        while let Some(byte) = self.next() {
            self.one(byte)?;
        }
        match self.scopes.as_slice() {
            [_] => Ok(()),
            [.., open] => Err(format!(
                "the group opened at offset {} is not closed",
                open.opened
            )),
            [] => Err("a group is closed that was not opened".to_string()),
        }
    }

    fn one(&mut self, byte: u8) -> Outcome {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c if self.scope().extended => {}
            b'#' if self.scope().extended => while !matches!(self.next(), None | Some(b'\n')) {},
            b'\\' => self.escape()?,
            b'[' => self.class()?,
            b'(' => self.group()?,
            b')' => self.close()?,
            b'|' => {
                self.out.push('|');
                self.last = Last::Nothing;
            }
            b'^' => self.anchor("^"),
            b'.' => self.atom("."),
            b'$' => self.dollar(),
            b'*' | b'+' | b'?' => {
                let start = self.pos - 1;
                self.quantifier(start)?;
            }
            b'{' => match counted(self.rest()) {
                Some(length) => {
                    let start = self.pos - 1;
                    self.pos += length;
                    self.quantifier(start)?;
                }
                None => self.literal(b'{'),
            },
            other => self.literal(other),
        }
        Ok(())
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.source.get(self.pos..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.source.get(self.pos).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.pos += 1;
        Some(byte)
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.pos += text.len();
        }
        found
    }

    /// Takes everything up to `end`, and `end` itself.
    fn take_until(&mut self, end: u8, what: &str) -> Result<String, String> {
        let start = self.pos;
        let Some(length) = self.rest().iter().position(|&byte| byte == end) else {
            return Err(format!(
                "{what} at offset {start} is not closed by {:?}",
                char::from(end)
            ));
        };
        self.pos += length + 1;
        let text = self.source.get(start..start + length).unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn scope(&self) -> Scope {
        self.scopes.last().copied().unwrap_or(Scope {
            extended: false,
            multi_line: false,
            opened: 0,
            look_around: false,
        })
    }

    fn anchor(&mut self, text: &str) {
        let start = self.out.len();
        self.out.push_str(text);
        self.last = Last::Anchor(start);
    }

    pub(super) fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Atom;
    }

    fn literal(&mut self, byte: u8) {
        push_byte(&mut self.out, byte);
        self.last = Last::Atom;
    }

    fn dollar(&mut self) {
        if self.scope().multi_line {
            self.anchor("$");
        } else if self.dollar_end_only {
            self.anchor(r"\z");
        } else {
            self.before_last_newline();
        }
    }

    /// The end, or before a newline that is the last byte.
    fn before_last_newline(&mut self) {
        self.backtracking = true;
        self.atom(r"(?=\n?\z)");
        self.last = Last::Assertion;
    }

    /// A quantifier that began at `start` and has been read, but for the mark that makes it lazy or possessive.
    fn quantifier(&mut self, start: usize) -> Outcome {
        match self.last {
            Last::Atom => {}
            Last::Anchor(at) => {
                self.out.insert_str(at, "(?:");
                self.out.push(')');
            }
            Last::Assertion => {
                return Err(format!(
                    "repeating an assertion (offset {start}) is not supported"
                ));
            }
            Last::Nothing | Last::Quantifier => {
                return Err(format!("there is nothing to repeat at offset {start}"));
            }
        }
        let text = self.source.get(start..self.pos).unwrap_or_default();
        self.out.push_str(&String::from_utf8_lossy(text));
        match self.peek() {
            Some(b'?') => {
                self.pos += 1;
                self.out.push('?');
            }
            Some(b'+') => {
                self.pos += 1;
                self.out.push('+');
                self.backtracking = true;
            }
            _ => {}
        }
        self.last = Last::Quantifier;
        Ok(())
    }

    fn escape(&mut self) -> Outcome {
        let start = self.pos - 1;
        let Some(byte) = self.next() else {
            return Err("the pattern ends with a lone backslash".to_string());
        };
        match byte {
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' => {
                self.out.push('\\');
                self.atom(char::from(byte).encode_utf8(&mut [0; 4]));
            }
            b'b' | b'B' | b'A' | b'z' => self.anchor(&format!("\\{}", char::from(byte))),
            b'Z' => self.before_last_newline(),
            b'G' => self.anchor(r"\A"),
            b'K' => {
                self.backtracking = true;
                self.atom(r"\K");
                self.last = Last::Assertion;
            }
            b'N' => self.atom(r"[^\n]"),
            b'C' => self.atom(r"[\x00-\xff]"),
            b'R' => self.atom(&format!(r"(?:\r\n|[{VERTICAL}])")),
            b'h' => self.atom(&format!("[{HORIZONTAL}]")),
            b'H' => self.atom(&format!("[^{HORIZONTAL}]")),
            b'v' => self.atom(&format!("[{VERTICAL}]")),
            b'V' => self.atom(&format!("[^{VERTICAL}]")),
            b'p' | b'P' => self.property(byte)?,
            b'Q' => self.quoted(),
            b'E' => {}
            b'g' => self.group_reference(start)?,
            b'k' => self.named_reference(start)?,
            b'1'..=b'9' => self.number(byte, start)?,
            _ => {
                let value = self.character(byte, start)?;
                self.literal(value);
            }
        }
        Ok(())
    }

    /// `\Q...\E`: everything between stands for itself.
    fn quoted(&mut self) {
        while self.pos < self.source.len() && !self.take(r"\E") {
            if let Some(byte) = self.next() {
                self.literal(byte);
            }
        }
    }

    /// A Unicode property, which both engines know only where Unicode is on.
    fn property(&mut self, letter: u8) -> Outcome {
        let name = if self.take("{") {
            self.take_until(b'}', "a property name")?
        } else {
            self.next()
                .map(|byte| char::from(byte).to_string())
                .unwrap_or_default()
        };
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"^_& ".contains(&byte))
        {
            return Err(format!("{name:?} is not the name of a property"));
        }
        let negated = (letter == b'P') != name.starts_with('^');
        let letter = if negated { 'P' } else { 'p' };
        self.atom(&format!(
            r"(?u:\{letter}{{{}}})",
            name.trim_start_matches('^')
        ));
        Ok(())
    }

    /// `\N...`: a back reference, or an octal code where there are fewer groups.
    fn number(&mut self, first: u8, start: usize) -> Outcome {
        let more = self
            .rest()
            .iter()
            .take(2)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let digits = self
            .source
            .get(start + 1..self.pos + more)
            .unwrap_or_default();
        let value = digits
            .iter()
            .fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
        if more == 0 || value <= self.total_groups {
            self.pos += more;
            return self.reference(value, start);
        }
        if first >= b'8' {
            self.literal(first);
            return Ok(());
        }
        self.pos -= 1;
        let code = self.octal(3);
        let code = u8::try_from(code)
            .map_err(|_| format!("the octal code at offset {start} is beyond \\377"))?;
        self.literal(code);
        Ok(())
    }

    fn reference(&mut self, group: usize, start: usize) -> Outcome {
        if group == 0 || group > self.total_groups {
            return Err(format!(
                "group {group}, named at offset {start}, does not exist"
            ));
        }
        self.backtracking = true;
        self.atom(&format!(r"(?:\{group})"));
        Ok(())
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`.
    fn group_reference(&mut self, start: usize) -> Outcome {
        let text = if self.take("{") {
            self.take_until(b'}', "a reference")?
        } else if matches!(self.peek(), Some(b'<' | b'\'')) {
            return Err(format!(
                "calling a group as a subroutine (offset {start}) is not supported"
            ));
        } else {
            let sign = usize::from(self.peek() == Some(b'-'));
            let digits = self
                .rest()
                .iter()
                .skip(sign)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let text = self.rest().get(..sign + digits).unwrap_or_default();
            let text = String::from_utf8_lossy(text).into_owned();
            self.pos += sign + digits;
            text
        };
        match text.parse::<i64>() {
            Ok(number) if number < 0 => {
                let back = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
                let group = (self.groups + 1).saturating_sub(back);
                self.reference(group, start)
            }
            Ok(number) => self.reference(usize::try_from(number).unwrap_or(usize::MAX), start),
            Err(_) => self.name_reference(&text, start),
        }
    }

    /// `\k<name>`, `\k'name'`, `\k{name}`.
    fn named_reference(&mut self, start: usize) -> Outcome {
        let end = match self.next() {
            Some(b'<') => b'>',
            Some(b'\'') => b'\'',
            Some(b'{') => b'}',
            _ => return Err(format!("\\k at offset {start} is not followed by a name")),
        };
        let name = self.take_until(end, "a reference")?;
        self.name_reference(&name, start)
    }

    fn name_reference(&mut self, name: &str, start: usize) -> Outcome {
        check_name(name, start)?;
        self.backtracking = true;
        self.atom(&format!(r"\k<{name}>"));
        Ok(())
    }

    /// The byte that an escape stands for, in a class or outside.
    pub(super) fn character(&mut self, letter: u8, start: usize) -> Result<u8, String> {
        let value = match letter {
            b'a' => 0x07,
            b'e' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => u8::try_from(self.octal(2)).unwrap_or(0),
            b'c' => match self.next() {
                Some(byte) if byte.is_ascii_graphic() => byte.to_ascii_uppercase() ^ 0x40,
                _ => {
                    return Err(format!(
                        "\\c at offset {start} is not followed by a character"
                    ))
                }
            },
            b'x' => self.hexadecimal(start)?,
            b'o' if self.take("{") => {
                let digits = self.take_until(b'}', "an octal code")?;
                u8::from_str_radix(&digits, 8).map_err(|_| {
                    format!("{digits:?} at offset {start} is no octal code of one byte")
                })?
            }
            other if other.is_ascii_alphabetic() => {
                let letter = char::from(other);
                return Err(format!(
                    "\\{letter} at offset {start} is not a known escape"
                ));
            }
            other => other,
        };
        Ok(value)
    }

    pub(super) fn octal(&mut self, most: usize) -> u32 {
        let digits = self
            .rest()
            .iter()
            .take(most)
            .take_while(|byte| matches!(byte, b'0'..=b'7'))
            .count();
        let value = self
            .rest()
            .iter()
            .take(digits)
            .fold(0, |value, digit| value * 8 + u32::from(digit - b'0'));
        self.pos += digits;
        value
    }

    fn hexadecimal(&mut self, start: usize) -> Result<u8, String> {
        let digits = if self.take("{") {
            self.take_until(b'}', "a hexadecimal code")?
        } else {
            let count = self
                .rest()
                .iter()
                .take(2)
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            let digits = self.rest().get(..count).unwrap_or_default();
            let digits = String::from_utf8_lossy(digits).into_owned();
            self.pos += count;
            digits
        };
        if digits.is_empty() {
            return Ok(0);
        }
        u8::from_str_radix(&digits, 16)
            .map_err(|_| format!("{digits:?} at offset {start} is no hexadecimal code of one byte"))
    }

    fn close(&mut self) -> Outcome {
        if self.scopes.len() < 2 {
            return Err(format!("')' at offset {} closes no group", self.pos - 1));
        }
        let closed = self.scopes.pop();
        self.atom(")");
        if closed.is_some_and(|scope| scope.look_around) {
            self.last = Last::Assertion;
        }
        Ok(())
    }

    /// Opens a group: writes `text` and remembers the flags to come back to.
    fn open(&mut self, text: &str, scope: Scope) {
        self.out.push_str(text);
        self.scopes.push(scope);
        self.last = Last::Nothing;
    }

    fn group(&mut self) -> Outcome {
        let start = self.pos - 1;
        let scope = Scope {
            opened: start,
            look_around: false,
            ..self.scope()
        };
        if self.peek() == Some(b'*') {
            return Err(format!(
                "verbs such as (*...) (offset {start}) are not supported"
            ));
        }
        if !self.take("?") {
            self.groups += 1;
            self.open("(", scope);
            return Ok(());
        }
        for plain in [":", ">", "=", "!", "<=", "<!"] {
            if self.take(plain) {
                self.backtracking |= plain != ":";
                let scope = Scope {
                    look_around: !matches!(plain, ":" | ">"),
                    ..scope
                };
                self.open(&format!("(?{plain}"), scope);
                return Ok(());
            }
        }
        self.special_group(start, scope)
    }

    fn special_group(&mut self, start: usize, scope: Scope) -> Outcome {
        if self.take("#") {
            return self.take_until(b')', "a comment").map(drop);
        }
        if self.take("P=") {
            let name = self.take_until(b')', "a reference")?;
            return self.name_reference(&name, start);
        }
        let end = if self.take("P<") || self.take("<") {
            Some(b'>')
        } else if self.take("'") {
            Some(b'\'')
        } else {
            None
        };
        if let Some(end) = end {
            let name = self.take_until(end, "a group name")?;
            check_name(&name, start)?;
            self.groups += 1;
            self.open(&format!("(?P<{name}>"), scope);
            return Ok(());
        }
        match self.peek() {
            Some(b'(') => self.conditional(start, scope),
            Some(b'|') => Err(format!(
                "a branch reset group (offset {start}) is not supported"
            )),
            Some(b'R' | b'&' | b'P' | b'+' | b'0'..=b'9') => {
                Err(format!("recursion (offset {start}) is not supported"))
            }
            _ => self.flag_group(start, scope),
        }
    }

    /// `(?(1)yes|no)` and `(?(<name>)yes|no)`.
    fn conditional(&mut self, start: usize, scope: Scope) -> Outcome {
        self.pos += 1;
        let text = self.take_until(b')', "a condition")?;
        let name = text.trim_matches(|c| matches!(c, '<' | '>' | '\''));
        let condition = match name.parse::<usize>() {
            Ok(group) if (1..=self.total_groups).contains(&group) => name.to_string(),
            Ok(group) => {
                return Err(format!(
                    "group {group}, named at offset {start}, does not exist"
                ));
            }
            Err(_) => {
                check_name(name, start)?;
                format!("<{name}>")
            }
        };
        self.backtracking = true;
        self.open(&format!("(?({condition})"), scope);
        Ok(())
    }

    /// `(?i)` to the end of the group it stands in, `(?i:...)` for its own length. `x` is resolved here.
    fn flag_group(&mut self, start: usize, mut scope: Scope) -> Outcome {
        let mut kept = String::new();
        let mut on = true;
        loop {
            let byte = self.next();
            match byte {
                Some(b'^') if on && kept.is_empty() => {
                    scope.extended = false;
                    scope.multi_line = false;
                    // Flags that follow switch on again, so they are dropped from what is switched off.
                    let rest = self.rest();
                    let again = rest.iter().take_while(|byte| byte.is_ascii_lowercase());
                    let again: Vec<u8> = again.copied().collect();
                    kept = again
                        .iter()
                        .filter(|byte| b"ims".contains(byte))
                        .map(|&b| char::from(b))
                        .collect();
                    let off: String = "ims".chars().filter(|&c| !kept.contains(c)).collect();
                    scope.extended = again.contains(&b'x');
                    scope.multi_line = again.contains(&b'm');
                    self.pos += again.len();
                    if !off.is_empty() {
                        kept.push('-');
                        kept.push_str(&off);
                    }
                }
                Some(b'-') if on => {
                    on = false;
                    kept.push('-');
                }
                Some(b'x') => scope.extended = on,
                Some(b'J') => {}
                Some(letter @ (b'i' | b'm' | b's' | b'U')) => {
                    if letter == b'm' {
                        scope.multi_line = on;
                    }
                    kept.push(char::from(letter));
                }
                Some(end @ (b')' | b':')) => {
                    self.finish_flags(end, kept.trim_end_matches('-'), scope);
                    return Ok(());
                }
                _ => {
                    return Err(format!(
                        "the group at offset {start} begins in an unknown way"
                    ))
                }
            }
        }
    }

    fn finish_flags(&mut self, end: u8, flags: &str, scope: Scope) {
        if end == b':' {
            self.open(&format!("(?{flags}:"), scope);
            return;
        }
        if let Some(current) = self.scopes.last_mut() {
            current.extended = scope.extended;
            current.multi_line = scope.multi_line;
        }
        if !flags.is_empty() {
            self.out.push_str(&format!("(?{flags})"));
        }
        self.last = Last::Nothing;
    }
}

/// Length of what follows `{` where it is a count: `n}`, `n,}`, `n,m}`.
fn counted(rest: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = rest.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut length = digits(0);
    if length == 0 {
        return None;
    }
    if rest.get(length) == Some(&b',') {
        length += 1;
        length += digits(length);
    }
    (rest.get(length) == Some(&b'}')).then_some(length + 1)
}

/// How many groups capture, counted before the work, since `\12` may be a group that comes later.
fn count_groups(source: &[u8]) -> usize {
    let mut groups = 0;
    let mut class = false;
    let mut pos = 0;
    while let Some(&byte) = source.get(pos) {
        let rest = source.get(pos + 1..).unwrap_or_default();
        pos += 1;
        match byte {
            b'\\' if rest.first() == Some(&b'Q') => {
                pos += rest
                    .windows(2)
                    .position(|two| two == br"\E")
                    .unwrap_or(rest.len());
            }
            b'\\' => pos += 1,
            b'[' if !class => {
                class = true;
                pos += usize::from(rest.first() == Some(&b'^'));
                pos += usize::from(source.get(pos) == Some(&b']'));
            }
            b']' => class = false,
            b'(' if !class => {
                let named = rest.starts_with(b"?P<")
                    || rest.starts_with(b"?'")
                    || (rest.starts_with(b"?<") && !matches!(rest.get(2), Some(b'=' | b'!')));
                groups += usize::from(named || rest.first() != Some(&b'?'));
                // The parenthesis of a condition, `(?(1)...)`, is no group.
                pos += if rest.starts_with(b"?(") { 2 } else { 0 };
            }
            _ => {}
        }
    }
    groups
}

fn check_name(name: &str, start: usize) -> Outcome {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && name.len() <= 128 && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Ok(());
    }
    Err(format!(
        "{name:?} at offset {start} is not a group name (letters, digits, underscores)"
    ))
}

/// Writes a byte that stands for itself outside a class.
fn push_byte(out: &mut String, byte: u8) {
    match byte {
        b'\\' | b'.' | b'+' | b'*' | b'?' | b'(' | b')' | b'|' | b'[' | b']' | b'{' | b'}'
        | b'^' | b'$' => {
            out.push('\\');
            out.push(char::from(byte));
        }
        b' '..=b'~' => out.push(char::from(byte)),
        other => push_hex(out, other),
    }
}

pub(super) fn push_hex(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}
