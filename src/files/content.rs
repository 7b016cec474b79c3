//! File content: read into memory, or sent from a descriptor.

use std::{fs::File, io};

use rustix::{
    buffer::spare_capacity,
    fs::fstat,
    io::{pread, retry_on_intr},
};

use super::root::FileIdentity;

/// The largest file that is read into memory, in bytes: its entity tag depends on its content.
pub const MEMORY_BYTES_MAX: u64 = 32 << 10;

/// The largest file cached in memory, in bytes. For larger files the descriptor is kept open
/// instead, because `sendfile` costs less than copying: at 20 KiB 130 thousand responses per
/// CPU-second are sent from memory and 145 thousand from a descriptor, at 32 KiB 101 and 111. Up to
/// this size a response is also cached as it was sent.
pub const CACHED_BYTES_MAX: u64 = 16 << 10;

/// Attempts to read a file that changes while it is being read. After that it is sent from its
/// descriptor.
const READ_ATTEMPTS_MAX: u32 = 4;

/// The content of a representation.
#[derive(Debug)]
pub enum Content {
    /// The bytes of a small file.
    Memory(Box<[u8]>),
    /// A large file, to be sent from its open descriptor.
    File(File),
}

impl Content {
    /// Whether `file`, of the same identity, still has this content: it may have been modified
    /// through mmap(2). If it cannot be read, that is assumed.
    pub(super) fn holds(&self, file: &File) -> bool {
        match self {
            Content::Memory(bytes) => {
                let now = read_exactly(file, bytes.len());
                now.map_or(true, |now| now.as_ref() == Some(bytes))
            }
            // It is sent from the file itself.
            Content::File(_) => true,
        }
    }
}

/// A content and the identity of its file.
#[derive(Debug)]
pub(super) struct LoadedContent {
    pub(super) content: Content,
    pub(super) identity: FileIdentity,
    /// The file, if its content is in memory but not to be cached there.
    pub(super) file: Option<File>,
}

impl LoadedContent {
    /// Reads the file into memory, and again if it changes meanwhile. A file that keeps changing or
    /// grows too large stays on disk.
    pub(super) fn read(file: File, mut identity: FileIdentity) -> io::Result<LoadedContent> {
        for _ in 0..READ_ATTEMPTS_MAX {
            if identity.size > MEMORY_BYTES_MAX {
                break;
            }
            let bytes = read_exactly(&file, identity.size as usize)?;
            let after = FileIdentity::new(&fstat(&file)?);
            if let Some(bytes) = bytes
                && after == identity
            {
                return Ok(LoadedContent {
                    content: Content::Memory(bytes),
                    identity,
                    file: (identity.size > CACHED_BYTES_MAX).then_some(file),
                });
            }
            identity = after;
        }
        // Advises the kernel to read ahead, to the end, on a slow disk. Errors are harmless.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        if identity.size > MEMORY_BYTES_MAX {
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        }
        Ok(LoadedContent {
            content: Content::File(file),
            identity,
            file: None,
        })
    }
}

/// Reads `file` in one call if it has exactly `size` bytes, otherwise `None`. The buffer has one
/// byte more, to detect a longer file.
fn read_exactly(file: &File, size: usize) -> io::Result<Option<Box<[u8]>>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size + 1)?;
    let read = retry_on_intr(|| pread(file, spare_capacity(&mut bytes), 0))?;
    Ok((read == size).then(|| bytes.into_boxed_slice()))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::FileExt};

    use super::*;

    /// An unnamed file with content `bytes`.
    fn file(bytes: &[u8]) -> (File, FileIdentity) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let identity = FileIdentity::new(&fstat(&file).unwrap());
        (file, identity)
    }

    #[test]
    fn a_file_is_read_only_at_its_exact_size() {
        let (file, _) = file(b"twelve bytes");
        for (size, whole) in [(0, false), (11, false), (12, true), (13, false)] {
            assert_eq!(
                read_exactly(&file, size).unwrap().is_some(),
                whole,
                "{size}"
            );
        }
        assert_eq!(&*read_exactly(&file, 12).unwrap().unwrap(), b"twelve bytes");
    }

    #[test]
    fn a_file_changed_since_its_stat_is_read_in_its_new_state() {
        let check = |change: fn(&mut File), now: &[u8]| {
            let (mut file, before) = file(b"before");
            change(&mut file);
            let after = FileIdentity::new(&fstat(&file).unwrap());
            let body = LoadedContent::read(file, before).unwrap();
            assert_eq!(body.identity, after);
            match body.content {
                Content::Memory(bytes) => assert_eq!(&*bytes, now),
                Content::File(_) => panic!("not in memory"),
            }
        };
        check(|_| {}, b"before");
        check(|file| file.set_len(3).unwrap(), b"bef");
        check(|file| file.set_len(0).unwrap(), b"");
        check(|file| file.write_all_at(b"BEFORE", 0).unwrap(), b"BEFORE");
        check(
            |file| file.write_all(b" and after").unwrap(),
            b"before and after",
        );
    }

    #[test]
    fn files_up_to_the_limit_are_read_into_memory() {
        for (size, in_memory) in [
            (0, true),
            (MEMORY_BYTES_MAX, true),
            (MEMORY_BYTES_MAX + 1, false),
        ] {
            let (file, _) = file(b"");
            file.set_len(size).unwrap();
            let identity = FileIdentity::new(&fstat(&file).unwrap());
            let body = LoadedContent::read(file, identity).unwrap();
            assert_eq!(
                matches!(body.content, Content::Memory(_)),
                in_memory,
                "{size}"
            );
            assert_eq!(body.identity.size, size);
        }
    }

    #[test]
    fn a_file_that_grows_too_large_meanwhile_stays_on_disk() {
        let (file, before) = file(b"small");
        file.set_len(MEMORY_BYTES_MAX + 1).unwrap();
        let body = LoadedContent::read(file, before).unwrap();
        assert!(matches!(body.content, Content::File(_)));
        assert_eq!(body.identity.size, MEMORY_BYTES_MAX + 1);
    }
}
