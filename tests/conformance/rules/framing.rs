//! Content-Length and Transfer-Encoding: where a request ends.

use crate::row::*;

/// A body that is itself a complete request, as in request smuggling.
const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

pub fn rules() -> Vec<Rule> {
    let mut rules = content_length();
    rules.extend(transfer_encoding());
    rules.extend(both());
    rules
}

fn length(value: &str) -> Row {
    bad(post(format!("Content-Length:{value}\r\n"), "abcdefghijkl"))
}

fn content_length() -> Vec<Rule> {
    vec![
        rule(
            "The value of Content-Length consists only of decimal digits.",
            "RFC 9110 8.6",
            vec![
                kept(405, post("Content-Length: 3\r\n", "abc")),
                kept(405, post("Content-Length:3\r\n", "abc")),
                kept(405, post("Content-Length: \t3 \t\r\n", "abc")),
                kept(405, post("Content-Length: 0\r\n", "")),
                kept(405, post("Content-Length: 000\r\n", "")),
                kept(405, post("Content-Length: 0003\r\n", "abc")),
                length(""),
                length(" "),
                length(" +3"),
                length(" -3"),
                length(" -0"),
                length(" 3 3"),
                length(" 1 0"),
                length(" 3;"),
                length(" 3,"),
                length(" ,3"),
                length(" 3.0"),
                length(" 3e0"),
                length(" 0x3"),
                length(" 0b1"),
                length(" 3_0"),
                length(" 3a"),
                length(" a"),
                length(" \"3\""),
                length(" 3\u{b2}"),
                length(" \u{663}"),
                length(" 3\0"),
                length(" 3\x0b"),
                length(" \x0c3"),
                length(" 3 \x0b"),
                length(" chunked"),
                length(" NaN"),
            ],
        ),
        rule(
            "A Content-Length that does not fit in 64 bits is rejected.",
            "RFC 9112 6.3",
            vec![
                length(" 18446744073709551616"),
                length(" 18446744073709551619"),
                length(" 99999999999999999999999999999999"),
                length(&format!(" {}", "9".repeat(300))),
                waits(post("Content-Length: 18446744073709551615\r\n", "abc")),
                waits(post("Content-Length: 4294967299\r\n", "abc")),
            ],
        ),
        rule(
            "More than one Content-Length value is rejected, even if the values are equal.",
            "RFC 9112 6.3",
            vec![
                length(" 3\r\nContent-Length: 3"),
                length(" 3\r\nContent-Length: 4"),
                length(" 0\r\nContent-Length: 3"),
                length(" 3\r\ncontent-length: 0"),
                length(" 3\r\nX: y\r\nCONTENT-LENGTH: 3"),
                length("\r\nContent-Length: 3"),
                length(" 3, 3"),
                length(" 3,3"),
                length(" 3, 4"),
                length(" 0, 3"),
                bad(get("Content-Length: 0\r\nContent-Length: 0\r\n")),
            ],
        ),
        rule(
            "A request with neither Content-Length nor Transfer-Encoding has no body.",
            "RFC 9112 6.3",
            vec![
                fine(get("")),
                kept(405, post("", "")),
                kept(405, post("Content-Type: a/b\r\n", "")),
                kept(405, post("Content_Length: 3\r\n", "")),
                kept(405, post("Content-Lengths: 3\r\n", "")),
            ],
        ),
        rule(
            "The bytes of a body are never parsed as a request.",
            "RFC 9112 6",
            vec![
                kept(
                    405,
                    post(format!("Content-Length: {}\r\n", INNER.len()), INNER),
                ),
                kept(
                    405,
                    chunked(format!("{:x}\r\n{INNER}\r\n0\r\n\r\n", INNER.len())),
                ),
                kept(
                    200,
                    [
                        &get(format!("Content-Length: {}\r\n", INNER.len())),
                        INNER.as_bytes(),
                    ]
                    .concat(),
                ),
            ],
        ),
    ]
}

