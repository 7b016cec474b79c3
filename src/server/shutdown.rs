//! The signals that a server handles.

use std::{
    io,
    sync::{
        Arc, LazyLock, Mutex,
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

/// Whether the next SIGTERM or SIGINT ends the process within its handler.
static IS_ARMED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Servers that receive signals; `None` until the handlers are installed, which are
/// never removed.
static SERVERS: Mutex<Option<usize>> = Mutex::new(None);

/// Installs the handlers and returns a pollable source. When the last
/// [`SignalGuard`] is dropped, the next SIGTERM or SIGINT ends the process again.
///
/// The first SIGTERM or SIGINT is reported by the source, as SIGHUP is. The
/// second ends the process within the handler, whatever the threads are doing.
/// SIGXFSZ, for a log beyond the limit on file sizes, is ignored.
pub fn signals() -> io::Result<(Signals, SignalGuard)> {
    let mut servers = lock(&SERVERS);
    // Before the others, so that a signal that arrives meanwhile is reported.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    match *servers {
        Some(_) => IS_ARMED.store(false, SeqCst),
        None => install()?,
    }
    *servers = Some(servers.unwrap_or(0) + 1);
    Ok((signals, SignalGuard(())))
}

fn install() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        // In this order, so that the first signal only arms the second handler.
        let exit_code = EXIT_SIGNALLED + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&IS_ARMED))?;
        flag::register(signal, Arc::clone(&IS_ARMED))?;
    }
    // Its default action ends the process. With a handler, a write beyond RLIMIT_FSIZE fails like
    // one on a full disk.
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(())
}

/// A server that receives signals: see [`signals`].
#[derive(Debug)]
pub struct SignalGuard(());

impl Drop for SignalGuard {
    fn drop(&mut self) {
        let mut servers = lock(&SERVERS);
        *servers = servers.map(|count| count - 1);
        if *servers == Some(0) {
            IS_ARMED.store(true, SeqCst);
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
