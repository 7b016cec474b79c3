//! A worker: one thread, one poll, one table of connections.

use std::{
    collections::VecDeque,
    io,
    os::fd::AsRawFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use log::{debug, error};
use mio::{Events, Interest, Poll, Token, event::Event, unix::SourceFd};

use super::{
    pool::{Accepted, Post, Shared, WAKE},
    table::{Place, Table},
};
use crate::{
    connection::{Connection, Fate, Hint, Identity, desk::Desk, state::State},
    observe::{close_reason::CloseReason, story::Story},
};

/// The time between two looks at the deadlines: a connection is cut no later
/// than this after its own.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The most a last reader is waited for once the server is stopping: its
/// response is sent, only its own close is still to come.
const DRAIN_LINGER_MAX: Duration = Duration::from_millis(200);

/// The most a connection just accepted is waited for once the server is
/// stopping: its request may be on its way.
const DRAIN_HEADER_MAX: Duration = Duration::from_millis(100);

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
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != io::ErrorKind::Interrupted
            {
                error!("worker {}: cannot poll: {error}", self.desk.worker);
                return;
            }
            self.desk.begin_turn();
            for event in &events {
                self.take_event(event);
            }
            self.serve_ready();
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
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        // A stream may lie in the inbox that has brought nothing yet.
        let has_connections = self.table.open() > 0 || self.post.open.load(Relaxed) > 0;
        (has_connections || self.stop_at.is_some())
            .then(|| self.sweep_at.saturating_duration_since(self.desk.now))
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
            let hint = Hint {
                readable: event.is_readable() || event.is_error(),
                writable: event.is_writable() || event.is_error(),
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

    /// Gives the connections in the ready queue their next share; those that
    /// are not done go to the end, behind everybody else's events.
    fn serve_ready(&mut self) {
        for _ in 0..self.ready.len() {
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
        let connection = &mut slot.connection;
        let fate = catch_unwind(AssertUnwindSafe(|| connection.advance(hint, input, desk)));
        self.settle(place, fate.unwrap_or(Fate::Closed(CloseReason::Panicked)));
    }

    fn settle(&mut self, place: Place, fate: Fate) {
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        match fate {
            Fate::Reading => {}
            Fate::Writing => {
                if !slot.watches_writes {
                    slot.watches_writes = true;
                    let descriptor = slot.descriptor;
                    self.watch_writes(place, descriptor);
                }
                return;
            }
            Fate::Turn => {
                if !slot.is_queued {
                    slot.is_queued = true;
                    self.ready.push_back(place);
                }
            }
            Fate::Closed(reason) => {
                self.close(place, reason);
                return;
            }
        }
        let is_idle = matches!(slot.connection.state(), State::Idle { .. });
        self.table.set_idle(place, false);
        self.table.set_idle(place, is_idle);
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
        if reason == CloseReason::Panicked {
            // What the panic left half done is nobody's.
            self.desk.output.clear();
            error!("a request caused a panic; its connection is closed");
        }
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
        let (mut reading, mut writing, mut lingering) = (0, 0, 0);
        for place in 0..self.table.end() {
            let now = self.desk.now;
            let Some(slot) = self.table.get_mut(place) else {
                continue;
            };
            let state = slot.connection.state();
            match state {
                State::ReadingHead(_) | State::DiscardingBody(_) => reading += 1,
                State::Writing(_) => writing += 1,
                State::Lingering(_) => lingering += 1,
                State::Idle { .. } => {}
            }
            if state.deadline(&self.desk.timeouts) <= now {
                let fate = slot.connection.expire(&mut self.desk);
                self.settle(place, fate);
            }
        }
        self.desk.counters.reading.set(reading);
        self.desk.counters.writing.set(writing);
        self.desk.counters.lingering.set(lingering);
        if self.stop_at.is_some_and(|at| at <= self.desk.now) {
            for place in 0..self.table.end() {
                self.close(place, CloseReason::Draining);
            }
        }
    }

    /// The server is stopping: who is not owed a response is let go.
    fn drain(&mut self) {
        self.desk.draining = true;
        self.stop_at = Some(self.desk.now + self.desk.timeouts.shutdown);
        self.desk.timeouts.linger = self.desk.timeouts.linger.min(DRAIN_LINGER_MAX);
        self.desk.timeouts.header = self.desk.timeouts.header.min(DRAIN_HEADER_MAX);
        for place in 0..self.table.end() {
            // What has arrived already is answered.
            self.step(
                place,
                Hint {
                    readable: true,
                    ..Hint::default()
                },
            );
            if let Some(reason) = self
                .table
                .get_mut(place)
                .and_then(|slot| slot.connection.drain())
            {
                self.close(place, reason);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.stop_at.is_some() && self.table.open() == 0 && self.post.open.load(Relaxed) == 0
    }

    /// Tells the acceptor what it decides by.
    fn publish(&mut self) {
        let idle = self.table.idle();
        self.desk.counters.idle.set(idle as u64);
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