fn coding(value: &str) -> Vec<u8> {
    post(format!("Transfer-Encoding:{value}\r\n"), "0\r\n\r\n")
}

fn transfer_encoding() -> Vec<Rule> {
    vec![
        rule(
            "The only supported transfer coding is chunked; its name is case-insensitive.",
            "RFC 9112 6.1",
            vec![
                kept(405, coding(" chunked")),
                kept(405, coding("chunked")),
                kept(405, coding(" CHUNKED")),
                kept(405, coding("  Chunked  ")),
            ],
        ),
        rule(
            "An unknown transfer coding is answered with 501.",
            "RFC 9112 6.1",
            vec![
                closed(501, coding(" gzip")),
                closed(501, coding(" identity")),
                closed(501, coding(" xchunked")),
                closed(501, coding(" chunkedx")),
                closed(501, coding(" x-chunked")),
                closed(501, coding(" chunk")),
                closed(501, coding(" gzip, chunked")),
                closed(501, coding(" identity, chunked")),
                closed(501, coding(" gzip\r\nTransfer-Encoding: chunked")),
                closed(501, coding(" deflate, gzip")),
            ],
        ),
        rule(
            "The chunked coding is applied only once, and as the final coding.",
            "RFC 9112 6.1",
            vec![
                bad(coding(" chunked, chunked")),
                bad(coding(" chunked\r\nTransfer-Encoding: chunked")),
                bad(coding(" chunked\r\ntransfer-encoding: chunked")),
                bad(coding(" chunked, gzip")),
                bad(coding(" chunked, identity")),
                bad(coding(" chunked\r\nTransfer-Encoding: identity")),
                bad(coding(" chunked\r\nTransfer-Encoding: x")),
                bad(coding(" gzip, chunked, chunked")),
            ],
        ),
        rule(
            "An empty Transfer-Encoding, an empty list element or a parameter is rejected.",
            "RFC 9112 6.1",
            vec![
                bad(coding("")),
                bad(coding(" ")),
                bad(coding(" ,")),
                bad(coding(" chunked,")),
                bad(coding(" ,chunked")),
                bad(coding(" , chunked")),
                bad(coding(" gzip,,chunked")),
                bad(coding("\r\nTransfer-Encoding: chunked")),
                bad(coding(" chunked\r\nTransfer-Encoding:")),
                bad(coding(" chunked;")),
                bad(coding(" chunked;q=1")),
                bad(coding(" chunked; a=b")),
                bad(coding(" gzip;q=1")),
                bad(coding(" chunked=1")),
                bad(coding(" chunked chunked")),
                bad(coding(" chunked gzip")),
            ],
        ),
        rule(
            "Only spaces are allowed around a transfer coding; tabs and all else are rejected.",
            "RFC 9112 6.1",
            vec![
                bad(coding("\tchunked")),
                bad(coding(" chunked\t")),
                bad(coding(" \x0bchunked")),
                bad(coding(" chunked\x0c")),
                bad(coding(" \x00chunked")),
                bad(coding(" chunked\x00")),
                bad(coding(" chun\x00ked")),
                bad(coding(" chun ked")),
                bad(coding(" chun\tked")),
                bad(coding(" \"chunked\"")),
                closed(501, coding(" 'chunked")),
                bad(coding(" chunked\u{a0}")),
                bad(coding(" \u{feff}chunked")),
                bad(coding(" chun\u{212a}ed")),
                bad(coding(" [chunked]")),
                bad(coding(" chunked\x7f")),
                bad(coding(" :chunked")),
            ],
        ),
    ]
}

