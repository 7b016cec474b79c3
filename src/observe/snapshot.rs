//! The state of the server at one moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    counters::{Counter, Counters, OpenCounts, Totals},
    kernel::KernelView,
    story::ClosedStory,
};
use crate::config::{Config, Endpoint, Limits, Moment, Timeouts};

/// Stories in a snapshot, the newest of all workers.
pub const STORIES_SHOWN_MAX: usize = 16;

/// The observable state of the whole server: created at the start, updated by the server, read to
/// take a [`Snapshot`].
#[derive(Debug)]
pub struct Facts {
    /// When the server started.
    pub started: Moment,
    /// The addresses it listens on.
    pub listeners: Vec<Endpoint>,
    /// The counters of each worker.
    pub workers: Vec<Arc<Counters>>,
    /// Connections rejected by the acceptor because of `--max-connections-per-ip`. Written only by
    /// the acceptor.
    pub refused: Counter,
    /// The limits in effect.
    pub limits: Limits,
    /// The time-outs in effect.
    pub timeouts: Timeouts,
    /// Maximum open connections.
    pub connections_max: u64,
    /// Maximum weight of the file cache, in bytes.
    pub cache_bytes_max: u64,
    /// Lines lost by the access log; shared with it.
    pub log_lines_lost: Arc<Counter>,
    /// Whether the server is shutting down.
    pub draining: AtomicBool,
}

/// The server at one moment. Counters are read one after another while the workers run, so they may
/// be inconsistent by the events of a few microseconds.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The observed server. Its limits are constant; whether it is shutting down is read when
    /// rendered.
    pub facts: Arc<Facts>,
    /// Time since the server started.
    pub uptime: Duration,
    /// Open connections of each worker.
    pub workers: Vec<OpenCounts>,
    /// The counts since the start.
    pub totals: Totals,
    /// Weight of the file cache: bytes of small files, and a fixed charge per large file kept open.
    pub cache_bytes: u64,
    /// The kernel's view, if available.
    pub kernel: Option<KernelView>,
    /// Recently closed connections, the newest first, and how long ago each was closed.
    pub stories: Vec<(Duration, ClosedStory)>,
}

impl Facts {
    /// The state of a server that starts now.
    pub fn new(
        config: &Config,
        listeners: Vec<Endpoint>,
        connections_max: usize,
        log_lines_lost: Arc<Counter>,
    ) -> Facts {
        let counters = || Arc::new(Counters::new(config.status.is_some()));
        Facts {
            started: Moment::now(),
            listeners,
            workers: (0..config.threads.get()).map(|_| counters()).collect(),
            refused: Counter::default(),
            limits: config.limits,
            timeouts: config.timeouts,
            connections_max: connections_max as u64,
            cache_bytes_max: config.site.cache_bytes_max,
            log_lines_lost,
            draining: AtomicBool::new(false),
        }
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Takes a snapshot; `cache_bytes` and `kernel` are passed through.
    pub fn snapshot(
        self: &Arc<Facts>,
        now: Moment,
        cache_bytes: u64,
        kernel: Option<KernelView>,
    ) -> Snapshot {
        Snapshot {
            facts: Arc::clone(self),
            uptime: now.since(self.started),
            workers: self.workers.iter().map(|worker| worker.open()).collect(),
            totals: Totals::new(&self.workers, self.refused.get(), self.log_lines_lost.get()),
            cache_bytes,
            kernel,
            stories: self.stories(now),
        }
    }

    fn stories(&self, now: Moment) -> Vec<(Duration, ClosedStory)> {
        let stories = self.workers.iter().flat_map(|worker| worker.stories());
        let with_age = stories.map(|end| {
            let closed = end.story.accepted + end.closed;
            (now.since(closed), end)
        });
        let mut stories: Vec<_> = with_age.collect();
        stories.sort_by_key(|(age, _)| *age);
        stories.truncate(STORIES_SHOWN_MAX);
        stories
    }
}

impl Snapshot {
    /// Open connections of all workers.
    pub fn open(&self) -> OpenCounts {
        let of_all = |state| self.workers.iter().map(|open| open[state]).sum();
        std::array::from_fn(of_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{close_reason::CloseReason, counters::Count, fixture};

    #[test]
    fn the_workers_are_summed() {
        let (facts, now) = fixture::facts();
        let snapshot = facts.snapshot(now, 0, None);
        let totals = &snapshot.totals;
        assert_eq!(totals[Count::Accepted], 2 * 340 + 5);
        let sum = |part: &[u64]| part.iter().sum::<u64>();
        assert_eq!(sum(totals.closed()), 2 * 303 + 5);
        assert_eq!(totals.closed()[CloseReason::Refused as usize], 5);
        assert_eq!(sum(totals.requests_per_connection()), 2 * 303);
        let requests = 2 * (200 + 100 * 25 + 3 * 9);
        assert_eq!(totals.requests_of_closed(), requests);
        assert_eq!(sum(totals.latency()), totals[Count::Requests]);
        assert_eq!(sum(totals.statuses()), totals[Count::Requests]);
        let first = totals[Count::Requests] - totals[Count::RequestsReused];
        assert_eq!(first, 2 * 303);
        assert_eq!(snapshot.open().iter().sum::<u64>(), 2 * 37);
    }

    #[test]
    fn the_newest_stories_come_first_and_are_bounded() {
        let (facts, now) = fixture::facts();
        let stories = facts.snapshot(now, 0, None).stories;
        assert_eq!(stories.len(), STORIES_SHOWN_MAX);
        assert!(stories.is_sorted_by_key(|(age, _)| *age));
        let (age, ClosedStory { story, .. }) = &stories[0];
        assert_eq!(*age, Duration::from_millis(100));
        assert_eq!((story.requests.len(), story.requests_count), (8, 9));
        assert_eq!(story.requests[0].line(), b"GET /<script>?a=\"&amp;");
    }
}
