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
        if !std::fs::metadata(path)?.is_file() && !path.starts_with("/dev") {
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
        std::fs::remove_file(&file).expect("removed");
        let mut again = source.replayed();
        assert_eq!(again.open(&file, 0, 0).expect("replayed").1, "Listen 80\n");
        assert_eq!(again.list(folder.path()).expect("replayed"), ["a.conf"]);
        assert!(again.read(Path::new("/etc/hostname")).is_err());
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
