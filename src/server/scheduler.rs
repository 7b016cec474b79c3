//! What a worker does with its connections in a turn: who is served next, who
//! is idle, whose time is up, who is let go.
//!
//! It knows no poll, no socket and no clock: a connection runs over any
//! [`Transport`], the time is what its [`Context`] says, and what reaches beyond
//! its connections is asked of an [`Driver`]. The worker and the status listener
//! drive it with a poll and sockets; a simulation, for which it is public, with a
//! script.

mod drain;
mod evict;

pub use self::evict::SILENT_TIME_MAX;

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use log::{debug, error};

use super::table::{Interest, Key, Table};
use crate::{
    connection::{
        Connection, Identity, Next, Readiness, context::Context, share_bytes, state::State,
        transport::Transport,
    },
    observe::{close_reason::CloseReason, counters::Count, story::Story},
};

/// The time between two looks at the deadlines: a connection is cut no later
/// than this after its own.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// How long those may take in a turn who go on from the one before, and those
/// whose time is up or whom a stop lets go. Who has had no turn by then is the
/// first in the next.
const READY_TIME_MAX: Duration = Duration::from_millis(2);

/// Responses, beyond one each, that the events and the newcomers of a turn may
/// bring before who is told of, or comes, after that waits for the next.
const EXTRA_RESPONSES_MAX: usize = 256;

/// A connection on its way to its worker.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The stream, non-blocking.
    pub stream: T,
    /// What events are told by: its descriptor, which no other connection has
    /// while this one is open.
    pub token: usize,
    /// Who it is.
    pub identity: Identity,
}

/// What a scheduler asks of the thread that runs it.
pub trait Driver<T> {
    /// Adds what was handed over since the last call to `arrivals`.
    fn take_arrivals(&mut self, arrivals: &mut Vec<Accepted<T>>);

    /// Has the poll tell `wanted` of a connection of which it told `before`.
    /// What is there already, the next events say. A connection that cannot be
    /// watched is closed.
    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()>;

    /// Takes a connection that is over; to be dropped, which closes it.
    fn closed(&mut self, connection: Connection<T>, reason: CloseReason);

    /// Tells people that a request waits for a descriptor.
    fn warn_exhausted(&mut self) {}

    /// Asks the other workers for a descriptor.
    fn request_descriptor(&mut self) {}

    /// Whether one is asked for; answered yes once.
    fn take_descriptor_request(&mut self) -> bool {
        false
    }
}

