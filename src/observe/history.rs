//! The last minute, as far as somebody was looking: what rates are made of.

use std::{collections::VecDeque, time::Duration};

use super::{
    counters::Count,
    snapshot::{Snapshot, Totals},
};

/// Samples kept.
pub const SAMPLES_MAX: usize = 61;
/// Samples nearer to each other than this are one.
const SAMPLE_EVERY: Duration = Duration::from_millis(900);
/// What "lately" means where there are samples enough.
const LATELY: Duration = Duration::from_secs(10);

/// Totals at successive moments.
#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<(Duration, Totals)>,
}

/// What happened during a span of time.
#[derive(Clone, Debug)]
pub struct Span {
    /// How long it was.
    pub seconds: f64,
    /// What was counted meanwhile.
    pub totals: Totals,
}

impl Span {
    /// A count of it, a second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(1e-3)
    }
}

impl History {
    /// Keeps the snapshot's totals, unless the last ones are as good as new.
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

    /// What happened lately: during the last ten seconds, or since the first
    /// sample, or, without one before `snapshot`, since the start.
    pub fn lately(&self, snapshot: &Snapshot) -> Span {
        let before = |(at, _): &&(Duration, Totals)| *at + SAMPLE_EVERY <= snapshot.uptime;
        let old = |(at, _): &&(Duration, Totals)| *at + LATELY <= snapshot.uptime;
        let earlier = self
            .samples
            .iter()
            .rev()
            .find(old)
            .or_else(|| self.samples.iter().find(before));
        match earlier {
            Some((at, totals)) => Span {
                seconds: (snapshot.uptime - *at).as_secs_f64(),
                totals: snapshot.totals.since(totals),
            },
            None => Span {
                seconds: snapshot.uptime.as_secs_f64(),
                totals: snapshot.totals.clone(),
            },
        }
    }

    /// Requests a second between successive samples, the oldest first.
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
