//! The status listener: what [`observe`](crate::observe) tells, over HTTP.
//!
//! It has a thread of its own, so it answers while the pool is saturated. The
//! thread never waits for one client: it polls the few connections there can
//! be, reads a request, answers it and closes. Who sends nothing, or half a
//! request, or does not take the answer, holds a place and nothing else:
//!
//! - There are `CONNECTIONS_MAX` places. When all are taken, the one who has
//!   kept us waiting longest makes room for a newcomer: at once if it is
//!   answered, else as soon as it has had `PLACE_TIME_MIN`.
//! - Nobody keeps one for longer than `CLIENT_TIME`, and as long again once the
//!   answer is made.
//!
//! So a client waits for the answers that are made before its own, and, where
//! many keep silent, for those before it in the backlog to have had that moment
//! each, `CONNECTIONS_MAX` of them at a time. The answers of one turn of the
//! poll share one look at the server, which waits for the kernel's tables for a
//! quarter of a second at the most. It is meant for a loopback or private
//! address.

mod desk;
mod kernel_watch;
mod visit;

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use self::{desk::Desk, kernel_watch::KernelWatch, visit::Visit};
use super::listener::announce;
use crate::{
    config::Endpoint,
    files::Site,
    observe::{kernel::Kernel, snapshot::Facts},
};

/// The most connections at a time, and so descriptors beside the listener's.
/// Each owns a head of at most 20 KiB, or else its answer.
pub const CONNECTIONS_MAX: usize = 32;

/// For the whole request, and again for taking the answer and closing. A
/// client that is not done by then is left.
const CLIENT_TIME: Duration = Duration::from_secs(2);

/// How long a place is kept at the least, when others wait in the backlog: a
/// request may be on its way.
const PLACE_TIME_MIN: Duration = Duration::from_millis(50);

/// Connections accepted in one turn: fewer than there are places, so that each
/// is looked at once before it can be the one to make room.
const TURN_ACCEPTS_MAX: usize = CONNECTIONS_MAX / 2;

/// The pause after a failed accept, as when out of descriptors, or poll.
const PAUSE: Duration = Duration::from_millis(200);

/// Stack of the thread: it only formats text.
const STACK_BYTES: usize = 256 << 10;

/// The listener, bound and with all it needs open, before it serves.
#[derive(Debug)]
pub struct StatusServer {
    listener: TcpListener,
    address: SocketAddr,
    kernel: Option<Kernel>,
}

impl StatusServer {
    /// Binds and opens. To be called before the process confines itself.
    pub fn open(address: SocketAddr) -> io::Result<StatusServer> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(StatusServer {
            address: listener.local_addr()?,
            listener,
            kernel: Kernel::open(),
        })
    }

    /// The address bound; its port is known now.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says where it is and serves until the process ends, draining included.
    pub fn start(self, facts: Arc<Facts>, site: Arc<Site>) -> io::Result<()> {
        announce("status", &[self.address.into()], " (status)");
        let kernel = self
            .kernel
            .map(|kernel| {
                let addresses = facts.listeners.iter().filter_map(Endpoint::tcp);
                KernelWatch::start(kernel, addresses.collect())
            })
            .transpose()?;
        let reception = Reception {
            listener: self.listener,
            desk: Desk::new(facts, site, kernel),
            visits: Vec::with_capacity(CONNECTIONS_MAX),
            rests_until: None,
        };
        thread::Builder::new()
            .name("status".into())
            .stack_size(STACK_BYTES)
            .spawn(|| reception.run())?;
        Ok(())
    }
}

/// The thread's own.
#[derive(Debug)]
struct Reception {
    listener: TcpListener,
    desk: Desk,
    /// At most [`CONNECTIONS_MAX`].
    visits: Vec<Visit>,
    /// Until then nobody is accepted.
    rests_until: Option<Instant>,
}

impl Reception {
    fn run(mut self) {
        loop {
            // A panic costs those who are there, and not those who come.
            if catch_unwind(AssertUnwindSafe(|| self.turn())).is_err() {
                log::error!("status: a panic; its connections are closed");
                self.visits.clear();
                self.desk.end_turn();
            }
        }
    }

    fn turn(&mut self) {
        let (ready, has_newcomers) = self.wait();
        let mut ready = ready.into_iter();
        self.visits
            .retain_mut(|visit| ready.next() != Some(true) || visit.advance().is_ok());
        // Not before all are read, for the look that they share is to be no
        // older than any of these requests.
        self.visits
            .retain_mut(|visit| visit.answer(&mut self.desk).is_ok());
        self.desk.end_turn();
        let now = Instant::now();
        self.visits.retain(|visit| visit.deadline() > now);
        if has_newcomers {
            self.accept(now);
        }
    }

    /// Waits until there is something to do; tells for each visit whether there
    /// is, and whether somebody waits to be accepted.
    fn wait(&self) -> (Vec<bool>, bool) {
        let now = Instant::now();
        let rests_until = self.rests_until.filter(|until| *until > now);
        let rests_until = rests_until.max(self.full_until(now));
        let visits = self.visits.iter();
        let mut polled: Vec<PollFd<'_>> = visits
            .map(|visit| PollFd::new(visit, visit.interest()))
            .collect();
        if rests_until.is_none() {
            polled.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        let deadlines = self.visits.iter().map(Visit::deadline);
        let first = deadlines.chain(rests_until).min();
        let left = first.map(|first| first.saturating_duration_since(now));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, left.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return (Vec::new(), false),
            Err(error) => {
                log::debug!("status: poll: {error}");
                thread::sleep(PAUSE);
                return (Vec::new(), false);
            }
        }
        let mut ready: Vec<bool> = polled
            .iter()
            .map(|polled| !polled.revents().is_empty())
            .collect();
        let has_newcomers = rests_until.is_none() && ready.pop() == Some(true);
        (ready, has_newcomers)
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..TURN_ACCEPTS_MAX {
            if self.full_until(now).is_some() {
                return;
            }
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, now),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        log::debug!("status: accept: {error}");
                        self.rests_until = Some(now + PAUSE);
                        return;
                    }
                },
            }
        }
    }

    /// Until when nobody can make room; `None` where somebody can, or need not.
    fn full_until(&self, now: Instant) -> Option<Instant> {
        if self.visits.len() < CONNECTIONS_MAX {
            return None;
        }
        let first = self.visits.iter().map(Visit::yields_at).min();
        first.filter(|first| *first > now)
    }

    fn admit(&mut self, stream: TcpStream, now: Instant) {
        // One that cannot be made non-blocking could stop all the others.
        let Ok(visit) = Visit::new(stream, now) else {
            return;
        };
        if self.visits.len() >= CONNECTIONS_MAX {
            let longest = (0..self.visits.len()).min_by_key(|&at| self.visits[at].yields_at());
            longest.map(|at| self.visits.swap_remove(at));
        }
        self.visits.push(visit);
    }
}

#[cfg(test)]
mod tests;
