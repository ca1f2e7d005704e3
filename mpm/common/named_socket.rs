//! A listening socket with a name in the file system, for those who may: its mode lets in root and the server's own user.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::pidfile;
use crate::os::file;

/// See the module's head.
pub struct NamedSocket {
    socket: UnixListener,
    path: PathBuf,
    /// What the file system knows the name by, to tell it from that of a server that came later.
    name: (u64, u64),
}

impl NamedSocket {
    /// Makes it, non-blocking. A socket that another server has left there, or still has, loses the name; nothing else does.
    pub fn open(path: &Path) -> io::Result<NamedSocket> {
        let other = |found: fs::Metadata| !found.file_type().is_socket();
        if fs::symlink_metadata(path).is_ok_and(other) {
            let why = "there is something of that name which is no socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let fresh = pidfile::beside(path, ".new");
        let _ = fs::remove_file(&fresh);
        let mask = file::set_umask(0o177);
        let socket = UnixListener::bind(&fresh);
        file::set_umask(mask);
        let socket = socket?;
        socket.set_nonblocking(true)?;
        let name = name_of(&fresh)?;
        fs::rename(&fresh, path)?;
        Ok(NamedSocket {
            socket,
            path: path.to_owned(),
            name,
        })
    }

    /// The socket itself.
    pub fn socket(&self) -> &UnixListener {
        &self.socket
    }

    /// Whether no other server has taken the name.
    pub fn has_name(&self) -> bool {
        name_of(&self.path).is_ok_and(|name| name == self.name)
    }

    /// Removes the name, unless another server has taken it meanwhile.
    pub fn close(self) {
        if self.has_name() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn name_of(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_its_own_name_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let old = NamedSocket::open(&path).unwrap();
        let new = NamedSocket::open(&path).unwrap();
        old.close();
        assert!(path.exists());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        new.close();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert!(NamedSocket::open(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
