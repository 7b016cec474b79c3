//! The counters of one worker.
//!
//! Each worker has its own [`Counters`] and is their only writer, so counting is a
//! plain load and a plain store: no locked instruction and no contended cache
//! line. Readers sum over the workers.

use std::{
    array,
    collections::VecDeque,
    ops::Index,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    close_reason::CloseReason,
    histogram::{LATENCY_BUCKETS, REQUESTS_BUCKETS, latency_bucket, requests_bucket},
    story::{ClosedStory, STORIES_MAX, Story},
};
use crate::{config::Moment, http::status::Status};

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
}

/// Where the parts of [`Counters::all`] begin. The first has a counter for each [`Count`]. The
/// others are connections closed, by reason; responses, by status; closed connections, by their
/// number of requests; responses, by how long they took. The last two have a sum at the end.
const CLOSED: usize = Count::ALL.len();
const STATUSES: usize = CLOSED + CloseReason::ALL.len();
const REQUESTS: usize = STATUSES + Status::ALL.len();
const REQUESTS_SUM: usize = REQUESTS + REQUESTS_BUCKETS;
const LATENCY: usize = REQUESTS_SUM + 1;
const LATENCY_SUM: usize = LATENCY + LATENCY_BUCKETS;
const COUNTERS: usize = LATENCY_SUM + 1;

/// The states of an open connection: the name, and one phrase for the status page.
pub const OPEN_STATES: [(&str, &str); 4] = [
    ("idle", "kept alive, waiting for the next request"),
    ("reading", "receiving a request"),
    ("writing", "sending a response"),
    (
        "lingering",
        "our side closed, waiting for the client to close",
    ),
];

/// Open connections, in the order of [`OPEN_STATES`].
pub type OpenCounts = [u64; OPEN_STATES.len()];

/// The counters of one worker, aligned so that they share no cache line with others.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    open: [AtomicU64; OPEN_STATES.len()],
    /// One array, so that readers can sum over the workers by index.
    all: [Counter; COUNTERS],
    /// The last [`STORIES_MAX`], the newest last.
    stories: Option<Mutex<VecDeque<ClosedStory>>>,
}

impl Counters {
    /// All zero. `watched` tells whether there is a status listener (`--status`); only then are
    /// stories kept and latencies counted.
    pub fn new(watched: bool) -> Counters {
        Counters {
            open: Default::default(),
            all: array::from_fn(|_| Counter::default()),
            stories: watched.then(Mutex::default),
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
        self.all[count as usize].add(n);
    }

    /// Sets the number of idle connections, once per turn.
    pub fn set_idle(&self, idle: usize) {
        self.open[0].store(idle as u64, Relaxed);
    }

    /// Sets the numbers of connections that are reading, writing and lingering: in each sweep, and
    /// when no connection is left.
    pub fn set_busy(&self, reading: usize, writing: usize, lingering: usize) {
        for (gauge, count) in self.open[1..].iter().zip([reading, writing, lingering]) {
            gauge.store(count as u64, Relaxed);
        }
    }

    /// The open connections, as they were last set.
    pub fn open(&self) -> OpenCounts {
        self.open.each_ref().map(|gauge| gauge.load(Relaxed))
    }

    /// Counts a response: the `request`th (from 1) on its connection.
    #[inline]
    pub fn response(&self, status: Status, request: u64) {
        self.add(Count::Requests, 1);
        self.add(Count::RequestsReused, u64::from(request > 1));
        self.all[STATUSES + status as usize].add(1);
    }

    /// Counts the time from the last byte of a request to the last byte of its response written.
    #[inline]
    pub fn latency(&self, nanoseconds: u64) {
        self.all[LATENCY + latency_bucket(nanoseconds)].add(1);
        self.all[LATENCY_SUM].add(nanoseconds);
    }

    /// Counts a close after `requests` requests.
    #[inline]
    pub fn closed(&self, reason: CloseReason, requests: u64) {
        self.all[CLOSED + reason as usize].add(1);
        self.all[REQUESTS + requests_bucket(requests)].add(1);
        self.all[REQUESTS_SUM].add(requests);
    }

    /// Stores the story of a connection that closed at `now`, replacing the oldest, which is freed
    /// after the lock is released. The lock is contended only while a snapshot is taken.
    pub fn record_story(&self, story: Box<Story>, reason: CloseReason, now: Moment) {
        let stories = self.stories.as_ref();
        let oldest = stories.and_then(|stories| {
            let mut kept = stories.lock().ok()?;
            kept.push_back(ClosedStory {
                closed: now.since(story.accepted),
                reason,
                story,
            });
            (kept.len() > STORIES_MAX).then(|| kept.pop_front())
        });
        drop(oldest);
    }

    /// The stored stories, the newest last.
    pub fn stories(&self) -> Vec<ClosedStory> {
        let kept = self.stories.as_ref().and_then(|kept| kept.lock().ok());
        kept.map_or_else(Vec::new, |kept| kept.iter().cloned().collect())
    }
}

/// The counts of all workers together, in one array as those of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals(pub(super) Box<[u64; COUNTERS]>);

impl Default for Totals {
    fn default() -> Totals {
        Totals(Box::new([0; COUNTERS]))
    }
}

impl Totals {
    /// The sum over the workers, with what the acceptor and the access log counted.
    pub fn new(workers: &[Arc<Counters>], refused: u64, log_lines_lost: u64) -> Totals {
        let mut totals = Totals::default();
        totals.0[Count::Accepted as usize] = refused;
        totals.0[CLOSED + CloseReason::Refused as usize] = refused;
        totals.0[Count::LogLinesLost as usize] = log_lines_lost;
        for worker in workers {
            for (sum, counter) in totals.0.iter_mut().zip(&worker.all) {
                *sum += counter.get();
            }
        }
        totals
    }

