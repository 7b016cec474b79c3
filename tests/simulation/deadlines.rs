//! The time-outs, with a simulated clock.

use std::time::Duration;

use stdhttpd::{
    config::Moment,
    connection::{Connection, Identity, Next, Readiness, context::READ_BYTES, state::State},
    observe::close_reason::CloseReason,
};

use crate::{
    run::Run,
    script::{Script, Wire},
    site::{self, Ground},
};

const SECOND: Duration = Duration::from_secs(1);

/// An event of a test.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The client sends this.
    Send(&'static str),
    /// The client takes this many bytes, but the poll does not report it until more of the buffer
    /// is free.
    TakeUnreported(usize),
    /// The client takes this many bytes.
    Take(usize),
    /// This many seconds pass; the deadline is checked ten times per second.
    Wait(u64),
}
use Event::*;

/// Plays `events` for a client that takes `room` bytes at first. `statuses` are those of the
/// responses the client reads; `end` is the second in which the connection closes, and the reason.
/// The client never ends its side.
#[track_caller]
fn check(room: usize, events: &[Event], statuses: &str, end: (u64, CloseReason)) {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut run = Run::new(&mut cx, room);
    let mut next = Next::Readable;
    let mut tenths = 0;
    let forever = [Wait(1_000)];
    for event in events.iter().chain(&forever) {
        match *event {
            Send(text) => run.wire.borrow_mut().arrive(text.as_bytes()),
            Take(bytes) => run.wire.borrow_mut().make_room(bytes),
            TakeUnreported(bytes) => run.wire.borrow_mut().make_room_unreported(bytes),
            Wait(seconds) => {
                for _ in 0..seconds * 10 {
                    tenths += 1;
                    let now = ground.started + SECOND * tenths / 10;
                    site::set_clock(run.cx, now);
                    let deadline = run.connection.state().deadline(&run.cx.timeouts);
                    if deadline <= run.cx.now {
                        next = run.connection.expire(run.cx);
                    }
                    if next == Next::NextTurn {
                        next = run.settle(next);
                    }
                    if let Next::Closed(reason) = next {
                        run.settle(next);
                        let text = String::from_utf8_lossy(&run.written).into_owned();
                        let lines = text.match_indices("HTTP/1.1 ");
                        let read: Vec<&str> = lines.map(|(at, _)| &text[at + 9..at + 12]).collect();
                        assert_eq!(read.join(" "), statuses, "{events:?}");
                        assert_eq!((u64::from(tenths / 10), reason), end, "{events:?}");
                        return;
                    }
                }
                continue;
            }
        }
        if !matches!(next, Next::Closed(_)) {
            next = run.settle(next);
        }
    }
    panic!("still {}: {events:?}", run.connection.state().name());
}

const ALL: usize = usize::MAX / 2;
const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
const LARGE: &str = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n";

#[test]
fn a_head_has_one_deadline() {
    use CloseReason::*;
    check(ALL, &[], "", (10, HeaderTimeout));
    for line in ["\r", "\r\n"] {
        check(ALL, &[Send(line)], "", (10, HeaderTimeout));
    }
    // 408, then two seconds for the client to end its side.
    check(ALL, &[Send("G")], "408", (11, HeaderTimeout));
    check(ALL, &[Wait(4), Send("GET /")], "408", (11, HeaderTimeout));
    let dribble = [
        Send("GET /"),
        Wait(6),
        Send("a.txt"),
        Wait(3),
        Send(" HTTP/1.1\r\n"),
    ];
    check(ALL, &dribble, "408", (11, HeaderTimeout));
    let after_a_line = [Send("\r\n"), Wait(5), Send("G")];
    check(ALL, &after_a_line, "408", (11, HeaderTimeout));
    // The next head has its own deadline, counted from its first byte.
    check(
        ALL,
        &[Send(GET), Wait(40), Send("GET"), Wait(5), Send(" /")],
        "200 408",
        (51, HeaderTimeout),
    );
    // An empty line before it does not count.
    let late = [
        Send(GET),
        Wait(5),
        Send("\r\n"),
        Wait(8),
        Send("GET"),
        Wait(8),
        Send(&GET[3..]),
    ];
    check(ALL, &late, "200 200", (96, IdleTimeout));
    let half = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /";
    check(
        ALL,
        &[Wait(3), Send(half), Wait(5), Send("b")],
        "200 408",
        (14, HeaderTimeout),
    );
    // A client that does not read its 408 response is closed too.
    check(5, &[Send("G")], "", (40, WriteTimeout));
}

