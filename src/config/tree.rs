//! The tree that reading the files gives: a node for each line that is not carried out while reading.

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// Index into [`super::source::ConfigSource::files`].
    pub file: u32,
    /// From 1; of a continued line, the last.
    pub line: u32,
}

/// One directive, or one section with the lines inside.
#[derive(Clone, Debug)]
pub struct Node {
    /// The directive's name as written; sections begin with `<`.
    pub name: String,
    /// The rest of the line, variables replaced, without a section's closing `>`.
    pub args: String,
    /// Where it stands.
    pub at: At,
    /// The lines of a section.
    pub children: Vec<Node>,
}

impl Node {
    /// True for `<Directory ...>` and the like.
    pub fn is_section(&self) -> bool {
        self.name.starts_with('<')
    }
}

/// The next word of a line, with quotes and backslashes taken away, and what stands behind it. Apache's `ap_getword_conf`.
pub fn next_word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let quote = match text.chars().next()? {
        q @ ('"' | '\'') => Some(q),
        _ => None,
    };
    match quote {
        Some(q) => Some(quoted_word(&text[1..], q)),
        None => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            Some((unescape(&text[..end], None), text[end..].trim_start()))
        }
    }
}

fn quoted_word(text: &str, quote: char) -> (String, &str) {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => {
                let rest = text[index + quote.len_utf8()..].trim_start();
                return (unescape(&text[..index], Some(quote)), rest);
            }
            _ => {}
        }
    }
    (unescape(text, Some(quote)), "")
}

/// A backslash escapes itself and the quote; before anything else it stays, so that regular expressions survive.
fn unescape(text: &str, quote: Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next)) if next == '\\' || Some(next) == quote => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// All words of a line.
pub fn words(mut text: &str) -> Vec<String> {
    let mut out = Vec::new();
    while let Some((word, rest)) = next_word(text) {
        out.push(word);
        text = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unquoted() {
        assert_eq!(words(r#"a "b c" 'd "e"' f"#), ["a", "b c", "d \"e\"", "f"]);
        assert_eq!(words(r#""say \"hi\"" x"#), ["say \"hi\"", "x"]);
        assert_eq!(words(r"\.gif$ ^/a\\b"), [r"\.gif$", r"^/a\b"]);
        assert_eq!(words(r#""open"#), ["open"]);
        assert_eq!(words("  "), Vec::<String>::new());
        assert_eq!(words(r#""""#), [""]);
    }
}
