//! The bytes of an expression: spaces, names, numbers, escapes, the delimiters of patterns.
//!
//! What a byte means depends on where it stands (in a string, after `=~`), so the parser asks for what it expects.

/// What may stand around a pattern after `m` or `s`.
const DELIMITERS: &[u8] = b"/#$%^|?!'\",;:.-";

/// A place in an expression.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    pub(super) pos: usize,
}

/// A pattern's text with the flags that follow it.
pub(super) struct Delimited {
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) flags: Vec<u8>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Lexer<'a> {
        Lexer { text, pos: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// The byte after the next one.
    pub(super) fn peek_second(&self) -> Option<u8> {
        self.rest().get(1).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.pos += 1;
        Some(byte)
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.pos += text.len();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().take_while(|&&byte| wanted(byte)).count();
        self.pos += length;
        rest.get(..length).unwrap_or_default()
    }

    /// The name that comes next, without taking it: a letter, then letters, digits and underscores.
    pub(super) fn peek_name(&self) -> Option<&'a str> {
        let rest = self.rest();
        if !rest.first()?.is_ascii_alphabetic() {
            return None;
        }
        let length = rest.iter().take_while(|&&byte| is_name(byte)).count();
        std::str::from_utf8(rest.get(..length)?).ok()
    }

    pub(super) fn name(&mut self) -> Option<&'a str> {
        let name = self.peek_name()?;
        self.pos += name.len();
        Some(name)
    }

    /// Takes `word` if it is the whole name that comes next.
    pub(super) fn take_name(&mut self, word: &str) -> bool {
        let found = self.peek_name() == Some(word);
        if found {
            self.pos += word.len();
        }
        found
    }

    /// The name after a minus that comes next, without taking either.
    pub(super) fn peek_dashed(&self) -> Option<&'a str> {
        let dashed = Lexer {
            text: self.text,
            pos: self.pos + 1,
        };
        (self.peek() == Some(b'-'))
            .then(|| dashed.peek_name())
            .flatten()
    }

    pub(super) fn digits(&mut self) -> &'a [u8] {
        self.take_while(|byte| byte.is_ascii_digit())
    }

    /// The byte that an escape stands for; its backslash has been taken.
    pub(super) fn escape(&mut self) -> Result<u8, String> {
        let at = self.pos.saturating_sub(1);
        match self.peek() {
            None => Err(format!("a lone backslash ends the text (offset {at})")),
            Some(b'0'..=b'9') => octal(self.digits()).ok_or_else(|| {
                format!("an octal escape has one to three digits, from \\0 to \\377 (offset {at})")
            }),
            Some(byte) => {
                self.pos += 1;
                Ok(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    other => other,
                })
            }
        }
    }

    /// `/re/flags` or `m#re#flags` (with `lead` `m`), `s/re/to/flags` (with `lead` `s` and two parts).
    pub(super) fn delimited(&mut self, lead: u8, parts: usize) -> Result<Delimited, String> {
        self.skip_space();
        let start = self.pos;
        let bare = lead == b'm' && self.peek() == Some(b'/');
        if !bare && self.next() != Some(lead) {
            return Err(format!("expected a pattern such as /.../ (offset {start})"));
        }
        let Some(delimiter) = self.next().filter(|byte| DELIMITERS.contains(byte)) else {
            return Err(format!(
                "expected a pattern such as /.../ or {}#...# (offset {start})",
                char::from(lead)
            ));
        };
        let parts = (0..parts)
            .map(|_| self.until(delimiter, start))
            .collect::<Result<Vec<_>, _>>()?;
        let flags = self
            .peek_name()
            .filter(|name| name.bytes().all(|flag| b"ismg".contains(&flag)));
        let flags = flags.unwrap_or_default().as_bytes().to_vec();
        self.pos += flags.len();
        Ok(Delimited { parts, flags })
    }

    /// Everything up to a delimiter that no backslash stands before. The backslash stays: the pattern needs it.
    fn until(&mut self, delimiter: u8, start: usize) -> Result<Vec<u8>, String> {
        let mut part = Vec::new();
        loop {
            match self.next() {
                None => {
                    let delimiter = char::from(delimiter);
                    return Err(format!(
                        "the pattern is not closed by {delimiter:?} (offset {start})"
                    ));
                }
                Some(byte) if byte == delimiter => return Ok(part),
                Some(b'\\') => {
                    part.push(b'\\');
                    part.extend(self.next());
                }
                Some(byte) => part.push(byte),
            }
        }
    }

    /// What comes next, to be shown in an error.
    pub(super) fn found(&self) -> String {
        match (self.peek_name(), self.peek()) {
            (Some(name), _) => format!("{name:?}"),
            (None, None) => "the end".to_string(),
            (None, Some(byte)) => {
                let length = match byte {
                    b'=' | b'!' | b'<' | b'>' | b'&' | b'|' => self
                        .rest()
                        .iter()
                        .take_while(|next| b"=!<>&|~".contains(next))
                        .count()
                        .min(2),
                    _ => {
                        self.rest()
                            .iter()
                            .skip(1)
                            .take_while(|next| (**next & 0xc0) == 0x80)
                            .count()
                            + 1
                    }
                };
                let text = self.rest().get(..length).unwrap_or_default();
                format!("{:?}", String::from_utf8_lossy(text))
            }
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.len() <= 3)?;
    u8::from_str_radix(digits, 8).ok()
}
