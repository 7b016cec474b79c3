//! The end of a worker: who is owed a response gets it, the others are let go.

use std::time::{Duration, Instant};

use super::{Outside, READY_MAX, SWEEP_INTERVAL, Scheduler};
use crate::{
    connection::{Connection, DRAIN_IDLE_MAX, Hint, transport::Transport},
    server::table::Slot,
};

/// The most a client is waited for once the server is stopping and our side of
/// its connection is shut: only its own close is still to come.
const DRAIN_LINGER_MAX: Duration = Duration::from_millis(100);

/// The time between two sweeps once the server is stopping: how much longer than
/// its waits the stop may take.
const DRAIN_SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// The most a connection just accepted is waited for once the server is
/// stopping: its request may be on its way.
const DRAIN_HEADER_MAX: Duration = Duration::from_millis(100);

impl<T: Transport, O: Outside<T>> Scheduler<T, O> {
    /// The server is stopping: who is not owed a response is let go, shortly.
    pub fn drain(&mut self) {
        if self.is_draining() {
            return;
        }
        self.desk.draining = true;
        self.stop_at = Some(self.desk.now + self.desk.timeouts.shutdown);
        self.desk.timeouts.linger = self.desk.timeouts.linger.min(DRAIN_LINGER_MAX);
        self.desk.timeouts.header = self.desk.timeouts.header.min(DRAIN_HEADER_MAX);
        self.sweep_at = self.desk.now + DRAIN_IDLE_MAX;
    }

    /// Lets those go who are not owed a response, in a sweep that has `begun`.
    pub(super) fn dismiss(&mut self, begun: Instant) {
        for place in 0..self.table.end() {
            let ends = |slot: &Slot<Connection<T>>| slot.connection.is_dismissed(self.desk.now);
            if !self.table.get(place).is_some_and(ends) {
                continue;
            }
            if self.desk.now.saturating_duration_since(begun) > READY_MAX {
                // In the next turn, which is at once.
                self.sweep_at = self.desk.now;
                return;
            }
            // What has arrived already is answered.
            self.desk.renew_turn();
            self.step(place, Hint::READABLE);
            let ends = |slot: &Slot<Connection<T>>| slot.connection.is_dismissed(self.desk.now);
            if self.table.get(place).is_some_and(ends) {
                self.act(place, |connection, _, desk| connection.leave(desk));
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
