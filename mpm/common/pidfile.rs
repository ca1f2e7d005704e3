//! The PidFile, and beside it what became of the last reload, for `httpd -k` to wait for and tell.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::os::file;

/// The file that holds the parent's pid while the server runs.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: u32,
}

/// What writing the file found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing, or our own.
    Nothing,
    /// Another pid stood there: the server before did not end cleanly.
    Other,
}

impl PidFile {
    /// Writes the file by way of a new one and a rename, so that a reader never sees half a number.
    pub fn write(path: &Path, pid: u32) -> io::Result<(PidFile, Before)> {
        let before = match read(path) {
            Some(old) if old != pid => Before::Other,
            _ => Before::Nothing,
        };
        write_by_rename(path, format!("{pid}\n").as_bytes())?;
        let path = path.to_owned();
        Ok((PidFile { path, pid }, before))
    }

    /// The pid that was written.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file and the outcome beside it, unless another server has taken the name meanwhile.
    pub fn remove(&self) -> io::Result<()> {
        if read(&self.path) != Some(self.pid) {
            return Ok(());
        }
        let _ = fs::remove_file(outcome_path(&self.path));
        fs::remove_file(&self.path)
    }
}

/// The pid in the file, if there is one.
pub fn read(path: &Path) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

/// What became of one reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Counts the reloads that were asked for, from 1.
    pub number: u64,
    /// The parent that writes this.
    pub pid: u32,
    /// `None`: the new configuration serves; else why it does not (file, line and mistake).
    pub refused: Option<String>,
}

/// Where the outcome stands: beside the PidFile, `.reload` behind its name.
pub fn outcome_path(pid_file: &Path) -> PathBuf {
    beside(pid_file, ".reload")
}

/// The file beside another, with this behind its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

impl Outcome {
    /// Writes the outcome beside the PidFile.
    pub fn write(&self, pid_file: &Path) -> io::Result<()> {
        let said = match &self.refused {
            None => "done\n".to_owned(),
            Some(why) => format!("refused\n{why}\n"),
        };
        let text = format!("{}\n{}\n{said}", self.pid, self.number);
        write_by_rename(&outcome_path(pid_file), text.as_bytes())
    }

    /// Reads the outcome beside a PidFile, if there is a whole one.
    pub fn read(pid_file: &Path) -> Option<Outcome> {
        let text = fs::read_to_string(outcome_path(pid_file)).ok()?;
        let mut lines = text.splitn(4, '\n');
        let pid = lines.next()?.parse().ok()?;
        let number = lines.next()?.parse().ok()?;
        let refused = match lines.next()? {
            "done" => None,
            "refused" => Some(lines.next().unwrap_or_default().trim_end().to_owned()),
            _ => return None,
        };
        Some(Outcome {
            number,
            pid,
            refused,
        })
    }
}

fn write_by_rename(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = beside(path, ".new");
    let _ = fs::remove_file(&fresh);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    let mut file = options.open(&fresh)?;
    file.write_all(content)?;
    drop(file);
    file::replace(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_read_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("httpd.pid");
        let (file, before) = PidFile::write(&path, 42).unwrap();
        assert_eq!((read(&path), before), (Some(42), Before::Nothing));
        let (_, before) = PidFile::write(&path, 43).unwrap();
        assert_eq!(before, Before::Other);
        file.remove().unwrap();
        assert_eq!(read(&path), Some(43), "another server's file is left alone");
        assert!(PidFile::write(&folder.path().join("none/pid"), 1).is_err());
    }

    #[test]
    fn outcomes_go_round() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("httpd.pid");
        assert_eq!(Outcome::read(&path), None);
        for refused in [None, Some("httpd.conf:3: no\nand line 4".to_owned())] {
            let outcome = Outcome {
                number: 7,
                pid: 42,
                refused,
            };
            outcome.write(&path).unwrap();
            assert_eq!(Outcome::read(&path), Some(outcome));
        }
    }
}
