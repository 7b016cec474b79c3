//! Byte ranges (RFC 9110 section 14).

mod support;

use std::fs;

use support::{Reply, Server, check, content, equal};

/// The length of the file that most rows are about.
const LENGTH: usize = 10_000;

/// What is expected of a row.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// 200 and all of it.
    Whole,
    /// 206 and one part, first and last byte.
    Part(usize, usize),
    /// 206 and several.
    Parts(&'static [(usize, usize)]),
    /// 416.
    Unsatisfiable,
}

use Wanted::*;

const ROWS: &[(&str, Wanted)] = &[
    ("bytes=0-0", Part(0, 0)),
    ("bytes=0-499", Part(0, 499)),
    ("bytes=500-999", Part(500, 999)),
    ("bytes=9999-9999", Part(9_999, 9_999)),
    ("bytes=0-9999", Part(0, 9_999)),
    ("bytes=0-", Part(0, 9_999)),
    ("bytes=9500-", Part(9_500, 9_999)),
    ("bytes=9999-", Part(9_999, 9_999)),
    ("bytes=0-10000", Part(0, 9_999)),
    ("bytes=9000-99999", Part(9_000, 9_999)),
    ("bytes=-1", Part(9_999, 9_999)),
    ("bytes=-500", Part(9_500, 9_999)),
    ("bytes=-10000", Part(0, 9_999)),
    ("bytes=-10001", Part(0, 9_999)),
    ("bytes=-99999999999999999999999999", Part(0, 9_999)),
    ("bytes=1-99999999999999999999999999", Part(1, 9_999)),
    ("bytes=00000000000000000000000000001-2", Part(1, 2)),
    ("bytes=0-18446744073709551615", Part(0, 9_999)),
    ("bytes=0-18446744073709551616", Part(0, 9_999)),
    ("bytes=-18446744073709551617", Part(0, 9_999)),
    ("BYTES=0-0", Part(0, 0)),
    ("Bytes=-1", Part(9_999, 9_999)),
    ("bytes=,0-0", Part(0, 0)),
    ("bytes=0-0,", Part(0, 0)),
    ("bytes= 0-0", Part(0, 0)),
    ("bytes=0-0 , ,", Part(0, 0)),
    // Not satisfiable.
    ("bytes=10000-", Unsatisfiable),
    ("bytes=10000-10000", Unsatisfiable),
    ("bytes=20000-30000", Unsatisfiable),
    ("bytes=-0", Unsatisfiable),
    ("bytes=-00", Unsatisfiable),
    ("bytes=99999999999999999999999999-", Unsatisfiable),
    (
        "bytes=18446744073709551616-18446744073709551617",
        Unsatisfiable,
    ),
    ("bytes=10000-,-0", Unsatisfiable),
    // Several.
    ("bytes=0-0,-1", Parts(&[(0, 0), (9_999, 9_999)])),
    ("bytes=0-1,5-6,9-10", Parts(&[(0, 1), (5, 6), (9, 10)])),
    ("bytes=9-10 , 0-1", Parts(&[(9, 10), (0, 1)])),
    ("bytes=0-0,,\t,2-2", Parts(&[(0, 0), (2, 2)])),
    ("bytes=-1,0-0", Parts(&[(9_999, 9_999), (0, 0)])),
    (
        "bytes=0-99,5000-5999,9000-",
        Parts(&[(0, 99), (5_000, 5_999), (9_000, 9_999)]),
    ),
    // Unsatisfiable ones are dropped beside others.
    ("bytes=10000-,0-0", Part(0, 0)),
    ("bytes=0-0,-0", Part(0, 0)),
    ("bytes=0-0,20000-,2-2", Parts(&[(0, 0), (2, 2)])),
    // Overlapping and adjacent ones are merged.
    ("bytes=0-499,500-999", Part(0, 999)),
    ("bytes=0-500,400-999", Part(0, 999)),
    ("bytes=0-,0-,0-", Part(0, 9_999)),
    ("bytes=0-,1-,2-", Part(0, 9_999)),
    ("bytes=5-9,0-4", Part(0, 9)),
    ("bytes=0-9999,-10000", Part(0, 9_999)),
    ("bytes=1-1,3-3,2-2", Part(1, 3)),
    // Malformed anywhere, or another unit: ignored.
    ("bytes=", Whole),
    ("bytes", Whole),
    ("bytes=,", Whole),
    ("bytes=-", Whole),
    ("bytes=--1", Whole),
    ("bytes=-1-", Whole),
    ("bytes=1", Whole),
    ("bytes=5-4", Whole),
    ("bytes=0-0,5-4", Whole),
    ("bytes=0-0,x", Whole),
    ("bytes=a-b", Whole),
    ("bytes=0-b", Whole),
    ("bytes=0x0-0x1", Whole),
    ("bytes=+0-1", Whole),
    ("bytes=0 - 1", Whole),
    ("bytes=0- 1", Whole),
    ("bytes=0-1 2-3", Whole),
    ("bytes=0-1;2-3", Whole),
    ("bytes=0.5-1", Whole),
    ("bytes =0-1", Whole),
    ("bytes:0-1", Whole),
    ("bytes 0-1", Whole),
    ("bytes=0-1/10000", Whole),
    ("bytes=\"0-1\"", Whole),
    ("items=0-1", Whole),
    ("byte=0-1", Whole),
    ("none", Whole),
    ("seconds=1-2", Whole),
    ("0-1", Whole),
    ("", Whole),
];

