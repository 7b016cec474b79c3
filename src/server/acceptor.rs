//! The acceptor: the main thread, with the listeners and the signals in one poll. It
//! accepts connections, chooses a worker for each, and hands the stream over.

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use log::{debug, error, info};
use mio::{Events, Interest, Poll, Token};

use super::{
    listener::{AcceptError, BACKLOG, Listener},
    pool::{Shared, WorkerHandle},
    scheduler::Accepted,
    shutdown::{SIGHUP, Signals},
};
use crate::{config::Moment, connection::socket::Stream, observe::access_log::AccessLog};

const SIGNALS: Token = Token(usize::MAX - 1);

/// Of all listeners: whichever has an event, all are accepted from.
const LISTENERS: Token = Token(usize::MAX - 2);

/// How long accepting pauses when the system is out of descriptors or memory,
/// unless one of our connections closes earlier.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// How long to wait for the workers beyond the shutdown time-out: one may be
/// blocked by a disk that does not respond.
const WORKERS_END_TIME_MAX: Duration = Duration::from_secs(2);

/// Connections accepted from one listener before the other listeners, and the
/// signals, are looked at.
const BATCH_CONNECTIONS_MAX: usize = 256;

/// The acceptor.
pub struct Acceptor<'a> {
    /// The poll, in which [`Shared::acceptor`] is registered.
    pub poll: Poll,
    /// The listening sockets.
    pub listeners: Vec<Listener>,
    /// The signals.
    pub signals: Signals,
    /// The workers.
    pub workers: Vec<Arc<WorkerHandle>>,
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// The access log, reopened on SIGHUP.
    pub access_log: Option<&'a AccessLog>,
    /// The number of the last connection.
    pub last_id: u64,
    /// A stream accepted at the connection limit, waiting for a connection to
    /// close.
    pub held: Option<Accepted<Stream>>,
    /// The first listener to accept from: the one after the last that had a
    /// connection, so that at the limit the listeners take turns.
    pub first: usize,
}

