//! Tests of the head parser; what they claim of Apache was asked of Debian's apache2 2.4.71.

use super::*;
use proptest::prelude::*;

type Outcome =
    Result<Option<(String, String, Version, usize, Vec<(String, String)>)>, (u16, &'static str)>;

/// Parses `bytes` handed over in steps of `step` bytes, and puts the result into one comparable value.
fn run(bytes: &[u8], step: usize, limits: &Limits, options: &Options) -> Outcome {
    let mut parser = Parser::new();
    let mut fields = Table::new();
    let mut end = 0;
    loop {
        end = (end + step).min(bytes.len());
        match parser.parse(&bytes[..end], limits, options, &mut fields) {
            Err(reject) => return Err((reject.status, reject.reason)),
            Ok(Some(head)) => {
                let fields = fields
                    .iter()
                    .map(|(n, v)| (n.to_string(), v.to_string()))
                    .collect();
                return Ok(Some((
                    head.method_name.to_string(),
                    head.target.to_string(),
                    head.version,
                    head.len,
                    fields,
                )));
            }
            Ok(None) if end == bytes.len() => return Ok(None),
            Ok(None) => {}
        }
    }
}

fn options(strict: bool) -> Options {
    Options {
        strict,
        ..Options::default()
    }
}

/// The status of a head, 0 for accepted and 1 for incomplete; the same for the whole and byte by byte.
fn status(bytes: &[u8], strict: bool) -> u16 {
    let whole = run(bytes, bytes.len(), &Limits::default(), &options(strict));
    assert_eq!(
        whole,
        run(bytes, 1, &Limits::default(), &options(strict)),
        "{:?}",
        bytes.as_bstr()
    );
    match whole {
        Ok(Some(_)) => 0,
        Ok(None) => 1,
        Err((status, _)) => status,
    }
}

#[test]
fn reads_a_head() {
    let bytes = b"\r\nGET /a?b HTTP/1.1\r\nHost: x\r\nA:  b \t c \r\nEmpty:\r\na: d\r\n\r\nrest";
    let (name, target, version, len, fields) = run(bytes, 7, &Limits::default(), &options(true))
        .unwrap()
        .unwrap();
    assert_eq!(
        (name.as_str(), target.as_str(), version, len),
        ("GET", "/a?b", Version::Http11, bytes.len() - 4)
    );
    let expected = [("Host", "x"), ("A", "b \t c"), ("Empty", ""), ("a", "d")];
    assert_eq!(fields, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[test]
fn request_lines() {
    let lines: [(&str, u16, u16); 39] = [
        // line, strict, unsafe
        ("GET / HTTP/1.1", 0, 0),
        ("GET / HTTP/1.0", 0, 0),
        ("GET / HTTP/1.2", 0, 0),
        ("GET / HTTP/1.10", 400, 400),
        ("GET / HTTP/01.1", 400, 400),
        ("GET / HTTP/0.9", 400, 400),
        ("GET / HTTP/0.0", 400, 400),
        ("GET / HTTP/2.0", 505, 505),
        ("GET / HTTP/9.9", 505, 505),
        ("GET / HTTP/10.1", 400, 400),
        ("GET / HTTP/1", 400, 400),
        ("GET / HTTP/1.", 400, 400),
        ("GET / HTTP/11", 400, 400),
        ("GET / HTTP/1.a", 400, 400),
        ("GET / http/1.1", 400, 0),
        ("GET / HTTPS/1.1", 400, 400),
        ("GET / FOO", 400, 400),
        ("GET / HTTP/1.1 ", 400, 0),
        ("GET / HTTP/1.1 x", 400, 400),
        ("GET  / HTTP/1.1", 400, 0),
        ("GET /  HTTP/1.1", 400, 0),
        (" GET / HTTP/1.1", 400, 400),
        ("GET\t/ HTTP/1.1", 400, 400),
        ("GET /\tHTTP/1.1", 400, 400),
        ("GET /a b HTTP/1.1", 400, 400),
        ("G(T / HTTP/1.1", 400, 0),
        ("get / HTTP/1.1", 0, 0),
        ("FOO / HTTP/1.1", 0, 0),
        ("GET", 400, 400),
        ("GET ", 400, 400),
        ("/ HTTP/1.1", 400, 400),
        ("GET HTTP/1.1", 400, 400),
        ("GET / HTTP/1.1\r", 400, 400),
        ("GET /\x01 HTTP/1.1", 400, 400),
        ("GET /\x7f HTTP/1.1", 400, 400),
        ("GET /\0 HTTP/1.1", 400, 400),
        ("GET /é HTTP/1.1", 0, 0),
        ("PRI * HTTP/2.0", 505, 505),
        ("\x16\x03\x01", 400, 400),
    ];
    for (line, strict, lax) in lines {
        let bytes = format!("{line}\r\nHost: x\r\n\r\n");
        assert_eq!(status(bytes.as_bytes(), true), strict, "strict {line:?}");
        assert_eq!(status(bytes.as_bytes(), false), lax, "unsafe {line:?}");
    }
}

#[test]
fn header_lines() {
    let lines: [(&str, u16, u16); 28] = [
        ("A: b\r\n", 0, 0),
        ("A:b\r\n", 0, 0),
        ("A:\r\n", 0, 0),
        ("A: b  \r\n", 0, 0),
        ("A: b\t\tc\r\n", 0, 0),
        ("A: é\r\n", 0, 0),
        ("A : b\r\n", 400, 400),
        ("A\t: b\r\n", 400, 400),
        (" A: b\r\n", 400, 0),
        ("A: b\r\n c\r\n", 400, 0),
        ("A: b\r\n\tc\r\n", 400, 0),
        ("A: b\r\n \r\n", 400, 0),
        (": b\r\n", 400, 400),
        ("A\r\n", 400, 400),
        ("A b: c\r\n", 400, 400),
        ("A: \0\r\n", 400, 400),
        ("A: \x01\r\n", 400, 0),
        ("A: \x7f\r\n", 400, 0),
        ("A(: b\r\n", 400, 0),
        ("é: b\r\n", 400, 0),
        ("A: b\rc\r\n", 400, 400),
        ("A: b\r\r\n", 400, 400),
        ("A: b\n", 400, 0),
        ("A: b\nB: c\r\n", 400, 0),
        ("A\0: b\r\n", 400, 400),
        ("\rA: b\r\n", 400, 400),
        ("A: \x0bb\r\n", 400, 0),
        ("A: b\n c\n", 400, 0),
    ];
    for (line, strict, lax) in lines {
        let bytes = format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n");
        assert_eq!(status(bytes.as_bytes(), true), strict, "strict {line:?}");
        assert_eq!(status(bytes.as_bytes(), false), lax, "unsafe {line:?}");
    }
    assert_eq!(
        status(b"GET / HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n", false),
        400
    );
}

#[test]
fn line_ends_and_empty_lines() {
    assert_eq!(status(b"GET / HTTP/1.1\nHost: x\r\n\r\n", true), 400);
    assert_eq!(status(b"GET / HTTP/1.1\nHost: x\n\n", false), 0);
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: x\r\n\n", true), 400);
    for (count, expected) in [(0, 0), (1, 0), (10, 0), (11, 400), (100, 400)] {
        let bytes = format!("{}GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n".repeat(count));
        assert_eq!(status(bytes.as_bytes(), true), expected, "{count}");
    }
    assert_eq!(status(b"\nGET / HTTP/1.1\r\n\r\n", true), 400);
    assert_eq!(status(b"\n\nGET / HTTP/1.1\r\n\r\n", false), 0);
    assert_eq!(status(b"\rGET / HTTP/1.1\r\n\r\n", true), 400);
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: x\r\n", true), 1);
}

#[test]
fn old_versions() {
    let mut required = options(true);
    required.allow_http09 = false;
    let run = |text: &str, options: &Options| {
        run(text.as_bytes(), 1, &Limits::default(), options).map_err(|(status, _)| status)
    };
    let (_, target, version, len, _) = run("GET /x\r\nHost: x\r\n\r\n", &options(true))
        .unwrap()
        .unwrap();
    assert_eq!((target.as_str(), version, len), ("/x", Version::Http09, 8));
    assert_eq!(run("GET /x\r\n", &required), Err(400));
    for bad in [
        "POST /\r\n",
        "HEAD /\r\n",
        "GET *\r\n",
        "GET x\r\n",
        "GET / \r\n",
    ] {
        assert_eq!(run(bad, &options(true)), Err(400), "{bad:?}");
    }
}

#[test]
fn methods_may_have_to_be_registered() {
    let mut registered = options(true);
    registered.registered_methods = true;
    registered.extra_methods = vec!["FOO".into()];
    let ask = |method: &str| {
        let bytes = format!("{method} / HTTP/1.1\r\n\r\n");
        run(bytes.as_bytes(), 3, &Limits::default(), &registered)
            .map(|_| ())
            .map_err(|(status, _)| status)
    };
    assert_eq!(ask("GET"), Ok(()));
    assert_eq!(ask("PROPFIND"), Ok(()));
    assert_eq!(ask("FOO"), Ok(()));
    assert_eq!(ask("BAR"), Err(501));
    assert_eq!(ask("get"), Err(501));
}

#[test]
fn limits_are_those_of_apache() {
    let limits = Limits {
        line: 100,
        fields: 3,
        field_size: 100,
        ..Limits::default()
    };
    let ask = |bytes: &str, strict| {
        let whole = run(bytes.as_bytes(), bytes.len(), &limits, &options(strict));
        assert_eq!(whole, run(bytes.as_bytes(), 1, &limits, &options(strict)));
        whole.map(|_| ()).map_err(|(status, _)| status)
    };
    let line = |length: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n",
            "a".repeat(length - 14)
        )
    };
    assert_eq!(
        (ask(&line(101), true), ask(&line(102), true)),
        (Ok(()), Err(414))
    );
    let field = |length: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(length - 3));
    assert_eq!(
        (ask(&field(101), true), ask(&field(102), true)),
        (Ok(()), Err(400))
    );
    let folded = |length: usize| {
        format!(
            "GET / HTTP/1.1\r\nA: b\r\n {}\r\n\r\n",
            "a".repeat(length - 5)
        )
    };
    assert_eq!(
        (ask(&folded(101), false), ask(&folded(102), false)),
        (Ok(()), Err(400))
    );
    let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(
        (ask(&many(3), true), ask(&many(4), true)),
        (Ok(()), Err(400))
    );
    // No line end in sight: refused as soon as it is certain, not when the buffer is full.
    assert_eq!(ask(&"a".repeat(102), true), Ok(()));
    assert_eq!(ask(&"a".repeat(103), true), Err(414));
}

