//! A worker: one thread, one poll, one table of connections.
//!
//! The [`Scheduler`] decides what to do with the connections. This file does what
//! needs the system: waiting for events, and communicating with other threads.
//!
//! ```text
//! one turn
//!   poll                  wait for events, until the next sweep at the latest (timer.rs)
//!   take_event            for each event: read the next request, or advance a connection
//!                         in another state
//!   adopt                 on a wake-up from another thread: take new connections, and
//!                         read from them
//!   finish_turn           serve_received       read the clock, answer the requests
//!                         serve_ready          connections whose last share ran out
//!                         sweep                ten times per second: check deadlines
//!                         evict_for_starved    free descriptors, if they ran out
//!   evict_if_requested    make room for a new connection
//!   flush                 hand the access log's lines to its writer
//!   publish               update what the acceptor reads, and the counters
//! ```

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::Duration,
};

use log::error;
use mio::{Events, Poll, Registry, Token, event::Event, unix::SourceFd};
use rustix::io::Errno;

use super::{
    pool::{Shared, WAKE, WorkerGuard, WorkerHandle},
    scheduler::{Accepted, Driver, Scheduler},
    table::Interest,
    timer::{TIMER, Timer},
};
use crate::{
    config::Moment,
    connection::{Connection, Readiness, context::Context, socket::Stream},
    observe::close_reason::CloseReason,
};

/// The time between two turns of a worker without connections: often enough to
/// release deleted files and a replaced root.
pub(super) const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Events taken from the poll at once.
const EVENTS_MAX: usize = 1024;

/// The interest of a readable connection. On Linux it includes urgent data, at
/// which a read stops short (tcp(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
const READS: mio::Interest = mio::Interest::READABLE.add(mio::Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READS: mio::Interest = mio::Interest::READABLE;

/// A worker's poll with its timer, its inbox, and what it shares with other threads.
#[derive(Debug)]
struct WorkerDriver {
    poll: Poll,
    timer: Timer,
    handle: Arc<WorkerHandle>,
    /// Where connections are moved from the inbox; empty between two wake-ups.
    arrivals: Vec<Accepted<Stream>>,
    shared: Arc<Shared>,
}

/// Starts a worker thread, whose end is seen in [`Shared::workers`].
pub fn start(cx: Context, shared: &Arc<Shared>) -> io::Result<Arc<WorkerHandle>> {
    let poll = Poll::new()?;
    let handle = Arc::new(WorkerHandle::new(&poll)?);
    let name = format!("worker {}", cx.worker);
    let driver = WorkerDriver {
        timer: Timer::register(poll.registry()),
        poll,
        handle: Arc::clone(&handle),
        arrivals: Vec::new(),
        shared: Arc::clone(shared),
    };
    let scheduler = Scheduler::new(cx, driver);
    let guard = WorkerGuard::new(Arc::clone(shared));
    thread::Builder::new().name(name).spawn(move || {
        let _guard = guard;
        scheduler.run();
    })?;
    Ok(handle)
}

impl Scheduler<Stream, WorkerDriver> {
    /// Serves until the server drains and every connection is closed.
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let now = self.cx.now;
            let end = self.wait_end().unwrap_or(now + IDLE_INTERVAL);
            let timeout = self.driver.timer.bound(now, end);
            let polled = self.driver.poll.poll(&mut events, timeout);
            if let Err(error) = polled
                && error.kind() != io::ErrorKind::Interrupted
            {
                let worker = self.cx.worker;
                error!("worker {worker}: cannot poll: {error}");
                return;
            }
            for event in &events {
                match event.token() {
                    WAKE => self.handle_wake(),
                    TIMER => self.driver.timer.expired(),
                    Token(token) => self.take_event(token, readiness(event)),
                }
            }
            self.finish_turn();
            let was_requested = self.evict_if_requested();
            if let Some(log) = &mut self.cx.log {
                log.flush();
            }
            self.publish(was_requested);
            if self.is_done() && !self.may_get_more() {
                return;
            }
        }
    }

    /// Whether a connection is in the inbox or may still be put there.
    fn may_get_more(&self) -> bool {
        let WorkerDriver { handle, shared, .. } = &self.driver;
        // In this order: the last connection is counted before accepting ends.
        shared.accepting.load(SeqCst) || handle.open.load(SeqCst) > 0
    }

    /// Handles a wake-up: takes new connections, and starts draining if the
    /// server does.
    #[inline(never)]
    fn handle_wake(&mut self) {
        let mut arrivals = std::mem::take(&mut self.driver.arrivals);
        self.driver.handle.take(&mut arrivals);
        for accepted in arrivals.drain(..) {
            self.adopt(accepted);
        }
        self.driver.arrivals = arrivals;
        if self.driver.shared.facts.is_draining() {
            self.drain();
        }
    }

    /// Evicts one connection if the acceptor requested it and still waits.
    /// Returns whether there was a request.
    fn evict_if_requested(&mut self) -> bool {
        let WorkerDriver { handle, shared, .. } = &self.driver;
        let is_requested = handle.evict.load(SeqCst);
        if is_requested && shared.acceptor_waits.load(SeqCst) {
            self.evict();
        }
        is_requested
    }

    /// Publishes what the acceptor decides by, and the counters. `was_requested`:
    /// an eviction request has been handled.
    fn publish(&mut self, was_requested: bool) {
        self.count();
        let WorkerDriver { handle, shared, .. } = &self.driver;
        let since = self.eviction_candidate_since();
        let nanoseconds = since.map_or(i64::MAX, Moment::nanoseconds);
        handle.candidate_since.store(nanoseconds, Relaxed);
        if was_requested {
            handle.evict.store(false, SeqCst);
        }
        // An acceptor at its limit can request an eviction, or repeat its
        // request. If it begins to wait just now and sees neither, the next sweep
        // wakes it.
        if (since.is_some() || was_requested) && shared.acceptor_waits.load(SeqCst) {
            shared.wake_acceptor();
        }
    }
}

