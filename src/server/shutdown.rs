//! The signals that a server obeys.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
pub use signal_hook_mio::v1_0::Signals;

/// The exit code of a process that a second signal ended is this plus the
/// signal's number, as shells have it.
const EXIT_SIGNALLED: i32 = 128;

/// Takes over SIGTERM, SIGINT and SIGHUP, as a source for a poll. To be called
/// once a process.
///
/// The first SIGTERM or SIGINT is told as the others are; the second ends
/// the process within the handler, whatever the threads are doing.
pub fn signals() -> io::Result<Signals> {
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order, so that the first signal only arms the second.
        let exit_code = EXIT_SIGNALLED + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&stopping))?;
        flag::register(signal, Arc::clone(&stopping))?;
    }
    Signals::new([SIGTERM, SIGINT, SIGHUP])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Interest, Token};

    use super::*;

    #[test]
    fn a_signal_wakes_the_poll_and_is_told_once() {
        let mut signals = signals().unwrap();
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
