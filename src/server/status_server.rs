//! The status listener: what [`handler::status`](crate::handler::status)
//! answers, over the same connections as files.
//!
//! It has a thread of its own with a [`Scheduler`] like a worker's, so it
//! answers while the pool is saturated. Each connection is short. Who sends
//! nothing, or half a request, or does not take the answer, holds a place for
//! `CLIENT_TIME_MAX` and nothing else. Where more than half of the `CONNECTIONS_MAX`
//! places are taken when others come the oldest make room, but for those that
//! have not had `PLACE_TIME_MIN` yet; where all are, newcomers wait in the backlog
//! until one has. It is meant for a loopback or private address.

use std::{io, net::SocketAddr, os::fd::AsRawFd, sync::Arc, thread, time::Duration};

use mio::{Events, Poll, Token, unix::SourceFd};

use super::{
    StartError,
    listener::{self, AcceptError, Listener},
    scheduler::{Accepted, Driver, Scheduler},
    table::Interest,
    worker,
};
use crate::{
    config::{Config, Endpoint, Timeouts},
    connection::{Connection, context::Context, socket::Stream},
    files::Site,
    handler::status::StatusPages,
    observe::{close_reason::CloseReason, counters::Counters, kernel::Kernel, snapshot::Facts},
};

/// The most connections at a time, and so descriptors beside the listener's.
pub const CONNECTIONS_MAX: usize = 32;

/// Those that are left once the oldest have made room.
const CONNECTIONS_KEPT: usize = CONNECTIONS_MAX / 2;

/// How long a place is kept at the least: a request may be on its way.
const PLACE_TIME_MIN: Duration = Duration::from_millis(50);

/// For the whole request, and again without progress in taking the answer.
const CLIENT_TIME_MAX: Duration = Duration::from_secs(2);

/// The pause after a failed accept, as when out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

const LISTENER: Token = Token(usize::MAX);

/// The listener, bound and with all it needs open, before it serves.
#[derive(Debug)]
pub struct StatusServer {
    config: Config,
    listener: Listener,
    kernel: Option<Kernel>,
}

impl StatusServer {
    /// Binds and opens. To be called before the process confines itself.
    pub fn open(address: SocketAddr) -> Result<StatusServer, StartError> {
        let config = Config {
            timeouts: Timeouts {
                keep_alive: Duration::ZERO,
                header: CLIENT_TIME_MAX,
                body: CLIENT_TIME_MAX,
                write: CLIENT_TIME_MAX,
                ..Timeouts::default()
            },
            headers: vec![("Cross-Origin-Resource-Policy".into(), "same-origin".into())],
            ..Config::default()
        };
        Ok(StatusServer {
            listener: listener::bind(address, &config)?,
            config,
            kernel: Kernel::open(),
        })
    }

    /// Where it is reached, with the actual port.
    pub fn endpoint(&self) -> &Endpoint {
        self.listener.endpoint()
    }

    /// Says where it is and serves until the process ends, draining included.
    pub fn start(self, facts: Arc<Facts>, site: Arc<Site>) -> io::Result<()> {
        listener::announce("status", &[self.endpoint().clone()], " (status)");
        let counters = Arc::new(Counters::new(false));
        let (number, view) = (facts.workers.len(), site.view());
        let mut cx = Context::new(&self.config, number, view, counters, None, facts.started);
        cx.status = Some(StatusPages::new(facts, site, self.kernel));
        let poll = Poll::new()?;
        let descriptor = self.listener.as_raw_fd();
        let source = &mut SourceFd(&descriptor);
        poll.registry()
            .register(source, LISTENER, mio::Interest::READABLE)?;
        let driver = StatusDriver {
            poll,
            listener: self.listener,
            room: 0,
            rest: None,
        };
        let scheduler = Scheduler::new(cx, driver);
        thread::Builder::new()
            .name("status".into())
            .spawn(move || scheduler.run())?;
        Ok(())
    }
}

/// The rest of the process, as these connections meet it.
#[derive(Debug)]
struct StatusDriver {
    poll: Poll,
    listener: Listener,
    /// How many may be accepted.
    room: usize,
    /// After how long it is to be accepted again, where some may be waiting.
    rest: Option<Duration>,
}

impl Scheduler<Stream, StatusDriver> {
    fn run(mut self) {
        let mut events = Events::with_capacity(CONNECTIONS_MAX + 1);
        loop {
            let timeout = self.poll_timeout().unwrap_or(worker::IDLE_INTERVAL);
            let timeout = (self.driver.rest).map_or(timeout, |rest| rest.min(timeout));
            if let Err(error) = self.driver.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                log::error!("status: cannot poll: {error}");
                return;
            }
            self.cx.begin_turn();
            let mut has_newcomers = self.driver.rest.is_some();
            for event in &events {
                match event.token() {
                    LISTENER => has_newcomers = true,
                    Token(token) => self.take_event(token, worker::readiness(event)),
                }
            }
            if has_newcomers {
                self.keep_youngest(CONNECTIONS_KEPT, PLACE_TIME_MIN);
                self.driver.room = CONNECTIONS_MAX.saturating_sub(self.table().open());
                self.take_arrivals();
            }
            self.finish_turn();
        }
    }
}

impl Driver<Stream> for StatusDriver {
    fn take_arrivals(&mut self, arrivals: &mut Vec<Accepted<Stream>>) {
        self.rest = match self.room {
            0 => Some(PLACE_TIME_MIN),
            _ => Some(Duration::ZERO),
        };
        while arrivals.len() < self.room {
            match self.listener.accept() {
                Ok(accepted) => arrivals.push(accepted),
                Err(AcceptError::Transient(_)) => {}
                Err(AcceptError::WouldBlock) => {
                    self.rest = None;
                    return;
                }
                Err(AcceptError::Exhausted(error) | AcceptError::Fatal(error)) => {
                    log::debug!("status: cannot accept: {error}");
                    self.rest = Some(ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()> {
        worker::register(self.poll.registry(), token, before, wanted)
    }

    fn closed(&mut self, _: Connection<Stream>, _: CloseReason) {}
}

#[cfg(test)]
mod tests;
