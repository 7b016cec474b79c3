//! Every stream of the catalogue, whole and cut: it comes to the same.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    connection::{Connection, Fate, Hint, desk::Desk},
    observe::close_reason::CloseReason,
};

use crate::{
    random::Random,
    reader::{Reader, normalised},
    script::{Script, Wire},
    site::{self, Ground},
    streams::{self, Stream},
};

/// Turns in which a connection must come to rest.
const TURNS_MAX: usize = 10_000_000;

/// What a stream came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was written, as [`normalised`] has it.
    pub written: Vec<u8>,
    /// Requests counted.
    pub requests: u64,
    /// Why it ended; the client ends its side when all is quiet.
    pub reason: CloseReason,
    /// What it waited for before that, unless it was at its end.
    pub waited_in: Option<&'static str>,
}

/// How much the client takes at a time.
pub trait Appetite {
    /// Room to be made once nothing more can be written; 0 is a stall.
    fn bytes(&mut self) -> usize;
}

impl<F: FnMut() -> usize> Appetite for F {
    fn bytes(&mut self) -> usize {
        self()
    }
}

/// A connection under way, and its poll.
pub struct Run<'d> {
    pub connection: Connection<Script>,
    pub wire: Rc<RefCell<Wire>>,
    pub desk: &'d mut Desk,
    input: Vec<u8>,
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
    pub fn rest(&mut self, appetite: &mut dyn Appetite) -> Fate {
        let mut fate = Fate::Reading;
        for _ in 0..TURNS_MAX {
            fate = self.settle(fate);
            if fate != Fate::Writing {
                return fate;
            }
            let bytes = appetite.bytes();
            self.wire.borrow_mut().make_room(bytes);
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
                Fate::Turn => Some(Hint {
                    writable: true,
                    ..Hint::default()
                }),
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
            fate = self.connection.advance(hint, &mut self.input, self.desk);
        }
    }
}

/// Runs `pieces` of a stream through a connection of its own.
pub fn run<'p>(
    desk: &mut Desk,
    pieces: impl Iterator<Item = &'p [u8]>,
    appetite: &mut dyn Appetite,
) -> Outcome {
    let mut run = Run::new(desk, appetite.bytes());
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
        written: normalised(&run.written),
        requests,
        reason,
        waited_in,
    }
}

/// A client that takes everything.
fn all() -> usize {
    usize::MAX / 2
}

/// The uncut run.
pub fn whole(desk: &mut Desk, stream: &Stream) -> Outcome {
    run(desk, std::iter::once(&stream.bytes[..]), &mut all)
}

#[track_caller]
fn compare(name: &str, how: &str, outcome: &Outcome, expected: &Outcome) {
    let mut reader = Reader::new(expected.written.clone().into());
    if let Err(difference) = reader.take(&outcome.written) {
        panic!("{name}, {how}: {difference}");
    }
    assert!(reader.is_done(), "{name}, {how}: the output is short");
    let bare = |outcome: &Outcome| Outcome {
        written: Vec::new(),
        ..outcome.clone()
    };
    assert_eq!(bare(outcome), bare(expected), "{name}, {how}");
}

fn each(mut check: impl FnMut(&mut Desk, &Stream, &Outcome)) {
    let ground = Ground::new(|_| {});
    let mut desk = ground.desk();
    for stream in streams::all() {
        let expected = whole(&mut desk, &stream);
        check(&mut desk, &stream, &expected);
    }
}

/// Places to cut at: all, or a sample of a long stream.
fn places(stream: &Stream) -> impl Iterator<Item = usize> {
    let step = match (stream.bytes.len(), stream.is_long) {
        (100_000.., _) => 50_021,
        (2_000.., _) => 397,
        (_, true) => 9,
        (_, false) => 1,
    };
    (1..stream.bytes.len()).step_by(step)
}

#[test]
fn the_uncut_runs_are_as_expected() {
    // What they come to is tested elsewhere; here only that the catalogue
    // covers what it should, so that equality says something.
    let mut seen = std::collections::BTreeMap::new();
    each(|_, _, outcome| {
        let text = String::from_utf8_lossy(&outcome.written);
        for (at, _) in text.match_indices("HTTP/1.1 ") {
            *seen.entry(text[at + 9..at + 12].to_string()).or_insert(0) += 1;
        }
        *seen.entry(outcome.reason.name().into()).or_insert(0) += 1;
        *seen
            .entry(outcome.waited_in.unwrap_or_default().into())
            .or_insert(0) += 1;
    });
    for word in [
        "200",
        "204",
        "206",
        "301",
        "304",
        "400",
        "404",
        "405",
        "412",
        "413",
        "414",
        "416",
        "417",
        "431",
        "501",
        "505",
        "client_closed",
        "client_asked",
        "bad_request",
        "idle",
        "reading a head",
        "discarding a body",
    ] {
        assert!(seen.contains_key(word), "{word}: {seen:?}");
    }
}

