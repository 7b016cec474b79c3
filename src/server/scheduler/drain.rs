//! Draining: requests in progress are answered, other connections are closed.

use std::time::Duration;

use super::{Driver, READY_TIME_MAX, SWEEP_INTERVAL, Scheduler};
use crate::{
    config::Moment,
    connection::{DRAIN_IDLE_TIME_MAX, Readiness, transport::Transport},
};

/// How long to linger during a drain, after our side of the connection is shut:
/// only the client's own close is still to come.
const DRAIN_LINGER_TIME_MAX: Duration = Duration::from_millis(100);

/// The time between two sweeps during a drain. A wait may end this much later than
/// its time-out, and so may the shutdown.
const DRAIN_SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// How long to wait during a drain for the first request of a new connection: it
/// may be in flight.
const DRAIN_HEADER_TIME_MAX: Duration = Duration::from_millis(100);

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// Begins to drain: connections that are owed no response are closed shortly.
    pub fn drain(&mut self) {
        if self.is_draining() {
            return;
        }
        self.cx.refresh_clock();
        self.cx.draining = true;
        self.stop_at = Some(self.cx.now + self.cx.timeouts.shutdown);
        self.cx.timeouts.linger = self.cx.timeouts.linger.min(DRAIN_LINGER_TIME_MAX);
        self.cx.timeouts.header = self.cx.timeouts.header.min(DRAIN_HEADER_TIME_MAX);
        self.sweep_at = self.cx.now + DRAIN_IDLE_TIME_MAX;
    }

    /// Closes connections that are owed no response, in a sweep that has `begun`.
    pub(super) fn close_drained(&mut self, begun: Moment) {
        let can_drain = |scheduler: &Self, key| {
            let slot = scheduler.table.get(key);
            slot.is_some_and(|slot| slot.connection.can_drain(scheduler.cx.now))
        };
        for key in 0..self.table.end() {
            if !can_drain(self, key) {
                continue;
            }
            if self.cx.now.since(begun) > READY_TIME_MAX {
                // Continue in the next turn, without waiting.
                self.sweep_at = self.cx.now;
                return;
            }
            // A request that has already arrived is answered.
            self.cx.refresh_clock();
            self.step(key, Readiness::READABLE);
            if can_drain(self, key) {
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

    /// Whether the server is draining.
    pub fn is_draining(&self) -> bool {
        self.stop_at.is_some()
    }

    /// Whether the server is draining and no connection is left.
    pub fn is_done(&self) -> bool {
        self.is_draining() && self.table.open() == 0
    }
}
