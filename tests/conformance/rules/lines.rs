//! Line endings, field lines and whitespace around them.

use crate::row::*;

const LINE: &str = "GET /a.txt HTTP/1.1\r\n";

pub fn rules() -> Vec<Rule> {
    let mut rules = line_ends();
    rules.extend(field_lines());
    rules
}

fn line_ends() -> Vec<Rule> {
    vec![
        rule(
            "Every line of a head ends with CRLF; a bare LF anywhere in the head is rejected.",
            "RFC 9112 2.2",
            vec![
                bad("GET /a.txt HTTP/1.1\nHost: a\r\n\r\n"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\n\r\n"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\r\n\n"),
                bad("GET /a.txt HTTP/1.1\nHost: a\n\n"),
                bad("GET /a.txt HTTP/1.2\nHost: a\r\n\r\n"),
                bad("GET /a.txt HTTP/1.2\r\nHost: a\n\r\n"),
                bad("GET /a.txt HTTP/1.2\r\nHost: a\r\n\n"),
                bad("GET /a.txt HTTP/1.0\r\n\n"),
                bad("GET /a.txt HTTP/1.0\n\r\n"),
                bad("GET /a.txt HTTP/1.0\n\n"),
                bad(get("A: b\nC: d\r\n")),
                bad(get("A: b\n c\r\n")),
                bad(get("A:\nb\r\n")),
                bad(get("A:\n b\r\n")),
                bad("GET\n/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad("GET /a.txt\n HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad(get("X: y\n\nGET /a.txt HTTP/1.1\r\n")),
            ],
        ),
        rule(
            "A bare CR anywhere in a head is rejected.",
            "RFC 9112 2.2",
            vec![
                bad("GET /a.txt HTTP/1.1\rHost: a\r\n\r\n"),
                bad("GET /a.txt HTTP/1.1\rHost: a\r\r"),
                bad("GET /a.txt HTTP/1.1\r\rHost: a"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\r"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
                bad("GET /a.txt HTTP/1.2\r\nHost: a\rb\r\n\r\n"),
                bad("GET /a.txt HTTP/1.1\r\r\nHost: a\r\n\r\n"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\r\r\n\r\n"),
                bad("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\r\n"),
                bad(get("A: b\rc\r\n")),
                bad(get("A: b\rC: d\r\n")),
                bad(get("A\r: b\r\n")),
                bad(get("A:\rb\r\n")),
                bad("G\rET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad(get("\rA: b\r\n")),
                bad("GET /\ra.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad("GET /a.txt\r HTTP/1.1\r\nHost: a\r\n\r\n"),
            ],
        ),
        rule(
            "At most one empty line, and nothing else, may precede the request line.",
            "RFC 9112 2.2",
            vec![
                fine([b"\r\n", &get("")[..]].concat()),
                bad([b"\r\n\r\n", &get("")[..]].concat()),
                bad([b"\n", &get("")[..]].concat()),
                bad([b"\r", &get("")[..]].concat()),
                bad([b"\r\r\n", &get("")[..]].concat()),
                bad([b"\r\n\n", &get("")[..]].concat()),
                bad([b"\r\n\r", &get("")[..]].concat()),
                bad([b"\r\n ", &get("")[..]].concat()),
                bad([b"\n\r\n", &get("")[..]].concat()),
                bad([b" ", &get("")[..]].concat()),
                bad([b" \r\n", &get("")[..]].concat()),
                bad([b"\t", &get("")[..]].concat()),
                bad([b"\0", &get("")[..]].concat()),
                bad([b"\xef\xbb\xbf", &get("")[..]].concat()),
            ],
        ),
        rule(
            "If no more than an empty line arrives, the connection times out without a response.",
            "RFC 9112 2.2",
            vec![
                waits_silently("\r\n"),
                waits_silently("\r"),
                waits_silently(""),
            ],
        ),
        rule(
            "An incomplete head is answered with 408 at the time-out, not before.",
            "RFC 9112 2.1",
            vec![
                waits("GET"),
                waits("\r\nG"),
                waits("GET /a.txt HTTP/1.1"),
                waits("GET /a.txt HTTP/1.1\r\nHost: a"),
                waits("GET /a.txt HTTP/1.1\r\nHost: a\r\n"),
                waits("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r"),
            ],
        )
        .also(&["tests/timeouts.rs"]),
    ]
}

fn field_lines() -> Vec<Rule> {
    let first = |field: &str| format!("{LINE}{field}Host: a\r\n\r\n");
    vec![
        rule(
            "Whitespace between the request line and the first field line is rejected.",
            "RFC 9112 2.2",
            vec![
                bad(first(" ")),
                bad(first("\t")),
                bad(first(" A: b\r\n")),
                bad(first("\tA: b\r\n")),
                bad(first(" \r\n")),
                bad("GET /a.txt HTTP/1.0\r\n \r\n\r\n"),
                bad("GET /a.txt HTTP/1.2\r\n Host: a\r\n\r\n"),
            ],
        ),
        rule(
            "Line folding (obs-fold) in a field value is rejected.",
            "RFC 9112 5.2",
            vec![
                bad(get("A: b\r\n c\r\n")),
                bad(get("A: b\r\n\tc\r\n")),
                bad(get("A: b\r\n \r\n")),
                bad(get(" A: b\r\n")),
                bad(get("A:\r\n b\r\n")),
                bad(post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
                bad(post("Content-Length: 1\r\n 0\r\n", "a")),
            ],
        ),
        rule(
            "Whitespace between a field name and the colon is rejected.",
            "RFC 9112 5.1",
            vec![
                bad(get("A : b\r\n")),
                bad(get("A\t: b\r\n")),
                bad("GET /a.txt HTTP/1.1\r\nHost : a\r\n\r\n"),
                bad(post("Content-Length : 1\r\n", "a")),
                bad(post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
                bad(post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n")),
            ],
        ),
        rule(
            "A field name is a token, and a field line contains a colon.",
            "RFC 9110 5.1",
            vec![
                fine(get("!#$%&'*+-.^_`|~09azAZ: b\r\n")),
                bad(get(": b\r\n")),
                bad(get("A\r\n")),
                bad(get("A b: c\r\n")),
                bad(get("A(b): c\r\n")),
                bad(get("A/b: c\r\n")),
                bad(get("A@b: c\r\n")),
                bad(get("[A]: c\r\n")),
                bad(get("{A}: c\r\n")),
                bad(get("\"A\": c\r\n")),
                bad(get("A;: c\r\n")),
                bad(get("A=b\r\n")),
                bad(get("=: b\r\n")),
                bad(get("A\0: c\r\n")),
                bad(get("A\x0b: c\r\n")),
                bad(get("A\x7f: c\r\n")),
                bad(get(b"A\xe9: c\r\n")),
                bad(get("\u{e9}: c\r\n")),
                bad(post("Transfer-Encoding\x0b: chunked\r\n", "0\r\n\r\n")),
                bad(post("\x0bContent-Length: 1\r\n", "a")),
            ],
        ),
        rule(
            "A field value contains no control character except HTAB; obs-text is accepted.",
            "RFC 9110 5.5",
            vec![
                fine(get("A: b\tc\r\n")),
                fine(get(b"A: \xe9\xff\x80\r\n")),
                fine(get("A:b\r\n")),
                fine(get("A:\r\n")),
                fine(get("A: \t \r\n")),
                fine(get("A: b : c :: d\r\n")),
                bad(get("A: b\0c\r\n")),
                bad(get("A: \x01\r\n")),
                bad(get("A: b\x08\r\n")),
                bad(get("A: b\x0bc\r\n")),
                bad(get("A: b\x0cc\r\n")),
                bad(get("A: \x1b[31m\r\n")),
                bad(get("A: b\x7fc\r\n")),
                bad(get("A: \0\r\n")),
            ],
        ),
        rule(
            "Field names are case-insensitive.",
            "RFC 9110 5.1",
            vec![
                fine("GET /a.txt HTTP/1.1\r\nhOsT: a\r\n\r\n"),
                kept(405, post("CONTENT-LENGTH: 3\r\n", "abc")),
                kept(405, post("tRANSFER-eNCODING: CHUNKED\r\n", "0\r\n\r\n")),
                closed(200, get("CONNECTION: CLOSE\r\n")),
            ],
        ),
        rule(
            "A singleton field of RFC 9110 occurs at most once; other fields may be repeated.",
            "RFC 9110 5.3",
            vec![
                bad(get("Content-Type: a/b\r\nContent-Type: a/b\r\n")),
                bad(get("Content-Type: a/b\r\ncontent-type: c/d\r\n")),
                bad(get("Range: bytes=0-1\r\nRange: bytes=2-3\r\n")),
                bad(get("If-Range: \"a\"\r\nIf-Range: \"b\"\r\n")),
                bad(get("Authorization: a b\r\nAuthorization: a c\r\n")),
                bad(get("User-Agent: a\r\nUser-Agent: b\r\n")),
                bad(get("Referer: /a\r\nReferer: /b\r\n")),
                bad(get("Date: a\r\nDate: b\r\n")),
                bad(get("If-Modified-Since: a\r\nIf-Modified-Since: b\r\n")),
                bad(get(
                    "Content-Range: bytes 0-0/1\r\nContent-Range: bytes 0-0/1\r\n",
                )),
                bad(get("Max-Forwards: 1\r\nMax-Forwards: 2\r\n")),
                fine(get("Accept: a/b\r\nAccept: c/d\r\n")),
                fine(get("X: 1\r\nX: 2\r\n")),
                fine(get("Cookie: a=b\r\nCookie: c=d\r\n")),
            ],
        ),
        rule(
            "Connection is a comma-separated list of tokens, in one or more field lines.",
            "RFC 9110 7.6.1",
            vec![
                closed(200, get("Connection: close\r\n")).says("connection", "close"),
                closed(200, get("Connection: keep-alive, close\r\n")),
                closed(200, get("Connection: keep-alive\r\nConnection: close\r\n")),
                closed(200, get("Connection:,, close ,\r\n")),
                fine(get("Connection: keep-alive\r\n")).lacks("connection"),
                fine(get("Connection: closed\r\n")),
                fine(get("Connection: x-close\r\n")),
                fine(get("Connection:\r\n")),
                fine(get(
                    "Connection: TE, Upgrade\r\nTE: trailers\r\nUpgrade: h2c\r\n",
                )),
                bad(get("Connection: close keep-alive\r\n")),
                bad(get("Connection: \"close\"\r\n")),
                bad(get("Connection: close;a\r\n")),
                bad(get("Connection: a/b\r\n")),
            ],
        ),
    ]
}