impl Acceptor<'_> {
    /// Accepts until a shutdown signal arrives, then drains the listen backlog.
    /// Returns when the workers have stopped. An error means that a worker was
    /// lost or does not stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(self.listeners.len() + 2);
        let ended = self.accept_until_stopped(&mut events);
        // Close the listeners, so that new connections are refused at once.
        self.listeners.clear();
        self.held = None;
        self.shared.accepting.store(false, SeqCst);
        self.announce_drain();
        // Two waits: a process suspended during the first still gives the workers the second.
        self.await_workers(&mut events, self.shared.facts.timeouts.shutdown)?;
        self.await_workers(&mut events, WORKERS_END_TIME_MAX)?;
        match self.shared.workers.load(SeqCst) {
            0 if self.shared.panicked.load(SeqCst) => {
                ended.and(Err(io::Error::other("a worker thread panicked")))
            }
            0 => ended,
            _ => Err(io::Error::other("a worker did not stop in time")),
        }
    }

    /// Waits until the workers have ended, for at most `time_max`.
    fn await_workers(&mut self, events: &mut Events, time_max: Duration) -> io::Result<()> {
        let deadline = Moment::now() + time_max;
        while self.shared.workers.load(SeqCst) > 0 {
            let left = deadline.since(Moment::now());
            if left.is_zero() {
                break;
            }
            self.wait(events, Some(left))?;
        }
        Ok(())
    }

    fn accept_until_stopped(&mut self, events: &mut Events) -> io::Result<()> {
        self.register()?;
        let mut pause = None;
        while !self.wait(events, pause)? {
            self.check_workers()?;
            pause = self.accept_some();
        }
        self.accept_backlog(events)
    }

    /// Waits for events and handles signals. Returns whether one requests a
    /// shutdown.
    fn wait(&mut self, events: &mut Events, pause: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(events, pause) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let signalled = events.iter().any(|event| event.token() == SIGNALS);
        Ok(signalled && self.handle_signals())
    }

    /// Checks that every worker is alive to take streams.
    fn check_workers(&self) -> io::Result<()> {
        match self.shared.workers.load(SeqCst) < self.workers.len() {
            true => Err(io::Error::other("a worker thread ended unexpectedly")),
            false => Ok(()),
        }
    }

    /// Accepts what is in the backlog when the shutdown begins; closing the
    /// listener would reset those connections. At the connection limit this takes
    /// at most the shutdown time-out. New clients look the same, so no more are
    /// accepted than a backlog can hold.
    fn accept_backlog(&mut self, events: &mut Events) -> io::Result<()> {
        self.listeners.iter_mut().for_each(Listener::withdraw);
        let deadline = Moment::now() + self.shared.facts.timeouts.shutdown;
        let last_id = self.last_id + BACKLOG as u64;
        let mut pause = self.accept_some();
        while pause.is_some() || self.held.is_some() {
            self.announce_drain();
            let left = deadline.since(Moment::now());
            if left.is_zero() || self.last_id >= last_id {
                break;
            }
            self.wait(events, Some(pause.map_or(left, |pause| pause.min(left))))?;
            self.check_workers()?;
            pause = self.accept_some();
        }
        Ok(())
    }

    /// Handles pending signals. Returns whether one requests a shutdown.
    fn handle_signals(&mut self) -> bool {
        let mut stop = false;
        for signal in self.signals.pending() {
            match (signal, self.access_log) {
                (SIGHUP, Some(log)) => log.reopen(),
                (SIGHUP, None) => {}
                // SIGTERM or SIGINT.
                _ => stop = true,
            }
        }
        stop
    }

    fn register(&mut self) -> io::Result<()> {
        let registry = self.poll.registry();
        for listener in &self.listeners {
            listener.register(registry, LISTENERS)?;
        }
        registry.register(&mut self.signals, SIGNALS, Interest::READABLE)
    }

    /// Accepts until the backlogs are empty, or a batch is full. Returns how long
    /// to wait at most before accepting more.
    fn accept_some(&mut self) -> Option<Duration> {
        if let Some(held) = &mut self.held {
            // Its time-outs begin once it can be handed over.
            held.identity.accepted = Moment::now();
        }
        let mut pause = None;
        let (first, count) = (self.first, self.listeners.len());
        for index in (0..count).map(|step| (first + step) % count) {
            for accepted in 0.. {
                if accepted == BATCH_CONNECTIONS_MAX {
                    pause = Some(Duration::ZERO);
                    break;
                }
                if self.held.is_some() && !self.try_make_room() {
                    return None;
                }
                if let Some(held) = self.held.take() {
                    self.hand_over(held);
                }
                match self.listeners[index].accept() {
                    Ok(accepted) => {
                        self.first = (index + 1) % count;
                        self.hold(accepted);
                    }
                    Err(AcceptError::WouldBlock) => break,
                    Err(AcceptError::Transient(error)) => debug!("cannot accept: {error}"),
                    Err(AcceptError::Exhausted(error)) => {
                        self.shared.warn_exhausted("accept", error);
                        self.request_eviction();
                        return Some(EXHAUSTED_PAUSE);
                    }
                    Err(AcceptError::Fatal(error)) => {
                        error!("cannot accept: {error}");
                        break;
                    }
                }
            }
        }
        pause
    }

    /// Holds a stream until it can be handed over. It is closed at once if its
    /// client is at its own connection limit: no other connection is evicted for
    /// it.
    fn hold(&mut self, accepted: Accepted<Stream>) {
        if let Some(peer) = accepted.identity.peer
            && !self.shared.clients.admit(peer.ip())
        {
            debug!("refused {peer}: --max-connections-per-ip reached");
            self.shared.facts.refused.add(1);
            return;
        }
        self.held = Some(accepted);
    }

    /// Whether the held stream can be handed over. At the connection limit it
    /// requests an eviction first.
    fn try_make_room(&self) -> bool {
        let connections_max = self.shared.facts.connections_max;
        if self.open() < connections_max {
            return true;
        }
        self.request_eviction();
        // A connection may have closed before the workers could see that we wait.
        if self.open() < connections_max {
            self.shared.acceptor_waits.store(false, Relaxed);
            return true;
        }
        false
    }

    /// Asks the worker whose connection has been idle, silent or lingering the
    /// longest to close it, and all workers to wake us when a connection closes or
    /// becomes idle. One accept evicts one connection: no further request is made
    /// until the worker has handled this one.
    fn request_eviction(&self) {
        self.shared.acceptor_waits.store(true, SeqCst);
        if self.workers.iter().any(|worker| worker.evict.load(SeqCst)) {
            return;
        }
        let longest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.candidate_since.load(Relaxed));
        if let Some(worker) = longest
            && worker.candidate_since.load(Relaxed) != i64::MAX
        {
            worker.evict.store(true, SeqCst);
            worker.wake();
        }
    }

    fn open(&self) -> u64 {
        let open = self.workers.iter().map(|worker| worker.open.load(SeqCst));
        open.map(|open| open as u64).sum()
    }

    fn hand_over(&mut self, mut accepted: Accepted<Stream>) {
        self.last_id += 1;
        accepted.identity.id = self.last_id;
        let fewest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.open.load(Relaxed));
        if let Some(worker) = fewest {
            worker.hand_over(accepted);
        }
    }

    fn announce_drain(&self) {
        if !self.shared.facts.draining.swap(true, Relaxed) {
            let open = self.open();
            info!(
                "stopping: {open} connection{} open",
                if open == 1 { "" } else { "s" }
            );
        }
        self.workers.iter().for_each(|worker| worker.wake());
    }
}
