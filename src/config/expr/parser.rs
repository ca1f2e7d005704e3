//! The grammar, by recursive descent.
//!
//! A parenthesis may open a condition or a word, which shows only later. So the parser reads "either" at every level
//! and asks for a condition where one is needed; nothing is ever read twice.

use super::ast::{Comparison, Cond, List, Test, Word};
use super::lexer::{Delimited, Lexer};
use super::names::{self, Function};
use super::ParseOptions;
use crate::config::ipmask::IpMask;
use crate::config::suggest;
use crate::pattern::{Flags, Glob, GlobOptions, Pattern};

/// How deep parentheses, functions and embedded texts may stand in each other.
const DEPTH: usize = 100;

/// Parses a condition; also says whether it has tests by sub-request.
pub(super) fn condition(text: &[u8], options: &ParseOptions<'_>) -> Result<(Cond, bool), String> {
    let mut parser = Parser::new(text, options);
    let start = parser.lexer.pos;
    let parsed = parser.either()?;
    let parsed = parser.need_condition(parsed, start)?;
    parser.lexer.skip_space();
    match parser.lexer.peek() {
        None => Ok((parsed, parser.subrequests)),
        Some(_) => Err(parser.unexpected()),
    }
}

/// Parses a text with embedded variables.
pub(super) fn text(text: &[u8], options: &ParseOptions<'_>) -> Result<(Word, bool), String> {
    let mut parser = Parser::new(text, options);
    let parsed = parser.parts(None, 0)?;
    Ok((parsed, parser.subrequests))
}

