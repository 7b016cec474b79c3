//! The signals that a server obeys.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use mio::{Interest, Registry, Token, event::Source};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: answer what is under way, then exit.
    Stop,
    /// SIGHUP: open the access log again.
    Reopen,
}

/// The exit code of a process that a second signal ended is this plus the
/// signal's number, as shells have it.
const EXIT_SIGNALLED: i32 = 128;

/// The signals of this process, as a source for a poll.
///
/// The first SIGTERM or SIGINT is told as [`Signal::Stop`]; the second ends
/// the process within the handler, whatever the threads are doing.
#[derive(Debug)]
pub struct Signals(Pipe);

/// The pipe that wakes the poll.
struct Pipe(signal_hook_mio::v1_0::Signals);

impl std::fmt::Debug for Pipe {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Pipe")
    }
}

impl Signals {
    /// Takes over SIGTERM, SIGINT and SIGHUP. To be called once a process.
    pub fn new() -> io::Result<Signals> {
        let stopping = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order, so that the first signal only arms the second.
            let exit_code = EXIT_SIGNALLED + signal;
            flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&stopping))?;
            flag::register(signal, Arc::clone(&stopping))?;
        }
        let pipe = signal_hook_mio::v1_0::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        Ok(Signals(Pipe(pipe)))
    }

    /// What was asked for since the last call. Never blocks.
    pub fn pending(&mut self) -> Vec<Signal> {
        self.0.0.pending().filter_map(meaning).collect()
    }
}

fn meaning(signal: i32) -> Option<Signal> {
    match signal {
        SIGTERM | SIGINT => Some(Signal::Stop),
        SIGHUP => Some(Signal::Reopen),
        _ => None,
    }
}

impl Source for Signals {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.0.0.register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.0.0.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.0.deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_signal_wakes_the_poll_and_is_told_once() {
        let mut signals = Signals::new().unwrap();
        let mut poll = mio::Poll::new().unwrap();
        poll.registry()
            .register(&mut signals, Token(7), Interest::READABLE)
            .unwrap();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        let mut events = mio::Events::with_capacity(4);
        let awaited = Some(Duration::from_secs(10));
        while let Err(error) = poll.poll(&mut events, awaited) {
            assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        }
        assert!(events.iter().any(|event| event.token() == Token(7)));
        assert_eq!(signals.pending(), [Signal::Reopen]);
        assert_eq!(signals.pending(), []);
    }

    #[test]
    fn signals_and_their_meaning() {
        for (signal, expected) in [
            (SIGTERM, Some(Signal::Stop)),
            (SIGINT, Some(Signal::Stop)),
            (SIGHUP, Some(Signal::Reopen)),
            (signal_hook::consts::SIGUSR1, None),
        ] {
            assert_eq!(meaning(signal), expected, "signal {signal}");
        }
    }
}
