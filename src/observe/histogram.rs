//! The buckets of the histograms; finding one takes a few nanoseconds.

/// Bits of a value below its highest bit that select the bucket: 16 buckets per power of two, so a
/// bucket is at most 1/16 of its value wide.
const SUB_BITS: u32 = 4;
const SUB_BUCKETS: usize = 1 << SUB_BITS;
/// The highest bit that is resolved: values from 2^38 ns (4.6 minutes) share one bucket.
const HIGHEST_BIT: u32 = 37;

/// Buckets of durations. They are log-linear: the relative error of a percentile is below 6.25 %.
pub const LATENCY_BUCKETS: usize = (HIGHEST_BIT - SUB_BITS + 2) as usize * SUB_BUCKETS;

/// Buckets of requests per connection: none, 1, 2, 3 to 4, 5 to 8, ..., more than 2^20.
pub const REQUESTS_BUCKETS: usize = 23;

/// The reported percentiles of latency: JSON key, label on the page, fraction.
pub const PERCENTILES: [(&str, &str, f64); 5] = [
    ("p50", "half of all within", 0.5),
    ("p90", "90 % within", 0.9),
    ("p99", "99 % within", 0.99),
    ("p99_9", "99.9 % within", 0.999),
    ("max", "the slowest", 1.0),
];

/// The exact number of durations shorter than 2^`bit` nanoseconds.
pub fn count_below(latency: &[u64], bit: u32) -> u64 {
    let end = latency_bucket(1 << bit.min(HIGHEST_BIT));
    latency.iter().take(end).sum()
}

/// The duration in nanoseconds that a fraction `share` (0 to 1) of all does not exceed, at most
/// 6.25 % too high; `None` if there are none.
pub fn percentile(latency: &[u64], share: f64) -> Option<u64> {
    let count: u64 = latency.iter().sum();
    let rank = ((count as f64 * share).ceil() as u64).clamp(1, count.max(1));
    let mut seen = 0;
    latency
        .iter()
        .position(|bucket| {
            seen += bucket;
            seen >= rank
        })
        .map(|bucket| latency_bucket_end(bucket) - 1)
}

/// The bucket of a duration: the position of its highest bit, and the `SUB_BITS` below it.
#[inline]
pub fn latency_bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.min((2 << HIGHEST_BIT) - 1);
    if value < SUB_BUCKETS as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    ((shift as usize) << SUB_BITS) + (value >> shift) as usize
}

/// The exclusive upper end of a bucket, in nanoseconds.
pub fn latency_bucket_end(bucket: usize) -> u64 {
    if bucket < SUB_BUCKETS {
        return bucket as u64 + 1;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    (((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS + 1) << shift) as u64
}

/// The bucket of a number of requests.
#[inline]
pub fn requests_bucket(requests: u64) -> usize {
    match requests {
        0 => 0,
        1 => 1,
        _ => ((requests - 1).ilog2() as usize + 2).min(REQUESTS_BUCKETS - 1),
    }
}

/// The smallest and largest number of a bucket; the last bucket has no largest.
pub fn requests_bucket_span(bucket: usize) -> (u64, Option<u64>) {
    match bucket {
        0 => (0, Some(0)),
        1 => (1, Some(1)),
        _ if bucket + 1 < REQUESTS_BUCKETS => ((1 << (bucket - 2)) + 1, Some(1 << (bucket - 1))),
        _ => ((1 << (REQUESTS_BUCKETS - 3)) + 1, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_contain_their_durations_and_are_narrow() {
        let mut durations: Vec<u64> = (0..=HIGHEST_BIT)
            .flat_map(|bit| {
                let power = 1 << bit;
                [power - 1, power, power + power / 3, power + power / 2]
            })
            .collect();
        durations.extend(0..1000);
        for duration in durations {
            let bucket = latency_bucket(duration);
            let end = latency_bucket_end(bucket);
            let start = bucket.checked_sub(1).map_or(0, latency_bucket_end);
            assert!(
                (start..end).contains(&duration),
                "{duration}: {start}..{end}"
            );
            assert!(
                (end - start - 1) as f64 <= duration as f64 / 16.0,
                "{duration}"
            );
        }
        assert_eq!(latency_bucket(u64::MAX), LATENCY_BUCKETS - 1);
    }

    fn counts(durations: &[u64]) -> [u64; LATENCY_BUCKETS] {
        let mut counts = [0; LATENCY_BUCKETS];
        for duration in durations {
            counts[latency_bucket(*duration)] += 1;
        }
        counts
    }

    #[test]
    fn percentiles() {
        let rows: [(&[u64], f64, Option<u64>); 6] = [
            (&[], 0.5, None),
            (&[5], 0.0, Some(5)),
            (&[5], 1.0, Some(5)),
            (&[1, 2, 3, 4], 0.5, Some(2)),
            (&[1, 2, 3, 4], 0.99, Some(4)),
            (&[1000, 1000, 1_000_000], 0.5, Some(1023)),
        ];
        for (durations, share, expected) in rows {
            let counted = percentile(&counts(durations), share);
            assert_eq!(counted, expected, "{durations:?} {share}");
        }
    }

    #[test]
    fn a_power_of_two_is_an_exact_boundary() {
        let counts = counts(&[0, 8191, 8192, 8193, 1 << 30, u64::MAX >> 20]);
        for (bit, below) in [(0, 1), (13, 2), (14, 4), (30, 4), (31, 5)] {
            assert_eq!(count_below(&counts, bit), below, "2^{bit}");
        }
    }

    #[test]
    fn buckets_contain_their_numbers_of_requests() {
        for requests in (0..5000).chain([1 << 20, (1 << 20) + 1, u64::MAX]) {
            let bucket = requests_bucket(requests);
            assert!(bucket < REQUESTS_BUCKETS, "{requests}");
            let (first, last) = requests_bucket_span(bucket);
            assert!(first <= requests, "{requests}");
            assert!(last.is_none_or(|last| requests <= last), "{requests}");
        }
        for bucket in 1..REQUESTS_BUCKETS {
            let before = requests_bucket_span(bucket - 1).1;
            assert_eq!(before, Some(requests_bucket_span(bucket).0 - 1));
        }
    }
}
