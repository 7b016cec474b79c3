//! What a worker does with its connections in one turn: which is served next, which
//! is idle, which has passed its deadline, which is evicted.
//!
//! It is independent of poll, socket and clock: a connection runs over any
//! [`Transport`], the time comes from its [`Context`], and everything beyond its
//! connections is behind a [`Driver`]. The worker and the status listener drive it
//! with a poll and sockets; a simulation, for which it is public, with a script.

mod drain;
mod evict;
mod received;

pub use self::{
    evict::{LINGER_TIME_MIN, SILENT_TIME_MIN},
    received::RECEIVED_BYTES_MAX,
};

use std::{collections::VecDeque, io, time::Duration};

use log::error;

use self::received::ReceivedRequests;
use super::table::{Interest, Key, Table};
use crate::{
    config::Moment,
    connection::{
        Connection, Identity, Next, Readiness, accounting,
        context::{Context, LISTING_PIECES_MAX},
        share_bytes,
        state::State,
        transport::Transport,
    },
    observe::{close_reason::CloseReason, counters::Count},
};

/// The time between two checks of all deadlines: a connection is closed no later
/// than this after its own.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// Time per turn for continued work (the ready queue), and for expired and
/// drained connections. What remains runs first in the next turn.
const READY_TIME_MAX: Duration = Duration::from_millis(2);

/// Responses, beyond one per connection, that the events and new connections of
/// one turn may bring. Connections after that wait for the next turn.
const EXTRA_RESPONSES_MAX: usize = 256;

/// A new connection on its way to its worker.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The stream, non-blocking.
    pub stream: T,
    /// The token of its events: its descriptor, which no other connection has
    /// while this one is open.
    pub token: usize,
    /// Its number, peer and time of accept.
    pub identity: Identity,
}

/// What a scheduler needs from the thread that runs it.
pub trait Driver<T> {
    /// Changes the poll registration of a connection from `before` to `wanted`.
    /// Readiness that exists already is reported by the next events. A connection
    /// that cannot be registered is closed.
    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()>;

    /// Takes a finished connection. Dropping it closes the socket.
    fn closed(&mut self, connection: Connection<T>, reason: CloseReason);

    /// Warns that a request waits for a descriptor.
    fn warn_exhausted(&mut self) {}

    /// Asks the other workers to free a descriptor.
    fn request_descriptor(&mut self) {}

    /// Takes such a request of another worker, if there is one.
    fn take_descriptor_request(&mut self) -> bool {
        false
    }
}

