//! The one way in which configuration files are read, so that a reading can be recorded and given to another process.

use super::tree::At;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Reads files, directories and variables for the configuration, and remembers each answer.
///
/// A recorded source can be replayed: it then answers from its record alone, and whatever was not asked before is not there.
#[derive(Default, Clone, Debug)]
pub struct ConfigSource {
    /// Every file that was opened as configuration, in order, with the depth and line of its Include.
    pub files: Vec<Included>,
    record: Record,
    replay: bool,
}

/// A configuration file and who included it.
#[derive(Clone, Debug)]
pub struct Included {
    /// The path as opened.
    pub path: PathBuf,
    /// How many Includes deep; 0 is the main file.
    pub depth: usize,
    /// The line of the Include directive.
    pub line: u32,
}

/// The bytes, listings and variables of one reading.
#[derive(Default, Clone, Debug)]
struct Record {
    files: BTreeMap<PathBuf, Vec<u8>>,
    listings: BTreeMap<PathBuf, Vec<String>>,
    variables: BTreeMap<String, Option<String>>,
}

impl ConfigSource {
    /// The same answers again, without touching the file system.
    pub fn replayed(&self) -> ConfigSource {
        ConfigSource {
            files: Vec::new(),
            record: self.record.clone(),
            replay: true,
        }
    }

    /// The record as bytes, for another process. Paths that are no UTF-8 cannot be told and will not be found there.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let count = |out: &mut Vec<u8>, n: usize| put_piece(out, &(n as u32).to_le_bytes());
        let record = &self.record;
        count(&mut out, record.files.len());
        for (path, bytes) in &record.files {
            put_piece(&mut out, path.to_string_lossy().as_bytes());
            put_piece(&mut out, bytes);
        }
        count(&mut out, record.listings.len());
        for (path, names) in &record.listings {
            put_piece(&mut out, path.to_string_lossy().as_bytes());
            count(&mut out, names.len());
            names
                .iter()
                .for_each(|name| put_piece(&mut out, name.as_bytes()));
        }
        count(&mut out, record.variables.len());
        for (name, value) in &record.variables {
            put_piece(&mut out, name.as_bytes());
            count(&mut out, usize::from(value.is_some()));
            put_piece(&mut out, value.as_deref().unwrap_or_default().as_bytes());
        }
        out
    }

    /// A source that answers from a record made by [`ConfigSource::to_bytes`]; `None` if it is none.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<ConfigSource> {
        let input = &mut bytes;
        let mut record = Record::default();
        for _ in 0..take_count(input)? {
            let path = PathBuf::from(take_text(input)?);
            record.files.insert(path, take_piece(input)?.to_vec());
        }
        for _ in 0..take_count(input)? {
            let path = PathBuf::from(take_text(input)?);
            let names = (0..take_count(input)?).map(|_| take_text(input));
            record.listings.insert(path, names.collect::<Option<_>>()?);
        }
        for _ in 0..take_count(input)? {
            let name = take_text(input)?;
            let set = take_count(input)? > 0;
            let value = take_text(input)?;
            record.variables.insert(name, set.then_some(value));
        }
        Some(ConfigSource {
            files: Vec::new(),
            record,
            replay: true,
        })
    }

    /// Registers a configuration file and gives its text. Bytes that are not UTF-8 are refused, with the line.
    pub fn open(&mut self, path: &Path, depth: usize, line: u32) -> io::Result<(u32, String)> {
        let bytes = self.read(path)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|b| **b == b'\n').count();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {line} is not valid UTF-8"),
            )
        })?;
        self.files.push(Included {
            path: path.to_owned(),
            depth,
            line,
        });
        Ok((self.files.len() as u32 - 1, text))
    }

    /// The bytes of a file that belongs to the configuration (mime.types too).
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        if let (true, known) = (self.replay, self.record.files.get(path)) {
            return known.cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        // Others may have no end, or wait for ever.
        if !std::fs::metadata(path)?.is_file() && path != Path::new("/dev/null") {
            let message = "is not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let bytes = std::fs::read(path)?;
        self.record.files.insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    /// The names in a directory, sorted.
    pub fn list(&mut self, path: &Path) -> io::Result<Vec<String>> {
        if let (true, known) = (self.replay, self.record.listings.get(path)) {
            return known.cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        self.record.listings.insert(path.to_owned(), names.clone());
        Ok(names)
    }

    /// An environment variable.
    pub fn variable(&mut self, name: &str) -> Option<String> {
        if let (true, known) = (self.replay, self.record.variables.get(name)) {
            return known.cloned().flatten();
        }
        let value = std::env::var(name).ok();
        self.record.variables.insert(name.to_owned(), value.clone());
        value
    }

    /// The path of the file that a line stands in.
    pub fn path_of(&self, at: &At) -> &Path {
        let file = self.files.get(at.file as usize);
        file.map_or(Path::new("command line"), |file| &file.path)
    }
}

/// Writes some bytes behind their number.
pub fn put_piece(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

/// Reads what [`put_piece`] wrote, and leaves what is behind it. `None` if there is no such thing.
pub fn take_piece<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = input.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (piece, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(piece)
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_piece(input)?.to_vec()).ok()
}

fn take_count(input: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take_piece(input)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_answers_from_its_record_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.conf");
        std::fs::write(&file, "Listen 80\n").expect("written");
        let mut source = ConfigSource::default();
        source.open(&file, 0, 0).expect("read");
        source.list(folder.path()).expect("listed");
        source.variable("PATH").expect("set");
        source.variable("NO_SUCH_VARIABLE");
        std::fs::remove_file(&file).expect("removed");
        let bytes = source.to_bytes();
        for mut again in [
            source.replayed(),
            ConfigSource::from_bytes(&bytes).expect("read"),
        ] {
            assert_eq!(again.open(&file, 0, 0).expect("replayed").1, "Listen 80\n");
            assert_eq!(again.list(folder.path()).expect("replayed"), ["a.conf"]);
            assert!(again.read(Path::new("/etc/hostname")).is_err());
            assert_eq!(again.variable("PATH"), source.variable("PATH"));
            assert_eq!(again.variable("NO_SUCH_VARIABLE"), None);
            assert_eq!(again.variable("HOME"), None, "not asked before");
        }
        for end in 0..bytes.len() {
            assert!(ConfigSource::from_bytes(&bytes[..end]).is_none());
        }
    }

    #[test]
    fn text_that_is_not_utf8_names_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.conf");
        std::fs::write(&file, b"a\nb \xff\n").expect("written");
        let error = ConfigSource::default()
            .open(&file, 0, 0)
            .expect_err("refused");
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
