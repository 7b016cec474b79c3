//! Clients that shut their side after the request (RFC 9112 section 9.6).

mod support;

use support::{Server, content};

const LARGE: usize = 20 << 20;

#[test]
fn a_large_answer_arrives_whole_and_then_the_end() {
    let server = Server::build().file("large.bin", content(LARGE)).start();
    let mut client = server.connect();
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .shutdown_write();
    assert!(client.reply().body == content(LARGE), "another body");
    client.assert_closed();
}

#[test]
fn all_pipelined_answers_arrive() {
    let server = Server::build().file("a.bin", content(2_000)).start();
    let mut client = server.connect();
    client
        .send("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100))
        .shutdown_write();
    for _ in 0..100 {
        assert_eq!(client.reply().body, content(2_000));
    }
    client.assert_closed();
}

#[test]
fn a_half_closed_fragment_gets_no_success() {
    let server = Server::with_page("");
    for fragment in [
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
    ] {
        let mut client = server.connect();
        client.send(fragment).shutdown_write();
        if let Some(reply) = client.try_reply(support::Kind::Get).expect("a valid end") {
            assert!(
                [400, 408].contains(&reply.status) && reply.is_last(),
                "{fragment:?}"
            );
            client.assert_closed();
        }
    }
}

#[test]
fn an_idle_client_that_leaves_is_let_go() {
    let server = Server::with_page("");
    let mut client = server.connect();
    client.get("/");
    client.shutdown_write();
    client.assert_closed();
    server.connect().assert_open();
}
