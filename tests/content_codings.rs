//! Variants that lie beside a file, chosen by Accept-Encoding.

mod support;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use support::{Server, check, content, equal};

/// `all.js` in three codings, `gz.css` in one, `plain.txt` in none.
fn site() -> support::server::Builder {
    Server::build()
        .file("all.js", "original")
        .file("all.js.br", "BROTLI")
        .file("all.js.zst", "ZSTD")
        .file("all.js.gz", "GZIP")
        .file("gz.css", "original")
        .file("gz.css.gz", "GZIP")
        .file("plain.txt", "original")
        .file("d/index.html", "original")
        .file("d/index.html.gz", "GZIP")
}

const ROWS: &[(&str, &str, &str)] = &[
    ("/all.js", "gzip", "gzip"),
    ("/all.js", "br", "br"),
    ("/all.js", "zstd", "zstd"),
    ("/all.js", "GZip", "gzip"),
    ("/all.js", "x-gzip", "gzip"),
    ("/all.js", "X-GZIP;q=1", "gzip"),
    ("/all.js", "gzip, deflate, br, zstd", "br"),
    ("/all.js", "gzip, deflate, br", "br"),
    ("/all.js", "gzip, deflate, zstd", "zstd"),
    ("/all.js", "gzip, deflate", "gzip"),
    ("/all.js", "deflate", ""),
    ("/all.js", "compress, sdch", ""),
    ("/all.js", "*", "br"),
    ("/all.js", "*;q=0.5", "br"),
    ("/all.js", "br;q=0, *", "zstd"),
    ("/all.js", "gzip, *;q=0", "gzip"),
    ("/all.js", "br;q=0.5, gzip;q=0.8", "gzip"),
    ("/all.js", "br;q=0.5, gzip", "gzip"),
    ("/all.js", "gzip;q=0.9, br;q=0.95, zstd;q=0.1", "br"),
    ("/all.js", "gzip;q=1.000, br;q=0.999", "gzip"),
    ("/all.js", "gzip;q=0.001", "gzip"),
    ("/all.js", "gzip ; q=0.5 , br ; q=0.4", "gzip"),
    ("/all.js", "gzip;Q=0.5", "gzip"),
    ("/all.js", "gzip;q=0", ""),
    ("/all.js", "gzip;q=0.0", ""),
    ("/all.js", "gzip;q=0.000", ""),
    ("/all.js", "gzip;q=0, br;q=0, zstd;q=0", ""),
    ("/all.js", "identity", ""),
    ("/all.js", "identity, gzip;q=0.5", ""),
    ("/all.js", "identity;q=0.5, gzip;q=0.4", ""),
    ("/all.js", "identity;q=0.5, gzip", "gzip"),
    ("/all.js", "identity;q=0, gzip", "gzip"),
    ("/all.js", "identity;q=0, *", "br"),
    ("/all.js", "", ""),
    ("/all.js", ",", ""),
    ("/all.js", "gzipp", ""),
    ("/all.js", "xgzip", ""),
    ("/all.js", "gzip;q=2, br;q=0", ""),
    ("/all.js", "gzip;q=x", ""),
    ("/all.js", ",,gzip,,", "gzip"),
    ("/all.js", "deflate\r\nAccept-Encoding: gzip", "gzip"),
    ("/all.js", "gzip;q=0.5\r\nAccept-Encoding: br;q=0.4", "gzip"),
    ("/gz.css", "br, zstd, gzip;q=0.1", "gzip"),
    ("/gz.css", "br, zstd", ""),
    ("/gz.css", "*", "gzip"),
    ("/plain.txt", "gzip, br, zstd", ""),
    ("/plain.txt", "*", ""),
    ("/d/", "gzip", "gzip"),
    ("/d/index.html", "gzip", "gzip"),
    ("/d/", "br", ""),
];

#[test]
fn the_best_variant_that_is_accepted_is_sent() {
    for args in ["", "--cache-size 0"] {
        let server = site().args(args).start();
        check(ROWS, |(target, accept, coding)| {
            let mut client = server.connect();
            let fields = format!("Accept-Encoding: {accept}\r\n");
            let plain = client.get(target);
            let reply = client.get_with(target, &fields);
            equal("the status", reply.status, 200)?;
            equal(
                "the coding",
                reply.field("content-encoding").unwrap_or(""),
                *coding,
            )?;
            let body = match *coding {
                "br" => "BROTLI",
                "zstd" => "ZSTD",
                "gzip" => "GZIP",
                _ => "original",
            };
            equal("the body", reply.text(), body)?;
            equal(
                "the type",
                reply.field("content-type"),
                plain.field("content-type"),
            )?;
            equal(
                "the tag",
                reply.field("etag") == plain.field("etag"),
                coding.is_empty(),
            )?;
            // Also on the identity, once there are variants.
            let vary = (*target != "/plain.txt").then_some("Accept-Encoding");
            equal("Vary", reply.field("vary"), vary)?;
            equal("Vary", plain.field("vary"), vary)?;
            let head = client.request("HEAD", target, &fields);
            equal("HEAD", head.timeless().1, reply.timeless().1)?;
            let tag = reply.must("etag");
            let same = client.get_with(target, &format!("{fields}If-None-Match: {tag}\r\n"));
            equal("304", same.status, 304)?;
            equal("Vary of the 304", same.field("vary"), vary)?;
            equal("the tag of the 304", same.field("etag"), Some(tag))
        });
    }
}

