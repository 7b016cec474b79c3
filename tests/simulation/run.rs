//! One connection over a wire, served until it rests.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    connection::{Connection, Fate, Hint, desk::Desk},
    observe::close_reason::CloseReason,
};

use crate::{
    reader::normalised,
    script::{Script, Wire},
    site,
    streams::Stream,
};

/// Turns in which a connection must come to rest.
const TURNS_MAX: usize = 10_000_000;

/// What a stream came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was written, as [`normalised`] has it.
    pub written: Rc<[u8]>,
    /// Requests counted.
    pub requests: u64,
    /// Why it ended; the client ends its side when all is quiet.
    pub reason: CloseReason,
    /// What it waited for before that, unless it was at its end.
    pub waited_in: Option<&'static str>,
}

/// How much the client takes at a time: the room to be made once nothing more can
/// be written; 0 is a stall.
pub type Appetite<'a> = dyn FnMut() -> usize + 'a;

/// A connection under way, and its poll.
pub struct Run<'d> {
    pub connection: Connection<Script>,
    pub wire: Rc<RefCell<Wire>>,
    pub desk: &'d mut Desk,
    pub input: Vec<u8>,
    pub written: Vec<u8>,
    watches_writes: bool,
}

impl Run<'_> {
    /// A connection just accepted, whose client takes `room` bytes at first.
    pub fn new(desk: &mut Desk, room: usize) -> Run<'_> {
        let wire = Wire::new(room);
        Run {
            connection: site::connect(&wire, 1, desk.now),
            input: vec![0; desk.input_bytes()],
            wire,
            desk,
            written: Vec::new(),
            watches_writes: false,
        }
    }

    /// Serves until nothing more happens, for a client that goes on reading.
    pub fn rest(&mut self, appetite: &mut Appetite<'_>) -> Fate {
        let mut fate = Fate::Reading;
        for _ in 0..TURNS_MAX {
            fate = self.settle(fate);
            if fate != Fate::Writing {
                return fate;
            }
            self.wire.borrow_mut().make_room(appetite());
        }
        panic!("no rest after {TURNS_MAX} turns");
    }

    /// Serves until nothing more happens by itself. The last step came to
    /// `fate`.
    pub fn settle(&mut self, mut fate: Fate) -> Fate {
        loop {
            self.written.extend(self.wire.borrow_mut().take_written());
            assert!(self.desk.output.is_empty(), "output left on the desk");
            let hint = match fate {
                Fate::Closed(_) => return fate,
                Fate::Turn | Fate::Starved => Some(Hint::WRITABLE),
                // The poll is asked anew, and says what holds.
                Fate::Writing if !self.watches_writes => {
                    self.watches_writes = true;
                    Some(self.wire.borrow().level(true))
                }
                Fate::Writing | Fate::Reading => self.wire.borrow_mut().event(self.watches_writes),
            };
            let wire = self.wire.borrow();
            match (hint, fate) {
                (None, Fate::Reading) => assert!(wire.wakes_reader(), "input forgotten"),
                (None, Fate::Writing) => assert!(wire.wakes_writer(), "room forgotten"),
                _ => {}
            }
            drop(wire);
            let Some(hint) = hint else { return fate };
            // Every turn has a piece of a folder for somebody.
            self.desk.folder_pieces = 1;
            fate = self.connection.advance(hint, &mut self.input, self.desk);
        }
    }
}

/// Runs `pieces` of a stream through a connection of its own.
pub fn run<'p>(
    desk: &mut Desk,
    pieces: impl Iterator<Item = &'p [u8]>,
    appetite: &mut Appetite<'_>,
) -> Outcome {
    let mut run = Run::new(desk, appetite());
    let mut fate = Fate::Reading;
    for piece in pieces {
        run.wire.borrow_mut().arrive(piece);
        fate = run.rest(appetite);
        if matches!(fate, Fate::Closed(_)) {
            break;
        }
    }
    let mut waited_in = None;
    if !matches!(fate, Fate::Closed(_)) {
        let state = run.connection.state().name();
        waited_in = (state != "lingering").then_some(state);
        run.wire.borrow_mut().end();
        fate = run.rest(appetite);
    }
    let Fate::Closed(reason) = fate else {
        panic!("still open after the client's end: {fate:?}");
    };
    let requests = run.connection.identity().requests;
    run.connection.closed(reason, run.desk);
    drop(run.connection);
    assert!(run.wire.borrow().closed, "the transport leaked");
    Outcome {
        written: normalised(&run.written).into(),
        requests,
        reason,
        waited_in,
    }
}

/// A client that takes everything.
pub fn all() -> usize {
    usize::MAX / 2
}

/// The uncut run.
pub fn whole(desk: &mut Desk, stream: &Stream) -> Outcome {
    run(desk, std::iter::once(&stream.bytes[..]), &mut all)
}