#[test]
fn only_one_who_waits_is_told_to_continue() {
    let ground = Ground::new(|_| {});
    let mut desk = ground.desk();
    let mut check = |pieces: &[&str], is_told: bool| {
        let mut run = Run::new(&mut desk, all());
        for piece in pieces {
            run.wire.borrow_mut().arrive(piece.as_bytes());
            run.rest(&mut all);
        }
        let text = String::from_utf8_lossy(&run.written);
        let told = text.matches("HTTP/1.1 100 Continue\r\n\r\n").count();
        assert_eq!(told, usize::from(is_told), "{pieces:?}: {text}");
        assert_eq!(
            text.matches("HTTP/1.1 405").count(),
            1,
            "{pieces:?}: {text}"
        );
    };
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let head10 = head.replace("HTTP/1.1", "HTTP/1.0");
    check(&[head, "body"], true);
    check(&[head, "bo", "dy"], true);
    check(&[head, "body", "GET"], true);
    check(&[&format!("{head}body")], false);
    check(&[&format!("{head}bo"), "dy"], false);
    check(&[&head10, "body"], false);
    let nothing = head.replace("Length: 4", "Length: 0");
    check(&[&nothing], false);
}

#[test]
fn cut_at_every_byte() {
    each(|desk, stream, expected| {
        for place in places(stream) {
            let (first, second) = stream.bytes.split_at(place);
            let outcome = run(desk, [first, second].into_iter(), &mut all);
            compare(stream.name, &format!("cut at {place}"), &outcome, expected);
        }
    });
}

#[test]
fn byte_by_byte() {
    each(|desk, stream, expected| {
        let size = if stream.bytes.len() > 100_000 { 701 } else { 1 };
        let outcome = run(desk, stream.bytes.chunks(size), &mut all);
        compare(stream.name, "byte by byte", &outcome, expected);
    });
}

#[test]
fn written_byte_by_byte() {
    each(|desk, stream, expected| {
        let step = if expected.written.len() > 200_000 {
            4_099
        } else {
            1
        };
        let mut one = || step;
        let outcome = run(desk, std::iter::once(&stream.bytes[..]), &mut one);
        compare(stream.name, "written byte by byte", &outcome, expected);
    });
}

#[test]
fn short_writes_and_stalls() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        each(|desk, stream, expected| {
            let pieces = pieces(&stream.bytes, &mut random);
            let longest = 1 + expected.written.len() as u64 / (1 + random.below(20));
            let mut some = || match random.below(4) {
                0 => 0,
                _ => random.below(longest) as usize,
            };
            let outcome = run(desk, pieces.into_iter(), &mut some);
            compare(stream.name, &format!("seed {seed}"), &outcome, expected);
        });
    }
}

/// `bytes` in up to eight pieces.
fn pieces<'b>(bytes: &'b [u8], random: &mut Random) -> Vec<&'b [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while pieces.len() < 7 && !rest.is_empty() {
        let (piece, more) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
        pieces.push(piece);
        rest = more;
    }
    pieces.extend((!rest.is_empty()).then_some(rest));
    pieces
}

#[test]
fn a_reset_ends_it_wherever_it_comes() {
    each(|desk, stream, expected| {
        for place in places(stream).step_by(7) {
            let mut room = 0;
            let mut little = || {
                room = (room * 3 + place) % 1_999;
                room
            };
            let mut run = Run::new(desk, place);
            run.wire.borrow_mut().arrive(&stream.bytes[..place]);
            let mut fate = match place % 2 {
                // In the middle of whatever it is doing.
                0 => {
                    let hint = run.wire.borrow().level(false);
                    run.connection.advance(hint, &mut run.input, run.desk)
                }
                _ => run.rest(&mut little),
            };
            if !matches!(fate, Fate::Closed(_)) {
                let lingers = run.connection.state().name() == "lingering";
                run.wire.borrow_mut().reset();
                fate = run.rest(&mut little);
                let Fate::Closed(reason) = fate else {
                    panic!("{}, reset at {place}: {fate:?}", stream.name);
                };
                let kept = if lingers {
                    expected.reason
                } else {
                    CloseReason::Reset
                };
                assert_eq!(reason, kept, "{}, reset at {place}", stream.name);
            }
            let wire = run.wire;
            drop(run.connection);
            assert!(wire.borrow().closed && Rc::strong_count(&wire) == 1);
            assert!(desk.output.is_empty(), "output left on the desk");
        }
    });
}