#[test]
fn the_request_line_is_there_for_the_log() {
    let mut parser = Parser::new();
    let mut fields = Table::new();
    let bytes = b"\r\nGET / HTTP/7.1\r\nHost: x\r\n\r\n";
    assert!(parser
        .parse(bytes, &Limits::default(), &options(true), &mut fields)
        .is_err());
    assert_eq!(parser.request_line(bytes), "GET / HTTP/7.1");
    parser.reset();
    assert_eq!(parser.request_line(b"GET /half"), "GET /half");
    assert!(!parser.has_begun(b"") && parser.has_begun(b"G"));
}

/// Pieces that heads and their abuses are made of.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"Host: x\r\n".to_vec()),
        Just(b"A: b\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b" ".to_vec()),
        Just(b": ".to_vec()),
        Just(b"HTTP/1.0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
        Just(vec![b'x'; 40]),
    ]
}

proptest! {
    /// However the bytes are cut, the outcome is the same.
    #[test]
    fn cutting_changes_nothing(pieces in proptest::collection::vec(piece(), 0..14), strict: bool) {
        let bytes = pieces.concat();
        let limits = Limits { line: 60, fields: 4, field_size: 60, blank_lines: 3 };
        let whole = run(&bytes, bytes.len().max(1), &limits, &options(strict));
        for step in [1, 2, 3, 5, 17] {
            prop_assert_eq!(&run(&bytes, step, &limits, &options(strict)), &whole);
        }
    }

    /// What is accepted is what was sent, and no more than was sent is taken.
    #[test]
    fn accepted_heads_are_what_was_sent(method in "[A-Z]{1,9}", path in "/[!-~]{0,30}", value in "[ -~]{0,30}", rest in "[ -~]{0,9}") {
        let head = format!("{method} {path} HTTP/1.1\r\nName: {value}\r\n\r\n");
        let bytes = format!("{head}{rest}");
        let (name, target, _, len, fields) = run(bytes.as_bytes(), 4, &Limits::default(), &options(true)).unwrap().unwrap();
        prop_assert_eq!((name, target, len), (method, path, head.len()));
        prop_assert_eq!(&fields, &[("Name".to_owned(), value.trim_matches(' ').to_owned())]);
    }
}
