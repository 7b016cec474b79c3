//! Sockets, threads, poll and clock.
//!
//! The main thread becomes the [`acceptor`]; each [`worker`] is a thread of its own.
//! Everything that crosses between them is in [`pool`].
//!
//! Reading order: [`listener`] (the sockets), [`acceptor`] (new connections, and which
//! worker gets them), [`pool`] (the hand-over), [`worker`] (a thread's event loop),
//! [`timer`] (what ends its wait), [`scheduler`] (which connection is served next, and
//! which is closed), [`table`] (where connections are kept). How many there may be:
//! [`descriptors`], [`clients`], [`bounds`]. Privileges dropped before serving:
//! [`user`], [`sandbox`]. The rest: [`shutdown`] (signals), [`unix_socket`] (the file of
//! a listener) and [`status_server`], a thread of its own with a scheduler like a
//! worker's.

pub mod acceptor;
pub mod bounds;
pub mod clients;
pub mod descriptors;
pub mod listener;
pub mod pool;
pub mod sandbox;
pub mod scheduler;
pub mod shutdown;
pub mod start_error;
pub mod status_server;
pub mod table;
pub mod timer;
pub mod unix_socket;
pub mod user;
pub mod worker;

use std::{path::Path, sync::Arc, thread, time::Duration};

use mio::{Poll, Waker};

pub use start_error::StartError;

use crate::{
    config::{AccessLogTarget, Config},
    connection::context::Context,
    files::Site,
    observe::{access_log::AccessLog, snapshot::Facts},
};
use acceptor::Acceptor;
use bounds::Bounds;
use listener::Listener;
use pool::{Shared, WAKE};
use status_server::StatusServer;

/// How long to wait at the end for the access log's writer.
const LOG_FINISH_TIME_MAX: Duration = Duration::from_secs(1);

/// Runs a server until it is signalled to stop and all requests in progress are
/// finished. A time-out beyond [`WAIT_MAX`](crate::config::WAIT_MAX) is reduced
/// to that.
///
/// The order of the start matters. The sockets are bound while the process may
/// still have the privilege to do so; then it switches to an unprivileged user;
/// then it sandboxes itself; and only then does it start threads: each inherits
/// the user, the sandbox and the scheduling policy of the thread that starts it.
///
/// # Errors
///
/// What could not be done at the start, and the system's reason; or, later, that
/// a worker was lost or did not stop in time.
pub fn run(mut config: Config) -> Result<(), StartError> {
    config.timeouts = config.timeouts.bounded();
    let descriptors = descriptors::raise_limit();
    let listeners = listener::open(&config)?;
    let status = config.status.map(StatusServer::open).transpose()?;
    let beside = descriptors::beside(&config, listeners.len());
    let asked = config.limits.connections_max;
    let connections_max = descriptors::limit_in_force(asked, descriptors, beside);
    config.site.descriptors_kept_max =
        descriptors::kept_max(descriptors, connections_max).min(config.site.descriptors_kept_max);
    let bounds = Bounds::new(&config, connections_max, beside, descriptors);
    log::info!("{bounds}");
    let (signals, _signal_guard) =
        shutdown::signals().map_err(StartError::cannot("start: signals"))?;
    let root = config.site.root.display();
    let site = Site::open(&config.site).map_err(StartError::cannot(format!("serve {root}")))?;
    if let Some(name) = &config.user {
        let files = listeners.iter().filter_map(Listener::file);
        let changed = user::become_user(name, files);
        changed.map_err(StartError::cannot(format!("become user {name}")))?;
    }
    sandbox::confine(&config)?;
    if let Some(trouble) = site.trouble() {
        log::warn!("{trouble}");
    }
    let access_log = open_access_log(&config)?;

    let poll = Poll::new().map_err(StartError::cannot("start: poll"))?;
    let endpoints = listeners.iter().map(Listener::endpoint).cloned().collect();
    let log_lines_lost = access_log
        .as_ref()
        .map_or_else(Arc::default, AccessLog::lines_lost);
    let facts = Facts::new(&config, endpoints, connections_max, log_lines_lost);
    let facts = Arc::new(facts);
    let waker = Waker::new(poll.registry(), WAKE).map_err(StartError::cannot("start: poll"))?;
    let shared = Arc::new(Shared::new(waker, Arc::clone(&facts)));
    // With a single CPU, a worker has to preempt the acceptor: waiting until that is
    // done costs 5 % of the throughput of short connections.
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        listener::run_in_batches();
    }
    let mut workers = Vec::new();
    for (number, counters) in facts.workers.iter().enumerate() {
        let log = access_log.as_ref().map(|log| log.buffer());
        let counters = Arc::clone(counters);
        let cx = Context::new(&config, number, site.view(), counters, log, facts.started);
        let started = worker::start(cx, &shared);
        workers.push(started.map_err(StartError::cannot("start: thread"))?);
    }
    // This thread, which accepts, in any case.
    listener::run_in_batches();
    listener::announce("listening", &facts.listeners, "");
    if let Some(status) = status {
        let started = status.start(facts, site);
        started.map_err(StartError::cannot("start: thread"))?;
    }
    let acceptor = Acceptor {
        poll,
        listeners,
        signals,
        workers,
        shared,
        access_log: access_log.as_ref(),
        last_id: 0,
        held: None,
        first: 0,
    };
    let accepted = acceptor.run();
    if let Some(log) = access_log {
        log.finish(LOG_FINISH_TIME_MAX);
    }
    accepted.map_err(StartError::cannot("go on"))
}

fn open_access_log(config: &Config) -> Result<Option<AccessLog>, StartError> {
    let Some(target) = &config.access_log else {
        return Ok(None);
    };
    let path = match target {
        AccessLogTarget::File(path) => path,
        AccessLogTarget::Stdout => Path::new("-"),
    };
    let what = format!("write the access log {}", path.display());
    let log = AccessLog::open(target, config.log_format);
    log.map(Some).map_err(StartError::cannot(what))
}
