//! The request line and what stands before it.

use super::*;
use crate::http::method::METHOD_BYTES_MAX;

fn line_accepted(line: &str, version: Version, look: impl Fn(Request<'_>)) {
    accepted(format!("{line}\r\nHost: a\r\n\r\n"), |request| {
        assert_eq!(request.version, version, "{line}");
        look(request);
    });
}

fn line_refused(status: u16, lines: &[&str]) {
    for line in lines {
        refused(status, format!("{line}\r\nHost: a\r\n\r\n"));
    }
}

#[test]
fn a_request_line_is_taken_apart() {
    line_accepted("GET /a?b HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.line, b"GET /a?b");
        let query = Some("b");
        assert_eq!(request.target, Target::Path { path: "/a", query });
    });
    line_accepted("OPTIONS * HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.method, Method::Options);
        assert_eq!(request.target, Target::Asterisk);
    });
    line_accepted("CONNECT a:443 HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.method, Method::Connect);
        assert_eq!(request.target, Target::Authority);
    });
    line_accepted("GET http://b:80/c HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.line, b"GET http://b:80/c");
        let path = "/c";
        assert_eq!(request.target, Target::Path { path, query: None });
    });
    line_accepted("a!#$%&'*+-.^_`|~0 / HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.method, Method::Unknown);
    });
    line_accepted("get / HTTP/1.1", Version::Http11, |request| {
        assert_eq!(request.method, Method::Unknown);
    });
}

/// RFC 9110 section 2.5, RFC 9112 section 2.3.
#[test]
fn versions() {
    line_accepted("GET / HTTP/1.0", Version::Http10, |_| ());
    line_accepted("GET / HTTP/1.1", Version::Http11, |_| ());
    for minor in 2..=9 {
        let line = format!("GET /a?b HTTP/1.{minor}");
        line_accepted(&line, Version::Http11, |request| {
            assert_eq!(request.line, b"GET /a?b");
            assert_eq!(request.head_bytes, line.len() + 13);
        });
    }
    line_refused(
        505,
        &[
            "GET / HTTP/0.9",
            "GET / HTTP/0.0",
            "GET / HTTP/2.0",
            "GET / HTTP/3.0",
            "GET / HTTP/9.9",
            "POST /x HTTP/2.1",
            "PRI /x HTTP/2.0",
        ],
    );
    line_refused(
        400,
        &[
            "GET / HTTP/1",
            "GET / HTTP/1.",
            "GET / HTTP/11",
            "GET / HTTP/1.10",
            "GET / HTTP/01.1",
            "GET / HTTP/1.1.1",
            "GET / HTTP/1,1",
            "GET / http/1.1",
            "GET / Http/1.1",
            "GET / HTTP 1.1",
            "GET / HTTP/a.b",
            "GET / HTTP/2",
            "GET / HTTP/",
            "GET / HTTP",
            "GET / HTTPS/1.1",
            "GET / SIP/2.0",
            "GET / XHTTP/1.1",
            "GET / 1.1",
            "GET / HTTP/-1.1",
            "GET / HTTP/1.\u{661}",
            "GET / HTTP/1.1a",
            "GET / HTTP/2.0a",
            "GET / HTTP/ 1.1",
            "GET / HTTP/1. 1",
        ],
    );
    refused(400, "GET / HTTP/2.0\nHost: a\r\n\r\n");
    refused(400, "GET / HTTP/1.2\nHost: a\r\n\r\n");
}

#[test]
fn a_version_is_missing() {
    line_refused(400, &["GET /", "GET / ", "GET", "GET ", "/", " /", "x"]);
    refused(400, "GET /\r\n");
    refused(400, "GET /\n");
}

/// RFC 9112 section 3: single spaces, and nothing else, part the line.
#[test]
fn spaces() {
    line_refused(
        400,
        &[
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET /\tHTTP/1.1",
            "GET / HTTP/1.1\t",
            "\tGET / HTTP/1.1",
            "GET\x0b/ HTTP/1.1",
            "GET /\x0cHTTP/1.1",
            "GET / / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET / HTTP/1.1 HTTP/1.1",
            "GET / HTTP/1.1 x",
            "GET / x HTTP/1.1",
            "GET/ HTTP/1.1",
            "GET /HTTP/1.1",
            "GET HTTP/1.1",
            "GET  HTTP/1.1",
            "  HTTP/1.1",
            " HTTP/1.1",
            " ",
            "   ",
            "GET /  HTTP/1.2",
            "GET / HTTP/1.2 ",
            "GET  / HTTP/1.2",
        ],
    );
}

