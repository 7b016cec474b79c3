//! Bytes to requests and responses to bytes, over any [`Transport`].
//!
//! A connection is a state ([`state`]) and what it needs to be told apart
//! ([`Identity`]); everything else it works with lies on its worker's
//! [`Context`]. [`Connection::advance`] does what can be done without waiting and
//! says what to wait for.
//!
//! Reading order: [`state`] (the drawing), this file (a turn), `read` (the
//! transport to input), `serve` (input to answers), [`response_cache`] (what need not be
//! judged again), `folder` (an answer that takes several turns to find) and
//! `refuse` (what is none), [`respond`] (answers to output), [`output`] and
//! `write` (output to the transport), `leave` (who may go), `close` (the end),
//! [`accounting`] (what is told of it).
//!
//! ```text
//! read -> serve      for each request that lies there:
//!           answer     known, byte by byte? else
//!           judge      parse, body, handler
//!           respond    keep or close, queue
//!           finish_response   send if nothing comes behind it, note
//!         settle     send what is queued; what is left over becomes a state; or,
//!         follow     what comes then
//! ```

pub mod accounting;
pub mod body;
mod close;
pub mod context;
mod drain;
mod error_response;
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
    ops::ControlFlow::{self, Break},
    panic::{AssertUnwindSafe, catch_unwind},
};

use log::error;

use crate::{files::Refusal, http::status::Status, observe::close_reason::CloseReason};
use context::Context;
pub use drain::DRAIN_IDLE_TIME_MAX;
pub use identity::Identity;
use state::State;
use transport::Transport;

/// Responses that one connection may be given in one turn, after which the
/// others have theirs.
const TURN_RESPONSES_MAX: usize = 128;

/// Bytes of requests that one connection may have judged in one turn; the last
/// request may go beyond. A long head can take a hundred times as long to judge
/// as a short one, however short its answer.
const TURN_REQUEST_BYTES_MAX: usize = 64 << 10;

/// Bytes of requests that count as one response more in [`Budget::extra_responses`].
const USUAL_REQUEST_BYTES: usize = 4 << 10;

/// Bytes that all connections that are being written to may send together in
/// one turn, for everybody else waits as long as that takes; more only where
/// [`SHARE_BYTES_MIN`] each comes to more.
const TURN_BYTES_MAX: usize = 6 << 20;

/// Bytes that one of them may send in a turn at the least: for less, the system
/// call and the turn would cost more than the bytes.
const SHARE_BYTES_MIN: usize = (256 << 10) + SHARE_HEAD_BYTES;

/// Bytes that one of them may send in a turn at the most: of a large file with
/// one `sendfile`.
pub const SHARE_BYTES_MAX: usize = (2 << 20) + SHARE_HEAD_BYTES;

/// Room for the head, so that a file as large as a share goes out in one turn.
const SHARE_HEAD_BYTES: usize = 64 << 10;

/// Bytes that one connection may send, or have discarded, in one turn, when
/// `writing` connections are being written to.
pub fn share_bytes(writing: usize) -> usize {
    (TURN_BYTES_MAX / writing.max(1)).clamp(SHARE_BYTES_MIN, SHARE_BYTES_MAX)
}

/// One connection.
#[derive(Debug)]
pub struct Connection<T> {
    identity: Identity,
    transport: T,
    state: State,
    /// Something may be there to read: nothing has said otherwise yet.
    readable: bool,
    /// The peer's end was announced, or urgent data: only reading 0 bytes, or
    /// that nothing is there, is the last word.
    read_closed: bool,
    /// Bytes that the transport has taken.
    taken: usize,
    /// The peer was seen to read what it is sent.
    bound_lifted: bool,
    /// Another waits for its place: its next response is its last.
    evicted: bool,
}

/// What the poll says. It is a readiness to try: being wrong does no harm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// Something may be read.
    pub readable: bool,
    /// Something may be written.
    pub writable: bool,
    /// The peer's end, or an error, is there to be read, or more behind urgent
    /// data.
    pub read_closed: bool,
}

impl Readiness {
    /// Something may be read, and no more is said.
    pub const READABLE: Readiness = Readiness {
        readable: true,
        writable: false,
        read_closed: false,
    };

    /// Something may be written, and no more is said.
    pub const WRITABLE: Readiness = Readiness {
        readable: false,
        writable: true,
        read_closed: false,
    };
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To be readable.
    Readable,
    /// To be writable.
    Writable,
    /// For its next turn: it has had its share of this one.
    NextTurn,
    /// For a descriptor to be free: then for its next turn.
    Descriptor,
    /// Nothing: it is over. Dropping it closes it.
    Closed(CloseReason),
}

