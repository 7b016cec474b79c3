//! One scripted client: what it sends, how it reads, and what it may expect.

use std::{cell::RefCell, rc::Rc, time::Instant};

use stdhttpd::{
    connection::{Connection, Fate, desk::Desk, state::State},
    observe::close_reason::CloseReason,
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
    /// Sends in pieces, reads all at once.
    Quick,
    /// Reads a little at a time.
    Slow,
    /// Stops sending somewhere.
    Silent,
    /// Ends its side behind what it sent, perhaps too early.
    Ends,
    /// Resets the connection at some time.
    Resets,
}

/// A client and its end of the wire.
pub struct Client {
    name: &'static str,
    bytes: Vec<u8>,
    sent: usize,
    manner: Manner,
    /// Bytes after which a `Silent` or `Ends` client sends no more.
    stops_at: usize,
    wire: Rc<RefCell<Wire>>,
    reader: Reader,
    outcome: Rc<Outcome>,
    /// From here on the answers are not those of the uncut run.
    is_disturbed: bool,
    before: Option<Standing>,
}

/// How a connection stood after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    state: &'static str,
    requests: u64,
    deadline: Instant,
    is_first: bool,
}

impl Client {
    /// A client that will send `stream`, whose uncut run came to `outcome`.
    pub fn new(stream: &Stream, outcome: Rc<Outcome>, random: &mut Random) -> Client {
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
            name: stream.name,
            bytes: stream.bytes.clone(),
            sent: 0,
            manner,
            stops_at,
            wire,
            reader: Reader::new(outcome.written.clone().into()),
            outcome,
            is_disturbed: false,
            before: None,
        }
    }

    /// Its wire.
    pub fn wire(&self) -> &Rc<RefCell<Wire>> {
        &self.wire
    }

    /// What it sends.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Does one thing a client does.
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
            wire.arrive(&self.bytes[self.sent..self.sent + count]);
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

    /// Reads what was written, and compares.
    pub fn read(&mut self) {
        let written = self.wire.borrow_mut().take_written();
        if self.is_disturbed {
            return;
        }
        if let Err(difference) = self.reader.take(&written) {
            panic!("{} ({:?}): {difference}", self.name, self.manner);
        }
    }

    /// Its time is up: from here on it is answered 408, or nothing.
    pub fn expires(&mut self, connection: &Connection<Script>) {
        let is_answered = match connection.state() {
            State::ReadingHead(reading) => !reading.input.is_empty(),
            State::DiscardingBody(_) => true,
            _ => return,
        };
        self.is_disturbed = is_answered;
    }

    /// The server is stopping: its answers will say so.
    pub fn drains(&mut self) {
        self.is_disturbed = true;
    }

    /// Checks what must hold after every step. One that `is_queued` has a turn to
    /// come, whatever the poll tells.
    pub fn check(
        &mut self,
        connection: &Connection<Script>,
        fate: Fate,
        is_queued: bool,
        desk: &Desk,
    ) {
        let name = self.name;
        let wire = self.wire.borrow();
        let state = connection.state();
        match (fate, state) {
            (Fate::Reading, State::Writing(_)) => panic!("{name}: reading while writing"),
            (Fate::Reading, _) => assert!(wire.wakes_reader(), "{name}: input forgotten"),
            (Fate::Writing, State::Writing(_)) => {
                let is_woken = wire.wakes_writer() || is_queued;
                assert!(is_woken, "{name}: room forgotten");
            }
            (Fate::Writing, _) => panic!("{name}: writing, but {}", state.name()),
            (Fate::Turn | Fate::Starved | Fate::Closed(_), _) => {}
        }
        assert_eq!(
            wire.shut,
            matches!(state, State::Lingering(_)),
            "{name}: half open"
        );
        let deadline = state.deadline(&desk.timeouts);
        let waits = &desk.timeouts;
        let longest = [
            waits.keep_alive,
            waits.header,
            waits.body,
            waits.write,
            waits.linger,
        ];
        let latest = longest.into_iter().max().unwrap_or_default();
        assert!(deadline <= desk.now + latest, "{name}: deadline too far");
        let now = Standing {
            state: state.name(),
            requests: connection.identity().requests,
            deadline,
            is_first: matches!(state, State::ReadingHead(reading) if reading.input.is_empty()),
        };
        // A head, a body and a close have one deadline, whatever comes.
        if let Some(before) = self.before
            && !before.is_first
            && !matches!(state, State::Writing(_) | State::Idle { .. })
            && (before.state, before.requests) == (now.state, now.requests)
        {
            assert!(before == now, "{name}: {}: deadline moved", now.state);
        }
        if let State::Writing(writing) = state {
            assert!(
                !writing.output.is_empty() || fate != Fate::Writing,
                "{name}: nothing to write"
            );
        }
        self.before = Some(now);
    }

    /// Checks the end that the connection came to.
    pub fn check_end(&self, reason: CloseReason) {
        let Client { name, outcome, .. } = self;
        let wire = self.wire.borrow();
        assert!(wire.closed, "{name}: the transport leaked");
        assert_eq!(
            Rc::strong_count(&self.wire),
            1,
            "{name}: the transport leaked"
        );
        // A close over unread input is a reset, which takes the last response
        // along; it is meant only where nobody reads.
        use CloseReason::{Evicted, TooSlow, WriteTimeout};
        let is_unread = wire.unread() > 0 && !wire.is_reset();
        let may_reset = matches!(reason, Evicted | TooSlow | WriteTimeout);
        assert!(
            may_reset || !is_unread,
            "{name}: reset by {}",
            reason.name()
        );
        let is_whole = self.reader.is_done();
        match reason {
            CloseReason::Reset => assert!(wire.is_reset(), "{name}: reset by nobody"),
            CloseReason::ClientClosed => {
                assert!(wire.is_ended(), "{name}: ended by nobody");
                if self.sent == self.bytes.len() && !self.is_disturbed {
                    assert!(is_whole, "{name}: unanswered");
                    assert_eq!(reason, outcome.reason, "{name}");
                }
            }
            CloseReason::WriteTimeout | CloseReason::TooSlow => {
                assert!(wire.reset_on_close, "{name}: orphaned");
            }
            CloseReason::IdleTimeout
            | CloseReason::HeaderTimeout
            | CloseReason::BodyTimeout
            | CloseReason::Evicted
            | CloseReason::Draining => {}
            _ if self.is_disturbed => {}
            _ => {
                assert_eq!(reason, outcome.reason, "{name} ({:?})", self.manner);
                assert!(is_whole || wire.is_reset(), "{name}: cut short");
            }
        }
    }
}
