//! The signals that a server obeys.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
pub use signal_hook_mio::v1_0::Signals;

use super::pool::lock;

/// The exit code of a process that a second signal ended is this plus the
/// signal's number, as shells have it.
const EXIT_SIGNALLED: i32 = 128;

/// What the handlers share, once they are there: they are never taken away again.
static HANDLED: Mutex<Option<Handled>> = Mutex::new(None);

#[derive(Debug)]
struct Handled {
    /// Whether the next SIGTERM or SIGINT ends the process within its handler.
    is_armed: Arc<AtomicBool>,
    /// Servers that are told of signals.
    servers: usize,
}

/// The signals are a server's from here on, as a source for a poll, until the
/// [`SignalGuard`] is dropped. Where no server is left the next SIGTERM or SIGINT ends
/// the process, as it does without one.
///
/// The first SIGTERM or SIGINT is told as SIGHUP is; the second ends the process
/// within the handler, whatever the threads are doing.
pub fn signals() -> io::Result<(Signals, SignalGuard)> {
    let mut handled = lock(&HANDLED);
    // Before the others, so that a signal that comes meanwhile is told.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let handled = match &mut *handled {
        Some(handled) => {
            handled.is_armed.store(false, SeqCst);
            handled
        }
        none => none.insert(handle()?),
    };
    handled.servers += 1;
    Ok((signals, SignalGuard(())))
}

fn handle() -> io::Result<Handled> {
    let is_armed = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order, so that the first signal only arms the second.
        let exit_code = EXIT_SIGNALLED + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&is_armed))?;
        flag::register(signal, Arc::clone(&is_armed))?;
    }
    Ok(Handled {
        is_armed,
        servers: 0,
    })
}

/// A server that is told of signals: see [`signals`].
#[derive(Debug)]
pub struct SignalGuard(());

impl Drop for SignalGuard {
    fn drop(&mut self) {
        if let Some(handled) = &mut *lock(&HANDLED) {
            handled.servers -= 1;
            if handled.servers == 0 {
                handled.is_armed.store(true, SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Interest, Token};

    use super::*;

    #[test]
    fn a_signal_wakes_the_poll_and_is_told_once() {
        // A server that was told to stop is no reason to end the next at once.
        for _ in 0..2 {
            let (mut signals, _signal_guard) = signals().unwrap();
            signal_hook::low_level::raise(SIGTERM).unwrap();
            assert_eq!(signals.pending().collect::<Vec<_>>(), [SIGTERM]);
        }
        let (mut signals, _signal_guard) = signals().unwrap();
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
        assert_eq!(signals.pending().collect::<Vec<_>>(), [SIGHUP]);
        assert_eq!(signals.pending().count(), 0);
    }
}