/// What one step of a state came to: the next is tried at once, or the
/// connection has met its next for this turn.
type Step = ControlFlow<Next>;

/// The next after a single step.
fn after_step(step: Step) -> Next {
    step.break_value().unwrap_or(Next::NextTurn)
}

/// What a connection may still do in this turn.
#[derive(Debug)]
struct Budget {
    responses: usize,
    request_bytes: usize,
    bytes: usize,
}

impl Budget {
    /// The share of one turn, of which `bytes` may be sent.
    fn new(bytes: usize) -> Budget {
        Budget {
            responses: TURN_RESPONSES_MAX,
            request_bytes: TURN_REQUEST_BYTES_MAX,
            bytes,
        }
    }

    /// What was used of it beyond a usual request and its response.
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
            state: State::reading(identity.began_silent(), Vec::new(), false),
            identity,
            transport,
            readable: false,
            read_closed: false,
            taken: 0,
            bound_lifted: false,
            evicted: false,
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it does in `act`, but that a panic is the end of this connection
    /// alone: nothing of it is left in the context.
    pub fn guarded(
        &mut self,
        cx: &mut Context,
        act: impl FnOnce(&mut Self, &mut Context) -> Next,
    ) -> Next {
        let acted = catch_unwind(AssertUnwindSafe(|| act(self, cx)));
        acted.unwrap_or_else(|_| {
            cx.output.clear();
            let id = self.identity.id;
            error!("connection {id}: closed, for a request caused a panic");
            Next::Closed(CloseReason::Panicked)
        })
    }

    /// Keeps what the poll says of reading for its next turn.
    pub fn note_readiness(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.read_closed |= readiness.read_closed;
    }

    /// Does all that can be done without waiting, within a turn's budget.
    /// `input` is the worker's buffer, of [`Context::input_bytes`].
    pub fn advance(&mut self, readiness: Readiness, input: &mut [u8], cx: &mut Context) -> Next {
        self.note_readiness(readiness);
        cx.budget = Budget::new(cx.share_bytes);
        if matches!(self.state, State::Writing(_)) && !readiness.writable {
            return Next::Writable;
        }
        loop {
            let step = match &self.state {
                State::ReadingHead(_) | State::Idle { .. } => self.read(input, cx),
                State::DiscardingBody(_) => self.read_body(input, cx),
                State::ReadingDirectory(_) => self.advance_listing(cx),
                State::Writing(_) => self.write(cx),
                State::Lingering(_) => self.linger(input, cx),
            };
            if let Break(next) = step {
                return next;
            }
        }
    }

    /// Its time is up: says so where the client waits for an answer.
    pub fn expire(&mut self, cx: &mut Context) -> Next {
        use CloseReason::*;
        cx.budget = Budget::new(cx.share_bytes);
        after_step(match &self.state {
            State::ReadingHead(reading) if !reading.has_begun() => {
                Break(Next::Closed(HeaderTimeout))
            }
            // A whole request may lie there for which there was no descriptor.
            State::ReadingHead(reading) if reading.deferred => {
                self.answer_incomplete(Status::ServiceUnavailable, OutOfResources, cx)
            }
            State::ReadingHead(_) => {
                self.answer_incomplete(Status::RequestTimeout, HeaderTimeout, cx)
            }
            State::DiscardingBody(_) => {
                self.answer_incomplete(Status::RequestTimeout, BodyTimeout, cx)
            }
            // It was not finished in time: too many others are being made. The
            // client may ask again.
            State::ReadingDirectory(_) => self.answer_listing(Err(Refusal::NoRoom), cx),
            State::Writing(_) => return self.expire_writing(cx),
            State::Idle { .. } => Break(Next::Closed(IdleTimeout)),
            State::Lingering(lingering) => Break(Next::Closed(lingering.reason)),
        })
    }

    /// The transport has taken nothing for the write time-out, as far as the poll
    /// has told, which it does only once a good part of the buffer is free. So it
    /// is tried once more; if it takes bytes, the least rate decides. It takes
    /// none while the peer's window is closed: a reader of less than some 2,000
    /// bytes a second ends here, even if that is more than the least rate.
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
    fn the_share_of_each_shrinks_as_they_become_more() {
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
