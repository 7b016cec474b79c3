//! Preconditions, in the order of RFC 9110 section 13.2.2: the telling rows, on
//! one small file. `preconditions.rs` has them all, on small, large and coded
//! files.

mod support;

use std::time::{Duration, SystemTime};

use support::{Server, check, date::to_imf_fixdate, equal};

/// A server with one file, modified an hour ago, and the file's tag.
fn server_and_tag() -> (Server, String, SystemTime) {
    let builder = Server::build().file("a.txt", "content");
    let modified = SystemTime::now() - Duration::from_secs(3_600);
    let file = std::fs::File::options()
        .write(true)
        .open(builder.root().join("a.txt"));
    file.and_then(|f| f.set_modified(modified))
        .expect("a file of ours");
    let server = builder.start();
    let tag = server.connect().get("/a.txt").must("etag").to_owned();
    (server, tag, modified)
}

#[test]
fn preconditions_decide_in_their_order() {
    let (server, tag, modified) = server_and_tag();
    let at = to_imf_fixdate(modified);
    let before = to_imf_fixdate(modified - Duration::from_secs(2));
    let after = to_imf_fixdate(modified + Duration::from_secs(2));
    let rows: &[(String, u16)] = &[
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: W/{tag}"), 304),
        (format!("If-None-Match: \"x\", {tag}"), 304),
        (format!("If-None-Match: \"x,y\",{tag} , \"z\""), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}"), 304),
        ("If-None-Match: *".into(), 304),
        ("If-None-Match: \"x\"".into(), 200),
        (format!("If-None-Match: {}", tag.trim_matches('"')), 200),
        (format!("If-Match: {tag}"), 200),
        (format!("If-Match: \"x\", {tag}"), 200),
        ("If-Match: *".into(), 200),
        (format!("If-Match: W/{tag}"), 412),
        ("If-Match: \"x\"".into(), 412),
        (format!("If-Modified-Since: {at}"), 304),
        (format!("If-Modified-Since: {after}"), 304),
        (format!("If-Modified-Since: {before}"), 200),
        ("If-Modified-Since: yesterday".into(), 200),
        (format!("If-Unmodified-Since: {at}"), 200),
        (format!("If-Unmodified-Since: {after}"), 200),
        (format!("If-Unmodified-Since: {before}"), 412),
        ("If-Unmodified-Since: yesterday".into(), 200),
        // A tag decides, the date beside it is ignored.
        (
            format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {after}"),
            200,
        ),
        (
            format!("If-None-Match: {tag}\r\nIf-Modified-Since: {before}"),
            304,
        ),
        (
            format!("If-Match: {tag}\r\nIf-Unmodified-Since: {before}"),
            200,
        ),
        // The first step that fails ends it.
        (format!("If-Match: \"x\"\r\nIf-None-Match: {tag}"), 412),
        (format!("If-Match: {tag}\r\nIf-None-Match: {tag}"), 304),
        // A precondition stands before a range.
        (format!("If-None-Match: {tag}\r\nRange: bytes=0-1"), 304),
    ];
    check(rows, |(fields, status)| {
        let mut client = server.connect();
        let get = client.get_with("/a.txt", &format!("{fields}\r\n"));
        let head = client.request("HEAD", "/a.txt", &format!("{fields}\r\n"));
        equal("the status", get.status, *status)?;
        client.assert_open();
        equal("the status of HEAD", head.status, *status)
    });
}

#[test]
fn not_modified_repeats_what_its_200_says() {
    let (server, tag, _) = server_and_tag();
    let mut client = server.connect();
    let whole = client.get("/a.txt");
    let short = client.get_with("/a.txt", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((short.status, short.body.len()), (304, 0));
    for name in [
        "etag",
        "cache-control",
        "vary",
        "content-location",
        "expires",
    ] {
        assert_eq!(short.field(name), whole.field(name), "{name}");
    }
    // RFC 9110 section 15.4.5: no more than that, where an ETag is told.
    for name in [
        "last-modified",
        "accept-ranges",
        "content-type",
        "content-length",
    ] {
        assert!(whole.field(name).is_some(), "{name}");
        assert_eq!(short.field(name), None, "{name}");
    }
}

#[test]
fn preconditions_mean_nothing_where_there_is_no_file() {
    let (server, _, _) = server_and_tag();
    let mut client = server.connect();
    assert_eq!(client.get_with("/none", "If-None-Match: *\r\n").status, 404);
    assert_eq!(client.get_with("/none", "If-Match: \"x\"\r\n").status, 404);
}

#[test]
fn a_file_from_the_future_is_not_later_than_now() {
    let builder = Server::build().file("a.txt", "content");
    let file = std::fs::File::options()
        .write(true)
        .open(builder.root().join("a.txt"));
    let future = SystemTime::now() + Duration::from_secs(86_400);
    file.and_then(|f| f.set_modified(future))
        .expect("a file of ours");
    // That Last-Modified is not later than Date is judged with every reply.
    assert_eq!(builder.start().connect().get("/a.txt").status, 200);
}
