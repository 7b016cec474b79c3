//! What a worker lends to the connection it is serving: one of each a worker,
//! none a connection.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    Budget, SHARE_BYTES_MAX, TURN_RESPONSES_MAX,
    output::Output,
    respond::{self, Frame, Queued},
    response_cache::{Hit, ResponseCache},
};
use crate::{
    config::{Config, Limits, Proxy, Timeouts},
    files::{Turn, View},
    handler::{Answer, Basis, status::StatusPages},
    http::{date::HttpDate, persistence::Persistence, response::CommonFields},
    observe::{access_log::LogBuffer, counters::Counters, log_line::LogTime},
};

/// Bytes read at once, besides what is left of a head; and so the most that is
/// kept of requests while a response before them cannot be sent.
pub const READ_BYTES: usize = 16 << 10;

/// Pieces of listings, of a fraction of a millisecond each, that a worker makes in
/// one turn of the poll, however many large folders are asked for.
const TURN_LISTING_PIECES_MAX: usize = 1;

/// Bytes sent in a turn after which what was found of a file in it is looked up
/// again for connections that are read later in it: meanwhile it may have changed,
/// and a client may have asked for what it is now. With small responses it is some
/// 0.3 ms, without reading the clock for each.
const FRESH_BYTES_MAX: usize = 512 << 10;

/// Nanoseconds that reading files may take in a turn before the same is done:
/// 0.3 ms. Whoever reads one reads the clock after it.
const FRESH_NANOSECONDS_MAX: u64 = 300_000;

/// Bytes that a send counts for there besides those that are sent: it takes as
/// long as they do.
pub(super) const SEND_COST_BYTES: usize = 16 << 10;

/// A worker's own things. All of it is reused from connection to connection.
#[derive(Debug)]
pub struct Context {
    /// Output under way; empty between connections.
    pub output: Output,
    /// Heads that came before and what answered them.
    pub response_cache: ResponseCache,
    /// The files.
    pub view: View,
    /// What is answered in the place of files, on the status listener.
    pub status: Option<StatusPages>,
    /// The bounds of what clients can use.
    pub limits: Limits,
    /// The bounds of every wait; shorter once the server is stopping.
    pub timeouts: Timeouts,
    /// Whether the server is stopping.
    pub draining: bool,
    /// The worker's number.
    pub worker: usize,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// The access log, if any.
    pub log: Option<LogBuffer>,
    /// Proxies whose word about the client's address the log takes.
    pub trusted_proxies: Box<[Proxy]>,
    /// The second of wall time, as the access log writes it.
    pub log_time: LogTime,
    /// The lines that every response carries, its `Date` among them.
    pub common: CommonFields,
    /// What the time is read from.
    pub clock: Clock,
    /// When this turn began, or the clock was read again in it.
    pub now: Instant,
    /// The same, as files count it.
    pub turn: Turn,
    /// Bytes sent since the clock was read, and [`SEND_COST_BYTES`] for each
    /// send.
    pub(super) sent_since: usize,
    /// Bytes that one connection may send in this turn: see
    /// [`share_bytes`](super::share_bytes).
    pub share_bytes: usize,
    /// What the connection being served may still do in this turn.
    pub(super) budget: Budget,
    /// Pieces of listings that may still be made in this turn.
    pub listing_pieces: usize,
    started: Instant,
    next_second: Instant,
}

/// What the time is read from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The clock of the system.
    System,
    /// A clock that stands still until it is set, for tests.
    Stepped(Instant),
}

impl Clock {
    /// The time.
    pub fn now(self) -> Instant {
        match self {
            Clock::System => Instant::now(),
            Clock::Stepped(instant) => instant,
        }
    }
}

