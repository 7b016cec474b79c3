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

    /// The path of the file, without the NUL.
    fn path(&self) -> &[u8] {
        self.file.strip_suffix(b"\0").unwrap_or_default()
    }

    /// Makes a system call with the path of the variant in `coding`. It is joined in place: rustix
    /// would copy it once more.
    pub(super) fn with_variant<R>(
        &self,
        coding: ContentCoding,
        use_path: impl FnOnce(&CStr) -> R,
    ) -> R {
        let (path, suffix) = (self.path(), coding.suffix().as_bytes());
        let length = path.len() + suffix.len() + 1;
        let mut short = [0; STACK_BYTES];
        let mut long = Vec::new();
        let place = match short.get_mut(..length) {
            Some(place) => place,
            None => {
                long.resize(length, 0);
                &mut long[..]
            }
        };
        place[..path.len()].copy_from_slice(path);
        place[path.len()..length - 1].copy_from_slice(suffix);
        use_path(CStr::from_bytes_with_nul(place).unwrap_or_default())
    }

    /// The path of its folder; `.` for the root itself.
    pub(super) fn folder(&self) -> &[u8] {
        let path = self.path();
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
                paths.with_variant(coding, |path| {
                    assert_eq!(path.to_bytes(), expected.as_bytes());
                });
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
