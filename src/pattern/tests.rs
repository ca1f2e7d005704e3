//! Tests of regular expressions: PCRE's dialect on both engines, templates, limits.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn pattern(source: &str) -> Pattern {
    Pattern::new(source, Flags::default()).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[track_caller]
fn check(source: &str, yes: &[&[u8]], no: &[&[u8]]) {
    let pattern = pattern(source);
    for subject in yes {
        assert!(
            pattern.is_match(subject),
            "{source} should match {subject:?}"
        );
    }
    for subject in no {
        assert!(
            !pattern.is_match(subject),
            "{source} should not match {subject:?}"
        );
    }
}

#[track_caller]
fn refused(source: &str, part: &str) {
    let error = Pattern::new(source, Flags::default()).expect_err(source);
    assert!(error.contains(part), "{source}: {error}");
}

#[test]
fn ordinary_patterns_are_linear() {
    for source in [
        "^/a(.*)$",
        r"\.(gif|jpe?g)$",
        "(?i)MSIE [2-5]",
        "(?<year>\\d{4})",
        "(?:a|b)*?c",
        "[^/]+",
    ] {
        assert!(!pattern(source).is_backtracking(), "{source}");
    }
    for source in [
        "a(?=b)",
        "(?<!a)b",
        r"(.)\1",
        "a++",
        "(?>a)",
        r"(?<n>.)\k<n>",
        r"a\Kb",
    ] {
        assert!(pattern(source).is_backtracking(), "{source}");
    }
}

#[test]
fn dollar_and_dot_have_apaches_defaults() {
    check("a.b$", &[b"a\nb", b"xaxb"], &[b"a\nb\n"]);
    check(r"b\Z", &[b"b", b"b\n"], &[b"b\n\n"]);
    let none = Flags {
        dot_all: false,
        dollar_end_only: false,
        ..Flags::default()
    };
    let plain = Pattern::new("a.b$", none).expect("compiles");
    assert!(plain.is_match(b"axb\n") && !plain.is_match(b"a\nb"));
    let lines = Pattern::new(
        "^b$",
        Flags {
            multi_line: true,
            ..Flags::default()
        },
    )
    .expect("compiles");
    assert!(lines.is_match(b"a\nb\nc"));
    check("(?m)^b$", &[b"a\nb\nc"], &[b"ab"]);
    check("(?m:^b$)x?$", &[b"a\nb"], &[b"a\nb\nc"]);
}

#[test]
fn bytes_outside_ascii() {
    check(r"^\xc3.$", &[b"\xc3\xa9", b"\xc3\xff"], &[b"\xc4\xa9"]);
    check("é", &["é".as_bytes()], &[b"e"]);
    check("[é]$", &[b"\xa9", b"\xc3"], &[b"e"]);
    check(r"(?=\xff)[\xf0-\xff]\x{41}", &[b"\xffA"], &[b"\xffB"]);
    check(r"(.)\1", &[b"\xff\xff"], &[b"\xff\xfe"]);
    assert!(Pattern::new(b"\xff+$", Flags::default())
        .expect("bytes")
        .is_match(b"\xff\xff"));
}

#[test]
fn escapes() {
    check(r"^\h\H\v\V$", &[b" a\nb", b"\xa0a\x85b"], &[b"aa\nb"]);
    check(r"^\R$", &[b"\r\n", b"\n", b"\x85"], &[b"\n\r"]);
    check(
        r"^\101\x42\x{43}\o{104}\e\cA\0$",
        &[b"ABCD\x1b\x01\0"],
        &[b"ABCD"],
    );
    check(r"^\Qa.b\E.$", &[b"a.bc"], &[b"axbc"]);
    check(r"^[\Q^]\E\d\h]+$", &[b"^]5 "], &[b"x"]);
    check(r"^[\b\]\101-C\-]+$", &[b"\x08]ABC-"], &[b"D"]);
    check(r"^\p{Lu}\P{Lu}$", &["Éa".as_bytes()], &[b"ab"]);
    check(r"\bfoo\b", &[b"a foo b"], &[b"afoo"]);
    check(
        r"^\/\-\_\#\%\~\&\<\>\@\!\,\:\;\=\`\'\ $",
        &[b"/-_#%~&<>@!,:;=`' "],
        &[],
    );
    check(r"a\12b", &[b"a\nb"], &[]);
    check(
        r"^(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)\11$",
        &[b"abcdefghijkk"],
        &[b"abcdefghijka"],
    );
}

