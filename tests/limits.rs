//! What one client can use: bytes, requests, connections.

mod support;

use std::time::Duration;

use rustix::process::Signal;
use support::{Client, Server, Strace, check, equal, process::is_received, wait_until};

const LINE_BYTES_MAX: usize = 8 << 10;
const FIELDS_BYTES_MAX: usize = 32 << 10;
const FIELDS_MAX: usize = 100;
const BODY_BYTES_MAX: usize = 1 << 20;

/// A request line of so many bytes, CRLF excluded.
fn line_of(bytes: usize) -> String {
    let rest = "GET / HTTP/1.1".len();
    format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
        "a".repeat(bytes - rest)
    )
}

/// A field block of so many bytes, each line's CRLF included.
fn block_of(bytes: usize) -> String {
    let rest = "Host: a\r\nLong: \r\n".len();
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nLong: {}\r\n\r\n",
        "a".repeat(bytes - rest)
    )
}

/// So many fields.
fn fields_of(count: usize) -> String {
    let more: String = (1..count).map(|n| format!("F{n}: a\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

#[test]
fn a_head_beyond_its_limits_is_refused() {
    let server = Server::with_page("");
    let rows = [
        ("line, short", line_of(LINE_BYTES_MAX / 2), 404),
        // Longer than a file system takes, and still within the limit.
        ("line, at the limit", line_of(LINE_BYTES_MAX), 404),
        ("line, one more", line_of(LINE_BYTES_MAX + 1), 414),
        ("line, a mebibyte", line_of(1 << 20), 414),
        ("block, nearly", block_of(FIELDS_BYTES_MAX - 64), 200),
        ("block, more", block_of(FIELDS_BYTES_MAX + 64), 431),
        ("block, a mebibyte", block_of(1 << 20), 431),
        ("fields, at the limit", fields_of(FIELDS_MAX), 200),
        ("fields, one more", fields_of(FIELDS_MAX + 1), 431),
        ("fields, ten thousand", fields_of(10_000), 431),
    ];
    check(
        &rows.map(|(name, request, status)| (name, Request(request), status)),
        |row| {
            let mut client = server.connect();
            client.send(&row.1.0);
            let reply = client.reply();
            equal("the status", reply.status, row.2)?;
            equal("the last", reply.is_last(), row.2 > 404)?;
            if row.2 > 404 {
                client.assert_closed();
            } else {
                client.assert_open();
            }
            Ok(())
        },
    );
}

/// A request too long to be shown.
struct Request(String);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[test]
fn a_head_without_an_end_is_refused_at_the_limit() {
    let server = Server::with_page("--header-timeout 60");
    check(
        &[("GET /", 414), ("GET / HTTP/1.1\r\nHost: a\r\nLong: ", 431)],
        |(start, status)| {
            let mut client = server.connect();
            client.send(start).send("a".repeat(FIELDS_BYTES_MAX * 2));
            equal("the status", client.reply().status, *status)?;
            client.assert_closed();
            Ok(())
        },
    );
}

#[test]
fn a_body_is_read_up_to_its_limit() {
    let server = Server::with_page("");
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    let mut client = server.connect();
    client.send(format!("{head}Content-Length: {BODY_BYTES_MAX}\r\n\r\n"));
    client.send(vec![b'x'; BODY_BYTES_MAX]);
    let reply = client.reply();
    assert_eq!((reply.status, reply.is_last()), (405, false));

    client.send(format!(
        "{head}Content-Length: {}\r\n\r\n",
        BODY_BYTES_MAX + 1
    ));
    client.send(vec![b'x'; BODY_BYTES_MAX + 1]);
    let reply = client.reply();
    assert_eq!((reply.status, reply.is_last()), (413, true));
    client.assert_closed();

    let mut client = server.connect();
    client.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        BODY_BYTES_MAX * 2
    ));
    client.send(vec![b'x'; BODY_BYTES_MAX * 2]);
    let reply = client.reply();
    assert_eq!((reply.status, reply.is_last()), (413, true));
    client.assert_closed();
}

#[test]
fn the_last_request_of_a_connection_is_told() {
    let server = Server::with_page("--max-requests 3");
    let mut client = server.connect();
    assert!(!client.get("/").is_last());
    assert!(!client.get("/").is_last());
    assert!(client.get("/").is_last());
    client.assert_closed();

    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
    let last: Vec<bool> = (0..3).map(|_| client.reply().is_last()).collect();
    assert_eq!(last, [false, false, true]);
    client.assert_closed();
}

/// So many connections, each kept after a request, the first the longest.
fn idle(server: &Server, count: usize) -> Vec<Client> {
    let kept = |_| {
        let mut client = server.connect();
        client.get("/");
        client
    };
    (0..count).map(kept).collect()
}

#[test]
fn at_the_connection_limit_the_longest_idle_makes_room() {
    let server = Server::with_page("--threads 1 --max-connections 4");
    let mut clients = idle(&server, 4);
    // At the limit and nobody waits: nobody has to go.
    for client in &mut clients {
        client.assert_open();
    }
    // The first is used again, so the second is now idle for longest.
    clients[0].get("/");
    assert_eq!(server.connect().get("/").status, 200);
    clients[1].assert_closed();
    for index in [2, 3, 0] {
        clients[index].assert_open();
    }
}

#[test]
fn with_more_workers_too_one_idle_connection_makes_room() {
    let server = Server::with_page("--threads 2 --max-connections 8");
    let mut clients = idle(&server, 8);
    for client in &mut clients {
        client.assert_open();
    }
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    let mut ended = 0;
    for client in &mut clients {
        ended += usize::from(client.is_at_end(Duration::from_millis(100)));
    }
    assert_eq!(ended, 1);
    newcomer.assert_open();
}

#[test]
fn who_is_silent_makes_room_for_who_asks() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1 --max-connections 2 --header-timeout 60")
        .debug()
        .start();
    let mut silent = vec![server.connect(), server.connect()];
    for number in ["connection 1: accepted", "connection 2: accepted"] {
        server.wait_for_log("the silent ones", |line| line.contains(number));
    }
    let mut busy = server.connect();
    busy.send("GET / HTTP/1.1\r\n");
    // The kernel may have handed them over in any order.
    wait_until("one of them to go", || {
        silent.retain_mut(|client| !client.is_at_end(Duration::from_millis(10)));
        silent.len() < 2
    });
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    silent[0].assert_closed();
    // Who has begun to ask is not silent.
    assert_eq!(server.connect().get("/").status, 200);
    newcomer.assert_closed();
    busy.send("Host: a\r\n\r\n");
    assert_eq!(busy.reply().status, 200);
}

