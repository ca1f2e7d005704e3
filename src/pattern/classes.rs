//! The classes of PCRE's dialect, `[...]`, spelt out for both engines; a part of [`super::translate`].

use super::translate::{push_hex, Outcome, Translator, HORIZONTAL, VERTICAL};

/// One member of a class: a single byte may begin or end a range, a set may not.
enum Member {
    Byte(u8),
    Set(String),
}

const POSIX_CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

impl Translator<'_> {
    pub(super) fn class(&mut self) -> Outcome {
        let start = self.pos - 1;
        let mut text = String::from("[");
        if self.take("^") {
            text.push('^');
        }
        let mut first = true;
        loop {
            if self.take(r"\Q") {
                self.quoted_members(&mut text);
                first = false;
                continue;
            }
            if self.take(r"\E") {
                continue;
            }
            match self.peek() {
                None => {
                    return Err(format!(
                        "the class opened at offset {start} is not closed by ']'"
                    ))
                }
                Some(b']') if !first => break,
                Some(_) => self.members(&mut text)?,
            }
            first = false;
        }
        self.pos += 1;
        text.push(']');
        self.atom(&text);
        Ok(())
    }

    fn quoted_members(&mut self, text: &mut String) {
        while self.pos < self.source.len() && !self.take(r"\E") {
            if let Some(byte) = self.next() {
                push_member(text, byte);
            }
        }
    }

    /// One member of a class, or a range.
    fn members(&mut self, text: &mut String) -> Outcome {
        let start = self.pos;
        let low = match self.member()? {
            Member::Set(set) => {
                text.push_str(&set);
                return Ok(());
            }
            Member::Byte(low) => low,
        };
        let ranged = self.peek() == Some(b'-') && !matches!(self.rest().get(1), None | Some(b']'));
        if !ranged {
            push_member(text, low);
            return Ok(());
        }
        self.pos += 1;
        match self.member()? {
            Member::Set(set) => {
                push_member(text, low);
                push_member(text, b'-');
                text.push_str(&set);
            }
            Member::Byte(high) if high < low => {
                return Err(format!("the range at offset {start} ends before it begins"));
            }
            Member::Byte(high) => {
                push_member(text, low);
                text.push('-');
                push_member(text, high);
            }
        }
        Ok(())
    }

    fn member(&mut self) -> Result<Member, String> {
        let start = self.pos;
        match self.next() {
            Some(b'[') if matches!(self.peek(), Some(b':' | b'.' | b'=')) => self.posix(start),
            Some(b'\\') => self.class_escape(start),
            Some(byte) => Ok(Member::Byte(byte)),
            None => Err(format!("the class ends in the middle, at offset {start}")),
        }
    }

    /// `[:alpha:]` in a class; without its end it is a literal bracket.
    fn posix(&mut self, start: usize) -> Result<Member, String> {
        let mark = self.peek().unwrap_or(b':');
        let inner = self.rest().get(1..).unwrap_or_default();
        let length = inner
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'^')
            .count();
        let name = String::from_utf8_lossy(inner.get(..length).unwrap_or_default()).into_owned();
        if inner.get(length) != Some(&mark) || inner.get(length + 1) != Some(&b']') {
            return Ok(Member::Byte(b'['));
        }
        if mark != b':' || !POSIX_CLASSES.contains(&name.trim_start_matches('^')) {
            let mark = char::from(mark);
            return Err(format!(
                "[{mark}{name}{mark}] at offset {start} is not a known class"
            ));
        }
        self.pos += length + 3;
        Ok(Member::Set(format!("[:{name}:]")))
    }

    fn class_escape(&mut self, start: usize) -> Result<Member, String> {
        let Some(byte) = self.next() else {
            return Err("the pattern ends with a lone backslash".to_string());
        };
        let set = match byte {
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' => format!("\\{}", char::from(byte)),
            b'h' => HORIZONTAL.to_string(),
            b'H' => format!("[^{HORIZONTAL}]"),
            b'v' => VERTICAL.to_string(),
            b'V' => format!("[^{VERTICAL}]"),
            b'b' => return Ok(Member::Byte(0x08)),
            b'0'..=b'7' => {
                self.pos -= 1;
                let code = self.octal(3);
                let code = u8::try_from(code)
                    .map_err(|_| format!("the octal code at offset {start} is beyond \\377"))?;
                return Ok(Member::Byte(code));
            }
            b'p' | b'P' => {
                return Err(format!(
                    "a Unicode property in a class (offset {start}) is not supported"
                ));
            }
            other => return self.character(other, start).map(Member::Byte),
        };
        Ok(Member::Set(set))
    }
}

/// Writes a byte that stands for itself in a class, where more characters have a meaning to the engines.
fn push_member(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() {
        out.push(char::from(byte));
    } else {
        push_hex(out, byte);
    }
}
