//! Byte ranges (RFC 9110 section 14).

/// A span of bytes, first and last included, within its representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
}

impl ByteRange {
    /// The number of bytes; never zero.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a `Range` field asks of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Nothing valid, or more than a server should do: send all of it.
    Whole,
    /// 416: no range overlaps it.
    Unsatisfiable,
    /// One range: 206.
    Single(ByteRange),
    /// Several: 206 as multipart/byteranges.
    Multiple(Vec<ByteRange>),
}

/// Resolves the value of `Range` against a representation of `length` bytes.
pub fn resolve(value: &[u8], length: u64) -> RangeOutcome {
    let _ = (value, length);
    todo!()
}
