//! Bytes to requests, and responses to bytes, over any [`Transport`].
//!
//! A connection is its [`State`] and its [`Identity`]; it borrows the input buffer
//! and the [`Context`] of its worker. [`Connection::advance`] does everything that
//! needs no waiting, and returns what to wait for.
//!
//! Reading order: [`state`] (the diagram), this file (a turn), `read` (transport
//! to input), `serve` (input to responses), [`response_cache`] (heads seen
//! before) and `hit` (their responses), `listing` (a response that takes several
//! turns to make), `error_response` (malformed and incomplete requests),
//! [`respond`] (responses to output), [`output`] and `write` (output to
//! transport), `drain` (which connections may be closed early), `close` (the end),
//! [`accounting`] (counters and logs).
//!
//! ```text
//! receive_first              all connections that are ready, before the first is answered
//! advance_hit                one request, whose response is cached; else
//! read -> take_input         is the head complete?
//!         serve              for each request in the input:
//!           answer             in the response cache? else
//!           parse_and_answer   parse, body, handler
//!           respond            keep or close, queue
//!           finish_response    send unless more follows, accounting
//!         finish_batch       send what is queued; if the transport is full, keep the rest
//!         after_write        the next state, or the close
//! ```

pub mod accounting;
pub mod body;
mod close;
pub mod context;
mod drain;
mod error_response;
mod hit;
pub mod identity;
mod listing;
pub mod output;
mod read;
pub mod respond;
pub mod response_cache;
pub mod serve;
pub mod socket;
pub mod state;
pub mod transport;
mod write;

use std::{
    ops::ControlFlow::{self, Break, Continue},
    panic::{AssertUnwindSafe, catch_unwind},
};

use log::error;

use crate::{files::Refusal, http::status::Status, observe::close_reason::CloseReason};
use context::Context;
pub use drain::DRAIN_IDLE_TIME_MAX;
pub use identity::Identity;
use state::State;
use transport::Transport;

/// Responses that one connection may get in one turn.
const TURN_RESPONSES_MAX: usize = 128;

/// Bytes of requests of one connection that may be parsed in one turn; the last
/// request may exceed it. A long head can take a hundred times as long to parse as
/// a short one, however short its response.
const TURN_REQUEST_BYTES_MAX: usize = 64 << 10;

/// Bytes of requests that count as one extra response in
/// [`Budget::extra_responses`].
const USUAL_REQUEST_BYTES: usize = 4 << 10;

/// Bytes that all connections being written to may send together in one turn,
/// because the others wait as long as that takes. It is exceeded if
/// [`SHARE_BYTES_MIN`] for each comes to more.
const TURN_BYTES_MAX: usize = 6 << 20;

/// The least share of one of them: for less, the system call and the turn would
/// cost more than the bytes.
const SHARE_BYTES_MIN: usize = (256 << 10) + SHARE_HEAD_BYTES;

/// The largest share of one of them: of a large file, one `sendfile`.
pub const SHARE_BYTES_MAX: usize = (2 << 20) + SHARE_HEAD_BYTES;

/// Allowance for the head, so that a file as large as a share fits into one turn.
const SHARE_HEAD_BYTES: usize = 64 << 10;

/// Bytes that one connection may send, or discard, in one turn while `writing`
/// connections are being written to.
pub fn share_bytes(writing: usize) -> usize {
    (TURN_BYTES_MAX / writing.max(1)).clamp(SHARE_BYTES_MIN, SHARE_BYTES_MAX)
}

/// One connection.
#[derive(Debug)]
pub struct Connection<T> {
    identity: Identity,
    transport: T,
    state: State,
    /// The socket may be readable: no read has returned `WouldBlock` since the
    /// last event.
    readable: bool,
    /// EOF or urgent data was reported: a short read does not mean that the
    /// socket is empty. Read until 0 or `WouldBlock`.
    read_closed: bool,
    /// Bytes that the transport has accepted.
    sent_bytes: usize,
    /// The peer has been seen to read, and the bound on unsent data is lifted.
    bound_lifted: bool,
    /// Marked for eviction: its next response is its last.
    evicted: bool,
}

