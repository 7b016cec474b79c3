//! Pages that stand for what is not there: the server's own, `404.html`, and
//! the one page of an application.

mod support;

use std::fs;

use support::{Server, check, equal};

const HTML: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

#[test]
fn an_error_page_is_exact_and_echoes_nothing() {
    let server = Server::build()
        .file("index.html", "home")
        .file("f/index.html", "f")
        .start();
    let rows: &[(&str, &str, &str, u16)] = &[
        ("GET", "/f?<script>", "", 400),
        ("GET", "/none?echo=%3Cscript%3E&echo-me", "", 404),
        ("GET", "/echo-me'onload=x", "", 404),
        ("GET", "/%3Cb%3Eecho-me", "Referer: echo-me\r\n", 404),
        ("GET", "/%zz-echo-me", "", 400),
        ("GET", "/f?echo-me", "", 301),
        ("POST", "/echo-me", "Content-Length: 0\r\n", 405),
        ("PUT", "/echo-me", "Content-Length: 0\r\n", 405),
        ("DELETE", "/index.html?echo-me", "", 405),
        ("ECHOME", "/echo-me", "", 501),
        ("GET", "/", "If-Match: \"echo-me\"\r\n", 412),
        ("GET", "/", "Range: bytes=90-\r\nX: echo-me\r\n", 416),
        ("GET", "/", "Expect: echo-me\r\n", 417),
        ("GET", "/", "Host: echo-me\r\n", 400),
        (
            "GET",
            "/",
            "Accept-Encoding: identity;q=0, echo-me\r\n",
            406,
        ),
    ];
    check(rows, |(method, target, fields, status)| {
        // The client holds the body to its Content-Length, and what follows
        // to being the next reply.
        let mut client = server.connect();
        let reply = client.request(method, target, fields);
        equal("the status", reply.status, *status)?;
        let media_type = reply.field("content-type");
        equal("the type", media_type, Some("text/html; charset=utf-8"))?;
        let text = reply.text();
        equal("the echo", text.contains("echo-me"), false)?;
        equal("a page", text.starts_with("<!doctype html>"), true)?;
        equal("small", text.len() < 4_096, true)?;
        equal(
            "its title",
            text.contains(&format!("<title>{status} ")),
            true,
        )?;
        equal("a word of help", text.contains("<p></p>"), false)?;
        equal("the end", text.trim_end().ends_with("</html>"), true)?;
        equal(
            "a policy",
            reply.field("content-security-policy").is_some(),
            true,
        )?;
        equal(
            "sniffing",
            reply.field("x-content-type-options"),
            Some("nosniff"),
        )?;
        for field in ["etag", "last-modified", "accept-ranges", "retry-after"] {
            equal(field, reply.field(field), None)?;
        }
        if !reply.is_last() {
            client.assert_open();
        }
        Ok(())
    });
}

#[test]
fn a_client_of_another_protocol_gets_an_explanation() {
    let server = Server::build().start();
    let rows: &[(&[u8], &str, &str)] = &[
        (b"\x16\x03\x01\x00", "400", "use http://, not https://"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505",
            "supports HTTP/1.1, not HTTP/2.",
        ),
    ];
    check(rows, |(bytes, status, part)| {
        let (reply, _) = server.connect().send(bytes).read_to_any_end();
        let text = String::from_utf8_lossy(&reply);
        equal("the status", text.get(9..12), Some(*status))?;
        equal("the page", text.contains(part), true)
    });
}

#[test]
fn a_malformed_head_has_no_content_either() {
    let server = Server::build().start();
    // Without Host; an empty line may precede a request.
    let rows = [
        ("", "HEAD", false),
        ("\r\n", "HEAD", false),
        ("", "HEADS", true),
    ];
    check(&rows, |(before, method, has_content)| {
        let mut client = server.connect();
        client.send(format!("{before}{method} / HTTP/1.1\r\n\r\n"));
        let (reply, _) = client.read_to_any_end();
        equal("the status", &reply[..13], b"HTTP/1.1 400 ")?;
        equal("content", !reply.ends_with(b"\r\n\r\n"), *has_content)
    });
}

