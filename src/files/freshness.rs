//! Freshness: whether a cached file still matches the disk.

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

/// How long a file may be served through a link that leaves the root, in nanoseconds: 10 s. If a
/// folder is moved out of the root and replaced by a link to it, the identity of a file in it does
/// not change, so one `stat` does not detect this; a confined open costs three times as much.
const PATH_UNCHECKED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// The identities of a cached file and its variants, and when they were last checked.
///
/// The two are checked separately, so a request that accepts no coding does not pay for variants.
#[derive(Debug)]
pub(super) struct Freshness {
    paths: Paths,
    file: FileIdentity,
    variants: Vec<(ContentCoding, FileIdentity)>,
    /// The latest turn in which `file` was found unchanged. The check of one worker is valid for
    /// all workers whose turn is not later.
    file_checked: AtomicU64,
    /// The same for `variants`.
    variants_checked: AtomicU64,
    /// The latest turn in which their paths were found to stay under the root.
    path_checked: AtomicU64,
    absent_variants: AbsentVariants,
}

/// State to confirm the absence of variants by one `stat` of their folder instead of one per name.
#[derive(Debug)]
struct AbsentVariants {
    /// The [`fingerprint`] of the folder's identity when none of the names existed and any later
    /// change was certain to show; 0 if unknown.
    folder: AtomicU64,
    /// The turn in which the names themselves were last looked up.
    named: AtomicU64,
}

impl Freshness {
    /// Starts with identities that were read in `turn` or later.
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
            variants: found,
            file_checked: AtomicU64::new(turn.0),
            variants_checked: AtomicU64::new(turn.0),
            path_checked: AtomicU64::new(turn.0),
            absent_variants: AbsentVariants {
                folder: AtomicU64::new(folder),
                named: AtomicU64::new(turn.0),
            },
        }
    }

    /// Checks, at most once per turn, whether the file is unchanged, and its variants if
    /// `with_variants`. Variants are checked every minute in any case, because their existence
    /// determines `Vary`.
    pub(super) fn revalidate(&self, root: &Root, with_variants: bool, turn: Turn) -> bool {
        let age = turn.0.saturating_sub(self.variants_checked.load(Relaxed));
        self.revalidate_file(root, turn)
            && ((!with_variants && age < VARIANTS_UNCHECKED_NANOSECONDS_MAX)
                || self.revalidate_variants(root, turn))
    }

    /// When the file was last checked.
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

    /// Checks, every few seconds, that no link on the paths leaves the root. Without a free
    /// descriptor for the check, the last result stands.
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
        let holds = is_beneath(self.paths.file(), self.file)
            && self.variants.iter().all(|&(coding, expected)| {
                (self.paths).with_variant_path(coding, |path| is_beneath(path, expected))
            });
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
        let mut variants = self.variants.iter();
        variants.all(|&(coding, before)| self.variant(root, coding) == Some(before))
    }

    fn variant(&self, root: &Root, coding: ContentCoding) -> Option<FileIdentity> {
        self.paths
            .with_variant_path(coding, |path| root.identity(path))
    }

    /// The codings without a variant.
    fn absent(&self) -> impl Iterator<Item = ContentCoding> {
        let is_absent = |coding: &ContentCoding| self.variants.iter().all(|(is, _)| is != coding);
        ContentCoding::ALL.into_iter().filter(is_absent)
    }

    fn revalidate_absent(&self, root: &Root, turn: Turn) -> bool {
        let are_absent = || {
            let mut absent = self.absent();
            absent.all(|coding| self.variant(root, coding).is_none())
        };
        if self.absent().nth(1).is_none() {
            // Checking one name costs no more than checking the folder.
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
        // The folder is checked before the names, so that a later addition changes it.
        let (now, folder) = (now(), look());
        if !are_absent() {
            return false;
        }
        // The target of a dangling link may appear without a change to the folder.
        let trusted = folder.filter(|folder| is_cacheable(folder, now));
        let is_vacant = |coding| {
            self.paths
                .with_variant_path(coding, |path| root.is_vacant(path))
        };
        let trusted = trusted.filter(|_| self.absent().all(is_vacant));
        let known = trusted.as_ref().map_or(0, fingerprint);
        self.absent_variants.folder.store(known, Relaxed);
        self.absent_variants.named.fetch_max(turn.0, Relaxed);
        true
    }

    /// Memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let variants = self.variants.capacity() * size_of::<(ContentCoding, FileIdentity)>();
        self.paths.memory_bytes() + variants
    }
}

/// A 64-bit hash, the same in every process of one build.
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
