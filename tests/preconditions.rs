//! Preconditions (RFC 9110 section 13), row by row. `If-Range` has a file of its
//! own.

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::{Reply, Server, check, date::imf_fixdate, equal, touch};

/// Sunday, 6 November 1994, 08:49:37, which RFC 9110 writes in three ways.
const MODIFIED: u64 = 784_111_777;

const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// A small file, a large one and one with a variant, all of the same time.
fn site() -> Server {
    let builder = Server::build()
        .file("a.txt", "content")
        .file("large.bin", vec![b'x'; 2 << 20])
        .file("coded.txt", "original")
        .file("coded.txt.gz", "variant");
    for name in ["a.txt", "large.bin", "coded.txt", "coded.txt.gz"] {
        let time = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        touch(builder.root().join(name), time);
    }
    builder.start()
}

/// Rows of fields, where `TAG` stands for the entity tag, and the status.
const ROWS: &[(&str, u16)] = &[
    // If-None-Match.
    ("If-None-Match: TAG", 304),
    ("If-None-Match: W/TAG", 304),
    ("If-None-Match: *", 304),
    ("If-None-Match: \"x\", TAG", 304),
    ("If-None-Match: TAG, \"x\"", 304),
    ("If-None-Match: \"x\",TAG,\"y\"", 304),
    ("If-None-Match: \"x\" , W/TAG", 304),
    ("If-None-Match: ,, TAG ,,", 304),
    ("If-None-Match: \"x,y\", TAG", 304),
    ("If-None-Match: \"\", TAG", 304),
    ("If-None-Match: \"x\"\r\nIf-None-Match: TAG", 304),
    ("If-None-Match: TAG\r\nIf-None-Match: \"x\"", 304),
    ("if-none-match: TAG", 304),
    ("IF-NONE-MATCH:TAG", 304),
    ("If-None-Match: \"x\"", 200),
    ("If-None-Match: W/\"x\"", 200),
    ("If-None-Match: \"\"", 200),
    ("If-None-Match:", 200),
    ("If-None-Match: ,", 200),
    ("If-None-Match: w/TAG", 200),
    ("If-None-Match: W/ TAG", 200),
    ("If-None-Match: BARE", 200),
    ("If-None-Match: W/BARE", 200),
    ("If-None-Match: 'BARE'", 200),
    ("If-None-Match: \"BARE", 200),
    ("If-None-Match: \"TAG\"", 200),
    ("If-None-Match: \"x*\"", 200),
    ("If-None-Match: \"*\"", 200),
    ("If-None-Match: x", 200),
    // If-Match.
    ("If-Match: TAG", 200),
    ("If-Match: *", 200),
    ("If-Match: \"x\", TAG", 200),
    ("If-Match: \"x\"\r\nIf-Match: TAG", 200),
    ("If-Match: \"x\"", 412),
    ("If-Match: W/TAG", 412),
    ("If-Match: BARE", 412),
    ("If-Match: \"x\", \"y\"", 412),
    ("If-Match:", 412),
    ("If-Match: \"*\"", 412),
    // If-Modified-Since, in each format.
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
    ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 304),
    ("If-Modified-Since: Sun Nov  6 08:49:37 1994", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT", 304),
    ("If-Modified-Since: Sunday, 06-Nov-94 08:49:38 GMT", 304),
    ("If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", 304),
    ("If-Modified-Since: Tue, 19 Jan 2038 03:14:08 GMT", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
    ("If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT", 200),
    ("If-Modified-Since: Sun Nov  6 08:49:36 1994", 200),
    ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ("If-Modified-Since: Wed, 31 Dec 1969 23:59:59 GMT", 200),
    ("If-Modified-Since: Mon, 01 Jan 1900 00:00:00 GMT", 200),
    ("If-Modified-Since:", 200),
    ("If-Modified-Since: now", 200),
    ("If-Modified-Since: 784111778", 200),
    ("If-Modified-Since: 1994-11-06T08:49:38Z", 200),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 CET", 200),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 +0000", 200),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38", 200),
    ("If-Modified-Since: Sun, 06 Nov 2030 25:49:38 GMT", 200),
    ("If-Modified-Since: Wed, 31 Nov 2033 08:49:38 GMT", 200),
    (
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT; length=7",
        200,
    ),
    ("If-Modified-Since: \"Sun, 06 Nov 1994 08:49:38 GMT\"", 200),
    ("If-Modified-Since: *", 200),
    // If-Unmodified-Since.
    ("If-Unmodified-Since: SAME", 200),
    ("If-Unmodified-Since: AFTER", 200),
    ("If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 200),
    ("If-Unmodified-Since: Sun Nov  6 08:49:37 1994", 200),
    ("If-Unmodified-Since: BEFORE", 412),
    ("If-Unmodified-Since: Sun Nov  6 08:49:36 1994", 412),
    ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ("If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT", 412),
    ("If-Unmodified-Since: Mon, 01 Jan 1900 00:00:00 GMT", 412),
    ("If-Unmodified-Since: Sunday, 31-Dec-00 23:59:59 GMT", 200),
    ("If-Unmodified-Since: long ago", 200),
    ("If-Unmodified-Since:", 200),
    // Together, in the order of section 13.2.2.
    ("If-None-Match: \"x\"\r\nIf-Modified-Since: SAME", 200),
    ("If-None-Match: BARE\r\nIf-Modified-Since: SAME", 200),
    ("If-None-Match:\r\nIf-Modified-Since: SAME", 200),
    ("If-Modified-Since: AFTER\r\nIf-None-Match: \"x\"", 200),
    ("If-None-Match: TAG\r\nIf-Modified-Since: BEFORE", 304),
    ("If-None-Match: TAG\r\nIf-Modified-Since: never", 304),
    ("If-Match: TAG\r\nIf-None-Match: TAG", 304),
    ("If-Match: *\r\nIf-None-Match: *", 304),
    ("If-Match: \"x\"\r\nIf-None-Match: TAG", 412),
    ("If-Match: TAG\r\nIf-None-Match: \"x\"", 200),
    ("If-Match: TAG\r\nIf-Unmodified-Since: BEFORE", 200),
    ("If-Match: \"x\"\r\nIf-Unmodified-Since: AFTER", 412),
    ("If-Match: TAG\r\nIf-Modified-Since: SAME", 304),
    ("If-Unmodified-Since: SAME\r\nIf-Modified-Since: SAME", 304),
    ("If-Unmodified-Since: BEFORE\r\nIf-None-Match: TAG", 412),
    ("If-Unmodified-Since: AFTER\r\nIf-None-Match: TAG", 304),
    // With Range: the precondition comes first.
    ("Range: bytes=0-0\r\nIf-None-Match: TAG", 304),
    ("Range: bytes=0-0\r\nIf-None-Match: \"x\"", 206),
    ("Range: bytes=0-0\r\nIf-Modified-Since: SAME", 304),
    ("Range: bytes=0-0\r\nIf-Modified-Since: BEFORE", 206),
    ("Range: bytes=0-0\r\nIf-Match: \"x\"", 412),
    ("Range: bytes=0-0\r\nIf-Match: TAG", 206),
    ("Range: bytes=9999999-\r\nIf-None-Match: TAG", 304),
    ("Range: bytes=9999999-\r\nIf-Match: \"x\"", 412),
    ("Range: bytes=9999999-\r\nIf-Match: TAG", 416),
    // A field that is no list, twice: which one counts is open.
    ("If-Modified-Since: SAME\r\nIf-Modified-Since: BEFORE", 400),
    (
        "If-Unmodified-Since: SAME\r\nIf-Unmodified-Since: SAME",
        400,
    ),
];

#[test]
fn preconditions_decide_in_their_order() {
    let server = site();
    for target in ["/a.txt", "/large.bin"] {
        let tag = server.connect().get(target).must("etag").to_owned();
        check(ROWS, |(fields, status)| {
            let fields = fields
                .replace("TAG", &tag)
                .replace("BARE", tag.trim_matches('"'))
                .replace("SAME", SAME)
                .replace("BEFORE", BEFORE)
                .replace("AFTER", AFTER);
            let mut client = server.connect();
            let reply = client.get_with(target, &format!("{fields}\r\n"));
            equal("the status", reply.status, *status)?;
            // Range means nothing to HEAD (section 14.2), the rest the same.
            let status = if [206, 416].contains(status) {
                200
            } else {
                *status
            };
            if status != 400 {
                let head = client.request("HEAD", target, &format!("{fields}\r\n"));
                equal("HEAD", head.status, status)?;
                client.assert_open();
            }
            Ok(())
        });
    }
}

/// The fields of a reply that a 304 must repeat (section 15.4.5).
fn repeated(reply: &Reply) -> Vec<Option<&str>> {
    [
        "etag",
        "cache-control",
        "vary",
        "content-location",
        "expires",
    ]
    .map(|name| reply.field(name))
    .to_vec()
}

#[test]
fn a_304_carries_what_its_200_would_and_no_content() {
    for args in ["", "--max-age 60"] {
        let builder = Server::build().args(args).file("a.txt", "a");
        let server = builder.file("b.txt", "b").file("b.txt.gz", "g").start();
        check(
            &[
                ("/a.txt", ""),
                ("/b.txt", ""),
                ("/b.txt", "Accept-Encoding: gzip\r\n"),
            ],
            |(target, fields)| {
                let mut client = server.connect();
                let whole = client.get_with(target, fields);
                let tag = whole.must("etag").to_owned();
                let condition = format!("{fields}If-None-Match: {tag}\r\n");
                let got = client.get_with(target, &condition);
                equal("the status", got.status, 304)?;
                equal("the fields", repeated(&got), repeated(&whole))?;
                // RFC 9110 section 15.4.5: no more than that, where an ETag is sent.
                for absent in [
                    "last-modified",
                    "accept-ranges",
                    "content-type",
                    "content-length",
                    "content-encoding",
                ] {
                    equal(absent, got.field(absent), None)?;
                }
                equal("Vary", got.field("vary").is_some(), *target == "/b.txt")?;
                let head = client.request("HEAD", target, &condition);
                equal("HEAD", head.timeless(), got.timeless())?;
                client.assert_open();
                Ok(())
            },
        );
    }
}

#[test]
fn a_412_describes_itself_and_not_the_file() {
    let server = site();
    let reply = server.connect().get_with("/a.txt", "If-Match: \"x\"\r\n");
    assert_eq!(reply.status, 412);
    assert_eq!(reply.field("etag"), None);
    assert_eq!(reply.field("last-modified"), None);
    assert_ne!(reply.text(), "content");
}

#[test]
fn the_variant_has_a_condition_of_its_own() {
    let server = site();
    let mut client = server.connect();
    let coded = "Accept-Encoding: gzip\r\n";
    let original = client.get("/coded.txt").must("etag").to_owned();
    let variant = client.get_with("/coded.txt", coded).must("etag").to_owned();
    assert_ne!(original, variant);
    for (fields, tag, status) in [
        ("", &original, 304),
        ("", &variant, 200),
        (coded, &variant, 304),
        (coded, &original, 200),
    ] {
        let reply = client.get_with("/coded.txt", &format!("{fields}If-None-Match: {tag}\r\n"));
        assert_eq!(reply.status, status, "{fields} {tag}");
        let reply = client.get_with("/coded.txt", &format!("{fields}If-Match: {tag}\r\n"));
        assert_eq!(reply.status == 412, status == 200, "{fields} {tag}");
    }
}

#[test]
fn preconditions_mean_nothing_where_there_is_no_200() {
    let server = Server::build().file("f/index.html", "").start();
    for (target, status) in [("/none", 404), ("/f", 301), ("/f/%", 400)] {
        for field in [
            "If-None-Match: *",
            "If-Match: \"x\"",
            "If-Modified-Since: x",
        ] {
            let reply = server.connect().get_with(target, &format!("{field}\r\n"));
            assert_eq!(reply.status, status, "{target} {field}");
        }
    }
}

#[test]
fn files_of_any_time_are_dated_well() {
    let second = Duration::from_secs(1);
    let now = SystemTime::now();
    let rows = [
        ("epoch", UNIX_EPOCH, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
        (
            "first",
            UNIX_EPOCH + second,
            Some("Thu, 01 Jan 1970 00:00:01 GMT"),
        ),
        ("old", UNIX_EPOCH - second, None),
        ("older", UNIX_EPOCH - second * 86_400 * 365 * 20, None),
        (
            "leap",
            UNIX_EPOCH + second * 951_782_400,
            Some("Tue, 29 Feb 2000 00:00:00 GMT"),
        ),
        ("future", now + second * 86_400, None),
        ("far", now + second * 86_400 * 365 * 300, None),
    ];
    for args in ["", "--cache-size 0"] {
        let mut builder = Server::build().args(args);
        for (name, time, _) in rows {
            builder = builder.file(name, name);
            touch(builder.root().join(name), time);
        }
        let server = builder.start();
        for (name, time, expected) in rows {
            let mut client = server.connect();
            // The client checks that Last-Modified is not later than Date.
            let reply = client.get(&format!("/{name}"));
            assert_eq!(reply.text(), name);
            let sent = reply.field("last-modified");
            if time > now {
                let sent = imf_fixdate(sent.expect("a date")).expect("a good date");
                assert!(
                    sent <= SystemTime::now() && sent + second * 60 > now,
                    "{name}"
                );
            } else {
                assert_eq!(sent, expected, "{name}");
            }
            let tag = reply.must("etag");
            let reply = client.get_with(&format!("/{name}"), &format!("If-None-Match: {tag}\r\n"));
            assert_eq!(reply.status, 304, "{name}");
        }
    }
}

#[test]
fn the_same_file_on_another_host_has_the_same_tag() {
    let tags: Vec<_> = [site(), site()]
        .iter()
        .map(|server| {
            let mut client = server.connect();
            let original = client.get("/coded.txt");
            let variant = client.get_with("/coded.txt", "Accept-Encoding: gzip\r\n");
            (
                original.must("etag").to_owned(),
                variant.must("etag").to_owned(),
            )
        })
        .collect();
    assert_eq!(tags[0], tags[1]);
}
