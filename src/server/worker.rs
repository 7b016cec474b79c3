//! A worker: one thread, one poll, one table of connections.

mod drain;

use std::{
    collections::VecDeque,
    io,
    os::fd::AsRawFd,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use log::{debug, error};
use mio::{Events, Interest, Poll, Token, event::Event, unix::SourceFd};
use rustix::io::Errno;

use super::{
    pool::{Accepted, Post, Shared, WAKE},
    table::{Place, Slot, Table},
};
use crate::{
    connection::{Connection, Fate, Hint, Identity, desk::Desk, state::State},
    observe::{close_reason::CloseReason, story::Story},
};

/// The time between two looks at the deadlines: a connection is cut no later
/// than this after its own.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The time between two turns of a worker without connections: often enough to
/// close files that are deleted.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Events taken from the poll at once.
const EVENTS_MAX: usize = 1024;

/// A worker, before and while it runs.
#[derive(Debug)]
pub struct Worker {
    poll: Poll,
    post: Arc<Post>,
    shared: Arc<Shared>,
    desk: Desk,
    input: Box<[u8]>,
    table: Table,
    /// Connections that had their share of a turn and are not done.
    ready: VecDeque<Place>,
    arrivals: Vec<Accepted>,
    sweep_at: Instant,
    stop_at: Option<Instant>,
}

impl Worker {
    /// A worker with nothing to do yet.
    pub fn new(poll: Poll, post: Arc<Post>, shared: Arc<Shared>, desk: Desk) -> Worker {
        Worker {
            input: vec![0; desk.input_bytes()].into_boxed_slice(),
            sweep_at: desk.now,
            poll,
            post,
            shared,
            desk,
            table: Table::default(),
            ready: VecDeque::new(),
            arrivals: Vec::new(),
            stop_at: None,
        }
    }

    /// Serves until the server stops and every connection is done with.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            if let Err(error) = self.poll.poll(&mut events, Some(self.patience()))
                && error.kind() != io::ErrorKind::Interrupted
            {
                error!("worker {}: cannot poll: {error}", self.desk.worker);
                return;
            }
            self.desk.begin_turn();
            let waiting = self.ready.len();
            for event in &events {
                self.take_event(event);
            }
            self.serve_ready(waiting);
            if self.desk.now >= self.sweep_at {
                self.sweep();
            }
            if let Some(log) = &mut self.desk.log {
                log.flush();
            }
            self.publish();
            if self.is_done() {
                return;
            }
        }
    }

    /// How long the poll may sleep.
    fn patience(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        // A stream may lie in the inbox that has brought nothing yet.
        let has_connections = self.table.open() > 0 || self.post.open.load(Relaxed) > 0;
        if has_connections || self.stop_at.is_some() {
            self.sweep_at.saturating_duration_since(self.desk.now)
        } else {
            IDLE_INTERVAL
        }
    }

    fn take_event(&mut self, event: &Event) {
        if event.token() == WAKE {
            self.obey();
            return;
        }
        let descriptor = event.token().0;
        let place = self.table.find(descriptor).or_else(|| {
            self.take_arrivals();
            self.table.find(descriptor)
        });
        if let Some(place) = place {
            // Who waits for a turn has it after the events: one, not two.
            let waits = |slot: &mut Slot| slot.is_queued;
            let is_queued = self.table.get_mut(place).is_some_and(waits);
            let hint = Hint {
                readable: event.is_readable() || event.is_error(),
                writable: (event.is_writable() || event.is_error()) && !is_queued,
                read_closed: event.is_read_closed() || event.is_error(),
            };
            self.step(place, hint);
        }
    }

    /// Does what the acceptor asked for.
    fn obey(&mut self) {
        self.take_arrivals();
        for _ in 0..self.post.evictions.swap(0, Relaxed) {
            if let Some(place) = self.table.longest_idle() {
                self.close(place, CloseReason::Evicted);
            }
        }
        if self.stop_at.is_none() && self.shared.stopping.load(Relaxed) {
            self.drain();
        }
    }

    fn take_arrivals(&mut self) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.post.take(&mut arrivals);
        for accepted in arrivals.drain(..) {
            self.adopt(accepted);
        }
        self.arrivals = arrivals;
    }

    fn adopt(&mut self, accepted: Accepted) {
        let Accepted {
            stream,
            peer,
            at,
            waited,
            id,
        } = accepted;
        let worker = self.desk.worker;
        let watched = self.desk.counters.is_watched();
        let identity = Identity {
            id,
            peer,
            requests: 0,
            accepted: at,
            waited,
            story: watched.then(|| Story::begin(id, peer, worker, at)),
        };
        if let Some(peer) = peer {
            debug!("connection {id}: accepted from {peer} by worker {worker}");
        }
        self.desk.counters.accepted.add(1);
        let descriptor = stream.as_raw_fd() as usize;
        self.table
            .insert(descriptor, Connection::new(stream, identity));
    }

    /// Gives the first `waiting` connections in the ready queue their next share:
    /// those that had none in this turn. Who is not done goes to the end, behind
    /// everybody else's events.
    fn serve_ready(&mut self, waiting: usize) {
        for _ in 0..waiting {
            let Some(place) = self.ready.pop_front() else {
                return;
            };
            if let Some(slot) = self.table.get_mut(place)
                && slot.is_queued
            {
                slot.is_queued = false;
                let hint = Hint {
                    writable: true,
                    ..Hint::default()
                };
                self.step(place, hint);
            }
        }
    }

    /// Advances a connection. A panic costs that connection only.
    fn step(&mut self, place: Place, hint: Hint) {
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        let (input, desk) = (&mut self.input, &mut self.desk);
        slot.is_starved = false;
        let connection = &mut slot.connection;
        let fate = connection.advance_guarded(hint, input, desk);
        self.settle(place, fate);
    }

    fn settle(&mut self, place: Place, fate: Fate) {
        // First, so that it makes no room for itself; and it has just been
        // used, so that it goes behind the others.
        self.table.set_idle(place, false);
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        let is_idle = matches!(slot.connection.state(), State::Idle { .. });
        match fate {
            Fate::Reading => {}
            Fate::Writing => {
                if !slot.watches_writes {
                    slot.watches_writes = true;
                    let descriptor = slot.descriptor;
                    self.watch_writes(place, descriptor);
                }
            }
            Fate::Turn => {
                if !slot.is_queued {
                    slot.is_queued = true;
                    self.ready.push_back(place);
                }
            }
            Fate::Starved => {
                slot.is_starved = true;
                self.starve();
            }
            Fate::Closed(reason) => {
                self.close(place, reason);
                return;
            }
        }
        self.table.set_idle(place, is_idle);
    }

    /// A request waits for a descriptor: files kept open give theirs up, or
    /// else an idle connection, of another worker if this one has none. What
    /// waits is tried again with the next sweep, by when it has an effect.
    fn starve(&mut self) {
        self.shared.tell_exhausted("open files", &Errno::MFILE);
        if self.desk.view.close_kept_files() > 0 {
            return;
        }
        match self.table.longest_idle() {
            Some(idle) => self.close(idle, CloseReason::Evicted),
            None => self.shared.starving.store(true, Relaxed),
        }
    }

    /// Asks for writability too, after a write was cut short. Where there is
    /// room again already, the poll says so at once.
    fn watch_writes(&mut self, place: Place, descriptor: usize) {
        let asked = self.poll.registry().reregister(
            &mut SourceFd(&(descriptor as i32)),
            Token(descriptor),
            Interest::READABLE | Interest::WRITABLE,
        );
        if let Err(error) = asked {
            error!("cannot watch a connection: {error}");
            self.close(place, CloseReason::Reset);
        }
    }

    fn close(&mut self, place: Place, reason: CloseReason) {
        let Some(mut slot) = self.table.remove(place) else {
            return;
        };
        slot.connection.closed(reason, &mut self.desk);
        if let Some(peer) = slot.connection.identity().peer {
            self.shared.clients.leave(peer.ip());
        }
        drop(slot);
        self.post.open.fetch_sub(1, Relaxed);
        self.shared.wake_acceptor();
    }

    /// Ends the connections whose time is up.
    fn sweep(&mut self) {
        self.sweep_at = self.desk.now + SWEEP_INTERVAL;
        self.take_arrivals();
        if self.table.idle() > 0
            && self.shared.starving.swap(false, Relaxed)
            && let Some(idle) = self.table.longest_idle()
        {
            self.close(idle, CloseReason::Evicted);
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
            if state.deadline(&self.desk.timeouts) <= now {
                let fate = slot.connection.expire_guarded(&mut self.desk);
                self.settle(place, fate);
            }
        }
        self.count_busy(reading, writing, lingering);
        if self.stop_at.is_some() {
            self.dismiss();
        }
        if self.stop_at.is_some_and(|at| at <= self.desk.now) {
            for place in 0..self.table.end() {
                self.close(place, CloseReason::Draining);
            }
        }
    }

    fn count_busy(&self, reading: u64, writing: u64, lingering: u64) {
        self.desk.counters.reading.set(reading);
        self.desk.counters.writing.set(writing);
        self.desk.counters.lingering.set(lingering);
    }

    /// Tells the acceptor what it decides by, and everybody what was counted.
    fn publish(&mut self) {
        let lookups = self.desk.view.take_lookups();
        self.desk.counters.cache_hits.add(lookups.hits);
        self.desk.counters.cache_misses.add(lookups.misses);
        let idle = self.table.idle();
        self.desk.counters.idle.set(idle as u64);
        if self.table.open() == 0 {
            // No sweep will come that would say so.
            self.count_busy(0, 0, 0);
        }
        let since = self
            .table
            .longest_idle()
            .and_then(|place| self.table.get_mut(place))
            .map_or(u64::MAX, |slot| match slot.connection.state() {
                State::Idle { since } => {
                    let nanoseconds = since.saturating_duration_since(self.shared.started);
                    u64::try_from(nanoseconds.as_nanos()).unwrap_or(u64::MAX)
                }
                _ => u64::MAX,
            });
        self.post.idle_since.store(since, Relaxed);
        // An acceptor at its limit can have one of these closed.
        if idle > 0 && self.shared.acceptor_waits.load(Relaxed) {
            self.shared.wake_acceptor();
        }
    }
}
