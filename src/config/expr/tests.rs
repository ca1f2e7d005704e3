//! Tests of expressions: Apache's own answers (see `apache`), what this server adds, errors, limits.

mod apache;

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::PathBuf;

/// A request as the probe of Apache sent it: `HEAD /f.txt?a=b&c=D` with a few headers, from 127.0.0.1.
pub struct TestVars {
    headers: HashMap<&'static str, &'static str>,
    env: HashMap<&'static str, &'static str>,
    notes: HashMap<&'static str, &'static str>,
    root: PathBuf,
}

impl TestVars {
    pub fn new(root: PathBuf) -> TestVars {
        let headers = [
            ("host", "127.0.0.1:18481"),
            ("user-agent", "tester/1.0"),
            ("x-foo", "bar"),
            ("referer", "http://Ref/"),
            ("accept", "*/*"),
        ];
        TestVars {
            headers: headers.into(),
            env: [
                ("MYVAR", "envvalue"),
                ("SEIF", "bar"),
                ("PATH", "/bin"),
                ("BOTH", "env"),
            ]
            .into(),
            notes: [("BOTH", "note")].into(),
            root,
        }
    }
}

fn value<'a>(map: &HashMap<&str, &'a str>, name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let found = map
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    found.map(|(_, value)| Cow::Borrowed(value.as_bytes()))
}

impl Vars for TestVars {
    fn variable(&self, variable: Variable) -> Option<Cow<'_, [u8]>> {
        let text = match variable {
            Variable::RequestMethod => "HEAD",
            Variable::RequestScheme => "http",
            Variable::RequestUri => "/f.txt",
            Variable::QueryString => "a=b&c=D",
            Variable::RequestFilename => {
                return Some(Cow::Owned(
                    self.root
                        .join("f.txt")
                        .into_os_string()
                        .into_encoded_bytes(),
                ))
            }
            Variable::TheRequest => "HEAD /f.txt?a=b&c=D HTTP/1.1",
            Variable::RemoteAddr
            | Variable::RemoteHost
            | Variable::ConnRemoteAddr
            | Variable::ServerName => "127.0.0.1",
            Variable::ServerPort => "18481",
            Variable::ServerAdmin => "root@x.example",
            Variable::ServerProtocol => "HTTP/1.1",
            Variable::ServerSoftware => "Apache/2.4.71 (Debian)",
            Variable::Https | Variable::Http2 | Variable::Ipv6 => "off",
            Variable::IsSubrequest => "false",
            Variable::RequestStatus => "200",
            _ => return None,
        };
        Some(Cow::Borrowed(text.as_bytes()))
    }

    fn request_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        value(&self.headers, name)
    }

    fn response_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        name.eq_ignore_ascii_case(b"x-made")
            .then_some(Cow::Borrowed(&b"here"[..]))
    }

    fn env(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        value(&self.env, name)
    }

    fn note(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        value(&self.notes, name)
    }

    fn client_ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([127, 0, 0, 1]))
    }

    fn local_time(&self) -> LocalTime {
        LocalTime {
            year: 2026,
            month: 3,
            day: 5,
            hour: 9,
            minute: 7,
            second: 1,
            weekday: 4,
        }
    }

    fn file_reachable(&self, path: &[u8]) -> bool {
        path.ends_with(b"f.txt")
    }

    fn url_reachable(&self, url: &[u8]) -> bool {
        url.starts_with(b"/")
    }

    fn module_variable(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        (name == "SSL_PROTOCOL").then_some(Cow::Borrowed(&b"TLSv1.3"[..]))
    }

    fn module_function(&self, name: &str, argument: &[u8]) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Owned([name.as_bytes(), b"=", argument].concat()))
    }

    fn module_list(&self, _name: &str, argument: &[u8]) -> Vec<BString> {
        argument
            .split(|byte| *byte == b'.')
            .map(BString::from)
            .collect()
    }
}

fn vars() -> TestVars {
    TestVars::new(PathBuf::from("/srv/www"))
}

const MODULES: ParseOptions<'static> = ParseOptions {
    restricted: false,
    vary: true,
    regex: Flags {
        ignore_case: false,
        multi_line: false,
        dot_all: true,
        dollar_end_only: true,
        extended: false,
    },
    variables: &["SSL_*", "UNIQUE_ID"],
    functions: &["mine"],
    list_functions: &["peerextlist"],
};

#[track_caller]
fn holds(expression: &str) {
    let parsed = BoolExpr::parse(expression, &MODULES)
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    let value = parsed.eval(&vars(), &mut Context::default());
    assert_eq!(value, Ok(true), "{expression}");
}

