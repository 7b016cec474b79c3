//! The kernel's view, read by a thread of its own and only when somebody
//! asks: a busy machine has tables so long that reading them takes longer than
//! a client should wait for the rest.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::kernel::{Kernel, KernelView};

/// How long the tables are not read again, at least ...
const REST_MIN: Duration = Duration::from_millis(500);
/// ... and so many times as long as it took: they never cost more than this
/// share of a processor.
const REST_FACTOR: u32 = 5;
/// The most an answer waits for a fresh view; then the last one is told.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// The newest view, and the wish for a newer one.
#[derive(Debug, Default)]
pub struct KernelWatch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    view: Option<KernelView>,
    is_wanted: bool,
    /// Before this the view is fresh enough.
    fresh_until: Option<Instant>,
}

impl KernelWatch {
    /// Starts the thread that reads the tables.
    pub fn start(kernel: Kernel, listeners: Vec<SocketAddr>) -> io::Result<Arc<KernelWatch>> {
        let watch = Arc::<KernelWatch>::default();
        let reader = Arc::clone(&watch);
        thread::Builder::new()
            .name("status-kernel".into())
            .spawn(move || reader.read_when_wanted(kernel, &listeners))?;
        Ok(watch)
    }

    /// A view that is fresh, or else the last one: whoever wishes for a newer one
    /// waits for it, and nobody else while it is read.
    pub fn view(&self) -> Option<KernelView> {
        let mut state = self.lock();
        let is_fresh = (state.fresh_until).is_some_and(|until| Instant::now() < until);
        if is_fresh || state.is_wanted {
            return state.view;
        }
        state.is_wanted = true;
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(state, WAIT_MAX, |state| state.is_wanted);
        waited.unwrap_or_else(PoisonError::into_inner).0.view
    }

    fn read_when_wanted(&self, mut kernel: Kernel, listeners: &[SocketAddr]) {
        loop {
            drop(
                self.changed
                    .wait_while(self.lock(), |state| !state.is_wanted),
            );
            let begun = Instant::now();
            let view = kernel.view(listeners).ok();
            let took = begun.elapsed();
            let mut state = self.lock();
            state.view = view;
            state.is_wanted = false;
            state.fresh_until = Some(begun + took + REST_MIN.max(took * REST_FACTOR));
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