impl Context {
    /// A context for worker number `worker`. `started` is the instant from which
    /// all context of the process count their turns.
    pub fn new(
        config: &Config,
        worker: usize,
        view: View,
        counters: Arc<Counters>,
        log: Option<LogBuffer>,
        started: Instant,
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
            sent_since: 0,
            share_bytes: SHARE_BYTES_MAX,
            budget: Budget::new(SHARE_BYTES_MAX),
            listing_pieces: 0,
            started,
            next_second: started,
        };
        cx.begin_turn();
        cx
    }

    /// Begins the turn of the poll: reads the clock, once.
    pub fn begin_turn(&mut self) {
        self.refresh_clock();
        self.read_wall_clock(self.now);
        self.listing_pieces = TURN_LISTING_PIECES_MAX;
        match self.status {
            None => self.view.begin_turn(self.turn),
            // A disk that hangs is no reason not to tell of it.
            Some(_) => self.view.follow(),
        }
    }

    /// Reads the wall clock if its second is over at `now`, so that a step of it
    /// is noticed within a second.
    fn read_wall_clock(&mut self, now: Instant) {
        if now < self.next_second {
            return;
        }
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let rest = 1_000_000_000 - u64::from(wall.subsec_nanos());
        self.next_second = now + Duration::from_nanos(rest);
        let date = HttpDate::from_unix_seconds(i64::try_from(wall.as_secs()).unwrap_or(0));
        self.common.set_date(date);
        self.log_time = LogTime::new(date);
    }

    /// Reads the clock again in the middle of a turn, which makes it another
    /// [`Turn`] to the files, so that they are checked again: a request that is
    /// read from here on may have been sent after a response of this turn, and
    /// after a change of the file since.
    pub fn refresh_clock(&mut self) {
        self.sent_since = 0;
        self.now = self.clock.now();
        self.turn = self.turn_at(self.now);
    }

    fn turn_at(&self, now: Instant) -> Turn {
        let nanoseconds = now.saturating_duration_since(self.started).as_nanos();
        Turn(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The same where the connection to be read has been answered in this turn,
    /// much was sent since it began, or files were read for long: a connection of
    /// which the poll said that its request has begun to come may have been sent
    /// the end of it only now.
    pub fn refresh_clock_if_stale(&mut self) {
        if self.budget.responses < TURN_RESPONSES_MAX
            || self.sent_since > FRESH_BYTES_MAX
            || self.turn_at(self.now).0 > self.turn.0 + FRESH_NANOSECONDS_MAX
        {
            self.refresh_clock();
        }
    }

    /// What the connection served last was given beyond a usual request and its
    /// response, in responses.
    pub fn extra_responses(&self) -> usize {
        self.budget.extra_responses()
    }

    /// What an answer is made from.
    pub fn basis(&self) -> Basis<'_> {
        Basis {
            view: &self.view,
            status: self.status.as_ref(),
            turn: self.turn,
            date: self.common.date(),
        }
    }

    /// Queues the response that `answer` is.
    pub fn queue(&mut self, answer: &Answer, persistence: Persistence, head_only: bool) -> Queued {
        // Reading from the disk takes time, which is not the client's. And what
        // was read may have been written in a later second than this turn's: no
        // `Last-Modified` is later than its `Date` (RFC 9110 section 8.8.2.1).
        if self.view.misses.get() > 0 {
            self.now = self.clock.now();
            if matches!(self.clock, Clock::System) {
                self.read_wall_clock(self.now);
            }
        }
        let frame = Frame {
            common: &self.common,
            persistence,
            head_only,
            turn: self.turn,
        };
        respond::queue(answer, frame, &mut self.output)
    }

    /// Queues the response to a head that came before, as it was sent then; one
    /// that was not is queued anew, and remembered.
    pub(super) fn queue_hit(&mut self, hit: &Hit, persistence: Persistence) -> Queued {
        let is_usual = persistence == Persistence::Keep;
        if is_usual
            && let Some(queued) =
                (self.response_cache).push_cached(hit, &self.common, &mut self.output)
        {
            return queued;
        }
        let is_alone = self.output.is_empty();
        let queued = self.queue(&hit.answer, persistence, hit.summary.head_only);
        if is_usual && is_alone {
            let date = self.common.date();
            self.response_cache
                .store_response(hit, &self.output, queued, date);
        }
        queued
    }

    /// Bytes of input a worker needs room for: the largest head and what is
    /// read behind it.
    pub fn input_bytes(&self) -> usize {
        let head = &self.limits.head;
        head.line_bytes_max + head.fields_bytes_max + 2 * READ_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        files::{Found, Site},
        handler::{Chosen, Part, page::Page},
        http::{content_coding::AcceptEncoding, status::Status, target::RequestPath},
    };

    #[test]
    fn what_was_loaded_in_a_turn_is_not_dated_before_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "a").unwrap();
        let mut config = Config::default();
        config.site.root = root.path().into();
        let (site, started) = (Site::open(&config.site).unwrap(), Instant::now());
        let counters = Arc::new(Counters::new(false));
        let mut cx = Context::new(&config, 0, site.view(), counters, None, started);
        // The second of the turn's begin is over.
        cx.common.set_date(HttpDate::from_unix_seconds(0));
        cx.next_second = started;
        let path = RequestPath::new("/a").unwrap();
        let found = cx.view.find(&path, AcceptEncoding::IDENTITY, cx.turn);
        let Ok(Found::File(selected)) = found else {
            panic!("{found:?}");
        };
        let modified = selected.last_modified;
        let before = cx.now;
        let answer = Chosen::answer(selected, Part::Whole);
        cx.queue(&answer, Persistence::Keep, false);
        assert!(Some(cx.common.date()) >= modified);
        // Who is idle after it is so from here on.
        assert!(cx.now > before);
    }

    #[test]
    fn what_was_found_is_looked_up_again_once_reading_files_took_long() {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.site.root = root.path().into();
        let (site, started) = (Site::open(&config.site).unwrap(), Instant::now());
        let counters = Arc::new(Counters::new(false));
        let mut cx = Context::new(&config, 0, site.view(), counters, None, started);
        for (nanoseconds, is_old) in [
            (0, false),
            (FRESH_NANOSECONDS_MAX, false),
            (FRESH_NANOSECONDS_MAX + 1, true),
        ] {
            cx.clock = Clock::Stepped(started);
            cx.begin_turn();
            let turn = cx.turn;
            cx.clock = Clock::Stepped(started + Duration::from_nanos(nanoseconds));
            cx.view.misses.set(1);
            let refused = Answer::Page(Page::of(Status::NotFound));
            cx.queue(&refused, Persistence::Keep, false);
            cx.refresh_clock_if_stale();
            assert_eq!(cx.turn != turn, is_old, "{nanoseconds}");
        }
    }
}