#[test]
fn classes() {
    check("^[]a]+$", &[b"]a"], &[b"b"]);
    check("^[^]a]+$", &[b"b"], &[b"]"]);
    check("^[a-]+$", &[b"a-"], &[b"b"]);
    check(
        "^[a&&b~~+--[e]$",
        &[b"&", b"~", b"-", b"[", b"e"],
        &[b"x", b"."],
    );
    check(r"^[\w-.]+$", &[b"a-.", b"_"], &[b","]);
    check("^[[:alpha:][:^punct:]_]+$", &[b"aZ _"], &[b"."]);
    check("^[[:alpha]$", &[b"[", b":", b"p"], &[b"z"]);
    check("^[#a ]+$", &[b"# a"], &[]);
}

#[test]
fn groups_and_flags() {
    check("^(?i)aB(?-i)c$", &[b"ABc"], &[b"ABC"]);
    check("^(?i:a)b$", &[b"Ab"], &[b"AB"]);
    check("^(?x) a b # comment (\n c [ ] $", &[b"abc "], &[b"abc"]);
    check("^(?x: a (?-x: b) c ) d$", &[b"a bc d"], &[b"abcd"]);
    check("^a(?#no (comment)b$", &[b"ab"], &[]);
    check("^(?<a>x)(?P<b>y)(?'c'z)$", &[b"xyz"], &[]);
    check("^(?^)a$", &[b"a"], &[]);
    check("^(a)?(?(1)b|c)$", &[b"ab", b"c"], &[b"ac", b"b"]);
    check(
        "^(?<q>['\"])?x(?(<q>)\\k{q}|)$",
        &[b"x", b"'x'"],
        &[b"'x\""],
    );
    check(r"^(a)(b)\g{-1}\g1\g{2}$", &[b"abbab"], &[b"abaab"]);
    check("^a{2}b{1,}c{0,1}{x}{,2}$", &[b"aabc{x}{,2}"], &[b"ab"]);
    check(r"^*a\b{2}(?=$)\z?", &[b"a"], &[b"b"]);
    check("^a{2}+a$", &[b"aaa"], &[b"aa"]);
    check("^(?>a*)a", &[], &[b"aaa"]);
    let upper = Pattern::new("(a)\\1É", Flags::ignoring_case()).expect("compiles");
    assert!(upper.is_match("aAÉ".as_bytes()));
}

#[test]
fn mistakes_are_named() {
    refused("*.html", "nothing to repeat at offset 0");
    refused("a**", "nothing to repeat at offset 2");
    refused("(a|*b)", "nothing to repeat at offset 3");
    refused("(a", "opened at offset 0 is not closed");
    refused("a)", "')' at offset 1");
    refused("[a", "class opened at offset 0");
    refused("[b-a]", "ends before it begins");
    refused("[[:foo:]]", "[:foo:] at offset 1");
    refused("a\\", "lone backslash");
    refused(r"\y", "\\y at offset 0");
    refused(r"(a)\2", "group 2");
    refused(r"\g{foo bar}", "group name");
    refused("a(?=b)*", "repeating an assertion (offset 6)");
    refused("(?(1)a|b)", "group 1, named at offset 0");
    refused(r"(?R)", "recursion");
    refused(r"(?|a|b)", "branch reset");
    refused(r"(*UTF8)a", "verbs");
    refused(r"(?y)a", "unknown way");
    refused(r"(?<n>a)(?<n>b)", "");
    refused("a{5000}{5000}", "nothing to repeat");
    refused("(?:[a-z]{500}){500}{2}", "nothing to repeat");
    refused("(?:a{1000}){1000}", "bytes once compiled");
}

