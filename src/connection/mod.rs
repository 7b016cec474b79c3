//! Bytes to requests and responses to bytes, over any [`Transport`].
//!
//! A connection is a state ([`state`]) and what it needs to be told apart
//! ([`Identity`]); everything else it works with lies on its worker's
//! [`Desk`]. [`Connection::advance`] does what can be done without waiting and
//! says what to wait for.
//!
//! Reading order: [`state`] (the drawing), this file (what happens in each
//! state), [`serve`] (input to answers), [`respond`] (answers to output),
//! [`output`] (output to the transport), [`note`] (what is told of it).

pub mod body;
pub mod desk;
pub mod note;
pub mod output;
pub mod respond;
mod serve;
mod socket;
pub mod state;
pub mod transport;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use log::debug;

use crate::{
    http::{error::RequestError, status::Status},
    observe::{close_reason::CloseReason, story::Story},
};
use desk::{Desk, READ_BYTES};
use output::{Flow, WriteError};
use state::{DiscardingBody, Lingering, ReadingHead, State, Then, Writing};
use transport::Transport;

/// Responses that one connection may be given in one turn, after which the
/// others have theirs.
const TURN_RESPONSES_MAX: usize = 128;

/// Bytes that one connection may send, or have discarded, in one turn.
const TURN_BYTES_MAX: usize = 1 << 20;

/// Who a connection is.
#[derive(Debug)]
pub struct Identity {
    /// Its number, from 1, unique in this process.
    pub id: u64,
    /// The peer; `None` where it has no address.
    pub peer: Option<SocketAddr>,
    /// Requests it has brought so far.
    pub requests: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// How long the kernel held it back before that, if it brought nothing.
    pub waited: Duration,
    /// Its story, where somebody may look.
    pub story: Option<Box<Story>>,
}

impl Identity {
    /// When a client that is silent so far had its connection.
    fn began_silent(&self) -> Instant {
        self.accepted
            .checked_sub(self.waited)
            .unwrap_or(self.accepted)
    }

    /// When the client's first request began, its first byte coming `now`:
    /// when it was accepted, or earlier if the kernel held it back meanwhile.
    fn began(&self, now: Instant) -> Instant {
        if now.saturating_duration_since(self.accepted) < self.waited / 2 {
            self.accepted
        } else {
            self.began_silent()
        }
    }

    /// The client's address, as the log has it.
    pub fn client(&self) -> IpAddr {
        self.peer
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip())
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection<T> {
    identity: Identity,
    transport: T,
    state: State,
    /// Something may be there to read: nothing has said otherwise yet.
    readable: bool,
    /// The peer's end was announced: only reading 0 bytes is the last word.
    read_closed: bool,
}

/// What the poll says. It is a hint to try: being wrong does no harm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint {
    /// Something may be read.
    pub readable: bool,
    /// Something may be written.
    pub writable: bool,
    /// The peer's end, or an error, is there to be read.
    pub read_closed: bool,
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
    /// Nothing: it is over. Dropping it closes it.
    Closed(CloseReason),
}

/// What one step of a state came to.
enum Step {
    /// Try the next step at once.
    Continue,
    /// The connection has met its fate for this turn.
    Stop(Fate),
}

/// What a connection may still do in this turn.
struct Budget {
    responses: usize,
    bytes: usize,
}

