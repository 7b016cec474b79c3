//! Method, blanks and version.

use crate::row::*;

pub fn rules() -> Vec<Rule> {
    vec![
        rule(
            "Exactly one space stands between the three parts, none before or behind.",
            "RFC 9112 3",
            vec![
                bad(line("GET  /a.txt HTTP/1.1")),
                bad(line("GET /a.txt  HTTP/1.1")),
                bad(line("GET /a.txt HTTP/1.1 ")),
                bad(line("GET /a.txt HTTP/1.1\t")),
                bad(line("GET\t/a.txt HTTP/1.1")),
                bad(line("GET /a.txt\tHTTP/1.1")),
                bad(line(" GET /a.txt HTTP/1.1")),
                bad(line("GET /a.txt HTTP/1.1 x")),
                bad(line("GET /a txt HTTP/1.1")),
                bad(line("GET /a.txt\x0bHTTP/1.1")),
                bad(line("GET\x0c/a.txt HTTP/1.1")),
                bad(line(b"GET\xa0/a.txt HTTP/1.1")),
                bad(line("GET  HTTP/1.1")),
                bad(line("GET HTTP/1.1")),
                bad(line("GET")),
                bad(line("/a.txt")),
                bad(line("/a.txt HTTP/1.1")),
            ],
        ),
        rule(
            "A method is a token, and its case counts.",
            "RFC 9110 9.1",
            vec![
                kept(501, line("get /a.txt HTTP/1.1")),
                kept(501, line("Get /a.txt HTTP/1.1")),
                kept(501, line("GETS /a.txt HTTP/1.1")),
                kept(501, line("!#$%&'*+-.^_`|~ /a.txt HTTP/1.1")),
                bad(line("G(T /a.txt HTTP/1.1")),
                bad(line("GE\0T /a.txt HTTP/1.1")),
                bad(line("GET: /a.txt HTTP/1.1")),
                bad(line("G/T /a.txt HTTP/1.1")),
                bad(line("\"GET\" /a.txt HTTP/1.1")),
                bad(line("G\x7fT /a.txt HTTP/1.1")),
                bad(line("G\u{c9}T /a.txt HTTP/1.1")),
                bad(line("{GET} /a.txt HTTP/1.1")),
                bad(line("[] /a.txt HTTP/1.1")),
                bad("{\"a\": 1}\r\n\r\n"),
            ],
        ),
        rule(
            "A method longer than 32 bytes is refused.",
            "RFC 9112 3",
            vec![
                kept(501, line(format!("{} /a.txt HTTP/1.1", "M".repeat(32)))),
                bad(line(format!("{} /a.txt HTTP/1.1", "M".repeat(33)))),
                bad(line(format!("{} /a.txt HTTP/1.1", "M".repeat(5_000)))),
            ],
        ),
        rule(
            "A version is HTTP/ and two digits around a dot, in upper case.",
            "RFC 9112 2.3",
            vec![
                bad(line("GET /a.txt http/1.1")),
                bad(line("GET /a.txt Http/1.1")),
                bad(line("GET /a.txt HTTP/1")),
                bad(line("GET /a.txt HTTP/1.")),
                bad(line("GET /a.txt HTTP/.1")),
                bad(line("GET /a.txt HTTP/1.10")),
                bad(line("GET /a.txt HTTP/11.1")),
                bad(line("GET /a.txt HTTP/01.1")),
                bad(line("GET /a.txt HTTP/1.01")),
                bad(line("GET /a.txt HTTP/1,1")),
                bad(line("GET /a.txt HTTP/1.x")),
                bad(line("GET /a.txt HTTP/x.1")),
                bad(line("GET /a.txt HTTP 1.1")),
                bad(line("GET /a.txt HTTP /1.1")),
                bad(line("GET /a.txt HTTP/ 1.1")),
                bad(line("GET /a.txt HTTP/+1.1")),
                bad(line("GET /a.txt HTTP/1.-1")),
                bad(line("GET /a.txt HTTP")),
                bad(line("GET /a.txt HTTP/")),
                bad(line("GET /a.txt HTTPS/1.1")),
                bad(line("GET /a.txt XTTP/1.1")),
                bad(line("GET /a.txt ICY/1.1")),
                bad(line("GET /a.txt RTSP/1.0")),
                bad(line("GET /a.txt 1.1")),
                bad(line("GET /a.txt HTTP/1.\u{661}")),
            ],
        ),
        rule(
            "A line without a version is one of HTTP/0.9, which is not spoken.",
            "RFC 9112 2.3",
            vec![
                bad("GET /a.txt\r\n"),
                bad("GET /a.txt\r\n\r\n"),
                bad(line("GET /a.txt")),
            ],
        ),
        rule(
            "1.0 and 1.1 are served, a later minor version is served as 1.1.",
            "RFC 9110 2.5",
            vec![
                fine(line("GET /a.txt HTTP/1.1")),
                fine(line("GET /a.txt HTTP/1.2")),
                fine(line("GET /a.txt HTTP/1.9")),
                bad("GET /a.txt HTTP/1.2\r\n\r\n"),
                closed(200, "GET /a.txt HTTP/1.0\r\n\r\n").says("connection", "close"),
                kept(
                    200,
                    head("GET /a.txt HTTP/1.0", "Connection: keep-alive\r\n"),
                )
                .says("connection", "keep-alive"),
                closed(
                    200,
                    head("GET /a.txt HTTP/1.0", "Connection: keep-alive, close\r\n"),
                ),
            ],
        ),
        rule(
            "Another major version is refused with 505.",
            "RFC 9110 15.6.6",
            vec![
                closed(505, line("GET /a.txt HTTP/0.9")),
                closed(505, line("GET /a.txt HTTP/2.0")),
                closed(505, line("GET /a.txt HTTP/2.1")),
                closed(505, line("GET /a.txt HTTP/3.0")),
                closed(505, line("GET /a.txt HTTP/9.9")),
                closed(505, line("GET /a.txt HTTP/0.0")),
            ],
        ),
        rule(
            "The preface of HTTP/2 is refused cleanly.",
            "RFC 9113 3.4",
            vec![
                closed(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                closed(
                    505,
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0",
                ),
                bad("PRI * HTTP/1.1\r\nHost: a\r\n\r\n"),
            ],
        ),
        rule(
            "A TLS handshake on the plain port is answered with a plain 400.",
            "RFC 9112 3",
            vec![
                bad(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
                bad(b"\x16\x03\x03\x00\x05"),
                bad(b"\x80\x2e\x01\x03\x01"),
                bad(b"\x16\x02\r\n\r\n"),
            ],
        ),
    ]
}
