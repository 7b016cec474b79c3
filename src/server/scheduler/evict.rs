//! Who is let go: whose time is up, and who makes room when another waits for a
//! connection or a descriptor.

use std::time::{Duration, Instant};

use super::{Outside, Scheduler};
use crate::{
    connection::{Hint, transport::Transport},
    observe::close_reason::CloseReason,
    server::table::Place,
};

/// How long a client that has not said a word keeps its connection when another
/// waits for one: as long as the kernel keeps it back by itself.
pub const SILENCE_MAX: Duration = Duration::from_secs(1);

impl<T: Transport, O: Outside<T>> Scheduler<T, O> {
    /// The connection that is idle for the longest, and since when.
    pub fn longest_idle(&self) -> Option<(Instant, Place)> {
        let place = self.table.longest_idle()?;
        let state = self.table.get(place)?.connection.state();
        Some((state.idle_since()?, place))
    }

    /// Since when the client is silent that would make room where none is idle
    /// for longer.
    pub fn longest_silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Since when the one is idle or silent that would make room for another.
    pub fn longest_unused_since(&self) -> Option<Instant> {
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
        if let Some((_, place)) = evicted {
            self.make_leave(place);
        }
        if may_be_silent {
            self.look_for_silent();
        }
        evicted.is_some()
    }

    /// Ends a connection at once, or if a request of it has arrived, in part or
    /// whole, with the response to that: a close over it would be a reset, and it
    /// would be lost.
    fn make_leave(&mut self, place: Place) {
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        slot.connection.evict();
        slot.is_queued = false;
        self.desk.renew_turn();
        self.step(place, Hint::READABLE);
        let slot = self.table.get(place);
        if slot.is_some_and(|slot| slot.connection.is_unused()) {
            self.close(place, CloseReason::Evicted);
        }
    }

    /// Ends the connections that are the oldest, whatever becomes of their
    /// requests, but for `kept` and those that are younger than `age_min`.
    pub fn keep_youngest(&mut self, kept: usize, age_min: Duration) {
        while self.table.open() > kept {
            let accepted = |place| {
                let slot = self.table.get(place)?;
                Some((slot.connection.identity().accepted, place))
            };
            match (0..self.table.end()).filter_map(accepted).min() {
                Some((since, oldest))
                    if self.desk.now.saturating_duration_since(since) >= age_min =>
                {
                    self.close(oldest, CloseReason::Evicted);
                }
                _ => return,
            }
        }
    }

    /// Of the clients that have been silent for long enough, the one that has
    /// for the longest.
    fn longest_silent(&self) -> Option<(Instant, Place)> {
        let silent = |place| {
            let since = self.table.get(place)?.connection.silent_since()?;
            let silence = self.desk.now.saturating_duration_since(since);
            (silence >= SILENCE_MAX).then_some((since, place))
        };
        (0..self.table.end()).filter_map(silent).min()
    }

    /// Looks whether somebody has been silent for long enough.
    pub(super) fn look_for_silent(&mut self) {
        self.silent_since = match self.table.open() > self.table.idle() {
            true => self.longest_silent().map(|(since, _)| since),
            false => None,
        };
    }

    /// A request waits for a descriptor: files kept open give theirs up, or
    /// else, when the turn ends, an idle connection. What waits is tried again
    /// with the next sweep, by when it has an effect.
    pub(super) fn starve(&mut self) {
        self.outside.tell_exhausted();
        if self.desk.view.close_kept_files() == 0 {
            self.starving += 1;
        }
    }

    /// Makes room for those who starved in this turn: by connections of another
    /// worker if this one has none.
    pub(super) fn relieve(&mut self) {
        for _ in 0..std::mem::take(&mut self.starving) {
            if !self.evict() {
                return self.outside.starve();
            }
        }
    }

    /// Ends a connection whose time is up. It has a turn first: what it was waited
    /// for may be there, and untold yet, where the worker itself was kept waiting.
    pub(super) fn expire(&mut self, place: Place) {
        if let Some(slot) = self.table.get_mut(place)
            && !slot.is_starved
        {
            let hint = match std::mem::take(&mut slot.is_queued) {
                true => Hint::WRITABLE,
                false => Hint::READABLE,
            };
            self.desk.renew_turn();
            self.step(place, hint);
        }
        let Some(slot) = self.table.get_mut(place) else {
            return;
        };
        let state = slot.connection.state();
        if state.deadline(&self.desk.timeouts) <= self.desk.now {
            self.act(place, |connection, _, desk| connection.expire(desk));
        }
    }
}
