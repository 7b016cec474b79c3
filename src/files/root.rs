//! The root: confined opening of files, and the meaning of errors.

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
    path::Arg,
};

use super::Refusal;

/// The identity of a file's state: if any part changes, the content may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device and inode.
    pub inode: (u64, u64),
    /// Size in bytes.
    pub size: u64,
    /// Last modification, nanoseconds since the epoch.
    pub mtime: i128,
    /// Last change of the inode, nanoseconds since the epoch. Programs cannot set it, so it
    /// reflects every change of the content with one exception: for writes through mmap(2) the
    /// system updates it on the first write to a page, and not again before the first write after
    /// the page was written back.
    pub ctime: i128,
}

const NANOSECONDS: i128 = 1_000_000_000;

impl FileIdentity {
    /// Extracts the identity from a `stat`.
    // The types of the fields differ between systems; on some a cast is redundant.
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

    /// Whether this can be a variant of `original`: it is not older, and not empty, which the
    /// output of no coding is. If its mtime has no sub-second part, mtimes are compared in whole
    /// seconds, because some programs, such as brotli(1), truncate it.
    pub(super) fn is_variant_of(&self, original: &FileIdentity) -> bool {
        if self.size == 0 {
            return false;
        }
        match self.mtime.rem_euclid(NANOSECONDS) {
            0 => self.mtime >= original.mtime - original.mtime.rem_euclid(NANOSECONDS),
            _ => self.mtime >= original.mtime,
        }
    }

    /// Whether the content of the open `file` is unchanged. Removing or renaming it changes its
    /// `ctime`, but not the content.
    pub fn content_holds_for(&self, file: &File) -> io::Result<bool> {
        let now = FileIdentity::new(&fstat(file)?);
        Ok((now.size, now.mtime) == (self.size, self.mtime))
    }
}

/// The file type in a `stat`.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// An opened path.
#[derive(Debug)]
pub(super) enum Opened {
    /// A regular file.
    File(File, FileIdentity),
    /// A folder.
    Folder(File),
    /// A FIFO, socket or device: never served.
    Other,
}

/// The open root folder; gives access only to what is under it.
#[derive(Debug)]
pub(super) struct Root {
    dir: Dir,
    /// Device and inode of the folder, unique as long as it is open.
    pub(super) inode: (u64, u64),
}

impl Root {
    /// Opens the folder at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let inode = FileIdentity::new(&fstat(&dir)?).inode;
        Ok(Root { dir, inode })
    }

    /// Opens `path` under the root, following links that stay under it. An absolute link counts as
    /// leaving the root.
    ///
    /// `O_NONBLOCK` keeps the open of a FIFO from blocking, `O_NOCTTY` keeps a terminal from
    /// becoming the controlling one.
    pub(super) fn open_beneath(&self, path: &[u8]) -> io::Result<Opened> {
        // On Linux cap-std uses one `openat2` with RESOLVE_BENEATH, elsewhere it opens folder by
        // folder.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let path = Path::new(OsStr::from_bytes(path));
        let file = loop {
            match self.dir.open_with(path, &options) {
                // On a network file system or FUSE, a signal may interrupt the call.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                opened => break opened?.into_std(),
            }
        };
        let stat = fstat(&file)?;
        Ok(match kind(&stat) {
            FileType::RegularFile => Opened::File(file, FileIdentity::new(&stat)),
            FileType::Directory => Opened::Folder(file),
            _ => Opened::Other,
        })
    }

    /// The identity of the regular file at `path`, following links; `None` for anything else.
    ///
    /// Not confined: the path may lead out of the root. Use only to check with one system call
    /// whether a file that was opened under the root is still the one at its path.
    pub(super) fn identity(&self, path: impl Arg) -> Option<FileIdentity> {
        let stat = statat(&self.dir, path, AtFlags::empty()).ok()?;
        (kind(&stat) == FileType::RegularFile).then(|| FileIdentity::new(&stat))
    }

    /// The identity of the folder at `path`, following links. Not confined, like
    /// [`Root::identity`].
    pub(super) fn folder_identity(&self, path: &[u8]) -> Option<FileIdentity> {
        let stat = match path {
            // The same, but faster.
            b"." => fstat(&self.dir),
            _ => statat(&self.dir, path, AtFlags::empty()),
        };
        stat.ok().map(|stat| FileIdentity::new(&stat))
    }

    /// Whether the sandbox, rather than permissions, denies reading the folder: access(2) ignores
    /// Landlock.
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

    /// The metadata of `path` under the root, following links. Needs no read permission.
    pub(super) fn metadata(&self, path: &[u8]) -> io::Result<cap_std::fs::Metadata> {
        self.dir.metadata(Path::new(OsStr::from_bytes(path)))
    }
}

impl From<io::Error> for Refusal {
    /// Maps an error of opening or reading; the one place that does.
    fn from(error: io::Error) -> Refusal {
        let Some(errno) = Errno::from_io_error(&error) else {
            // An error without an errno comes from cap-std: the path leaves the root
            // (PermissionDenied) or is invalid.
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
            // EAGAIN: another process holds a lease on the file and was asked to release it.
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::AGAIN => {
                Refusal::Exhausted(error)
            }
            _ => Refusal::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests;