#[test]
fn an_idle_connection_is_closed_without_a_response() {
    use CloseReason::*;
    check(ALL, &[Send(GET)], "200", (75, IdleTimeout));
    check(
        ALL,
        &[Send(GET), Wait(74), Send(GET)],
        "200 200",
        (149, IdleTimeout),
    );
}

#[test]
fn a_body_has_one_deadline() {
    use CloseReason::*;
    check(ALL, &[Send(POST)], "408", (31, BodyTimeout));
    check(
        ALL,
        &[Send(POST), Wait(20), Send("a"), Wait(9), Send("b")],
        "408",
        (31, BodyTimeout),
    );
    check(
        ALL,
        &[Send(POST), Wait(20), Send("123456789")],
        "405",
        (95, IdleTimeout),
    );
}

#[test]
fn a_response_may_take_long_while_the_client_reads_fast_enough() {
    use CloseReason::*;
    check(0, &[Send(GET)], "", (30, WriteTimeout));
    check(
        0,
        &[Send(GET), Wait(29), Take(100), Wait(20), Take(9_999)],
        "200",
        (124, IdleTimeout),
    );
    // Fewer than 100 bytes per second.
    let slow = [Send(LARGE), Wait(20), Take(500), Wait(20), Take(500)];
    check(500, &slow, "200", (40, TooSlow));
    let fast = [Send(LARGE), Wait(20), Take(5_000), Wait(20), Take(500)];
    check(500, &fast, "200", (70, WriteTimeout));
    // The poll does not report that the buffer has free space.
    let unreported = [Send(LARGE), Wait(20), TakeUnreported(9_000)];
    check(500, &unreported, "200", (60, WriteTimeout));
    let all_unreported = [Send(GET), TakeUnreported(9_000)];
    check(0, &all_unreported, "200", (105, IdleTimeout));
}

#[test]
fn a_lingering_close_ends() {
    use CloseReason::*;
    let close = "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    // No further request can follow: the connection is closed immediately.
    check(ALL, &[Send(close), Wait(1)], "200", (0, ClientAsked));
    // More input has followed, and still more may follow.
    let close_and_more = "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n";
    check(ALL, &[Send(close_and_more)], "200", (1, ClientAsked));
    // What may have followed is not read yet.
    let fill = "f".repeat(READ_BYTES - close.len() - "F: \r\n".len());
    let full = close.replace("\r\n\r\n", &format!("\r\nF: {fill}\r\n\r\n"));
    assert_eq!(full.len(), READ_BYTES);
    check(ALL, &[Send(full.leak())], "200", (1, ClientAsked));
    check(ALL, &[Send("GET\r\n\r\n")], "400", (1, BadRequest));
    let more = [
        Send("GET\r\n\r\n"),
        Wait(1),
        Send("more"),
        Wait(0),
        Send("more"),
    ];
    check(ALL, &more, "400", (1, BadRequest));
}

