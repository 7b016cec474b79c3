//! A request cut anywhere is the same request.

mod support;

use std::{io::Read, time::Duration};

use support::{Client, Kind, Server, check, equal};

/// Sends the two halves so that the server, which has one worker, has most
/// likely read the first before the second leaves: another connection is
/// answered in between.
fn send_cut(client: &mut Client, neighbour: &mut Client, request: &[u8], at: usize) {
    client.send(&request[..at]);
    neighbour.get("/");
    client.send(&request[at..]);
}

#[test]
fn a_request_cut_at_every_byte_gets_the_same_answer() {
    let server = Server::with_page("--threads 1");
    let mut neighbour = server.connect();
    check(
        &[
            (
                "GET /?q HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
                200,
            ),
            ("\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            ("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
                405,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5;x=\"y\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Check: t\r\n\r\n",
                405,
            ),
        ],
        |(request, status)| {
            let kind = if request.starts_with("HEAD") {
                Kind::Head
            } else {
                Kind::Get
            };
            let whole = server.connect().send(request).reply_to(kind);
            equal("the status", whole.status, *status)?;
            let mut client = server.connect();
            for at in 1..request.len() {
                send_cut(&mut client, &mut neighbour, request.as_bytes(), at);
                let reply = client.reply_to(kind);
                equal(&format!("cut at {at}"), reply.timeless(), whole.timeless())?;
            }
            client.assert_open();
            Ok(())
        },
    );
}

#[test]
fn a_malformed_request_cut_at_every_byte_gets_the_same_refusal() {
    let server = Server::with_page("--threads 1");
    let mut neighbour = server.connect();
    check(
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\n",
                400,
            ),
        ],
        |(request, status)| {
            for at in 1..request.len() {
                let mut client = server.connect();
                client.send(&request[..at]);
                neighbour.get("/");
                // It may be refused, and so closed, by its first half.
                let _ = client.try_send(&request.as_bytes()[at..]);
                let reply = client.reply();
                equal(
                    &format!("cut at {at}"),
                    (reply.status, reply.is_last()),
                    (*status, true),
                )?;
                client.assert_closed();
            }
            Ok(())
        },
    );
}

/// Urgent data is no part of the stream; a read stops short at it.
#[test]
#[cfg(target_os = "linux")]
fn urgent_data_in_between_is_passed_over() {
    use rustix::net::{SendFlags, send};
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let server = Server::with_page("--threads 1");
    let mut neighbour = server.connect();
    for at in [1, 10, request.len() - 1, request.len()] {
        let mut client = server.connect();
        client.get("/");
        // All of it has arrived before the server reads any of it.
        server.halt();
        client.send(&request[..at]);
        send(client.stream(), b"!", SendFlags::OOB).expect("urgent data");
        client.send(&request[at..]).send(request);
        server.signal(rustix::process::Signal::CONT);
        for _ in 0..2 {
            assert_eq!(client.reply().status, 200, "{at}");
        }
        neighbour.get("/");
    }
}

/// RFC 9110 section 10.1.1.
#[test]
fn a_body_is_invited_if_it_is_not_too_large_and_has_not_begun() {
    const BODY_BYTES_MAX: usize = 1 << 20;
    let server = Server::build().start();
    for (bytes, arrived, status) in [
        (BODY_BYTES_MAX, 0, "100"),
        (BODY_BYTES_MAX, 1, "405"),
        (BODY_BYTES_MAX + 1, 0, "413"),
    ] {
        let mut client = server.connect();
        let fields = format!("Host: a\r\nExpect: 100-continue\r\nContent-Length: {bytes}\r\n");
        let body = "b".repeat(bytes);
        client.send(format!(
            "POST / HTTP/1.1\r\n{fields}\r\n{}",
            &body[..arrived]
        ));
        if arrived > 0 {
            let time = Duration::from_millis(50);
            assert!(client.is_silent_for(time), "{bytes} {arrived}");
            client.send(&body[arrived..]);
        }
        let mut line = [0; 12];
        client
            .stream()
            .read_exact(&mut line)
            .expect("a status line");
        assert_eq!(str::from_utf8(&line[9..]), Ok(status), "{bytes} {arrived}");
    }
}