#[test]
fn head_has_the_head_of_get_whatever_the_answer() {
    let server = Server::build()
        .file("index.html", "home")
        .file("f/x.txt", "x")
        .file("c.txt", "c")
        .file("c.txt.gz", "g")
        .file("large.bin", vec![b'x'; 2 << 20])
        .args("--listing")
        .start();
    let tag = server.connect().get("/").must("etag").to_owned();
    let condition = format!("If-None-Match: {tag}\r\n");
    let rows: &[(&str, &str)] = &[
        ("/", ""),
        ("/large.bin", ""),
        ("/none", ""),
        ("/f", ""),
        ("/f/", ""),
        ("/f/", "Accept: application/json\r\n"),
        ("/c.txt", "Accept-Encoding: gzip\r\n"),
        ("/c.txt", "Accept-Encoding: identity;q=0, br\r\n"),
        ("/", &condition),
        ("/", "If-Match: \"x\"\r\n"),
        ("/", "Connection: close\r\n"),
        ("/%", ""),
    ];
    check(rows, |(target, fields)| {
        let get = server.connect().get_with(target, fields);
        let mut client = server.connect();
        let head = client.request("HEAD", target, fields);
        equal("the status", head.status, get.status)?;
        equal("the fields", head.timeless().1, get.timeless().1)?;
        match head.is_last() {
            true => client.assert_closed(),
            false => client.assert_open(),
        }
        Ok(())
    });
}

#[test]
fn the_404_page_of_the_root_is_shown_everywhere() {
    let page = "<h1>lost</h1>";
    let server = Server::build()
        .file("404.html", page)
        .file("404.html.gz", "GZIP")
        .file("f/404.html", "of a folder, not of the root")
        .file(".hidden", "hidden")
        .start();
    check(
        &[
            "/none",
            "/none/deep/",
            "/f/",
            "/f/none",
            "/.hidden",
            "/404.html/",
        ],
        |target| {
            let mut client = server.connect();
            for fields in [
                "",
                "If-None-Match: *\r\n",
                "If-Match: \"x\"\r\n",
                "Range: bytes=0-0\r\n",
                "Accept-Encoding: gzip\r\n",
                "Accept-Encoding: identity;q=0\r\n",
                "Accept: image/png\r\n",
            ] {
                let reply = client.get_with(target, fields);
                equal("the status", reply.status, 404)?;
                equal("the body", reply.text(), page)?;
                let media_type = reply.field("content-type");
                equal("the type", media_type, Some("text/html; charset=utf-8"))?;
                // It must not pass for the file that is not there.
                for field in ["etag", "last-modified", "accept-ranges", "content-encoding"] {
                    equal(field, reply.field(field), None)?;
                }
                let length = page.len().to_string();
                let head = client.request("HEAD", target, fields);
                equal("HEAD", head.field("content-length"), Some(length.as_str()))?;
            }
            Ok(())
        },
    );
    // Asked for by name it is a file like any other.
    let reply = server.connect().get("/404.html");
    assert_eq!((reply.status, reply.text()), (200, page));
    assert!(reply.field("etag").is_some());
    // Other errors keep the server's own page.
    let reply = server.connect().request("DELETE", "/none", "");
    assert!(reply.status == 405 && !reply.text().contains("lost"));
}

#[test]
fn the_404_page_may_be_large_empty_or_gone() {
    let large = "x".repeat(3 << 20);
    let server = Server::build().file("404.html", &large).start();
    let mut client = server.connect();
    let reply = client.get("/none");
    assert!(reply.status == 404 && reply.text() == large);
    server.write("404.html", "");
    let reply = client.get("/none");
    assert_eq!((reply.status, reply.text()), (404, ""));
    fs::remove_file(server.root().join("404.html")).expect("removed");
    let reply = client.get("/none");
    assert!(reply.status == 404 && reply.text().contains("<title>404"));
    fs::create_dir(server.root().join("404.html")).expect("a folder");
    assert!(client.get("/none").text().contains("<title>404"));
}

fn application() -> Server {
    Server::build()
        .file("app.html", "<title>app</title>")
        .file("app.html.gz", "GZIP")
        .file("real.txt", "real")
        .file("f/index.html", "f")
        .file("empty/x.txt", "x")
        .file(".git/config", "secret")
        .args("--spa app.html")
        .start()
}

