//! Reads `cases.tsv`, the corpus of ambiguous requests: shared by the unit test of the parser and by suites that send the
//! cases to a running server.

/// What a request, or the attempt at one, comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A request that was accepted, and its body's length.
    Request(String, u64),
    /// A request whose body is not complete.
    BodyMore(String),
    /// A request whose body is refused with this status.
    BodyRefused(String, u16),
    /// A head that is refused with this status.
    Refused(u16),
    /// A head that is not complete.
    More,
}

/// One line of the corpus.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub bytes: Vec<u8>,
    /// What must be read, in this order and nothing else.
    pub readings: Vec<Reading>,
}

/// All cases of the corpus; panics, with the line, where the table itself is wrong.
pub fn cases() -> Vec<Case> {
    include_str!("cases.tsv")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(case)
        .collect()
}

fn case(line: &str) -> Case {
    let mut columns = line.splitn(3, '\t');
    let mut column = || {
        columns
            .next()
            .unwrap_or_else(|| panic!("three columns: {line}"))
    };
    let (name, readings, bytes) = (column(), column(), column());
    Case {
        name: name.to_owned(),
        readings: readings.split(' ').map(reading).collect(),
        bytes: unescape(&repeat(bytes)),
    }
}

fn reading(word: &str) -> Reading {
    let Some((method, what)) = word.split_once(':') else {
        return match word {
            "more" => Reading::More,
            status => Reading::Refused(status.parse().expect("a status")),
        };
    };
    let method = method.to_owned();
    match what.parse::<u64>() {
        _ if what == "more" => Reading::BodyMore(method),
        // No body of the corpus is as long as the lowest status.
        Ok(status) if status >= 400 => Reading::BodyRefused(method, status as u16),
        length => Reading::Request(method, length.expect("a length")),
    }
}

/// Writes out `{text*N}`.
fn repeat(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').expect("a closing brace");
        let (what, count) = inside.rsplit_once('*').expect("text*count");
        out.push_str(before);
        out.push_str(&what.repeat(count.parse().expect("a count")));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || {
                    bytes
                        .next()
                        .and_then(|digit| char::from(digit).to_digit(16))
                        .expect("a digit")
                };
                (digit() * 16 + digit()) as u8
            }
            other => panic!("an escape nobody knows: {other:?} in {text}"),
        });
    }
    out
}
