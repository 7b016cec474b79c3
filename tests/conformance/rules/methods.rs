//! The response to each method.

use crate::row::*;

const ALLOW: &str = "GET, HEAD, OPTIONS";

fn of(method: &str) -> Vec<u8> {
    line(format!("{method} /a.txt HTTP/1.1"))
}

pub fn rules() -> Vec<Rule> {
    vec![
        rule(
            "GET and HEAD are supported.",
            "RFC 9110 9.1",
            vec![
                fine(of("GET")).says("content-length", "6"),
                fine(of("HEAD")).says("content-length", "6"),
                kept(404, line("GET /none HTTP/1.1")),
                kept(404, line("HEAD /none HTTP/1.1")),
            ],
        ),
        rule(
            "OPTIONS is answered with 204 and Allow, for a path and for the server as a whole.",
            "RFC 9110 9.3.7",
            vec![
                kept(204, of("OPTIONS"))
                    .says("allow", ALLOW)
                    .lacks("content-length"),
                kept(204, line("OPTIONS * HTTP/1.1"))
                    .says("allow", ALLOW)
                    .lacks("content-length"),
                kept(204, line("OPTIONS /none HTTP/1.1")).says("allow", ALLOW),
                closed(204, head("OPTIONS * HTTP/1.0", "")),
                kept(204, head("OPTIONS * HTTP/1.1", "Max-Forwards: 0\r\n")),
                bad(line("OPTIONS /%zz HTTP/1.1")),
            ],
        ),
        rule(
            "A known method that does not apply to files is answered with 405 and Allow.",
            "RFC 9110 15.5.6",
            vec![
                kept(405, of("POST")).says("allow", ALLOW),
                kept(405, of("PUT")).says("allow", ALLOW),
                kept(405, of("PATCH")).says("allow", ALLOW),
                kept(405, of("DELETE")).says("allow", ALLOW),
                kept(405, line("POST /none HTTP/1.1")).says("allow", ALLOW),
                bad(line("POST /../a.txt HTTP/1.1")),
            ],
        ),
        rule(
            "TRACE is answered with 405, and nothing of the request is echoed.",
            "RFC 9110 9.3.8",
            vec![
                kept(405, of("TRACE")).says("allow", ALLOW),
                kept(405, head("TRACE / HTTP/1.1", "Cookie: a=b\r\n")),
            ],
        ),
        rule(
            "CONNECT is rejected and the connection closed: what follows may be tunnel data.",
            "RFC 9110 9.3.6",
            vec![
                closed(405, line("CONNECT a:443 HTTP/1.1")).says("connection", "close"),
                closed(405, line("CONNECT a:443 HTTP/1.0")),
            ],
        ),
        rule(
            "An unknown method is answered with 501, and the connection stays open.",
            "RFC 9110 15.6.2",
            vec![
                kept(501, of("BREW")),
                kept(501, of("PROPFIND")),
                kept(501, of("QUERY")),
                kept(501, of("G")),
                kept(501, of("OPTION")),
                kept(501, of("UPDATEREDIRECTREF")),
            ],
        ),
    ]
}
