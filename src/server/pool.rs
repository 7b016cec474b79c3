//! The fixed pool, and all that crosses from one thread to another: a stream
//! once, at the start; numbers; the word to stop.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use mio::{Interest, Poll, Registry, Token, Waker, unix::SourceFd};

use super::clients::Clients;

/// The token of every poll's waker; no descriptor is as large.
pub const WAKE: Token = Token(usize::MAX);

/// A stream on its way to a worker.
#[derive(Debug)]
pub struct Accepted {
    /// The stream, non-blocking.
    pub stream: TcpStream,
    /// The peer.
    pub peer: Option<SocketAddr>,
    /// When it was accepted.
    pub at: Instant,
    /// How long the kernel held it back if it came without a request.
    pub waited: Duration,
    /// Its number.
    pub id: u64,
}

/// A worker as the acceptor sees it.
#[derive(Debug)]
pub struct Post {
    inbox: Mutex<Vec<Accepted>>,
    registry: Registry,
    waker: Waker,
    /// Connections handed over and not yet closed.
    pub open: AtomicUsize,
    /// Since when the longest idle of them is, as of the worker's last turn, in nanoseconds of the process;
    /// `u64::MAX` where there is none.
    pub idle_since: AtomicU64,
    /// Idle connections the acceptor wants closed.
    pub evictions: AtomicUsize,
}

impl Post {
    /// The post of a worker with this poll.
    pub fn new(poll: &Poll) -> io::Result<Post> {
        Ok(Post {
            inbox: Mutex::default(),
            registry: poll.registry().try_clone()?,
            waker: Waker::new(poll.registry(), WAKE)?,
            open: AtomicUsize::new(0),
            idle_since: AtomicU64::new(u64::MAX),
            evictions: AtomicUsize::new(0),
        })
    }

    /// Hands a stream over. Its worker learns of it with the stream's first
    /// event: no further wake-up, unless the worker sleeps without a deadline
    /// because it has no connection at all.
    pub fn hand_over(&self, accepted: Accepted) {
        let descriptor = accepted.stream.as_raw_fd();
        let before = self.open.fetch_add(1, Relaxed);
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(accepted);
        let registered = self.registry.register(
            &mut SourceFd(&descriptor),
            Token(descriptor as usize),
            Interest::READABLE,
        );
        if before == 0 || registered.is_err() {
            self.wake();
        }
    }

    /// Takes what was handed over, into `streams`.
    pub fn take(&self, streams: &mut Vec<Accepted>) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *inbox, streams);
    }

    /// Makes the worker look up.
    pub fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake a worker: {error}");
        }
    }
}

/// What all threads of the server share.
#[derive(Debug)]
pub struct Shared {
    /// The server is stopping.
    pub stopping: AtomicBool,
    /// The acceptor waits for a connection to close.
    pub acceptor_waits: AtomicBool,
    /// Wakes the acceptor.
    pub acceptor: Waker,
    /// The connections of each client.
    pub clients: Clients,
    /// The instant from which turns are counted.
    pub started: Instant,
}

impl Shared {
    /// A connection is closed, or idle: an acceptor that waits for one goes on.
    pub fn wake_acceptor(&self) {
        if self.acceptor_waits.swap(false, Relaxed)
            && let Err(error) = self.acceptor.wake()
        {
            log::error!("cannot wake the acceptor: {error}");
        }
    }
}

/// All workers, as the acceptor and whoever counts see them.
pub type Posts = Arc<[Arc<Post>]>;