impl<T: Transport> Connection<T> {
    /// A connection accepted at `identity.accepted`.
    pub fn new(transport: T, identity: Identity) -> Connection<T> {
        Connection {
            state: State::first(identity.began_silent()),
            identity,
            transport,
            readable: false,
            read_closed: false,
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

    /// Does all that can be done without waiting, within a turn's budget.
    /// `input` is the worker's buffer, of [`Desk::input_bytes`].
    pub fn advance(&mut self, hint: Hint, input: &mut [u8], desk: &mut Desk) -> Fate {
        self.readable |= hint.readable;
        self.read_closed |= hint.read_closed;
        if matches!(self.state, State::Writing(_)) && !hint.writable {
            return Fate::Writing;
        }
        let mut budget = Budget {
            responses: TURN_RESPONSES_MAX,
            bytes: TURN_BYTES_MAX,
        };
        loop {
            let step = match &self.state {
                State::ReadingHead(_) | State::Idle { .. } => self.read(input, desk, &mut budget),
                State::DiscardingBody(_) => self.read_body(input, desk, &mut budget),
                State::Writing(_) => self.write(desk, &mut budget),
                State::Lingering(_) => self.linger(input, &mut budget),
            };
            if let Step::Stop(fate) = step {
                return fate;
            }
        }
    }

    /// Its time is up: says so where the client waits for an answer.
    pub fn expire(&mut self, desk: &mut Desk) -> Fate {
        let reason = match &self.state {
            State::ReadingHead(reading) if reading.input.is_empty() => {
                return Fate::Closed(CloseReason::HeaderTimeout);
            }
            State::ReadingHead(_) => CloseReason::HeaderTimeout,
            State::DiscardingBody(_) => CloseReason::BodyTimeout,
            State::Writing(_) => {
                self.transport.reset_on_close();
                return Fate::Closed(CloseReason::WriteTimeout);
            }
            State::Idle { .. } => return Fate::Closed(CloseReason::IdleTimeout),
            State::Lingering(lingering) => return Fate::Closed(lingering.reason),
        };
        self.refuse(Status::RequestTimeout, reason, desk)
    }

    /// The server is stopping: a connection that is not owed a response ends
    /// now; the others end with the one they are owed.
    pub fn drain(&mut self) -> Option<CloseReason> {
        match &self.state {
            // Its first request may be on its way: it has the header time-out,
            // which is a short one by now.
            State::ReadingHead(reading)
                if reading.input.is_empty()
                    && self.identity.requests == 0
                    && self.identity.waited.is_zero() =>
            {
                None
            }
            State::Idle { .. } | State::ReadingHead(_) => Some(CloseReason::Draining),
            State::DiscardingBody(_) | State::Writing(_) => None,
            State::Lingering(lingering) => Some(lingering.reason),
        }
    }

    /// Reads once, behind the `held` bytes of `input`. `None`: nothing now.
    fn receive(&mut self, input: &mut [u8], held: usize) -> Result<Option<usize>, CloseReason> {
        if !self.readable {
            return Ok(None);
        }
        let end = input.len().min(held + READ_BYTES);
        let room = &mut input[held..end];
        let wanted = room.len();
        match self.transport.read(room) {
            Ok(0) => Err(CloseReason::ClientClosed),
            Ok(count) => {
                // A short read has emptied the socket, as epoll(7) has it,
                // unless the peer's end stands behind it.
                self.readable = count == wanted || self.read_closed;
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(_) => Err(CloseReason::Reset),
        }
    }

    /// [`State::ReadingHead`] and [`State::Idle`].
    fn read(&mut self, input: &mut [u8], desk: &mut Desk, budget: &mut Budget) -> Step {
        let (held, since, unjudged) = match &self.state {
            State::ReadingHead(reading) => {
                input[..reading.input.len()].copy_from_slice(&reading.input);
                let since = match reading.input.is_empty() {
                    true => self.identity.began(desk.now),
                    false => reading.since,
                };
                (reading.input.len(), since, reading.unjudged)
            }
            _ => (0, desk.now, false),
        };
        let filled = if unjudged {
            held
        } else {
            match self.receive(input, held) {
                Ok(Some(count)) => held + count,
                Ok(None) => return Step::Stop(Fate::Reading),
                Err(reason) => return Step::Stop(Fate::Closed(reason)),
            }
        };
        // A head ends in a line feed, so without a new one there is nothing
        // to judge but the first bytes and the limits.
        let judge = unjudged
            || held == 0
            || filled > desk.limits.head.line_bytes_max
            || input[held..filled].contains(&b'\n');
        if !judge {
            self.state = State::ReadingHead(ReadingHead {
                since,
                input: input[..filled].to_vec(),
                unjudged: false,
            });
            return Step::Continue;
        }
        if let Some(story) = &mut self.identity.story {
            story.first_byte(desk.now);
        }
        self.serve(&input[..filled], since, desk, budget)
    }

    /// [`State::DiscardingBody`].
    fn read_body(&mut self, input: &mut [u8], desk: &mut Desk, budget: &mut Budget) -> Step {
        let count = match self.receive(input, 0) {
            Ok(Some(count)) => count,
            Ok(None) => return Step::Stop(Fate::Reading),
            Err(reason) => return Step::Stop(Fate::Closed(reason)),
        };
        if budget.bytes < count {
            budget.bytes = 0;
        } else {
            budget.bytes -= count;
        }
        self.continue_body(&input[..count], desk, budget)
    }

    /// [`State::Writing`].
    fn write(&mut self, desk: &mut Desk, budget: &mut Budget) -> Step {
        let State::Writing(writing) = &mut self.state else {
            return Step::Continue;
        };
        let before = budget.bytes;
        let flow = writing
            .output
            .write_to(&mut self.transport, &mut budget.bytes);
        let sent = before - budget.bytes;
        desk.counters.bytes_sent.add(sent as u64);
        let fast_enough =
            writing.progress(sent, desk.now, &desk.timeouts, desk.limits.rate_min);
        let reason = match flow {
            Ok(Flow::Done) => return self.written(desk),
            Ok(_) if !fast_enough => {
                self.transport.reset_on_close();
                CloseReason::TooSlow
            }
            Ok(Flow::Blocked) => return Step::Stop(Fate::Writing),
            Ok(Flow::Paused) => return Step::Stop(Fate::Turn),
            Err(error) => write_failed(&self.identity, &error),
        };
        self.abandon(desk);
        Step::Stop(Fate::Closed(reason))
    }

    /// All of [`State::Writing`] is sent.
    fn written(&mut self, desk: &mut Desk) -> Step {
        let since = desk.now;
        let state = std::mem::replace(&mut self.state, State::Idle { since });
        let State::Writing(writing) = state else {
            return Step::Continue;
        };
        let Writing {
            unparsed,
            then,
            unfinished,
            ..
        } = *writing;
        if let Some(unfinished) = unfinished {
            note::finished(&mut self.identity, desk, *unfinished, 0);
        }
        match then {
            Then::Next if unparsed.is_empty() && desk.draining => {
                self.end(CloseReason::Draining, false, desk)
            }
            Then::Next if unparsed.is_empty() => Step::Continue,
            Then::Next => {
                self.state = State::ReadingHead(ReadingHead {
                    since,
                    input: unparsed,
                    unjudged: true,
                });
                Step::Continue
            }
            Then::Body(discarding) => {
                self.state = State::DiscardingBody(discarding);
                Step::Continue
            }
            Then::Close(reason) => self.end(reason, unparsed.is_empty(), desk),
        }
    }

    /// The last response is sent. `clean` says that nothing of the client's
    /// is left over. A client that asked for the close sends nothing more, so
    /// the socket can be closed; any other may still be sending, and a close
    /// would answer that with a reset that takes our response along.
    fn end(&mut self, reason: CloseReason, clean: bool, desk: &Desk) -> Step {
        let nothing_to_come = clean && !self.readable && reason == CloseReason::ClientAsked;
        if nothing_to_come || self.transport.shutdown_write().is_err() {
            return Step::Stop(Fate::Closed(reason));
        }
        self.state = State::Lingering(Lingering {
            since: desk.now,
            reason,
        });
        Step::Continue
    }

    /// [`State::Lingering`].
    fn linger(&mut self, input: &mut [u8], budget: &mut Budget) -> Step {
        let State::Lingering(Lingering { reason, .. }) = self.state else {
            return Step::Continue;
        };
        if !self.readable {
            return Step::Stop(Fate::Reading);
        }
        if budget.bytes == 0 {
            return Step::Stop(Fate::Turn);
        }
        let wanted = input.len();
        match self.transport.discard(wanted, input) {
            Ok(0) => return Step::Stop(Fate::Closed(reason)),
            Ok(count) => {
                self.readable = count == wanted || self.read_closed;
                budget.bytes = budget.bytes.saturating_sub(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Step::Stop(Fate::Closed(reason)),
        }
        Step::Continue
    }

    /// Notes that the response under way will not be finished.
    fn abandon(&mut self, desk: &mut Desk) {
        if let State::Writing(writing) = &mut self.state {
            let left = writing.output.left();
            if let Some(unfinished) = writing.unfinished.take() {
                note::finished(&mut self.identity, desk, *unfinished, left);
            }
        }
    }

    /// Notes the close. To be called once, before the connection is dropped.
    pub fn closed(&mut self, reason: CloseReason, desk: &mut Desk) {
        self.abandon(desk);
        desk.counters.closed(reason, self.identity.requests);
        if let Some(story) = self.identity.story.take() {
            desk.counters.tell(story, reason, Instant::now());
        }
        debug!(
            "connection {}: closed first by the {}: {} after {} requests",
            self.identity.id,
            reason.first().name(),
            reason.name(),
            self.identity.requests,
        );
    }
}

/// The reason for a close that a failed write is; the system's words go to
/// the log alone.
fn write_failed(identity: &Identity, error: &WriteError) -> CloseReason {
    match error {
        WriteError::Transport(error) => {
            debug!("connection {}: cannot write: {error}", identity.id);
            CloseReason::Reset
        }
        WriteError::FileChanged => CloseReason::FileChanged,
        WriteError::File(error) => {
            log::warn!("connection {}: cannot read a file: {error}", identity.id);
            CloseReason::FileFailed
        }
    }
}
