//! Connections that are kept, and the option that keeps none. Which requests keep
//! theirs (RFC 9112 section 9.3) is tested by the rows of `conformance`.

mod support;

use support::Server;

#[test]
fn keep_alive_zero_makes_every_connection_short() {
    let server = Server::with_page("--keep-alive 0");
    for (version, fields) in [
        ("1.1", ""),
        ("1.1", "Connection: keep-alive\r\n"),
        ("1.0", "Connection: keep-alive\r\n"),
    ] {
        let mut client = server.connect();
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.is_last()), (200, true), "{fields}");
        client.assert_closed();
    }
}

#[test]
fn ten_thousand_requests_share_one_connection() {
    let server = Server::with_page("");
    let mut client = server.connect();
    for _ in 0..10_000 {
        let reply = client.get("/");
        assert_eq!((reply.status, reply.field("connection")), (200, None));
    }
}
