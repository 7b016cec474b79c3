//! Properties of whole responses.

use crate::{
    binary,
    scripted::{Stage, take_final},
    support::{Kind, Server},
};

#[test]
fn head_equals_get_without_content() {
    let server = binary::start("");
    let fields = [
        "",
        "If-None-Match: *\r\n",
        "If-Match: \"x\"\r\n",
        "Accept-Encoding: identity;q=0\r\n",
        "Expect: tea\r\n",
        "Connection: close\r\n",
    ];
    for target in [
        "/a.txt",
        "/folder",
        "/folder/",
        "/none",
        "/%",
        "/folder/../..",
        "*",
    ] {
        for fields in fields {
            let ask = |method: &str, kind| {
                let mut client = server.connect();
                client.send(format!(
                    "{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"
                ));
                let reply = client.reply_to(kind).timeless();
                // Either the connection ends, or the response is the one to the next request.
                client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let next = client.try_reply(Kind::Get);
                assert!(
                    !matches!(next, Ok(Some(next)) if next.status != 204),
                    "{target}"
                );
                reply
            };
            let (status, head, content) = ask("HEAD", Kind::Head);
            let (get_status, get_head, _) = ask("GET", Kind::Get);
            assert_eq!(
                (status, head),
                (get_status, get_head),
                "{target} {fields:?}"
            );
            assert!(content.is_empty());
        }
    }
}

/// Put in every part of a request that a client can choose freely.
const MARK: &str = "mArK";

#[test]
fn request_data_is_not_echoed() {
    let mut stage = Stage::new();
    let heads = [
        format!("GET /{MARK} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /{MARK}%3Cscript%3E HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /<{MARK}> HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /%{MARK} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /folder HTTP/1.1\r\nHost: {MARK}\r\n\r\n"),
        format!("GET http://{MARK}/folder HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{MARK} : b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nExpect: {MARK}\r\n\r\n"),
        format!("{MARK} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / {MARK}\r\nHost: a\r\n\r\n"),
        format!("TRACE /{MARK} HTTP/1.1\r\nHost: a\r\nX: {MARK}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {MARK}\r\n\r\n"),
        format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: {MARK}=0-1\r\n\r\n"),
        format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-Match: \"{MARK}\"\r\n\r\n"),
    ];
    for head in heads {
        let outcome = stage.run([head.as_bytes()], false);
        let mut rest = &outcome.written[..];
        let (reply, _) = take_final(&mut rest, false).expect("complete responses");
        assert!(reply.is_some(), "{head:?}: no response");
        let written = String::from_utf8_lossy(&outcome.written).to_lowercase();
        assert!(
            !written.contains(&MARK.to_lowercase()),
            "{head:?}: {written}"
        );
    }
}

#[test]
fn a_redirect_repeats_only_the_encoded_path_and_the_query() {
    let server = Server::build()
        .file("f\"<>\r\nX: y\u{e9}/index.html", "")
        .start();
    let target = "/f%22%3c%3e%0d%0aX:%20y%c3%a9?q=%0d%0a&<b>";
    let refused = server.connect().get(target);
    assert_eq!(refused.status, 400, "unencoded angle brackets");
    let reply = server.connect().get(target.trim_end_matches("<b>"));
    assert_eq!(reply.status, 301);
    let location = "/f%22%3C%3E%0D%0AX:%20y%C3%A9/?q=%0d%0a&";
    assert_eq!(reply.must("location"), location);
    assert!(reply.field("x").is_none());
    assert!(!reply.text().contains("f\"<"), "{}", reply.text());
}

#[test]
fn a_logged_request_stays_on_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("access.log");
    let build = Server::build().file("a.txt", "").arg("--access-log");
    let mut server = build.arg(&log).start();
    for request in [
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\" \\ \u{e9}\u{85}\u{2028}\r\n\r\n",
        "GET /\"a\r\nHost: a\r\n\r\n",
        "GET /a\x1b[31m\rb HTTP/1.1\r\n\r\n",
        "\x01\x02\x7f\u{9b}31m\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        client.reply();
    }
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    let text = std::fs::read_to_string(&log).expect("the log is UTF-8");
    assert_eq!(text.lines().count(), 4, "{text:?}");
    for line in text.lines() {
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line:?}"
        );
        assert_eq!(
            line.matches('"').count() - line.matches("\\\"").count(),
            6,
            "{line}"
        );
    }
}

#[test]
fn a_sending_client_reads_the_complete_last_response() {
    const SENT_BYTES: usize = 6 << 20;
    let server = binary::start("");
    let post = "POST /a.txt HTTP/1.1\r\nHost: a\r\n";
    for (head, status) in [
        (format!("{post}Content-Length: {SENT_BYTES}\r\n\r\n"), 413),
        (
            format!("{post}Transfer-Encoding: chunked\r\n\r\n{SENT_BYTES:x}\r\n"),
            413,
        ),
        (
            format!("{post}Transfer-Encoding: chunked\r\n\r\nz\r\n"),
            400,
        ),
        (
            format!("{post}Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            400,
        ),
        (format!("{post}Transfer-Encoding: gzip\r\n\r\n"), 501),
        (
            format!("{post}Expect: tea\r\nContent-Length: {SENT_BYTES}\r\n\r\n"),
            417,
        ),
        ("GET / HTTP/3.0\r\n\r\n".into(), 505),
        ("GET /".into(), 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: ".into(), 431),
    ] {
        let mut client = server.connect();
        client.send(&head);
        let sent = client.try_send(&vec![b'x'; SENT_BYTES]);
        assert!(sent.is_ok(), "{head:?}: {sent:?}");
        let reply = client.reply();
        assert_eq!((reply.status, reply.is_last()), (status, true), "{head:?}");
        client.assert_closed();
    }
}
