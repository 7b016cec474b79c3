//! Byte ranges (RFC 9110 section 14).

use super::headers::digits;

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

    /// Whether the two overlap or follow on each other without a gap.
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

/// The most ranges one request may ask for, before any are merged. With more,
/// `Range` is ignored and all is sent (section 14.2 allows it): so many small
/// parts serve no reader, and they cost more than the whole.
pub const RANGES_MAX: usize = 32;

/// What a `Range` field asks of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Nothing valid, or more than a server should do: send all of it.
    Whole,
    /// 416: no range overlaps it.
    Unsatisfiable,
    /// One range: 206.
    Single(ByteRange),
    /// Several: 206 as multipart/byteranges. They neither overlap nor touch,
    /// and stand in the order in which they were asked for.
    Multiple(Vec<ByteRange>),
}

/// Resolves the value of `Range` against a representation of `length` bytes.
///
/// The grammar is that of sections 14.1.1 and 14.1.2, strictly: another unit,
/// or anything malformed anywhere, and the field is ignored. Unsatisfiable
/// ranges are dropped beside satisfiable ones; overlapping and adjacent ones
/// are merged (section 15.3.7.2), at the place of the earliest.
pub fn resolve(value: &[u8], length: u64) -> RangeOutcome {
    match satisfiable(value, length) {
        None => RangeOutcome::Whole,
        Some(set) => match set.ranges() {
            [] => RangeOutcome::Unsatisfiable,
            &[range] => RangeOutcome::Single(range),
            several => RangeOutcome::Multiple(several.to_vec()),
        },
    }
}

/// The satisfiable ranges, merged; `None` when the field is to be ignored.
fn satisfiable(value: &[u8], length: u64) -> Option<Merged> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut merged = Merged::NONE;
    let mut specs = 0;
    for element in set.split(|&byte| byte == b',') {
        let spec = element.trim_ascii();
        // Empty elements of a list are passed over (section 5.6.1.2).
        if spec.is_empty() {
            continue;
        }
        specs += 1;
        if specs > RANGES_MAX {
            return None;
        }
        match RangeSpec::parse(spec)?.overlap(length) {
            Overlap::Nothing => {}
            Overlap::Part(range) => merged.add(range),
            Overlap::EmptyWhole => return None,
        }
    }
    (specs > 0).then_some(merged)
}

/// One `range-spec`. A number beyond 64 bits is `u64::MAX`: no file is longer.
/// But of two of them the greater is told by their digits.
#[derive(Clone, Copy)]
enum RangeSpec {
    /// `first-pos "-" [ last-pos ]`, never last before first.
    Int { first: u64, last: Option<u64> },
    /// `"-" suffix-length`.
    Suffix { length: u64 },
}

/// What a [`RangeSpec`] selects of a representation.
enum Overlap {
    /// It is unsatisfiable.
    Nothing,
    /// These bytes.
    Part(ByteRange),
    /// All of an empty representation: satisfiable by section 14.1.2, yet
    /// `Content-Range` has no way to say it.
    EmptyWhole,
}

impl RangeSpec {
    fn parse(spec: &[u8]) -> Option<RangeSpec> {
        let dash = spec.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (&spec[..dash], &spec[dash + 1..]);
        if first.is_empty() {
            let length = number(last)?;
            return Some(RangeSpec::Suffix { length });
        }
        let first_pos = number(first)?;
        if last.is_empty() {
            return Some(RangeSpec::Int {
                first: first_pos,
                last: None,
            });
        }
        let last_pos = number(last)?;
        (magnitude(first) <= magnitude(last)).then_some(RangeSpec::Int {
            first: first_pos,
            last: Some(last_pos),
        })
    }

    /// Section 14.1.2: an int-range is satisfiable when it begins before the
    /// end, a suffix-range when its length is not zero.
    fn overlap(self, length: u64) -> Overlap {
        let end = length.checked_sub(1);
        match (self, end) {
            (RangeSpec::Suffix { length: 0 }, _) | (RangeSpec::Int { .. }, None) => {
                Overlap::Nothing
            }
            (RangeSpec::Suffix { .. }, None) => Overlap::EmptyWhole,
            (RangeSpec::Suffix { length: suffix }, Some(end)) => Overlap::Part(ByteRange {
                first: length.saturating_sub(suffix),
                last: end,
            }),
            (RangeSpec::Int { first, .. }, Some(end)) if first > end => Overlap::Nothing,
            (RangeSpec::Int { first, last }, Some(end)) => Overlap::Part(ByteRange {
                first,
                last: last.unwrap_or(end).min(end),
            }),
        }
    }
}

/// What orders digits as the numbers they are, of any length.
fn magnitude(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

/// `1*DIGIT`, saturating.
fn number(text: &[u8]) -> Option<u64> {
    Some(digits(text)?.parse().unwrap_or(u64::MAX))
}

/// Ranges none of which touches another.
struct Merged {
    ranges: [ByteRange; RANGES_MAX],
    count: usize,
}

impl Merged {
    const NONE: Merged = Merged {
        ranges: [ByteRange { first: 0, last: 0 }; RANGES_MAX],
        count: 0,
    };

    fn ranges(&self) -> &[ByteRange] {
        &self.ranges[..self.count]
    }

    /// Adds `range`, at the place of the earliest that it touches. Ranges
    /// beyond [`RANGES_MAX`] are not added.
    fn add(&mut self, range: ByteRange) {
        let mut joined = range;
        let mut place = None;
        let mut kept = 0;
        for index in 0..self.count {
            let other = self.ranges[index];
            if other.touches(range) {
                joined = joined.union(other);
                if place.is_some() {
                    continue;
                }
                place = Some(kept);
            }
            self.ranges[kept] = other;
            kept += 1;
        }
        self.count = kept;
        let place = place.unwrap_or_else(|| {
            self.count += 1;
            kept
        });
        if let Some(slot) = self.ranges.get_mut(place) {
            *slot = joined;
        }
    }
}

#[cfg(test)]
mod tests;
