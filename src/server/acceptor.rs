//! The acceptor: the main thread, with the listeners and the signals in one
//! poll. It takes what waits, chooses a worker, hands the stream over.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use log::{debug, error, info, warn};
use mio::{Events, Interest, Poll, Token, unix::SourceFd};

use super::{
    listener::{AcceptError, DEFER_ACCEPT, Listener},
    pool::{Accepted, Posts, Shared},
    shutdown::{Signal, Signals},
};
use crate::observe::access_log::AccessLog;

const SIGNALS: Token = Token(usize::MAX - 1);

/// How long accepting pauses when the system is out of descriptors or memory
/// and no connection of ours closes in the meantime.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// The acceptor.
#[derive(Debug)]
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
    /// The access log, to be opened again on SIGHUP.
    pub access_log: Option<Arc<AccessLog>>,
    /// The number of the last connection.
    pub last_id: u64,
    /// Whether the system's being out of descriptors was told.
    pub told_exhausted: bool,
}

/// Whether there is room for another connection.
enum Room {
    /// There is.
    Free,
    /// There will be, once a worker has closed one.
    Awaited,
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
            for signal in self.signals.pending() {
                match signal {
                    Signal::Stop => {
                        self.accept_all();
                        self.stop();
                        return Ok(());
                    }
                    Signal::Reopen => {
                        if let Some(log) = &self.access_log {
                            log.reopen();
                        }
                    }
                }
            }
            pause = self.accept_all();
        }
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
                if let Room::Awaited = self.room() {
                    return None;
                }
                match self.listeners[index].accept() {
                    Ok((stream, peer)) => {
                        let waited = match self.listeners[index].defers() {
                            true => DEFER_ACCEPT,
                            false => Duration::ZERO,
                        };
                        self.told_exhausted = false;
                        self.hand_over(stream, peer, waited);
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

    /// At the limit, asks the worker with the longest idle connection to close
    /// it. With none idle, what waits goes on waiting in the backlog.
    fn room(&self) -> Room {
        if self.open() < self.connections_max {
            return Room::Free;
        }
        self.shared.acceptor_waits.store(true, Relaxed);
        let longest = self
            .posts
            .iter()
            .min_by_key(|post| post.idle_since.load(Relaxed));
        if let Some(post) = longest
            && post.idle_since.load(Relaxed) != u64::MAX
        {
            post.evictions.store(1, Relaxed);
            post.wake();
        }
        // One may have closed before the workers could know that we wait.
        if self.open() < self.connections_max {
            self.shared.acceptor_waits.store(false, Relaxed);
            return Room::Free;
        }
        Room::Awaited
    }

    fn open(&self) -> usize {
        self.posts.iter().map(|post| post.open.load(Relaxed)).sum()
    }

    fn exhausted(&mut self, error: &io::Error) -> Duration {
        if !self.told_exhausted {
            self.told_exhausted = true;
            warn!("cannot accept for now: {error}");
        }
        self.shared.acceptor_waits.store(true, Relaxed);
        EXHAUSTED_PAUSE
    }

    fn hand_over(&mut self, stream: TcpStream, peer: SocketAddr, waited: Duration) {
        self.last_id += 1;
        if !self.shared.clients.admit(peer.ip()) {
            debug!("connection {}: refused: {peer} has enough", self.last_id);
            return;
        }
        let fewest = self
            .posts
            .iter()
            .min_by_key(|post| post.open.load(Relaxed));
        if let Some(post) = fewest {
            post.hand_over(Accepted {
                stream,
                peer: Some(peer),
                at: Instant::now(),
                waited,
                id: self.last_id,
            });
        }
    }

    fn stop(&self) {
        info!("stopping: {} connections are open", self.open());
        self.shared.stopping.store(true, Relaxed);
        for post in self.posts.iter() {
            post.wake();
        }
    }
}

