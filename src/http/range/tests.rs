use proptest::prelude::*;

use super::{
    RangeOutcome::{Unsatisfiable, Whole},
    *,
};

fn single(first: u64, last: u64) -> RangeOutcome {
    RangeOutcome::Single(ByteRange { first, last })
}

fn several(ranges: &[(u64, u64)]) -> RangeOutcome {
    let range = |&(first, last)| ByteRange { first, last };
    RangeOutcome::Multiple(ranges.iter().map(range).collect())
}

/// Resolves against a representation of 10 bytes.
fn check(value: &str, expected: RangeOutcome) {
    assert_eq!(resolve(value.as_bytes(), 10), expected, "{value:?}");
}

#[test]
fn one_range_is_resolved() {
    check("bytes=0-0", single(0, 0));
    check("bytes=0-4", single(0, 4));
    check("bytes=9-9", single(9, 9));
    check("bytes=5-", single(5, 9));
    check("bytes=0-", single(0, 9));
    check("bytes=5-9", single(5, 9));
    check("bytes=5-10", single(5, 9));
    check("bytes=5-9999", single(5, 9));
    check("bytes=-1", single(9, 9));
    check("bytes=-10", single(0, 9));
    check("bytes=-11", single(0, 9));
    check("bytes=000-004", single(0, 4));
    check("BYTES=0-4", single(0, 4));
    check("Bytes=0-4", single(0, 4));
    check("bytes= 0-4\t", single(0, 4));
}

#[test]
fn unsatisfiable_ranges() {
    check("bytes=10-", Unsatisfiable);
    check("bytes=10-20", Unsatisfiable);
    check(
        "bytes=18446744073709551616-018446744073709551616",
        Unsatisfiable,
    );
    check(
        "bytes=18446744073709551616-18446744073709551617",
        Unsatisfiable,
    );
    check("bytes=-0", Unsatisfiable);
    check("bytes=-000", Unsatisfiable);
    check("bytes=10-,-0,20-30", Unsatisfiable);
}

#[test]
fn malformed_sets_are_ignored() {
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "bytes=a-b",
        "bytes=0-b",
        "bytes=0",
        "bytes=4-2",
        "bytes=0-1,18446744073709551617-0018446744073709551616",
        "bytes=0-4-6",
        "bytes=0-4;5-6",
        "bytes=0-4 6-7",
        "bytes=+0-4",
        "bytes=0x0-0x4",
        "bytes=0.5-4",
        "bytes= =0-4",
        "bytes =0-4",
        "bytes:0-4",
        " bytes=0-4",
        "bytes=0 - 4",
        "bytes=0- 4",
        "bytes=- 4",
        "bytes=0-4,x",
        "bytes=0-4,6-5",
        "bytes=20-30,4-2",
        "bytes=\u{0660}-4",
        "items=0-4",
        "byte=0-4",
        "bytess=0-4",
        "none=0-4",
        "0-4",
    ] {
        check(value, Whole);
    }
}

#[test]
fn several_ranges_keep_their_order() {
    check("bytes=0-1,4-5", several(&[(0, 1), (4, 5)]));
    check("bytes=4-5,0-1", several(&[(4, 5), (0, 1)]));
    check("bytes=0-1,3-4", several(&[(0, 1), (3, 4)]));
    check("bytes=3-4,0-1", several(&[(3, 4), (0, 1)]));
    check("bytes= 0-1 ,\t4-5 ", several(&[(0, 1), (4, 5)]));
    check("bytes=,0-1,,4-5,", several(&[(0, 1), (4, 5)]));
    check("bytes=0-0,-1", several(&[(0, 0), (9, 9)]));
    check("bytes=8-,0-0", several(&[(8, 9), (0, 0)]));
    check("bytes=0-1,20-30", single(0, 1));
    check("bytes=20-30,-0,0-1", single(0, 1));
}

