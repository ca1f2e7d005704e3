//! Names that mean something else to Windows than they say: devices, streams of a file, short names, and endings that it takes
//! off. A request that was mapped to one is refused before anybody asks the file system for it, whether such a file exists or
//! not, so that no rule of the configuration can be walked around by another name of the same file.
//!
//! Nothing here asks the system, so it is compiled and tested everywhere; [`walk`](super::walk) asks it on Windows.

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// A device, whatever stands behind its name after a dot.
    Device,
    /// A character that no name has: `\` would be a `/`, `:` a stream (`::$DATA`), `*` and its like wildcards.
    Character,
    /// A dot or blank at the end, which the system drops.
    Ending,
    /// The shape of a short name (`PROGRA~1.EXT`), under which the file has another one.
    ShortName,
}

/// Names of devices that stand alone.
const DEVICES: [&str; 7] = ["con", "nul", "aux", "prn", "conin$", "conout$", "clock$"];
/// Names of devices that a digit follows.
const NUMBERED: [&str; 2] = ["com", "lpt"];
/// The digits that can; the last three are superscripts, which count too.
const DIGITS: [&str; 13] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u{b9}", "\u{b2}", "\u{b3}",
];

/// Looks through a file name with `/` between its parts, behind the letter of a drive if it has one.
pub fn hazard(name: &[u8]) -> Option<Hazard> {
    let below = match name {
        [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() => rest,
        _ => name,
    };
    below.split(|byte| *byte == b'/').find_map(of_part)
}

fn of_part(part: &[u8]) -> Option<Hazard> {
    if part.is_empty() {
        return None;
    }
    if part
        .iter()
        .any(|byte| *byte < 32 || b"\\:*?\"<>|".contains(byte))
    {
        return Some(Hazard::Character);
    }
    if matches!(part.last(), Some(b'.' | b' ')) {
        return Some(Hazard::Ending);
    }
    // Bytes that are no text name no file at all.
    let text = std::str::from_utf8(part).ok()?;
    if is_device(text) {
        return Some(Hazard::Device);
    }
    is_short(text).then_some(Hazard::ShortName)
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part);
    let stem = stem.trim_end_matches(' ').to_lowercase();
    let numbered = |kind: &str| {
        let digit = stem.strip_prefix(kind);
        digit.is_some_and(|digit| DIGITS.contains(&digit))
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED.iter().any(|kind| numbered(kind))
}

/// At most eight characters, of which the last are `~` and a number, and at most three behind a dot.
fn is_short(part: &str) -> bool {
    let (stem, extension) = part.split_once('.').unwrap_or((part, ""));
    let Some((start, number)) = stem.rsplit_once('~') else {
        return false;
    };
    !start.is_empty()
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && stem.chars().count() <= 8
        && extension.chars().count() <= 3
        && !extension.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(names: &[&str], expected: Option<Hazard>) {
        for name in names {
            assert_eq!(
                hazard(format!("C:/web/{name}").as_bytes()),
                expected,
                "{name}"
            );
            assert_eq!(
                hazard(format!("/web/{name}/x.html").as_bytes()),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn devices_are_none_of_the_web() {
        each(
            &[
                "con",
                "CON",
                "nul.html",
                "Aux.tar.gz",
                "prn .txt",
                "com1",
                "LPT9.x",
                "com\u{b2}",
                "CONIN$",
                "clock$",
            ],
            Some(Hazard::Device),
        );
        each(
            &[
                "icon", "console", "com", "com10", "nullable", "lpt.x", "aux-1",
            ],
            None,
        );
    }

    #[test]
    fn other_names_of_a_file() {
        each(
            &[
                "x.html::$DATA",
                "x:y",
                "a\\b",
                "..\\x",
                "x*",
                "what?",
                "a<b",
                "tab\t",
            ],
            Some(Hazard::Character),
        );
        each(&["x.html.", "x.html ", "x. .", "..."], Some(Hazard::Ending));
        each(
            &["PROGRA~1", "htacce~1", "A~10.TXT", "x~1.h", "\u{e9}~2"],
            Some(Hazard::ShortName),
        );
        each(
            &[
                "~1",
                "~user",
                "a~b",
                "long-name~1",
                "a~1.html",
                "a~1.b.c",
                "a~",
            ],
            None,
        );
    }

    #[test]
    fn a_drive_is_no_stream() {
        assert_eq!(hazard(b"c:/a b/x.y"), None);
        assert_eq!(hazard(b"1:/a"), Some(Hazard::Character));
        assert_eq!(hazard(b"/c:/a"), Some(Hazard::Character));
        assert_eq!(hazard(b"C:/a/\xff"), None);
        assert_eq!(hazard(b"//server/share/x"), None);
    }
}
