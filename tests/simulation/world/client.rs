//! One scripted client: what it sends, how it reads, and what it may expect.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    config::Moment,
    connection::{Connection, context::Context, state::State},
    observe::close_reason::CloseReason,
    server::table::{Interest, Slot},
};

use crate::{
    random::Random,
    reader::Reader,
    run::Outcome,
    script::{Script, Wire},
    streams::Stream,
};

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Sends in pieces, reads everything at once.
    Quick,
    /// Reads a little at a time.
    Slow,
    /// Stops sending at some point.
    Silent,
    /// Shuts down its sending side after what it sent, perhaps too early.
    Ends,
    /// Resets the connection at some point.
    Resets,
}

/// A client and its end of the wire.
pub struct Client {
    /// The number of its connection.
    pub id: u64,
    stream: Rc<Stream>,
    sent: usize,
    manner: Manner,
    /// The number of bytes after which a `Silent` or `Ends` client stops sending.
    stops_at: usize,
    wire: Rc<RefCell<Wire>>,
    reader: Reader,
    outcome: Rc<Outcome>,
    /// From now on, the responses may differ from those of the run without splits.
    is_disturbed: bool,
    before: Option<Standing>,
}

/// The state of a connection after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    state: &'static str,
    requests: u64,
    deadline: Moment,
    is_first: bool,
}

impl Client {
    /// A client that will send `stream`, which has `outcome` when it is not split.
    pub fn new(id: u64, stream: &Rc<Stream>, outcome: &Rc<Outcome>, random: &mut Random) -> Client {
        use Manner::*;
        let manner =
            [Quick, Quick, Quick, Slow, Slow, Silent, Ends, Resets][random.below(8) as usize];
        let length = stream.bytes.len();
        let stops_at = match manner {
            Silent => random.below(length as u64 + 1) as usize,
            Ends if random.once_in(2) => random.below(length as u64 + 1) as usize,
            _ => length,
        };
        let room = match manner {
            Quick | Silent => usize::MAX / 2,
            _ => random.below(2_000) as usize,
        };
        let wire = Wire::new(room);
        if random.once_in(2) {
            wire.borrow_mut().file_piece_max = 1 + random.below(70_000) as usize;
        }
        Client {
            id,
            stream: Rc::clone(stream),
            sent: 0,
            manner,
            stops_at,
            wire,
            reader: Reader::new(Rc::clone(&outcome.written)),
            outcome: Rc::clone(outcome),
            is_disturbed: false,
            before: None,
        }
    }

    /// Its wire.
    pub fn wire(&self) -> &Rc<RefCell<Wire>> {
        &self.wire
    }

