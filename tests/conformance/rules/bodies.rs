//! Bodies, discarded or rejected, and the Expect field.

use crate::row::*;

/// The default limit for a body.
const BODY_BYTES_MAX: usize = 1 << 20;

const CONTINUE: &str = "Expect: 100-continue\r\n";

pub fn rules() -> Vec<Rule> {
    let mut rules = bounds();
    rules.extend(expectations());
    rules
}

fn with_body(line: &str, fields: &str, body: &str) -> Vec<u8> {
    [&head(line, fields), body.as_bytes()].concat()
}

/// Three bytes in one chunk.
const ABC: &str = "3\r\nabc\r\n0\r\n\r\n";

fn counted(line: &str) -> Vec<u8> {
    with_body(line, "Content-Length: 3\r\n", "abc")
}

fn in_chunks(line: &str, body: &str) -> Vec<u8> {
    with_body(line, "Transfer-Encoding: chunked\r\n", body)
}

fn bounds() -> Vec<Rule> {
    let body = |bytes: usize| "b".repeat(bytes);
    let announced = |bytes: usize, body: &str| post(format!("Content-Length: {bytes}\r\n"), body);
    let chunks = |sizes: &[usize]| {
        let chunk = |bytes: &usize| format!("{bytes:x}\r\n{}\r\n", body(*bytes));
        chunked(sizes.iter().map(chunk).collect::<String>() + "0\r\n\r\n")
    };
    vec![
        rule(
            "A body is framed in the same way for every method and discarded before the response.",
            "RFC 9112 6",
            vec![
                fine(counted("GET /a.txt HTTP/1.1")),
                fine(counted("HEAD /a.txt HTTP/1.1")),
                kept(204, counted("OPTIONS * HTTP/1.1")),
                kept(405, counted("PUT /a.txt HTTP/1.1")),
                kept(405, counted("DELETE /a.txt HTTP/1.1")),
                kept(405, counted("TRACE /a.txt HTTP/1.1")),
                kept(501, counted("BREW /a.txt HTTP/1.1")),
                closed(405, counted("CONNECT a:1 HTTP/1.1")),
                closed(405, counted("POST /a.txt HTTP/1.0")),
                fine(in_chunks("GET /a.txt HTTP/1.1", ABC)),
                fine(in_chunks("HEAD /a.txt HTTP/1.1", ABC)),
                kept(204, in_chunks("OPTIONS * HTTP/1.1", ABC)),
                kept(405, in_chunks("DELETE /a.txt HTTP/1.1", ABC)),
                bad(in_chunks("GET /a.txt HTTP/1.1", "z\r\n")),
                bad(in_chunks("HEAD /a.txt HTTP/1.1", "z\r\n")),
                bad(in_chunks("BREW /a.txt HTTP/1.1", "z\r\n")),
                bad(in_chunks("OPTIONS * HTTP/1.1", "3\r\nabcd\r\n0\r\n\r\n")),
            ],
        ),
        rule(
            "An incomplete body of known length is answered with 408 at the time-out, not before.",
            "RFC 9112 8",
            vec![
                waits(post("Content-Length: 3\r\n", "")),
                waits(post("Content-Length: 3\r\n", "ab")),
                waits(get("Content-Length: 1\r\n")),
                waits(head("BREW /a.txt HTTP/1.1", "Content-Length: 1\r\n")),
            ],
        )
        .also(&["tests/timeouts.rs"]),
        rule(
            "Without Expect, a body is rejected with 413 only after more than 1 MiB has arrived.",
            "RFC 9110 15.5.14",
            vec![
                kept(405, announced(BODY_BYTES_MAX, &body(BODY_BYTES_MAX))),
                closed(
                    413,
                    announced(BODY_BYTES_MAX + 1, &body(BODY_BYTES_MAX + 1)),
                ),
                waits(announced(1 << 40, "abc")),
                waits(announced(BODY_BYTES_MAX + 1, &body(BODY_BYTES_MAX))),
                kept(405, chunks(&[1 << 16; 16])),
                closed(413, chunks(&[BODY_BYTES_MAX, 1])),
            ],
        ),
    ]
}

