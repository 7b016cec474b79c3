//! The chunked transfer coding.

use crate::row::*;

const END: &str = "0\r\n\r\n";

pub fn rules() -> Vec<Rule> {
    let mut rules = sizes();
    rules.extend(lines());
    rules.extend(extensions());
    rules.extend(trailers());
    rules
}

fn whole(body: impl AsRef<[u8]>) -> Row {
    kept(405, chunked(body))
}

fn refused(body: impl AsRef<[u8]>) -> Row {
    bad(chunked(body))
}

/// A chunk of three bytes with this text as its size; it must be rejected.
fn size(text: &str) -> Row {
    refused(format!("{text}\r\nabc\r\n{END}"))
}

/// A chunk with this text after its size.
fn extension(text: &str) -> Vec<u8> {
    chunked(format!("3{text}\r\nabc\r\n{END}"))
}

/// A chunked body with this trailer section.
fn trailer(text: impl AsRef<[u8]>) -> Vec<u8> {
    chunked([b"3\r\nabc\r\n0\r\n", text.as_ref(), b"\r\n"].concat())
}

fn sizes() -> Vec<Rule> {
    vec![
        rule(
            "A chunk size consists of hexadecimal digits in upper or lower case.",
            "RFC 9112 7.1",
            vec![
                whole(END),
                whole("3\r\nabc\r\n0\r\n\r\n"),
                whole("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
                whole("003\r\nabc\r\n0000\r\n\r\n"),
                whole("0000000000000003\r\nabc\r\n0\r\n\r\n"),
                size("0x3"),
                size("0X3"),
                size("x3"),
                size("3h"),
                size("+3"),
                size("-3"),
                size("3.0"),
                size("3,"),
                size("3_"),
                size("0_3"),
                size("_3"),
                size("g"),
                size("'3'"),
                size("\"3\""),
                size("\u{663}"),
                size("\u{ff13}"),
                size("3\0"),
                size("\x003"),
                size("3\x0b"),
                size("3\x0c"),
                size("3\u{a0}"),
            ],
        ),
        rule(
            "Whitespace before a chunk size, or after one without an extension, is rejected.",
            "RFC 9112 7.1",
            vec![
                size(" 3"),
                size("\t3"),
                size("3 "),
                size("3\t"),
                size("3 3"),
                size("0 3"),
                refused("3\r\nabc\r\n0 \r\n\r\n"),
                refused("3\r\nabc\r\n 0\r\n\r\n"),
            ],
        ),
        rule(
            "A chunk size has at least 1 and at most 16 digits, so that it cannot overflow.",
            "RFC 9112 7.1",
            vec![
                size(""),
                size(";a"),
                size(";a=b"),
                size("10000000000000003"),
                size("fffffffffffffffff"),
                size("00000000000000003"),
                size(&"0".repeat(400)),
                size(&"f".repeat(400)),
                waits(chunked("ffffffffffffffff\r\nabc")),
                waits(chunked("100000003\r\nabc")),
            ],
        ),
        rule(
            "Chunk data has exactly the length that the chunk size states.",
            "RFC 9112 7.1",
            vec![
                refused("3\r\nabcd\r\n0\r\n\r\n"),
                refused("3\r\nab\r\n0\r\n\r\n"),
                refused("3\r\nabc0\r\n\r\n"),
                refused("3\r\nabc\r\r\n0\r\n\r\n"),
                refused("2\r\nabc\r\n0\r\n\r\n"),
                refused("3\r\n\r\nabc\r\n0\r\n\r\n"),
                whole("5\r\n\r\n\r\n0\r\n0\r\n\r\n"),
                whole("2\r\n\r\n\r\n0\r\n\r\n"),
            ],
        ),
        rule(
            "An incomplete chunked body is answered with 408 at the time-out, not before.",
            "RFC 9112 8",
            vec![
                waits(chunked("")),
                waits(chunked("3")),
                waits(chunked("3\r\nab")),
                waits(chunked("3\r\nabc")),
                waits(chunked("3\r\nabc\r\n")),
                waits(chunked("3\r\nabc\r\n0\r\n")),
                waits(chunked("3\r\nabc\r\n0\r\n\r")),
                waits(chunked("0\r\nA: b\r\n")),
            ],
        )
        .also(&["tests/timeouts.rs"]),
    ]
}

fn lines() -> Vec<Rule> {
    vec![rule(
        "Every line of a chunked body, and all chunk data, ends with CRLF.",
        "RFC 9112 7.1",
        vec![
            refused("3\nabc\r\n0\r\n\r\n"),
            refused("3\r\nabc\n0\r\n\r\n"),
            refused("3\r\nabc\r\n0\n\r\n"),
            refused("3\r\nabc\r\n0\r\n\n"),
            refused("3\nabc\n0\n\n"),
            refused("3\rabc\r\n0\r\n\r\n"),
            refused("3\r\r\nabc\r\n0\r\n\r\n"),
            refused("3\r\nabc\r0\r\n\r\n"),
            refused("3\r\nabc\r\n\r\n0\r\n\r\n"),
            refused("3\r\nabc\r\n0\r\r\n\r\n"),
            refused("3\r\nabc\r\n0\r\n\r\r\n"),
            refused("\r\n3\r\nabc\r\n0\r\n\r\n"),
            refused("\n3\r\nabc\r\n0\r\n\r\n"),
            refused("3\r\nabc\n\r0\r\n\r\n"),
            refused("3;a\nabc\r\n0\r\n\r\n"),
            refused("3;a\rb\r\nabc\r\n0\r\n\r\n"),
            refused("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"),
            refused("0\r\nA: b\n\r\n"),
            refused("0\r\nA: b\rC: d\r\n\r\n"),
        ],
    )]
}

fn extensions() -> Vec<Rule> {
    let valid = |text: &str| kept(405, extension(text));
    let wrong = |text: &str| bad(extension(text));
    vec![
        rule(
            "A chunk extension is a name and an optional value: a token or a quoted string.",
            "RFC 9112 7.1.1",
            vec![
                valid(";a"),
                valid(";a=b"),
                valid(";a=b;c=d;e"),
                valid(";a=\"b c\""),
                valid(";a=\"b;c\\\"\\\\\""),
                valid(";a=\"\""),
                valid(" ; a = b ; c"),
                valid("\t;\ta\t=\t\"b\""),
                valid(";a=\"\u{e9}\""),
                kept(405, chunked("3\r\nabc\r\n0;a=b\r\n\r\n")),
                wrong(";"),
                wrong(";;"),
                wrong(";;a"),
                wrong("; "),
                wrong(";a;"),
                wrong(";a "),
                wrong(";a=b "),
                wrong(";=b"),
                wrong(";a="),
                wrong(";a=;b"),
                wrong(";a==b"),
                wrong(";a=b=c"),
                wrong(";a b"),
                wrong(";a=b c"),
                wrong(";a=\"b"),
                wrong(";a=\"b\"c"),
                wrong(";a=\"b\\"),
                wrong(";\"a\""),
                wrong(";a=\x01"),
                wrong(";a=\"\0\""),
                wrong(";a=\"\x7f\""),
                wrong(";\u{e9}"),
                wrong(",a"),
                wrong(" a"),
                wrong(";a,b"),
                wrong(";a=(b)"),
            ],
        ),
        rule(
            "Chunk extensions are limited to 256 bytes per chunk and 16 KiB per body.",
            "RFC 9112 7.1.1",
            vec![
                valid(&format!(";{}", "a".repeat(255))),
                wrong(&format!(";{}", "a".repeat(256))),
                wrong(&format!(";a=\"{}\"", "b".repeat(300))),
                wrong(&";a".repeat(129)),
                kept(405, chunked(format!("{}{END}", many(63)))),
                bad(chunked(format!("{}{END}", many(66)))),
            ],
        ),
    ]
}

/// This many chunks, each with 250 bytes of extensions.
fn many(chunks: usize) -> String {
    format!("1;{}\r\nx\r\n", "a".repeat(249)).repeat(chunks)
}

fn trailers() -> Vec<Rule> {
    vec![
        rule(
            "Trailer fields follow the syntax of field lines.",
            "RFC 9112 7.1.2",
            vec![
                kept(405, trailer("A: b\r\n")),
                kept(405, trailer("A: b\r\nC:d\r\n")),
                kept(405, trailer("A:\r\n")),
                kept(405, trailer(b"A: \xe9\r\n")),
                bad(trailer("A\r\n")),
                bad(trailer("A b: c\r\n")),
                bad(trailer("A : b\r\n")),
                bad(trailer(": b\r\n")),
                bad(trailer(" A: b\r\n")),
                bad(trailer("\tA: b\r\n")),
                bad(trailer("A: b\r\n c\r\n")),
                bad(trailer("A: \0\r\n")),
                bad(trailer("A: \x01\r\n")),
                bad(trailer("A: \x7f\r\n")),
                bad(trailer(b"\xe9: b\r\n")),
                bad(trailer("GET /smuggled HTTP/1.1\r\nHost: a\r\n")),
            ],
        ),
        rule(
            "Trailer fields that must be known before the content are rejected; others are ignored.",
            "RFC 9110 6.5.1",
            vec![
                bad(trailer("Content-Length: 5\r\n")),
                bad(trailer("content-length: 5\r\n")),
                bad(trailer("Transfer-Encoding: chunked\r\n")),
                bad(trailer("Host: b\r\n")),
                bad(trailer("Connection: close\r\n")),
                bad(trailer("Expect: 100-continue\r\n")),
                bad(trailer("Authorization: a b\r\n")),
                bad(trailer("Content-Type: a/b\r\n")),
                bad(trailer("Trailer: A\r\n")),
                kept(405, trailer("Content-Lengths: 5\r\n")),
                kept(405, trailer("X-Connection: close\r\n")).lacks("connection"),
            ],
        ),
        rule(
            "The trailer section is limited to 8 KiB and 32 fields.",
            "RFC 6585 5",
            vec![
                kept(405, trailer("A: b\r\n".repeat(32))),
                closed(431, trailer("A: b\r\n".repeat(33))),
                kept(405, trailer(format!("A: {}\r\n", "b".repeat(8_000)))),
                closed(431, trailer(format!("A: {}\r\n", "b".repeat(8_300)))),
                closed(431, trailer(format!("{}: b\r\n", "A".repeat(8_300)))),
            ],
        ),
    ]
}
