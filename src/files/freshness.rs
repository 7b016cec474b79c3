//! Whether what is kept of a file is still what lies on the disk.

use std::{
    ffi::CStr,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Refusal, Turn,
    no_variants::FoundVariants,
    paths::Paths,
    root::{FileIdentity, Opened, Root},
};
use crate::http::content_coding::{ContentCoding, PerCoding};

/// How long before it was read a file must have changed last to be kept, in
/// nanoseconds: 20 ms.
///
/// The system stamps changes with a clock that ticks every 1 to 10 ms. A file
/// that changed, was read and changed again within one tick looks the same
/// after the second change, so what was read of it says nothing about later.
const CACHEABLE_AGE_NANOSECONDS_MIN: i128 = 20_000_000;

/// The same on a file system that stamps whole seconds or pairs of them.
const CACHEABLE_AGE_COARSE_NANOSECONDS_MIN: i128 = 2_100_000_000;

/// How long the change of a folder alone is trusted to tell that something was
/// put into it, in nanoseconds: a second, after which every name is looked up
/// again. There are file systems on which it does not tell.
const FOLDER_TRUSTED_NANOSECONDS_MAX: u64 = 1_000_000_000;

/// How long variants may come or go unnoticed as long as no client accepts one,
/// in nanoseconds: a minute. To look every second would cost 10,000 files that
/// are asked for one after another a third of their requests.
const VARIANTS_UNCHECKED_NANOSECONDS_MAX: u64 = 60_000_000_000;

/// How long a file may be served from behind a link that leads out of the root,
/// in nanoseconds: 10 s. If a folder is moved out of the root and a link to it
/// put in its place, the identity of a file in it stays what it was, so that one
/// `stat` shows nothing; to walk the way to the file costs three times as much.
const PATH_UNCHECKED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// A file and its variants as they were when they were read, and when that was
/// last found to hold.
///
/// The two are checked apart: who accepts no coding does not pay for variants.
#[derive(Debug)]
pub(super) struct Freshness {
    paths: Paths,
    file: FileIdentity,
    /// `None` where there was none.
    variants: Option<Box<PerCoding<Option<FileIdentity>>>>,
    /// The latest turn in which `file` was found to hold. A check made by one
    /// worker serves all whose turn began before it.
    file_checked: AtomicU64,
    /// The same for `variants`.
    variants_checked: AtomicU64,
    /// The latest turn in which the way to them was found to lie beneath the root.
    path_checked: AtomicU64,
    absent_variants: AbsentVariants,
}

/// How it is known that some variants are not there, for one look at their
/// folder instead of one at each name.
#[derive(Debug)]
struct AbsentVariants {
    /// The [`fingerprint`] of the folder's identity when nothing lay at these
    /// names and any later change was certain to show; 0 where that is not
    /// known.
    folder: AtomicU64,
    /// The turn in which the names themselves were last looked up.
    named: AtomicU64,
}

impl Freshness {
    /// A watch over what was found in `turn` or later.
    pub(super) fn new(
        paths: Paths,
        file: FileIdentity,
        variants: FoundVariants,
        turn: Turn,
    ) -> Freshness {
        let FoundVariants { found, folder } = variants;
        Freshness {
            paths,
            file,
            variants: found.iter().any(Option::is_some).then(|| Box::new(found)),
            file_checked: AtomicU64::new(turn.0),
            variants_checked: AtomicU64::new(turn.0),
            path_checked: AtomicU64::new(turn.0),
            absent_variants: AbsentVariants {
                folder: AtomicU64::new(folder),
                named: AtomicU64::new(turn.0),
            },
        }
    }

    /// Whether the file, and where asked for its variants, are what they were:
    /// looked up at most once a turn. The variants are looked up every minute
    /// even where nobody accepts one, for `Vary` tells that they are there.
    pub(super) fn revalidate(&self, root: &Root, with_variants: bool, turn: Turn) -> bool {
        let age = turn.0.saturating_sub(self.variants_checked.load(Relaxed));
        self.revalidate_file(root, turn)
            && ((!with_variants && age < VARIANTS_UNCHECKED_NANOSECONDS_MAX)
                || self.revalidate_variants(root, turn))
    }

    /// The turn in which the file was last looked at.
    pub(super) fn checked(&self) -> Turn {
        Turn(self.file_checked.load(Relaxed))
    }

    fn revalidate_file(&self, root: &Root, turn: Turn) -> bool {
        if self.file_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let holds = root.identity(self.paths.file()) == Some(self.file);
        if holds && self.revalidate_path(root, turn) {
            self.file_checked.fetch_max(turn.0, Relaxed);
            return true;
        }
        false
    }

