//! Requests that do not wait for their answers (RFC 9112 section 9.3.2).

mod support;

use support::{Kind, Server, content};

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Ten files, each with its number as its content.
fn numbered(args: &str) -> Server {
    let mut builder = Server::build().args(args);
    for number in 0..10 {
        builder = builder.file(&format!("{number}.txt"), number.to_string());
    }
    builder.file("large.bin", content(3 << 20)).start()
}

#[test]
fn answers_come_in_order_at_every_depth() {
    let server = numbered("");
    for depth in [1, 2, 16, 100, 1_000] {
        let mut client = server.connect();
        let all: String = (0..depth)
            .map(|n| request(&format!("/{}.txt", n % 10)))
            .collect();
        client.send(all);
        for n in 0..depth {
            let reply = client.reply();
            assert_eq!(
                (reply.status, reply.text()),
                (200, (n % 10).to_string().as_str())
            );
        }
        client.assert_open();
    }
}

#[test]
fn answers_to_one_read_go_out_in_one_write() {
    let server = numbered("");
    let mut client = server.connect();
    // The first answer brings the file into memory, if anything does.
    client.get("/1.txt");
    let before = client.reads();
    client.send(request("/1.txt").repeat(16));
    for _ in 0..16 {
        assert_eq!(client.reply().text(), "1");
    }
    let reads = client.reads() - before;
    assert!(reads <= 2, "16 answers came in {reads} pieces");
}

#[test]
fn large_answers_stand_in_their_place() {
    let server = numbered("");
    let large = content(3 << 20);
    let mut client = server.connect();
    client.send(
        [
            "/1.txt",
            "/large.bin",
            "/2.txt",
            "/large.bin",
            "/large.bin",
            "/3.txt",
        ]
        .map(request)
        .concat(),
    );
    for wanted in [b"1".as_slice(), &large, b"2", &large, &large, b"3"] {
        let reply = client.reply();
        assert!(
            reply.body == wanted,
            "{} bytes of another body",
            reply.body.len()
        );
    }
    client.assert_open();
}

#[test]
fn answers_without_a_body_keep_the_framing() {
    let server = numbered("");
    let mut client = server.connect();
    let etag = client.get("/4.txt").must("etag").to_owned();
    client.send(format!(
        "HEAD /4.txt HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /4.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n\
         OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /none HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /4.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /\
         POST /4.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
         GET /5.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    ));
    for (kind, status) in [
        (Kind::Head, 200),
        (Kind::Get, 304),
        (Kind::Get, 204),
        (Kind::Get, 404),
        (Kind::Get, 405),
        (Kind::Get, 405),
    ] {
        assert_eq!(client.reply_to(kind).status, status);
    }
    assert_eq!(client.reply().text(), "5");
}

#[test]
fn what_follows_the_last_request_is_not_answered() {
    let server = numbered("");
    let mut client = server.connect();
    // At once: a client that breaks its word later is reset.
    let last = "GET /2.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send(request("/1.txt") + last + &request("/3.txt"));
    assert_eq!(client.reply().text(), "1");
    let last = client.reply();
    assert_eq!((last.text(), last.is_last()), ("2", true));
    client.assert_closed();
}

#[test]
fn what_follows_a_malformed_request_is_not_answered() {
    let server = numbered("");
    let mut client = server.connect();
    client.send(request("/1.txt") + "GET /2.txt HTTP/1.1\r\n\r\n" + &request("/3.txt"));
    assert_eq!(client.reply().text(), "1");
    let last = client.reply();
    assert_eq!((last.status, last.is_last()), (400, true));
    client.assert_closed();
}