fn both() -> Vec<Rule> {
    let two =
        |first: &str, second: &str, body: &str| bad(post(format!("{first}\r\n{second}\r\n"), body));
    let (te, cl) = ("Transfer-Encoding: chunked", "Content-Length: 5");
    vec![
        rule(
            "A request with both Transfer-Encoding and Content-Length is rejected.",
            "RFC 9112 6.1",
            vec![
                two(te, cl, "0\r\n\r\n"),
                two(cl, te, "0\r\n\r\n"),
                two(cl, "Transfer-Encoding: identity", "abcde"),
                two(cl, "Transfer-Encoding: gzip", "abcde"),
                two(cl, "Transfer-Encoding:", "abcde"),
                two(cl, "Transfer-Encoding: xchunked", "abcde"),
                two(cl, "Transfer-Encoding:\tchunked", "0\r\n\r\n"),
                two(cl, "transfer-encoding: CHUNKED", "0\r\n\r\n"),
                two("Content-Length: 0", te, "0\r\n\r\n"),
                two("Content-Length: 6", te, "0\r\n\r\nG"),
                two("Content-Length: 4", te, "1\r\nZ\r\nQ\r\n\r\n"),
                two(te, "Content-Length: x", "0\r\n\r\n"),
                two(te, "Content-Length:", "0\r\n\r\n"),
                two(te, "Content-Length: 5\r\nContent-Length: 5", "0\r\n\r\n"),
                bad([
                    &get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")[..],
                    b"0\r\n\r\n",
                ]
                .concat()),
            ],
        ),
        rule(
            "Transfer-Encoding in an HTTP/1.0 request is rejected.",
            "RFC 9112 6.1",
            vec![
                bad([
                    &head("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n")[..],
                    b"0\r\n\r\n",
                ]
                .concat()),
                bad([
                    &head(
                        "POST / HTTP/1.0",
                        "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
                    )[..],
                    b"0\r\n\r\n",
                ]
                .concat()),
                bad(head(
                    "GET /a.txt HTTP/1.0",
                    "Transfer-Encoding: identity\r\n",
                )),
                bad([
                    &head(
                        "POST / HTTP/1.0",
                        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    )[..],
                    b"0\r\n\r\n",
                ]
                .concat()),
            ],
        ),
        rule(
            "A disguised framing field is rejected or does not affect the framing.",
            "RFC 9112 11.2",
            vec![
                two(cl, "Transfer-Encoding : chunked", "0\r\n\r\n"),
                two(cl, " Transfer-Encoding: chunked", "0\r\n\r\n"),
                two(cl, "Transfer-Encoding\x00: chunked", "0\r\n\r\n"),
                two(cl, "Transfer-Encoding\u{a0}: chunked", "0\r\n\r\n"),
                two(cl, "X: y\rTransfer-Encoding: chunked", "0\r\n\r\n"),
                two(cl, "X: y\nTransfer-Encoding: chunked", "0\r\n\r\n"),
                two(cl, "Transfer-Encoding\r\n: chunked", "0\r\n\r\n"),
                two(cl, "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
                two(cl, "Transfer Encoding: chunked", "0\r\n\r\n"),
                two("Content-Length\x00: 5", te, "0\r\n\r\n"),
                two("X: Content-Length\n: 5", te, "0\r\n\r\n"),
                kept(
                    405,
                    post(
                        "Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\n",
                        "0\r\n\r\n",
                    ),
                ),
                kept(
                    405,
                    post(
                        "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n",
                        "0\r\n\r\n",
                    ),
                ),
                kept(
                    405,
                    post("Content-Length: 5\r\nTE: chunked\r\n", "0\r\n\r\n"),
                ),
                kept(
                    405,
                    post(
                        "Content-Length: 5\r\nContent-Encoding: chunked\r\n",
                        "0\r\n\r\n",
                    ),
                ),
            ],
        ),
        rule(
            "Bytes after the end of a body belong to the next request.",
            "RFC 9112 6.3",
            vec![
                kept(405, post("Content-Length: 5\r\n", "ab\r\nc")),
                kept(405, post("Content-Length: 2\r\n", "ab\r\n")),
                kept(405, chunked("0\r\n\r\n\r\n")),
            ],
        ),
    ]
}