    /// Whether no link on the way to them leads out of the root, looked up every
    /// few seconds. Where there is no descriptor to find out with, it is as good
    /// as before.
    fn revalidate_path(&self, root: &Root, turn: Turn) -> bool {
        if turn.0.saturating_sub(self.path_checked.load(Relaxed)) < PATH_UNCHECKED_NANOSECONDS_MAX {
            return true;
        }
        let is_beneath = |path: &CStr, expected: FileIdentity| {
            let opened = root.open_beneath(path.to_bytes());
            match opened.map_err(Refusal::from) {
                Ok(opened) => matches!(opened, Opened::File(_, found) if found == expected),
                Err(refusal) => matches!(refusal, Refusal::Exhausted(_)),
            }
        };
        let mut variants =
            (self.variants.iter()).flat_map(|all| ContentCoding::ALL.into_iter().zip(**all));
        let are_beneath = variants.all(|(coding, variant)| {
            let is = |expected| {
                (self.paths).with_variant_path(coding, |path| is_beneath(path, expected))
            };
            variant.is_none_or(is)
        });
        let holds = are_beneath && is_beneath(self.paths.file(), self.file);
        if holds {
            self.path_checked.fetch_max(turn.0, Relaxed);
        }
        holds
    }

    fn revalidate_variants(&self, root: &Root, turn: Turn) -> bool {
        if self.variants_checked.load(Relaxed) >= turn.0 {
            return true;
        }
        let hold = self.present_unchanged(root) && self.revalidate_absent(root, turn);
        if hold {
            self.variants_checked.fetch_max(turn.0, Relaxed);
        }
        hold
    }

    fn present_unchanged(&self, root: &Root) -> bool {
        let Some(variants) = &self.variants else {
            return true;
        };
        ContentCoding::ALL.into_iter().all(|coding| {
            let before = variants[coding as usize];
            before.is_none() || self.variant(root, coding) == before
        })
    }

    fn variant(&self, root: &Root, coding: ContentCoding) -> Option<FileIdentity> {
        self.paths
            .with_variant_path(coding, |path| root.identity(path))
    }

    /// The codings in which there was no file.
    fn absent(&self) -> impl Iterator<Item = ContentCoding> {
        let variants = self.variants.as_deref();
        ContentCoding::ALL
            .into_iter()
            .filter(move |coding| variants.is_none_or(|all| all[*coding as usize].is_none()))
    }

    fn revalidate_absent(&self, root: &Root, turn: Turn) -> bool {
        let are_absent = || {
            let mut absent = self.absent();
            absent.all(|coding| self.variant(root, coding).is_none())
        };
        if self.absent().nth(1).is_none() {
            // One name costs no more than their folder.
            return are_absent();
        }
        let look = || {
            self.paths
                .with_folder_path(|path| root.folder_identity(path))
        };
        let known = self.absent_variants.folder.load(Relaxed);
        let age = turn
            .0
            .saturating_sub(self.absent_variants.named.load(Relaxed));
        if known != 0
            && age < FOLDER_TRUSTED_NANOSECONDS_MAX
            && look().as_ref().map(fingerprint) == Some(known)
        {
            return true;
        }
        // Before the names, so that whatever comes to them later changes it.
        let (now, folder) = (now(), look());
        if !are_absent() {
            return false;
        }
        // A link that leads nowhere may come to lead somewhere.
        let tells = folder.filter(|folder| is_cacheable(folder, now));
        let is_vacant = |coding| {
            self.paths
                .with_variant_path(coding, |path| root.is_vacant(path))
        };
        let tells = tells.filter(|_| self.absent().all(is_vacant));
        let known = tells.as_ref().map_or(0, fingerprint);
        self.absent_variants.folder.store(known, Relaxed);
        self.absent_variants.named.fetch_max(turn.0, Relaxed);
        true
    }

    /// Bytes of memory it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let variants = self.variants.as_deref().map_or(0, size_of_val);
        self.paths.memory_bytes() + variants
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
pub(super) fn is_cacheable(identity: &FileIdentity, read_at: i128) -> bool {
    let whole_seconds = identity.ctime.rem_euclid(1_000_000_000) == 0;
    let age = read_at.saturating_sub(identity.ctime);
    age >= if whole_seconds {
        CACHEABLE_AGE_COARSE_NANOSECONDS_MIN
    } else {
        CACHEABLE_AGE_NANOSECONDS_MIN
    }
}

#[cfg(test)]
mod tests;
