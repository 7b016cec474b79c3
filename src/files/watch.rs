//! Whether what is kept of a file is still what lies on the disk.

use std::{
    ffi::CStr,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Refusal, Turn,
    paths::Paths,
    plain::Siblings,
    root::{FileIdentity, Opened, Root},
};
use crate::http::content_coding::{ContentCoding, PerCoding};

/// How long before it was read a file must have changed last to be kept, in
/// nanoseconds: 20 ms.
///
/// The system stamps changes with a clock that ticks every 1 to 10 ms. A file
/// that changed, was read and changed again within one tick looks the same
/// after the second change, so what was read of it says nothing about later.
const SETTLED_NANOSECONDS: i128 = 20_000_000;

/// The same on a file system that stamps whole seconds or pairs of them.
const SETTLED_COARSE_NANOSECONDS: i128 = 2_100_000_000;

/// How long the change of a folder alone is trusted to tell that something was
/// put into it, in nanoseconds: a second, after which every name is looked up
/// again. There are file systems on which it does not tell.
const NAMES_NANOSECONDS: u64 = 1_000_000_000;

/// How long siblings may come or go unnoticed as long as no client accepts one,
/// in nanoseconds: a minute. To look every second would cost 10,000 files that
/// are asked for one after another a third of their requests.
const UNASKED_NANOSECONDS: u64 = 60_000_000_000;

/// How long a file may be served from behind a link that leads out of the root,
/// in nanoseconds: 10 s. If a folder is moved out of the root and a link to it
/// put in its place, the identity of a file in it stays what it was, so that one
/// `stat` shows nothing; to walk the way to the file costs three times as much.
const WAY_NANOSECONDS: u64 = 10_000_000_000;

/// A file and its siblings as they were when they were read, and when that was
/// last found to hold.
///
/// The two are checked apart: who accepts no coding does not pay for siblings.
#[derive(Debug)]
pub(super) struct Watch {
    paths: Paths,
    file: FileIdentity,
    /// `None` where there was none.
    siblings: Option<Box<PerCoding<Option<FileIdentity>>>>,
    /// The latest turn in which `file` was found to hold. A check made by one
    /// worker serves all whose turn began before it.
    file_checked: AtomicU64,
    /// The same for `siblings`.
    siblings_checked: AtomicU64,
    /// The latest turn in which the way to them was found to lie beneath the root.
    way_checked: AtomicU64,
    absence: Absence,
}

/// How it is known that some siblings are not there, for one look at their
/// folder instead of one at each name.
#[derive(Debug)]
struct Absence {
    /// The [`fingerprint`] of the folder's identity when nothing lay at these
    /// names and any later change was certain to show; 0 where that is not
    /// known.
    folder: AtomicU64,
    /// The turn in which the names themselves were last looked up.
    named: AtomicU64,
}

impl Watch {
    /// A watch over what was found in `turn` or later.
    pub(super) fn new(paths: Paths, file: FileIdentity, siblings: Siblings, turn: Turn) -> Watch {
        let Siblings { found, folder } = siblings;
        Watch {
            paths,
            file,
            siblings: found.iter().any(Option::is_some).then(|| Box::new(found)),
            file_checked: AtomicU64::new(turn.0),
            siblings_checked: AtomicU64::new(turn.0),
            way_checked: AtomicU64::new(turn.0),
            absence: Absence {
                folder: AtomicU64::new(folder),
                named: AtomicU64::new(turn.0),
            },
        }
    }

    /// Whether the file, and where asked for its siblings, are what they were:
    /// looked up at most once a turn. The siblings are looked up every minute
    /// even where nobody accepts one, for `Vary` tells that they are there.
    pub(super) fn holds(&self, root: &Root, with_siblings: bool, turn: Turn) -> bool {
        let age = turn.0.saturating_sub(self.siblings_checked.load(Relaxed));
        self.file_holds(root, turn)
            && ((!with_siblings && age < UNASKED_NANOSECONDS) || self.siblings_hold(root, turn))
    }

    /// The turn in which the file was last looked at.
    pub(super) fn checked(&self) -> Turn {
        Turn(self.file_checked.load(Relaxed))
    }

    fn file_holds(&self, root: &Root, turn: Turn) -> bool {
        if self.file_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let holds = root.identity(self.paths.file()) == Some(self.file);
        if holds && self.way_holds(root, turn) {
            self.file_checked.fetch_max(turn.0, Relaxed);
            return true;
        }
        false
    }

