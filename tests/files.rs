//! A file server at a glance: a few rows each of paths, folders, media types,
//! confinement and error pages, which have files of their own beside this one
//! (`paths.rs`, `media_types.rs`, `confinement.rs`, `pages.rs`).

mod support;

use std::{fs, os::unix::fs::symlink};

use support::{Server, check, equal};

fn site() -> support::server::Builder {
    Server::build()
        .file("index.html", "home")
        .file("folder/index.html", "folder")
        .file("empty/.keep", "")
        .file("a b.txt", "blank")
        .file("a+b.txt", "plus")
        .file("100%.txt", "percent")
        .file("grün.txt", "green")
        .file("zero.txt", "")
        .file(".hidden", "secret")
        .file(".git/config", "secret")
        .file("folder/.env", "secret")
        .file(".well-known/security.txt", "contact")
}

#[test]
fn a_path_names_its_file() {
    let server = site().start();
    check(
        &[
            ("/", "home"),
            ("/index.html", "home"),
            ("/?a=b", "home"),
            ("/folder/", "folder"),
            ("/folder/?x", "folder"),
            ("/./folder/../index.html", "home"),
            ("/folder/%2e%2e/index.html", "home"),
            ("/a%20b.txt", "blank"),
            ("/a+b.txt", "plus"),
            ("/a%2bb.txt", "plus"),
            ("/100%25.txt", "percent"),
            ("/gr%C3%BCn.txt", "green"),
            ("/%69ndex.html", "home"),
            ("/zero.txt", ""),
            ("/.well-known/security.txt", "contact"),
            ("http://localhost/index.html", "home"),
        ],
        |(target, body)| {
            let reply = server.connect().get(target);
            equal("the status", reply.status, 200)?;
            equal("the body", reply.text(), body)
        },
    );
}

#[test]
fn what_may_not_be_served_is_not_there() {
    let server = site().start();
    check(
        &[
            "/none",
            "/index.html/",
            "/index.html/x",
            "/empty/",
            "/.hidden",
            "/%2ehidden",
            "/.git/config",
            "/.git/",
            "/folder/.env",
            "/Index.html",
        ],
        |target| {
            let reply = server.connect().get(target);
            equal("the status", reply.status, 404)?;
            equal("a secret", reply.text().contains("secret"), false)
        },
    );
}

#[test]
fn no_path_leads_out_of_the_root() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::create_dir(outside.path().join("www")).expect("a folder");
    fs::write(outside.path().join("secret"), "SECRET").expect("a file");
    fs::write(outside.path().join("www/index.html"), "home").expect("a file");
    let server = Server::build().serve(outside.path().join("www")).start();
    check(
        &[
            "/../secret",
            "/%2e%2e/secret",
            "/.%2e/secret",
            "/..%2fsecret",
            "/%2e%2e%2fsecret",
            "/x/../../secret",
            "/..%5csecret",
            "/..%00/secret",
            "/%252e%252e/secret",
            "//../secret",
            "/./../secret",
        ],
        |target| {
            let reply = server.connect().get(target);
            equal("refused", [400, 404].contains(&reply.status), true)?;
            equal("a secret", reply.text().contains("SECRET"), false)
        },
    );
}

#[test]
fn malformed_paths_are_refused() {
    let server = site().start();
    check(
        &[
            "/%",
            "/%2",
            "/%zz",
            "/a%00b",
            "/folder%2findex.html",
            "/a\\b",
            "/#x",
        ],
        |target| equal("the status", server.connect().get(target).status, 400),
    );
}

#[test]
fn a_folder_redirects_to_its_slash_and_stays_on_this_host() {
    let server = site()
        .file("evil.example/index.html", "evil")
        .file("x/y z/index.html", "")
        .start();
    check(
        &[
            ("/folder", "/folder/"),
            ("/folder?a=b&c", "/folder/?a=b&c"),
            ("/folder?", "/folder/?"),
            ("/folder?u=//evil.example", "/folder/?u=//evil.example"),
            ("/x/y%20z", "/x/y%20z/"),
            ("/x/../folder", "/folder/"),
            ("http://evil.example/folder", "/folder/"),
        ],
        |(target, location)| {
            let mut client = server.connect();
            let reply = client.get(target);
            equal("the status", reply.status, 301)?;
            equal("Location", reply.field("location"), Some(*location))?;
            client.assert_open();
            Ok(())
        },
    );
    check(
        &[
            "//evil.example",
            "//evil.example/..",
            "///evil.example",
            "//evil.example/%2e%2e",
            "/%2fevil.example",
            "/%5cevil.example",
            "/\\evil.example",
            "/.//evil.example",
            "/folder/..//evil.example",
            "/%0d%0aSet-Cookie:x/..",
        ],
        |target| {
            let reply = server.connect().get(target);
            let location = reply.field("location").unwrap_or("/");
            let stays = location.starts_with('/')
                && !location.starts_with("//")
                && !location.starts_with("/\\");
            equal(&format!("whether {location:?} stays here"), stays, true)
        },
    );
}