    /// Connections closed, by reason: in the order of [`CloseReason::ALL`].
    pub fn closed(&self) -> &[u64] {
        &self.0[CLOSED..STATUSES]
    }

    /// Responses by status: in the order of [`Status::ALL`].
    pub fn statuses(&self) -> &[u64] {
        &self.0[STATUSES..REQUESTS]
    }

    /// Closed connections by their number of requests: see [`requests_bucket`].
    pub fn requests_per_connection(&self) -> &[u64] {
        &self.0[REQUESTS..REQUESTS_SUM]
    }

    /// Requests of all closed connections.
    pub fn requests_of_closed(&self) -> u64 {
        self.0[REQUESTS_SUM]
    }

    /// Responses by the time from the last byte of the request to the last byte of the response:
    /// see [`latency_bucket`].
    pub fn latency(&self) -> &[u64] {
        &self.0[LATENCY..LATENCY_SUM]
    }

    /// The sum of these times.
    pub fn latency_nanoseconds(&self) -> u64 {
        self.0[LATENCY_SUM]
    }

    /// The counts since `earlier`.
    pub fn since(&self, earlier: &Totals) -> Totals {
        let since = |at: usize| self.0[at].saturating_sub(earlier.0[at]);
        Totals(Box::new(array::from_fn(since)))
    }
}

impl Index<Count> for Totals {
    type Output = u64;

    fn index(&self, count: Count) -> &u64 {
        &self.0[count as usize]
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
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            (0..=place).for_each(|_| counters.closed(*reason, 1));
        }
        let totals = Totals::new(&[Arc::new(counters)], 0, 0);
        let statuses = Status::ALL.len() as u64;
        assert!(totals.statuses().iter().copied().eq(1..=statuses));
        let reasons = CloseReason::ALL.len() as u64;
        assert!(totals.closed().iter().copied().eq(1..=reasons));
        let first = totals[Count::Requests] - totals[Count::RequestsReused];
        assert_eq!(first, statuses);
    }

    #[test]
    fn the_parts_are_summed_and_subtracted_each_for_itself() {
        let counters = Counters::new(false);
        let durations = [5, 1_000, u64::from(u32::MAX)];
        for duration in durations {
            counters.latency(duration);
            counters.closed(CloseReason::Reset, 7);
        }
        let workers = [Arc::new(counters), Arc::new(Counters::new(false))];
        let totals = Totals::new(&workers, 10, 11);
        assert_eq!(totals.latency().iter().sum::<u64>(), 3);
        assert_eq!(totals.latency_nanoseconds(), durations.iter().sum::<u64>());
        assert_eq!(totals.requests_per_connection()[requests_bucket(7)], 3);
        assert_eq!(totals.requests_of_closed(), 21);
        assert_eq!(totals.closed().iter().sum::<u64>(), 3 + 10);
        assert_eq!(totals[Count::Accepted], 10);
        assert_eq!(totals[Count::LogLinesLost], 11);
        assert_eq!(totals.since(&totals), Totals::default());
        assert_eq!(totals.since(&Totals::default()), totals);
    }

    #[test]
    fn stories_are_kept_only_when_watched_and_only_the_newest() {
        let now = Moment::now();
        for (watched, kept) in [(false, 0), (true, STORIES_MAX)] {
            let counters = Counters::new(watched);
            for number in 0..100 {
                let story = Story::begin(number, None, 0, now);
                counters.record_story(story, CloseReason::Reset, now);
            }
            let stories = counters.stories();
            assert_eq!(stories.len(), kept);
            assert!(
                stories
                    .last()
                    .is_none_or(|last| last.story.connection == 99)
            );
        }
    }
}
