//! Shell wildcards: `<Files>`, `<Directory>`, `Include`, `IndexIgnore`, `ServerAlias`, `-strmatch` and their like.
//!
//! Compiled once to tokens; matching is linear in pattern times subject and allocates nothing.

/// What the wildcards of one directive can do. Each caller chooses; the default is a plain string match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobOptions {
    /// `*`, `?` and `[...]` never match a `/`.
    pub pathname: bool,
    /// A leading `.` (with `pathname`: in any segment) is matched only by a `.`.
    pub period: bool,
    /// ASCII letters match whatever their case.
    pub ignore_case: bool,
    /// `[...]` and backslash have a meaning; without, only `*` and `?` do.
    pub classes: bool,
}

impl Default for GlobOptions {
    fn default() -> GlobOptions {
        GlobOptions {
            pathname: false,
            period: false,
            ignore_case: false,
            classes: true,
        }
    }
}

impl GlobOptions {
    /// For paths: wildcards stop at `/`.
    pub const PATH: GlobOptions = GlobOptions {
        pathname: true,
        period: false,
        ignore_case: false,
        classes: true,
    };
    /// For host names: `*` and `?` only, ignoring case.
    pub const HOST: GlobOptions = GlobOptions {
        pathname: false,
        period: false,
        ignore_case: true,
        classes: false,
    };
}

/// A compiled wildcard pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    source: Box<[u8]>,
    options: GlobOptions,
    tokens: Box<[Token]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Any,
    Star,
    Class {
        negated: bool,
        ranges: Box<[(u8, u8)]>,
    },
}

/// Whether a word holds wildcards: `*`, `?`, or a `[` that is closed by a `]`. A backslash takes a wildcard's meaning.
pub fn is_wild(word: impl AsRef<[u8]>) -> bool {
    let mut open = false;
    let mut bytes = word.as_ref().iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' => return true,
            b'\\' if bytes.next().is_none() => return false,
            b'[' => open = true,
            b']' if open => return true,
            _ => {}
        }
    }
    false
}

impl Glob {
    /// Compiles a pattern; every text is one (a `[` that is not closed stands for itself).
    pub fn new(source: impl AsRef<[u8]>, options: GlobOptions) -> Glob {
        let source = source.as_ref();
        Glob {
            source: source.into(),
            options,
            tokens: tokens(source, options).into(),
        }
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The options it was compiled with.
    pub fn options(&self) -> GlobOptions {
        self.options
    }

    /// Whether the whole of `subject` matches.
    pub fn matches(&self, subject: &[u8]) -> bool {
        let mut token = 0;
        let mut pos = 0;
        // The last star seen and how far it has been stretched. No earlier one is ever worth another try: what stands
        // between two stars was found at its first place, and with `pathname` a `/` ends both alike.
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.tokens.get(token), subject.get(pos)) {
                (None, None) => return true,
                (Some(Token::Star), _) if !self.hidden(subject, pos) => {
                    star = Some((token, pos));
                    token += 1;
                    continue;
                }
                (Some(Token::Star), _) => {}
                (Some(one), Some(&byte)) if self.one(one, byte, subject, pos) => {
                    token += 1;
                    pos += 1;
                    continue;
                }
                _ => {}
            }
            let Some((at, stretched)) = star else {
                return false;
            };
            match subject.get(stretched) {
                None => return false,
                Some(b'/') if self.options.pathname => return false,
                Some(_) => {}
            }
            star = Some((at, stretched + 1));
            token = at + 1;
            pos = stretched + 1;
        }
    }

    /// Whether a leading dot stands at `pos`, which wildcards may not match.
    fn hidden(&self, subject: &[u8], pos: usize) -> bool {
        self.options.period
            && subject.get(pos) == Some(&b'.')
            && (pos == 0 || (self.options.pathname && subject.get(pos - 1) == Some(&b'/')))
    }

    fn one(&self, token: &Token, byte: u8, subject: &[u8], pos: usize) -> bool {
        let slash = self.options.pathname && byte == b'/';
        let wildcard = !(slash || self.hidden(subject, pos));
        match token {
            Token::Byte(wanted) if self.options.ignore_case => wanted.eq_ignore_ascii_case(&byte),
            Token::Byte(wanted) => *wanted == byte,
            Token::Any => wildcard,
            Token::Class { negated, ranges } => wildcard && self.in_class(ranges, byte) != *negated,
            Token::Star => false,
        }
    }

    fn in_class(&self, ranges: &[(u8, u8)], byte: u8) -> bool {
        let within = |byte: u8| {
            ranges
                .iter()
                .any(|&(low, high)| (low..=high).contains(&byte))
        };
        within(byte)
            || (self.options.ignore_case
                && (within(byte.to_ascii_lowercase()) || within(byte.to_ascii_uppercase())))
    }
}

