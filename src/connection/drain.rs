//! Which connections may be closed for a shutdown or an eviction.

use std::time::Duration;

use super::{Connection, Next, context::Context, state::State, transport::Transport};
use crate::{config::Moment, observe::close_reason::CloseReason};

/// How long a connection may stay idle while the server drains: a request already
/// in flight is answered, instead of being lost to the close.
pub const DRAIN_IDLE_TIME_MAX: Duration = Duration::from_millis(10);

/// A client that sends at least this many requests, one after another ...
const STEADY_REQUESTS_MIN: u64 = 10;

/// ... may be idle this long between two: longer than a busy machine keeps it from
/// running.
const STEADY_IDLE_TIME_MAX: Duration = Duration::from_millis(100);

impl<T: Transport> Connection<T> {
    /// Marks the connection for eviction: its next response is its last.
    pub fn mark_evicted(&mut self) {
        self.evicted = true;
    }

    /// Whether the connection is marked for eviction.
    pub fn is_evicted(&self) -> bool {
        self.evicted
    }

    /// When the connection began, if its client has not sent a byte of a request
    /// yet.
    pub fn silent_since(&self) -> Option<Moment> {
        match &self.state {
            State::ReadingHead(reading) if self.identity.requests == 0 && !reading.has_begun() => {
                Some(self.identity.began_silent())
            }
            _ => None,
        }
    }

    /// Whether no request has begun and no response is in progress.
    pub fn is_unused(&self) -> bool {
        matches!(self.state, State::Idle { .. }) || self.silent_since().is_some()
    }

    /// Whether a draining server may close the connection `now`. One with a
    /// response in progress closes after it instead.
    pub fn can_drain(&self, now: Moment) -> bool {
        match &self.state {
            // The next request may be in flight, the more so from a client that
            // sends one after another.
            State::Idle { since } => {
                let idle_max = match self.identity.requests {
                    ..STEADY_REQUESTS_MIN => DRAIN_IDLE_TIME_MAX,
                    STEADY_REQUESTS_MIN.. => STEADY_IDLE_TIME_MAX,
                };
                now.since(*since) >= idle_max
            }
            // The first request may be in flight: the connection keeps its header
            // time-out, which draining has shortened.
            State::ReadingHead(reading)
                if reading.input.is_empty() && self.identity.waited.is_zero() =>
            {
                false
            }
            // A complete request may be waiting for a descriptor: one may be free
            // now, and at its time-out the request is answered with an error.
            State::ReadingHead(reading) if reading.deferred => false,
            State::ReadingHead(_) => true,
            // A close while the client still sends can destroy the last response.
            // This wait is short.
            State::DiscardingBody(_)
            | State::ReadingDirectory(_)
            | State::Writing(_)
            | State::Lingering { .. } => false,
        }
    }

    /// Closes the connection although its last response did not announce it. Part
    /// of that response may still be in flight, and a request that crosses an
    /// immediate close would destroy it: hence the lingering close.
    pub fn close_for_drain(&mut self, cx: &Context) -> Next {
        let ended = self.end(CloseReason::Draining, false, cx);
        ended.break_value().unwrap_or(Next::Readable)
    }
}