#[test]
fn at_the_limit_the_listeners_take_turns() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1 --max-connections 1 --header-timeout 60")
        .listen(&["127.0.0.1:0", "127.0.0.1:0"])
        .debug()
        .start();
    let begin = |address| {
        let mut client = Client::connect(address);
        client.send("GET / HTTP/1.1\r\n");
        wait_until("its place in the queue", || {
            is_received(client.local_address())
        });
        client
    };
    let [first, second] = server.addresses() else {
        panic!("two listeners");
    };
    // They take the place one after another, and never end their heads.
    let mut crowd: Vec<_> = (0..6).map(|_| begin(*first)).collect();
    let mut waiting = begin(*second);
    waiting.send("Host: a\r\n\r\n");
    // The one who has the place leaves, and the one behind, who is accepted.
    crowd.drain(..2);
    assert_eq!(waiting.reply().status, 200);
}

#[test]
#[ignore = "needs strace"]
fn one_leaves_for_one_newcomer_however_long_it_takes() {
    let server = Server::with_page("--threads 1 --max-connections 4");
    let mut clients = idle(&server, 4);
    let tampered = Strace::inject(&server, &["close:delay_enter=200000"]);
    let mut newcomer = server.connect();
    newcomer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // While the one who leaves is being closed, the acceptor is made to look
    // at who waits, again and again.
    while newcomer.is_silent_for(Duration::from_millis(5)) {
        server.signal(Signal::HUP);
    }
    assert_eq!(newcomer.reply().status, 200);
    drop(tampered);
    clients[0].assert_closed();
    clients[1..].iter_mut().for_each(Client::assert_open);
    newcomer.assert_open();
}

#[test]
fn with_none_idle_the_backlog_waits() {
    let server = Server::with_page("--threads 1 --max-connections 2");
    let mut busy: Vec<_> = (0..2)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET / HTTP/1.1\r\nHost: a\r\n");
            client
        })
        .collect();
    let mut waiting = server.connect();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        waiting.is_silent_for(Duration::from_millis(300)),
        "served beyond the limit"
    );
    // Neither of the two was cut to make room.
    for client in &mut busy {
        client.send("Connection: close\r\n\r\n");
        assert_eq!(client.reply().status, 200);
        client.assert_closed();
    }
    assert_eq!(waiting.reply().status, 200);
}