fn tokens(source: &[u8], options: GlobOptions) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.len());
    let mut pos = 0;
    while let Some(&byte) = source.get(pos) {
        pos += 1;
        let token = match byte {
            b'*' if tokens.last() == Some(&Token::Star) => continue,
            b'*' => Token::Star,
            b'?' => Token::Any,
            b'\\' if options.classes && pos < source.len() => {
                pos += 1;
                Token::Byte(source.get(pos - 1).copied().unwrap_or(b'\\'))
            }
            b'[' if options.classes => match class(source, pos, options.pathname) {
                Some((class, end)) => {
                    pos = end;
                    class
                }
                None => Token::Byte(b'['),
            },
            other => Token::Byte(other),
        };
        tokens.push(token);
    }
    tokens
}

/// Reads a class after its `[`; gives the place after its `]`. `None` where it is not closed, or (in a path) not
/// before the next `/`.
fn class(source: &[u8], mut pos: usize, pathname: bool) -> Option<(Token, usize)> {
    let negated = matches!(source.get(pos), Some(b'!' | b'^'));
    pos += usize::from(negated);
    let first = pos;
    let mut ranges = Vec::new();
    loop {
        match source.get(pos)? {
            b']' if pos > first => break,
            b'/' if pathname => return None,
            _ => {}
        }
        let low = member(source, &mut pos)?;
        let ranged =
            source.get(pos) == Some(&b'-') && !matches!(source.get(pos + 1), None | Some(b']'));
        if ranged {
            pos += 1;
            ranges.push((low, member(source, &mut pos)?));
        } else {
            ranges.push((low, low));
        }
    }
    let ranges = ranges.into();
    Some((Token::Class { negated, ranges }, pos + 1))
}