/// The parts of a multipart/byteranges body (RFC 9110 section 14.6), each with
/// its Content-Type and Content-Range; everything else must be as it should,
/// the line end before the first boundary too, without which zsync hangs.
fn parts(reply: &Reply) -> Result<Vec<(String, String, Vec<u8>)>, String> {
    let boundary = reply
        .must("content-type")
        .strip_prefix("multipart/byteranges; boundary=")
        .ok_or("not multipart/byteranges")?;
    if boundary.is_empty() || boundary.len() > 70 {
        return Err("a bad boundary".into());
    }
    let mut rest = reply.body.as_slice();
    let delimiter = format!("\r\n--{boundary}");
    let mut found = Vec::new();
    loop {
        rest = rest
            .strip_prefix(delimiter.as_bytes())
            .ok_or("no delimiter")?;
        if rest == b"--\r\n" || rest == b"--" {
            return Ok(found);
        }
        let end = rest
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .ok_or("no head")?;
        let head = str::from_utf8(&rest[..end]).map_err(|_| "a bad head")?;
        let field = |name: &str| {
            let mut lines = head.split("\r\n");
            let line = lines.find_map(|line| line.strip_prefix(name));
            line.map(str::to_owned).ok_or(format!("no {name}"))
        };
        let (kind, range) = (field("Content-Type: ")?, field("Content-Range: ")?);
        rest = &rest[end + 4..];
        let numbers = range.strip_prefix("bytes ").and_then(|r| r.split_once('/'));
        let (first, last) = numbers
            .and_then(|(n, _)| n.split_once('-'))
            .ok_or("a range")?;
        let number = |n: &str| n.parse::<usize>().map_err(|why| why.to_string());
        let length = number(last)? + 1 - number(first)?;
        let (body, behind) = rest.split_at_checked(length).ok_or("a part cut off")?;
        found.push((kind, range, body.to_vec()));
        rest = behind;
    }
}

fn judge(reply: &Reply, file: &[u8], wanted: Wanted) -> Result<(), String> {
    let total = file.len();
    match wanted {
        Whole => {
            equal("the status", reply.status, 200)?;
            equal("Content-Range", reply.field("content-range"), None)?;
            equal("the body", reply.body == file, true)
        }
        Part(first, last) => {
            equal("the status", reply.status, 206)?;
            let range = format!("bytes {first}-{last}/{total}");
            equal(
                "Content-Range",
                reply.field("content-range"),
                Some(range.as_str()),
            )?;
            equal(
                "Content-Type",
                reply.field("content-type"),
                Some("image/png"),
            )?;
            equal("the body", reply.body == file[first..=last], true)
        }
        Parts(ranges) => {
            equal("the status", reply.status, 206)?;
            equal("Content-Range", reply.field("content-range"), None)?;
            let wanted: Vec<_> = ranges
                .iter()
                .map(|&(first, last)| {
                    let range = format!("bytes {first}-{last}/{total}");
                    ("image/png".to_owned(), range, file[first..=last].to_vec())
                })
                .collect();
            equal("the parts", parts(reply)? == wanted, true)
        }
        Unsatisfiable => {
            equal("the status", reply.status, 416)?;
            let range = format!("bytes */{total}");
            equal(
                "Content-Range",
                reply.field("content-range"),
                Some(range.as_str()),
            )?;
            equal("the tag", reply.field("etag"), None)
        }
    }
}

#[test]
fn ranges_are_read_as_the_grammar_has_them() {
    let file = content(LENGTH);
    for args in ["", "--cache-size 0"] {
        let server = Server::build().file("a.png", &file).args(args).start();
        let whole = server.connect().get("/a.png");
        assert_eq!(whole.field("accept-ranges"), Some("bytes"));
        check(ROWS, |(range, wanted)| {
            let mut client = server.connect();
            let field = format!("Range: {range}\r\n");
            let reply = client.get_with("/a.png", &field);
            judge(&reply, &file, *wanted)?;
            if reply.status == 206 {
                for name in ["etag", "last-modified", "cache-control", "vary"] {
                    equal(name, reply.field(name), whole.field(name))?;
                }
            }
            // Range means nothing to any other method (section 14.2).
            let head = client.request("HEAD", "/a.png", &field);
            let length = whole.field("content-length");
            equal(
                "HEAD",
                (head.status, head.field("content-length")),
                (200, length),
            )?;
            equal("HEAD", head.field("content-range"), None)?;
            client.assert_open();
            Ok(())
        });
    }
}

