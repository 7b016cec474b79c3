//! The status listener: serves [`handler::status`](crate::handler::status) over the
//! same kind of connection as files.
//!
//! It has a thread of its own with a [`Scheduler`] like a worker's, so it answers while
//! the pool is saturated. Connections are short. A client that sends nothing, or half a
//! request, or does not read the response, occupies a connection for `CLIENT_TIME_MAX`.
//! If more than half of the `STATUS_CONNECTIONS_MAX` are in use when others arrive, the
//! oldest are closed, except those younger than `CONNECTION_TIME_MIN`; if all are in use, new
//! clients wait in the backlog. It is meant for a loopback or private address.

use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};

use mio::{Events, Poll, Token};

use super::{
    StartError,
    listener::{self, AcceptError, Listener},
    scheduler::{Driver, Scheduler},
    table::Interest,
    worker,
};
use crate::{
    config::{Config, Timeouts},
    connection::{Connection, context::Context, socket::Stream},
    files::Site,
    handler::status::StatusPages,
    observe::{close_reason::CloseReason, counters::Counters, kernel::Kernel, snapshot::Facts},
};

/// The most connections at a time, and so descriptors besides the listener's.
pub const STATUS_CONNECTIONS_MAX: usize = 32;

/// How many are left once the oldest have been closed.
const STATUS_CONNECTIONS_KEPT: usize = STATUS_CONNECTIONS_MAX / 2;

/// How long a connection stays open at the least: its request may be in flight.
const CONNECTION_TIME_MIN: Duration = Duration::from_millis(50);

/// Time-out for the whole request, and again for a response without progress.
const CLIENT_TIME_MAX: Duration = Duration::from_secs(2);

/// The pause after a failed accept, as when out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

const LISTENER: Token = Token(usize::MAX);

/// The listener, with everything it needs open, before it serves.
#[derive(Debug)]
pub struct StatusServer {
    config: Config,
    listener: Listener,
    kernel: Option<Kernel>,
}

impl StatusServer {
    /// Binds and opens. Call it before the process confines itself.
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

    /// Announces the listener and serves until the process ends, even while it
    /// drains.
    pub fn start(self, facts: Arc<Facts>, site: Arc<Site>) -> io::Result<()> {
        listener::announce("status", &[self.listener.endpoint().clone()], " (status)");
        let counters = Arc::new(Counters::new(false));
        let (number, view) = (facts.workers.len(), site.view());
        let mut cx = Context::new(&self.config, number, view, counters, None, facts.started);
        cx.status = Some(StatusPages::new(facts, site, self.kernel));
        let poll = Poll::new()?;
        self.listener.register(poll.registry(), LISTENER)?;
        let driver = StatusDriver {
            poll,
            listener: self.listener,
        };
        let scheduler = Scheduler::new(cx, driver);
        thread::Builder::new()
            .name("status".into())
            .spawn(move || scheduler.run())?;
        Ok(())
    }
}

/// The poll and the listener.
#[derive(Debug)]
struct StatusDriver {
    poll: Poll,
    listener: Listener,
}

impl Scheduler<Stream, StatusDriver> {
    fn run(mut self) {
        let mut events = Events::with_capacity(STATUS_CONNECTIONS_MAX + 1);
        let mut retry_after: Option<Duration> = None;
        loop {
            let timeout = self.poll_timeout().unwrap_or(worker::IDLE_INTERVAL);
            let timeout = retry_after.map_or(timeout, |retry| retry.min(timeout));
            if let Err(error) = self.driver.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                log::error!("status: cannot poll: {error}");
                return;
            }
            let mut may_accept = retry_after.is_some();
            for event in &events {
                match event.token() {
                    LISTENER => may_accept = true,
                    Token(token) => self.take_event(token, worker::readiness(event)),
                }
            }
            if may_accept {
                self.keep_youngest(STATUS_CONNECTIONS_KEPT, CONNECTION_TIME_MIN);
                retry_after = self.accept_some();
            }
            self.finish_turn();
        }
    }

    /// Accepts as many connections as there is room for. Returns after how long to try again, if
    /// clients may be waiting.
    fn accept_some(&mut self) -> Option<Duration> {
        let room = STATUS_CONNECTIONS_MAX.saturating_sub(self.table().open());
        if room == 0 {
            return Some(CONNECTION_TIME_MIN);
        }
        for _ in 0..room {
            match self.driver.listener.accept() {
                Ok(accepted) => self.adopt(accepted),
                Err(AcceptError::Transient(_)) => {}
                Err(AcceptError::WouldBlock) => return None,
                Err(AcceptError::Exhausted(error) | AcceptError::Fatal(error)) => {
                    log::debug!("status: cannot accept: {error}");
                    return Some(ACCEPT_PAUSE);
                }
            }
        }
        Some(Duration::ZERO)
    }
}

impl Driver<Stream> for StatusDriver {
    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()> {
        worker::register(self.poll.registry(), token, before, wanted)
    }

    fn closed(&mut self, _: Connection<Stream>, _: CloseReason) {}
}

#[cfg(test)]
mod tests;