    /// The name of its stream.
    pub fn name(&self) -> &'static str {
        self.stream.name
    }

    /// Performs one random action.
    pub fn act(&mut self, random: &mut Random) {
        let mut wire = self.wire.borrow_mut();
        let left = self.stops_at - self.sent;
        if left > 0 {
            let most = if random.once_in(3) {
                left
            } else {
                left.min(60)
            };
            let count = 1 + random.below(most as u64) as usize;
            wire.arrive(&self.stream.bytes[self.sent..self.sent + count]);
            self.sent += count;
        } else if self.manner == Manner::Ends && !wire.is_ended() {
            wire.end();
        }
        match self.manner {
            Manner::Resets if random.once_in(8) => wire.reset(),
            Manner::Quick | Manner::Silent => {}
            _ if random.once_in(3) => {}
            _ => {
                let most = if random.once_in(4) { 200_000 } else { 3_000 };
                wire.make_room(random.below(most) as usize);
            }
        }
        wire.interrupt = random.once_in(20);
    }

    /// If no descriptor is free, a request may be answered with 503 if its body arrived in pieces,
    /// so that it cannot be parsed again.
    pub fn may_be_refused(&mut self) {
        let written = &self.wire.borrow().written;
        let refusal = b"HTTP/1.1 503 ";
        self.is_disturbed |= written
            .windows(refusal.len())
            .any(|window| window == refusal);
    }

    /// Reads and compares what was written.
    pub fn read(&mut self) {
        let written = self.wire.borrow_mut().take_written();
        if self.is_disturbed {
            return;
        }
        if let Err(difference) = self.reader.take(&written) {
            panic!("{} ({:?}): {difference}", self.name(), self.manner);
        }
    }

    /// The deadline may have passed: from now on, the client may get 408 or 503, or nothing.
    pub fn may_expire(&mut self, connection: &Connection<Script>, cx: &Context) {
        let state = connection.state();
        if state.deadline(&cx.timeouts) > cx.now {
            return;
        }
        self.is_disturbed |= match state {
            State::ReadingHead(reading) => !reading.input.is_empty(),
            State::DiscardingBody(_) | State::ReadingDirectory(_) => true,
            _ => false,
        };
    }

    /// The server drains, or the connection is evicted: its responses will soon announce the close.
    pub fn leaves(&mut self) {
        self.is_disturbed = true;
        self.before = None;
    }

    /// Checks the invariants of a connection that waits for an event.
    pub fn check(&mut self, slot: &Slot<Connection<Script>>, cx: &Context) {
        let name = self.name();
        let wire = self.wire.borrow();
        let connection = &slot.connection;
        let state = connection.state();
        let is_first = matches!(state, State::ReadingHead(reading) if reading.input.is_empty());
        let is_queued_first = is_first && slot.is_queued;
        let is_watched = slot.interest >= Interest::Readable;
        assert!(
            is_watched || is_queued_first,
            "{name}: not registered for reading"
        );
        match state {
            _ if slot.is_queued => {}
            State::Writing(writing) => {
                let asks = slot.interest == Interest::ReadableAndWritable;
                assert!(asks, "{name}: not registered for writing");
                assert!(wire.wakes_writer(), "{name}: free space not noticed");
                assert!(!writing.output.is_empty(), "{name}: nothing to write");
            }
            State::ReadingHead(reading) if reading.deferred => {
                assert!(slot.is_starved, "{name}: a request is not answered");
            }
            State::ReadingDirectory(_) => panic!("{name}: a listing is not continued"),
            _ => assert!(wire.wakes_reader(), "{name}: input not noticed"),
        }
        let has_request = matches!(state, State::ReadingHead(reading) if reading.deferred);
        assert!(
            has_request || !slot.is_starved,
            "{name}: starved without a request"
        );
        let is_shut = matches!(state, State::Lingering { .. });
        assert_eq!(
            wire.shut, is_shut,
            "{name}: sending side open or shut in the wrong state"
        );
        let deadline = state.deadline(&cx.timeouts);
        let longest = match state {
            State::ReadingHead(_) => cx.timeouts.header,
            State::ReadingDirectory(_) => cx.timeouts.write,
            State::DiscardingBody(_) => cx.timeouts.body,
            State::Writing(_) => cx.timeouts.write,
            State::Idle { .. } => cx.timeouts.keep_alive,
            State::Lingering { .. } => cx.timeouts.linger,
        };
        assert!(deadline <= cx.now + longest, "{name}: deadline too late");
        let now = Standing {
            state: state.name(),
            requests: connection.identity().requests,
            deadline,
            is_first,
        };
        // A head, a body and a close each have a fixed deadline, regardless of what arrives.
        if let Some(before) = self.before
            && !before.is_first
            && !matches!(state, State::Writing(_) | State::Idle { .. })
            && (before.state, before.requests) == (now.state, now.requests)
        {
            assert!(before == now, "{name}: {}: deadline moved", now.state);
        }
        self.before = Some(now);
    }

    /// Checks how the connection ended. `by_force` means that the close may have destroyed data
    /// that was sent.
    pub fn check_end(&mut self, reason: CloseReason, by_force: bool) {
        self.read();
        let name = self.name();
        let outcome = &self.outcome;
        let wire = self.wire.borrow();
        assert!(wire.closed, "{name}: the transport leaked");
        let holders = Rc::strong_count(&self.wire);
        assert_eq!(holders, 1, "{name}: the transport leaked");
        // Closing a connection with unread input resets it, which destroys the last response. This
        // is intended only if the client does not read.
        use CloseReason::{TooSlow, WriteTimeout};
        let is_unread = wire.unread() > 0 && !wire.is_reset();
        let may_reset = by_force || matches!(reason, TooSlow | WriteTimeout);
        assert!(
            may_reset || !is_unread,
            "{name}: reset by {}",
            reason.name()
        );
        let is_whole = self.reader.is_done();
        match reason {
            CloseReason::Panicked => panic!("{name}: panicked, as reported above"),
            CloseReason::Reset => assert!(wire.is_reset(), "{name}: not reset by the client"),
            CloseReason::ClientClosed | CloseReason::ClientGaveUp => {
                assert!(wire.is_ended(), "{name}: not ended by the client");
                if self.sent == self.stream.bytes.len() && !self.is_disturbed {
                    assert!(is_whole, "{name}: no response");
                    assert_eq!(reason, outcome.reason, "{name}");
                }
            }
            CloseReason::WriteTimeout | CloseReason::TooSlow => {
                assert!(wire.reset_on_close, "{name}: closed without a reset");
            }
            CloseReason::IdleTimeout
            | CloseReason::HeaderTimeout
            | CloseReason::BodyTimeout
            | CloseReason::Evicted
            | CloseReason::Draining => {}
            _ if self.is_disturbed => {}
            _ => {
                assert_eq!(reason, outcome.reason, "{name} ({:?})", self.manner);
                assert!(is_whole || wire.is_reset(), "{name}: incomplete responses");
            }
        }
    }
}