#[test]
fn touching_ranges_are_merged() {
    check("bytes=0-4,2-6", single(0, 6));
    check("bytes=0-4,5-6", single(0, 6));
    check("bytes=5-6,0-4", single(0, 6));
    check("bytes=0-9,0-9", single(0, 9));
    check("bytes=0-,-5", single(0, 9));
    check("bytes=0-0,1-1,2-2", single(0, 2));
    check("bytes=0-1,3-4,2-2", single(0, 4));
    check("bytes=8-9,0-1,1-2", several(&[(8, 9), (0, 2)]));
    check("bytes=0-0,8-9,2-2,1-1", several(&[(0, 2), (8, 9)]));
    check("bytes=4-5,8-9,0-1,5-8", several(&[(4, 9), (0, 1)]));
}

#[test]
fn numbers_beyond_64_bits_saturate() {
    check("bytes=18446744073709551615-", Unsatisfiable);
    check("bytes=18446744073709551616-", Unsatisfiable);
    check("bytes=99999999999999999999999999-", Unsatisfiable);
    check("bytes=99999999999999999999-99999999999999999998", Whole);
    check("bytes=0-99999999999999999999999999", single(0, 9));
    check("bytes=-99999999999999999999999999", single(0, 9));
    let huge = u64::MAX;
    assert_eq!(resolve(b"bytes=0-", huge), single(0, huge - 1));
    assert_eq!(resolve(b"bytes=-1", huge), single(huge - 1, huge - 1));
    assert_eq!(resolve(b"bytes=0-,5-", huge), single(0, huge - 1));
}

#[test]
fn an_empty_representation_has_no_ranges() {
    assert_eq!(resolve(b"bytes=0-", 0), Unsatisfiable);
    assert_eq!(resolve(b"bytes=0-0", 0), Unsatisfiable);
    assert_eq!(resolve(b"bytes=-0", 0), Unsatisfiable);
    // Satisfiable, but the only possible response is the empty whole.
    assert_eq!(resolve(b"bytes=-5", 0), Whole);
    assert_eq!(resolve(b"bytes=0-,-5", 0), Whole);
}

#[test]
fn more_than_the_maximum_of_ranges_is_ignored() {
    let set = |count: usize| {
        let specs: Vec<_> = (0..count).map(|i| format!("{0}-{0}", i * 2)).collect();
        format!("bytes={}", specs.join(","))
    };
    let RangeOutcome::Multiple(ranges) = resolve(set(RANGES_MAX).as_bytes(), 1_000) else {
        panic!("as many as are allowed");
    };
    assert_eq!(ranges.len(), RANGES_MAX);
    assert_eq!(resolve(set(RANGES_MAX + 1).as_bytes(), 1_000), Whole);
    let same = format!("bytes={}", vec!["0-"; 1_000].join(","));
    assert_eq!(resolve(same.as_bytes(), 1_000), Whole);
}

proptest! {
    /// The merged ranges contain exactly the requested bytes, each once.
    #[test]
    fn every_requested_byte_is_sent_once(
        length in 1_u64..40,
        asked in prop::collection::vec((0_u64..50, 0_u64..50), 1..RANGES_MAX),
    ) {
        let specs: Vec<_> = asked
            .iter()
            .map(|&(a, b)| format!("{}-{}", a.min(b), a.max(b)))
            .collect();
        let ranges = match resolve(format!("bytes={}", specs.join(",")).as_bytes(), length) {
            RangeOutcome::Whole => return Err(TestCaseError::fail("valid, and ignored")),
            RangeOutcome::Unsatisfiable => Vec::new(),
            RangeOutcome::Single(range) => vec![range],
            RangeOutcome::Multiple(ranges) => ranges,
        };
        for byte in 0..60 {
            let wanted = byte < length
                && asked.iter().any(|&(a, b)| (a.min(b)..=a.max(b)).contains(&byte));
            let sent = ranges.iter().filter(|r| (r.first..=r.last).contains(&byte)).count();
            prop_assert_eq!(sent, usize::from(wanted), "byte {}", byte);
        }
    }

    #[test]
    fn never_panics(value: Vec<u8>, length: u64) {
        let _ = resolve(&value, length);
        let _ = resolve(&[b"bytes=", &value[..]].concat(), length);
    }
}