#[test]
fn a_draining_server_keeps_connections_that_are_owed_a_response() {
    let check_after = |wait: u64, room: usize, text: &str, is_kept: bool| {
        let ground = Ground::new(|_| {});
        let mut cx = ground.context();
        let now = cx.now + Duration::from_millis(wait);
        let mut run = Run::new(&mut cx, room);
        run.wire.borrow_mut().arrive(text.as_bytes());
        let next = run.settle(Next::Readable);
        assert!(!matches!(next, Next::Closed(_)), "{text}");
        run.cx.draining = true;
        assert_eq!(!run.connection.can_drain(now), is_kept, "{text}");
        if let State::Writing(_) = run.connection.state() {
            run.wire.borrow_mut().make_room(ALL);
            let Next::Readable = run.settle(Next::Writable) else {
                panic!("{text}: still busy");
            };
            // The head did not announce the close, so another request may arrive.
            if run.connection.state().name() == "idle" {
                run.wire.borrow_mut().arrive(GET.as_bytes());
                run.settle(Next::Readable);
            }
            assert!(run.wire.borrow().shut, "{text}: kept by a draining server");
        }
    };
    // A client that sends one request after another is likely to send the next one too.
    check_after(9, ALL, &GET.repeat(9), true);
    check_after(10, ALL, &GET.repeat(9), false);
    check_after(0, ALL, &GET.repeat(10), true);
    check_after(99, ALL, &GET.repeat(10), true);
    check_after(100, ALL, &GET.repeat(10), false);
    let check = |room, text: &str, is_kept| check_after(0, room, text, is_kept);
    check(ALL, "", true);
    check(ALL, GET, true);
    check_after(9, ALL, GET, true);
    check_after(10, ALL, GET, false);
    check(ALL, &GET[..9], false);
    check(ALL, POST, true);
    check(100, LARGE, true);
    check(100, &LARGE.repeat(2), true);
    check(ALL, "GET\r\n\r\n", true);
    // The kernel has held the connection back for as long as its client was silent.
    let identity = Identity::new(1, None, Moment::now(), SECOND);
    let held = Connection::new(Script::new(&Wire::new(ALL)), identity);
    assert!(held.can_drain(Moment::now()));
    // Complete requests that wait for the next turn are also kept.
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut run = Run::new(&mut cx, ALL);
    run.wire.borrow_mut().arrive(GET.repeat(500).as_bytes());
    let next = run
        .connection
        .advance(Readiness::READABLE, &mut run.input, run.cx);
    assert_eq!(next, Next::NextTurn);
    assert_eq!(run.connection.state().name(), "reading a head");
    assert!(!run.connection.can_drain(run.cx.now));
}

#[test]
fn a_client_is_silent_until_its_first_byte() {
    for (text, is_silent) in [
        ("", true),
        ("\r", true),
        ("\r\n", true),
        ("G", false),
        (GET, false),
        // It has sent a request before.
        ("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n\r\n", false),
    ] {
        let ground = Ground::new(|_| {});
        let mut cx = ground.context();
        let mut run = Run::new(&mut cx, ALL);
        run.wire.borrow_mut().arrive(text.as_bytes());
        run.settle(Next::Readable);
        let since = run.connection.silent_since();
        assert_eq!(since, is_silent.then_some(run.cx.now), "{text:?}");
    }
}

/// The kernel has held its connection for a second before the accept, unless it sent its request
/// at once: that is what is read soon after the accept.
#[test]
fn the_time_for_which_a_silent_client_was_held_counts() {
    // When the first byte is read, and when the time-out began, in milliseconds from the accept.
    for (read_at, began) in [(0, 0), (499, 0), (500, -1_000), (900, -1_000)] {
        let ground = Ground::new(|_| {});
        let mut cx = ground.context();
        let wire = Wire::new(ALL);
        let identity = Identity::new(1, None, ground.started, SECOND);
        let mut connection = Connection::new(Script::new(&wire), identity);
        wire.borrow_mut().arrive(b"G");
        site::set_clock(&mut cx, ground.started + Duration::from_millis(read_at));
        let mut input = vec![0; cx.input_bytes()];
        connection.advance(Readiness::READABLE, &mut input, &mut cx);
        let left = connection
            .state()
            .deadline(&cx.timeouts)
            .since(ground.started);
        let expected = cx.timeouts.header.as_millis() as i64 + began;
        assert_eq!(left.as_millis() as i64, expected, "{read_at}");
    }
}
