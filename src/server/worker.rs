//! A worker: one thread, one poll, one table of connections.
//!
//! What it does with them is the [`Scheduler`]'s; here is what that leaves to
//! the system: waiting for events, and what crosses to other threads.

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use log::error;
use mio::{Events, Interest, Poll, Token, event::Event, unix::SourceFd};
use rustix::io::Errno;

use super::{
    pool::{Post, Shared, WAKE},
    scheduler::{Accepted, Outside, Scheduler},
    table::Watched,
};
use crate::{
    connection::{Connection, Hint, desk::Desk, socket::Stream},
    observe::close_reason::CloseReason,
};

/// The time between two turns of a worker without connections: often enough to
/// close files that are deleted.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Events taken from the poll at once.
const EVENTS_MAX: usize = 1024;

/// What is to be told of whoever is read from: on Linux urgent data as well, at
/// which a read stops short (tcp(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READS: Interest = Interest::READABLE;

/// A worker, before and while it runs.
#[derive(Debug)]
pub struct Worker {
    scheduler: Scheduler<Stream, Process>,
}

/// The rest of the process, as a worker's connections meet it.
#[derive(Debug)]
struct Process {
    poll: Poll,
    post: Arc<Post>,
    shared: Arc<Shared>,
}

impl Worker {
    /// A worker with nothing to do yet.
    pub fn new(poll: Poll, post: Arc<Post>, shared: Arc<Shared>, desk: Desk) -> Worker {
        let process = Process { poll, post, shared };
        Worker {
            scheduler: Scheduler::new(desk, process),
        }
    }

    /// Serves until the server stops and every connection is done with.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let patience = self.scheduler.patience().unwrap_or(IDLE_INTERVAL);
            if let Err(error) = self
                .scheduler
                .outside
                .poll
                .poll(&mut events, Some(patience))
                && error.kind() != io::ErrorKind::Interrupted
            {
                let worker = self.scheduler.desk.worker;
                error!("worker {worker}: cannot poll: {error}");
                return;
            }
            self.scheduler.desk.begin_turn();
            for event in &events {
                self.take_event(event);
            }
            self.scheduler.finish_turn();
            if let Some(log) = &mut self.scheduler.desk.log {
                log.flush();
            }
            let was_asked = self.evict();
            self.publish(was_asked);
            if self.scheduler.is_done() && !self.may_be_handed_more() {
                return;
            }
        }
    }

    /// Whether a connection lies in the inbox, or may yet be put there.
    fn may_be_handed_more(&self) -> bool {
        let Process { post, shared, .. } = &self.scheduler.outside;
        // In this order: the last one is counted before accepting ends.
        shared.accepting.load(SeqCst) || post.open.load(SeqCst) > 0
    }

    fn take_event(&mut self, event: &Event) {
        if event.token() == WAKE {
            self.obey();
            return;
        }
        let hint = Hint {
            readable: event.is_readable() || event.is_error(),
            writable: event.is_writable() || event.is_error(),
            read_closed: event.is_read_closed() || event.is_error() || event.is_priority(),
        };
        self.scheduler.take_event(event.token().0, hint);
    }

    /// Does what the acceptor asked for.
    fn obey(&mut self) {
        self.scheduler.take_arrivals();
        if self.scheduler.outside.shared.stopping.load(Relaxed) {
            self.scheduler.drain();
        }
    }

    /// Closes the longest idle connection if the acceptor asked for that and
    /// still waits; gives whether it asked.
    fn evict(&mut self) -> bool {
        let Process { post, shared, .. } = &self.scheduler.outside;
        let is_asked = post.evict.load(SeqCst);
        if is_asked && shared.acceptor_waits.load(SeqCst) {
            self.scheduler.evict();
        }
        is_asked
    }

    /// Tells the acceptor what it decides by, and everybody what was counted.
    /// What it asked for was seen to, if that `was_asked` for.
    fn publish(&mut self, was_asked: bool) {
        self.scheduler.count();
        let Process { post, shared, .. } = &self.scheduler.outside;
        let since = self.scheduler.longest_idle_since();
        let nanoseconds = since.map_or(u64::MAX, |since| {
            let nanoseconds = since.saturating_duration_since(shared.started);
            u64::try_from(nanoseconds.as_nanos()).unwrap_or(u64::MAX)
        });
        post.idle_since.store(nanoseconds, Relaxed);
        if was_asked {
            post.evict.store(false, SeqCst);
        }
        // An acceptor at its limit can have one of these closed, or ask anew.
        // If it began to wait only now and sees neither, the next sweep tells.
        if (since.is_some() || was_asked) && shared.acceptor_waits.load(SeqCst) {
            shared.wake_acceptor();
        }
    }
}

impl Outside<Stream> for Process {
    fn take_arrivals(&mut self, arrivals: &mut Vec<Accepted<Stream>>) {
        self.post.take(arrivals);
    }

    fn watch(&mut self, token: usize, before: Watched, wanted: Watched) -> io::Result<()> {
        let interest = match wanted {
            Watched::Nothing => return Ok(()),
            Watched::Reads => READS,
            Watched::ReadsAndWrites => READS | Interest::WRITABLE,
        };
        let descriptor = token as i32;
        let source = &mut SourceFd(&descriptor);
        match before {
            Watched::Nothing => self
                .poll
                .registry()
                .register(source, Token(token), interest),
            _ => self
                .poll
                .registry()
                .reregister(source, Token(token), interest),
        }
    }

    fn closed(&mut self, connection: Connection<Stream>, _: CloseReason) {
        if let Some(peer) = connection.identity().peer {
            self.shared.clients.leave(peer.ip());
        }
        // Its descriptor is free before anybody counts on that.
        drop(connection);
        self.post.open.fetch_sub(1, SeqCst);
        self.shared.wake_acceptor();
    }

    fn tell_exhausted(&mut self) {
        self.shared.tell_exhausted("open files", &Errno::MFILE);
    }

    fn starve(&mut self) {
        self.shared.starving.store(true, Relaxed);
    }

    fn is_starving(&mut self) -> bool {
        self.shared.starving.swap(false, Relaxed)
    }
}
