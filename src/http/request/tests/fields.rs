//! Field lines: syntax and meaning. Rejected ones are in `tests/conformance/rules/`.

use super::*;
use crate::http::persistence::{self, ConnectionOptions};

fn fields_accepted(lines: &str, look: impl Fn(Request<'_>)) {
    accepted(with_fields(lines), look);
}

/// RFC 9112 section 5.
#[test]
fn field_lines_have_the_form_of_section_5() {
    for lines in [
        "X:a\r\n",
        "X:\r\n",
        "X: \t \r\n",
        "X: \t a b \t\r\n",
        "x!#$%&'*+-.^_`|~9: a\r\n",
        "X: \u{e9}\u{80}\r\n",
        "X: a:b\r\n",
        "X: a\tb\r\n",
        "X: \"a\r\nY: b\"\r\n",
        "X: a\r\nX: b\r\n",
    ] {
        fields_accepted(lines, |_| ());
    }
    accepted(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\r\n\r\n", |_| ());
}

/// RFC 9112 section 3.2, RFC 9110 section 7.2.
#[test]
fn valid_hosts_are_accepted() {
    let head = |version, lines: &str| format!("GET / HTTP/{version}\r\n{lines}\r\n");
    for good in ["a", "a:80", "", " ", "[::1]:8080", "127.0.0.1", " a \t"] {
        accepted(head("1.1", &format!("Host:{good}\r\n")), |_| ());
        accepted(head("1.0", &format!("HOST:{good}\r\n")), |_| ());
        accepted(head("1.2", &format!("host:{good}\r\n")), |_| ());
    }
    accepted(head("1.0", ""), |_| ());
    accepted("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", |_| ());
    accepted("GET http://a/ HTTP/1.0\r\n\r\n", |_| ());
}

/// RFC 9112 section 6.
#[test]
fn framing_follows_section_6() {
    for (lines, framing) in [
        ("", BodyFraming::None),
        ("Content-Length: 0\r\n", BodyFraming::None),
        ("content-length:007 \r\n", BodyFraming::Length(7)),
        ("Content-Length:\t7\r\n", BodyFraming::Length(7)),
        ("Transfer-Encoding: chunked\r\n", BodyFraming::Chunked),
        ("TRANSFER-ENCODING:Chunked  \r\n", BodyFraming::Chunked),
        (
            "X-Content-Length: 1\r\nContent-Lengt: 2\r\n",
            BodyFraming::None,
        ),
    ] {
        fields_accepted(lines, |request| {
            assert_eq!(request.framing, framing, "{lines}")
        });
    }
}

#[test]
fn singleton_fields_occur_once() {
    for name in [
        "Authorization",
        "Content-Location",
        "Content-Range",
        "Content-Type",
        "Date",
        "From",
        "If-Modified-Since",
        "If-Range",
        "If-Unmodified-Since",
        "Max-Forwards",
        "Proxy-Authorization",
        "Range",
        "Referer",
        "User-Agent",
    ] {
        fields_accepted(&format!("{name}: a\r\n"), |_| ());
        let lower = name.to_ascii_lowercase();
        refused(
            400,
            with_fields(&format!("{name}: a\r\nX: b\r\n{lower}: a\r\n")),
        );
    }
    for name in [
        "Accept",
        "Accept-Encoding",
        "Connection",
        "Cookie",
        "If-Match",
        "If-None-Match",
        "X-Range",
    ] {
        fields_accepted(&format!("{name}: a\r\nX: b\r\n{name}: a\r\n"), |_| ());
    }
}

#[test]
fn field_names_are_case_insensitive() {
    let lines = "ACCEPT: a\r\naccept-ENCODING: b\r\nIf-Match: c\r\nIf-None-Match: d\r\nIf-Modified-Since: e\r\n\
        If-Unmodified-Since: f\r\nIf-Range: g\r\nRange: h\r\nReferer: i\r\nUser-Agent: j\r\nForwarded: k\r\n\
        X-Forwarded-For: l\r\nAccept: m\r\nX-FORWARDED-FOR: n\r\nForwarde: o\r\nRanges: p\r\nIf-Ranges: q\r\n";
    let check = |request: Request<'_>| {
        let fields = request.fields;
        for (lines, expected) in [
            (fields.accept, &[&b"a"[..], b"m"][..]),
            (fields.accept_encoding, &[b"b"]),
            (fields.if_match, &[b"c"]),
            (fields.if_none_match, &[b"d"]),
            (fields.logged.forwarded, &[b"k"]),
            (fields.logged.x_forwarded_for, &[b"l", b"n"]),
        ] {
            assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
        }
        assert_eq!(fields.if_modified_since, Some(&b"e"[..]));
        assert_eq!(fields.if_unmodified_since, Some(&b"f"[..]));
        assert_eq!(fields.if_range, Some(&b"g"[..]));
        assert_eq!(fields.range, Some(&b"h"[..]));
        assert_eq!(fields.logged.referer, Some(&b"i"[..]));
        assert_eq!(fields.logged.user_agent, Some(&b"j"[..]));
    };
    fields_accepted(lines, check);
    accepted(format!("GET / HTTP/1.7\r\nHost: a\r\n{lines}\r\n"), check);
    fields_accepted("", |request| {
        assert_eq!(
            format!("{:?}", request.fields),
            format!("{:?}", Fields::default())
        );
    });
}

/// RFC 9110 section 7.6.1.
#[test]
fn connection_options_are_parsed() {
    for (lines, close, keep_alive) in [
        ("", false, false),
        ("Connection: close\r\n", true, false),
        ("Connection: Keep-Alive\r\n", false, true),
        ("CONNECTION: CLOSE\r\n", true, false),
        ("Connection: keep-alive, close\r\n", true, true),
        ("Connection: , x,close ,\t\r\n", true, false),
        (
            "Connection: keep-alive\r\nConnection: close\r\n",
            true,
            true,
        ),
        ("Connection: Upgrade, HTTP2-Settings\r\n", false, false),
        ("Connection:\r\n", false, false),
        ("Connection: closed\r\n", false, false),
        ("Proxy-Connection: close\r\n", false, false),
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            accepted(
                format!("GET / {version}\r\nHost: a\r\n{lines}\r\n"),
                |request| {
                    let options = ConnectionOptions { close, keep_alive };
                    let expected = persistence::decide(request.version, options);
                    assert_eq!(request.persistence, expected, "{version} {lines}");
                },
            );
        }
    }
}