/// What an event reports about a connection.
pub(super) fn readiness(event: &Event) -> Readiness {
    Readiness {
        readable: event.is_readable() || event.is_error(),
        writable: event.is_writable() || event.is_error(),
        read_closed: event.is_read_closed() || event.is_error() || event.is_priority(),
    }
}

/// Changes the registration of a descriptor from `before` to `wanted`.
pub(super) fn register(
    registry: &Registry,
    token: usize,
    before: Interest,
    wanted: Interest,
) -> io::Result<()> {
    let interest = match wanted {
        Interest::None => return Ok(()),
        Interest::Readable => READS,
        Interest::ReadableAndWritable => READS | mio::Interest::WRITABLE,
    };
    let descriptor = token as i32;
    let source = &mut SourceFd(&descriptor);
    match before {
        Interest::None => registry.register(source, Token(token), interest),
        _ => registry.reregister(source, Token(token), interest),
    }
}

impl Driver<Stream> for WorkerDriver {
    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()> {
        register(self.poll.registry(), token, before, wanted)
    }

    fn closed(&mut self, connection: Connection<Stream>, _: CloseReason) {
        if let Some(peer) = connection.identity().peer {
            self.shared.clients.leave(peer.ip());
        }
        // Free the descriptor before others count on it.
        drop(connection);
        self.handle.open.fetch_sub(1, SeqCst);
        self.shared.wake_acceptor();
    }

    fn warn_exhausted(&mut self) {
        self.shared.warn_exhausted("open files", Errno::MFILE);
    }

    fn request_descriptor(&mut self) {
        self.shared.descriptor_requested.store(true, Relaxed);
    }

    fn take_descriptor_request(&mut self) -> bool {
        self.shared.descriptor_requested.swap(false, Relaxed)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
        os::{fd::AsRawFd, unix::net::UnixStream},
    };

    use rustix::net::{SendFlags, send};

    use super::*;

    /// What the poll reports about a connection: readable, writable, read closed.
    #[track_caller]
    fn check(stream: &impl AsRawFd, wanted: Interest, expected: (bool, bool, bool)) {
        let mut poll = Poll::new().unwrap();
        let token = stream.as_raw_fd() as usize;
        register(poll.registry(), token, Interest::None, wanted).unwrap();
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(IDLE_INTERVAL)).unwrap();
        let event = events.iter().next().unwrap();
        assert_eq!(event.token(), Token(token));
        let is = readiness(event);
        assert_eq!((is.readable, is.writable, is.read_closed), expected);
    }

    #[test]
    fn a_read_does_not_stop_short_of_eof_or_behind_urgent_data() {
        let (mut peer, stream) = UnixStream::pair().unwrap();
        check(&stream, Interest::ReadableAndWritable, (false, true, false));
        peer.write_all(b"GET").unwrap();
        check(&stream, Interest::Readable, (true, false, false));
        check(&stream, Interest::ReadableAndWritable, (true, true, false));
        drop(peer);
        check(&stream, Interest::Readable, (true, false, true));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        // All but the last byte are ordinary data.
        send(&peer, b"GET!", SendFlags::OOB).unwrap();
        check(&stream, Interest::Readable, (true, false, true));
    }
}
