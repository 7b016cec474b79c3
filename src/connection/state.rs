//! The life of a connection: its states, and how long each may last.
//!
//! ```text
//!   accepted
//!      |
//!      v        head whole, body to come
//!  ReadingHead ------------------------> DiscardingBody
//!   ^  ^   |                                  |
//!   |  |   | answered, not all of it sent     | body whole: answered
//!   |  |   v                                  v
//!   |  |  Writing <---------------------------+
//!   |  |   |  |
//!   |  +---+  | all sent, nothing buffered
//!   | next    v
//!   +------ Idle           last response sent: our side shut
//!   first byte  |               |
//!               |               v
//!               |           Lingering
//!               v               |
//!             closed <----------+
//! ```
//!
//! A response that goes out in one write never enters `Writing`. Every state
//! ends by itself: [`State::deadline`] is the only place that says when.

use std::time::Instant;

use super::{body::Body, note::Unfinished, output::Output};
use crate::{config::Timeouts, observe::close_reason::CloseReason};

/// Where a connection stands. What a state needs, it holds.
#[derive(Debug)]
pub enum State {
    /// Waiting for a head, or for the rest of one.
    ReadingHead(ReadingHead),
    /// The head is whole, its body is not.
    DiscardingBody(Box<DiscardingBody>),
    /// A response is under way that the transport could not take at once.
    Writing(Box<Writing>),
    /// Kept alive, between two requests. It owns nothing.
    Idle {
        /// When the last response was sent.
        since: Instant,
    },
    /// Our side is shut. What still comes is discarded, so that no reset
    /// overtakes the last response (RFC 9112 section 9.6).
    Lingering(Lingering),
}

/// See [`State::ReadingHead`].
#[derive(Debug)]
pub struct ReadingHead {
    /// When the connection was accepted, or the first byte of this request
    /// came. The time-out counts from here, whatever else comes.
    pub since: Instant,
    /// What has been read of this head and, `unjudged`, what follows it.
    pub input: Vec<u8>,
    /// Whether `input` may hold a whole head: the turn's budget ran out.
    pub unjudged: bool,
}

/// See [`State::DiscardingBody`].
#[derive(Debug)]
pub struct DiscardingBody {
    /// When the head was whole.
    pub since: Instant,
    /// The head, kept to be answered once its body is whole.
    pub head: Box<[u8]>,
    /// How far the body has come.
    pub body: Body,
}

/// See [`State::Writing`].
#[derive(Debug)]
pub struct Writing {
    /// What is left to send.
    pub output: Output,
    /// What has been read behind the request being answered.
    pub unparsed: Vec<u8>,
    /// What comes after.
    pub then: Then,
    /// When the transport last took a byte.
    pub progress_at: Instant,
    /// Begin of the stretch over which the least rate is judged.
    pub rate_since: Instant,
    /// Bytes sent in that stretch.
    pub rate_bytes: u64,
    /// What is to be noted of the last response once it is sent.
    pub unfinished: Option<Box<Unfinished>>,
}

/// See [`State::Lingering`].
#[derive(Debug)]
pub struct Lingering {
    /// When our side was shut.
    pub since: Instant,
    /// Why the connection ends.
    pub reason: CloseReason,
}

/// What follows a write.
#[derive(Debug)]
pub enum Then {
    /// The next request.
    Next,
    /// The body that a 100 (Continue) asked for.
    Body(Box<DiscardingBody>),
    /// The end.
    Close(CloseReason),
}

impl State {
    /// The first state of a connection accepted at `now`.
    pub fn first(now: Instant) -> State {
        State::ReadingHead(ReadingHead {
            since: now,
            input: Vec::new(),
            unjudged: false,
        })
    }

    /// When the connection is cut if nothing changes.
    pub fn deadline(&self, timeouts: &Timeouts) -> Instant {
        match self {
            State::ReadingHead(reading) => reading.since + timeouts.header,
            State::DiscardingBody(discarding) => discarding.since + timeouts.body,
            State::Writing(writing) => writing.progress_at + timeouts.write,
            State::Idle { since } => *since + timeouts.keep_alive,
            State::Lingering(lingering) => lingering.since + timeouts.linger,
        }
    }

    /// The name people know it by.
    pub fn name(&self) -> &'static str {
        match self {
            State::ReadingHead(_) => "reading a head",
            State::DiscardingBody(_) => "discarding a body",
            State::Writing(_) => "writing",
            State::Idle { .. } => "idle",
            State::Lingering(_) => "lingering",
        }
    }
}

impl Writing {
    /// Notes that the transport took `sent` bytes, and says whether the peer
    /// still reads fast enough: `rate_min` bytes a second on average over
    /// each stretch of the write time-out.
    pub fn progress(&mut self, sent: usize, now: Instant, timeouts: &Timeouts, rate_min: u64) -> bool {
        if sent == 0 {
            return true;
        }
        self.progress_at = now;
        self.rate_bytes += sent as u64;
        let stretch = now.saturating_duration_since(self.rate_since);
        if stretch < timeouts.write {
            return true;
        }
        let fast_enough = self.rate_bytes as f64 >= rate_min as f64 * stretch.as_secs_f64();
        self.rate_since = now;
        self.rate_bytes = 0;
        fast_enough
    }
}
