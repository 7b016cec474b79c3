//! The life of a connection: its states, every transition between them, and how
//! long each state may last.
//!
//! ```text
//!   accepted
//!      |
//!      v        head complete, body to come
//!  ReadingHead ------------------------> DiscardingBody
//!   ^  ^   | \                                |
//!   |  |   |  \ a directory to list           |
//!   |  |   |   `---> ReadingDirectory         |
//!   |  |   | answered,     | listed: answered | body complete: answered
//!   |  |   v not all sent  v                  v
//!   |  |  Writing <--------+------------------+
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
//! A response that goes out in one write skips `Writing`: its state leads
//! straight to where `Writing` would ([`State::after_write`]). Not drawn are:
//!
//! - the edges to `closed` from every state: EOF, reset, deadline; and from a last
//!   response that the client asked for, after which nothing is to come. Shutdown
//!   sends `Idle` and `ReadingHead` to `Lingering`;
//! - what follows a malformed request, or one that did not arrive in time: the
//!   response to it is the last one;
//! - `Writing` to `DiscardingBody` or `ReadingDirectory`, when a 100 (Continue),
//!   or responses to earlier requests, could not be sent at once ([`Then`]);
//! - `DiscardingBody` to `ReadingDirectory`, when the request for a directory to list
//!   has a body.
//!
//! Every state has a deadline, and [`State::deadline`] is the only place that
//! computes it. Every new state is built here, by pure functions: the other modules
//! do the I/O, call them, and assign the result.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{accounting::PendingRecord, body::Body, output::Output};
use crate::{
    config::{Moment, Timeouts},
    files::listing::Listing,
    http::request::HeadLimits,
    observe::close_reason::CloseReason,
};

/// The state of a connection. Each variant owns its data.
#[derive(Debug)]
pub enum State {
    /// Waiting for a request head, or for the rest of one.
    ReadingHead(ReadingHead),
    /// The head is complete, its body is not.
    DiscardingBody(Box<DiscardingBody>),
    /// The request is complete; the directory it names is being listed.
    ReadingDirectory(Box<ReadingDirectory>),
    /// A response that the transport could not take at once.
    Writing(Box<Writing>),
    /// Kept alive, between two requests. It owns no buffer.
    Idle {
        /// When the last response was sent.
        since: Moment,
    },
    /// Our side is shut. Further input is discarded, so that no reset overtakes
    /// the last response (RFC 9112 section 9.6).
    Lingering {
        /// When our side was shut.
        since: Moment,
        /// Why the connection closes.
        reason: CloseReason,
    },
}

/// See [`State::ReadingHead`].
#[derive(Debug)]
pub struct ReadingHead {
    /// When the connection was accepted, or the first byte of this request
    /// arrived. The time-out counts from here; later bytes do not extend it.
    pub since: Moment,
    /// What has been read of this head and, if `deferred`, what follows it.
    pub input: Vec<u8>,
    /// `input` may already hold a complete request, which was not parsed because
    /// the turn's budget was spent or an earlier response was unsent, or not
    /// answered for lack of a descriptor.
    pub deferred: bool,
}

/// See [`State::DiscardingBody`].
#[derive(Debug)]
pub struct DiscardingBody {
    /// When the head was complete.
    pub since: Moment,
    /// The head, kept because it is answered once the body is complete.
    pub head: Box<[u8]>,
    /// The framing, and how much of the body has arrived.
    pub body: Body,
}

/// See [`State::ReadingDirectory`].
#[derive(Debug)]
pub struct ReadingDirectory {
    /// When the listing began.
    pub since: Moment,
    /// The head, kept because it is answered once the listing is finished.
    pub head: Box<[u8]>,
    /// The unfinished listing.
    pub listing: Box<Listing>,
    /// Input after the request.
    pub unparsed: Vec<u8>,
}

/// See [`State::Writing`].
#[derive(Debug)]
pub struct Writing {
    /// Unsent output.
    pub output: Output,
    /// Input after the request being answered.
    pub unparsed: Vec<u8>,
    /// What follows once all is sent.
    pub then: Then,
    /// When the transport last accepted a byte.
    pub progress_at: Moment,
    /// Start of the current window of the minimum-rate check.
    pub rate_since: Moment,
    /// Bytes sent in that window.
    pub rate_bytes: u64,
    /// The accounting of the last response, to be completed once it is sent.
    pub pending: Option<Box<PendingRecord>>,
}

/// What follows once all output is sent.
#[derive(Debug)]
pub enum Then {
    /// The next request.
    Request,
    /// The rest of a body, which a 100 (Continue) among the output may invite.
    Body(Box<DiscardingBody>),
    /// An unfinished directory listing, for the request with this head.
    Listing(Box<[u8]>, Box<Listing>),
    /// The close.
    Close(CloseReason),
}

/// The transitions.
impl State {
    /// Waiting for a head begun at `since`, of which `input` has been read: at first, or
    /// after a read that did not complete it, or whose requests are left for another
    /// turn (`deferred`).
    pub fn reading_head(since: Moment, input: Vec<u8>, deferred: bool) -> State {
        State::ReadingHead(ReadingHead {
            since,
            input,
            deferred,
        })
    }

