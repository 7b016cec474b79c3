//! Bodies among the work of one turn.

use stdhttpd::connection::Readiness;

use crate::turn::{Crowd, HEAD};

const BODY_TO_COME: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";

/// Four idle connections, and four that wait for a body.
fn crowd() -> Crowd {
    let mut crowd = Crowd::new(8, 1, None);
    for token in 4..8 {
        send(&mut crowd, token, BODY_TO_COME);
    }
    crowd.scheduler.finish_turn();
    crowd.scheduler.cx.begin_turn();
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
    crowd.scheduler.cx.begin_turn();
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
