//! What each method gets (RFC 9110 section 9).

mod support;

use support::{Kind, Server, check, equal};

const ALLOW: &str = "GET, HEAD, OPTIONS";

#[test]
fn a_method_without_meaning_for_files_is_not_allowed() {
    let server = Server::with_page("");
    check(&["POST", "PUT", "PATCH", "DELETE", "TRACE"], |method| {
        let mut client = server.connect();
        let reply = client.request(method, "/", "");
        equal("the status", reply.status, 405)?;
        equal("Allow", reply.field("allow"), Some(ALLOW))?;
        equal("the last", reply.is_last(), false)?;
        client.assert_open();
        Ok(())
    });
}

#[test]
fn an_unknown_method_is_not_implemented() {
    let server = Server::with_page("");
    check(
        &[
            "BREW",
            "get",
            "Get",
            "PROPFIND",
            "G",
            "M-SEARCH",
            "X!#$%&'*+-.^_`|~1",
        ],
        |method| {
            equal(
                "the status",
                server.connect().request(method, "/", "").status,
                501,
            )
        },
    );
}

#[test]
fn connect_is_refused_and_its_connection_closed() {
    let server = Server::with_page("");
    let mut client = server.connect();
    client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    let reply = client.reply();
    assert!([405, 501].contains(&reply.status), "{}", reply.status);
    assert!(reply.is_last());
    client.assert_closed();
}

#[test]
fn options_tells_what_is_allowed() {
    let server = Server::with_page("");
    let mut client = server.connect();
    for target in ["*", "/", "/index.html"] {
        let reply = client.request("OPTIONS", target, "");
        assert_eq!(reply.status, 204, "{target}");
        assert_eq!(reply.field("allow"), Some(ALLOW), "{target}");
    }
    // The asterisk is for OPTIONS alone.
    assert_eq!(client.request("GET", "*", "").status, 400);
}

#[test]
fn a_body_is_discarded_before_the_answer() {
    let server = Server::with_page("");
    let body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    check(&["GET", "HEAD", "OPTIONS", "POST", "DELETE"], |method| {
        let mut client = server.connect();
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n");
        let kind = if *method == "HEAD" {
            Kind::Head
        } else {
            Kind::Get
        };
        let length = body.len();
        client.send(format!("{head}Content-Length: {length}\r\n\r\n{body}"));
        let counted = client.reply_to(kind);
        client.send(format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        ));
        let chunked = client.reply_to(kind);
        client.assert_open();
        equal(
            "the answer to chunks",
            chunked.timeless(),
            counted.timeless(),
        )
    });
}

#[test]
fn continue_is_sent_when_the_body_will_be_read() {
    let server = Server::with_page("");
    let mut client = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send(head);
    let first = client.reply();
    if first.status == 100 {
        client.send("body");
        assert_eq!(client.reply().status, 405);
        client.assert_open();
    } else {
        // The final status at once is as lawful, and then the body is unread.
        assert_eq!((first.status, first.is_last()), (405, true));
    }
    let unknown = server.connect().get_with("/", "Expect: 200-ok\r\n");
    assert_eq!(unknown.status, 417);
}
