//! Whether what is kept of a file is still what lies on the disk.

use std::{
    ffi::CString,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    Turn,
    root::{Identity, Root},
};
use crate::http::content_coding::ContentCoding;

/// How long before it was read a file must have changed last to be kept, in
/// nanoseconds: 20 ms.
///
/// The system stamps changes with a clock that ticks every 1 to 10 ms. A file
/// that changed, was read and changed again within one tick looks the same
/// after the second change, so what was read of it says nothing about later.
const SETTLED_NANOSECONDS: i128 = 20_000_000;

/// The same on a file system that stamps whole seconds or pairs of them.
const SETTLED_COARSE_NANOSECONDS: i128 = 2_100_000_000;

/// A value for each content coding.
pub(super) type PerCoding<T> = [T; ContentCoding::ALL.len()];

/// The place of `coding` in a [`PerCoding`].
pub(super) fn slot(coding: ContentCoding) -> usize {
    match coding {
        ContentCoding::Brotli => 0,
        ContentCoding::Zstd => 1,
        ContentCoding::Gzip => 2,
    }
}

/// The paths of a file and of its siblings, beneath the root, ready for the
/// system.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) file: CString,
    pub(super) siblings: PerCoding<CString>,
}

impl Paths {
    /// The paths that belong to `path`; `None` if it holds a NUL.
    pub(super) fn new(path: &[u8]) -> Option<Paths> {
        let mut siblings = PerCoding::<CString>::default();
        for coding in ContentCoding::ALL {
            let name = [path, coding.suffix().as_bytes()].concat();
            siblings[slot(coding)] = CString::new(name).ok()?;
        }
        Some(Paths {
            file: CString::new(path).ok()?,
            siblings,
        })
    }

    /// Bytes of memory they hold.
    fn memory_bytes(&self) -> usize {
        let siblings = self.siblings.iter().map(|path| path.as_bytes().len());
        self.file.as_bytes().len() + siblings.sum::<usize>()
    }
}

/// A file and its siblings as they were when they were read, and when that was
/// last found to hold.
///
/// The two are checked apart: who accepts no coding does not pay for siblings.
#[derive(Debug)]
pub(super) struct Watch {
    paths: Paths,
    file: Identity,
    siblings: PerCoding<Option<Identity>>,
    /// The latest turn in which `file` was found to hold. A check made by one
    /// worker serves all whose turn began before it.
    file_checked: AtomicU64,
    /// The same for `siblings`.
    siblings_checked: AtomicU64,
}

impl Watch {
    /// A watch over what was found in `turn` or later.
    pub(super) fn new(
        paths: Paths,
        file: Identity,
        siblings: PerCoding<Option<Identity>>,
        turn: Turn,
    ) -> Watch {
        Watch {
            paths,
            file,
            siblings,
            file_checked: AtomicU64::new(turn.0),
            siblings_checked: AtomicU64::new(turn.0),
        }
    }

    /// Whether the file, and where asked for its siblings, are what they were:
    /// looked up at most once a turn.
    pub(super) fn holds(&self, root: &Root, with_siblings: bool, turn: Turn) -> bool {
        self.file_holds(root, turn) && (!with_siblings || self.siblings_hold(root, turn))
    }

    fn file_holds(&self, root: &Root, turn: Turn) -> bool {
        if self.file_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let holds = root.identity(&self.paths.file) == Some(self.file);
        if holds {
            self.file_checked.fetch_max(turn.0, Relaxed);
        }
        holds
    }

    fn siblings_hold(&self, root: &Root, turn: Turn) -> bool {
        if self.siblings_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let mut pairs = self.paths.siblings.iter().zip(&self.siblings);
        let hold = pairs.all(|(path, before)| root.identity(path) == *before);
        if hold {
            self.siblings_checked.fetch_max(turn.0, Relaxed);
        }
        hold
    }

    /// Bytes of memory it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.paths.memory_bytes()
    }
}

/// Whether a change after `read_at` (nanoseconds since the epoch, before the
/// reading began) is certain to change the identity.
///
/// Only the time of the inode's change is judged: whatever changes a content
/// sets it, and a file that claims to be from the future is kept like another.
pub(super) fn is_settled(identity: &Identity, read_at: i128) -> bool {
    let whole_seconds = identity.ctime.rem_euclid(1_000_000_000) == 0;
    let age = read_at.saturating_sub(identity.ctime);
    age >= if whole_seconds {
        SETTLED_COARSE_NANOSECONDS
    } else {
        SETTLED_NANOSECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_once_a_later_change_must_show() {
        const S: i128 = 1_000_000_000;
        for (ctime, read_at, settled) in [
            (5 * S + 1, 5 * S + 1, false),
            (5 * S + 1, 5 * S + 20_000_000, false),
            (5 * S + 1, 5 * S + 20_000_001, true),
            (5 * S, 6 * S, false),
            (5 * S, 7 * S, false),
            (5 * S, 7 * S + 100_000_000, true),
            (9 * S + 1, 5 * S, false),
            (-S - 1, 0, true),
        ] {
            let identity = Identity {
                inode: (1, 1),
                size: 1,
                mtime: i128::MAX,
                ctime,
            };
            assert_eq!(is_settled(&identity, read_at), settled, "{ctime} {read_at}");
        }
    }

    #[test]
    fn every_coding_has_a_slot_of_its_own() {
        for (place, coding) in ContentCoding::ALL.into_iter().enumerate() {
            assert_eq!(slot(coding), place);
        }
    }

    #[test]
    fn a_path_with_a_nul_has_no_paths() {
        assert!(Paths::new(b"a\0b").is_none());
        let paths = Paths::new(b"a").unwrap();
        assert_eq!(paths.file.as_bytes(), b"a");
        for coding in ContentCoding::ALL {
            let sibling = &paths.siblings[slot(coding)];
            assert_eq!(sibling.to_str().unwrap(), format!("a{}", coding.suffix()));
        }
    }
}