#[track_caller]
fn text(expression: &str) -> String {
    let parsed = StringExpr::parse(expression, &MODULES)
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    let vars = vars();
    let value = parsed
        .eval(&vars, &mut Context::default())
        .expect("a value");
    String::from_utf8_lossy(&value).into_owned()
}

#[track_caller]
fn refused(expression: &str, message: &str) {
    let error = BoolExpr::parse(expression, &ParseOptions::default()).expect_err(expression);
    assert_eq!(error, message, "{expression}");
}

#[test]
fn what_trunk_added() {
    holds("replace('abcabc', 'b', 'X') == 'aXcaXc'");
    holds("'b' in split(/,\\s*/, 'a, b,c')");
    holds("!('b' in split /,/, 'a, b')");
    holds("join(split(//, 'abc'), '-') == 'a-b-c'");
    holds("join { 'a', 'b' }, '/' == 'a/b'");
    holds("join(split(/,/, ',a,,b,'), '|') == '|a||b|'");
    holds("join(split(/-/, { 'a-b', 'c' }), ' ') == 'a b c'");
    holds("sub(s/(b)/<$1>/, 'abab') == 'a<b>ab'");
    holds("sub(s#(B)#<$1>#gi, 'abab') == 'a<b>a<b>'");
    holds("sub s/z//, 'abab' == 'abab'");
    holds("\"%{:%{HTTPS} == 'on':}\" == 'false'");
    holds("\"<%{:tolower('A') . 'b':}>\" == '<ab>'");
    holds("(('a') . ('b')) == 'ab'");
    holds("'a\\nb' =~ /^b$/m");
    assert_eq!(text("x%{:'a' == 'a':}y"), "xtruey");
}

#[test]
fn what_modules_add() {
    holds("%{ssl_protocol} == 'TLSv1.3'");
    holds("%{UNIQUE_ID} == ''");
    holds("mine('x') == 'mine=x' && %{MINE:y} == 'mine=y'");
    holds("'2' in PeerExtList('1.2.3')");
    holds("join(PeerExtList('1.2'), ',') == '1,2'");
}

#[test]
fn where_variables_come_from() {
    holds("%{resp:X-Made} == 'here'");
    holds("env('BOTH') == 'note' && reqenv('BOTH') == 'env' && note('BOTH') == 'note' && osenv('BOTH') == ''");
    holds("%{API_VERSION} -ge 20120211");
    assert_eq!(text("%{TIME_YEAR} %{TIME_MON} %{TIME_DAY} %{TIME_HOUR} %{TIME_MIN} %{TIME_SEC} %{TIME_WDAY}"), "2026 03 05 09 07 01 4");
    assert_eq!(text("%{TIME}"), "20260305090701");
    holds("-F '/x/f.txt' && !-F '/x/g' && -U '/x' && -A '/x' && !-U 'x'");
}

#[test]
fn every_variable_has_one_name() {
    for name in names::variable_names() {
        let parsed = BoolExpr::parse(
            format!("-n %{{{}}}", name.to_lowercase()),
            &ParseOptions::default(),
        );
        assert!(parsed.is_ok(), "{name}");
    }
    assert_eq!(Variable::RequestUri.name(), "REQUEST_URI");
    let mut names: Vec<_> = names::variable_names().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (all, 55));
}