#[test]
fn many_ranges_are_bounded() {
    let file = content(LENGTH);
    let server = Server::build().file("a.png", &file).start();
    let apart = |count: usize| {
        let specs: Vec<_> = (0..count)
            .map(|i| format!("{}-{}", i * 20, i * 20 + 1))
            .collect();
        format!("Range: bytes={}\r\n", specs.join(","))
    };
    let few = server.connect().get_with("/a.png", &apart(10));
    assert_eq!((few.status, parts(&few).map(|p| p.len())), (206, Ok(10)));
    // More than is sane: everything, once.
    for fields in [
        apart(400),
        format!("Range: bytes={}0-\r\n", "0-,".repeat(2_000)),
    ] {
        let many = server.connect().get_with("/a.png", &fields);
        assert!(many.status == 200 && many.body == file);
    }
    let twice = "Range: bytes=0-0\r\nRange: bytes=1-1\r\n";
    assert_eq!(server.connect().get_with("/a.png", twice).status, 400);
}

#[test]
fn a_large_file_is_sent_in_parts_too() {
    let file = content(5 << 20);
    let server = Server::build().file("a.png", &file).start();
    let mut client = server.connect();
    let rows: &[(&str, Wanted)] = &[
        ("bytes=0-0", Part(0, 0)),
        ("bytes=1000000-4000000", Part(1_000_000, 4_000_000)),
        ("bytes=-3000000", Part(2_242_880, 5_242_879)),
        ("bytes=0-0,-1", Parts(&[(0, 0), (5_242_879, 5_242_879)])),
        (
            "bytes=9-2000000,3000000-3999999,5-6",
            Parts(&[(9, 2_000_000), (3_000_000, 3_999_999), (5, 6)]),
        ),
        ("bytes=5242880-", Unsatisfiable),
    ];
    check(rows, |(range, wanted)| {
        let reply = client.get_with("/a.png", &format!("Range: {range}\r\n"));
        judge(&reply, &file, *wanted)
    });
}

#[test]
fn beyond_4_gib_every_number_is_right() {
    use std::os::unix::fs::FileExt;
    let builder = Server::build().file("big.png", "");
    let file = fs::File::options()
        .write(true)
        .open(builder.root().join("big.png"));
    let file = file.expect("opened");
    let total = (5_u64 << 30) + 7;
    file.set_len(total).expect("a sparse file");
    let mark = (4_u64 << 30) + 5;
    file.write_all_at(b"beyond", mark).expect("written");
    file.write_all_at(b"the end", total - 7).expect("written");
    let server = builder.start();
    let head = server.connect().request("HEAD", "/big.png", "");
    assert_eq!(head.must("content-length"), total.to_string());
    let mut client = server.connect();
    let mut get = |range: String| client.get_with("/big.png", &format!("Range: bytes={range}\r\n"));
    let reply = get(format!("{mark}-{}", mark + 5));
    assert_eq!(
        reply.must("content-range"),
        format!("bytes {mark}-{}/{total}", mark + 5)
    );
    assert_eq!(reply.text(), "beyond");
    assert_eq!(get("-7".into()).text(), "the end");
    assert_eq!(get(format!("{}-", total - 3)).text(), "end");
    let reply = get(format!("{total}-"));
    assert_eq!(reply.must("content-range"), format!("bytes */{total}"));
    let reply = get(format!("{mark}-{},-3", mark + 1));
    let texts: Vec<_> = parts(&reply)
        .expect("parts")
        .into_iter()
        .map(|p| p.2)
        .collect();
    assert_eq!(texts, [&b"be"[..], b"end"]);
    // All of it is promised; the client leaves in time.
    let mut leaving = server.connect();
    leaving.send("GET /big.png HTTP/1.1\r\nHost: a\r\n\r\n");
    leaving.read_some(1_000_000);
    drop(leaving);
    server.connect().assert_open();
}

#[test]
fn an_empty_file_has_no_part() {
    let server = Server::build().file("a.png", "").start();
    let rows = [
        ("bytes=0-", Unsatisfiable),
        ("bytes=0-0", Unsatisfiable),
        ("bytes=-0", Unsatisfiable),
        ("bytes=-1", Whole),
        ("bytes=x", Whole),
    ];
    check(&rows, |(range, wanted)| {
        let mut client = server.connect();
        let reply = client.get_with("/a.png", &format!("Range: {range}\r\n"));
        judge(&reply, b"", *wanted)?;
        client.assert_open();
        Ok(())
    });
}
