//! The file of a Unix domain socket (unix(7)): created, replaced if its server is gone,
//! removed at the end.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::listener::BACKLOG;

/// The file of a listening socket. Dropping it removes the file, if it still
/// belongs to that socket.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Listens at `path`, which must be absolute; `mode` are the permissions of the
/// file.
///
/// A socket whose server is gone is replaced. One with a running server, or a
/// file that is not a socket, is an error.
pub fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let address = SockAddr::unix(path)?;
    make_way(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    let file = SocketFile {
        identity: identity(path)?,
        path: path.into(),
    };
    // No client can connect before it listens, and by then the mode is set.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Removes the socket file of a server that is gone.
fn make_way(path: &Path, address: &SockAddr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            let reason = "path exists and is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A blocking connect would wait while the backlog is full.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Ok(()) => Err(Errno::ADDRINUSE.into()),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::CONNREFUSED) => fs::remove_file(path),
            Some(Errno::NOENT) => Ok(()),
            Some(Errno::AGAIN | Errno::PROTOTYPE) => Err(Errno::ADDRINUSE.into()),
            _ => Err(error),
        },
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl SocketFile {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            // Harmless: the next server replaces it.
            log::info!("cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_file_has_the_given_mode_and_is_removed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        for wanted in [0o600, 0o660, 0o666, 0o777, 0] {
            let (_listener, file) = bind(&path, wanted).unwrap();
            assert_eq!(mode(&path), wanted);
            assert_eq!(file.path(), path);
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_socket_of_a_server_that_is_gone_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _bound = bind(&path, 0o600).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[track_caller]
    fn check_refused(path: &Path, kind: io::ErrorKind) {
        assert_eq!(bind(path, 0o600).unwrap_err().kind(), kind);
        assert!(path.symlink_metadata().is_ok(), "it is left alone");
    }

    #[test]
    fn a_socket_in_use_and_any_other_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _live = UnixListener::bind(at("live")).unwrap();
        check_refused(&at("live"), io::ErrorKind::AddrInUse);
        let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
        check_refused(&at("datagrams"), io::ErrorKind::AddrInUse);
        fs::write(at("file"), "").unwrap();
        check_refused(&at("file"), io::ErrorKind::AlreadyExists);
        fs::create_dir(at("folder")).unwrap();
        check_refused(&at("folder"), io::ErrorKind::AlreadyExists);
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        check_refused(&at("link"), io::ErrorKind::AlreadyExists);
        let missing = bind(&at("missing/s"), 0o600).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(bind(&at(&"s".repeat(200)), 0o600).is_err(), "too long");
    }

    #[test]
    fn the_file_of_another_socket_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (_listener, file) = bind(&path, 0o600).unwrap();
        fs::rename(&path, folder.path().join("ours")).unwrap();
        let _other = bind(&path, 0o600).unwrap();
        drop(file);
        assert!(path.exists());
    }
}
