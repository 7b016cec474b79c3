//! The catalogue: what scripted clients send on one connection.

use crate::site::LARGE_BYTES;

/// What a client sends.
#[derive(Clone, Debug)]
pub struct Stream {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// Whether the responses are so long that not every split is tried.
    pub is_long: bool,
}

/// Sent after a request that ends the connection; it is never answered.
const AFTER: &str = "GET /a.txt HTTP/1.1\r\nHost: after\r\n\r\n";

/// The whole catalogue.
pub fn all() -> Vec<Stream> {
    let valid = valid().into_iter().map(|(name, text)| stream(name, &text));
    let malformed = MALFORMED
        .iter()
        .map(|&(name, text)| stream(name, &format!("{text}{AFTER}")));
    valid.chain(malformed).chain(over_limits()).collect()
}

fn stream(name: &'static str, text: &str) -> Stream {
    Stream {
        name,
        bytes: text.as_bytes().to_vec(),
        is_long: text.len() > 2_000
            || text.contains("GET /large.bin HTTP")
            || text.contains(" /many/ HTTP"),
    }
}

fn valid() -> Vec<(&'static str, String)> {
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let post =
        |fields: &str, body: &str| format!("POST /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}");
    let next = get("/a.txt", "");
    let last_of_large = format!("Range: bytes={}-\r\n", LARGE_BYTES - 900);
    let chunks = "5;name=\"va\\\"l\"\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n";
    vec![
        ("one request", next.clone()),
        ("an empty line before it", format!("\r\n{next}")),
        ("pipelined", format!("{next}{}{next}", get("/b.html", ""))),
        ("many pipelined", next.repeat(40)),
        ("more than one turn", next.repeat(700)),
        ("the last is incomplete", format!("{next}{}", &next[..20])),
        (
            "head",
            format!("HEAD /b.html HTTP/1.1\r\nHost: h\r\n\r\n{next}"),
        ),
        (
            "head not found",
            "HEAD /none HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2),
        ),
        (
            "not modified",
            get("/b.html", "If-None-Match: *\r\n") + &next,
        ),
        (
            "precondition failed",
            get("/b.html", "If-Match: \"x\"\r\n") + &next,
        ),
        ("empty file", get("/empty.txt", "") + &next),
        (
            "directory without a slash",
            get("/folder?q", "") + &get("/folder/", ""),
        ),
        (
            "a listing in pieces",
            get("/many/", "") + &next + &get("/many/?sort=size", ""),
        ),
        (
            "a listing in pieces and close",
            format!("{next}HEAD /many/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        ),
        (
            "a listing after a body",
            get("/many/", "Content-Length: 3\r\n") + "abc" + &next,
        ),
        ("not found", get("/none", "") + &next),
        ("refused path", get("/%zz", "") + &next),
        ("above the root", get("/../a.txt", "") + &next),
        ("one range", get("/b.html", "Range: bytes=5-20\r\n") + &next),
        (
            "two ranges",
            get("/b.html", "Range: bytes=5-9,100-199\r\n") + &next,
        ),
        (
            "unsatisfiable range",
            get("/a.txt", "Range: bytes=100-\r\n") + &next,
        ),
        (
            "a range of a cached file",
            get("/cached.bin", "Range: bytes=100-5099\r\n") + &next,
        ),
        (
            "ranges of a cached file",
            get("/cached.bin", "Range: bytes=0-4999,9000-9009\r\n") + &next,
        ),
        (
            "a range of a large file",
            get("/large.bin", "Range: bytes=70000-70999\r\n") + &next,
        ),
        (
            "the end of a large file",
            get("/large.bin", &last_of_large) + &next,
        ),
        (
            "two ranges of a large file",
            get("/large.bin", "Range: bytes=5-99,1000-1099\r\n") + &next,
        ),
        (
            "options",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_string() + &next,
        ),
        (
            "post with a length",
            post("Content-Length: 11\r\n", "hello\r\n\r\nyo") + &next,
        ),
        (
            "post without a body",
            post("Content-Length: 0\r\n", "") + &next,
        ),
        (
            "two posts",
            post("Content-Length: 3\r\n", "abc").repeat(2) + &next,
        ),
        ("unfinished post", post("Content-Length: 9\r\n", "abc")),
        (
            "chunks",
            post("Transfer-Encoding: chunked\r\n", chunks) + &next,
        ),
        (
            "no chunks",
            post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n") + &next,
        ),
        (
            "get with a body",
            get("/b.html", "Content-Length: 5\r\n") + "hello" + &next,
        ),
        (
            "head with a bad body",
            format!("HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{next}"),
        ),
        (
            "continue",
            post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello") + &next,
        ),
        (
            "continue and chunks",
            post(
                "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                chunks,
            ) + &next,
        ),
        (
            "another expectation",
            get("/a.txt", "Expect: tea\r\n") + &next,
        ),
        ("close", get("/b.html", "Connection: close\r\n")),
        (
            "close and more",
            get("/a.txt", "Connection: close\r\n") + &next,
        ),
        (
            "post and close",
            post("Connection: close\r\nContent-Length: 2\r\n", "ab") + &next,
        ),
        ("1.0", "GET /b.html HTTP/1.0\r\n\r\n".into()),
        (
            "1.0 kept alive",
            "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".repeat(3),
        ),
        (
            "1.0 kept alive, with a body",
            "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab".repeat(2),
        ),
        (
            "unknown method",
            "BREW / HTTP/1.1\r\nHost: h\r\n\r\n".to_string() + &next,
        ),
        (
            "trace",
            "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n".to_string() + &next,
        ),
        (
            "connect",
            format!("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n{next}"),
        ),
        ("a cached file", get("/cached.bin", "") + &next),
        ("cached files", get("/cached.bin", "").repeat(3)),
        ("a large file", get("/large.bin", "") + &next),
        (
            "a large file and close",
            get("/large.bin", "Connection: close\r\n"),
        ),
    ]
}

const MALFORMED: &[(&str, &str)] = &[
    ("bare line feeds", "GET / HTTP/1.1\nHost: h\n\n"),
    (
        "bare carriage return",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
    ),
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
    ("head without a host", "HEAD / HTTP/1.1\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"),
    (
        "space before the colon",
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    ),
    (
        "folded field",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
    ),
    (
        "space before the first field",
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
    ),
    (
        "control in a value",
        "GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n",
    ),
    ("no name", "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("no version", "GET /\r\nHost: h\r\n\r\n"),
    ("bad version", "GET / HTTP/1.x\r\nHost: h\r\n\r\n"),
    ("version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
    ("preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("tls", "\x16\x03\x01\x02\x00\x01\x00\x01\n\r\n"),
    (
        "two empty lines",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    ("fragment", "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("asterisk", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    (
        "length with a sign",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
    ),
    (
        "two lengths",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ),
    (
        "length and chunks",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks on 1.0",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "unknown coding",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    ),
    (
        "bad chunk size",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "chunk too long",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ),
    (
        "chunk with a bare line feed",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    ),
    (
        "bad trailer",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b: c\r\n\r\n",
    ),
    (
        "expected but too large",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n",
    ),
];

fn over_limits() -> Vec<Stream> {
    let many: String = (0..101).map(|n| format!("X-{n}: v\r\n")).collect();
    let long = "x".repeat(9_000);
    let body = "b".repeat((1 << 20) + 1);
    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    let texts = [
        (
            "line over its limit",
            format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        ("no line end", long.clone()),
        (
            "fields over their limit",
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                format!("A: {long}\r\n").repeat(4)
            ),
        ),
        (
            "one field over the limit",
            format!("GET / HTTP/1.1\r\nA: {}", long.repeat(4)),
        ),
        (
            "fields just within the limit",
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                format!("A: {}\r\n", &long[..8_000]).repeat(4)
            ),
        ),
        (
            "too many fields",
            format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
        ),
        (
            "body over its limit",
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        ),
        (
            "chunks over their limit",
            format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}!\r\n",
                body.len()
            ),
        ),
    ];
    let text_of = |(name, text): (&'static str, String)| stream(name, &(text + AFTER));
    texts.into_iter().map(text_of).collect()
}
