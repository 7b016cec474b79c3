//! What counts as work of a turn, besides responses: bodies, long heads, and what is discarded.

use stdhttpd::{
    connection::{Next, Readiness, serve::COALESCED_BYTES_MAX, share_bytes},
    server::scheduler::SWEEP_INTERVAL,
};

use crate::{
    run::Run,
    site::{self, Ground},
    turn::{Crowd, HEAD},
};

const BODY_TO_COME: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";

/// Four idle connections, and four that wait for a body.
fn crowd() -> Crowd {
    let mut crowd = Crowd::new(8, 1, None);
    for token in 4..8 {
        send(&mut crowd, token, BODY_TO_COME);
    }
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.responses(), [0; 8]);
    crowd
}

fn send(crowd: &mut Crowd, token: usize, text: &str) {
    crowd.wires[token].borrow_mut().arrive(text.as_bytes());
    crowd.scheduler.take_event(token, Readiness::READABLE);
    crowd.scheduler.serve_received();
}

#[test]
fn a_body_that_a_turn_puts_off_is_read_in_the_next() {
    let mut crowd = crowd();
    for token in 0..3 {
        send(&mut crowd, token, &HEAD.repeat(100));
    }
    send(&mut crowd, 4, "x");
    assert_eq!(crowd.responses(), [100, 100, 100, 0, 0, 0, 0, 0]);
    crowd.scheduler.finish_turn();
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.responses()[4], 1);
}

#[test]
fn the_requests_behind_a_body_count_for_the_turn() {
    let mut crowd = crowd();
    for token in 4..7 {
        send(&mut crowd, token, &("x".to_owned() + &HEAD.repeat(100)));
    }
    send(&mut crowd, 0, HEAD);
    assert_eq!(crowd.responses(), [0, 0, 0, 0, 101, 101, 101, 0]);
}

#[test]
fn a_turn_answers_until_there_are_more_extra_responses_than_its_bound() {
    // A response beyond one of each connection is extra: four times 64, then one more.
    for (third, answered) in [
        (65, [66, 65, 65, 65, 1, 0, 0, 0]),
        (66, [65, 65, 66, 65, 0, 0, 0, 0]),
    ] {
        let mut crowd = crowd();
        for (token, requests) in [65, 65, third, 65].into_iter().enumerate() {
            send(&mut crowd, token, &HEAD.repeat(requests));
        }
        send(&mut crowd, 0, HEAD);
        send(&mut crowd, 4, "x");
        assert_eq!(crowd.responses(), answered);
    }
}

#[test]
fn long_heads_count_for_the_turn_like_responses() {
    let mut crowd = Crowd::new(20, 1, None);
    let field = format!("\r\nF: {}\r\n\r\n", "f".repeat(30_000));
    let long = HEAD.replace("\r\n\r\n", &field);
    for token in 0..20 {
        send(&mut crowd, token, &long.repeat(2));
    }
    // Each connection has the extra response to its second request, and 14 for their 60,000 bytes.
    let answered = 256 / 15 + 1;
    let responses = crowd.responses();
    assert_eq!(responses[..answered], [2; 18]);
    assert_eq!(responses[answered..], [0; 2]);
}

#[test]
fn what_is_discarded_of_one_connection_in_one_turn_is_bounded() {
    let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n";
    let refused = "GET\r\n\r\n";
    for (beginning, state) in [(body, "discarding a body"), (refused, "lingering")] {
        let ground = Ground::new(|_| {});
        let mut cx = ground.context();
        cx.share_bytes = 100_000;
        let mut run = Run::new(&mut cx, 1 << 20);
        run.wire.borrow_mut().arrive(beginning.as_bytes());
        run.settle(Next::Readable);
        run.wire.borrow_mut().arrive(&[b'x'; 400_000]);
        let connection = &mut run.connection;
        let next = connection.advance(Readiness::READABLE, &mut run.input, run.cx);
        assert_eq!((next, connection.state().name()), (Next::NextTurn, state));
        let left = run.wire.borrow().unread();
        assert!((200_000..=300_000).contains(&left), "{state}: {left}");
    }
}

#[test]
fn connections_that_are_written_to_share_the_bytes_of_a_turn() {
    const COUNT: usize = 30;
    let mut crowd = Crowd::new(COUNT, 1, None);
    for token in 0..COUNT {
        crowd.wires[token].borrow_mut().take_room();
        send(
            &mut crowd,
            token,
            "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n",
        );
    }
    let later = crowd.scheduler.cx.now + SWEEP_INTERVAL;
    site::set_clock(&mut crowd.scheduler.cx, later);
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.scheduler.cx.share_bytes, share_bytes(COUNT));
    assert!(share_bytes(COUNT) < share_bytes(1));
}

#[test]
fn at_most_64_connections_are_read_from_before_the_first_is_answered() {
    let mut crowd = Crowd::new(65, 1, None);
    for (tokens, answered) in [(0..63, 0), (63..64, 64), (64..65, 0)] {
        for token in tokens {
            crowd.wires[token].borrow_mut().arrive(HEAD.as_bytes());
            crowd.scheduler.take_event(token, Readiness::READABLE);
        }
        assert_eq!(crowd.responses().iter().sum::<usize>(), answered);
    }
}

#[test]
fn a_sweep_counts_what_connections_wait_for() {
    let mut crowd = crowd();
    send(&mut crowd, 0, "GET / HTTP/1.1\r\n\r\n");
    crowd.wires[1].borrow_mut().take_room();
    send(&mut crowd, 1, "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    let later = crowd.scheduler.cx.now + SWEEP_INTERVAL;
    site::set_clock(&mut crowd.scheduler.cx, later);
    crowd.scheduler.finish_turn();
    crowd.scheduler.count();
    // Idle, reading, writing, lingering.
    assert_eq!(crowd.scheduler.cx.counters.open(), [2, 4, 1, 1]);
    // No sweep follows the last connection.
    for token in 0..8 {
        crowd.wires[token].borrow_mut().reset();
        let readiness = crowd.wires[token].borrow().level(false);
        crowd.scheduler.take_event(token, readiness);
    }
    crowd.scheduler.finish_turn();
    crowd.scheduler.count();
    assert_eq!(crowd.scheduler.table().open(), 0);
    assert_eq!(crowd.scheduler.cx.counters.open(), [0; 4]);
}

#[test]
fn responses_are_collected_up_to_a_bound() {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut run = Run::new(&mut cx, 1 << 30);
    let request = "GET /b.html HTTP/1.1\r\nHost: h\r\n\r\n";
    run.wire.borrow_mut().arrive(request.repeat(120).as_bytes());
    run.settle(Next::Readable);
    let one = run.written.len() / 120;
    assert!((1_000..2_000).contains(&one), "{one}");
    let most = run.wire.borrow().offered_max;
    let expected = COALESCED_BYTES_MAX..COALESCED_BYTES_MAX + one;
    assert!(expected.contains(&most), "{most}");
}
