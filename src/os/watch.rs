//! Word of changes in folders, from the kernel: what a thread keeps of files is good until word of them comes. inotify on Linux;
//! where a system has nothing like it, `Unsupported`, and files are asked one by one.

/// A change below a watched folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// What has this name in the folder of this number: made, changed, moved or gone.
    Named {
        /// As [`Folders::add`] gave it.
        folder: i32,
        /// One component of a path.
        name: &'a [u8],
        /// It is, or was, a folder itself.
        is_folder: bool,
    },
    /// Rights or owner of the folder itself.
    Itself,
    /// A folder was moved, removed or unmounted, or more happened than the kernel could note: nothing is sure.
    Lost,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use super::unix::inotify::Folders;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use none::Folders;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod none {
    use super::Change;
    use std::io;
    use std::path::Path;

    /// Nothing is watched.
    #[derive(Debug)]
    pub struct Folders(());

    impl Folders {
        /// Always `Unsupported`.
        pub fn new() -> io::Result<Folders> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        /// Always `Unsupported`.
        pub fn add(&self, _folder: &Path) -> io::Result<i32> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        /// Always.
        pub fn are_quiet(&self) -> io::Result<bool> {
            Ok(true)
        }

        /// Nothing is ever told.
        pub fn read(&mut self, _on: &mut dyn FnMut(Change<'_>)) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;
    use std::fs;

    /// What is told, as text.
    fn told(folders: &mut Folders) -> Vec<String> {
        let mut all = Vec::new();
        folders
            .read(&mut |change| {
                all.push(match change {
                    Change::Named {
                        name, is_folder, ..
                    } => {
                        format!(
                            "{}{}",
                            bstr::BStr::new(name),
                            if is_folder { "/" } else { "" }
                        )
                    }
                    other => format!("{other:?}"),
                });
            })
            .unwrap();
        all.dedup();
        all
    }

    #[test]
    fn changes_are_told_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let mut folders = Folders::new().unwrap();
        if folders.add(&root).is_err() {
            return; // not a file system of which all is known
        }
        assert!(told(&mut folders).is_empty() && folders.are_quiet().unwrap());
        fs::write(root.join("a"), "1").unwrap();
        assert!(!folders.are_quiet().unwrap());
        assert_eq!(told(&mut folders), ["a"]);
        fs::rename(root.join("a"), root.join("b")).unwrap();
        assert_eq!(told(&mut folders), ["a", "b"]);
        fs::create_dir(root.join("d")).unwrap();
        assert_eq!(told(&mut folders), ["d/"]);
        fs::read(root.join("b")).unwrap();
        assert!(told(&mut folders).is_empty(), "reading changes nothing");
        let open = fs::set_permissions(&root, fs::metadata(&root).unwrap().permissions());
        open.unwrap();
        assert_eq!(told(&mut folders), ["Itself"]);
        fs::rename(&root, root.with_extension("moved")).unwrap();
        assert_eq!(told(&mut folders), ["Lost"]);
        fs::rename(root.with_extension("moved"), &root).unwrap();
    }

    #[test]
    fn many_changes_take_several_reads() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let mut folders = Folders::new().unwrap();
        if folders.add(&root).is_err() {
            return;
        }
        let name = |n: usize| format!("{n:0200}");
        (0..50).for_each(|n| fs::write(root.join(name(n)), "x").unwrap());
        assert_eq!(told(&mut folders), (0..50).map(name).collect::<Vec<_>>());
        assert!(folders.add(&root.join("nothing")).is_err());
        std::os::unix::fs::symlink(&root, root.join("link")).unwrap();
        assert!(folders.add(&root.join("link")).is_err());
    }
}