#[test]
fn a_page_of_an_application_is_its_one_page() {
    let server = application();
    check(
        &[
            "/",
            "/route",
            "/route/deep/",
            "/route?x=y",
            "/user/jane.doe",
            "/v1.2/x",
            "/empty/",
        ],
        |target| {
            let mut client = server.connect();
            for fields in [HTML, "Accept: text/html\r\n", "accept: TEXT/HTML;q=0.1\r\n"] {
                let reply = client.get_with(target, fields);
                equal("the status", reply.status, 200)?;
                equal("the body", reply.text(), "<title>app</title>")?;
                let media_type = reply.field("content-type");
                equal("the type", media_type, Some("text/html; charset=utf-8"))?;
                let tag = reply.must("etag");
                let again = client.get_with(target, &format!("{fields}If-None-Match: {tag}\r\n"));
                equal("304", again.status, 304)?;
                let head = client.request("HEAD", target, fields);
                equal("HEAD", head.timeless().1, reply.timeless().1)?;
            }
            let coded = client.get_with(target, &format!("{HTML}Accept-Encoding: gzip\r\n"));
            equal("the variant", coded.text(), "GZIP")
        },
    );
}

#[test]
fn what_is_no_page_of_an_application_stays_missing() {
    let server = application();
    check(
        &[
            ("/route", ""),
            ("/route", "Accept: */*\r\n"),
            ("/route", "Accept: application/json\r\n"),
            ("/route", "Accept: text/html;q=0, */*\r\n"),
            (
                "/missing.png",
                "Accept: image/avif,image/webp,image/png,*/*;q=0.8\r\n",
            ),
            ("/missing.js", "Accept: */*\r\n"),
            ("/missing.css", "Accept: text/css,*/*;q=0.1\r\n"),
            ("/missing.png", HTML),
            ("/missing.js", HTML),
            ("/missing.css", HTML),
            ("/missing.woff2", HTML),
            ("/missing.json", HTML),
            ("/missing.mp3", HTML),
            ("/missing.mp4", HTML),
            ("/missing.wasm", HTML),
            ("/.git/config", HTML),
            ("/.env", HTML),
        ],
        |(target, fields)| {
            let mut client = server.connect();
            let reply = client.get_with(target, fields);
            equal("the status", reply.status, 404)?;
            // A cache must not take it for the page, nor the page for it.
            equal("Vary", reply.field("vary"), Some("Accept"))?;
            equal("HEAD", client.request("HEAD", target, fields).status, 404)
        },
    );
    for (target, body) in [
        ("/real.txt", "real"),
        ("/f/", "f"),
        ("/app.html", "<title>app</title>"),
    ] {
        let reply = server.connect().get_with(target, HTML);
        assert_eq!((reply.status, reply.text()), (200, body));
    }
    assert_eq!(server.connect().get_with("/f", HTML).status, 301);
    assert_eq!(server.connect().get_with("/%", HTML).status, 400);
    assert_eq!(server.connect().request("POST", "/route", HTML).status, 405);
}

#[test]
fn the_page_of_an_application_tells_what_chose_it() {
    let server = Server::build()
        .file("app.html", "app")
        .args("--spa app.html")
        .start();
    let reply = server.connect().get_with("/route", HTML);
    assert_eq!(reply.field("vary"), Some("Accept, Accept-Encoding"));
    let tag = reply.must("etag");
    let fields = format!("{HTML}If-None-Match: {tag}\r\n");
    let reply = server.connect().get_with("/route", &fields);
    assert_eq!(
        (reply.status, reply.field("vary")),
        (304, Some("Accept, Accept-Encoding"))
    );
    // It exists, but not in a coding that this client accepts.
    let fields = format!("{HTML}Accept-Encoding: identity;q=0\r\n");
    let reply = server.connect().get_with("/route", &fields);
    assert_eq!(
        (reply.status, reply.field("vary")),
        (406, Some("Accept, Accept-Encoding"))
    );
}

#[test]
fn an_application_with_a_404_page_shows_each_in_its_place() {
    let server = Server::build()
        .file("app.html", "app")
        .file("404.html", "lost")
        .args("--spa app.html")
        .start();
    let mut client = server.connect();
    assert_eq!(client.get_with("/route", HTML).text(), "app");
    let reply = client.get_with("/missing.png", "Accept: image/*\r\n");
    assert_eq!((reply.status, reply.text()), (404, "lost"));
}