/// RFC 9112 section 2.2: CRLF ends a line; a bare CR or LF does not.
#[test]
fn line_ends() {
    for bad in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.0\r\n\n",
        "GET / HTTP/1.0\n\r\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.1\rHost: a\r\r",
        "GET / HTTP/1.1\r\rHost: a",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\n b\r\n\r\n",
        "G\rET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\n HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\n",
        "GET / HTTP/1.2\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\rb\r\n\r\n",
    ] {
        refused(400, bad);
    }
}

/// RFC 9112 section 2.2: at least one empty line is ignored before a request.
#[test]
fn empty_lines_before_a_request() {
    accepted("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", |request| {
        assert_eq!((request.head_bytes, request.line), (29, &b"GET /"[..]));
    });
    accepted("\r\nGET / HTTP/1.3\r\nHost: a\r\n\r\n", |request| {
        assert_eq!((request.head_bytes, request.line), (29, &b"GET /"[..]));
    });
    for start in [
        "\n", "\r\r\n", "\r\n\r\n", "\r\n\n", "\n\r\n", "\r\n\r", "\rG", " \r\n", "\r\n ", "\0",
    ] {
        refused(400, format!("{start}GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    incomplete("");
    incomplete("\r");
    incomplete("\r\n");
}

#[test]
fn methods_are_tokens_of_bounded_length() {
    let of = |bytes: usize| format!("{} / HTTP/1.1", "M".repeat(bytes));
    line_accepted(&of(METHOD_BYTES_MAX), Version::Http11, |_| ());
    line_refused(
        400,
        &[
            &of(METHOD_BYTES_MAX + 1),
            &of(100),
            &of(9000),
            "G@T / HTTP/1.1",
            "GE\0T / HTTP/1.1",
            "G(T) / HTTP/1.1",
            "GET: / HTTP/1.1",
            "\"GET\" / HTTP/1.1",
            "G\u{e9}T / HTTP/1.1",
            "G\x7fT / HTTP/1.1",
            "{} / HTTP/1.1",
            "GET,HEAD / HTTP/1.1",
            "G/T / HTTP/1.1",
        ],
    );
    line_refused(
        400,
        &[&format!("{} / HTTP/2.0", "M".repeat(METHOD_BYTES_MAX + 1))],
    );
    refused(400, "M".repeat(METHOD_BYTES_MAX + 1));
}

#[test]
fn targets_are_judged() {
    line_refused(
        400,
        &[
            "GET a HTTP/1.1",
            "GET * HTTP/1.1",
            "OPTIONS ** HTTP/1.1",
            "CONNECT / HTTP/1.1",
            "CONNECT a HTTP/1.1",
            "GET a:80 HTTP/1.1",
            "GET /#a HTTP/1.1",
            "GET /a\\b HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /\0 HTTP/1.1",
            "GET /\x01 HTTP/1.1",
            "GET /\x7f HTTP/1.1",
            "GET /a\"b HTTP/1.1",
            "GET http:// HTTP/1.1",
            "GET http://u@a/ HTTP/1.1",
            "GET https://a/ HTTP/1.1",
            "GET http://a:x/ HTTP/1.1",
            "GET /\x1f HTTP/1.2",
            "GET /\\ HTTP/1.2",
            "GET ? HTTP/1.1",
        ],
    );
    refused(400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n");
    refused(400, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n");
}

/// RFC 9113 section 3.4.
#[test]
fn the_preface_of_http2_is_known() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let verdict = check_cuts(preface.as_bytes(), &HeadLimits::DEFAULT);
    assert_eq!(verdict, Verdict::Refused(RequestError::Http2Preface));
}

#[test]
fn a_tls_handshake_is_known_from_its_first_bytes() {
    for hello in [
        &b"\x16\x03\x01"[..],
        b"\x16\x03",
        b"\x16\x03\x03\x02\x00\x01\x00\x01\xfc\n",
    ] {
        let verdict = check_cuts(hello, &HeadLimits::DEFAULT);
        assert_eq!(verdict, Verdict::Refused(RequestError::TlsOnPlainPort));
    }
    refused(400, b"\x16\x04\x01");
    refused(400, b"\x80\x2e\x01\x03\x01");
    incomplete(b"\x16");
}

#[test]
fn garbage_is_refused_before_its_end() {
    for garbage in [
        &b"\0"[..],
        b"\xff\xfe",
        b"GET /\x01",
        b"G T",
        b"<?xml",
        b"{",
        b" ",
        b":",
        b"GET  ",
    ] {
        if garbage == b"G T" {
            incomplete(garbage);
        } else {
            refused(400, garbage);
        }
    }
}
