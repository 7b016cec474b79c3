//! Histograms with one writer, recorded in a few nanoseconds.

use super::counters::Counter;

/// Bits of a value kept below its highest: 16 buckets an octave, so a bucket
/// is at most 1/16 of its value wide.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// The highest bit told apart: values from 2^38 ns (4.6 minutes) on are one.
const TOP_BIT: u32 = 37;

/// Buckets of a [`LatencyHistogram`].
pub const LATENCY_BUCKETS: usize = (TOP_BIT - SUB_BITS + 2) as usize * SUB;

/// Buckets of a [`RequestsHistogram`].
pub const REQUESTS_BUCKETS: usize = 23;

/// Durations, log-linear: the relative error of a percentile is below 6.25 %.
#[derive(Debug)]
pub struct LatencyHistogram {
    buckets: [Counter; LATENCY_BUCKETS],
    nanoseconds: Counter,
}

impl Default for LatencyHistogram {
    fn default() -> LatencyHistogram {
        LatencyHistogram {
            buckets: std::array::from_fn(|_| Counter::default()),
            nanoseconds: Counter::default(),
        }
    }
}

impl LatencyHistogram {
    /// Counts one duration. Only ever called by the one writer.
    #[inline]
    pub fn record(&self, nanoseconds: u64) {
        self.buckets[latency_bucket(nanoseconds)].add(1);
        self.nanoseconds.add(nanoseconds);
    }

    /// The count of each bucket, and the sum of all durations in nanoseconds.
    pub fn read(&self) -> ([u64; LATENCY_BUCKETS], u64) {
        (
            std::array::from_fn(|bucket| self.buckets[bucket].get()),
            self.nanoseconds.get(),
        )
    }
}

/// The bucket of a duration: the place of its highest bit and the
/// [`SUB_BITS`] below it.
#[inline]
pub fn latency_bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.min((2 << TOP_BIT) - 1);
    if value < SUB as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    ((shift as usize) << SUB_BITS) + (value >> shift) as usize
}

/// The first duration, in nanoseconds, that lies above this bucket.
pub fn latency_bucket_end(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64 + 1;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    ((bucket & (SUB - 1)) + SUB + 1 << shift) as u64
}

/// Requests a connection carried: none, 1, 2, 3 to 4, 5 to 8, ...,
/// more than 2^20.
#[derive(Debug, Default)]
pub struct RequestsHistogram {
    buckets: [Counter; REQUESTS_BUCKETS],
}

impl RequestsHistogram {
    /// Counts one connection. Only ever called by the one writer.
    #[inline]
    pub fn record(&self, requests: u64) {
        self.buckets[requests_bucket(requests)].add(1);
    }

    /// The count of each bucket.
    pub fn read(&self) -> [u64; REQUESTS_BUCKETS] {
        std::array::from_fn(|bucket| self.buckets[bucket].get())
    }
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

/// The smallest and the largest number of a bucket; the last has no largest.
pub fn requests_bucket_span(bucket: usize) -> (u64, Option<u64>) {
    match bucket {
        0 => (0, Some(0)),
        1 => (1, Some(1)),
        _ if bucket + 1 < REQUESTS_BUCKETS => ((1 << (bucket - 2)) + 1, Some(1 << (bucket - 1))),
        _ => ((1 << (REQUESTS_BUCKETS - 3)) + 1, None),
    }
}
