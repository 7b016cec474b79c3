//! Sockets, threads, poll and clock.

pub mod descriptors;
pub mod listener;
pub mod sandbox;
pub mod shutdown;
pub mod start_error;
pub mod user;

pub use start_error::StartError;

use crate::config::Config;

/// Runs a server until it is told to stop.
pub fn run(config: Config) -> Result<(), StartError> {
    use mio::{Events, Interest, Poll, Token};

    let failed = |source| StartError::System {
        what: "poll",
        source,
    };
    let listeners = listener::open(&config)?;
    let mut signals = shutdown::Signals::new().map_err(failed)?;
    let mut poll = Poll::new().map_err(failed)?;
    poll.registry()
        .register(&mut signals, Token(0), Interest::READABLE)
        .map_err(failed)?;
    if let Some(name) = &config.user {
        user::become_user(name)?;
    }
    std::fs::read_dir(&config.site.root)
        .map_err(|source| StartError::root(&config.site.root, source))?;
    sandbox::confine(&config)?;
    listener::announce(&listeners);
    let mut events = Events::with_capacity(16);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(failed(error));
            }
            _ => {}
        }
        if signals.pending().contains(&shutdown::Signal::Stop) {
            return Ok(());
        }
    }
}