/// One worker's connections and the order in which they are served.
#[derive(Debug)]
pub struct Scheduler<T, D> {
    /// What is lent to the connection being served.
    pub cx: Context,
    /// Where the rest of the process is.
    pub driver: D,
    input: Box<[u8]>,
    table: Table<Connection<T>>,
    /// Connections that had their share of a turn and are not done.
    ready: VecDeque<Key>,
    /// How many of them were so when the last turn ended.
    waiting: usize,
    /// What this turn's events have brought beyond a usual request each.
    extra_responses: usize,
    /// How many requests of this turn wait for a descriptor.
    starved_requests: usize,
    /// Since when the client is silent that has been so for the longest, where
    /// that is long enough, as of the last sweep.
    silent_since: Option<Instant>,
    arrivals: Vec<Accepted<T>>,
    sweep_at: Instant,
    stop_at: Option<Instant>,
}

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// A scheduler without connections.
    pub fn new(cx: Context, driver: D) -> Scheduler<T, D> {
        Scheduler {
            input: vec![0; cx.input_bytes()].into_boxed_slice(),
            sweep_at: cx.now,
            cx,
            driver,
            table: Table::default(),
            ready: VecDeque::new(),
            waiting: 0,
            extra_responses: 0,
            starved_requests: 0,
            silent_since: None,
            arrivals: Vec::new(),
            stop_at: None,
        }
    }

    /// Its connections.
    pub fn table(&self) -> &Table<Connection<T>> {
        &self.table
    }

    /// The places whose turn comes before the next events; one may have been
    /// left since, or have come twice.
    pub fn ready(&self) -> impl Iterator<Item = Key> {
        self.ready.iter().copied()
    }

    /// How long the poll may sleep; `None`: nothing is to be done until it
    /// wakes.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.cx.view.is_releasing() {
            return Some(Duration::ZERO);
        }
        let has_work = self.table.open() > 0 || self.is_draining();
        has_work.then(|| self.sweep_at.saturating_duration_since(self.cx.now))
    }

    /// The poll says something of the connection with this token. It may be
    /// wrong, or mean one that had the token before.
    pub fn take_event(&mut self, token: usize, readiness: Readiness) {
        if let Some(key) = self.table.find(token) {
            self.serve(key, readiness);
        }
    }

    /// Advances a connection in its share of this turn, or has it wait for one.
    fn serve(&mut self, key: Key, readiness: Readiness) {
        // Who waits for a turn has it after the events: one, not two.
        match self.table.get_mut(key) {
            Some(slot) if slot.is_queued => slot.connection.note_readiness(readiness),
            // Enough of this turn went to those who ask for much.
            Some(slot) if self.extra_responses > EXTRA_RESPONSES_MAX => {
                slot.connection.note_readiness(readiness);
                slot.is_queued = true;
                self.ready.push_back(key);
            }
            _ => {
                self.step(key, readiness);
                self.extra_responses += self.cx.extra_responses();
            }
        }
    }

    /// Ends a turn: those who are not done have their next share, and those
    /// whose time is up are cut.
    pub fn finish_turn(&mut self) {
        self.serve_ready();
        if self.cx.now >= self.sweep_at {
            self.sweep();
        }
        self.evict_for_starved();
        self.waiting = self.ready.len();
        self.extra_responses = 0;
    }

    /// Takes what was handed over, and serves it at once: a client that speaks
    /// first, as HTTP has it, is accepted with its request.
    pub fn take_arrivals(&mut self) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.driver.take_arrivals(&mut arrivals);
        // They may have come after a file was looked at in this turn, and after
        // it was changed.
        self.cx.refresh_clock();
        for accepted in arrivals.drain(..) {
            // The kernel has not held it back until its request was there, which may
            // be sent only now.
            if accepted.identity.waited.is_zero() {
                self.cx.refresh_clock();
            }
            self.adopt(accepted);
        }
        self.arrivals = arrivals;
    }

    fn adopt(&mut self, mut accepted: Accepted<T>) {
        let identity = &mut accepted.identity;
        let (id, peer, worker) = (identity.id, identity.peer, self.cx.worker);
        if self.cx.counters.is_watched() {
            identity.story = Some(Story::begin(id, peer, worker, identity.accepted));
        }
        match peer {
            Some(peer) => debug!("connection {id}: accepted from {peer} by worker {worker}"),
            None => debug!("connection {id}: accepted by worker {worker}"),
        }
        self.cx.counters.add(Count::Accepted, 1);
        let connection = Connection::new(accepted.stream, accepted.identity);
        let key = self.table.insert(accepted.token, connection);
        self.serve(key, Readiness::READABLE);
    }

    /// Gives those in the ready queue who had no share in this turn their next.
    /// Who is not done goes to the end, behind everybody else's events.
    fn serve_ready(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let begun = self.cx.clock.now();
        for _ in 0..self.waiting {
            // A newcomer may have asked after a file was looked at in this turn.
            self.cx.refresh_clock();
            if self.cx.now.saturating_duration_since(begun) > READY_TIME_MAX {
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
    fn step(&mut self, key: Key, readiness: Readiness) {
        self.act(key, |connection, input, cx| {
            connection.advance(readiness, input, cx)
        });
    }

    /// Has a connection act, and does what its next asks for.
    fn act(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Connection<T>, &mut [u8], &mut Context) -> Next,
    ) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        slot.is_starved = false;
        let connection = &mut slot.connection;
        let before = connection.state().idle_since();
        let input = &mut self.input;
        let next = connection.guarded(&mut self.cx, |connection, cx| act(connection, input, cx));
        let after = connection.state().idle_since();
        if after != before {
            // First, so that it makes no room for itself; and where it has been
            // used and is idle again, it goes behind the others.
            self.table.set_idle(key, false);
            self.table.set_idle(key, after.is_some());
        }
        let wanted = match next {
            Next::Closed(reason) => return self.close(key, reason),
            Next::Writable => Interest::ReadableAndWritable,
            _ => Interest::Readable,
        };
        self.register(key, wanted);
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

    /// Has the poll tell of a connection that goes on. One that is over with its
    /// first turn is never registered, and of writes is told once one was cut
    /// short: asking at once would wake every new connection in vain.
    fn register(&mut self, key: Key, wanted: Interest) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        let before = slot.interest;
        if before >= wanted {
            return;
        }
        slot.interest = wanted;
        if let Err(error) = self.driver.register(slot.token, before, wanted) {
            error!("cannot watch a connection: {error}");
            self.close(key, CloseReason::OutOfResources);
        }
    }

    fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(mut slot) = self.table.remove(key) else {
            return;
        };
        slot.connection.closed(reason, &mut self.cx);
        self.driver.closed(slot.connection, reason);
    }

    /// Ends the connections whose time is up.
    fn sweep(&mut self) {
        self.cx.refresh_clock();
        let begun = self.cx.now;
        self.sweep_at = begun + self.sweep_interval();
        self.update_silent_since();
        if self.eviction_candidate_since().is_some() && self.driver.take_descriptor_request() {
            self.evict();
        }
        // Before their time is up, which is shorter by now for those whose request
        // may be on its way: half a head is let go, not told of its time-out.
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
                State::Lingering(_) => lingering += 1,
                State::Idle { .. } => {}
            }
            if state.deadline(&self.cx.timeouts) > now {
                continue;
            }
            if now.saturating_duration_since(begun) <= READY_TIME_MAX {
                self.expire(key);
            } else {
                // In the next turn, which is at once.
                self.sweep_at = now;
            }
        }
        self.count_busy(reading, writing, lingering);
        self.cx.share_bytes = share_bytes(writing);
        if self.stop_at.is_some_and(|at| at <= self.cx.now) {
            for key in 0..self.table.end() {
                self.close(key, CloseReason::Draining);
            }
        }
    }

    /// Counts, for everybody to see, what a turn has changed.
    pub fn count(&mut self) {
        let (counters, view) = (&self.cx.counters, &self.cx.view);
        counters.add(Count::CacheHits, view.hits.take());
        counters.add(Count::CacheMisses, view.misses.take());
        counters.idle.set(self.table.idle() as u64);
        if self.table.open() == 0 {
            // No sweep will come that would say so.
            self.count_busy(0, 0, 0);
        }
    }

    fn count_busy(&self, reading: usize, writing: usize, lingering: usize) {
        self.cx.counters.reading.set(reading as u64);
        self.cx.counters.writing.set(writing as u64);
        self.cx.counters.lingering.set(lingering as u64);
    }
}
