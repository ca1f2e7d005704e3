//! Replays the corpus of ambiguous requests on the parser, the framing and the decoder, cut at every place: what is read is
//! what the corpus allows, and never the request that hides in another.

use super::entries::connection::Connection;
use super::entries::reader::{cases, Case, Reading};
use httpd::protocol::http1::Options;

fn read(case: &Case, pieces: &[&[u8]]) -> Vec<Reading> {
    let read = Connection::read(&Options::default(), pieces.iter().copied());
    assert!(
        !read.paths.iter().any(|path| path == b"/smuggled"),
        "{}",
        case.name
    );
    read.readings
}

fn check(case: &Case) {
    let bytes = case.bytes.as_slice();
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(
        read(case, &single),
        case.readings,
        "{} byte by byte",
        case.name
    );
    // Of very long cases only the places near both ends, where something can depend on the cut.
    let cuts = (0..bytes.len()).filter(|cut| *cut < 400 || bytes.len() - cut < 400);
    for cut in cuts {
        let (start, end) = bytes.split_at(cut);
        assert_eq!(
            read(case, &[start, end]),
            case.readings,
            "{} cut at {cut}",
            case.name
        );
    }
}

#[test]
fn every_case_has_one_reading() {
    let cases = cases();
    assert!(cases.len() >= 150, "only {} cases", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .map(|case| (case, read(case, &[&case.bytes])))
        .filter(|(case, readings)| *readings != case.readings)
        .map(|(case, readings)| format!("{}: {readings:?}, not {:?}", case.name, case.readings))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for case in &cases {
        check(case);
    }
}

#[test]
fn names_are_used_once() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