#[test]
fn media_types_are_told() {
    let names = [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.ico", "image/x-icon|image/vnd.microsoft.icon"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.pdf", "application/pdf"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.mp4", "video/mp4"),
        ("a.unknown", "application/octet-stream"),
        ("none", "application/octet-stream"),
        ("a.b.tar.gz", "application/gzip"),
    ];
    let server = names
        .iter()
        .fold(Server::build(), |b, (name, _)| b.file(name, "x"))
        .start();
    check(&names, |(name, wanted)| {
        let reply = server.connect().get(&format!("/{name}"));
        let got = reply.must("content-type");
        // A charset on JSON or SVG says nothing wrong.
        let bare = got.strip_suffix("; charset=utf-8").unwrap_or(got);
        match wanted.split('|').any(|w| w == got || w == bare) {
            true => Ok(()),
            false => Err(format!("Content-Type is {got:?}, not {wanted:?}")),
        }
    });
}

#[test]
fn links_within_the_root_are_followed_and_others_refused() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret"), "SECRET").expect("a file");
    let builder = site();
    let root = builder.root().to_owned();
    let secret = outside.path().join("secret");
    symlink("index.html", root.join("inside")).expect("a link");
    symlink("../index.html", root.join("folder/up")).expect("a link");
    symlink("folder", root.join("folder-link")).expect("a link");
    symlink(&secret, root.join("absolute")).expect("a link");
    symlink(outside.path(), root.join("folder-out")).expect("a link");
    symlink("absolute", root.join("chain")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    symlink("nowhere", root.join("dangling")).expect("a link");
    symlink(".hidden", root.join("shown")).expect("a link");
    let server = builder.start();
    check(
        &[
            ("/inside", 200),
            ("/folder/up", 200),
            ("/folder-link/", 200),
            ("/absolute", 404),
            ("/folder-out/secret", 404),
            ("/chain", 404),
            ("/loop", 404),
            ("/dangling", 404),
        ],
        |(target, status)| {
            let reply = server.connect().get(target);
            equal("the status", reply.status, *status)?;
            equal("a secret", reply.text().contains("SECRET"), false)
        },
    );
}

#[test]
fn what_is_no_file_is_refused_without_a_hang() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let builder = site();
    let root = builder.root().to_owned();
    mknodat(
        CWD,
        root.join("fifo"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a FIFO");
    let socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
    let server = builder.args("--threads 1").start();
    for target in ["/fifo", "/socket"] {
        let status = server.connect().get(target).status;
        assert!([403, 404].contains(&status), "{target}: {status}");
    }
    assert_eq!(server.connect().get("/").status, 200);
    drop(socket);
}

#[test]
fn an_error_page_is_small_html_that_echoes_nothing() {
    let server = Server::with_page("");
    check(
        &[
            "GET /%3Cscript%3Eecho HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?<script>echo HTTP/1.1\r\nHost: a\r\n\r\n",
            "ECHO / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: echo<script>\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\necho",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: echo\r\n\r\n",
        ],
        |request| {
            let reply = server.connect().send(request).reply();
            if reply.status == 200 {
                return Ok(()); // A query that a lenient reading of RFC 3986 lets pass.
            }
            equal(
                "the type",
                reply.field("content-type"),
                Some("text/html; charset=utf-8"),
            )?;
            let page = reply.text().to_lowercase();
            equal("HTML", page.starts_with("<!doctype html>"), true)?;
            equal(
                "the status on it",
                page.contains(&reply.status.to_string()),
                true,
            )?;
            equal("small", page.len() < 4_096, true)?;
            equal(
                "an echo",
                page.contains("echo") || page.contains("script"),
                false,
            )
        },
    );
}

#[test]
fn the_404_page_of_the_root_is_used() {
    let server = site()
        .file("404.html", "<!doctype html>\nnot here\n")
        .start();
    let mut client = server.connect();
    for target in ["/none", "/folder/none", "/none/deep/"] {
        let reply = client.get(target);
        assert_eq!(
            (reply.status, reply.text()),
            (404, "<!doctype html>\nnot here\n")
        );
        assert_eq!(
            reply.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        // Its own validators would make a cache take it for the file asked for.
        assert_eq!(client.get_with(target, "If-None-Match: *\r\n").status, 404);
        assert_eq!(client.get_with(target, "Range: bytes=0-1\r\n").status, 404);
    }
}

#[test]
fn a_range_of_a_file_is_served() {
    let server = Server::build().file("a.txt", "0123456789").start();
    check(
        &[
            ("bytes=0-0", 206, "0", "bytes 0-0/10"),
            ("bytes=2-4", 206, "234", "bytes 2-4/10"),
            ("bytes=7-", 206, "789", "bytes 7-9/10"),
            ("bytes=-3", 206, "789", "bytes 7-9/10"),
            ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=5-99", 206, "56789", "bytes 5-9/10"),
            ("bytes=10-", 416, "", "bytes */10"),
            ("bytes=-0", 416, "", "bytes */10"),
            ("lines=0-1", 200, "0123456789", ""),
            ("bytes=4-2", 200, "0123456789", ""),
        ],
        |(range, status, body, content_range)| {
            let reply = server
                .connect()
                .get_with("/a.txt", &format!("Range: {range}\r\n"));
            equal("the status", reply.status, *status)?;
            if *status < 400 {
                equal("the body", reply.text(), body)?;
            }
            equal(
                "Content-Range",
                reply.field("content-range").unwrap_or(""),
                content_range,
            )
        },
    );
}