fn member(source: &[u8], pos: &mut usize) -> Option<u8> {
    if source.get(*pos) == Some(&b'\\') && *pos + 1 < source.len() {
        *pos += 1;
    }
    let byte = source.get(*pos).copied()?;
    *pos += 1;
    Some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: GlobOptions = GlobOptions {
        pathname: false,
        period: false,
        ignore_case: false,
        classes: true,
    };

    #[track_caller]
    fn check(pattern: &str, options: GlobOptions, yes: &[&str], no: &[&str]) {
        let glob = Glob::new(pattern, options);
        for subject in yes {
            assert!(
                glob.matches(subject.as_bytes()),
                "{pattern} should match {subject:?}"
            );
        }
        for subject in no {
            assert!(
                !glob.matches(subject.as_bytes()),
                "{pattern} should not match {subject:?}"
            );
        }
    }

    #[test]
    fn plain_wildcards() {
        check("*", PLAIN, &["", "a", "a/b", ".x"], &[]);
        check("a?c", PLAIN, &["abc", "a/c"], &["ac", "abbc"]);
        check(
            "*.html",
            PLAIN,
            &[".html", "a.html", "a.html.html"],
            &["a.htm", "a.html~"],
        );
        check("a*b*c", PLAIN, &["abc", "aXbXbc"], &["ab", "abcX"]);
        check("", PLAIN, &[""], &["a"]);
    }

    #[test]
    fn classes() {
        check("[a-c]x", PLAIN, &["ax", "cx"], &["dx", "x", "-x"]);
        check("[!a-c]", PLAIN, &["d", "!"], &["a", ""]);
        check("[^a]", PLAIN, &["b"], &["a"]);
        check("[]a]", PLAIN, &["]", "a"], &["b"]);
        check("[a-]", PLAIN, &["a", "-"], &["b"]);
        check(r"[\]]\*", PLAIN, &["]*"], &[r"\*", "]x"]);
        check("[ab", PLAIN, &["[ab"], &["a"]);
        check("a[b/c]d", GlobOptions::PATH, &["a[b/c]d"], &["abd"]);
    }

    #[test]
    fn paths_and_hidden_names() {
        check(
            "/home/*/www",
            GlobOptions::PATH,
            &["/home/x/www"],
            &["/home/x/y/www", "/home/www"],
        );
        check(
            "/*/*",
            GlobOptions::PATH,
            &["/a/b", "/a/", "//"],
            &["/a/b/c"],
        );
        check("/a?b", GlobOptions::PATH, &["/axb"], &["/a/b"]);
        let shy = GlobOptions {
            period: true,
            ..GlobOptions::PATH
        };
        check("*", shy, &["a", ""], &[".a"]);
        check("/*/x", shy, &["/a/x"], &["/.a/x"]);
        check("/?a", shy, &["/ba"], &["/.a"]);
        check("/[.]a", shy, &[], &["/.a"]);
        check("/.*", shy, &["/.a", "/."], &["/a"]);
        check("a*", shy, &["a.b"], &[]);
    }

    #[test]
    fn case_and_hosts() {
        let fold = GlobOptions {
            ignore_case: true,
            ..PLAIN
        };
        check("Ab[c-d]*", fold, &["aBC", "ABdx"], &["abe"]);
        check(
            "*.Example.com",
            GlobOptions::HOST,
            &["www.EXAMPLE.com"],
            &["example.com"],
        );
        check("[a]", GlobOptions::HOST, &["[a]"], &["a"]);
    }

    #[test]
    fn wild_words() {
        for word in ["*", "a?", "[a]", "x[y]z"] {
            assert!(is_wild(word), "{word}");
        }
        for word in ["", "a", r"\*", r"a\?", "[a", "a]", r"\[a]"] {
            assert!(!is_wild(word), "{word}");
        }
    }

    /// The plainest way to say what a glob means: try every length of every star.
    fn reference(pattern: &[Token], subject: &[u8], glob: &Glob, pos: usize) -> bool {
        match pattern.split_first() {
            None => pos == subject.len(),
            Some((Token::Star, rest)) => {
                if glob.hidden(subject, pos) {
                    return false;
                }
                for end in pos..=subject.len() {
                    if reference(rest, subject, glob, end) {
                        return true;
                    }
                    if glob.options.pathname && subject.get(end) == Some(&b'/') {
                        return false;
                    }
                }
                false
            }
            Some((token, rest)) => {
                subject
                    .get(pos)
                    .is_some_and(|&byte| glob.one(token, byte, subject, pos))
                    && reference(rest, subject, glob, pos + 1)
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(
            pattern in r"[ab/.*?\[\]!\\-]{0,10}",
            subject in r"[abAB/.\[\]-]{0,10}",
            pathname: bool, period: bool, ignore_case: bool,
        ) {
            let options = GlobOptions { pathname, period, ignore_case, classes: true };
            let glob = Glob::new(&pattern, options);
            prop_assert_eq!(
                glob.matches(subject.as_bytes()),
                reference(&glob.tokens, subject.as_bytes(), &glob, 0)
            );
        }

        #[test]
        fn any_bytes_are_a_pattern(pattern: Vec<u8>, subject: Vec<u8>) {
            Glob::new(&pattern, PLAIN).matches(&subject);
            is_wild(&pattern);
        }

        #[test]
        fn a_word_that_is_not_wild_matches_itself(word in "[a-z./]{0,12}") {
            prop_assert!(!is_wild(&word));
            prop_assert!(Glob::new(&word, GlobOptions::PATH).matches(word.as_bytes()));
        }
    }

    #[test]
    fn many_stars_stay_cheap() {
        let glob = Glob::new("a*".repeat(200) + "b", PLAIN);
        assert!(!glob.matches("a".repeat(20_000).as_bytes()));
    }
}
