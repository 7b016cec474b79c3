//! The paths of a file, its variants and its folder, relative to the root.

use std::ffi::CStr;

use smallvec::SmallVec;

use crate::http::content_coding::ContentCoding;

/// Bytes up to which a path of the cache is stored in place; a longer one has an allocation of its
/// own, which has to be fetched from memory separately.
pub(super) const IN_PLACE_BYTES_MAX: usize = 32;

/// Bytes up to which a temporary path needs no allocation.
const STACK_BYTES: usize = 256;

/// The path of a file, NUL-terminated for system calls. The paths of its variants and its folder
/// are derived when needed, which for most files is never.
#[derive(Debug)]
pub(super) struct Paths {
    /// A short one is stored here, beside what a check of the file reads anyway.
    file: SmallVec<[u8; IN_PLACE_BYTES_MAX]>,
}

impl Paths {
    /// The paths of the file at `path`, which contains no NUL.
    pub(super) fn new(path: &[u8]) -> Paths {
        let mut file = SmallVec::from(path);
        file.push(0);
        Paths { file }
    }

    /// The path of the file; empty, which names no file, if it contained a NUL.
    pub(super) fn file(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.file).unwrap_or_default()
    }

    /// The path of the variant in `coding`.
    pub(super) fn variant(&self, coding: ContentCoding) -> SmallVec<[u8; STACK_BYTES]> {
        let mut path = SmallVec::from_slice(self.file().to_bytes());
        path.extend_from_slice(coding.suffix().as_bytes());
        path
    }

    /// The path of its folder; `.` for the root itself.
    pub(super) fn folder(&self) -> &[u8] {
        let path = self.file().to_bytes();
        let slash = path.iter().rposition(|&byte| byte == b'/');
        slash.map_or(b".", |at| &path[..at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_variants_and_folder_are_derived_from_the_file() {
        let check = |path: &str, folder: &str| {
            let paths = Paths::new(path.as_bytes());
            assert_eq!(paths.file().to_bytes(), path.as_bytes());
            for coding in ContentCoding::ALL {
                let expected = format!("{path}{}", coding.suffix());
                assert_eq!(&paths.variant(coding)[..], expected.as_bytes());
            }
            assert_eq!(paths.folder(), folder.as_bytes(), "{path}");
        };
        check("a", ".");
        check("a/b", "a");
        check("a/b.c/d", "a/b.c");
        let near = |limit| limit - 6..=limit + 1;
        for length in near(IN_PLACE_BYTES_MAX).chain(near(STACK_BYTES)) {
            let folder = "f".repeat(length);
            check(&folder, ".");
            check(&format!("{folder}/a"), &folder);
        }
        assert!(Paths::new(b"a\0b").file().is_empty());
    }
}
