//! Files that serving children open by name, as far as directives say so. `ChildSandbox strict` lets them open nothing else.
//!
//! A directive that names a file or folder for the children says so here when it is read.

use std::path::{Component, Path, PathBuf};

/// See the module's head. Folders stand for all that is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// To read.
    pub read: Vec<PathBuf>,
    /// To write, and to make files in.
    pub write: Vec<PathBuf>,
}

impl Reach {
    /// A file or folder. What is put together for each request (`$1`, `%{...}`) counts as far as its folder is fixed.
    pub fn reads(&mut self, name: &Path) {
        match fixed_part(name) {
            Fixed::All => self.read.push(name.to_owned()),
            Fixed::Folder(folder) if !is_wide(&folder) => self.read.push(folder),
            Fixed::Folder(_) => {}
        }
    }

    /// A folder that a section is about. Those that stand for large parts of the system (`/`, `/usr`) are there to forbid, mostly.
    pub fn has_section(&mut self, name: &Path) {
        if !is_wide(name) {
            self.reads(name);
        }
    }

    /// A file that another may take the place of while the server runs, as editors do it: its folder, if that is not a large part
    /// of the system.
    pub fn reads_file(&mut self, file: &Path) {
        self.read.push(room_of(file));
    }

    /// The same for a file that is written.
    pub fn writes_file(&mut self, file: &Path) {
        self.write.push(room_of(file));
    }
}

fn room_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !is_wide(folder));
    folder.unwrap_or(file).to_owned()
}

/// The root, or what stands in it.
fn is_wide(path: &Path) -> bool {
    let names = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)));
    names.count() < 2
}

enum Fixed {
    All,
    Folder(PathBuf),
}

fn fixed_part(name: &Path) -> Fixed {
    let text = name.to_string_lossy();
    let Some(end) = text.find(['$', '%', '*', '?', '[', '{']) else {
        return Fixed::All;
    };
    let folder = text.get(..end).and_then(|text| text.rsplit_once('/'));
    Fixed::Folder(folder.map_or_else(PathBuf::new, |(folder, _)| PathBuf::from(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_count_as_far_as_they_are_fixed() {
        let mut reach = Reach::default();
        for name in [
            "/srv",
            "/srv/www/site",
            "/srv/www/$1/x",
            "/srv/www/a%{HTTP_HOST}",
            "/home/*/public_html",
            "/$1",
        ] {
            reach.reads(Path::new(name));
        }
        let read: Vec<_> = reach.read.iter().map(|p| p.display().to_string()).collect();
        assert_eq!(read, ["/srv", "/srv/www/site", "/srv/www", "/srv/www"]);
    }

    #[test]
    fn sections_about_everything_are_no_reason() {
        let mut reach = Reach::default();
        for name in ["/", "/usr/", "/srv/data/", "/srv/data/*/x/"] {
            reach.has_section(Path::new(name));
        }
        reach.reads_file(Path::new("/etc/httpd/users"));
        reach.reads_file(Path::new("/etc/users"));
        let expected = ["/srv/data/", "/srv/data", "/etc/httpd", "/etc/users"];
        assert_eq!(reach.read, expected.map(PathBuf::from));
        reach.writes_file(Path::new("/var/log/httpd/script_log"));
        assert_eq!(reach.write, [PathBuf::from("/var/log/httpd")]);
    }
}
