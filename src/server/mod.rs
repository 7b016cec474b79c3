//! Sockets, threads, poll and clock.
//!
//! The main thread becomes the [`acceptor`]; each [`worker`] is a thread of its
//! own. What crosses between them is in [`pool`], and nothing else does.

pub mod acceptor;
pub mod clients;
pub mod descriptors;
pub mod listener;
pub mod pool;
pub mod sandbox;
pub mod shutdown;
pub mod start_error;
pub mod table;
pub mod user;
pub mod worker;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::AtomicBool,
    },
    thread,
    time::{Duration, Instant},
};

use mio::{Poll, Waker};

pub use start_error::StartError;

use crate::{
    config::{AccessLogTarget, Config},
    connection::desk::Desk,
    files::Site,
    observe::{access_log::AccessLog, counters::Counters},
};
use acceptor::Acceptor;
use clients::Clients;
use pool::{Post, Shared, WAKE};
use worker::Worker;

/// How long the access log's writer is waited for at the end.
const LOG_FINISH_MAX: Duration = Duration::from_secs(1);

/// Runs a server until it is told to stop and what is under way is done.
pub fn run(config: Config) -> Result<(), StartError> {
    let system = |what| move |source| StartError::System { what, source };
    let descriptors = descriptors::raise_limit();
    let listeners = listener::open(&config)?;
    let connections_max = descriptors::limit_in_force(
        config.limits.connections_max,
        descriptors::connections_max(descriptors, listeners.len(), config.threads.get()),
    );
    let signals = shutdown::Signals::new().map_err(system("signals"))?;
    let site = Site::open(&config.site)
        .map_err(|source| StartError::root(&config.site.root, source))?;
    if let Some(name) = &config.user {
        user::become_user(name)?;
    }
    sandbox::confine(&config)?;
    let access_log = open_access_log(&config)?;

    let poll = Poll::new().map_err(system("poll"))?;
    let shared = Arc::new(Shared {
        stopping: AtomicBool::new(false),
        acceptor_waits: AtomicBool::new(false),
        acceptor: Waker::new(poll.registry(), WAKE).map_err(system("poll"))?,
        clients: Clients::new(config.limits.connections_per_ip_max),
        started: Instant::now(),
    });
    let mut posts = Vec::new();
    let mut workers = Vec::new();
    for number in 0..config.threads.get() {
        let counters = Arc::new(Counters::new(config.status.is_some()));
        let log = access_log.as_ref().map(|log| log.buffer());
        let desk = Desk::new(
            &config,
            number,
            site.view(),
            counters,
            log,
            shared.started,
        );
        let (post, worker) = hire(desk, &shared).map_err(system("thread"))?;
        posts.push(post);
        workers.push(worker);
    }
    listener::announce(&listeners);
    let acceptor = Acceptor {
        poll,
        listeners,
        signals,
        posts: posts.into(),
        shared,
        connections_max,
        access_log: access_log.clone(),
        last_id: 0,
        told_exhausted: false,
    };
    let accepted = acceptor.run().map_err(system("poll"));
    for worker in workers {
        if worker.join().is_err() {
            log::error!("a worker ended by a panic");
        }
    }
    if let Some(log) = access_log.and_then(Arc::into_inner) {
        log.finish(LOG_FINISH_MAX);
    }
    accepted
}

fn open_access_log(config: &Config) -> Result<Option<Arc<AccessLog>>, StartError> {
    let Some(target) = &config.access_log else {
        return Ok(None);
    };
    match AccessLog::open(target, config.log_format) {
        Ok(log) => Ok(Some(Arc::new(log))),
        Err(source) => Err(match target {
            AccessLogTarget::File(path) => StartError::access_log(path, source),
            AccessLogTarget::Stdout => StartError::access_log(Path::new("-"), source),
        }),
    }
}

/// Starts a worker.
fn hire(desk: Desk, shared: &Arc<Shared>) -> io::Result<(Arc<Post>, thread::JoinHandle<()>)> {
    let poll = Poll::new()?;
    let post = Arc::new(Post::new(&poll)?);
    let name = format!("worker {}", desk.worker);
    let worker = Worker::new(poll, Arc::clone(&post), Arc::clone(shared), desk);
    let thread = thread::Builder::new().name(name).spawn(|| worker.run())?;
    Ok((post, thread))
}