    /// Whether no link on the way to them leads out of the root, looked up every
    /// few seconds. Where there is no descriptor to find out with, it is as good
    /// as before.
    fn way_holds(&self, root: &Root, turn: Turn) -> bool {
        if turn.0.saturating_sub(self.way_checked.load(Relaxed)) < WAY_NANOSECONDS {
            return true;
        }
        let is_beneath = |path: &CStr, expected: FileIdentity| {
            let opened = root.open_beneath(path.to_bytes());
            match opened.map_err(Refusal::from) {
                Ok(opened) => matches!(opened, Opened::File(_, found) if found == expected),
                Err(refusal) => matches!(refusal, Refusal::Exhausted(_)),
            }
        };
        let mut siblings =
            (self.siblings.iter()).flat_map(|all| ContentCoding::ALL.into_iter().zip(**all));
        let are_beneath = siblings.all(|(coding, sibling)| {
            let is = |expected| (self.paths).ask_sibling(coding, |path| is_beneath(path, expected));
            sibling.is_none_or(is)
        });
        let holds = are_beneath && is_beneath(self.paths.file(), self.file);
        if holds {
            self.way_checked.fetch_max(turn.0, Relaxed);
        }
        holds
    }

    fn siblings_hold(&self, root: &Root, turn: Turn) -> bool {
        if self.siblings_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let hold = self.present_hold(root) && self.absent_hold(root, turn);
        if hold {
            self.siblings_checked.fetch_max(turn.0, Relaxed);
        }
        hold
    }

    fn present_hold(&self, root: &Root) -> bool {
        let Some(siblings) = &self.siblings else {
            return true;
        };
        ContentCoding::ALL.into_iter().all(|coding| {
            let before = siblings[coding as usize];
            before.is_none() || self.sibling(root, coding) == before
        })
    }

    fn sibling(&self, root: &Root, coding: ContentCoding) -> Option<FileIdentity> {
        self.paths.ask_sibling(coding, |path| root.identity(path))
    }

    /// The codings in which there was no file.
    fn absent(&self) -> impl Iterator<Item = ContentCoding> {
        let siblings = self.siblings.as_deref();
        ContentCoding::ALL
            .into_iter()
            .filter(move |coding| siblings.is_none_or(|all| all[*coding as usize].is_none()))
    }

    fn absent_hold(&self, root: &Root, turn: Turn) -> bool {
        let are_absent = || {
            let mut absent = self.absent();
            absent.all(|coding| self.sibling(root, coding).is_none())
        };
        if self.absent().nth(1).is_none() {
            // One name costs no more than their folder.
            return are_absent();
        }
        let look = || self.paths.ask_folder(|path| root.folder_identity(path));
        let known = self.absence.folder.load(Relaxed);
        let age = turn.0.saturating_sub(self.absence.named.load(Relaxed));
        if known != 0 && age < NAMES_NANOSECONDS && look().as_ref().map(fingerprint) == Some(known)
        {
            return true;
        }
        // Before the names, so that whatever comes to them later changes it.
        let (now, folder) = (now(), look());
        if !are_absent() {
            return false;
        }
        // A link that leads nowhere may come to lead somewhere.
        let tells = folder.filter(|folder| is_settled(folder, now));
        let is_vacant = |coding| self.paths.ask_sibling(coding, |path| root.is_vacant(path));
        let tells = tells.filter(|_| self.absent().all(is_vacant));
        let known = tells.as_ref().map_or(0, fingerprint);
        self.absence.folder.store(known, Relaxed);
        self.absence.named.fetch_max(turn.0, Relaxed);
        true
    }

    /// Bytes of memory it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let siblings = self.siblings.as_deref().map_or(0, size_of_val);
        self.paths.memory_bytes() + siblings
    }
}

/// A value as a number, the same in every process of one build. Two values give
/// the same number with a chance of one in 2^64.
pub(super) fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Nanoseconds since the epoch.
pub(super) fn now() -> i128 {
    let nanoseconds = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => nanoseconds(since),
        Err(before) => -nanoseconds(before.duration()),
    }
}

