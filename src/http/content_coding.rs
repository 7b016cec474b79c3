//! Content codings and what `Accept-Encoding` says of them
//! (RFC 9110 sections 8.4.1 and 12.5.3).

use super::headers::Lines;

/// A coding in which a file may lie beside its original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// `br`, in a sibling ending in `.br`.
    Brotli,
    /// `zstd`, in a sibling ending in `.zst`.
    Zstd,
    /// `gzip` (and `x-gzip`), in a sibling ending in `.gz`.
    Gzip,
}

impl ContentCoding {
    /// All, the one preferred among equals first.
    pub const ALL: [ContentCoding; 3] = [
        ContentCoding::Brotli,
        ContentCoding::Zstd,
        ContentCoding::Gzip,
    ];

    /// The name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        todo!()
    }

    /// The ending of the sibling's file name, dot included.
    pub fn suffix(self) -> &'static str {
        todo!()
    }
}

/// What a request accepts: a quality from 0 to 1000 for each coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {}

impl AcceptEncoding {
    /// Accepts the identity alone: the field is absent.
    pub const IDENTITY: AcceptEncoding = AcceptEncoding {};

    /// Reads the field's lines. A malformed element is ignored.
    pub fn parse(lines: Lines<'_>) -> AcceptEncoding {
        let _ = lines;
        todo!()
    }

    /// Whether any coding other than the identity is accepted.
    pub fn accepts_any(self) -> bool {
        todo!()
    }

    /// The best of the variants there are: `has(coding)` tells which lie
    /// beside the original. `Ok(None)` is the identity; `Err` when nothing
    /// there is acceptable (RFC 9110 section 12.5.3: serve the identity all
    /// the same, or 406: the caller decides).
    pub fn choose(
        self,
        has: impl Fn(ContentCoding) -> bool,
    ) -> Result<Option<ContentCoding>, NoneAcceptable> {
        let _ = has;
        todo!()
    }
}

/// No representation at hand is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneAcceptable;
