//! What a worker lends to the connection it is serving: output, clock, files,
//! counters. There is one per worker, none per connection.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Budget, SHARE_BYTES_MAX,
    output::Output,
    respond::{self, Frame, Queued},
    response_cache::{Hit, ResponseCache},
};
use crate::{
    config::{Config, Limits, Moment, Proxy, Timeouts},
    files::{Turn, View},
    handler::{Answer, Basis, status::StatusPages},
    http::{date::HttpDate, persistence::Persistence, response::CommonFields},
    observe::{access_log::LogBuffer, counters::Counters, log_line::LogTime},
};

/// Bytes read at once, in addition to the part of a head already held. Also the
/// most input that is kept while a response before it cannot be sent.
pub const READ_BYTES: usize = 16 << 10;

/// Pieces of listings, of a fraction of a millisecond each, that a worker makes
/// in one turn for new requests, and again for earlier ones, however many large
/// directories are requested.
pub const LISTING_PIECES_MAX: usize = 1;

/// A worker's buffers and services, reused by all its connections.
#[derive(Debug)]
pub struct Context {
    /// Output being built; empty between connections.
    pub output: Output,
    /// Responses by request head.
    pub response_cache: ResponseCache,
    /// The files.
    pub view: View,
    /// The status pages, on the status listener in place of files.
    pub status: Option<StatusPages>,
    /// The limits on what clients can use.
    pub limits: Limits,
    /// The time-outs; shorter while the server drains.
    pub timeouts: Timeouts,
    /// Whether the server is draining.
    pub draining: bool,
    /// The worker's number.
    pub worker: usize,
    /// The worker's counters.
    pub counters: Arc<Counters>,
    /// The access log, if any.
    pub log: Option<LogBuffer>,
    /// Proxies whose report of the client address is believed.
    pub trusted_proxies: Box<[Proxy]>,
    /// The current second of wall time, formatted for the access log.
    pub log_time: LogTime,
    /// Field lines common to all responses, `Date` among them.
    pub common: CommonFields,
    /// The source of the time.
    pub clock: Clock,
    /// When the clock was last read: in each turn, before anything is answered.
    pub now: Moment,
    /// When the clock was last refreshed, as the file cache counts time.
    pub turn: Turn,
    /// Bytes that one connection may send in this turn: see
    /// [`share_bytes`](super::share_bytes).
    pub share_bytes: usize,
    /// What the connection being served may still do in this turn.
    pub(super) budget: Budget,
    /// Pieces of listings that may still be made in this part of the turn.
    pub listing_pieces: usize,
    started: Moment,
    next_second: Moment,
}

/// The source of the time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's monotonic clock.
    System,
    /// A clock that stands still until a test sets it; the date stands still, too.
    Stepped(Moment),
}

impl Clock {
    /// The current time.
    pub fn now(self) -> Moment {
        match self {
            Clock::System => Moment::now(),
            Clock::Stepped(instant) => instant,
        }
    }
}

impl Context {
    /// A context for worker number `worker`. `started` is the instant from which
    /// all workers count [`Turn`]s.
    pub fn new(
        config: &Config,
        worker: usize,
        view: View,
        counters: Arc<Counters>,
        log: Option<LogBuffer>,
        started: Moment,
    ) -> Context {
        let date = HttpDate::from_unix_seconds(0);
        let mut cx = Context {
            output: Output::default(),
            response_cache: ResponseCache::default(),
            view,
            status: None,
            limits: config.limits,
            timeouts: config.timeouts,
            draining: false,
            worker,
            counters,
            log,
            trusted_proxies: config.trusted_proxies.as_slice().into(),
            log_time: LogTime::new(date),
            common: CommonFields::new(&config.headers, date),
            clock: Clock::System,
            now: started,
            turn: Turn(0),
            share_bytes: SHARE_BYTES_MAX,
            budget: Budget::new(SHARE_BYTES_MAX),
            listing_pieces: LISTING_PIECES_MAX,
            started,
            next_second: started,
        };
        cx.refresh();
        cx
    }

    /// Refreshes the clock and the view of the files: in each turn after requests are
    /// read, and before one is answered.
    pub fn refresh(&mut self) {
        self.refresh_clock();
        match self.status {
            None => self.view.begin_turn(self.turn),
            // The status pages must not depend on a disk that may hang.
            Some(_) => self.view.follow(),
        }
    }

    fn read_clock(&mut self) {
        self.now = self.clock.now();
        if self.now >= self.next_second {
            self.read_wall_clock();
        }
    }

    /// Reads the wall clock, once its current second is over: a step of it is noticed
    /// within a second.
    #[cold]
    fn read_wall_clock(&mut self) {
        if matches!(self.clock, Clock::Stepped(_)) {
            return;
        }
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let rest = 1_000_000_000 - u64::from(wall.subsec_nanos());
        self.next_second = self.now + Duration::from_nanos(rest);
        let date = HttpDate::from_unix_seconds(i64::try_from(wall.as_secs()).unwrap_or(0));
        if date < self.common.date() {
            // The clock was set back: a cached `Last-Modified` may be in the future now.
            self.view.drop_cached();
        }
        self.common.set_date(date);
        self.log_time = LogTime::new(date);
    }