/// What the poll reports. It is only a hint to try: a wrong one does no harm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// A read may succeed.
    pub readable: bool,
    /// A write may succeed.
    pub writable: bool,
    /// EOF or an error can be read, or more input after urgent data.
    pub read_closed: bool,
}

impl Readiness {
    /// Readable only.
    pub const READABLE: Readiness = Readiness {
        readable: true,
        writable: false,
        read_closed: false,
    };

    /// Writable only.
    pub const WRITABLE: Readiness = Readiness {
        readable: false,
        writable: true,
        read_closed: false,
    };
}

/// What a connection waits for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The transport to be readable.
    Readable,
    /// The transport to be writable.
    Writable,
    /// The next turn: its budget of this one is spent.
    NextTurn,
    /// A free descriptor, and then the next turn.
    Descriptor,
    /// Nothing: it is finished. Dropping it closes the socket.
    Closed(CloseReason),
}

/// The result of one step of a state: try the next step at once, or stop for this
/// turn.
type Step = ControlFlow<Next>;

/// The result of a read: the bytes, or what follows if there are none.
pub type Received<T> = ControlFlow<Next, T>;

/// What to wait for if only one step is made.
fn after_step(step: Step) -> Next {
    step.break_value().unwrap_or(Next::NextTurn)
}

/// What the connection being served may still do in this turn.
#[derive(Debug)]
struct Budget {
    responses: usize,
    request_bytes: usize,
    bytes: usize,
}

impl Budget {
    /// The budget of one turn, with `bytes` to send.
    fn new(bytes: usize) -> Budget {
        Budget {
            responses: TURN_RESPONSES_MAX,
            request_bytes: TURN_REQUEST_BYTES_MAX,
            bytes,
        }
    }

    /// What has been used beyond one usual request, in responses.
    fn extra_responses(&self) -> usize {
        let responses = TURN_RESPONSES_MAX - self.responses;
        let request_bytes = TURN_REQUEST_BYTES_MAX - self.request_bytes;
        responses.saturating_sub(1) + request_bytes / USUAL_REQUEST_BYTES
    }

    /// Whether no further request can be answered in this turn.
    fn is_spent(&self) -> bool {
        self.responses == 0 || self.request_bytes == 0 || self.bytes == 0
    }
}

impl<T: Transport> Connection<T> {
    /// A connection accepted at `identity.accepted`.
    pub fn new(transport: T, identity: Identity) -> Connection<T> {
        Connection {
            state: State::reading_head(identity.began_silent(), Vec::new(), false),
            identity,
            transport,
            readable: false,
            read_closed: false,
            sent_bytes: 0,
            bound_lifted: false,
            evicted: false,
        }
    }

    /// Its number, peer and request count.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Runs `act`. A panic in it closes this connection alone, and leaves none of
    /// its output in the context.
    pub fn guarded(
        &mut self,
        cx: &mut Context,
        act: impl FnOnce(&mut Self, &mut Context) -> Next,
    ) -> Next {
        let acted = catch_unwind(AssertUnwindSafe(|| act(self, cx)));
        acted.unwrap_or_else(|_| {
            cx.output.clear();
            let id = self.identity.id;
            error!("connection {id}: closed: panic while handling a request");
            Next::Closed(CloseReason::Panicked)
        })
    }

    /// Keeps what the poll reported about reading for the next turn.
    pub fn note_readiness(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.read_closed |= readiness.read_closed;
    }

    /// Does everything that needs no waiting, within one turn's budget. `input` is
    /// the worker's buffer, of [`Context::input_bytes`].
    pub fn advance(&mut self, readiness: Readiness, input: &mut [u8], cx: &mut Context) -> Next {
        self.note_readiness(readiness);
        cx.budget = Budget::new(cx.share_bytes);
        if matches!(self.state, State::Writing(_)) && !readiness.writable {
            return Next::Writable;
        }
        self.run_steps(input, cx)
    }