#[test]
fn captures_and_templates() {
    let pattern = pattern("^/(?<first>[^/]+)/(?<rest>.*)?(x)?$");
    let found = pattern.captures(b"/one/two").expect("matches");
    assert_eq!(found.get(0), Some(&b"/one/two"[..]));
    assert_eq!((found.get(3), found.get(9), found.len()), (None, None, 4));
    assert_eq!(found.range(1), Some(1..4));
    let named: Vec<_> = pattern.named(&found).collect();
    assert_eq!(named, [("first", &b"one"[..]), ("rest", &b"two"[..])]);
    // As RedirectMatch of Apache 2.4.71 fills the same template.
    let filled = substitute(br"/y$1?a&b\1\$1$0%\\-$3$7$a$", &found);
    assert_eq!(filled, br"/yone?a&b1$1/one/two%\-$a$");
    assert_eq!(substitute(b"\\", &found), b"\\");
    assert_eq!(found.clone().into_owned(), found);
}

#[test]
fn replacing() {
    let pattern = pattern("a(b?)");
    let replace = |subject: &[u8], all| pattern.replace(subject, b"<$1>", all).expect("ends");
    assert_eq!(replace(b"xabaay", false).as_deref(), Some(&b"x<b>aay"[..]));
    assert_eq!(replace(b"xabaay", true).as_deref(), Some(&b"x<b><><>y"[..]));
    assert_eq!(replace(b"xyz", true), None);
    let empty = Pattern::new("x*", Flags::default()).expect("compiles");
    assert_eq!(
        empty.replace(b"axb", b"-", true).expect("ends").as_deref(),
        Some(&b"-a--b-"[..])
    );
}

#[test]
fn runaway_matches_end() {
    let runaway = pattern("^(x+x+)+(?!y)z");
    let subject = [b'x'; 64];
    assert_eq!(runaway.try_captures(&subject, 0), Err(StepLimit));
    assert!(!runaway.is_match(&subject) && runaway.captures(&subject).is_none());
}

#[test]
fn a_start_after_the_end_finds_nothing() {
    assert_eq!(pattern("a").try_captures(b"a", 2), Ok(None));
    assert_eq!(pattern("a(?=b)").try_captures(b"a", 5), Ok(None));
}

proptest! {
    #[test]
    fn compiling_never_panics(source: Vec<u8>) {
        let _ = Pattern::new(&source, Flags::default());
    }

    #[test]
    fn near_patterns_never_panic(
        source in r"([a-c0-9]|[*+?|^$.]|\(\?[:=!<>#PRimsx^|(&'-]{0,3}|\)|\\[A-Za-z0-9]|\[\^?|\]|[{},-]|é|:){0,12}",
        subject in "[a-c\n]{0,6}",
    ) {
        if let Ok(pattern) = Pattern::new(&source, Flags::default()) {
            pattern.is_match(subject.as_bytes());
        }
    }

    #[test]
    fn a_quoted_text_matches_itself(text in "[ -~]{0,16}") {
        prop_assume!(!text.contains(r"\E"));
        let source = format!(r"^\Q{text}\E$");
        prop_assert!(pattern(&source).is_match(text.as_bytes()));
        let backtracking = format!(r"(?=)^\Q{text}\E$");
        prop_assert!(pattern(&backtracking).is_match(text.as_bytes()));
    }

    #[test]
    fn both_engines_agree(source in r"([ab]|\.|[ab]\*|\(a\|b\)|\[a-c\]|\^|\$|\(\?i:A\)){0,8}", subject in "[abcAB]{0,8}") {
        let linear = pattern(&source);
        let backtracking = pattern(&format!("(?!\\A\\xff){source}"));
        prop_assume!(!source.contains('|') || source.contains("(a|b)"));
        prop_assert_eq!(linear.is_match(subject.as_bytes()), backtracking.is_match(subject.as_bytes()));
    }
}