/// The connections of one worker, and the order in which they are served.
#[derive(Debug)]
pub struct Scheduler<T, D> {
    /// What the connections borrow.
    pub cx: Context,
    /// The thread and the rest of the process.
    pub driver: D,
    input: Box<[u8]>,
    received: ReceivedRequests,
    table: Table<Connection<T>>,
    /// Connections that spent their share of a turn and have more to do, or that
    /// [`EXTRA_RESPONSES_MAX`] put off.
    ready: VecDeque<Key>,
    /// How many were ready when the last turn ended.
    waiting: usize,
    /// Responses of this turn, beyond one usual request per connection.
    extra_responses: usize,
    /// Requests of this turn that wait for a descriptor.
    starved_requests: usize,
    /// Since when the best candidate among the silent and lingering connections has
    /// been so, if for long enough to be evicted; as of the last sweep or eviction.
    spare_since: Option<Moment>,
    sweep_at: Moment,
    stop_at: Option<Moment>,
}

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// A scheduler without connections.
    pub fn new(cx: Context, driver: D) -> Scheduler<T, D> {
        Scheduler {
            input: vec![0; cx.input_bytes()].into_boxed_slice(),
            received: ReceivedRequests::default(),
            sweep_at: cx.now,
            cx,
            driver,
            table: Table::default(),
            ready: VecDeque::new(),
            waiting: 0,
            extra_responses: 0,
            starved_requests: 0,
            spare_since: None,
            stop_at: None,
        }
    }

    /// The connections.
    pub fn table(&self) -> &Table<Connection<T>> {
        &self.table
    }

    /// The connections that are served in the next turn even without an event. A key
    /// may be stale or occur twice.
    pub fn ready(&self) -> impl Iterator<Item = Key> {
        self.ready.iter().copied()
    }

    /// When the poll must stop waiting; `None`: nothing is to be done until an event.
    pub fn wait_end(&self) -> Option<Moment> {
        if !self.ready.is_empty() {
            return Some(self.cx.now);
        }
        let has_work = self.table.open() > 0 || self.is_draining() || self.cx.view.has_unused;
        has_work.then_some(self.sweep_at)
    }

    /// How long that is from [`Context::now`] on.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.wait_end().map(|end| end.since(self.cx.now))
    }

    /// Handles an event for the connection with this token. It may be stale, and
    /// refer to an earlier connection with the same token.
    pub fn take_event(&mut self, token: usize, readiness: Readiness) {
        if let Some(key) = self.table.find(token) {
            self.serve(key, readiness);
        }
    }

    /// Reads the request that a connection waits for, to be answered with those of
    /// others. In any other state it is advanced at once, or queued for the next
    /// turn.
    fn serve(&mut self, key: Key, readiness: Readiness) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        if slot.is_queued || slot.is_received {
            // It is served once, after the events.
            slot.connection.note_readiness(readiness);
            return;
        }
        if self.received.receive(key, readiness, &mut slot.connection) {
            slot.is_received = true;
            if self.received.is_full() {
                self.serve_received();
            }
        } else if self.extra_responses > EXTRA_RESPONSES_MAX {
            // Enough of this turn went to connections with many requests.
            slot.is_queued = true;
            self.ready.push_back(key);
        } else {
            // It may send a part of a large file, for which these should not wait.
            self.serve_received();
            self.step(key, readiness);
            self.extra_responses += self.cx.extra_responses();
        }
    }

    /// Ends a turn: answers what was received, serves the ready queue and, if a
    /// sweep is due, checks the deadlines.
    pub fn finish_turn(&mut self) {
        self.serve_received();
        self.cx.listing_pieces = LISTING_PIECES_MAX;
        if self.waiting > 0 {
            self.serve_ready();
        }
        if self.cx.now >= self.sweep_at {
            self.sweep();
        }
        self.evict_for_starved();
        self.cx.listing_pieces = LISTING_PIECES_MAX;
        self.waiting = self.ready.len();
        self.extra_responses = 0;
    }

    /// Takes a new connection and reads from it at once: an HTTP client speaks first,
    /// so it usually arrives with its request.
    pub fn adopt(&mut self, mut accepted: Accepted<T>) {
        accounting::accepted(&mut accepted.identity, &self.cx);
        let connection = Connection::new(accepted.stream, accepted.identity);
        let key = self.table.insert(accepted.token, connection);
        self.serve(key, Readiness::READABLE);
    }

    /// Serves the connections that were ready when the last turn ended. One that
    /// is not done goes to the end of the queue, after the next events.
    #[inline(never)]
    fn serve_ready(&mut self) {
        let begun = self.cx.clock.now();
        for _ in 0..self.waiting {
            self.cx.refresh_clock();
            if self.cx.now.since(begun) > READY_TIME_MAX {
                return;
            }
            let Some(key) = self.ready.pop_front() else {
                return;
            };
            if let Some(slot) = self.table.get_mut(key)
                && slot.is_queued
            {
                slot.is_queued = false;
                self.step(key, Readiness::WRITABLE);
            }
        }
    }

    /// Advances a connection.
    #[inline(never)]
    fn step(&mut self, key: Key, readiness: Readiness) {
        self.act(key, |connection, input, cx| {
            connection.advance(readiness, input, cx)
        });
    }

    /// Runs `act` on a connection and applies the result.
    fn act(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Connection<T>, &mut [u8], &mut Context) -> Next,
    ) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        slot.is_starved = false;
        slot.is_received = false;
        let interest = slot.interest;
        let connection = &mut slot.connection;
        let before = connection.state().idle_since();
        let input = &mut self.input;
        let next = connection.guarded(&mut self.cx, |connection, cx| act(connection, input, cx));
        let after = connection.state().idle_since();
        if after != before {
            // First, so that it is not evicted for itself. If it was used and is idle
            // again, it goes to the end of the order.
            self.table.set_idle(key, false);
            self.table.set_idle(key, after.is_some());
        }
        let wanted = match next {
            Next::Closed(reason) => return self.close(key, reason),
            Next::Writable => Interest::ReadableAndWritable,
            _ => Interest::Readable,
        };
        if interest < wanted {
            self.register(key, wanted);
        }
        if next == Next::Readable {
            return;
        }
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        if next == Next::NextTurn && !std::mem::replace(&mut slot.is_queued, true) {
            self.ready.push_back(key);
        }
        if next == Next::Descriptor {
            slot.is_starved = true;
            self.note_starved();
        }
    }

    /// Registers a connection that stays open. One that is finished in its first
    /// turn is never registered, and writability is added only after a write was
    /// cut short: otherwise every new connection would be woken for nothing.
    #[inline(never)]
    fn register(&mut self, key: Key, wanted: Interest) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        let before = std::mem::replace(&mut slot.interest, wanted);
        if let Err(error) = self.driver.register(slot.token, before, wanted) {
            error!("cannot register a connection with the poll: {error}");
            self.close(key, CloseReason::OutOfResources);
        }
    }

    #[inline(never)]
    fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(mut slot) = self.table.remove(key) else {
            return;
        };
        slot.connection.closed(reason, &mut self.cx);
        self.driver.closed(slot.connection, reason);
    }

    /// Checks all deadlines, at the interval of `sweep_interval`.
    #[cold]
    fn sweep(&mut self) {
        self.cx.refresh_clock();
        let begun = self.cx.now;
        self.sweep_at = begun + self.sweep_interval();
        self.update_spare_since();
        if self.eviction_candidate_since().is_some() && self.driver.take_descriptor_request() {
            self.evict();
        }
        // Before the deadlines, which draining has shortened: a connection with half
        // a head is closed, not answered with a time-out.
        if self.stop_at.is_some() {
            self.close_drained(begun);
        }
        let (mut reading, mut writing, mut lingering) = (0, 0, 0);
        for key in 0..self.table.end() {
            let now = self.cx.now;
            let Some(slot) = self.table.get_mut(key) else {
                continue;
            };
            if slot.is_starved && !slot.is_queued {
                slot.is_queued = true;
                self.ready.push_back(key);
            }
            let state = slot.connection.state();
            match state {
                State::ReadingHead(_) | State::DiscardingBody(_) => reading += 1,
                State::ReadingDirectory(_) | State::Writing(_) => writing += 1,
                State::Lingering { .. } => lingering += 1,
                State::Idle { .. } => {}
            }
            if state.deadline(&self.cx.timeouts) > now {
                continue;
            }
            if now.since(begun) <= READY_TIME_MAX {
                self.expire(key);
            } else {
                // Continue in the next turn, without waiting.
                self.sweep_at = now;
            }
        }
        self.cx.counters.set_busy(reading, writing, lingering);
        self.cx.share_bytes = share_bytes(writing);
        if self.stop_at.is_some_and(|at| at <= self.cx.now) {
            for key in 0..self.table.end() {
                self.close(key, CloseReason::Draining);
            }
        }
    }

    /// Publishes the counters that this turn has changed.
    pub fn count(&mut self) {
        let (counters, view) = (&self.cx.counters, &self.cx.view);
        counters.add(Count::CacheHits, view.hits.take());
        counters.add(Count::CacheMisses, view.misses.take());
        counters.set_idle(self.table.idle());
        if self.table.open() == 0 {
            // No sweep will update these.
            counters.set_busy(0, 0, 0);
        }
    }
}