#[test]
fn every_variant_has_a_tag_of_its_own() {
    let server = site().start();
    let mut client = server.connect();
    let mut tags: Vec<String> = ["identity", "gzip", "br", "zstd"]
        .map(|coding| {
            let reply = client.get_with("/all.js", &format!("Accept-Encoding: {coding}\r\n"));
            reply.must("etag").to_owned()
        })
        .to_vec();
    assert!(
        tags.iter().all(|tag| tag.starts_with('"')),
        "strong: {tags:?}"
    );
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

#[test]
fn a_request_that_accepts_nothing_available_is_406() {
    let server = site().start();
    for (target, accept) in [
        ("/plain.txt", "identity;q=0"),
        ("/plain.txt", "*;q=0"),
        ("/plain.txt", "gzip, identity;q=0"),
        ("/all.js", "*;q=0"),
        ("/gz.css", "br, identity;q=0"),
    ] {
        let mut client = server.connect();
        let reply = client.get_with(target, &format!("Accept-Encoding: {accept}\r\n"));
        assert_eq!(reply.status, 406, "{target} {accept}");
        assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
        client.assert_open();
    }
    // What is not there is not there, whatever is accepted.
    let reply = server
        .connect()
        .get_with("/none", "Accept-Encoding: identity;q=0\r\n");
    assert_eq!(reply.status, 404);
}

#[test]
fn a_variant_requested_by_name_is_served_as_a_file() {
    let server = site().start();
    for (target, body, media_type) in [
        ("/all.js.gz", "GZIP", "application/gzip"),
        ("/all.js.zst", "ZSTD", "application/zstd"),
        ("/all.js.br", "BROTLI", "application/x-brotli"),
    ] {
        let reply = server
            .connect()
            .get_with(target, "Accept-Encoding: gzip, br, zstd\r\n");
        assert_eq!((reply.status, reply.text()), (200, body));
        assert_eq!(reply.field("content-encoding"), None);
        assert_eq!(reply.field("content-type"), Some(media_type));
        assert_eq!(reply.field("vary"), None);
    }
}

#[test]
fn a_variant_without_its_original_is_not_served() {
    let server = Server::build()
        .file("only.js.gz", "GZIP")
        .file("d.gz", "x")
        .file("d/index.html", "d")
        .file("e.txt", "original")
        .file("e.txt.gz/x", "a folder is no variant")
        .file("f.txt.GZ", "x")
        .file("f.txt", "original")
        .start();
    let gzip = "Accept-Encoding: gzip\r\n";
    assert_eq!(server.connect().get_with("/only.js", gzip).status, 404);
    assert_eq!(server.connect().get_with("/d", gzip).status, 301);
    assert_eq!(server.connect().get_with("/e.txt", gzip).text(), "original");
    assert_eq!(server.connect().get_with("/f.txt", gzip).text(), "original");
}

#[test]
fn a_variant_older_than_its_original_is_not_used() {
    let hour = Duration::from_secs(3_600);
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(since) - hour;
    let now = whole + Duration::from_nanos(900_000_001);
    for (size, args) in [(100, ""), (100, "--cache-size 0"), (2 << 20, "")] {
        let server = Server::build()
            .file("a.txt", content(size))
            .file("a.txt.gz", "GZIP")
            .args(args)
            .start();
        let touch = |name: &str, time| support::touch(server.root().join(name), time);
        let mut client = server.connect();
        for (file, variant, used) in [
            (now, now + Duration::from_nanos(1), true),
            (now, now, true),
            (now, now - Duration::from_nanos(1), false),
            (now, now - hour, false),
            (now - hour * 9, now, true),
            // As brotli(1) hands the time on: in whole seconds.
            (now, whole, true),
            (now, whole + Duration::from_nanos(1), false),
            (whole + Duration::from_secs(1), whole, false),
            (whole, whole, true),
        ] {
            touch("a.txt", file);
            touch("a.txt.gz", variant);
            for _ in 0..2 {
                let reply = client.get_with("/a.txt", "Accept-Encoding: gzip\r\n");
                assert_eq!(reply.field("content-encoding").is_some(), used);
                assert_eq!(reply.body == b"GZIP", used, "{size} {args}");
            }
        }
    }
}

/// As left by a compressor that could not write its output, or has just begun to.
#[test]
fn an_empty_variant_is_not_used() {
    for (original, args) in [("original", ""), ("original", "--cache-size 0"), ("", "")] {
        let server = Server::build()
            .file("a.txt", original)
            .file("a.txt.gz", "")
            .args(args)
            .start();
        let mut client = server.connect();
        let mut check = |expected: &str, coding| {
            let reply = client.get_with("/a.txt", "Accept-Encoding: gzip\r\n");
            assert_eq!(reply.field("content-encoding"), coding, "{args}");
            assert_eq!(reply.text(), expected, "{args}");
        };
        for _ in 0..2 {
            check(original, None);
            settle(server.root());
            check(original, None);
            server.write("a.txt.gz", "GZIP");
            check("GZIP", Some("gzip"));
            server.write("a.txt.gz", "");
        }
    }
}

/// Waits until everything in a folder is old enough to be kept in memory.
fn settle(folder: &std::path::Path) {
    let changed = |entry: std::io::Result<fs::DirEntry>| entry?.metadata()?.modified();
    support::wait_until("files to be a little older", || {
        let old = SystemTime::now() - Duration::from_millis(60);
        let mut entries = fs::read_dir(folder).expect("a folder");
        entries.all(|entry| changed(entry).is_ok_and(|time| time < old))
    });
}

#[test]
fn variants_come_change_and_go_while_the_file_is_served() {
    let server = Server::build().file("a.txt", "original").start();
    let mut client = server.connect();
    let mut get = || {
        let reply = client.get_with("/a.txt", "Accept-Encoding: gzip, br\r\n");
        (reply.text().to_owned(), reply.field("vary").is_some())
    };
    for _ in 0..2 {
        settle(server.root());
        assert_eq!(get(), ("original".into(), false));
        server.write("a.txt.gz", "first");
        assert_eq!(get(), ("first".into(), true));
        settle(server.root());
        assert_eq!(get(), ("first".into(), true));
        server.write("a.txt.gz", "second");
        assert_eq!(get(), ("second".into(), true));
        server.write("a.txt.br", "better");
        assert_eq!(get(), ("better".into(), true));
        fs::remove_file(server.root().join("a.txt.br")).expect("removed");
        assert_eq!(get(), ("second".into(), true));
        settle(server.root());
        server.write("a.txt", "original");
        assert_eq!(get().0, "original", "the variant is older now");
        fs::remove_file(server.root().join("a.txt.gz")).expect("removed");
        assert_eq!(get(), ("original".into(), false));
    }
}

#[test]
fn a_range_is_one_of_the_variant() {
    let variant = content(3 << 20);
    for (size, args) in [(1_000, ""), (3 << 20, ""), (1_000, "--cache-size 0")] {
        let variant = &variant[..size];
        let server = Server::build()
            .file("a.txt", "original")
            .file("a.txt.gz", variant)
            .args(args)
            .start();
        let mut client = server.connect();
        let original = client.get("/a.txt").must("etag").to_owned();
        let mut get = |fields: String| {
            client.get_with("/a.txt", &format!("Accept-Encoding: gzip\r\n{fields}"))
        };
        let whole = get(String::new());
        assert!(whole.body == variant);
        let tag = whole.must("etag").to_owned();
        let reply = get("Range: bytes=10-99\r\n".into());
        assert_eq!(reply.status, 206);
        assert_eq!(reply.must("content-range"), format!("bytes 10-99/{size}"));
        assert_eq!(reply.body, variant[10..100]);
        for name in ["content-encoding", "vary", "etag", "content-type"] {
            assert_eq!(reply.field(name), whole.field(name), "{name}");
        }
        let range = "Range: bytes=0-0\r\n";
        assert_eq!(get(format!("{range}If-Range: {tag}\r\n")).status, 206);
        let other = get(format!("{range}If-Range: {original}\r\n"));
        assert!(other.status == 200 && other.body == variant);
        let beyond = get(format!("Range: bytes={size}-\r\n"));
        assert_eq!(beyond.must("content-range"), format!("bytes */{size}"));
        let several = get("Range: bytes=0-0,5-5\r\n".into());
        assert_eq!(several.status, 206);
        assert_eq!(several.field("content-encoding"), Some("gzip"));
    }
}