enum Either {
    Cond(Cond),
    Word(Word),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    options: &'a ParseOptions<'a>,
    depth: usize,
    subrequests: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a [u8], options: &'a ParseOptions<'a>) -> Parser<'a> {
        Parser {
            lexer: Lexer::new(text),
            options,
            depth: 0,
            subrequests: false,
        }
    }

    /// Goes one level deeper for the length of `work`.
    fn nested<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth == DEPTH {
            return Err(format!(
                "nested more than {DEPTH} deep (offset {})",
                self.lexer.pos
            ));
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    fn unexpected(&self) -> String {
        let hint = match self.lexer.peek() {
            Some(b'&') => "; did you mean \"&&\"?",
            Some(b'|') => "; did you mean \"||\"?",
            _ => "",
        };
        format!(
            "unexpected {} (offset {}){hint}",
            self.lexer.found(),
            self.lexer.pos
        )
    }

    fn expected(&self, what: &str) -> String {
        format!(
            "expected {what}, found {} (offset {})",
            self.lexer.found(),
            self.lexer.pos
        )
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        self.lexer.skip_space();
        if self.lexer.take(text) {
            return Ok(());
        }
        Err(self.expected(&format!("{text:?}")))
    }

    fn need_condition(&self, either: Either, start: usize) -> Result<Cond, String> {
        match either {
            Either::Cond(cond) => Ok(cond),
            Either::Word(_) => Err(format!(
                "a word alone is no condition: compare it, or test it with -n, -z or -T (offset {start})"
            )),
        }
    }

    /// `a || b || ...`
    fn either(&mut self) -> Result<Either, String> {
        self.chain("||", "or", Cond::Any, |parser| {
            parser.chain("&&", "and", Cond::All, Self::negation)
        })
    }

    /// One or more operands of one kind with an operator between them, flat, so that long ones are not deep.
    fn chain(
        &mut self,
        sign: &str,
        name: &str,
        whole: fn(Vec<Cond>) -> Cond,
        operand: impl Fn(&mut Self) -> Result<Either, String>,
    ) -> Result<Either, String> {
        let mut start = self.lexer.pos;
        let mut last = operand(self)?;
        let mut conds = Vec::new();
        loop {
            self.lexer.skip_space();
            if !self.lexer.take(sign) && !self.lexer.take_name(name) {
                break;
            }
            conds.push(self.need_condition(last, start)?);
            start = self.lexer.pos;
            last = operand(self)?;
        }
        if conds.is_empty() {
            return Ok(last);
        }
        conds.push(self.need_condition(last, start)?);
        Ok(Either::Cond(whole(conds)))
    }

    /// `! a`; binds looser than comparisons.
    fn negation(&mut self) -> Result<Either, String> {
        self.lexer.skip_space();
        let start = self.lexer.pos;
        if !self.lexer.take("!") && !self.lexer.take_name("not") {
            return self.comparison();
        }
        let inner = self.nested(Self::negation)?;
        let inner = self.need_condition(inner, start)?;
        Ok(Either::Cond(Cond::Not(Box::new(inner))))
    }

    fn comparison(&mut self) -> Result<Either, String> {
        let first = if self.lexer.take("(") {
            let inner = self.nested(Self::either)?;
            self.expect(")")?;
            match inner {
                Either::Word(word) => word,
                cond => return Ok(cond),
            }
        } else if let Some(name) = self.lexer.peek_dashed() {
            return self.unary(name).map(Either::Cond);
        } else if self.lexer.take_name("true") {
            return Ok(Either::Cond(Cond::Const(true)));
        } else if self.lexer.take_name("false") {
            return Ok(Either::Cond(Cond::Const(false)));
        } else {
            self.primary()?
        };
        let left = self.concatenation(first)?;
        self.binary(left)
    }

    /// `-n word` and its like.
    fn unary(&mut self, name: &str) -> Result<Cond, String> {
        let start = self.lexer.pos;
        let letter = match name.as_bytes() {
            &[letter] => letter,
            _ => return Err(format!("-{name} needs a word before it (offset {start})")),
        };
        self.lexer.pos += 1 + name.len();
        if letter == b'R' {
            return self.constant_range("-R").map(Cond::Client);
        }
        let Some(test) = names::test(letter) else {
            return Err(format!(
                "there is no test -{name} (offset {start}){}",
                other_case(letter)
            ));
        };
        if self.options.restricted && matches!(test, Test::File(_)) {
            return Err(format!("-{name} is not allowed here (offset {start})"));
        }
        self.subrequests |= matches!(test, Test::FileReachable | Test::UrlReachable);
        let word = self.word()?;
        Ok(Cond::Test { test, word })
    }

    /// What follows a word: a comparison, or nothing.
    fn binary(&mut self, left: Word) -> Result<Either, String> {
        self.lexer.skip_space();
        if let Some(operator) = self.string_operator() {
            return self.compare(left, operator, false).map(Either::Cond);
        }
        for (sign, negated) in [("=~", false), ("!~", true)] {
            if self.lexer.take(sign) {
                return self.matches(left, negated).map(Either::Cond);
            }
        }
        let start = self.lexer.pos;
        if let Some(name) = self.lexer.peek_dashed() {
            self.lexer.pos += 1 + name.len();
            return self
                .named_operator(left, &name.to_ascii_lowercase(), start)
                .map(Either::Cond);
        }
        match self.lexer.peek_name() {
            None | Some("and" | "or") => Ok(Either::Word(left)),
            Some(name) if integer_operator(name).is_some() || name == "in" => {
                self.lexer.pos += name.len();
                self.named_operator(left, name, start).map(Either::Cond)
            }
            Some(name) => {
                let known = ["eq", "ne", "lt", "le", "gt", "ge", "in", "and", "or"];
                let hint = suggest::hint(name, known);
                Err(format!("{name:?} is no operator (offset {start}){hint}"))
            }
        }
    }

    fn string_operator(&mut self) -> Option<Comparison> {
        // `=~` is no comparison, and `==` must be seen before `=`.
        if self.lexer.peek() == Some(b'=') && self.lexer.peek_second() == Some(b'~') {
            return None;
        }
        let operators = [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = operators.iter().find(|(sign, _)| self.lexer.take(sign));
        found.map(|(_, operator)| *operator)
    }

    fn compare(&mut self, left: Word, operator: Comparison, numbers: bool) -> Result<Cond, String> {
        let right = self.word()?;
        Ok(Cond::Compare {
            left,
            right,
            numbers,
            operator,
        })
    }

    fn matches(&mut self, subject: Word, negated: bool) -> Result<Cond, String> {
        let start = self.lexer.pos;
        let delimited = self.lexer.delimited(b'm', 1)?;
        let pattern = Box::new(self.pattern(&delimited, start)?);
        Ok(Cond::Matches {
            subject,
            pattern,
            negated,
        })
    }

    fn pattern(&self, delimited: &Delimited, start: usize) -> Result<Pattern, String> {
        let source = delimited
            .parts
            .first()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let has = |flag: u8| delimited.flags.contains(&flag);
        let flags = Flags {
            ignore_case: self.options.regex.ignore_case || has(b'i'),
            multi_line: self.options.regex.multi_line || has(b'm'),
            dot_all: self.options.regex.dot_all || has(b's'),
            ..self.options.regex
        };
        Pattern::new(source, flags).map_err(|error| {
            let source = String::from_utf8_lossy(source);
            format!("the pattern {source:?} (offset {start}) is not valid: {error}")
        })
    }

    fn named_operator(&mut self, left: Word, name: &str, start: usize) -> Result<Cond, String> {
        if let Some(operator) = integer_operator(name) {
            return self.compare(left, operator, true);
        }
        let wildcard = |pathname, ignore_case| GlobOptions {
            pathname,
            ignore_case,
            ..GlobOptions::default()
        };
        match name {
            "in" => {
                let list = self.list()?;
                Ok(Cond::In { word: left, list })
            }
            "ipmatch" => {
                let range = self.constant_range("-ipmatch")?;
                Ok(Cond::Address { word: left, range })
            }
            "strmatch" => self.wildcard(left, wildcard(false, false)),
            "strcmatch" => self.wildcard(left, wildcard(false, true)),
            "fnmatch" => self.wildcard(left, wildcard(true, false)),
            _ => {
                let known = [
                    "eq",
                    "ne",
                    "lt",
                    "le",
                    "gt",
                    "ge",
                    "in",
                    "ipmatch",
                    "strmatch",
                    "strcmatch",
                    "fnmatch",
                ];
                let hint = suggest::nearest(name, known);
                let hint =
                    hint.map_or(String::new(), |near| format!("; did you mean \"-{near}\"?"));
                Err(format!(
                    "there is no operator -{name} (offset {start}){hint}"
                ))
            }
        }
    }

    fn wildcard(&mut self, subject: Word, options: GlobOptions) -> Result<Cond, String> {
        Ok(match self.word()? {
            Word::Literal(pattern) => Cond::ConstWildcard {
                subject,
                glob: Glob::new(pattern, options),
            },
            pattern => Cond::Wildcard {
                subject,
                pattern,
                options,
            },
        })
    }

    fn constant_range(&mut self, operator: &str) -> Result<IpMask, String> {
        self.lexer.skip_space();
        let start = self.lexer.pos;
        let Word::Literal(text) = self.word()? else {
            return Err(format!(
                "{operator} needs a constant address range (offset {start})"
            ));
        };
        let text = String::from_utf8_lossy(&text);
        IpMask::parse(&text).map_err(|error| format!("{error} (offset {start})"))
    }

    /// `{ word, word }`, a list function, `split /re/, list`, or one of them in parentheses.
    fn list(&mut self) -> Result<List, String> {
        self.lexer.skip_space();
        let start = self.lexer.pos;
        if self.lexer.take("{") {
            let words = self.nested(Self::words)?;
            self.expect("}")?;
            return Ok(List::Words(words));
        }
        if self.lexer.take("(") {
            let list = self.nested(Self::list)?;
            self.expect(")")?;
            return Ok(list);
        }
        let Some(name) = self.lexer.name() else {
            return Err(self.expected("a list such as { 'a', 'b' }"));
        };
        if name == "split" {
            return self.in_parentheses(Self::split);
        }
        let known = self.options.list_functions;
        if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let hint = suggest::hint(name, known.iter().copied());
            return Err(format!(
                "there is no list function {name:?} (offset {start}){hint}"
            ));
        }
        self.expect("(")?;
        let argument = self.nested(Self::word)?;
        self.expect(")")?;
        Ok(List::Module {
            name: name.to_ascii_lowercase().into(),
            argument: Box::new(argument),
        })
    }

    /// The operands of `split`, `sub` and `join` may stand in parentheses.
    fn in_parentheses<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        self.lexer.skip_space();
        let open = self.lexer.take("(");
        let done = self.nested(work)?;
        if open {
            self.expect(")")?;
        }
        Ok(done)
    }

    fn words(&mut self) -> Result<Vec<Word>, String> {
        let mut words = vec![self.word()?];
        loop {
            self.lexer.skip_space();
            if !self.lexer.take(",") {
                return Ok(words);
            }
            words.push(self.word()?);
        }
    }

    /// `/re/, list-or-word`
    fn split(&mut self) -> Result<List, String> {
        let start = self.lexer.pos;
        let delimited = self.lexer.delimited(b'm', 1)?;
        let pattern = Box::new(self.pattern(&delimited, start)?);
        self.expect(",")?;
        let of = Box::new(self.list_or_word()?);
        Ok(List::Split { pattern, of })
    }

    fn list_or_word(&mut self) -> Result<List, String> {
        self.lexer.skip_space();
        let name = self.lexer.peek_name().unwrap_or_default();
        let known = self.options.list_functions.iter();
        let listed = name == "split"
            || known
                .into_iter()
                .any(|known| known.eq_ignore_ascii_case(name));
        if self.lexer.peek() == Some(b'{') || listed {
            return self.list();
        }
        Ok(List::Words(vec![self.word()?]))
    }

    /// `s/re/to/flags, word`
    fn substitution(&mut self) -> Result<Word, String> {
        let start = self.lexer.pos;
        let mut delimited = self.lexer.delimited(b's', 2)?;
        let pattern = Box::new(self.pattern(&delimited, start)?);
        self.expect(",")?;
        let subject = Box::new(self.word()?);
        Ok(Word::Substitute {
            pattern,
            template: delimited.parts.pop().unwrap_or_default().into(),
            all: delimited.flags.contains(&b'g'),
            subject,
        })
    }

    /// `list` or `list, separator`
    fn join(&mut self) -> Result<Word, String> {
        let list = Box::new(self.list_or_word()?);
        self.lexer.skip_space();
        let separator = if self.lexer.take(",") {
            Some(Box::new(self.word()?))
        } else {
            None
        };
        Ok(Word::Join { list, separator })
    }

    /// A word: one or more primaries with dots between them.
    fn word(&mut self) -> Result<Word, String> {
        self.lexer.skip_space();
        let first = if self.lexer.take("(") {
            let word = self.nested(Self::word)?;
            self.expect(")")?;
            word
        } else {
            self.primary()?
        };
        self.concatenation(first)
    }

    fn concatenation(&mut self, first: Word) -> Result<Word, String> {
        let mut parts = vec![first];
        loop {
            self.lexer.skip_space();
            if !self.lexer.take(".") {
                return Ok(Word::concat(parts));
            }
            self.lexer.skip_space();
            if self.lexer.take("(") {
                parts.push(self.nested(Self::word)?);
                self.expect(")")?;
            } else {
                parts.push(self.primary()?);
            }
        }
    }

    fn primary(&mut self) -> Result<Word, String> {
        let start = self.lexer.pos;
        let second = self.lexer.peek_second();
        match self.lexer.peek() {
            Some(b'0'..=b'9') => Ok(Word::Literal(self.lexer.digits().into())),
            Some(b'-') if second.is_some_and(|byte| byte.is_ascii_digit()) => {
                self.lexer.pos += 1;
                let number = [b"-", self.lexer.digits()].concat();
                Ok(Word::Literal(number.into()))
            }
            Some(quote @ (b'\'' | b'"')) => {
                self.lexer.pos += 1;
                self.parts(Some(quote), start)
            }
            Some(b'%') if second == Some(b'{') => {
                self.lexer.pos += 2;
                self.nested(|parser| parser.variable(start))
            }
            Some(b'$') if second.is_some_and(|byte| byte.is_ascii_digit()) => {
                self.lexer.pos += 2;
                Ok(Word::Group(second.unwrap_or(b'0') - b'0'))
            }
            Some(byte) if byte.is_ascii_alphabetic() => self.call(),
            _ => Err(self.expected("a word")),
        }
    }

    /// A function and its arguments, or `sub` or `join`.
    fn call(&mut self) -> Result<Word, String> {
        let start = self.lexer.pos;
        let name = self.lexer.name().unwrap_or_default();
        match name {
            "sub" => return self.in_parentheses(Self::substitution),
            "join" => return self.in_parentheses(Self::join),
            _ => {}
        }
        self.lexer.skip_space();
        if !self.lexer.take("(") {
            let hint = match names::variable(name, false) {
                Some(_) => format!("; did you mean \"%{{{name}}}\"?"),
                None => "; strings are written in quotes".to_string(),
            };
            return Err(format!("{name:?} is no word (offset {start}){hint}"));
        }
        let arguments = self.nested(Self::words)?;
        self.expect(")")?;
        self.function(name, arguments, start)
    }

    fn function(
        &mut self,
        name: &str,
        mut arguments: Vec<Word>,
        start: usize,
    ) -> Result<Word, String> {
        let own = names::function(name);
        let wanted = own.map_or(1, Function::arguments);
        let known = self.options.functions;
        if own.is_none() && !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let hint = suggest::hint(name, names::function_names().chain(known.iter().copied()));
            return Err(format!(
                "there is no function {name:?} (offset {start}){hint}"
            ));
        }
        if arguments.len() != wanted {
            let given = arguments.len();
            let plural = if wanted == 1 { "" } else { "s" };
            return Err(format!(
                "{name} takes {wanted} argument{plural}, not {given} (offset {start})"
            ));
        }
        match own {
            Some(function) if function.is_restricted() && self.options.restricted => {
                Err(format!("{name} is not allowed here (offset {start})"))
            }
            Some(Function::RequestHeader { vary }) => Ok(Word::Call {
                function: Function::RequestHeader {
                    vary: vary && self.options.vary,
                },
                arguments,
            }),
            Some(function) => Ok(Word::Call {
                function,
                arguments,
            }),
            None => Ok(Word::ModuleCall {
                name: name.to_ascii_lowercase().into(),
                argument: Box::new(arguments.swap_remove(0)),
            }),
        }
    }

    /// `NAME}`, `func:argument}` or `:either:}`; what stands before has been taken. `start` is where it began.
    fn variable(&mut self, start: usize) -> Result<Word, String> {
        if self.lexer.take(":") {
            let inner = self.either()?;
            self.expect(":}")?;
            return Ok(match inner {
                Either::Word(word) => word,
                Either::Cond(cond) => Word::Condition(Box::new(cond)),
            });
        }
        let Some(name) = self.lexer.name() else {
            return Err(self.expected("the name of a variable or function after \"%{\""));
        };
        if self.lexer.take("}") {
            return self.named_variable(name, start);
        }
        if !self.lexer.take(":") {
            return Err(self.expected(&format!("\"}}\" or \":\" after {name:?}")));
        }
        if self.lexer.peek() == Some(b'}') {
            return Err(format!("{name:?} needs an argument (offset {start})"));
        }
        let argument = self.parts(Some(b'}'), start)?;
        self.function(name, vec![argument], start)
    }

    fn named_variable(&self, name: &str, start: usize) -> Result<Word, String> {
        if let Some(word) = names::variable(name, self.options.vary) {
            return Ok(word);
        }
        let upper = name.to_ascii_uppercase();
        let known = self.options.variables;
        let found = known.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => upper.starts_with(beginning),
            None => *known == upper,
        });
        if found {
            return Ok(Word::ModuleVariable(upper.into()));
        }
        let hint = match (names::function(name), upper.strip_prefix("HTTP_")) {
            (Some(_), _) => format!("; a function is written \"%{{{name}:...}}\""),
            (None, Some(header)) => format!("; did you mean \"%{{req:{}}}\"?", header_name(header)),
            (None, None) => {
                suggest::hint(name, names::variable_names().chain(known.iter().copied()))
            }
        };
        Err(format!(
            "there is no variable {name:?} (offset {start}){hint}"
        ))
    }

    /// Text with embedded words, to the byte `end` (which is taken) or, without one, to the end of everything.
    fn parts(&mut self, end: Option<u8>, start: usize) -> Result<Word, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        loop {
            let at = self.lexer.pos;
            let Some(byte) = self.lexer.next() else {
                if let Some(end) = end {
                    let end = char::from(end);
                    return Err(format!(
                        "the text that begins at offset {start} is not closed by {end:?}"
                    ));
                }
                break;
            };
            match (byte, self.lexer.peek()) {
                _ if Some(byte) == end => break,
                (b'\\', _) => literal.push(self.lexer.escape()?),
                (b'$', Some(digit @ b'0'..=b'9')) => {
                    self.lexer.pos += 1;
                    parts.push(Word::Literal(std::mem::take(&mut literal).into()));
                    parts.push(Word::Group(digit - b'0'));
                }
                (b'%', Some(b'{')) => {
                    self.lexer.pos += 1;
                    parts.push(Word::Literal(std::mem::take(&mut literal).into()));
                    parts.push(self.nested(|parser| parser.variable(at))?);
                }
                (byte, _) => literal.push(byte),
            }
        }
        parts.push(Word::Literal(literal.into()));
        parts.retain(|part| !matches!(part, Word::Literal(text) if text.is_empty()));
        Ok(Word::concat(parts))
    }
}

fn integer_operator(name: &str) -> Option<Comparison> {
    Some(match name {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        "ge" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn other_case(letter: u8) -> String {
    let other = letter ^ 0x20;
    match names::test(other) {
        Some(_) => format!("; did you mean \"-{}\"?", char::from(other)),
        None => String::new(),
    }
}

/// `X_FORWARDED_FOR` as a header writes it: `X-Forwarded-For`.
fn header_name(variable: &str) -> String {
    let words = variable.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_string() + &rest.to_ascii_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}