/// RFC 9110 section 10.1.1.
#[test]
fn expectations_are_parsed() {
    for (lines, expectation) in [
        ("", Expectation::None),
        ("Expect:\r\n", Expectation::None),
        ("Expect: 100-continue\r\n", Expectation::Continue),
        ("EXPECT: 100-Continue\r\n", Expectation::Continue),
        (
            "Expect: 100-continue\r\nExpect: 100-continue\r\n",
            Expectation::Continue,
        ),
        ("Expect: 100-continue, x\r\n", Expectation::Unknown),
        (
            "Expect: x\r\nExpect: 100-continue\r\n",
            Expectation::Unknown,
        ),
        (
            "Expect: 100-continue\r\nExpect: x\r\n",
            Expectation::Unknown,
        ),
        ("Expect: 100-continues\r\n", Expectation::Unknown),
        ("Expect: 100-continue;a=b\r\n", Expectation::Unknown),
        ("Expect: 200-ok\r\n", Expectation::Unknown),
    ] {
        fields_accepted(lines, |request| {
            assert_eq!(request.expectation, expectation, "{lines}")
        });
        accepted(format!("GET / HTTP/1.0\r\n{lines}\r\n"), |request| {
            assert_eq!(request.expectation, Expectation::None, "{lines}");
        });
    }
    let unmet = "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n";
    refused(417, format!("{unmet}Content-Length: 1\r\n\r\n"));
    refused(417, format!("{unmet}Transfer-Encoding: chunked\r\n\r\n"));
    fields_accepted("Expect: x\r\nContent-Length: 0\r\n", |_| {});
}
