//! One representation of a file: its content and metadata.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    content::{Content, LoadedContent},
    root::FileIdentity,
};
use crate::http::{
    content_coding::ContentCoding,
    date::HttpDate,
    response::{ReadyFields, RepresentationFields},
};

/// One representation of a resource: its content and metadata.
#[derive(Debug)]
pub struct Representation {
    /// Its identity on disk.
    pub identity: FileIdentity,
    /// The date for conditional requests: `Last-Modified`, never later than the time of loading.
    /// `None` for files from before 1970, and if the mtime does not distinguish versions.
    pub last_modified: Option<HttpDate>,
    /// Its `Content-Type`: that of the original, whatever the coding.
    pub content_type: Arc<str>,
    /// Its serialized header lines.
    pub fields: ReadyFields,
    /// Its content.
    pub content: Content,
}

impl Representation {
    /// Adds the metadata to a loaded content. `content_type` is that of the original, `coding` that
    /// of this variant, `varies` tells whether variants exist, and `now` is in nanoseconds since
    /// the epoch.
    pub(super) fn new(
        body: LoadedContent,
        content_type: Arc<str>,
        coding: Option<ContentCoding>,
        varies: bool,
        cache_control: &str,
        now: i128,
    ) -> Representation {
        let LoadedContent {
            content, identity, ..
        } = body;
        let last_modified = last_modified(identity.mtime, now);
        let fields = ReadyFields::new(&RepresentationFields {
            content_type: &content_type,
            content_coding: coding,
            content_length: identity.size,
            version: version(&identity, &content),
            last_modified,
            cache_control,
            varies,
        });
        Representation {
            identity,
            last_modified: last_modified.filter(|_| !is_constant(identity.mtime)),
            content_type,
            fields,
            content,
        }
    }
}

/// The times that package stores and reproducible archives give all files, in seconds since the
/// epoch: its first two, the first that ZIP can express (1980-01-01), and npm's (1985-10-26 08:15).
const CONSTANT_MTIMES_SECONDS: [i128; 4] = [0, 1, 315_532_800, 499_162_500];

/// Whether the `mtime` carries no information, as it is that of all files.
fn is_constant(mtime: i128) -> bool {
    CONSTANT_MTIMES_SECONDS.contains(&mtime.div_euclid(1_000_000_000))
}

/// The version number in the entity tag, if possible the same on every replica. For a file that was
/// read into memory it is a hash of mtime and content, because one mtime may stand for two contents:
/// the system sets it before the bytes are written, and many programs preserve it when copying. The
/// hash function is specified, so all builds and machines agree. For a larger file it is the mtime
/// alone, or, if that carries no information, the ctime, in which replicas differ.
fn version(identity: &FileIdentity, content: &Content) -> i128 {
    match content {
        // 64 bits of nanoseconds reach the year 2554.
        Content::Memory(bytes) => i128::from(xxh3_64_with_seed(bytes, identity.mtime as u64)),
        Content::File(_) if is_constant(identity.mtime) => identity.ctime,
        Content::File(_) => identity.mtime,
    }
}

/// The `Last-Modified` of a file modified at `mtime`, sent at `now`, both in nanoseconds since the
/// epoch.
///
/// RFC 9110 section 8.8.2.1: never later than the message's `Date`, so a time in the future becomes
/// the present. Files from before 1970 have no `Last-Modified`, only the entity tag.
fn last_modified(mtime: i128, now: i128) -> Option<HttpDate> {
    let seconds = mtime.min(now).div_euclid(1_000_000_000);
    let seconds = i64::try_from(seconds).ok()?;
    (seconds >= 0).then(|| HttpDate::from_unix_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_large_files_with_a_constant_mtime_use_the_ctime() {
        const S: i128 = 1_000_000_000;
        for (mtime, expected) in [
            (-1, -1),
            (0, 7 * S),
            (S, 7 * S),
            (2 * S - 1, 7 * S),
            (2 * S, 2 * S),
            (9 * S, 9 * S),
            (315_532_800 * S, 7 * S),
            (499_162_500 * S - 1, 499_162_500 * S - 1),
            (499_162_500 * S, 7 * S),
            (499_162_501 * S - 1, 7 * S),
            (499_162_501 * S, 499_162_501 * S),
        ] {
            let identity = FileIdentity {
                inode: (1, 1),
                size: 1,
                mtime,
                ctime: 7 * S,
            };
            let file = Content::File(tempfile::tempfile().unwrap());
            assert_eq!(version(&identity, &file), expected, "{mtime}");
        }
    }

    #[test]
    fn versions_of_files_in_memory_depend_on_mtime_and_content() {
        let version = |mtime, inode, content: &[u8]| {
            let identity = FileIdentity {
                inode: (1, inode),
                size: content.len() as u64,
                mtime,
                ctime: i128::from(inode),
            };
            version(&identity, &Content::Memory(content.into()))
        };
        let first = version(5, 1, b"one");
        // From another implementation of XXH3.
        assert_eq!(first, 0x26dc_a19b_af9d_bda6);
        assert_eq!(version(-7, 1, &[b'c'; 32 << 10]), 0xee16_ec48_acae_ff4f);
        assert_eq!(version(5, 2, b"one"), first, "a copy on a replica");
        assert_ne!(version(5, 1, b"two"), first);
        assert_ne!(version(6, 1, b"one"), first);
    }

    #[test]
    fn last_modified_is_neither_of_the_future_nor_before_the_epoch() {
        const S: i128 = 1_000_000_000;
        let now = 1_800_000_000 * S + 5;
        for (mtime, expected) in [
            (0, Some(0)),
            (1, Some(0)),
            (S - 1, Some(0)),
            (S, Some(1)),
            (-1, None),
            (-S, None),
            (i128::from(i64::MIN) * S, None),
            (now, Some(1_800_000_000)),
            (now + 1, Some(1_800_000_000)),
            (now + 3600 * S, Some(1_800_000_000)),
            (i128::from(i64::MAX) * S, Some(1_800_000_000)),
        ] {
            let seconds = last_modified(mtime, now).map(HttpDate::unix_seconds);
            assert_eq!(seconds, expected, "{mtime}");
        }
        assert!(last_modified(now, -S).is_none(), "a clock before 1970");
    }
}
