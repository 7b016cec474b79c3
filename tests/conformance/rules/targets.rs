//! The four forms of a request target, and its path.

use crate::row::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = forms();
    rules.extend(paths());
    rules
}

fn forms() -> Vec<Rule> {
    vec![
        rule(
            "The origin-form begins with a slash.",
            "RFC 9112 3.2.1",
            vec![
                fine(target("/a.txt")),
                fine(target("/a.txt?")),
                fine(target("/a.txt?b=c&d?e/../f")),
                fine(target("/a.txt?http://b/")),
                bad(target("a.txt")),
                bad(target("?a")),
                bad(target("./a.txt")),
                bad(target("..")),
            ],
        ),
        rule(
            "The absolute-form is accepted from any client.",
            "RFC 9112 3.2.2",
            vec![
                fine(target("http://b/a.txt")),
                fine(target("HTTP://b:80/a.txt?c")),
                fine(target("http://[::1]:8080/a.txt")),
                kept(404, target("http://b")),
                kept(404, target("http://b?c")),
                bad("GET http://b/a.txt HTTP/1.1\r\n\r\n"),
                bad("GET http://b/a.txt HTTP/1.1\r\nHost: a b\r\n\r\n"),
                closed(200, "GET http://b/a.txt HTTP/1.0\r\n\r\n"),
            ],
        ),
        rule(
            "The absolute-form has a non-empty host, an optional port and no userinfo.",
            "RFC 9110 4.2.1",
            vec![
                bad(target("http://")),
                bad(target("http:///a.txt")),
                bad(target("http://:80/a.txt")),
                bad(target("http://u@b/a.txt")),
                bad(target("http://u:p@b/a.txt")),
                bad(target("http://b:x/a.txt")),
                bad(target("http://b:65536/a.txt")),
                bad(target("http://[::1/a.txt")),
                bad(target("http://b,c/a.txt")),
                bad(target("http:/b/a.txt")),
                bad(target("http:b")),
                bad(target("//b\\c")),
            ],
        ),
        rule(
            "A request target with a scheme other than http is rejected.",
            "RFC 9110 7.4",
            vec![
                bad(target("https://b/a.txt")),
                bad(target("ftp://b/a.txt")),
                bad(target("file:///a.txt")),
                bad(target("javascript:alert(1)")),
                bad(target("://b/")),
            ],
        ),
        rule(
            "The authority-form is only for CONNECT, and CONNECT allows no other form.",
            "RFC 9112 3.2.3",
            vec![
                closed(405, line("CONNECT b:443 HTTP/1.1")),
                closed(405, line("CONNECT [::1]:443 HTTP/1.1")),
                bad(target("b:443")),
                bad(line("CONNECT / HTTP/1.1")),
                bad(line("CONNECT b HTTP/1.1")),
                bad(line("CONNECT b: HTTP/1.1")),
                bad(line("CONNECT :443 HTTP/1.1")),
                bad(line("CONNECT u@b:443 HTTP/1.1")),
                bad(line("CONNECT b:65536 HTTP/1.1")),
                bad(line("CONNECT http://b/ HTTP/1.1")),
                bad(line("CONNECT * HTTP/1.1")),
            ],
        ),
        rule(
            "The asterisk-form is only for OPTIONS.",
            "RFC 9112 3.2.4",
            vec![
                kept(204, line("OPTIONS * HTTP/1.1")),
                kept(204, line("OPTIONS http://b HTTP/1.1")),
                bad(line("GET * HTTP/1.1")),
                bad(line("HEAD * HTTP/1.1")),
                bad(line("POST * HTTP/1.1")),
                bad(line("OPTIONS ** HTTP/1.1")),
                bad(line("OPTIONS *?a HTTP/1.1")),
            ],
        ),
        rule(
            "A target is visible ASCII without fragment, double quote, angle bracket or backslash.",
            "RFC 3986 2",
            vec![
                bad(target("/a.txt#b")),
                bad(target("/#")),
                bad(target("/a.txt?b#c")),
                bad(target("/a\\b")),
                bad(target("\\a.txt")),
                bad(target("/a.txt?\\")),
                bad(target("/\"a\"")),
                bad(target("/<a>")),
                bad(target("/\u{e9}")),
                bad(target(b"/\xff")),
                bad(target(b"/a.txt?\x80")),
                bad(target("/\0")),
                bad(target("/\x01")),
                bad(target("/\x1b[0m")),
                bad(target("/a\x7f")),
                bad(line("GET /\x1f HTTP/1.2")),
                bad(line("GET /\\ HTTP/1.2")),
                bad(target("http://b/\u{e9}")),
                fine(target("/a.txt?f[x]={1|2}^`")),
            ],
        ),
    ]
}

fn paths() -> Vec<Rule> {
    vec![
        rule(
            "A percent sign in the path is followed by two hexadecimal digits.",
            "RFC 3986 2.1",
            vec![
                fine(target("/%61.txt")),
                fine(target("/a%2etxt")),
                fine(target("/a.txt?%")),
                bad(target("/%")),
                bad(target("/%4")),
                bad(target("/%zz")),
                bad("POST /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad("OPTIONS /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
                bad(target("/%4g")),
                bad(target("/%u0041")),
                bad(target("/a.txt%")),
            ],
        ),
        rule(
            "A percent-encoded NUL or slash in the path is rejected; others are decoded once.",
            "RFC 3986 2.2",
            vec![
                bad(target("/a.txt%00")),
                bad(target("/%00")),
                bad(target("/folder%2findex.html")),
                bad(target("/folder%2F..%2Fa.txt")),
                kept(404, target("/folder%5cindex.html")),
                kept(404, target("/a%0d%0aX:%20b")),
                kept(404, target("/%c0%ae%c0%ae/a.txt")),
                kept(404, target("/%ff")),
                kept(404, target("/%2561.txt")),
            ],
        ),
        rule(
            "Dot segments are removed; a path that leads above the root is rejected.",
            "RFC 3986 5.2.4",
            vec![
                fine(target("/folder/../a.txt")),
                fine(target("/./a.txt")),
                fine(target("/folder/%2e%2e/a.txt")),
                bad(target("/../a.txt")),
                bad(target("/..")),
                bad(target("/%2e%2e/a.txt")),
                bad(target("/.%2e/a.txt")),
                bad(target("/folder/../../a.txt")),
                bad(target("http://b/../a.txt")),
                bad(target("/../../../../etc/passwd")),
                kept(404, target("/..a")),
                kept(404, target("/.../a.txt")),
            ],
        ),
    ]
}
