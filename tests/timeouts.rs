//! The five time-outs. None fires early; how late is bounded by the deadline of
//! the tests alone, which is twenty times what each is set to. How close to it a
//! client is cut that dribbles, or does not read, `faults_slow` measures.

mod support;

use std::time::{Duration, Instant};

use support::{DEADLINE, Server};

const SHORT: Duration = Duration::from_millis(300);

#[track_caller]
fn assert_not_before(start: Instant, timeout: Duration) {
    let elapsed = start.elapsed();
    assert!(elapsed >= timeout, "after {elapsed:?}, before {timeout:?}");
}

#[test]
fn an_unfinished_head_is_answered_408() {
    let server = Server::with_page("--header-timeout 0.3");
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"] {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(part);
        let reply = client.reply();
        assert_not_before(start, SHORT);
        assert_eq!((reply.status, reply.is_last()), (408, true), "{part:?}");
        client.assert_closed();
    }
}

#[test]
fn an_unfinished_head_after_a_whole_request_is_answered_408() {
    let server = Server::with_page("--header-timeout 0.3");
    let mut client = server.connect();
    client.get("/");
    let start = Instant::now();
    client.send("GET / HT");
    let reply = client.reply();
    assert_not_before(start, SHORT);
    assert_eq!((reply.status, reply.is_last()), (408, true));
    client.assert_closed();
}

#[test]
fn a_client_that_says_nothing_is_left_without_a_word() {
    let server = Server::with_page("--header-timeout 0.3");
    let start = Instant::now();
    let mut client = server.connect();
    client.assert_closed();
    assert_not_before(start, SHORT);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::with_page("--keep-alive 0.3");
    let mut client = server.connect();
    client.get("/");
    let start = Instant::now();
    client.get("/");
    client.assert_closed();
    assert_not_before(start, SHORT);
}

#[test]
fn the_idle_time_is_not_the_time_for_a_head() {
    let server = Server::with_page("--keep-alive 60 --header-timeout 0.3");
    let mut client = server.connect();
    client.get("/");
    assert!(
        client.is_silent_for(Duration::from_secs(1)),
        "idle, and something came"
    );
    client.assert_open();
}

#[test]
fn an_unfinished_body_ends_its_connection() {
    let server = Server::with_page("--body-timeout 0.3");
    for framing in [
        "Content-Length: 100\r\n\r\nsome",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nso",
    ] {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}"));
        let reply = client.reply();
        assert_not_before(start, SHORT);
        assert_eq!((reply.status, reply.is_last()), (408, true), "{framing}");
        client.assert_closed();
    }
}

#[test]
fn a_slow_but_steady_reader_is_served() {
    let server = Server::build()
        .sparse_file("large.bin", 80 << 20)
        .args("--write-timeout 2")
        .start();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    // Half as long again as the time-out, in steps of a twentieth of it.
    for _ in 0..30 {
        client.read_some(1 << 20);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.reply().body.len(), 80 << 20);
    client.assert_open();
}

#[test]
fn a_client_that_still_sends_reads_its_answer_and_the_end_comes() {
    let server = Server::with_page("");
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nBad Name: a\r\n\r\n");
    // The server may close at any moment from here on: what counts is that
    // its answer is not lost to a reset.
    client.send(vec![b'x'; 1 << 20]);
    assert_eq!(client.reply().status, 400);
    client.assert_closed();
    // The server's side is shut; what still comes is thrown away, for a while.
    let start = Instant::now();
    while client.try_send(b"x").is_ok() {
        assert!(start.elapsed() < DEADLINE, "it listens forever");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What came while the server was kept from looking is no later for that.
#[test]
fn what_came_in_time_is_answered_by_a_server_that_was_kept_waiting() {
    let whole = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n12";
    let waits = "--threads 1 --keep-alive 3 --header-timeout 3 --body-timeout 3";
    let server = Server::with_page(waits);
    let cuts = [0, 20, whole.len() - 1].repeat(5);
    let mut clients: Vec<_> = cuts.iter().map(|_| server.connect()).collect();
    for (client, &at) in clients.iter_mut().zip(&cuts) {
        client.get("/");
        client.send(&whole[..at]);
    }
    // Answered behind the beginnings of the others, which are read by then.
    server.connect().get("/");
    server.halt();
    for (client, &at) in clients.iter_mut().zip(&cuts) {
        client.send(&whole[at..]);
    }
    std::thread::sleep(Duration::from_millis(3_100));
    server.signal(rustix::process::Signal::CONT);
    for (client, at) in clients.iter_mut().zip(cuts) {
        assert_eq!(client.reply().status, 200, "cut at {at}");
        client.assert_open();
    }
}
