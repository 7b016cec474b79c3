//! Entity tags (RFC 9110 section 8.8.3).

use super::content_coding::ContentCoding;

/// A strong entity tag made from what a file is: its size and the time of its
/// last modification in nanoseconds, and the coding of the variant. The same
/// file has the same tag on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag {}

impl EntityTag {
    /// The tag of a representation of `size` bytes, last modified at
    /// `mtime_nanoseconds` since the epoch, in `coding`.
    pub fn new(size: u64, mtime_nanoseconds: i128, coding: Option<ContentCoding>) -> EntityTag {
        let _ = (size, mtime_nanoseconds, coding);
        todo!()
    }

    /// The tag as it is sent, quotes included.
    pub fn as_bytes(&self) -> &[u8] {
        todo!()
    }
}