fn expectations() -> Vec<Rule> {
    let expecting = |fields: &str, body: &str| post(format!("{CONTINUE}{fields}"), body);
    vec![
        rule(
            "100 (Continue) is sent if the body will be read and none of it has arrived.",
            "RFC 9110 10.1.1",
            vec![
                kept(405, expecting("Content-Length: 3\r\n", "abc")).continues(),
                kept(405, expecting("Transfer-Encoding: chunked\r\n", ABC)).continues(),
                kept(
                    405,
                    post("EXPECT: 100-Continue\r\nContent-Length: 3\r\n", "abc"),
                )
                .continues(),
                fine(with_body(
                    "GET /a.txt HTTP/1.1",
                    "Expect: 100-continue\r\nContent-Length: 3\r\n",
                    "abc",
                ))
                .continues(),
                bad(expecting("Transfer-Encoding: chunked\r\n", "z\r\n")).continues(),
            ],
        ),
        rule(
            "Without a body, 100 (Continue) is not sent.",
            "RFC 9110 10.1.1",
            vec![
                kept(405, expecting("Content-Length: 0\r\n", "")),
                kept(405, expecting("", "")),
                fine(get(CONTINUE)),
                fine(line("HEAD /a.txt HTTP/1.1\r\nExpect: 100-continue")),
            ],
        ),
        rule(
            "With 100-continue, the final status is sent at once if the body will not be read.",
            "RFC 9110 10.1.1",
            vec![
                closed(
                    413,
                    expecting(&format!("Content-Length: {}\r\n", BODY_BYTES_MAX + 1), ""),
                ),
                closed(413, expecting("Content-Length: 99999999999\r\n", "abc")),
                bad(expecting("Content-Length: 3\r\nContent-Length: 3\r\n", "")),
                closed(501, expecting("Transfer-Encoding: gzip\r\n", "")),
                bad(post(
                    "Expect: 100-continue\r\nHost: b\r\nContent-Length: 3\r\n",
                    "",
                )),
            ],
        ),
        rule(
            "Any other expectation is rejected with 417 without waiting for the body.",
            "RFC 9110 15.5.18",
            vec![
                kept(417, get("Expect: 200-ok\r\n")),
                kept(417, get("Expect: 100-continue, tea\r\n")),
                kept(417, get("Expect: 100-continue=1\r\n")),
                kept(417, get("Expect: tea\r\nExpect: 100-continue\r\n")),
                closed(417, post("Expect: tea\r\nContent-Length: 3\r\n", "")),
                closed(417, post("Expect: tea\r\nContent-Length: 3\r\n", "abc")),
                closed(
                    417,
                    post("Expect: tea\r\nTransfer-Encoding: chunked\r\n", ""),
                ),
                fine(get("Expect:\r\n")),
            ],
        ),
        rule(
            "Expect in an HTTP/1.0 request is ignored: neither 100 nor 417 is sent.",
            "RFC 9110 10.1.1",
            vec![
                closed(
                    405,
                    with_body(
                        "POST /a.txt HTTP/1.0",
                        "Expect: 100-continue\r\nContent-Length: 3\r\n",
                        "abc",
                    ),
                ),
                closed(
                    405,
                    with_body(
                        "POST /a.txt HTTP/1.0",
                        "Expect: tea\r\nContent-Length: 3\r\n",
                        "abc",
                    ),
                ),
                closed(200, head("GET /a.txt HTTP/1.0", "Expect: tea\r\n")),
                waits(with_body(
                    "POST /a.txt HTTP/1.0",
                    "Expect: 100-continue\r\nContent-Length: 3\r\n",
                    "",
                )),
            ],
        ),
    ]
}