#[test]
fn headers_that_had_a_say_are_named_for_vary() {
    let vary = |expression: &str, vary: bool| {
        let options = ParseOptions {
            vary,
            ..ParseOptions::default()
        };
        let mut context = Context::default();
        let parsed = BoolExpr::parse(expression, &options).expect(expression);
        let _ = parsed.eval(&vars(), &mut context);
        context
            .vary
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    let both = "%{HTTP_HOST} == 'x' || %{req:X-Foo} == 'x' || %{http:host} == ''";
    assert_eq!(vary(both, true), "Host,X-Foo");
    assert_eq!(vary(both, false), "");
    assert_eq!(vary("%{req_novary:X-Foo} == ''", true), "");
    assert_eq!(vary("true || %{HTTP_HOST} == ''", true), "");
}

#[test]
fn groups_outlive_an_expression() {
    let mut context = Context::default();
    let vars = vars();
    let parse = |text: &str| BoolExpr::parse(text, &ParseOptions::default()).expect(text);
    assert_eq!(
        parse("%{REQUEST_URI} =~ m#^/(.)\\.(?<ext>.*)$#").eval(&vars, &mut context),
        Ok(true)
    );
    let named = StringExpr::parse("$1-$2-$3-$0", &ParseOptions::default()).expect("parses");
    assert_eq!(
        named.eval(&vars, &mut context).expect("a value"),
        "f-txt--/f.txt".as_bytes()
    );
    assert_eq!(parse("'x' =~ /(y)/").eval(&vars, &mut context), Ok(false));
    assert_eq!(context.captures, None);
}

#[test]
fn constants_and_sub_requests_show() {
    let options = ParseOptions::default();
    let constant = |text: &str| {
        StringExpr::parse(text, &options)
            .expect(text)
            .constant()
            .map(<[u8]>::to_vec)
    };
    assert_eq!(constant("a\\tb").as_deref(), Some(&b"a\tb"[..]));
    assert_eq!(constant("").as_deref(), Some(&b""[..]));
    assert_eq!(constant("a%{HTTPS}"), None);
    let asks = |text: &str| {
        BoolExpr::parse(text, &options)
            .expect(text)
            .uses_subrequests()
    };
    assert!(asks("true && !(-F 'x')") && asks("-U 'x'") && !asks("-f 'x'"));
}

#[test]
fn restricted_places() {
    let options = ParseOptions {
        restricted: true,
        ..ParseOptions::default()
    };
    for expression in [
        "-e 'a'",
        "-d 'a'",
        "-f 'a'",
        "-s 'a'",
        "-L 'a'",
        "-h 'a'",
        "-x 'a'",
        "file('a') == ''",
        "filesize('a') == ''",
        "%{filemod:a} == ''",
    ] {
        let error = BoolExpr::parse(expression, &options).expect_err(expression);
        assert!(
            error.contains("is not allowed here"),
            "{expression}: {error}"
        );
    }
    assert!(BoolExpr::parse("-n 'a' && -R '127' && md5('a') == ''", &options).is_ok());
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let eval = |text: &str| {
        BoolExpr::parse(text, &ParseOptions::default())
            .expect(text)
            .eval(&vars(), &mut Context::default())
    };
    let error = eval("file('/nope') == ''").expect_err("no such file");
    assert_eq!(
        error,
        "cannot read file \"/nope\": no regular file has that name"
    );
    assert!(eval("file('/dev/zero') == ''").is_err() && eval("file('') == ''").is_err());
    let runaway = eval("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' =~ /^(x+x+)+(?!y)z/")
        .expect_err("too long");
    assert!(runaway.contains("backtracking steps"), "{runaway}");
}

#[test]
fn errors_name_what_is_wrong_and_where() {
    refused(
        "%{REQUST_URI} == 'a'",
        "there is no variable \"REQUST_URI\" (offset 0); did you mean \"REQUEST_URI\"?",
    );
    refused("true && %{HTTP_X_FORWARDED_FOR} == 'a'", "there is no variable \"HTTP_X_FORWARDED_FOR\" (offset 8); did you mean \"%{req:X-Forwarded-For}\"?");
    refused(
        "-n %{tolower}",
        "there is no variable \"tolower\" (offset 3); a function is written \"%{tolower:...}\"",
    );
    refused(
        "-n tolowr('a')",
        "there is no function \"tolowr\" (offset 3); did you mean \"tolower\"?",
    );
    refused(
        "-n HTTP_HOST",
        "\"HTTP_HOST\" is no word (offset 3); did you mean \"%{HTTP_HOST}\"?",
    );
    refused(
        "-n abc",
        "\"abc\" is no word (offset 3); strings are written in quotes",
    );
    refused(
        "'a' EQ 'b'",
        "\"EQ\" is no operator (offset 4); did you mean \"eq\"?",
    );
    refused(
        "'a' -strmtach 'b'",
        "there is no operator -strmtach (offset 4); did you mean \"-strmatch\"?",
    );
    refused(
        "-N 'a'",
        "there is no test -N (offset 0); did you mean \"-n\"?",
    );
    refused("-Q 'a'", "there is no test -Q (offset 0)");
    refused("-eq 5", "-eq needs a word before it (offset 0)");
    refused(
        "true & true",
        "unexpected \"&\" (offset 5); did you mean \"&&\"?",
    );
    refused(
        "'a'",
        "a word alone is no condition: compare it, or test it with -n, -z or -T (offset 0)",
    );
    refused(
        "true && 'a' || true",
        "a word alone is no condition: compare it, or test it with -n, -z or -T (offset 7)",
    );
    refused("true && ", "expected a word, found the end (offset 8)");
    refused("(true", "expected \")\", found the end (offset 5)");
    refused(
        "'a",
        "the text that begins at offset 0 is not closed by '\\''",
    );
    refused(
        "%{HTTP_HOST == 'a'",
        "expected \"}\" or \":\" after \"HTTP_HOST\", found \" \" (offset 11)",
    );
    refused("'a' =~ 'b'", "expected a pattern such as /.../ (offset 7)");
    refused("'a' =~ /b", "the pattern is not closed by '/' (offset 7)");
    refused(
        "'a' =~ /(/",
        "the pattern \"(\" (offset 6) is not valid: the group opened at offset 0 is not closed",
    );
    refused("'a' -ipmatch '10.0.0.0/33'", "\"10.0.0.0/33\" is no address range: the mask is a number of bits from 1 to 32, not \"33\" (offset 13)");
    refused(
        "-R %{REMOTE_ADDR}",
        "-R needs a constant address range (offset 3)",
    );
    refused(
        "-n replace('a', 'b')",
        "replace takes 3 arguments, not 2 (offset 3)",
    );
    refused("-n %{req:}", "\"req\" needs an argument (offset 3)");
    refused(
        "'a' in 'a'",
        "expected a list such as { 'a', 'b' }, found \"'\" (offset 7)",
    );
    refused(
        "'a' in nope('a')",
        "there is no list function \"nope\" (offset 7)",
    );
    refused(
        "-n '\\400'",
        "an octal escape has one to three digits, from \\0 to \\377 (offset 4)",
    );
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let parse = |text: &str| BoolExpr::parse(text, &ParseOptions::default());
    for (open, middle, close) in [
        ("(", "true", ")"),
        ("!", "true", ""),
        ("not ", "true", ""),
        ("", "-n tolower(", ""),
    ] {
        let nest = |deep: usize| match open {
            "" => format!("-n {}'a'{}", "tolower(".repeat(deep), ")".repeat(deep)),
            _ => format!("{}{middle}{}", open.repeat(deep), close.repeat(deep)),
        };
        assert!(parse(&nest(90)).is_ok(), "{open}");
        let error = parse(&nest(100_000)).expect_err(open);
        assert!(error.starts_with("nested more than 100 deep"), "{error}");
    }
    let embedded = format!("-n {}a{}", "%{tolower:".repeat(5_000), "}".repeat(5_000));
    assert!(parse(&embedded).is_err());
    holds(&format!("true{}", " && true".repeat(50_000)));
    holds(&format!("-n 'a'{}", " . 'a'".repeat(2_000)));
    holds(&format!("'{}' =~ /a$/", "a".repeat(50_000)));
}

#[test]
fn expressions_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<BoolExpr>();
    shared::<StringExpr>();
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(text: Vec<u8>) {
        let _ = BoolExpr::parse(&text, &MODULES);
        let _ = StringExpr::parse(&text, &MODULES);
    }

    #[test]
    fn near_expressions_parse_or_fail(
        words in prop::collection::vec(
            prop::sample::select(&[
                "true", "'a'", "\"b$1\"", "%{HTTP_HOST}", "%{tolower:X", "}", "%{:", ":}", "$1", "5", "-3", "(", ")", "!", "not ",
                "&&", "||", " and ", " or ", "==", "=~", "!~", "/a(b)/i", "m#x#", "in ", "{", ",", ".", " ", "-n ", "-eq ", "-R ",
                "-ipmatch ", "'10.1'", "-strmatch ", "tolower(", "split ", "join(", "sub(", "s/a/b/g", "\\", "%", "<", ">=", "é",
            ][..]), 0..14),
    ) {
        let text = words.concat();
        if let Ok(parsed) = BoolExpr::parse(&text, &MODULES) {
            let _ = parsed.eval(&vars(), &mut Context::default());
        }
        if let Ok(parsed) = StringExpr::parse(&text, &MODULES) {
            let vars = vars();
            let _ = parsed.eval(&vars, &mut Context::default());
        }
    }

    #[test]
    fn a_quoted_text_is_itself(wanted: String) {
        let mut quoted = String::new();
        for c in wanted.chars() {
            if matches!(c, '\\' | '\'' | '$' | '%') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        prop_assert_eq!(text(&format!("%{{:'{quoted}':}}")), wanted);
    }

    #[test]
    fn base64_comes_back(bytes: Vec<u8>) {
        let encoded = functions::compute(names::Function::Base64, &bytes).expect("computes");
        let decoded = functions::compute(names::Function::Unbase64, &encoded).expect("computes");
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        prop_assert_eq!(decoded.as_slice(), &bytes[..end]);
    }

    #[test]
    fn integers_are_read_as_rust_reads_them(number: i64, tail in "[a-z ]{0,3}") {
        prop_assert_eq!(functions::integer(format!(" {number}{tail}").as_bytes()), number);
    }
}
