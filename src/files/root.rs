//! The root: the folder beneath which everything is opened, and what a failure
//! to open means.

use std::{
    ffi::{CStr, OsStr},
    fs::File,
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt},
};
use rustix::{
    fs::{Access, AtFlags, FileType, OFlags, Stat, accessat, fstat, statat},
    io::Errno,
};

use super::Refusal;

/// What a file is: when any of it changes, it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device and inode.
    pub inode: (u64, u64),
    /// Size in bytes.
    pub size: u64,
    /// Last modification, nanoseconds since the epoch.
    pub mtime: i128,
    /// Last change of the inode, nanoseconds since the epoch. Nobody can set
    /// it at will, so it tells of every change of the content but one: the
    /// system stamps a page that is written through a mapping (mmap(2)) once,
    /// and not again until it has written it out.
    pub ctime: i128,
}

const NANOSECONDS: i128 = 1_000_000_000;

impl FileIdentity {
    /// The identity in a `stat`.
    // The fields' types differ between systems; on some a cast does nothing.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    pub(super) fn new(stat: &Stat) -> FileIdentity {
        let nanoseconds = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * NANOSECONDS + i128::from(nanoseconds)
        };
        FileIdentity {
            inode: (stat.st_dev as u64, stat.st_ino as u64),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether this file is not older than `original`, which it is made from. A
    /// time without a fraction is compared in whole seconds: some programs,
    /// brotli(1) among them, hand the time of what they read on as that.
    pub(super) fn is_as_new_as(&self, original: &FileIdentity) -> bool {
        match self.mtime.rem_euclid(NANOSECONDS) {
            0 => self.mtime >= original.mtime - original.mtime.rem_euclid(NANOSECONDS),
            _ => self.mtime >= original.mtime,
        }
    }

    /// Whether the content of the open `file` is still what it was. Its name
    /// may be gone or lead to another file meanwhile, which changes its
    /// `ctime`, but not what is read from it.
    pub fn content_holds_for(&self, file: &File) -> io::Result<bool> {
        let now = FileIdentity::new(&fstat(file)?);
        Ok((now.size, now.mtime) == (self.size, self.mtime))
    }
}

/// The kind of file in a `stat`.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// What was opened.
#[derive(Debug)]
pub(super) enum Opened {
    /// A regular file.
    File(File, FileIdentity),
    /// A folder.
    Folder(File),
    /// A FIFO, socket or device: never served.
    Other,
}

/// An open folder and all that lies beneath it, and nothing else.
#[derive(Debug)]
pub(super) struct Root {
    dir: Dir,
    inode: (u64, u64),
}

impl Root {
    /// Opens the folder at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let inode = FileIdentity::new(&fstat(&dir)?).inode;
        Ok(Root { dir, inode })
    }

    /// Device and inode of the folder. No other folder can have them while
    /// this one is held open.
    pub(super) fn inode(&self) -> (u64, u64) {
        self.inode
    }

    /// Opens what lies at `path` beneath the root, links followed as long as
    /// they stay beneath it. An absolute link counts as one that leaves.
    ///
    /// Never waits for a peer: a FIFO opens at once (`O_NONBLOCK`), and a
    /// terminal does not become ours (`O_NOCTTY`).
    pub(super) fn open_beneath(&self, path: &[u8]) -> io::Result<Opened> {
        // On Linux cap-std does this in one `openat2` with RESOLVE_BENEATH,
        // elsewhere folder by folder.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self
            .dir
            .open_with(
                Path::new(OsStr::from_bytes(path)),
                OpenOptions::new()
                    .read(true)
                    .custom_flags(flags.bits().cast_signed()),
            )?
            .into_std();
        let stat = fstat(&file)?;
        Ok(match kind(&stat) {
            FileType::RegularFile => Opened::File(file, FileIdentity::new(&stat)),
            FileType::Directory => Opened::Folder(file),
            _ => Opened::Other,
        })
    }

    /// The identity of the regular file at `path`, links followed; `None` for
    /// anything else and where there is nothing.
    ///
    /// This is a question and not a permission: the path may lead out of the
    /// root. It serves to find out whether a file that was opened beneath the
    /// root is still the one at its path, for one system call.
    pub(super) fn identity(&self, path: &CStr) -> Option<FileIdentity> {
        let stat = statat(&self.dir, path, AtFlags::empty()).ok()?;
        (kind(&stat) == FileType::RegularFile).then(|| FileIdentity::new(&stat))
    }

    /// The identity of the folder at `path`, links followed, or of the root
    /// itself. A question and not a permission, like [`Root::identity`].
    pub(super) fn folder_identity(&self, path: Option<&CStr>) -> Option<FileIdentity> {
        let stat = match path {
            Some(path) => statat(&self.dir, path, AtFlags::empty()),
            None => fstat(&self.dir),
        };
        stat.ok().map(|stat| FileIdentity::new(&stat))
    }

    /// Whether the folder may be read, but not by this process: the sandbox knew
    /// nothing of it. access(2) does not ask Landlock.
    pub(super) fn is_out_of_bounds(&self) -> bool {
        let opened = self.open_beneath(b".").map_err(Refusal::from);
        let wanted = Access::READ_OK | Access::EXEC_OK;
        matches!(opened, Err(Refusal::Forbidden))
            && accessat(&self.dir, ".", wanted, AtFlags::empty()).is_ok()
    }

    /// Whether there is nothing at all at `path`, not even a link.
    pub(super) fn is_vacant(&self, path: &CStr) -> bool {
        let stat = statat(&self.dir, path, AtFlags::SYMLINK_NOFOLLOW);
        stat.err() == Some(Errno::NOENT)
    }

    /// What is known of that to which `path` leads beneath the root, links
    /// followed. Permission to read it is not needed.
    pub(super) fn metadata(&self, path: &[u8]) -> io::Result<cap_std::fs::Metadata> {
        self.dir.metadata(Path::new(OsStr::from_bytes(path)))
    }

    /// Whether `path` leads to a folder, as [`Root::metadata`] knows.
    pub(super) fn is_folder(&self, path: &[u8]) -> bool {
        let metadata = self.metadata(path);
        metadata.is_ok_and(|metadata| metadata.is_dir())
    }
}

impl From<io::Error> for Refusal {
    /// What a failure to open or to read means: the one place that says so.
    fn from(error: io::Error) -> Refusal {
        let Some(errno) = Errno::from_io_error(&error) else {
            // Without a number it comes from cap-std and not from the system: the
            // path leads out of the root (PermissionDenied) or cannot be one.
            return match error.kind() {
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::NotFound => Refusal::NotFound,
                io::ErrorKind::OutOfMemory => Refusal::Exhausted(error),
                _ => Refusal::Failed(error),
            };
        };
        match errno {
            // The last three: a socket, or a device without a driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV
            | Errno::OPNOTSUPP => Refusal::NotFound,
            Errno::ACCESS | Errno::PERM => Refusal::Forbidden,
            // The last: somebody holds a lease on the file and was asked to end it.
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::AGAIN => {
                Refusal::Exhausted(error)
            }
            _ => Refusal::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests;