    /// The same after [`Connection::receive_first`] has `received` these bytes, and
    /// [`Context::refresh_clock`] was called.
    pub fn advance_received(
        &mut self,
        received: Received<&[u8]>,
        input: &mut [u8],
        cx: &mut Context,
    ) -> Next {
        cx.budget = Budget::new(cx.share_bytes);
        let step = match received {
            Continue(data) => self.take_input(data, 0, cx),
            // More may have been reported meanwhile.
            Break(Next::Readable) => Continue(()),
            Break(next) => Break(next),
        };
        match step {
            Continue(()) => self.run_steps(input, cx),
            Break(next) => next,
        }
    }

    /// Keeps `data`, which [`Connection::receive_first`] has read, for the next turn.
    pub fn defer_received(&mut self, data: &[u8], cx: &Context) -> Next {
        self.state = State::reading_head(self.request_since(cx), data.to_vec(), true);
        Next::NextTurn
    }

    /// Runs the steps of the states until one has to wait.
    #[inline(never)]
    fn run_steps(&mut self, input: &mut [u8], cx: &mut Context) -> Next {
        loop {
            let step = match &self.state {
                State::ReadingHead(_) | State::Idle { .. } => self.read(input, cx),
                State::DiscardingBody(_) => self.read_body(input, cx),
                State::ReadingDirectory(_) => self.advance_listing(cx),
                State::Writing(_) => self.write(cx),
                State::Lingering { .. } => self.linger(input, cx),
            };
            if let Break(next) = step {
                return next;
            }
        }
    }

    /// Ends the wait whose deadline has passed, with a response if the client
    /// waits for one.
    pub fn expire(&mut self, cx: &mut Context) -> Next {
        cx.budget = Budget::new(cx.share_bytes);
        let (status, reason) = match &self.state {
            State::ReadingHead(reading) if !reading.has_begun() => {
                return Next::Closed(CloseReason::HeaderTimeout);
            }
            // A complete request may be waiting for a descriptor.
            State::ReadingHead(reading) if reading.deferred => {
                (Status::ServiceUnavailable, CloseReason::OutOfResources)
            }
            State::ReadingHead(_) => (Status::RequestTimeout, CloseReason::HeaderTimeout),
            State::DiscardingBody(_) => (Status::RequestTimeout, CloseReason::BodyTimeout),
            State::ReadingDirectory(_) => {
                return after_step(self.answer_listing(Err(Refusal::Overloaded), cx));
            }
            State::Writing(_) => return self.expire_writing(cx),
            State::Idle { .. } => return Next::Closed(CloseReason::IdleTimeout),
            State::Lingering { reason, .. } => return Next::Closed(*reason),
        };
        after_step(self.answer_incomplete(status, reason, cx))
    }

    /// No write has succeeded for the write time-out. The poll reports writability
    /// only once a good part of the send buffer is free, so try once more: if bytes
    /// go, the minimum rate decides instead. None go while the peer's receive
    /// window is closed, so a client that has a default receive buffer and reads
    /// less than some 2,000 bytes per second is closed here, even if that is more
    /// than the minimum rate.
    fn expire_writing(&mut self, cx: &mut Context) -> Next {
        match (after_step(self.write(cx)), &self.state) {
            (Next::Closed(reason), _) => Next::Closed(reason),
            (_, State::Writing(writing)) if writing.progress_at < cx.now => {
                self.transport.reset_on_close();
                Next::Closed(CloseReason::WriteTimeout)
            }
            (next, _) => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_shrinks_as_more_connections_write() {
        for (writing, share) in [
            (0, SHARE_BYTES_MAX),
            (1, SHARE_BYTES_MAX),
            (4, TURN_BYTES_MAX / 4),
            (16, TURN_BYTES_MAX / 16),
            (20, SHARE_BYTES_MIN),
            (10_000, SHARE_BYTES_MIN),
            (usize::MAX, SHARE_BYTES_MIN),
        ] {
            assert_eq!(share_bytes(writing), share, "{writing}");
        }
    }
}
