//! The acceptor: the main thread, with the listeners and the signals in one
//! poll. It takes what waits, chooses a worker, hands the stream over.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::{Duration, Instant},
};

use log::{debug, error, info};
use mio::{Events, Interest, Poll, Token, unix::SourceFd};

use super::{
    listener::{AcceptError, DEFER_ACCEPT, Listener},
    pool::{Posts, Shared},
    scheduler::Accepted,
    shutdown::{Signal, Signals},
};
use crate::{
    connection::socket::Stream,
    observe::{access_log::AccessLog, snapshot::Watch},
};

const SIGNALS: Token = Token(usize::MAX - 1);

/// How long accepting pauses when the system is out of descriptors or memory
/// and no connection of ours closes in the meantime.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// The acceptor.
pub struct Acceptor {
    /// Its poll, in which [`Shared::acceptor`] is registered.
    pub poll: Poll,
    /// Where connections come from.
    pub listeners: Vec<Listener>,
    /// What the process is told.
    pub signals: Signals,
    /// Where connections go.
    pub posts: Posts,
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// Open connections; at the limit the longest idle makes room.
    pub connections_max: usize,
    /// What is shown of the server.
    pub watch: Arc<Watch>,
    /// The access log, to be opened again on SIGHUP.
    pub access_log: Option<Arc<AccessLog>>,
    /// The number of the last connection.
    pub last_id: u64,
    /// A stream that was accepted at the limit and waits for one to close.
    pub held: Option<Arrival>,
}

/// A stream that was accepted.
#[derive(Debug)]
pub struct Arrival {
    stream: Stream,
    peer: Option<SocketAddr>,
    /// How long the kernel held it back if it came without a request.
    waited: Duration,
}

impl Acceptor {
    /// Accepts until the process is told to stop, then once more all that
    /// waits, and tells the workers.
    pub fn run(mut self) -> io::Result<()> {
        self.register()?;
        let mut events = Events::with_capacity(self.listeners.len() + 2);
        let mut pause = None;
        loop {
            if let Err(error) = self.poll.poll(&mut events, pause)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            let signalled = events.iter().any(|event| event.token() == SIGNALS);
            if signalled && self.is_told_to_stop() {
                self.listeners.iter_mut().for_each(Listener::withdraw);
                self.accept_all();
                if let Some(held) = self.held.take() {
                    self.hand_over(held);
                }
                self.stop();
                return Ok(());
            }
            pause = self.accept_all();
        }
    }

    /// Obeys the signals that came.
    fn is_told_to_stop(&mut self) -> bool {
        let mut stop = false;
        for signal in self.signals.pending().filter_map(Signal::of) {
            match (signal, &self.access_log) {
                (Signal::Stop, _) => stop = true,
                (Signal::Reopen, Some(log)) => log.reopen(),
                (Signal::Reopen, None) => {}
            }
        }
        stop
    }

    fn register(&mut self) -> io::Result<()> {
        let registry = self.poll.registry();
        for listener in &self.listeners {
            registry.register(
                &mut SourceFd(&listener.as_raw_fd()),
                Token(listener.as_raw_fd() as usize),
                Interest::READABLE,
            )?;
        }
        registry.register(&mut self.signals, SIGNALS, Interest::READABLE)
    }

    /// Accepts until none is waiting; gives how long to sleep at the most.
    fn accept_all(&mut self) -> Option<Duration> {
        for index in 0..self.listeners.len() {
            loop {
                if let Some(held) = self.held.take() {
                    if !self.has_room() {
                        self.held = Some(held);
                        return None;
                    }
                    self.hand_over(held);
                }
                match self.listeners[index].accept() {
                    Ok((stream, peer)) => {
                        let waited = match self.listeners[index].defers() {
                            true => DEFER_ACCEPT,
                            false => Duration::ZERO,
                        };
                        match peer {
                            // First, so that nobody makes room for one refused.
                            Some(peer) if !self.shared.clients.admit(peer.ip()) => {
                                debug!("refused: {peer} has as many connections as it may");
                                self.watch.refused.add(1);
                            }
                            _ => {
                                self.held = Some(Arrival {
                                    stream,
                                    peer,
                                    waited,
                                });
                            }
                        }
                    }
                    Err(AcceptError::WouldBlock) => break,
                    Err(AcceptError::Transient(error)) => debug!("cannot accept: {error}"),
                    Err(AcceptError::Exhausted(error)) => return Some(self.exhausted(&error)),
                    Err(AcceptError::Fatal(error)) => {
                        error!("cannot accept: {error}");
                        break;
                    }
                }
            }
        }
        None
    }

    /// Whether a stream that waits can be handed over. At the limit, asks the
    /// worker with the longest idle connection to close it; with none idle,
    /// what waits goes on waiting, behind it in the backlog.
    fn has_room(&self) -> bool {
        if self.open() < self.connections_max {
            return true;
        }
        self.make_room();
        // One may have closed before the workers could know that we wait.
        if self.open() < self.connections_max {
            self.shared.acceptor_waits.store(false, Relaxed);
            return true;
        }
        false
    }

    /// Has the longest idle connection closed, if any is idle, and wants to be
    /// woken when one is closed or falls idle. While one is on its way out no
    /// second is asked for: it is for one newcomer.
    fn make_room(&self) {
        self.shared.acceptor_waits.store(true, SeqCst);
        if self.posts.iter().any(|post| post.evict.load(SeqCst)) {
            return;
        }
        let longest = self
            .posts
            .iter()
            .min_by_key(|post| post.idle_since.load(Relaxed));
        if let Some(post) = longest
            && post.idle_since.load(Relaxed) != u64::MAX
        {
            post.evict.store(true, SeqCst);
            post.wake();
        }
    }

    fn open(&self) -> usize {
        self.posts.iter().map(|post| post.open.load(Relaxed)).sum()
    }

    fn exhausted(&self, error: &io::Error) -> Duration {
        self.shared.tell_exhausted("accept", error);
        self.make_room();
        EXHAUSTED_PAUSE
    }

    fn hand_over(&mut self, arrival: Arrival) {
        let Arrival {
            stream,
            peer,
            waited,
        } = arrival;
        self.last_id += 1;
        let fewest = self.posts.iter().min_by_key(|post| post.open.load(Relaxed));
        if let Some(post) = fewest {
            post.hand_over(Accepted {
                token: stream.as_raw_fd() as usize,
                stream,
                peer,
                at: Instant::now(),
                waited,
                id: self.last_id,
            });
        }
    }

    fn stop(&self) {
        info!("stopping: {} connections are open", self.open());
        self.watch.draining.store(true, Relaxed);
        self.shared.stopping.store(true, Relaxed);
        for post in self.posts.iter() {
            post.wake();
        }
    }
}
