//! One connection over a wire, served until nothing more happens.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    connection::{Connection, Next, Readiness, context::Context},
    observe::close_reason::CloseReason,
};

use crate::{
    reader::normalised,
    script::{Script, Wire},
    site,
    streams::Stream,
};

/// The maximum number of turns until a connection waits for an event.
const TURNS_MAX: usize = 10_000_000;

/// The outcome of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was written, after [`normalised`].
    pub written: Rc<[u8]>,
    /// The number of requests counted.
    pub requests: u64,
    /// Why it closed. The client closes its side once nothing more happens.
    pub reason: CloseReason,
    /// The state it was in before that, unless it had already ended.
    pub waited_in: Option<&'static str>,
}

/// How much the client accepts at a time: the space that is freed when nothing more can be written;
/// 0 means a stall.
pub type Appetite<'a> = dyn FnMut() -> usize + 'a;

/// A connection with its poll.
pub struct Run<'d> {
    pub connection: Connection<Script>,
    pub wire: Rc<RefCell<Wire>>,
    pub cx: &'d mut Context,
    pub input: Vec<u8>,
    pub written: Vec<u8>,
    watches_writes: bool,
}

impl Run<'_> {
    /// A newly accepted connection whose client takes `room` bytes at first.
    pub fn new(cx: &mut Context, room: usize) -> Run<'_> {
        let wire = Wire::new(room);
        Run {
            connection: site::connect(&wire, 1, cx.now),
            input: vec![0; cx.input_bytes()],
            wire,
            cx,
            written: Vec::new(),
            watches_writes: false,
        }
    }

    /// Serves until nothing more happens, for a client that continues to read.
    pub fn rest(&mut self, appetite: &mut Appetite<'_>) -> Next {
        let mut next = Next::Readable;
        for _ in 0..TURNS_MAX {
            next = self.settle(next);
            if next != Next::Writable {
                return next;
            }
            self.wire.borrow_mut().make_room(appetite());
        }
        panic!("still busy after {TURNS_MAX} turns");
    }

    /// Serves until nothing more happens without a new event. `next` is the result of the last
    /// step.
    pub fn settle(&mut self, mut next: Next) -> Next {
        loop {
            self.written.extend(self.wire.borrow_mut().take_written());
            assert!(self.cx.output.is_empty(), "output left in the context");
            let readiness = match next {
                Next::Closed(_) => return next,
                Next::NextTurn | Next::Descriptor => Some(Readiness::WRITABLE),
                // Registering again reports the current readiness.
                Next::Writable if !self.watches_writes => {
                    self.watches_writes = true;
                    Some(self.wire.borrow().level(true))
                }
                Next::Writable | Next::Readable => {
                    self.wire.borrow_mut().event(self.watches_writes)
                }
            };
            let wire = self.wire.borrow();
            match (readiness, next) {
                (None, Next::Readable) => assert!(wire.wakes_reader(), "input not noticed"),
                (None, Next::Writable) => assert!(wire.wakes_writer(), "free space not noticed"),
                _ => {}
            }
            drop(wire);
            let Some(readiness) = readiness else {
                return next;
            };
            // Every turn may generate one piece of a listing.
            self.cx.listing_pieces = 1;
            next = self.connection.advance(readiness, &mut self.input, self.cx);
        }
    }
}

/// Sends `pieces` of a stream on a new connection.
pub fn run<'p>(
    cx: &mut Context,
    pieces: impl Iterator<Item = &'p [u8]>,
    appetite: &mut Appetite<'_>,
) -> Outcome {
    let mut run = Run::new(cx, appetite());
    let mut next = Next::Readable;
    for piece in pieces {
        run.wire.borrow_mut().arrive(piece);
        next = run.rest(appetite);
        if matches!(next, Next::Closed(_)) {
            break;
        }
    }
    let mut waited_in = None;
    if !matches!(next, Next::Closed(_)) {
        let state = run.connection.state().name();
        waited_in = (state != "lingering").then_some(state);
        run.wire.borrow_mut().end();
        next = run.rest(appetite);
    }
    let Next::Closed(reason) = next else {
        panic!("still open after the client closed: {next:?}");
    };
    let requests = run.connection.identity().requests;
    run.connection.closed(reason, run.cx);
    drop(run.connection);
    assert!(run.wire.borrow().closed, "the transport leaked");
    Outcome {
        written: normalised(&run.written).into(),
        requests,
        reason,
        waited_in,
    }
}

/// A client that accepts everything.
pub fn all() -> usize {
    usize::MAX / 2
}

/// The run without splits.
pub fn whole(cx: &mut Context, stream: &Stream) -> Outcome {
    run(cx, std::iter::once(&stream.bytes[..]), &mut all)
}
