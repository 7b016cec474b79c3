use super::*;
use crate::{
    config::SiteOptions,
    files::{Found, Selected, Site},
    http::{content_coding::AcceptEncoding, date::HttpDate, target::RequestPath},
};

const CONTENT: &[u8] = b"0123456789abcdefghij";

fn selected() -> Selected {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), CONTENT).unwrap();
    let options = SiteOptions {
        root: root.path().to_path_buf(),
        ..SiteOptions::default()
    };
    let view = Site::open(&options).unwrap().view();
    let path = RequestPath::new("/a.txt").unwrap();
    match view.find(&path, AcceptEncoding::IDENTITY, Turn(1)) {
        Ok(Found::File(selected)) => selected,
        other => panic!("{other:?}"),
    }
}

/// A response taken apart without the code that wrote it.
struct Reply {
    status: String,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Reply {
    fn of(bytes: &[u8]) -> Reply {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let field = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_string(), value.to_string())
        };
        Reply {
            status: lines.next().unwrap().to_string(),
            fields: lines.map(field).collect(),
            content: bytes[end + 4..].to_vec(),
        }
    }

    #[track_caller]
    fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|field| field.0 == name);
        let value = found.next().map(|field| &*field.1);
        assert!(found.next().is_none(), "{name} twice");
        value
    }
}

/// The reply of `answer` to GET, checked against that to HEAD, which has no
/// content.
#[track_caller]
fn check(answer: &Answer, persistence: Persistence) -> (Reply, Queued) {
    let common = CommonFields::new(&[], HttpDate::from_unix_seconds(0));
    let write = |head_only: bool| {
        let frame = Frame {
            common: &common,
            persistence,
            head_only,
            turn: Turn(7),
        };
        let mut output = Output::default();
        let queued = queue(answer, frame, &mut output);
        assert!(!output.has_parts(), "small content is copied");
        (Reply::of(&output.bytes), queued)
    };
    let (get, queued) = write(false);
    let (head, head_queued) = write(true);
    assert_eq!(get.fields, head.fields, "HEAD has GET's head");
    assert_eq!(get.status, head.status);
    assert!(head.content.is_empty(), "HEAD has no content");
    assert_eq!(head_queued.content_bytes, 0);
    assert_eq!(queued.content_bytes, get.content.len() as u64);
    assert_eq!(get.status, queued.status.line().trim_end());
    match get.field("Content-Length") {
        Some(length) => assert_eq!(length, get.content.len().to_string()),
        None => assert!(get.content.is_empty()),
    }
    (get, queued)
}

#[test]
fn a_representation_is_sent_whole_or_in_part() {
    let file = selected();
    let range = |first, last| ByteRange { first, last };
    let of = |part| {
        let answer = Chosen::answer(file.clone(), part);
        check(&answer, Persistence::Keep).0
    };

    let whole = of(Part::Whole);
    assert_eq!(whole.content, CONTENT);
    assert!(whole.field("ETag").is_some() && whole.field("Last-Modified").is_some());
    assert_eq!(whole.field("Content-Range"), None);

    let not_modified = of(Part::NotModified);
    assert_eq!(not_modified.field("Content-Length"), None);
    assert_eq!(not_modified.field("Content-Type"), None);
    assert_eq!(not_modified.field("ETag"), whole.field("ETag"));

    let part = of(Part::Range(range(5, 9)));
    assert_eq!(part.content, b"56789");
    assert_eq!(part.field("Content-Range"), Some("bytes 5-9/20"));
    assert_eq!(part.field("ETag"), whole.field("ETag"));

    // For a path other than its own, the answer has its own `Vary`.
    for part in [
        Part::Whole,
        Part::NotModified,
        Part::Range(range(5, 9)),
        Part::Ranges(vec![range(0, 1), range(18, 19)]),
    ] {
        let elsewhere = Answer::Representation(Chosen {
            selected: file.clone(),
            part,
            vary: Some("Accept"),
        });
        let (reply, _) = check(&elsewhere, Persistence::Keep);
        assert_eq!(reply.field("Vary"), Some("Accept"));
        assert_eq!(reply.field("ETag"), whole.field("ETag"));
    }

    // The site's own error page, without the validators of its file.
    let missing = of(Part::NotFound);
    assert_eq!(missing.content, CONTENT);
    assert_eq!(missing.field("ETag"), None);
    assert_eq!(missing.field("Accept-Ranges"), None);
    assert_eq!(missing.field("Cache-Control"), Some("no-cache"));
}

#[test]
fn several_ranges_are_sent_as_multipart_byteranges() {
    let file = selected();
    let ranges = [(0, 1), (18, 19), (4, 4)].map(|(first, last)| ByteRange { first, last });
    let part = Part::Ranges(ranges.to_vec());
    let answer = Chosen::answer(file, part);
    let (reply, _) = check(&answer, Persistence::Keep);
    assert_eq!(reply.field("Content-Range"), None);
    let kind = reply.field("Content-Type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert!((1..=70).contains(&boundary.len()), "RFC 2046 section 5.1.1");
    let mut expected = String::new();
    for (range, content) in [("0-1", "01"), ("18-19", "ij"), ("4-4", "4")] {
        expected += &format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Range: bytes {range}/20\r\n\r\n{content}"
        );
    }
    expected += &format!("\r\n--{boundary}--\r\n");
    assert_eq!(String::from_utf8(reply.content).unwrap(), expected);
}

#[test]
fn a_page_has_its_own_fields() {
    for &status in Status::ALL {
        let has_page = status.code() >= 300 && status != Status::NotModified;
        if has_page {
            let (reply, queued) = check(&Answer::Page(Page::of(status)), Persistence::Keep);
            assert_eq!(queued.status, status);
            assert!(!reply.content.is_empty());
            assert_eq!(
                reply.field("Allow").is_some(),
                status == Status::MethodNotAllowed
            );
            assert_eq!(reply.field("Cache-Control"), Some("no-cache"));
        }
    }
    let (reply, _) = check(
        &Answer::Page(Page::range_not_satisfiable(20)),
        Persistence::Keep,
    );
    assert_eq!(reply.field("Content-Range"), Some("bytes */20"));
    let path = RequestPath::new("/a%20b").unwrap();
    let redirect = Page::redirect_to_folder(&path, Some("q=1"), "max-age=5");
    let (reply, _) = check(&Answer::Page(redirect), Persistence::Keep);
    assert_eq!(reply.field("Location"), Some("/a%20b/?q=1"));
    assert_eq!(reply.field("Cache-Control"), Some("max-age=5"));
}

#[test]
fn options_has_neither_content_nor_a_length() {
    let (reply, queued) = check(&Answer::Options, Persistence::Keep);
    assert_eq!(queued.status, Status::NoContent);
    assert_eq!(reply.field("Allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(reply.field("Content-Length"), None);
}

#[test]
fn every_response_announces_whether_the_connection_persists() {
    let answers = [
        Answer::Options,
        Answer::Page(Page::of(Status::NotFound)),
        Chosen::answer(selected(), Part::Whole),
        Chosen::answer(selected(), Part::NotModified),
    ];
    let table = [
        (Persistence::Keep, None),
        (Persistence::KeepAnnounced, Some("keep-alive")),
        (Persistence::Close, Some("close")),
    ];
    for answer in &answers {
        for (persistence, expected) in table {
            assert_eq!(check(answer, persistence).0.field("Connection"), expected);
        }
    }
}
