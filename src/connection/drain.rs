//! Who may go, because the server is stopping or another waits for the place.

use std::time::{Duration, Instant};

use super::{Connection, Next, context::Context, state::State, transport::Transport};
use crate::observe::close_reason::CloseReason;

/// How long a connection may be idle once the server is stopping: a request that
/// is on its way is answered, and would be lost if it met a close.
pub const DRAIN_IDLE_TIME_MAX: Duration = Duration::from_millis(10);

/// Requests of a client that asks one after another ...
const STEADY_REQUESTS_MIN: u64 = 10;

/// ... and how long it may be idle between two: longer than a busy machine keeps
/// it from running.
const STEADY_IDLE_TIME_MAX: Duration = Duration::from_millis(100);

impl<T: Transport> Connection<T> {
    /// Another waits for its place: its next response is its last.
    pub fn mark_evicted(&mut self) {
        self.evicted = true;
    }

    /// Whether another waits for its place.
    pub fn is_evicted(&self) -> bool {
        self.evicted
    }

    /// Since when its client has had it without a word.
    pub fn silent_since(&self) -> Option<Instant> {
        match &self.state {
            State::ReadingHead(reading) if self.identity.requests == 0 && !reading.has_begun() => {
                Some(self.identity.began_silent())
            }
            _ => None,
        }
    }

    /// Whether nothing is owed to its client, and nothing of it under way.
    pub fn is_unused(&self) -> bool {
        matches!(self.state, State::Idle { .. }) || self.silent_since().is_some()
    }

    /// Whether it ends, the server being told to stop, `now`: who is owed a
    /// response ends with that.
    pub fn can_drain(&self, now: Instant) -> bool {
        match &self.state {
            // Its next request may be on its way, the more so where it asks one
            // after another.
            State::Idle { since } => {
                let idle_max = match self.identity.requests {
                    ..STEADY_REQUESTS_MIN => DRAIN_IDLE_TIME_MAX,
                    STEADY_REQUESTS_MIN.. => STEADY_IDLE_TIME_MAX,
                };
                now.saturating_duration_since(*since) >= idle_max
            }
            // Its first request may be on its way: it has the header time-out,
            // which is a short one by now.
            State::ReadingHead(reading)
                if reading.input.is_empty()
                    && self.identity.requests == 0
                    && self.identity.waited.is_zero() =>
            {
                false
            }
            // A whole request may lie there for which there was no descriptor:
            // there may be one now, and at its time-out it is told.
            State::ReadingHead(reading) if reading.deferred => false,
            State::ReadingHead(_) => true,
            // Closing under a client that still sends would take back the
            // response it was given last; this wait is short as it is.
            State::DiscardingBody(_)
            | State::ReadingDirectory(_)
            | State::Writing(_)
            | State::Lingering(_) => false,
        }
    }

    /// Ends, though its last response did not say that it is the last: part of it
    /// may still be on its way, and a close would take it back if a further request
    /// crossed it.
    pub fn close_for_drain(&mut self, cx: &Context) -> Next {
        let ended = self.end(CloseReason::Draining, false, cx);
        ended.break_value().unwrap_or(Next::Readable)
    }
}
