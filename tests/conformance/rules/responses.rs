//! Properties of all responses.

use crate::row::*;

pub fn rules() -> Vec<Rule> {
    vec![
        rule(
            "The response to HEAD has the same status and header section as the response to GET.",
            "RFC 9110 9.3.2",
            vec![
                fine(line("HEAD /a.txt HTTP/1.1")),
                kept(301, line("HEAD /folder HTTP/1.1")),
            ],
        )
        .also(&["tests/conformance/answers.rs: head_equals_get_without_content"]),
        rule(
            "A 204 or 304 response has no content and no Content-Length.",
            "RFC 9110 8.6",
            vec![
                kept(204, line("OPTIONS / HTTP/1.1")).lacks("content-length"),
                kept(304, get("If-None-Match: *\r\n")).lacks("content-length"),
            ],
        ),
        rule(
            "A final response has a Date in IMF-fixdate, and one Content-Length if it has content.",
            "RFC 9110 6.6.1",
            vec![fine(get("")), kept(404, target("/none")), bad(target("/%"))],
        )
        .also(&["tests/response_headers.rs"]),
        rule(
            "The last response on a connection has `Connection: close`.",
            "RFC 9112 9.6",
            vec![
                closed(200, get("Connection: close\r\n")).says("connection", "close"),
                closed(204, head("OPTIONS * HTTP/1.1", "Connection: close\r\n"))
                    .says("connection", "close"),
                closed(304, get("If-None-Match: *\r\nConnection: close\r\n"))
                    .says("connection", "close"),
                closed(404, head("GET /none HTTP/1.1", "Connection: close\r\n"))
                    .says("connection", "close"),
                bad("\0\r\n\r\n").says("connection", "close"),
                waits("GET /").says("connection", "close"),
            ],
        ),
        rule(
            "A client that is still sending can read the last response completely.",
            "RFC 9112 9.6",
            vec![closed(
                417,
                [
                    &post("Expect: tea\r\nContent-Length: 99999\r\n", ""),
                    &[b'x'; 50_000][..],
                ]
                .concat(),
            )],
        )
        .also(&["tests/conformance/answers.rs: a_sending_client_reads_the_complete_last_response"]),
        rule(
            "Upgrade is ignored.",
            "RFC 9110 7.8",
            vec![
                fine(get(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n",
                ))
                .lacks("upgrade"),
                fine(get(
                    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
                ))
                .lacks("upgrade"),
            ],
        ),
        rule(
            "Only the Location field repeats request data: the percent-encoded path and the query.",
            "RFC 9112 11.1",
            vec![
                kept(301, target("/folder?a=%0d%0aX:%20y"))
                    .says("location", "/folder/?a=%0d%0aX:%20y")
                    .lacks("x"),
                kept(301, target("//folder")).says("location", "/folder/"),
                kept(301, target("/%66older")).says("location", "/folder/"),
                kept(301, target("/folder/..//folder")).says("location", "/folder/"),
                kept(301, target("http://evil.example/folder")).says("location", "/folder/"),
                kept(404, target("/%0d%0aLocation:%20b")).lacks("location"),
                bad(target("/folder\r\nLocation: b")).lacks("location"),
            ],
        )
        .also(&["tests/conformance/answers.rs: request_data_is_not_echoed"]),
    ]
}
