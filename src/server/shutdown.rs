//! The signals that a server handles.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{consts::SIGXFSZ, flag};
pub use signal_hook_mio::v1_0::Signals;

use super::pool::lock;

/// The exit code after a second signal is this plus the signal's number, as in
/// shells.
const EXIT_SIGNALLED: i32 = 128;

/// What the handlers share, once installed; they are never removed.
static HANDLED: Mutex<Option<Handled>> = Mutex::new(None);

#[derive(Debug)]
struct Handled {
    /// Whether the next SIGTERM or SIGINT ends the process within its handler.
    is_armed: Arc<AtomicBool>,
    /// Servers that receive signals.
    servers: usize,
}

/// Installs the handlers and returns a pollable source. When the last
/// [`SignalGuard`] is dropped, the next SIGTERM or SIGINT ends the process again.
///
/// The first SIGTERM or SIGINT is reported by the source, as SIGHUP is. The
/// second ends the process within the handler, whatever the threads are doing.
/// SIGXFSZ, for a log beyond the limit on file sizes, is ignored.
pub fn signals() -> io::Result<(Signals, SignalGuard)> {
    let mut handled = lock(&HANDLED);
    // Before the others, so that a signal that arrives meanwhile is reported.
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
        // In this order, so that the first signal only arms the second handler.
        let exit_code = EXIT_SIGNALLED + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&is_armed))?;
        flag::register(signal, Arc::clone(&is_armed))?;
    }
    // Its default action ends the process. With a handler, a write beyond RLIMIT_FSIZE fails like
    // one on a full disk.
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(Handled {
        is_armed,
        servers: 0,
    })
}

/// A server that receives signals: see [`signals`].
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
    fn a_signal_wakes_the_poll_and_is_reported_once() {
        // A signal to an earlier server must not end the next one at once.
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
