//! Bytes to requests and responses to bytes, over any [`Transport`].
//!
//! A connection is a state ([`state`]) and what it needs to be told apart
//! ([`Identity`]); everything else it works with lies on its worker's
//! [`Desk`]. [`Connection::advance`] does what can be done without waiting and
//! says what to wait for.
//!
//! Reading order: [`state`] (the drawing), this file (a turn), `read` (the
//! transport to input), `serve` (input to answers), [`memo`] (what need not be
//! judged again), `folder` (an answer that takes several turns to find) and
//! `refuse` (what is none), [`respond`] (answers to output), [`output`] and
//! `write` (output to the transport), `leave` (who may go), `close` (the end),
//! [`note`] (what is told of it).
//!
//! ```text
//! read -> serve      for each request that lies there:
//!           answer     known, byte by byte? else
//!           judge      parse, body, handler
//!           respond    keep or close, queue
//!           conclude   send if nothing comes behind it, note
//!         settle     send what is queued; what is left over becomes a state; or,
//!         follow     what comes then
//! ```

pub mod body;
mod close;
pub mod desk;
mod folder;
pub mod identity;
mod leave;
pub mod memo;
pub mod note;
pub mod output;
mod read;
mod refuse;
pub mod respond;
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
use desk::Desk;
pub use identity::Identity;
pub use leave::DRAIN_IDLE_MAX;
use state::State;
use transport::Transport;

/// Responses that one connection may be given in one turn, after which the
/// others have theirs.
const TURN_RESPONSES_MAX: usize = 128;

/// Bytes of requests that one connection may have judged in one turn; the last
/// request may go beyond. A long head can take a hundred times as long to judge
/// as a short one, however short its answer.
const TURN_REQUEST_BYTES_MAX: usize = 64 << 10;

/// Bytes of requests that count as one response more in [`Budget::excess`].
const USUAL_REQUEST_BYTES: usize = 4 << 10;

/// Bytes that all connections that are being written to may send together in
/// one turn, for everybody else waits as long as that takes; more only where
/// [`SHARE_BYTES_MIN`] each comes to more.
const TURN_BYTES_MAX: usize = 6 << 20;

/// Bytes that one of them may send in a turn at the least: for less, the system
/// call and the turn would cost more than the bytes.
const SHARE_BYTES_MIN: usize = (256 << 10) + HEAD_BYTES;

/// Bytes that one of them may send in a turn at the most: of a large file with
/// one `sendfile`.
pub const SHARE_BYTES_MAX: usize = (2 << 20) + HEAD_BYTES;

/// Room for the head, so that a file as large as a share goes out in one turn.
const HEAD_BYTES: usize = 64 << 10;

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
    is_reader: bool,
    /// Another waits for its place: its next response is its last.
    evicted: bool,
}

/// What the poll says. It is a hint to try: being wrong does no harm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint {
    /// Something may be read.
    pub readable: bool,
    /// Something may be written.
    pub writable: bool,
    /// The peer's end, or an error, is there to be read, or more behind urgent
    /// data.
    pub read_closed: bool,
}

impl Hint {
    /// Something may be read, and no more is said.
    pub const READABLE: Hint = Hint {
        readable: true,
        writable: false,
        read_closed: false,
    };

    /// Something may be written, and no more is said.
    pub const WRITABLE: Hint = Hint {
        readable: false,
        writable: true,
        read_closed: false,
    };
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// To be readable.
    Reading,
    /// To be writable.
    Writing,
    /// For its next turn: it has had its share of this one.
    Turn,
    /// For a descriptor to be free: then for its next turn.
    Starved,
    /// Nothing: it is over. Dropping it closes it.
    Closed(CloseReason),
}

/// What one step of a state came to: the next is tried at once, or the
/// connection has met its fate for this turn.
type Step = ControlFlow<Fate>;

/// The fate after a single step.
fn fate(step: Step) -> Fate {
    step.break_value().unwrap_or(Fate::Turn)
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
    fn excess(&self) -> usize {
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
            is_reader: false,
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
    /// alone: nothing of it is left on the desk.
    pub fn guarded(
        &mut self,
        desk: &mut Desk,
        act: impl FnOnce(&mut Self, &mut Desk) -> Fate,
    ) -> Fate {
        let acted = catch_unwind(AssertUnwindSafe(|| act(self, desk)));
        acted.unwrap_or_else(|_| {
            desk.output.clear();
            let id = self.identity.id;
            error!("connection {id}: closed, for a request caused a panic");
            Fate::Closed(CloseReason::Panicked)
        })
    }

    /// Keeps what the poll says of reading for its next turn.
    pub fn note_hint(&mut self, hint: Hint) {
        self.readable |= hint.readable;
        self.read_closed |= hint.read_closed;
    }

    /// Does all that can be done without waiting, within a turn's budget.
    /// `input` is the worker's buffer, of [`Desk::input_bytes`].
    pub fn advance(&mut self, hint: Hint, input: &mut [u8], desk: &mut Desk) -> Fate {
        self.note_hint(hint);
        desk.budget = Budget::new(desk.share_bytes);
        if matches!(self.state, State::Writing(_)) && !hint.writable {
            return Fate::Writing;
        }
        loop {
            let step = match &self.state {
                State::ReadingHead(_) | State::Idle { .. } => self.read(input, desk),
                State::DiscardingBody(_) => self.read_body(input, desk),
                State::ReadingFolder(_) => self.read_folder(desk),
                State::Writing(_) => self.write(desk),
                State::Lingering(_) => self.linger(input, desk),
            };
            if let Break(fate) = step {
                return fate;
            }
        }
    }

    /// Its time is up: says so where the client waits for an answer.
    pub fn expire(&mut self, desk: &mut Desk) -> Fate {
        use CloseReason::*;
        desk.budget = Budget::new(desk.share_bytes);
        fate(match &self.state {
            State::ReadingHead(reading) if !reading.has_begun() => {
                Break(Fate::Closed(HeaderTimeout))
            }
            // A whole request may lie there for which there was no descriptor.
            State::ReadingHead(reading) if reading.unjudged => {
                self.refuse(Status::ServiceUnavailable, OutOfResources, desk)
            }
            State::ReadingHead(_) => self.refuse(Status::RequestTimeout, HeaderTimeout, desk),
            State::DiscardingBody(_) => self.refuse(Status::RequestTimeout, BodyTimeout, desk),
            // It was not finished in time: too many others are being made. The
            // client may ask again.
            State::ReadingFolder(_) => self.folder_read(Err(Refusal::NoRoom), desk),
            State::Writing(_) => return self.expire_writing(desk),
            State::Idle { .. } => Break(Fate::Closed(IdleTimeout)),
            State::Lingering(lingering) => Break(Fate::Closed(lingering.reason)),
        })
    }

    /// The transport has taken nothing for the write time-out, as far as the poll
    /// has told, which it does only once a good part of the buffer is free. So it
    /// is tried once more; if it takes bytes, the least rate decides. It takes
    /// none while the peer's window is closed: a reader of less than some 2,000
    /// bytes a second ends here, even if that is more than the least rate.
    fn expire_writing(&mut self, desk: &mut Desk) -> Fate {
        match (fate(self.write(desk)), &self.state) {
            (Fate::Closed(reason), _) => Fate::Closed(reason),
            (_, State::Writing(writing)) if writing.progress_at < desk.now => {
                self.transport.reset_on_close();
                Fate::Closed(CloseReason::WriteTimeout)
            }
            (fate, _) => fate,
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
