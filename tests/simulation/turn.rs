//! What one connection is given in one turn, whatever it asks.

use stdhttpd::connection::{Fate, Hint};

use crate::{run::Run, site::Ground};

/// Responses that one turn brings to a client which has asked `count` times at
/// once.
fn responses_of_a_turn(request: &str, count: usize) -> usize {
    let ground = Ground::new(|_| {});
    let mut desk = ground.desk();
    let mut run = Run::new(&mut desk, 1 << 30);
    let requests = request.repeat(count);
    run.wire.borrow_mut().arrive(requests.as_bytes());
    let readable = Hint {
        readable: true,
        ..Hint::default()
    };
    let fate = run.connection.advance(readable, &mut run.input, run.desk);
    assert_eq!(fate, Fate::Turn, "{request}");
    let written = run.wire.borrow_mut().take_written();
    let text = String::from_utf8_lossy(&written).into_owned();
    text.matches("HTTP/1.1 200 OK\r\n").count()
}

#[test]
fn a_turn_has_a_bounded_share() {
    let check = |fields: &str, target: &str, expected: usize| {
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        assert_eq!(responses_of_a_turn(&request, 200), expected, "{target}");
    };
    // Responses.
    check("", "/a.txt", 128);
    // Bytes of requests: these are a little longer than 4 KiB.
    let tags = "\"a\",".repeat(1 << 10);
    check(&format!("If-None-Match: {tags}\r\n"), "/a.txt", 16);
    // Pieces of listings: one.
    check("", "/few/", 1);
    // One that is made in two.
    check("", "/many/", 0);
}
