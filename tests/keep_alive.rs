//! Which connections are kept and which are closed (RFC 9112 section 9.3).

mod support;

use support::{Server, check, equal};

/// A request, whether its connection is kept, and what the reply says of it.
#[derive(Debug)]
struct Row {
    line: &'static str,
    fields: &'static str,
    kept: bool,
    connection: Option<&'static str>,
}

const fn row(
    line: &'static str,
    fields: &'static str,
    kept: bool,
    connection: Option<&'static str>,
) -> Row {
    Row {
        line,
        fields,
        kept,
        connection,
    }
}

fn check_rows(server: &Server, rows: &[Row]) {
    check(rows, |row| {
        let mut client = server.connect();
        client.send(format!(
            "{}\r\nHost: localhost\r\n{}\r\n",
            row.line, row.fields
        ));
        let reply = client.reply();
        equal("the status", reply.status, 200)?;
        equal("Connection", reply.field("connection"), row.connection)?;
        if row.kept {
            client.assert_open();
        } else {
            client.assert_closed();
        }
        Ok(())
    });
}

#[test]
fn persistence_follows_version_and_connection_options() {
    let server = Server::with_page("");
    const V11: &str = "GET / HTTP/1.1";
    const V10: &str = "GET / HTTP/1.0";
    let close = Some("close");
    let kept = Some("keep-alive");
    check_rows(
        &server,
        &[
            row(V11, "", true, None),
            row(V11, "Connection: keep-alive\r\n", true, None),
            row(V11, "Connection: close\r\n", false, close),
            row(V11, "Connection: Close\r\n", false, close),
            row(V11, "Connection: x, close\r\n", false, close),
            row(V11, "Connection: x\r\nConnection: close\r\n", false, close),
            row(V11, "Connection: keep-alive, close\r\n", false, close),
            row(V11, "Connection: closed\r\n", true, None),
            row(V11, "Connection: upgrade\r\nUpgrade: h2c\r\n", true, None),
            row(V10, "", false, close),
            row(V10, "Connection: close\r\n", false, close),
            row(V10, "Connection: keep-alive\r\n", true, kept),
            row(V10, "Connection: Keep-Alive\r\n", true, kept),
            row(V10, "Connection: keep-alive, close\r\n", false, close),
        ],
    );
}

#[test]
fn keep_alive_zero_makes_every_connection_short() {
    let server = Server::with_page("--keep-alive 0");
    let close = Some("close");
    check_rows(
        &server,
        &[
            row("GET / HTTP/1.1", "", false, close),
            row("GET / HTTP/1.1", "Connection: keep-alive\r\n", false, close),
            row("GET / HTTP/1.0", "Connection: keep-alive\r\n", false, close),
        ],
    );
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

#[test]
fn error_answers_keep_the_connection_where_the_request_was_sound() {
    let server = Server::with_page("");
    let mut client = server.connect();
    for (method, target, status) in [
        ("GET", "/missing", 404),
        ("DELETE", "/", 405),
        ("BREW", "/", 501),
        ("OPTIONS", "*", 204),
        ("GET", "/", 200),
    ] {
        let reply = client.request(method, target, "");
        assert_eq!(reply.status, status, "{method} {target}");
        assert!(!reply.is_last(), "{method} {target}");
    }
    client.assert_open();
}

#[test]
fn a_malformed_request_ends_its_connection() {
    let server = Server::with_page("");
    let next = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    check(
        &[
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\n\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
                400,
            ),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("GET / FTP/1.1\r\nHost: a\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n",
                501,
            ),
            ("\x16\x03\x01\x02\x00\x01\x00\x01\n", 400),
        ],
        |(request, status)| {
            let mut client = server.connect();
            client.send(format!("{request}{next}"));
            let reply = client.reply();
            equal("the status", reply.status, *status)?;
            equal("Connection", reply.field("connection"), Some("close"))?;
            client.assert_closed();
            Ok(())
        },
    );
}