    /// After a write that the transport cut short.
    pub fn write_cut_short(
        output: Output,
        unparsed: Vec<u8>,
        then: Then,
        pending: Option<Box<PendingRecord>>,
        now: Moment,
    ) -> State {
        State::Writing(Box::new(Writing {
            output,
            unparsed,
            then,
            progress_at: now,
            rate_since: now,
            rate_bytes: 0,
            pending,
        }))
    }

    /// After all output is sent, `rest` being the input left over; `Break` if that
    /// was the last response. What `rest` holds began at `since`, and is
    /// `deferred` if it has not been parsed.
    pub fn after_write(
        then: Then,
        rest: Vec<u8>,
        deferred: bool,
        since: Moment,
        now: Moment,
    ) -> ControlFlow<CloseReason, State> {
        Continue(match then {
            Then::Close(reason) => return Break(reason),
            Then::Body(discarding) => State::DiscardingBody(discarding),
            Then::Listing(head, listing) => State::ReadingDirectory(Box::new(ReadingDirectory {
                since: now,
                head,
                listing,
                unparsed: rest,
            })),
            Then::Request if rest.is_empty() => State::answered(now),
            Then::Request => State::reading_head(since, rest, deferred),
        })
    }

    /// After all requests are answered, and all responses sent.
    pub fn answered(now: Moment) -> State {
        State::Idle { since: now }
    }

    /// After our side was shut, to close for `reason`.
    pub fn write_side_shut(reason: CloseReason, now: Moment) -> State {
        State::Lingering { since: now, reason }
    }

    /// Takes the state, to build the next one from its data; leaves `Idle`.
    pub fn take(&mut self, now: Moment) -> State {
        std::mem::replace(self, State::answered(now))
    }

    /// The reason to close if the peer ends its side in this state.
    pub fn eof_reason(&self) -> CloseReason {
        match self {
            State::ReadingHead(reading) if reading.has_begun() => CloseReason::ClientGaveUp,
            State::DiscardingBody(_) => CloseReason::ClientGaveUp,
            _ => CloseReason::ClientClosed,
        }
    }

    /// When the state ends at the latest, unless it makes progress.
    pub fn deadline(&self, timeouts: &Timeouts) -> Moment {
        match self {
            State::ReadingHead(reading) => reading.since + timeouts.header,
            State::DiscardingBody(discarding) => discarding.since + timeouts.body,
            State::ReadingDirectory(reading) => reading.since + timeouts.write,
            State::Writing(writing) => writing.progress_at + timeouts.write,
            State::Idle { since } => *since + timeouts.keep_alive,
            State::Lingering { since, .. } => *since + timeouts.linger,
        }
    }
}

impl State {
    /// Since when the connection has been idle, if it is.
    pub fn idle_since(&self) -> Option<Moment> {
        match self {
            State::Idle { since } => Some(*since),
            _ => None,
        }
    }

    /// A name for people.
    pub fn name(&self) -> &'static str {
        match self {
            State::ReadingHead(_) => "reading a head",
            State::DiscardingBody(_) => "discarding a body",
            State::ReadingDirectory(_) => "reading a directory",
            State::Writing(_) => "writing",
            State::Idle { .. } => "idle",
            State::Lingering { .. } => "lingering",
        }
    }
}

impl ReadingHead {
    /// Whether any byte of a request has arrived. An empty line after the
    /// previous request does not count (RFC 9112 section 2.2).
    pub fn has_begun(&self) -> bool {
        !matches!(&*self.input, b"" | b"\r" | b"\r\n")
    }

    /// Whether parsing again after `new` bytes can change the result of
    /// [`request::parse`](crate::http::request::parse). In the request line any
    /// byte can; after it only a line feed, or exceeding the limit. This bounds
    /// the parsing of a head that arrives in many pieces.
    pub fn can_end(held: &[u8], new: &[u8], limits: &HeadLimits) -> bool {
        // An empty line may precede the request line.
        let start = if held.starts_with(b"\r\n") { 2 } else { 0 };
        let line = held[start..].iter().position(|&byte| byte == b'\n');
        line.is_none_or(|line_end| {
            let block_bytes = held.len() + new.len() - (start + line_end + 1);
            new.contains(&b'\n') || block_bytes > limits.header_section_bytes_max
        })
    }
}

impl Writing {
    /// Records that the transport accepted `sent` bytes. Returns whether the peer
    /// still reads fast enough: `write_bytes_per_second_min` on average over each
    /// window, which lasts at least the write time-out.
    pub fn progress(
        &mut self,
        sent: usize,
        now: Moment,
        timeouts: &Timeouts,
        write_bytes_per_second_min: u64,
    ) -> bool {
        if sent == 0 {
            return true;
        }
        self.progress_at = now;
        self.rate_bytes += sent as u64;
        let window = now.since(self.rate_since);
        if window < timeouts.write {
            return true;
        }
        let fast_enough =
            self.rate_bytes as f64 >= write_bytes_per_second_min as f64 * window.as_secs_f64();
        self.rate_since = now;
        self.rate_bytes = 0;
        fast_enough
    }
}

#[cfg(test)]
mod tests;
