//! The fixed pool, and everything that crosses from one thread to another: a stream,
//! once, when it is handed over; counts; and flags, such as those to shut down and to
//! evict.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicI64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::Duration,
};

use log::warn;
use mio::{Poll, Token, Waker};
use rustix::io::Errno;

use super::{clients::Clients, scheduler::Accepted};
use crate::{config::Moment, connection::socket::Stream, observe::snapshot::Facts};

/// The time between two warnings that the system is out of descriptors or memory.
const EXHAUSTED_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The token of every poll's waker; no descriptor is as large.
pub const WAKE: Token = Token(usize::MAX);

/// A worker as the acceptor sees it.
#[derive(Debug)]
pub struct WorkerHandle {
    inbox: Mutex<Vec<Accepted<Stream>>>,
    waker: Waker,
    /// Connections handed over and not yet closed.
    pub open: AtomicUsize,
    /// When this worker's best candidate for an eviction became idle or silent, or
    /// began to linger, as of its last turn: [`Moment::nanoseconds`]; `i64::MAX`:
    /// no candidate.
    pub candidate_since: AtomicI64,
    /// The acceptor requests the eviction of that connection. True until the
    /// worker has handled the request.
    pub evict: AtomicBool,
}

impl WorkerHandle {
    /// The handle of the worker with this poll.
    pub fn new(poll: &Poll) -> io::Result<WorkerHandle> {
        Ok(WorkerHandle {
            inbox: Mutex::default(),
            waker: Waker::new(poll.registry(), WAKE)?,
            open: AtomicUsize::new(0),
            candidate_since: AtomicI64::new(i64::MAX),
            evict: AtomicBool::new(false),
        })
    }

    /// Hands a stream over. Only the first in the inbox wakes the worker, which
    /// takes all that have arrived by then.
    pub fn hand_over(&self, accepted: Accepted<Stream>) {
        self.open.fetch_add(1, Relaxed);
        let mut inbox = lock(&self.inbox);
        let is_first = inbox.is_empty();
        inbox.push(accepted);
        drop(inbox);
        if is_first {
            self.wake();
        }
    }

    /// Swaps the inbox for `arrivals`, which is empty.
    pub fn take(&self, arrivals: &mut Vec<Accepted<Stream>>) {
        std::mem::swap(&mut *lock(&self.inbox), arrivals);
    }

    /// Wakes the worker's poll.
    pub fn wake(&self) {
        wake(&self.waker, "a worker");
    }
}

fn wake(waker: &Waker, whom: &str) {
    if let Err(error) = waker.wake() {
        log::error!("cannot wake {whom}: {error}");
    }
}

/// Locks a mutex. Ignores poisoning: a panic leaves the data valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all threads of the server share.
#[derive(Debug)]
pub struct Shared {
    /// What the status page shows, and whether the server is draining.
    pub facts: Arc<Facts>,
    /// Connections may still be handed over.
    pub accepting: AtomicBool,
    /// Worker threads that are running.
    pub workers: AtomicUsize,
    /// Whether one of them panicked.
    pub panicked: AtomicBool,
    /// The acceptor waits for a connection to close.
    pub acceptor_waits: AtomicBool,
    /// Wakes the acceptor.
    pub acceptor: Waker,
    /// The number of connections of each client.
    pub clients: Clients,
    /// A request waits for a descriptor, and its worker has no idle connection to
    /// close for it.
    pub descriptor_requested: AtomicBool,
    /// When exhaustion was last warned about.
    exhausted_warned: Mutex<Option<Moment>>,
}

impl Shared {
    /// The shared state of a server that starts.
    pub fn new(acceptor: Waker, facts: Arc<Facts>) -> Shared {
        Shared {
            accepting: AtomicBool::new(true),
            workers: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            acceptor_waits: AtomicBool::new(false),
            acceptor,
            clients: Clients::new(facts.limits.connections_per_ip_max),
            descriptor_requested: AtomicBool::new(false),
            exhausted_warned: Mutex::default(),
            facts,
        }
    }

    /// Warns that the system is out of descriptors or memory, at most once per
    /// interval.
    pub fn warn_exhausted(&self, doing: &str, error: Errno) {
        let mut warned_at = lock(&self.exhausted_warned);
        if warned_at.is_some_and(|at| at.elapsed() < EXHAUSTED_WARNING_INTERVAL) {
            return;
        }
        *warned_at = Some(Moment::now());
        drop(warned_at);
        warn!("cannot {doing}: {error} (repeated at most once per minute)");
    }

    /// Wakes the acceptor, if it waits, after a connection closed or became idle.
    pub fn wake_acceptor(&self) {
        if self.acceptor_waits.swap(false, SeqCst) {
            wake(&self.acceptor, "the acceptor");
        }
    }
}

/// Held by a worker thread and counted in [`Shared::workers`]. Dropping it, even
/// by a panic, wakes the acceptor: it waits for that during a shutdown, and
/// otherwise must not hand connections to a worker that is gone.
#[derive(Debug)]
pub struct WorkerGuard(Arc<Shared>);

impl WorkerGuard {
    /// The guard of a worker about to start.
    pub fn new(shared: Arc<Shared>) -> WorkerGuard {
        shared.workers.fetch_add(1, SeqCst);
        WorkerGuard(shared)
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.panicked.store(true, SeqCst);
        }
        self.0.workers.fetch_sub(1, SeqCst);
        wake(&self.0.acceptor, "the acceptor");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::Events;

    use super::*;
    use crate::observe::fixture;

    /// The acceptor is woken when a worker ends, by a panic or not.
    fn check(panics: bool) {
        let mut poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKE).unwrap();
        let shared = Arc::new(Shared::new(waker, fixture::facts().0));
        let guard = WorkerGuard::new(Arc::clone(&shared));
        assert_eq!(shared.workers.load(SeqCst), 1);
        let worker = thread::spawn(move || {
            let _guard = guard;
            assert!(!panics, "provoked");
        });
        assert_eq!(worker.join().is_err(), panics);
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        let seen = (shared.workers.load(SeqCst), events.is_empty());
        assert_eq!(seen, (0, false), "{panics}");
        assert_eq!(shared.panicked.load(SeqCst), panics);
    }

    #[test]
    fn the_end_of_a_worker_wakes_the_acceptor() {
        check(true);
        check(false);
    }
}
