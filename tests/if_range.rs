//! `If-Range`: a part only of what the client has already (RFC 9110 section
//! 13.1.5).

mod support;

use std::time::{Duration, UNIX_EPOCH};

use support::{Server, check, content, equal, touch};

/// The length of the file.
const LENGTH: usize = 10_000;

#[test]
fn if_range_guards_a_part() {
    let server = Server::build().file("a.png", content(LENGTH)).start();
    let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
    touch(server.root().join("a.png"), time);
    let tag = server.connect().get("/a.png").must("etag").to_owned();
    let bare = tag.trim_matches('"');
    let rows = [
        (tag.clone(), 206),
        ("Sun, 06 Nov 1994 08:49:37 GMT".into(), 206),
        ("Sunday, 06-Nov-94 08:49:37 GMT".into(), 206),
        ("Sun Nov  6 08:49:37 1994".into(), 206),
        (format!("W/{tag}"), 200),
        ("\"x\"".into(), 200),
        ("W/\"x\"".into(), 200),
        (bare.to_owned(), 200),
        (format!("{tag}, \"x\""), 200),
        (format!("\"x\", {tag}"), 200),
        ("*".into(), 200),
        ("".into(), 200),
        // Not older, not newer: the very date.
        ("Sun, 06 Nov 1994 08:49:36 GMT".into(), 200),
        ("Sun, 06 Nov 1994 08:49:38 GMT".into(), 200),
        ("Fri, 31 Dec 2038 00:00:00 GMT".into(), 200),
        ("yesterday".into(), 200),
    ];
    let get = |fields: String| server.connect().get_with("/a.png", &fields);
    check(&rows, |(value, status)| {
        let reply = get(format!("Range: bytes=0-1\r\nIf-Range: {value}\r\n"));
        equal("the status", reply.status, *status)?;
        let length = if *status == 206 { 2 } else { LENGTH };
        equal("the length", reply.body.len(), length)?;
        // Several parts are guarded alike, and so is 416.
        let several = get(format!("If-Range: {value}\r\nRange: bytes=0-0,5-5\r\n"));
        equal("several", several.status, *status)?;
        let beyond = get(format!("Range: bytes=99999-\r\nIf-Range: {value}\r\n"));
        equal(
            "beyond",
            beyond.status,
            if *status == 206 { 416 } else { 200 },
        )?;
        // Without Range it means nothing.
        equal("alone", get(format!("If-Range: {value}\r\n")).status, 200)
    });
}

#[test]
fn a_date_too_young_to_be_strong_guards_nothing() {
    // The file may change again within this second (section 8.8.2.2).
    let server = Server::build().file("a.png", "ab").start();
    let mut client = server.connect();
    server.write("a.png", "abc");
    let reply = client.get("/a.png");
    let (date, modified) = (reply.must("date"), reply.must("last-modified").to_owned());
    if date == modified {
        let fields = format!("Range: bytes=0-0\r\nIf-Range: {modified}\r\n");
        let reply = client.get_with("/a.png", &fields);
        assert!(reply.status == 200 || reply.must("date") != modified);
    }
}
