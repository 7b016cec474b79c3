//! Closing connections whose deadline has passed, and evicting connections when a new
//! one, or a descriptor, is needed.

use std::time::Duration;

use super::{Driver, Scheduler};
use crate::{
    config::Moment,
    connection::{Connection, Readiness, state::State, transport::Transport},
    observe::close_reason::CloseReason,
    server::table::Key,
};

/// A client silent for at least this long can be evicted: as long as the kernel
/// itself defers its accept.
pub const SILENT_TIME_MIN: Duration = Duration::from_secs(1);

/// How long a connection lingers at the least before it can be evicted. Its last
/// response is sent, but a client that still sends may not have read it.
pub const LINGER_TIME_MIN: Duration = Duration::from_millis(100);

/// Since when a connection has been silent or has lingered, if for so long that it
/// can be evicted `now`.
fn spare_since<T: Transport>(connection: &Connection<T>, now: Moment) -> Option<Moment> {
    let (since, time_min) = match connection.state() {
        State::Lingering { since, .. } => (*since, LINGER_TIME_MIN),
        _ => (connection.silent_since()?, SILENT_TIME_MIN),
    };
    (now.since(since) >= time_min).then_some(since)
}

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// The longest idle connection, and since when.
    pub fn longest_idle(&self) -> Option<(Moment, Key)> {
        let key = self.table.longest_idle()?;
        let state = self.table.get(key)?.connection.state();
        Some((state.idle_since()?, key))
    }

    /// Since when the best candidate among the silent and lingering connections has
    /// been so, as of the last sweep or eviction.
    pub fn longest_spare_since(&self) -> Option<Moment> {
        self.spare_since
    }

    /// Since when the best candidate for an eviction has been idle, silent or
    /// lingering.
    pub fn eviction_candidate_since(&self) -> Option<Moment> {
        let idle = self.longest_idle().map(|(since, _)| since);
        idle.into_iter().chain(self.spare_since).min()
    }

    /// Evicts the connection that has been idle, silent or lingering the longest.
    /// Returns whether there was one. If only idle ones were evicted, a crowd that
    /// sends nothing, or never closes, would displace clients that come back.
    #[cold]
    pub fn evict(&mut self) -> bool {
        self.serve_received();
        let idle = self.longest_idle();
        // Finding a spare one takes a scan of the table: only if it can matter.
        let may_be_spare = idle
            .is_none_or(|(idle_since, _)| self.spare_since.is_some_and(|since| since < idle_since));
        let spare = may_be_spare.then(|| self.longest_spare()).flatten();
        let evicted = idle
            .into_iter()
            .chain(spare)
            .min_by_key(|&(since, _)| since);
        if let Some((_, key)) = evicted {
            self.evict_at(key);
        }
        if may_be_spare {
            self.update_spare_since();
        }
        evicted.is_some()
    }

    /// Evicts a connection. If a request has arrived, in part or complete, the
    /// connection ends with the response to it: closing over unread input would
    /// reset it. A lingering one is only closed earlier, for the reason it has.
    fn evict_at(&mut self, key: Key) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        let was_lingering = matches!(slot.connection.state(), State::Lingering { .. });
        slot.connection.mark_evicted();
        slot.is_queued = false;
        self.cx.refresh_clock();
        self.step(key, Readiness::READABLE);
        let Some(slot) = self.table.get(key) else {
            return;
        };
        let reason = match slot.connection.state() {
            // Not one that has only now sent its last response.
            State::Lingering { reason, .. } if was_lingering => *reason,
            _ if slot.connection.is_unused() => CloseReason::Evicted,
            _ => return,
        };
        self.close(key, reason);
    }

    /// Closes the oldest connections, whatever their state, except for `kept` of
    /// them and those younger than `age_min`.
    pub fn keep_youngest(&mut self, kept: usize, age_min: Duration) {
        self.serve_received();
        while self.table.open() > kept
            && let Some((since, oldest)) = (0..self.table.end())
                .filter_map(|key| Some((self.table.get(key)?.connection.identity().accepted, key)))
                .min()
            && self.cx.now.since(since) >= age_min
        {
            self.close(oldest, CloseReason::Evicted);
        }
    }

    /// The connection that has been silent or lingering the longest, if long enough.
    fn longest_spare(&self) -> Option<(Moment, Key)> {
        let spare = |key| {
            let since = spare_since(&self.table.get(key)?.connection, self.cx.now)?;
            Some((since, key))
        };
        (0..self.table.end()).filter_map(spare).min()
    }

    /// Searches for the connection that has been silent or lingering the longest.
    pub(super) fn update_spare_since(&mut self) {
        self.spare_since = match self.table.open() > self.table.idle() {
            true => self.longest_spare().map(|(since, _)| since),
            false => None,
        };
    }

    /// A request waits for a descriptor: closes files kept open or, if there are
    /// none, has a connection evicted at the end of the turn. The request is
    /// tried again in the next sweep, by when that has taken effect.
    pub(super) fn note_starved(&mut self) {
        self.driver.warn_exhausted();
        if self.cx.view.close_kept_files() == 0 {
            self.starved_requests += 1;
        }
    }

    /// Evicts a connection for each request of this turn that waits for a
    /// descriptor; if this worker has no candidate, asks the other workers.
    pub(super) fn evict_for_starved(&mut self) {
        for _ in 0..std::mem::take(&mut self.starved_requests) {
            if !self.evict() {
                return self.driver.request_descriptor();
            }
        }
    }

    /// Ends a connection whose deadline has passed. It is advanced first: what it
    /// waits for may have arrived unreported, if this worker was itself held up.
    pub(super) fn expire(&mut self, key: Key) {
        if let Some(slot) = self.table.get_mut(key)
            && !slot.is_starved
        {
            let readiness = match std::mem::take(&mut slot.is_queued) {
                true => Readiness::WRITABLE,
                false => Readiness::READABLE,
            };
            self.cx.refresh_clock();
            self.step(key, readiness);
        }
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        let state = slot.connection.state();
        if state.deadline(&self.cx.timeouts) <= self.cx.now {
            self.act(key, |connection, _, cx| connection.expire(cx));
        }
    }
}