/// Whether a change after `read_at` (nanoseconds since the epoch, before the
/// reading began) is certain to change the identity.
///
/// Only the time of the inode's change is judged: whatever changes a content
/// sets it, and a file that claims to be from the future is kept like another.
pub(super) fn is_settled(identity: &FileIdentity, read_at: i128) -> bool {
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
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;

    /// Watches `a/b` without any sibling until the folder alone is trusted to
    /// tell, then has one come.
    fn check_comes(prepare: impl Fn(&Path), come: impl Fn(&Path), is_trusted: bool) {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir(home.join("real")).unwrap();
        symlink("real", home.join("a")).unwrap();
        fs::write(home.join("a/b"), "b").unwrap();
        prepare(home);
        let root = Root::open(home).unwrap();
        let folder = || root.folder_identity(Some(c"a")).unwrap();
        while !is_settled(&folder(), now()) {
            std::thread::yield_now();
        }
        let file = root.identity(c"a/b").unwrap();
        let paths = Paths::new(b"a/b").unwrap();
        let watch = Watch::new(paths, file, Siblings::default(), Turn(0));
        assert!(watch.holds(&root, true, Turn(1)));
        let known = watch.absence.folder.load(Relaxed);
        assert_eq!(known == fingerprint(&folder()), is_trusted);
        assert!(watch.holds(&root, true, Turn(2)));
        assert_eq!(watch.absence.named.load(Relaxed) == 1, is_trusted);
        come(home);
        assert!(!watch.holds(&root, true, Turn(3)));
        // The file itself is what it was.
        assert!(watch.holds(&root, false, Turn(3)));
    }

    #[test]
    fn a_sibling_that_comes_is_seen_at_once() {
        let nothing = |_: &Path| {};
        for name in ["a/b.br", "a/b.zst", "a/b.gz"] {
            check_comes(
                nothing,
                |home| fs::write(home.join(name), "").unwrap(),
                true,
            );
        }
        let other = |home: &Path| fs::write(home.join("c"), "").unwrap();
        check_comes(
            other,
            |home| fs::rename(home.join("c"), home.join("a/b.gz")).unwrap(),
            true,
        );
        check_comes(
            other,
            |home| fs::hard_link(home.join("c"), home.join("a/b.gz")).unwrap(),
            true,
        );
        // The folder itself is exchanged.
        check_comes(
            |home| {
                fs::create_dir(home.join("new")).unwrap();
                fs::hard_link(home.join("a/b"), home.join("new/b")).unwrap();
                fs::write(home.join("new/b.br"), "").unwrap();
            },
            |home| {
                fs::remove_file(home.join("a")).unwrap();
                symlink("new", home.join("a")).unwrap();
            },
            true,
        );
        // What its folder cannot tell of: links to nothing, another kind.
        check_comes(
            |home| symlink("../c", home.join("a/b.gz")).unwrap(),
            other,
            false,
        );
        check_comes(
            |home| fs::create_dir(home.join("a/b.gz")).unwrap(),
            |home| {
                fs::remove_dir(home.join("a/b.gz")).unwrap();
                fs::write(home.join("a/b.gz"), "").unwrap();
            },
            false,
        );
    }

    #[test]
    fn a_sibling_is_seen_in_the_end_though_none_is_accepted() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("b"), "b").unwrap();
        let root = Root::open(home.path()).unwrap();
        let file = root.identity(c"b").unwrap();
        let paths = Paths::new(b"b").unwrap();
        let watch = Watch::new(paths, file, Siblings::default(), Turn(0));
        fs::write(home.path().join("b.br"), "b").unwrap();
        assert!(watch.holds(&root, false, Turn(UNASKED_NANOSECONDS - 1)));
        assert!(!watch.holds(&root, false, Turn(UNASKED_NANOSECONDS)));
    }

    #[test]
    fn names_are_looked_up_again_after_a_second() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("b"), "b").unwrap();
        let root = Root::open(home.path()).unwrap();
        while !is_settled(&root.folder_identity(None).unwrap(), now()) {
            std::thread::yield_now();
        }
        let file = root.identity(c"b").unwrap();
        let paths = Paths::new(b"b").unwrap();
        let watch = Watch::new(paths, file, Siblings::default(), Turn(0));
        let checked = |turn| {
            assert!(watch.holds(&root, true, Turn(turn)));
            watch.absence.named.load(Relaxed)
        };
        assert_eq!(checked(1), 1);
        assert_eq!(checked(NAMES_NANOSECONDS), 1);
        let later = NAMES_NANOSECONDS + 1;
        assert_eq!(checked(later), later);
    }

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
            let identity = FileIdentity {
                inode: (1, 1),
                size: 1,
                mtime: i128::MAX,
                ctime,
            };
            assert_eq!(is_settled(&identity, read_at), settled, "{ctime} {read_at}");
        }
    }
}
