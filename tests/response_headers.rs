//! The fields every response carries, and those some carry.

mod support;

use support::{Kind, Server, check, equal};

#[test]
fn every_response_names_the_server_and_forbids_sniffing() {
    let server = Server::build()
        .file("index.html", "home")
        .file("folder/index.html", "folder")
        .start();
    let etag = server.connect().get("/").must("etag").to_owned();
    let not_modified = format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n");
    check(
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
            (&not_modified, 304),
            ("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2\r\n\r\n", 206),
            ("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=99-\r\n\r\n", 416),
            ("GET / HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n\r\n", 412),
            ("GET /folder HTTP/1.1\r\nHost: a\r\n\r\n", 301),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
            ("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                405,
            ),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ],
        |(request, status)| {
            // Date and length are checked for every reply.
            let reply = server.connect().send(request).reply();
            equal("the status", reply.status, *status)?;
            equal("Server", reply.field("server"), Some("stdhttpd"))?;
            let nosniff = reply.field("x-content-type-options");
            equal("X-Content-Type-Options", nosniff, Some("nosniff"))
        },
    );
}

#[test]
fn a_file_is_described() {
    let server = Server::build().file("a.txt", "four").start();
    let reply = server.connect().get("/a.txt");
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "4"),
        ("cache-control", "no-cache"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(reply.field(name), Some(value), "{name}");
    }
    let etag = reply.must("etag");
    let opaque = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    assert!(
        opaque.is_some_and(|o| !o.is_empty() && !o.contains('"')),
        "{etag}"
    );
    support::date::imf_fixdate(reply.must("last-modified")).expect("a date");
}

#[test]
fn the_date_follows_the_clock() {
    let server = Server::with_page("");
    let mut client = server.connect();
    let first = client.get("/").must("date").to_owned();
    support::wait_until("another second", || client.get("/").must("date") != first);
}

#[test]
fn fields_of_the_operator_stand_in_every_response() {
    let server = Server::build()
        .file("index.html", "home")
        .arg("--header")
        .arg("X-Frame-Options: DENY")
        .arg("--header")
        .arg("Content-Security-Policy: default-src 'self'")
        .start();
    check(
        &[
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
            "bad\r\n\r\n",
        ],
        |request| {
            let reply = server.connect().send(request).reply_to(Kind::Get);
            equal("one", reply.field("x-frame-options"), Some("DENY"))?;
            let policy = reply.field("content-security-policy");
            equal("the other", policy, Some("default-src 'self'"))
        },
    );
}

#[test]
fn max_age_replaces_no_cache() {
    let server = Server::with_page("--max-age 3600");
    let value = server.connect().get("/").must("cache-control").to_owned();
    assert!(
        value.split(", ").any(|part| part == "max-age=3600"),
        "{value}"
    );
    assert!(!value.contains("no-cache"), "{value}");
}

#[test]
fn an_empty_cache_control_of_the_operator_is_none() {
    let server = Server::build()
        .file("index.html", "home")
        .arg("--header")
        .arg("Cache-Control:")
        .start();
    let reply = server.connect().get("/");
    assert_eq!(reply.field("cache-control"), Some("no-cache"));
}

#[test]
fn cache_control_of_the_operator_replaces_that_of_files() {
    let server = Server::build()
        .file("index.html", "home")
        .file("folder/index.html", "folder")
        .args("--max-age 3600")
        .arg("--header")
        .arg("cache-control: public")
        .arg("--header")
        .arg("Cache-Control: max-age=9")
        .start();
    check(
        &[
            ("/", 200, "public, max-age=9"),
            ("/folder", 301, "public, max-age=9"),
            ("/none", 404, "no-cache"),
        ],
        |(target, status, value)| {
            let reply = server.connect().get(target);
            equal("the status", reply.status, *status)?;
            equal("its one value", reply.field("cache-control"), Some(*value))
        },
    );
}
