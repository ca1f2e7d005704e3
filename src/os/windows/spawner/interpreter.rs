//! Who runs a file: the system, where its name ends in .exe and the like, or the program that its first line names after `#!`
//! (ScriptInterpreterSource Script, the default).

use crate::os::path;
use std::fs::File;
use std::io::{self, Read};

/// A first line is no longer.
const LONGEST: usize = 1024;

/// What the system starts by itself, batch files through its command interpreter.
const SELF: [&[u8]; 4] = [b".exe", b".com", b".bat", b".cmd"];

/// The words of the command line that come before the arguments, for a program that starts in `folder`. `InvalidData`: nobody
/// runs such a file.
pub fn words(program: &[u8], folder: &[u8]) -> io::Result<Vec<String>> {
    let name = String::from_utf8_lossy(program).replace('/', "\\");
    let extension = program
        .len()
        .checked_sub(4)
        .and_then(|at| program.get(at..));
    if extension.is_some_and(|end| SELF.iter().any(|known| known.eq_ignore_ascii_case(end))) {
        return Ok(vec![name]);
    }
    let mut start = Vec::new();
    let file = File::open(path::of(program))?;
    file.take(LONGEST as u64).read_to_end(&mut start)?;
    match named(&start) {
        Some(mut words) => {
            words.push(beside(program, folder).unwrap_or(name));
            Ok(words)
        }
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file has no '#!' line to say what runs it",
        )),
    }
}

/// The file as it is called in its own folder: interpreters that come from other systems do not all take a drive's letter.
fn beside(program: &[u8], folder: &[u8]) -> Option<String> {
    let rest = program.strip_prefix(folder)?.strip_prefix(b"/")?;
    let plain = !rest.is_empty() && !rest.contains(&b'/');
    plain.then(|| format!("./{}", String::from_utf8_lossy(rest)))
}

/// The words after `#!` (or `'!`, as BASIC has comments). A name with blanks stands in quotes.
fn named(start: &[u8]) -> Option<Vec<String>> {
    let rest = start
        .strip_prefix(b"#!")
        .or_else(|| start.strip_prefix(b"'!"))?;
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let line = std::str::from_utf8(rest.get(..end?)?).ok()?.trim();
    let (program, arguments) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_once(char::is_whitespace).unwrap_or((line, "")),
    };
    if program.is_empty() {
        return None;
    }
    let words = std::iter::once(program).chain(arguments.split_whitespace());
    Some(words.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_a_program() {
        let words = |text: &str| named(text.as_bytes()).map(|words| words.join("|"));
        assert_eq!(
            words("#!C:/perl/perl.exe -w\n"),
            Some("C:/perl/perl.exe|-w".into())
        );
        assert_eq!(
            words("#! \"C:/a b/x.exe\" -1 -2\r\n"),
            Some("C:/a b/x.exe|-1|-2".into())
        );
        assert_eq!(words("'!x.exe\n"), Some("x.exe".into()));
        assert_eq!(beside(b"C:/a/-x.pl", b"C:/a"), Some("./-x.pl".into()));
        assert!(beside(b"C:/a/b/x.pl", b"C:/a").is_none());
        assert!(words("#!\n").is_none() && words("hello\n").is_none());
    }
}
