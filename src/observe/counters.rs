//! The counters of one worker.
//!
//! Each worker has its own [`Counters`] and is their only writer, so counting is a
//! plain load and a plain store: no locked instruction and no contended cache
//! line. Readers sum over the workers.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{
    close_reason::CloseReason,
    histogram::{LatencyHistogram, RequestsHistogram},
    story::{STORIES_MAX, Story},
};
use crate::http::status::Status;

macro_rules! counts {
    ($($(#[$doc:meta])* $variant:ident $key:literal $metric:literal $help:literal,)*) => {
        /// Counts that are single numbers. Closes and responses are counted by reason and by
        /// status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Count { $($(#[$doc])* $variant,)* }

        impl Count {
            /// All of them, in output order; the index of each is `count as usize`.
            pub const ALL: &'static [Count] = &[$(Count::$variant,)*];

            /// The key in JSON.
            pub const fn key(self) -> &'static str {
                match self { $(Count::$variant => $key,)* }
            }

            /// The metric's name and its HELP.
            pub const fn metric(self) -> (&'static str, &'static str) {
                match self { $(Count::$variant => ($metric, $help),)* }
            }
        }
    };
}

counts! {
    /// Connections accepted, including those rejected at once.
    Accepted "accepted" "connections_accepted_total" "Connections accepted.",
    /// Responses started, whatever their status.
    Requests "requests" "requests_total" "Requests answered.",
    /// Responses that were not the first on their connection.
    RequestsReused "requests_reused" "requests_reused_total"
        "Requests that were not the first on their connection.",
    /// Bytes handed to the kernel, including heads.
    BytesSent "bytes_sent" "sent_bytes_total" "Bytes sent, heads included.",
    /// Files served from the cache.
    CacheHits "cache_hits" "cache_hits_total" "Files served from the cache.",
    /// Files that had to be opened.
    CacheMisses "cache_misses" "cache_misses_total" "Files that had to be opened.",
    /// Lines lost by the access log; counted there, not by workers.
    LogLinesLost "log_lines_lost" "access_log_lines_lost_total"
        "Access log lines lost because writing failed or could not keep up.",
}

/// A monotonic counter with a single writer.
///
/// `add` is a load and a store, not one atomic operation: two threads that add to the same counter
/// lose counts. Any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Must only be called by the single writer.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The count so far.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds each counter to the sum at its index.
    pub fn sum(counters: &[Counter], sums: &mut [u64]) {
        for (sum, counter) in sums.iter_mut().zip(counters) {
            *sum += counter.get();
        }
    }
}

/// A gauge: reads return the last value set.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value last set.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of one worker, aligned so that they share no cache line with others.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections waiting for the next request; set once per turn. The other gauges are set in each
    /// sweep, and when no connection is left.
    pub idle: Gauge,
    /// Connections receiving a request.
    pub reading: Gauge,
    /// Connections sending a response.
    pub writing: Gauge,
    /// Connections whose write side is shut down.
    pub lingering: Gauge,
    /// From the last byte of the request to the last byte of the response written.
    pub latency: LatencyHistogram,
    /// Requests per connection, recorded when it closes.
    pub requests_per_connection: RequestsHistogram,
    // Arrays, so that readers can sum over the workers by index.
    pub(super) counts: [Counter; Count::ALL.len()],
    pub(super) closed: [Counter; CloseReason::ALL.len()],
    pub(super) statuses: [Counter; Status::ALL.len()],
    /// The last [`STORIES_MAX`], the newest last.
    stories: Option<Mutex<VecDeque<Box<Story>>>>,
}

impl Counters {
    /// All zero. `watched` tells whether there is a status listener (`--status`); only then are
    /// stories kept and latency is measured for them.
    pub fn new(watched: bool) -> Counters {
        Counters {
            stories: watched.then(Mutex::default),
            ..Counters::default()
        }
    }

    /// Whether stories are kept and latency has to be measured.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.stories.is_some()
    }

    /// Adds `n` to a count. Must only be called by the single writer.
    #[inline]
    pub fn add(&self, count: Count, n: u64) {
        self.counts[count as usize].add(n);
    }

    /// Counts a response: the `request`th (from 1) on its connection.
    #[inline]
    pub fn response(&self, status: Status, request: u64) {
        self.add(Count::Requests, 1);
        self.add(Count::RequestsReused, u64::from(request > 1));
        self.statuses[status as usize].add(1);
    }

    /// Counts a close after `requests` requests.
    #[inline]
    pub fn closed(&self, reason: CloseReason, requests: u64) {
        self.closed[reason as usize].add(1);
        self.requests_per_connection.record(requests);
    }

    /// Stores the story of a connection that closed at `now`, replacing the oldest, which is freed
    /// after the lock is released. The lock is contended only while a snapshot is taken.
    pub fn record_story(&self, mut story: Box<Story>, reason: CloseReason, now: Instant) {
        story.end(reason, now);
        let stories = self.stories.as_ref();
        let oldest = stories.and_then(|stories| {
            let mut kept = stories.lock().ok()?;
            kept.push_back(story);
            (kept.len() > STORIES_MAX).then(|| kept.pop_front())
        });
        drop(oldest);
    }

    /// The count so far.
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].get()
    }

    /// The number of closes for this reason.
    pub fn closed_by(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize].get()
    }

    /// The stored stories, the newest last.
    pub fn stories(&self) -> Vec<Story> {
        let kept = self.stories.as_ref().and_then(|kept| kept.lock().ok());
        kept.map_or_else(Vec::new, |kept| {
            kept.iter().map(|story| (**story).clone()).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_and_each_reason_has_its_own_count() {
        let counters = Counters::new(false);
        for (place, status) in Status::ALL.iter().enumerate() {
            (0..=place as u64).for_each(|request| counters.response(*status, request + 1));
        }
        for (counter, status) in counters.statuses.iter().zip(Status::ALL) {
            assert_eq!(counter.get(), *status as u64 + 1, "{status:?}");
        }
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            (0..=place).for_each(|_| counters.closed(*reason, 1));
        }
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(counters.closed_by(*reason), place as u64 + 1, "{reason:?}");
        }
        let first = Status::ALL.len() as u64;
        let requests = counters.get(Count::Requests);
        assert_eq!(requests - counters.get(Count::RequestsReused), first);
    }

    #[test]
    fn stories_are_kept_only_when_watched_and_only_the_newest() {
        let now = Instant::now();
        for (watched, kept) in [(false, 0), (true, STORIES_MAX)] {
            let counters = Counters::new(watched);
            for number in 0..100 {
                let story = Story::begin(number, None, 0, now);
                counters.record_story(story, CloseReason::Reset, now);
            }
            let stories = counters.stories();
            assert_eq!(stories.len(), kept);
            assert!(stories.last().is_none_or(|story| story.connection == 99));
        }
    }
}
