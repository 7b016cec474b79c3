//! Freshness: whether a cached file still matches the disk.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    Turn,
    no_variants::FoundVariants,
    paths::Paths,
    root::{FileIdentity, Root},
};
use crate::http::content_coding::ContentCoding;

/// The minimum time between the last change of a file and reading it for the cache, in nanoseconds:
/// 20 ms.
///
/// The system clock for timestamps ticks every 1 to 10 ms. A file that changes, is read and changes
/// again within one tick has the same timestamps after the second change, which would go unnoticed.
const CACHEABLE_AGE_NANOSECONDS_MIN: i128 = 20_000_000;

/// The same for file systems with timestamps in units of one or two seconds.
const CACHEABLE_AGE_COARSE_NANOSECONDS_MIN: i128 = 2_100_000_000;

/// How long an unchanged folder is taken to mean that no variant was added, in nanoseconds: 1 s,
/// after which every name is looked up again. On some file systems new names do not change the
/// folder.
const FOLDER_TRUSTED_NANOSECONDS_MAX: u64 = 1_000_000_000;

/// How long added or removed variants may go unnoticed if no client accepts one, in nanoseconds: a
/// minute. Checking every second would cost a third of the throughput when 10,000 files are
/// requested one after another.
const VARIANTS_UNCHECKED_NANOSECONDS_MAX: u64 = 60_000_000_000;

/// How long changes may go unnoticed that do not change the identity of a file, in nanoseconds:
/// 10 s. There are two: a link on its path comes to lead out of the root, but to the same file, as
/// when its folder is moved out and replaced by a link to it; or its content is modified through
/// mmap(2), or that of another image with fixed times, mounted in place of the first. No `stat`
/// detects them; opening the file anew, confined to the root, costs three times as much, and
/// reading it more.
const REOPENED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// The identities of a cached file and its variants, and when they were last checked.
///
/// The two are checked separately, so a request that accepts no coding does not pay for variants.
#[derive(Debug)]
pub(super) struct Freshness {
    pub(super) paths: Paths,
    pub(super) file: FileIdentity,
    /// Each that exists, whether or not it can be served.
    pub(super) variants: FoundVariants,
    /// The latest turn in which `file` was found unchanged. The check of one worker is valid for
    /// all workers whose turn is not later.
    file_checked: AtomicU64,
    /// The same for `variants`.
    variants_checked: AtomicU64,
    /// The latest turn in which they were opened anew and found unchanged.
    reopened: AtomicU64,
    /// The turn in which the names of absent variants were last looked up.
    absence_checked: AtomicU64,
    /// The [`fingerprint`] of the folder's identity when none of these names existed and any later
    /// change was certain to show; 0 if unknown. While it holds, one `stat` of the folder confirms
    /// that they are absent.
    folder: AtomicU64,
}

impl Freshness {
    /// Starts with identities that were read in `turn` or later.
    pub(super) fn new(
        paths: Paths,
        file: FileIdentity,
        variants: FoundVariants,
        turn: Turn,
    ) -> Freshness {
        Freshness {
            paths,
            file,
            variants,
            file_checked: AtomicU64::new(turn.0),
            variants_checked: AtomicU64::new(turn.0),
            reopened: AtomicU64::new(turn.0),
            absence_checked: AtomicU64::new(turn.0),
            folder: AtomicU64::new(0),
        }
    }

    /// Whether a variant in `coding` exists.
    pub(super) fn has_variant(&self, coding: ContentCoding) -> bool {
        let mut variants = self.variants.iter();
        variants.any(|(is, variant)| *is == coding && variant.is_variant_of(&self.file))
    }

    /// Checks, at most once per turn, whether the file is unchanged, and its variants if
    /// `with_variants`. Variants are checked every minute in any case, because their existence
    /// determines `Vary`. `reopen` opens the files anew, and tells whether they are unchanged; it is
    /// called every ten seconds.
    pub(super) fn revalidate(
        &self,
        root: &Root,
        with_variants: bool,
        turn: Turn,
        reopen: impl FnOnce() -> bool,
    ) -> bool {
        if age(&self.file_checked, turn) > 0 {
            if root.identity(self.paths.file()) != Some(self.file) {
                return false;
            }
            if age(&self.reopened, turn) >= REOPENED_NANOSECONDS_MAX {
                if !reopen() {
                    return false;
                }
                self.reopened.fetch_max(turn.0, Relaxed);
            }
            self.file_checked.fetch_max(turn.0, Relaxed);
        }
        let unchecked = age(&self.variants_checked, turn);
        if unchecked >= VARIANTS_UNCHECKED_NANOSECONDS_MAX || with_variants && unchecked > 0 {
            let mut variants = self.variants.iter();
            let hold = variants.all(|&(coding, before)| self.variant(root, coding) == Some(before))
                && self.revalidate_absent(root, turn);
            if !hold {
                return false;
            }
            self.variants_checked.fetch_max(turn.0, Relaxed);
        }
        true
    }

    /// When the file was last checked.
    pub(super) fn checked(&self) -> Turn {
        Turn(self.file_checked.load(Relaxed))
    }

    fn variant(&self, root: &Root, coding: ContentCoding) -> Option<FileIdentity> {
        self.paths.with_variant(coding, |path| root.identity(path))
    }

    /// The codings without a variant.
    fn absent(&self) -> impl Iterator<Item = ContentCoding> {
        let is_absent = |coding: &ContentCoding| self.variants.iter().all(|(is, _)| is != coding);
        ContentCoding::ALL.into_iter().filter(is_absent)
    }

    fn revalidate_absent(&self, root: &Root, turn: Turn) -> bool {
        if self.absent().nth(1).is_none() {
            // Checking one name costs no more than checking the folder.
            let mut absent = self.absent();
            return absent.all(|coding| self.variant(root, coding).is_none());
        }
        let look = || root.folder_identity(self.paths.folder());
        let known = self.folder.load(Relaxed);
        if known != 0
            && age(&self.absence_checked, turn) < FOLDER_TRUSTED_NANOSECONDS_MAX
            && look().as_ref().map(fingerprint) == Some(known)
        {
            return true;
        }
        // The folder is checked before the names, so that a later addition changes it.
        let (now, folder) = (now(), look());
        let mut are_vacant = true;
        for coding in self.absent() {
            // The target of a dangling link may appear without a change to the folder.
            if !(self.paths).with_variant(coding, |path| root.is_vacant(path)) {
                are_vacant = false;
                if self.variant(root, coding).is_some() {
                    return false;
                }
            }
        }
        let trusted = folder.filter(|folder| are_vacant && is_cacheable(folder, now));
        let known = trusted.as_ref().map_or(0, fingerprint);
        self.folder.store(known, Relaxed);
        self.absence_checked.fetch_max(turn.0, Relaxed);
        true
    }

    /// Memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let variants = self.variants.capacity() * size_of::<(ContentCoding, FileIdentity)>();
        self.paths.file().to_bytes_with_nul().len() + variants
    }
}

/// A 64-bit hash, the same in every process of one build.
fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Nanoseconds from `checked`, a turn, to `turn`.
fn age(checked: &AtomicU64, turn: Turn) -> u64 {
    turn.0.saturating_sub(checked.load(Relaxed))
}

/// Nanoseconds since the epoch. Before it, the least of all numbers: nothing is cacheable then.
pub(super) fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(i128::MIN, |since| since.as_nanos().cast_signed())
}

/// Whether any change after `read_at` (before reading started, in nanoseconds since the epoch) is
/// certain to change the identity.
///
/// Depends only on the ctime, which every change of the content updates, so a file with an mtime in
/// the future is cached like any other.
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