    /// Reads the clock. To the file cache this begins another [`Turn`], so files
    /// are revalidated. It is called after each read from a client: before the
    /// request was sent, a file that was checked earlier may have changed.
    pub fn refresh_clock(&mut self) {
        self.read_clock();
        self.turn = Turn(self.now.nanoseconds_since(self.started));
    }

    /// What the connection served last used beyond one usual request, in
    /// responses.
    pub fn extra_responses(&self) -> usize {
        self.budget.extra_responses()
    }

    /// What a response is made from.
    pub fn basis(&self) -> Basis<'_> {
        Basis {
            view: &self.view,
            status: self.status.as_ref(),
            turn: self.turn,
            date: self.common.date(),
        }
    }

    /// Queues the response for `answer`.
    pub fn queue(&mut self, answer: &Answer, persistence: Persistence, head_only: bool) -> Queued {
        // Reading from the disk takes time, which must not count against the
        // client. And the file may have been written in a later second than the
        // start of this turn: `Last-Modified` must not be later than `Date` (RFC
        // 9110 section 8.8.2.1).
        if self.view.misses.get() > 0 {
            self.read_clock();
        }
        let frame = Frame {
            common: &self.common,
            persistence,
            head_only,
            turn: self.turn,
        };
        respond::queue(answer, frame, &mut self.output)
    }

    /// Looks up `input` in the response cache, if it is one request and nothing
    /// else.
    pub fn look_up_alone(&mut self, input: &[u8]) -> Option<Hit> {
        let hit = (self.response_cache).look_up(input, &self.view, self.turn)?;
        (hit.summary.head_bytes == input.len()).then_some(hit)
    }

    /// Queues the cached response of `hit`, or builds it and caches it. `None` if
    /// its file is not cached any more.
    pub(super) fn queue_hit(&mut self, hit: &Hit, persistence: Persistence) -> Option<Queued> {
        let stored = (self.response_cache).stored(hit, persistence, &self.common);
        if let Some((response, queued)) = stored {
            self.output.push_response(response);
            self.view.count_hit();
            return Some(queued);
        }
        let answer = self.response_cache.answer(hit, &self.view, self.turn)?;
        let is_alone = self.output.is_empty();
        let queued = self.queue(&answer, persistence, hit.summary.head_only);
        if is_alone {
            let date = self.common.date();
            self.response_cache
                .store_response(hit, &self.output, queued, persistence, date);
        }
        self.view.count_hit();
        Some(queued)
    }

    /// The size of a worker's input buffer: the largest head, and what is read
    /// beyond it.
    pub fn input_bytes(&self) -> usize {
        let head = &self.limits.head;
        head.request_line_bytes_max + head.header_section_bytes_max + 2 * READ_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        files::{Found, Selected, Site},
        handler::{Chosen, Part},
        http::{content_coding::AcceptEncoding, target::RequestPath},
    };

    /// A context with the file `/a`.
    fn context(root: &Path) -> Context {
        std::fs::write(root.join("a"), "a").unwrap();
        let mut config = Config::default();
        config.site.root = root.into();
        let (site, started) = (Site::open(&config.site).unwrap(), Moment::now());
        let counters = Arc::new(Counters::new(false));
        Context::new(&config, 0, site.view(), counters, None, started)
    }

    fn find(cx: &Context) -> Selected {
        let path = RequestPath::new("/a").unwrap();
        match cx.view.find(&path, AcceptEncoding::IDENTITY, cx.turn) {
            Ok(Found::File(selected)) => selected,
            found => panic!("{found:?}"),
        }
    }

    #[test]
    fn last_modified_is_never_later_than_date() {
        let root = tempfile::tempdir().unwrap();
        let mut cx = context(root.path());
        // The second in which the turn began is over.
        cx.common.set_date(HttpDate::from_unix_seconds(0));
        cx.next_second = cx.started;
        let selected = find(&cx);
        let modified = selected.last_modified;
        let before = cx.now;
        let answer = Chosen::answer(selected, Part::Whole);
        cx.queue(&answer, Persistence::Keep, false);
        assert!(Some(cx.common.date()) >= modified);
        // It is read again as soon as its second is over.
        assert!(cx.next_second.since(cx.now) <= Duration::from_secs(1));
        // Idle time counts from here on.
        assert!(cx.now > before);
    }

    #[test]
    fn what_is_cached_is_dropped_once_the_clock_was_set_back() {
        let root = tempfile::tempdir().unwrap();
        let mut cx = context(root.path());
        // A file that has only just changed is not cached.
        while cx.started.elapsed() < Duration::from_millis(100) {
            std::thread::yield_now();
        }
        let opened = |cx: &mut Context| {
            // The second of the last turn is over.
            cx.next_second = cx.started;
            cx.refresh();
            find(cx);
            cx.view.misses.take()
        };
        assert_eq!([opened(&mut cx), opened(&mut cx)], [1, 0]);
        cx.common.set_date(HttpDate::from_unix_seconds(i64::MAX));
        assert_eq!([opened(&mut cx), opened(&mut cx)], [1, 0]);
    }
}
