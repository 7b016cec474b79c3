//! The content of a file: read into memory, or sent from its descriptor.

use std::{fs::File, io};

use rustix::{
    buffer::spare_capacity,
    fs::fstat,
    io::{pread, retry_on_intr},
};

use super::root::FileIdentity;

/// The largest file kept in memory, in bytes. Copying a larger one to a socket
/// costs more than sending it from its descriptor, which is kept instead: of
/// 32 KiB 83 thousand are sent a CPU-second from memory and 92 thousand from a
/// descriptor, of 64 KiB 48 and 62, of 16 KiB as many in both ways. Memory is
/// what there is more of.
pub const MEMORY_BYTES_MAX: u64 = 32 << 10;

/// How often a file is read again that changes while it is read. One that
/// changes all the time is then sent from its descriptor.
const READ_ATTEMPTS_MAX: u32 = 4;

/// The content of a representation.
#[derive(Debug)]
pub enum Content {
    /// A small file, whole.
    Memory(Box<[u8]>),
    /// A large one, to be sent from its open descriptor.
    File(File),
}

impl Content {
    /// Bytes of memory it holds.
    pub(super) fn memory_bytes(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(_) => 0,
        }
    }
}

/// A content, and the identity of the file that it is of.
#[derive(Debug)]
pub(super) struct LoadedContent {
    pub(super) content: Content,
    pub(super) identity: FileIdentity,
}

impl LoadedContent {
    /// The file, read into memory. One that changes meanwhile is read again;
    /// one that goes on changing, or grows too large, stays on disk.
    pub(super) fn read(file: File, mut identity: FileIdentity) -> io::Result<LoadedContent> {
        for _ in 0..READ_ATTEMPTS_MAX {
            if identity.size > MEMORY_BYTES_MAX {
                break;
            }
            let bytes = read_exactly(&file, identity.size)?;
            let after = FileIdentity::new(&fstat(&file)?);
            if let Some(bytes) = bytes
                && after == identity
            {
                return Ok(LoadedContent {
                    content: Content::Memory(bytes),
                    identity,
                });
            }
            identity = after;
        }
        if identity.size > MEMORY_BYTES_MAX {
            read_ahead(&file);
        }
        let content = Content::File(file);
        Ok(LoadedContent { content, identity })
    }
}

/// The `size` bytes that are the whole of `file`, in one call; `None` if it
/// holds fewer or more, which a byte more than they are tells.
fn read_exactly(file: &File, size: u64) -> io::Result<Option<Box<[u8]>>> {
    let Ok(size) = usize::try_from(size) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size + 1)?;
    let read = retry_on_intr(|| pread(file, spare_capacity(&mut bytes), 0))?;
    Ok((read == size).then(|| bytes.into_boxed_slice()))
}

/// Tells the system that a file will be read from its beginning to its end, so
/// that a slow disk reads ahead. A refusal does no harm.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn read_ahead(file: &File) {
    // No length means: to the end.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn read_ahead(_: &File) {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file without a name that holds `bytes`.
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
    fn what_changed_since_its_stat_is_read_as_it_now_is() {
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
        check(
            |file| file.write_all(b" and after").unwrap(),
            b"before and after",
        );
    }

    #[test]
    fn memory_holds_what_is_small_enough() {
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
