//! Byte ranges (RFC 9110 section 14).

use super::headers::digits;

/// An inclusive range of bytes within a representation.
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

    /// Whether the two overlap or are adjacent.
    fn touches(self, other: ByteRange) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }

    fn union(self, other: ByteRange) -> ByteRange {
        ByteRange {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// Ranges in one request, counted before merging. With more, `Range` is ignored and the whole
/// representation is sent (section 14.2 allows it): many small parts cost more than the whole.
pub const RANGES_MAX: usize = 32;

/// What to send for a `Range` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// The field is invalid or excessive: send the whole representation.
    Whole,
    /// 416: no range is satisfiable.
    Unsatisfiable,
    /// One range: 206.
    Single(ByteRange),
    /// Several: 206 as multipart/byteranges, neither overlapping nor adjacent, in the requested
    /// order.
    Multiple(Vec<ByteRange>),
}

/// Resolves the value of `Range` against a representation of `length` bytes.
///
/// The grammar is that of sections 14.1.1 and 14.1.2, strictly: with another unit, or anything
/// malformed, the field is ignored. Unsatisfiable ranges are dropped if others are satisfiable;
/// overlapping and adjacent ones are merged (section 15.3.7.2) at the position of the first.
pub fn resolve(value: &[u8], length: u64) -> RangeOutcome {
    resolve_valid(value, length).unwrap_or(RangeOutcome::Whole)
}

/// The same; `None` if the field is to be ignored.
fn resolve_valid(value: &[u8], length: u64) -> Option<RangeOutcome> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    if !set.contains(&b',') {
        // The usual case, without a list to allocate.
        let range = select(set.trim_ascii(), length)?;
        return Some(range.map_or(RangeOutcome::Unsatisfiable, RangeOutcome::Single));
    }
    let mut ranges = Vec::new();
    let mut specs = 0;
    for element in set.split(|&byte| byte == b',') {
        let spec = element.trim_ascii();
        // Empty list elements are ignored (section 5.6.1.2).
        if spec.is_empty() {
            continue;
        }
        specs += 1;
        if specs > RANGES_MAX {
            return None;
        }
        if let Some(range) = select(spec, length)? {
            merge(&mut ranges, range);
        }
    }
    match *ranges {
        _ if specs == 0 => None,
        [] => Some(RangeOutcome::Unsatisfiable),
        [range] => Some(RangeOutcome::Single(range)),
        _ => Some(RangeOutcome::Multiple(ranges)),
    }
}

/// Adds `range`, joined with all that it touches at the place of the first of them.
fn merge(ranges: &mut Vec<ByteRange>, range: ByteRange) {
    let first = ranges.iter().position(|other| other.touches(range));
    let place = first.unwrap_or(ranges.len());
    let touched = ranges.extract_if(place.., |other| other.touches(range));
    let joined = touched.fold(range, ByteRange::union);
    ranges.insert(place, joined);
}

/// The range that one `range-spec` selects from `length` bytes: `Some(None)` if it is
/// unsatisfiable, `None` if the field is to be ignored.
///
/// Numbers beyond 64 bits saturate; `first > last` is still detected by comparing the digits.
fn select(spec: &[u8], length: u64) -> Option<Option<ByteRange>> {
    let dash = spec.iter().position(|&byte| byte == b'-')?;
    let (first, last) = match (&spec[..dash], &spec[dash + 1..]) {
        // `"-" suffix-length`
        (b"", suffix) => match number(suffix)? {
            // A suffix of an empty representation is satisfiable by section 14.1.2, but
            // `Content-Range` cannot express it.
            1.. if length == 0 => return None,
            suffix => (length.saturating_sub(suffix), u64::MAX),
        },
        // `first-pos "-" [ last-pos ]`, where last is never less than first.
        (first, b"") => (number(first)?, u64::MAX),
        (first, last) if magnitude(first) <= magnitude(last) => (number(first)?, number(last)?),
        _ => return None,
    };
    // Section 14.1.2: satisfiable if it starts before the end; a non-empty suffix always does.
    let last = last.min(length.saturating_sub(1));
    Some((first < length).then_some(ByteRange { first, last }))
}

/// A key that orders digit strings of any length by value.
fn magnitude(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

/// `1*DIGIT`, saturating.
fn number(text: &[u8]) -> Option<u64> {
    Some(digits(text)?.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
