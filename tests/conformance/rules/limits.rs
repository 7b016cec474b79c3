//! The limits for the request line and the header section, at their default values.

use crate::row::*;

const LINE_BYTES_MAX: usize = 8 << 10;
const FIELDS_BYTES_MAX: usize = 32 << 10;
const FIELDS_MAX: usize = 100;

/// A request whose request line has this many bytes, without CRLF.
fn line_of(bytes: usize) -> Vec<u8> {
    let rest = "GET /a.txt? HTTP/1.1".len();
    line(format!("GET /a.txt?{} HTTP/1.1", "q".repeat(bytes - rest)))
}

/// A request whose field lines and final empty line have this many bytes.
fn block_of(bytes: usize) -> Vec<u8> {
    let rest = "Host: a\r\nA: \r\n\r\n".len();
    get(format!("A: {}\r\n", "b".repeat(bytes - rest)))
}

/// A request with this many fields, including `Host`.
fn fields_of(count: usize) -> Vec<u8> {
    get((1..count)
        .map(|n| format!("F{n}: a\r\n"))
        .collect::<String>())
}

pub fn rules() -> Vec<Rule> {
    vec![
        rule(
            "A request line longer than 8 KiB is rejected with 414.",
            "RFC 9112 3",
            vec![
                fine(line_of(LINE_BYTES_MAX - 1)),
                fine(line_of(LINE_BYTES_MAX)),
                closed(414, line_of(LINE_BYTES_MAX + 1)),
                closed(414, line_of(2 * LINE_BYTES_MAX)),
                closed(414, line_of(100_000)),
                closed(414, format!("GET /{}", "a".repeat(LINE_BYTES_MAX))),
            ],
        ),
        rule(
            "A header section larger than 32 KiB is rejected with 431, in one field line or many.",
            "RFC 6585 5",
            vec![
                fine(block_of(FIELDS_BYTES_MAX - 2)),
                closed(431, block_of(FIELDS_BYTES_MAX + 64)),
                closed(431, block_of(100_000)),
                closed(431, get(format!("A: {}\r\n", "b".repeat(8_000)).repeat(5))),
                closed(431, get(format!("{}: b\r\n", "A".repeat(FIELDS_BYTES_MAX)))),
                closed(
                    431,
                    format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(FIELDS_BYTES_MAX)),
                ),
                fine(get(format!("Cookie: {}\r\n", "b".repeat(16_000)))),
            ],
        ),
        rule(
            "A header section with more than 100 fields is rejected with 431.",
            "RFC 6585 5",
            vec![
                fine(fields_of(FIELDS_MAX)),
                closed(431, fields_of(FIELDS_MAX + 1)),
                closed(431, fields_of(1_000)),
            ],
        ),
        rule(
            "A limit is enforced before the request line or the header section is complete.",
            "RFC 9112 3",
            vec![
                closed(414, format!("GET /{}", "a".repeat(20_000))),
                closed(
                    431,
                    format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "A: b\r\n".repeat(100)),
                ),
            ],
        ),
    ]
}
