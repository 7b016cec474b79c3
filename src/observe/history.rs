//! Samples of the last minute, taken while the status page is viewed, from which rates are
//! computed.

use std::{collections::VecDeque, time::Duration};

use super::{
    counters::{Count, Totals},
    snapshot::Snapshot,
};

/// Number of samples.
pub const SAMPLES_MAX: usize = 61;
/// Minimum interval between samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(900);
/// The time span of recent rates, if there are enough samples.
const RECENT_TIME: Duration = Duration::from_secs(10);

/// Totals at successive moments.
#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<(Duration, Totals)>,
}

/// The totals of a time span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its length.
    pub seconds: f64,
    /// The events counted in it.
    pub totals: Totals,
}

impl Span {
    /// A count per second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(1e-3)
    }
}

impl History {
    /// Adds the totals of the snapshot as a sample, unless the last one is too recent.
    pub fn note(&mut self, snapshot: &Snapshot) {
        let last = self.samples.back().map(|(at, _)| *at);
        if last.is_some_and(|last| snapshot.uptime < last + SAMPLE_EVERY) {
            return;
        }
        if self.samples.len() >= SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples
            .push_back((snapshot.uptime, snapshot.totals.clone()));
    }

    /// The recent span: the last ten seconds, or since the first sample, or without an earlier
    /// sample since the start.
    pub fn recent(&self, snapshot: &Snapshot) -> Span {
        let before = |(at, _): &&(Duration, Totals)| *at + SAMPLE_EVERY <= snapshot.uptime;
        let old = |(at, _): &&(Duration, Totals)| *at + RECENT_TIME <= snapshot.uptime;
        let start = (Duration::ZERO, Totals::default());
        let samples = || self.samples.iter();
        let earlier = samples().rfind(old).or_else(|| samples().find(before));
        let (at, totals) = earlier.unwrap_or(&start);
        Span {
            seconds: (snapshot.uptime - *at).as_secs_f64(),
            totals: snapshot.totals.since(totals),
        }
    }

    /// Requests per second between successive samples, the oldest first.
    pub fn requests_per_second(&self) -> Vec<f64> {
        self.samples
            .iter()
            .zip(self.samples.iter().skip(1))
            .map(|((from, before), (to, after))| {
                let requests = after[Count::Requests].saturating_sub(before[Count::Requests]);
                requests as f64 / (*to - *from).as_secs_f64()
            })
            .collect()
    }
}
