//! What a worker does with its connections in a turn: who is served next, who
//! is idle, whose time is up, who is let go.
//!
//! It knows no poll, no socket and no clock: a connection runs over any
//! [`Transport`], the time is what its [`Desk`] says, and what reaches beyond
//! its connections is asked of an [`Outside`]. The worker and the status listener
//! drive it with a poll and sockets; a simulation, for which it is public, with a
//! script.

mod drain;
mod evict;

pub use self::evict::SILENCE_MAX;

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use log::{debug, error};

use super::table::{Place, Table, Watched};
use crate::{
    connection::{
        Connection, Fate, Hint, Identity, desk::Desk, share_bytes, state::State,
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
const READY_MAX: Duration = Duration::from_millis(2);

/// Responses, beyond one each, that the events and the newcomers of a turn may
/// bring before who is told of, or comes, after that waits for the next.
const EXCESS_MAX: usize = 256;

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
pub trait Outside<T> {
    /// Adds what was handed over since the last call to `arrivals`.
    fn take_arrivals(&mut self, arrivals: &mut Vec<Accepted<T>>);

    /// Has the poll tell `wanted` of a connection of which it told `before`.
    /// What is there already, the next events say. A connection that cannot be
    /// watched is closed.
    fn watch(&mut self, token: usize, before: Watched, wanted: Watched) -> io::Result<()>;

    /// Takes a connection that is over; to be dropped, which closes it.
    fn closed(&mut self, connection: Connection<T>, reason: CloseReason);

    /// Tells people that a request waits for a descriptor.
    fn tell_exhausted(&mut self) {}

    /// Asks the other workers for a descriptor.
    fn starve(&mut self) {}

    /// Whether one is asked for; answered yes once.
    fn is_starving(&mut self) -> bool {
        false
    }
}

/// One worker's connections and the order in which they are served.
#[derive(Debug)]
pub struct Scheduler<T, O> {
    /// What is lent to the connection being served.
    pub desk: Desk,
    /// Where the rest of the process is.
    pub outside: O,
    input: Box<[u8]>,
    table: Table<Connection<T>>,
    /// Connections that had their share of a turn and are not done.
    ready: VecDeque<Place>,
    /// How many of them were so when the last turn ended.
    waiting: usize,
    /// What this turn's events have brought beyond a usual request each.
    excess: usize,
    /// How many requests of this turn wait for a descriptor.
    starving: usize,
    /// Since when the client is silent that has been so for the longest, where
    /// that is long enough, as of the last sweep.
    silent_since: Option<Instant>,
    arrivals: Vec<Accepted<T>>,
    sweep_at: Instant,
    stop_at: Option<Instant>,
}

impl<T: Transport, O: Outside<T>> Scheduler<T, O> {
    /// A scheduler without connections.
    pub fn new(desk: Desk, outside: O) -> Scheduler<T, O> {
        Scheduler {
            input: vec![0; desk.input_bytes()].into_boxed_slice(),
            sweep_at: desk.now,
            desk,
            outside,
            table: Table::default(),
            ready: VecDeque::new(),
            waiting: 0,
            excess: 0,
            starving: 0,
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
    pub fn ready(&self) -> impl Iterator<Item = Place> {
        self.ready.iter().copied()
    }

    /// How long the poll may sleep; `None`: nothing is to be done until it
    /// wakes.
    pub fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.desk.view.is_releasing() {
            return Some(Duration::ZERO);
        }
        let has_work = self.table.open() > 0 || self.is_draining();
        has_work.then(|| self.sweep_at.saturating_duration_since(self.desk.now))
    }

    /// The poll says something of the connection with this token. It may be
    /// wrong, or mean one that had the token before.
    pub fn take_event(&mut self, token: usize, hint: Hint) {
        if let Some(place) = self.table.find(token) {
            self.serve(place, hint);
        }
    }

    /// Advances a connection in its share of this turn, or has it wait for one.
    fn serve(&mut self, place: Place, hint: Hint) {
        // Who waits for a turn has it after the events: one, not two.
        match self.table.get_mut(place) {
            Some(slot) if slot.is_queued => slot.connection.note_hint(hint),
            // Enough of this turn went to those who ask for much.
            Some(slot) if self.excess > EXCESS_MAX => {
                slot.connection.note_hint(hint);
                slot.is_queued = true;
                self.ready.push_back(place);
            }
            _ => {
                self.step(place, hint);
                self.excess += self.desk.excess();
            }
        }
    }

    /// Ends a turn: those who are not done have their next share, and those
    /// whose time is up are cut.
    pub fn finish_turn(&mut self) {
        self.serve_ready();
        if self.desk.now >= self.sweep_at {
            self.sweep();
        }
        self.relieve();
        self.waiting = self.ready.len();
        self.excess = 0;
    }

    /// Takes what was handed over, and serves it at once: a client that speaks
    /// first, as HTTP has it, is accepted with its request.
    pub fn take_arrivals(&mut self) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.outside.take_arrivals(&mut arrivals);
        // They may have come after a file was looked at in this turn, and after
        // it was changed.
        self.desk.renew_turn();
        for accepted in arrivals.drain(..) {
            // The kernel has not held it back until its request was there, which may
            // be sent only now.
            if accepted.identity.waited.is_zero() {
                self.desk.renew_turn();
            }
            self.adopt(accepted);
        }
        self.arrivals = arrivals;
    }

    fn adopt(&mut self, mut accepted: Accepted<T>) {
        let identity = &mut accepted.identity;
        let (id, peer, worker) = (identity.id, identity.peer, self.desk.worker);
        if self.desk.counters.is_watched() {
            identity.story = Some(Story::begin(id, peer, worker, identity.accepted));
        }
        match peer {
            Some(peer) => debug!("connection {id}: accepted from {peer} by worker {worker}"),
            None => debug!("connection {id}: accepted by worker {worker}"),
        }
        self.desk.counters.add(Count::Accepted, 1);
        let connection = Connection::new(accepted.stream, accepted.identity);
        let place = self.table.insert(accepted.token, connection);
        self.serve(place, Hint::READABLE);
    }

    /// Gives those in the ready queue who had no share in this turn their next.
    /// Who is not done goes to the end, behind everybody else's events.
    fn serve_ready(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let begun = self.desk.clock.now();
        for _ in 0..self.waiting {
            // A newcomer may have asked after a file was looked at in this turn.
            self.desk.renew_turn();
            if self.desk.now.saturating_duration_since(begun) > READY_MAX {
                return;
            }
            let Some(place) = self.ready.pop_front() else {
                return;
            };
            if let Some(slot) = self.table.get_mut(place)
                && slot.is_queued
            {
                slot.is_queued = false;
                self.step(place, Hint::WRITABLE);
            }
        }
    }

    /// Advances a connection.
    fn step(&mut self, place: Place, hint: Hint) {
        self.act(place, |connection, input, desk| {
            connection.advance(hint, input, desk)
        });
    }

    /// Has a connection act, and does what its fate asks for.
    fn act(
        &mut self,
        place: Place,
        act: impl FnOnce(&mut Connection<T>, &mut [u8], &mut Desk) -> Fate,
    ) {
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        slot.is_starved = false;
        let connection = &mut slot.connection;
        let before = connection.state().idle_since();
        let input = &mut self.input;
        let fate = connection.guarded(&mut self.desk, |connection, desk| {
            act(connection, input, desk)
        });
        let after = connection.state().idle_since();
        if after != before {
            // First, so that it makes no room for itself; and where it has been
            // used and is idle again, it goes behind the others.
            self.table.set_idle(place, false);
            self.table.set_idle(place, after.is_some());
        }
        let wanted = match fate {
            Fate::Closed(reason) => return self.close(place, reason),
            Fate::Writing => Watched::ReadsAndWrites,
            _ => Watched::Reads,
        };
        self.watch(place, wanted);
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        if fate == Fate::Turn && !std::mem::replace(&mut slot.is_queued, true) {
            self.ready.push_back(place);
        }
        if fate == Fate::Starved {
            slot.is_starved = true;
            self.starve();
        }
    }

    /// Has the poll tell of a connection that goes on. One that is over with its
    /// first turn is never registered, and of writes is told once one was cut
    /// short: asking at once would wake every new connection in vain.
    fn watch(&mut self, place: Place, wanted: Watched) {
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        let before = slot.watched;
        if before >= wanted {
            return;
        }
        slot.watched = wanted;
        if let Err(error) = self.outside.watch(slot.token, before, wanted) {
            error!("cannot watch a connection: {error}");
            self.close(place, CloseReason::OutOfResources);
        }
    }

    fn close(&mut self, place: Place, reason: CloseReason) {
        let Some(mut slot) = self.table.remove(place) else {
            return;
        };
        slot.connection.closed(reason, &mut self.desk);
        self.outside.closed(slot.connection, reason);
    }

    /// Ends the connections whose time is up.
    fn sweep(&mut self) {
        self.desk.renew_turn();
        let begun = self.desk.now;
        self.sweep_at = begun + self.sweep_interval();
        self.look_for_silent();
        if self.longest_unused_since().is_some() && self.outside.is_starving() {
            self.evict();
        }
        // Before their time is up, which is shorter by now for those whose request
        // may be on its way: half a head is let go, not told of its time-out.
        if self.stop_at.is_some() {
            self.dismiss(begun);
        }
        let (mut reading, mut writing, mut lingering) = (0, 0, 0);
        for place in 0..self.table.end() {
            let now = self.desk.now;
            let Some(slot) = self.table.get_mut(place) else {
                continue;
            };
            if slot.is_starved && !slot.is_queued {
                slot.is_queued = true;
                self.ready.push_back(place);
            }
            let state = slot.connection.state();
            match state {
                State::ReadingHead(_) | State::DiscardingBody(_) => reading += 1,
                State::ReadingFolder(_) | State::Writing(_) => writing += 1,
                State::Lingering(_) => lingering += 1,
                State::Idle { .. } => {}
            }
            if state.deadline(&self.desk.timeouts) > now {
                continue;
            }
            if now.saturating_duration_since(begun) <= READY_MAX {
                self.expire(place);
            } else {
                // In the next turn, which is at once.
                self.sweep_at = now;
            }
        }
        self.count_busy(reading, writing, lingering);
        self.desk.share_bytes = share_bytes(writing);
        if self.stop_at.is_some_and(|at| at <= self.desk.now) {
            for place in 0..self.table.end() {
                self.close(place, CloseReason::Draining);
            }
        }
    }

    /// Counts, for everybody to see, what a turn has changed.
    pub fn count(&mut self) {
        let (counters, view) = (&self.desk.counters, &self.desk.view);
        counters.add(Count::CacheHits, view.hits.take());
        counters.add(Count::CacheMisses, view.misses.take());
        counters.idle.set(self.table.idle() as u64);
        if self.table.open() == 0 {
            // No sweep will come that would say so.
            self.count_busy(0, 0, 0);
        }
    }

    fn count_busy(&self, reading: usize, writing: usize, lingering: usize) {
        self.desk.counters.reading.set(reading as u64);
        self.desk.counters.writing.set(writing as u64);
        self.desk.counters.lingering.set(lingering as u64);
    }
}
