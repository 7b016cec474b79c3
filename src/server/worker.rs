//! A worker: one thread, one poll, one table of connections.
//!
//! What it does with them is the [`Scheduler`]'s; here is what that leaves to
//! the system: waiting for events, and what crosses to other threads.
//!
//! ```text
//! a turn
//!   poll            wait for events, until the next sweep at the latest
//!   begin_turn      read the clock
//!   take_event      for each event: its connection does what it can; or, woken
//!                   by another thread, those handed over are taken and served
//!   finish_turn     serve_ready   those whose share of the last turn ran out
//!                   sweep         ten times a second: whose time is up?
//!                   relieve       make room where descriptors ran out
//!   flush           hand the access log's lines to its writer
//!   evict_if_asked  make room for a newcomer
//!   publish         tell what the acceptor decides by, and what was counted
//! ```

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use log::error;
use mio::{Events, Interest, Poll, Registry, Token, event::Event, unix::SourceFd};
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
/// close files that are deleted, and a root that was swapped.
pub(super) const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Events taken from the poll at once.
const EVENTS_MAX: usize = 1024;

/// What is to be told of whoever is read from: on Linux urgent data as well, at
/// which a read stops short (tcp(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READS: Interest = Interest::READABLE;

/// The rest of the process, as a worker's connections meet it.
#[derive(Debug)]
struct Process {
    poll: Poll,
    post: Arc<Post>,
    shared: Arc<Shared>,
}

/// Serves with what lies on `desk` until the server stops and every connection is
/// done with.
pub fn run(poll: Poll, post: Arc<Post>, shared: Arc<Shared>, desk: Desk) {
    Scheduler::new(desk, Process { poll, post, shared }).run();
}

impl Scheduler<Stream, Process> {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let patience = self.patience().unwrap_or(IDLE_INTERVAL);
            let polled = self.outside.poll.poll(&mut events, Some(patience));
            if let Err(error) = polled
                && error.kind() != io::ErrorKind::Interrupted
            {
                let worker = self.desk.worker;
                error!("worker {worker}: cannot poll: {error}");
                return;
            }
            self.desk.begin_turn();
            for event in &events {
                match event.token() {
                    WAKE => self.obey(),
                    Token(token) => self.take_event(token, hint(event)),
                }
            }
            self.finish_turn();
            if let Some(log) = &mut self.desk.log {
                log.flush();
            }
            let was_asked = self.evict_if_asked();
            self.publish(was_asked);
            if self.is_done() && !self.may_be_handed_more() {
                return;
            }
        }
    }

    /// Whether a connection lies in the inbox, or may yet be put there.
    fn may_be_handed_more(&self) -> bool {
        let Process { post, shared, .. } = &self.outside;
        // In this order: the last one is counted before accepting ends.
        shared.accepting.load(SeqCst) || post.open.load(SeqCst) > 0
    }

    /// Does what the acceptor asked for.
    fn obey(&mut self) {
        self.take_arrivals();
        if self.outside.shared.facts.is_draining() {
            self.drain();
        }
    }

    /// Has the connection end that is idle or silent the longest if the acceptor
    /// asked for that and still waits; gives whether it asked.
    fn evict_if_asked(&mut self) -> bool {
        let Process { post, shared, .. } = &self.outside;
        let is_asked = post.evict.load(SeqCst);
        if is_asked && shared.acceptor_waits.load(SeqCst) {
            self.evict();
        }
        is_asked
    }

    /// Tells the acceptor what it decides by, and everybody what was counted.
    /// What it asked for was seen to, if that `was_asked` for.
    fn publish(&mut self, was_asked: bool) {
        self.count();
        let Process { post, shared, .. } = &self.outside;
        let since = self.longest_unused_since();
        let nanoseconds = since.map_or(u64::MAX, |since| {
            let nanoseconds = since.saturating_duration_since(shared.facts.started);
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

/// What a poll's event says of a connection.
pub(super) fn hint(event: &Event) -> Hint {
    Hint {
        readable: event.is_readable() || event.is_error(),
        writable: event.is_writable() || event.is_error(),
        read_closed: event.is_read_closed() || event.is_error() || event.is_priority(),
    }
}

/// Has a poll tell `wanted` of a connection of which it told `before`.
pub(super) fn watch(
    registry: &Registry,
    token: usize,
    before: Watched,
    wanted: Watched,
) -> io::Result<()> {
    let interest = match wanted {
        Watched::Nothing => return Ok(()),
        Watched::Reads => READS,
        Watched::ReadsAndWrites => READS | Interest::WRITABLE,
    };
    let descriptor = token as i32;
    let source = &mut SourceFd(&descriptor);
    match before {
        Watched::Nothing => registry.register(source, Token(token), interest),
        _ => registry.reregister(source, Token(token), interest),
    }
}

impl Outside<Stream> for Process {
    fn take_arrivals(&mut self, arrivals: &mut Vec<Accepted<Stream>>) {
        self.post.take(arrivals);
    }

    fn watch(&mut self, token: usize, before: Watched, wanted: Watched) -> io::Result<()> {
        watch(self.poll.registry(), token, before, wanted)
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
