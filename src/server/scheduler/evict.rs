//! Who is let go: whose time is up, and who makes room when another waits for a
//! connection or a descriptor.

use std::time::{Duration, Instant};

use super::{Driver, Scheduler};
use crate::{
    connection::{Readiness, transport::Transport},
    observe::close_reason::CloseReason,
    server::table::Key,
};

/// How long a client that has not said a word keeps its connection when another
/// waits for one: as long as the kernel keeps it back by itself.
pub const SILENT_TIME_MAX: Duration = Duration::from_secs(1);

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// The connection that is idle for the longest, and since when.
    pub fn longest_idle(&self) -> Option<(Instant, Key)> {
        let key = self.table.longest_idle()?;
        let state = self.table.get(key)?.connection.state();
        Some((state.idle_since()?, key))
    }

    /// Since when the client is silent that would make room where none is idle
    /// for longer.
    pub fn longest_silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Since when the one is idle or silent that would make room for another.
    pub fn eviction_candidate_since(&self) -> Option<Instant> {
        let idle = self.longest_idle().map(|(since, _)| since);
        idle.into_iter().chain(self.silent_since).min()
    }

    /// Has the connection end that has been waited for the longest, be it idle or
    /// its client silent; says whether there was one. A crowd that says nothing
    /// would else have those leave who come back to ask.
    pub fn evict(&mut self) -> bool {
        let idle = self.longest_idle();
        let is_before_idle = |since| idle.is_none_or(|(idle_since, _)| since < idle_since);
        // The silent are looked for in the whole table: not for nothing.
        let may_be_silent = idle.is_none() || self.silent_since.is_some_and(is_before_idle);
        let silent = match may_be_silent {
            true => self.longest_silent(),
            false => None,
        };
        let evicted = silent.filter(|&(since, _)| is_before_idle(since)).or(idle);
        if let Some((_, key)) = evicted {
            self.evict_at(key);
        }
        if may_be_silent {
            self.update_silent_since();
        }
        evicted.is_some()
    }

    /// Ends a connection at once, or if a request of it has arrived, in part or
    /// whole, with the response to that: a close over it would be a reset, and it
    /// would be lost.
    fn evict_at(&mut self, key: Key) {
        let Some(slot) = self.table.get_mut(key) else {
            return;
        };
        slot.connection.mark_evicted();
        slot.is_queued = false;
        self.cx.refresh_clock();
        self.step(key, Readiness::READABLE);
        let slot = self.table.get(key);
        if slot.is_some_and(|slot| slot.connection.is_unused()) {
            self.close(key, CloseReason::Evicted);
        }
    }

    /// Ends the connections that are the oldest, whatever becomes of their
    /// requests, but for `kept` and those that are younger than `age_min`.
    pub fn keep_youngest(&mut self, kept: usize, age_min: Duration) {
        while self.table.open() > kept {
            let accepted = |key| {
                let slot = self.table.get(key)?;
                Some((slot.connection.identity().accepted, key))
            };
            match (0..self.table.end()).filter_map(accepted).min() {
                Some((since, oldest))
                    if self.cx.now.saturating_duration_since(since) >= age_min =>
                {
                    self.close(oldest, CloseReason::Evicted);
                }
                _ => return,
            }
        }
    }

    /// Of the clients that have been silent for long enough, the one that has
    /// for the longest.
    fn longest_silent(&self) -> Option<(Instant, Key)> {
        let silent = |key| {
            let since = self.table.get(key)?.connection.silent_since()?;
            let silence = self.cx.now.saturating_duration_since(since);
            (silence >= SILENT_TIME_MAX).then_some((since, key))
        };
        (0..self.table.end()).filter_map(silent).min()
    }

    /// Looks whether somebody has been silent for long enough.
    pub(super) fn update_silent_since(&mut self) {
        self.silent_since = match self.table.open() > self.table.idle() {
            true => self.longest_silent().map(|(since, _)| since),
            false => None,
        };
    }

    /// A request waits for a descriptor: files kept open give theirs up, or
    /// else, when the turn ends, an idle connection. What waits is tried again
    /// with the next sweep, by when it has an effect.
    pub(super) fn note_starved(&mut self) {
        self.driver.warn_exhausted();
        if self.cx.view.close_kept_files() == 0 {
            self.starved_requests += 1;
        }
    }

    /// Makes room for those who starved in this turn: by connections of another
    /// worker if this one has none.
    pub(super) fn evict_for_starved(&mut self) {
        for _ in 0..std::mem::take(&mut self.starved_requests) {
            if !self.evict() {
                return self.driver.request_descriptor();
            }
        }
    }

    /// Ends a connection whose time is up. It has a turn first: what it was waited
    /// for may be there, and untold yet, where the worker itself was kept waiting.
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
