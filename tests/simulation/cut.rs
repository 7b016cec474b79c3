//! Every stream of the catalogue has the same outcome whether its input and output arrive whole or
//! split.

use std::rc::Rc;

use stdhttpd::{
    connection::{Next, context::Context},
    observe::close_reason::CloseReason,
};

use crate::{
    random::Random,
    reader::Reader,
    run::{Outcome, Run, all, run, whole},
    site::Ground,
    streams::{self, Stream},
};

/// After this many requests, a worker has cached a head and its response.
const KNOWN_TIMES: u32 = 12;

#[track_caller]
fn compare(name: &str, how: &str, outcome: &Outcome, expected: &Outcome) {
    let mut reader = Reader::new(Rc::clone(&expected.written));
    if let Err(difference) = reader.take(&outcome.written) {
        panic!("{name}, {how}: {difference}");
    }
    assert!(reader.is_done(), "{name}, {how}: the output is incomplete");
    let bare = |outcome: &Outcome| Outcome {
        written: Vec::new().into(),
        ..outcome.clone()
    };
    assert_eq!(bare(outcome), bare(expected), "{name}, {how}");
}

fn each(mut check: impl FnMut(&mut Context, &Stream, &Outcome)) {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    for stream in streams::all() {
        let expected = whole(&mut cx, &stream);
        // Repeat until the heads and their responses are cached.
        for time in 0..if stream.is_long { 1 } else { KNOWN_TIMES } {
            let again = whole(&mut cx, &stream);
            compare(stream.name, &format!("time {time}"), &again, &expected);
        }
        check(&mut cx, &stream, &expected);
    }
}

/// Positions to split at: all of them, or a sample in a long stream.
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
fn the_catalogue_covers_the_expected_outcomes() {
    // The outcomes themselves are tested elsewhere. This only checks that the catalogue covers what
    // it should, so that comparing the runs is meaningful.
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
fn only_a_client_that_waits_gets_100_continue() {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut check = |pieces: &[&str], is_expected: bool| {
        let mut run = Run::new(&mut cx, all());
        for piece in pieces {
            run.wire.borrow_mut().arrive(piece.as_bytes());
            run.rest(&mut all);
        }
        let text = String::from_utf8_lossy(&run.written);
        let interim = text.matches("HTTP/1.1 100 Continue\r\n\r\n").count();
        assert_eq!(interim, usize::from(is_expected), "{pieces:?}: {text}");
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
fn a_refused_head_request_has_no_content() {
    // RFC 9110 section 9.3.2.
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let chunked = "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (first, second) in [
        ("HEAD / HTTP/1.1\r\n\r\n", ""),
        ("\r\nHEAD / HTTP/1.1\r\n\r\n", ""),
        ("HEAD /%zz HTTP/1.1\r\nHost: h\r\n\r\n", ""),
        (chunked, "zz"),
        (&format!("{chunked}zz"), ""),
    ] {
        let pieces = [first, second].map(str::as_bytes);
        let outcome = run(&mut cx, pieces.into_iter(), &mut all);
        let text = String::from_utf8_lossy(&outcome.written);
        let end = text.find("\r\n\r\n").map(|at| at + 4);
        assert!(text.starts_with("HTTP/1.1 400"), "{first:?}: {text}");
        assert_eq!(end, Some(text.len()), "{first:?}: {text}");
        // It counts as a request all the same.
        assert_eq!(outcome.requests, 1, "{first:?}");
    }
}

#[test]
fn input_split_at_every_byte() {
    each(|cx, stream, expected| {
        for place in places(stream) {
            let (first, second) = stream.bytes.split_at(place);
            let outcome = run(cx, [first, second].into_iter(), &mut all);
            compare(
                stream.name,
                &format!("split at {place}"),
                &outcome,
                expected,
            );
        }
    });
}

#[test]
fn input_byte_by_byte() {
    each(|cx, stream, expected| {
        let size = if stream.bytes.len() > 100_000 { 701 } else { 1 };
        let outcome = run(cx, stream.bytes.chunks(size), &mut all);
        compare(stream.name, "byte by byte", &outcome, expected);
    });
}

#[test]
fn output_accepted_byte_by_byte() {
    each(|cx, stream, expected| {
        let step = if expected.written.len() > 200_000 {
            4_099
        } else {
            1
        };
        let mut one = || step;
        let outcome = run(cx, std::iter::once(&stream.bytes[..]), &mut one);
        compare(stream.name, "written byte by byte", &outcome, expected);
    });
}

#[test]
fn short_writes_and_stalls() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        each(|cx, stream, expected| {
            let pieces = pieces(&stream.bytes, &mut random);
            let longest = 1 + expected.written.len() as u64 / (1 + random.below(20));
            let mut some = || match random.below(4) {
                0 => 0,
                _ => random.below(longest) as usize,
            };
            let outcome = run(cx, pieces.into_iter(), &mut some);
            compare(stream.name, &format!("seed {seed}"), &outcome, expected);
        });
    }
}

/// Splits `bytes` into up to eight pieces.
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
fn a_reset_closes_a_connection_in_every_state() {
    each(|cx, stream, expected| {
        for place in places(stream).step_by(7) {
            let mut room = 0;
            let mut little = || {
                room = (room * 3 + place) % 1_999;
                room
            };
            let mut run = Run::new(cx, place);
            run.wire.borrow_mut().arrive(&stream.bytes[..place]);
            let mut next = match place % 2 {
                // In the middle of a turn.
                0 => {
                    let readiness = run.wire.borrow().level(false);
                    run.connection.advance(readiness, &mut run.input, run.cx)
                }
                _ => run.rest(&mut little),
            };
            // More input arrives and is read; the response to it cannot be sent.
            if place % 3 == 0 {
                run.wire.borrow_mut().arrive(&stream.bytes[place..]);
            }
            if !matches!(next, Next::Closed(_)) {
                let lingers = run.connection.state().name() == "lingering";
                run.wire.borrow_mut().reset();
                next = run.rest(&mut little);
                let Next::Closed(reason) = next else {
                    panic!("{}, reset at {place}: {next:?}", stream.name);
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
            assert!(cx.output.is_empty(), "output left in the context");
        }
    });
}

#[test]
fn the_bound_on_unsent_data_is_lifted_once_the_client_has_read_a_mebibyte() {
    const MEBIBYTE: usize = 1 << 20;
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    // How often after each time that the client has read so much.
    let mut check = |reads: &[usize], expected: &[u32]| {
        let mut run = Run::new(&mut cx, 0);
        let requests = "GET /cached.bin HTTP/1.1\r\nHost: h\r\n\r\n".repeat(120);
        run.wire.borrow_mut().arrive(requests.as_bytes());
        let mut next = Next::Readable;
        for (read, expected) in reads.iter().zip(expected) {
            run.wire.borrow_mut().make_room(*read);
            next = run.settle(next);
            assert_eq!(next, Next::Writable);
            assert_eq!(run.wire.borrow().lifted, *expected, "{reads:?}");
        }
    };
    check(&[MEBIBYTE, 100], &[1, 1]);
    check(&[MEBIBYTE - 1, 100, 100], &[0, 1, 1]);
}
