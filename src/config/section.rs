//! Sections that apply to some requests only: what they match, and the records inside.

use super::expr::BoolExpr;
use super::value::ConfMap;
use crate::os::path;
use crate::pattern::{Glob, Pattern};

/// `<Directory>`, `<Files>`, `<Location>`, `<If>` and their relatives.
#[derive(Debug)]
pub struct Section {
    /// Unique in its generation: the key under which merges are remembered.
    pub id: u64,
    /// Which requests it applies to.
    pub matcher: Matcher,
    /// What it sets.
    pub conf: ConfMap,
}

/// Which requests a section applies to.
#[derive(Debug)]
pub enum Matcher {
    /// `<Directory /path>`: the path with a slash at its end, and how many slashes that is.
    Directory {
        path: String,
        depth: usize,
        glob: Option<Glob>,
    },
    /// `<DirectoryMatch>`, `<Directory ~>`.
    DirectoryMatch(Pattern),
    /// `<Files>`, by the last path component.
    Files { name: String, glob: Option<Glob> },
    /// `<FilesMatch>`, `<Files ~>`.
    FilesMatch(Pattern),
    /// `<Location>`.
    Location { path: String, glob: Option<Glob> },
    /// `<LocationMatch>`, `<Location ~>`.
    LocationMatch(Pattern),
    /// `<If>`.
    If(BoolExpr),
    /// `<ElseIf>`: looked at where the ones before it did not hold.
    ElseIf(BoolExpr),
    /// `<Else>`.
    Else,
}

impl Section {
    /// A `<Location>` match on a decoded URL path.
    pub fn matches_location(&self, uri: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Location {
                glob: Some(glob), ..
            } => glob.matches(uri),
            Matcher::Location { path, glob: None } => is_within(uri, path.as_bytes()),
            Matcher::LocationMatch(pattern) => pattern.is_match(uri),
            _ => false,
        }
    }

    /// A `<Files>` match on the last component of a file name.
    pub fn matches_file(&self, name: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Files {
                glob: Some(glob), ..
            } => glob.matches(&path::fold(name)),
            Matcher::Files {
                name: wanted,
                glob: None,
            } => wanted.as_bytes() == &*path::fold(name),
            Matcher::FilesMatch(pattern) => pattern.is_match(&path::fold(name)),
            _ => false,
        }
    }

    /// A plain `<Directory>` match on exactly this directory, written with a slash at its end.
    pub fn matches_directory(&self, directory: &[u8], slashes: usize) -> bool {
        match &self.matcher {
            Matcher::Directory { depth, .. } if *depth != slashes => false,
            Matcher::Directory {
                glob: Some(glob), ..
            } => glob.matches(&path::fold(directory)),
            // The first level is the root, of whatever drive.
            Matcher::Directory { path, depth: 1, .. } if path == "/" => true,
            Matcher::Directory { path, .. } => path.as_bytes() == &*path::fold(directory),
            _ => false,
        }
    }

    /// The pattern, if it is one of the regular expression kind.
    pub fn pattern(&self) -> Option<&Pattern> {
        match &self.matcher {
            Matcher::DirectoryMatch(p) | Matcher::FilesMatch(p) | Matcher::LocationMatch(p) => {
                Some(p)
            }
            _ => None,
        }
    }
}

/// `/a` holds `/a` and `/a/...`; `/a/` holds what begins with it.
pub fn is_within(uri: &[u8], path: &[u8]) -> bool {
    uri.starts_with(path)
        && (path.ends_with(b"/") || uri.len() == path.len() || uri.get(path.len()) == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn a_location_ends_at_a_slash() {
        assert!(is_within(b"/a", b"/a"));
        assert!(is_within(b"/a/b", b"/a"));
        assert!(!is_within(b"/ab", b"/a"));
        assert!(is_within(b"/a/b", b"/a/"));
        assert!(!is_within(b"/a", b"/a/"));
        assert!(is_within(b"/x", b"/"));
    }
}
