//! The request line and what may precede it. Rejected ones are in `tests/conformance/rules/`.

use super::*;

fn line_accepted(line: &str, version: Version, look: impl Fn(Request<'_>)) {
    accepted(format!("{line}\r\nHost: a\r\n\r\n"), |request| {
        assert_eq!(request.version, version, "{line}");
        look(request);
    });
}

#[test]
fn a_request_line_is_split() {
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
fn versions_are_parsed() {
    line_accepted("GET / HTTP/1.0", Version::Http10, |_| ());
    line_accepted("GET / HTTP/1.1", Version::Http11, |_| ());
    for minor in 2..=9 {
        let line = format!("GET /a?b HTTP/1.{minor}");
        line_accepted(&line, Version::Http11, |request| {
            assert_eq!(request.line, b"GET /a?b");
            assert_eq!(request.head_bytes, line.len() + 13);
        });
    }
}

/// RFC 9112 section 2.2: at least one empty line is ignored before a request.
#[test]
fn one_empty_line_before_a_request_is_ignored() {
    for version in ["1.1", "1.3"] {
        let head = format!("\r\nGET / HTTP/{version}\r\nHost: a\r\n\r\n");
        accepted(head, |request| {
            assert_eq!((request.head_bytes, request.line), (29, &b"GET /"[..]));
        });
    }
}

#[test]
fn other_protocols_are_recognized() {
    let check = |bytes: &[u8], error| {
        let verdict = check_cuts(bytes, &HeadLimits::DEFAULT);
        assert_eq!(verdict, Verdict::Refused(error), "{}", bytes.escape_ascii());
    };
    // RFC 9113 section 3.4.
    check(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        RequestError::Http2Preface,
    );
    // A TLS handshake, from its first bytes on.
    check(b"\x16\x03", RequestError::TlsOnPlainPort);
    check(b"\x16\x03\x01", RequestError::TlsOnPlainPort);
    let hello = b"\x16\x03\x03\x02\x00\x01\x00\x01\xfc\n";
    check(hello, RequestError::TlsOnPlainPort);
    check(b"\x16\x04", RequestError::Malformed(""));
    let begun = check_cuts(b"\x16", &HeadLimits::DEFAULT);
    assert_eq!(begun, Verdict::Incomplete);
}
