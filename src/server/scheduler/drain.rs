//! The end of a worker: who is owed a response gets it, the others are let go.

use std::time::{Duration, Instant};

use super::{Driver, READY_TIME_MAX, SWEEP_INTERVAL, Scheduler};
use crate::{
    connection::{Connection, DRAIN_IDLE_TIME_MAX, Readiness, transport::Transport},
    server::table::Slot,
};

/// The most a client is waited for once the server is stopping and our side of
/// its connection is shut: only its own close is still to come.
const DRAIN_LINGER_TIME_MAX: Duration = Duration::from_millis(100);

/// The time between two sweeps once the server is stopping: how much longer than
/// its waits the stop may take.
const DRAIN_SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// The most a connection just accepted is waited for once the server is
/// stopping: its request may be on its way.
const DRAIN_HEADER_TIME_MAX: Duration = Duration::from_millis(100);

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// The server is stopping: who is not owed a response is let go, shortly.
    pub fn drain(&mut self) {
        if self.is_draining() {
            return;
        }
        self.cx.draining = true;
        self.stop_at = Some(self.cx.now + self.cx.timeouts.shutdown);
        self.cx.timeouts.linger = self.cx.timeouts.linger.min(DRAIN_LINGER_TIME_MAX);
        self.cx.timeouts.header = self.cx.timeouts.header.min(DRAIN_HEADER_TIME_MAX);
        self.sweep_at = self.cx.now + DRAIN_IDLE_TIME_MAX;
    }

    /// Lets those go who are not owed a response, in a sweep that has `begun`.
    pub(super) fn close_drained(&mut self, begun: Instant) {
        for key in 0..self.table.end() {
            let ends = |slot: &Slot<Connection<T>>| slot.connection.can_drain(self.cx.now);
            if !self.table.get(key).is_some_and(ends) {
                continue;
            }
            if self.cx.now.saturating_duration_since(begun) > READY_TIME_MAX {
                // In the next turn, which is at once.
                self.sweep_at = self.cx.now;
                return;
            }
            // What has arrived already is answered.
            self.cx.refresh_clock();
            self.step(key, Readiness::READABLE);
            let ends = |slot: &Slot<Connection<T>>| slot.connection.can_drain(self.cx.now);
            if self.table.get(key).is_some_and(ends) {
                self.act(key, |connection, _, cx| connection.close_for_drain(cx));
            }
        }
    }

    /// The time between two sweeps.
    pub(super) fn sweep_interval(&self) -> Duration {
        match self.is_draining() {
            true => DRAIN_SWEEP_INTERVAL,
            false => SWEEP_INTERVAL,
        }
    }

    /// Whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.stop_at.is_some()
    }

    /// Whether the server is stopping and no connection is left.
    pub fn is_done(&self) -> bool {
        self.is_draining() && self.table.open() == 0
    }
}
