use super::*;

const DATE: HttpDate = HttpDate::from_unix_seconds(784_111_777);

const COMMON: &str = "Server: stdhttpd\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                      X-Content-Type-Options: nosniff\r\n";

/// A change to a head without optional fields.
type Change<'a> = &'a dyn Fn(&mut Head<'_>);

#[test]
fn every_part_of_a_head_has_its_line() {
    let common = CommonFields::new(&[], DATE);
    let check = |change: Change<'_>, expected: &str| {
        let mut head = Head::new(Status::Ok, &common, Persistence::Keep);
        change(&mut head);
        let mut out = b"before".to_vec();
        head.write(&mut out);
        let line = head.status.line();
        let expected = format!("before{line}{COMMON}{expected}\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    let part = ByteRange {
        first: 5,
        last: 1_234,
    };
    let table: &[(Change<'_>, &str)] = &[
        (&|_| {}, ""),
        (&|head| head.status = Status::NotFound, ""),
        (&|head| head.representation = b"A: b\r\n", "A: b\r\n"),
        (&|head| head.location = Some(b"/x/"), "Location: /x/\r\n"),
        (
            &|head| head.allow = Some("GET, HEAD"),
            "Allow: GET, HEAD\r\n",
        ),
        (&|head| head.retry_after = Some(120), "Retry-After: 120\r\n"),
        (
            &|head| head.cache_control = Some("no-cache"),
            "Cache-Control: no-cache\r\n",
        ),
        (
            &|head| head.content_security_policy = Some("default-src 'none'"),
            "Content-Security-Policy: default-src 'none'\r\n",
        ),
        (&|head| head.vary = Some("Accept"), "Vary: Accept\r\n"),
        (
            &|head| head.content_type = Some("text/html"),
            "Content-Type: text/html\r\n",
        ),
        (
            &|head| head.content_range = Some(ContentRange::Part(part, 99_999)),
            "Content-Range: bytes 5-1234/99999\r\n",
        ),
        (
            &|head| head.content_range = Some(ContentRange::Unsatisfied(0)),
            "Content-Range: bytes */0\r\n",
        ),
        (
            &|head| head.content_length = Some(0),
            "Content-Length: 0\r\n",
        ),
        (
            &|head| head.content_length = Some(u64::MAX),
            "Content-Length: 18446744073709551615\r\n",
        ),
        (
            &|head| head.persistence = Persistence::KeepAnnounced,
            "Connection: keep-alive\r\n",
        ),
        (
            &|head| head.persistence = Persistence::Close,
            "Connection: close\r\n",
        ),
    ];
    for (change, expected) in table {
        check(change, expected);
    }
}

#[test]
fn the_lines_of_a_representation_are_prefixes_of_one_another() {
    let check = |coding: Option<ContentCoding>, dated: bool, varies: bool| {
        let suffix = coding.map_or("", ContentCoding::suffix).replace('.', "-");
        let tag = format!("\"1-7{suffix}\"");
        let ready = ReadyFields::new(&RepresentationFields {
            content_type: "text/plain",
            content_coding: coding,
            content_length: 7,
            version: 1,
            last_modified: dated.then_some(DATE),
            cache_control: "max-age=5",
            varies,
        });
        let mut expected = String::new();
        if varies {
            expected += "Vary: Accept-Encoding\r\n";
        }
        let vary_end = expected.len();
        expected += &format!("ETag: {tag}\r\nCache-Control: max-age=5\r\n");
        // RFC 9110 section 15.4.5: no metadata of the content.
        assert_eq!(ready.not_modified(), expected.as_bytes());
        assert_eq!(ready.etag(), tag.as_bytes());
        if dated {
            expected += "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        }
        expected += "Accept-Ranges: bytes\r\n";
        if let Some(coding) = coding {
            expected += &format!("Content-Encoding: {}\r\n", coding.name());
        }
        assert_eq!(ready.multipart(), expected.as_bytes());
        expected += "Content-Type: text/plain\r\n";
        assert_eq!(ready.partial(), expected.as_bytes());
        expected += "Content-Length: 7\r\n";
        assert_eq!(ready.whole(), expected.as_bytes());
        let without = ready.without_vary(ready.whole());
        assert_eq!(without, &expected.as_bytes()[vary_end..]);
    };
    for coding in [None, Some(ContentCoding::Brotli)] {
        for (dated, varies) in [(true, true), (true, false), (false, true), (false, false)] {
            check(coding, dated, varies);
        }
    }
}

#[test]
fn added_fields_replace_the_defaults() {
    let check = |added: &[(&str, &str)], expected: &str| {
        let added: Vec<(String, String)> = added
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let common = CommonFields::new(&added, DATE);
        let text = String::from_utf8(common.lines).unwrap();
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert_eq!(text, expected.replace("DATE", date));
    };
    check(
        &[],
        "Server: stdhttpd\r\nDATEX-Content-Type-Options: nosniff\r\n",
    );
    check(
        &[("X-A", "b")],
        "Server: stdhttpd\r\nDATEX-Content-Type-Options: nosniff\r\nX-A: b\r\n",
    );
    check(
        &[("server", "s")],
        "DATEX-Content-Type-Options: nosniff\r\nserver: s\r\n",
    );
}

#[test]
fn the_date_is_set_in_place() {
    let mut common = CommonFields::new(&[], HttpDate::from_unix_seconds(0));
    let length = common.lines.len();
    common.set_date(DATE);
    assert_eq!(common.lines, COMMON.as_bytes());
    assert_eq!((common.lines.len(), common.date()), (length, DATE));
}

#[test]
fn the_date_is_put_into_a_response_that_was_written_before() {
    let check = |added: &[(&str, &str)]| {
        let added: Vec<_> = added
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let write = |date| {
            let common = CommonFields::new(&added, date);
            let mut response = Vec::new();
            Head::new(Status::Ok, &common, Persistence::Keep).write(&mut response);
            response.extend_from_slice(b"Date: content\n");
            (common, response)
        };
        let (_, mut old) = write(HttpDate::from_unix_seconds(0));
        let (common, new) = write(DATE);
        assert_ne!(old, new);
        common.put_date(&mut old);
        assert_eq!(old, new, "{added:?}");
    };
    check(&[]);
    check(&[
        ("Server", "another, longer"),
        ("X-Content-Type-Options", ""),
    ]);
    check(&[("Date-Of-Birth", "none")]);
    // Anything else is left unchanged.
    let common = CommonFields::new(&[], DATE);
    for response in [
        "",
        "no line",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nDate: ",
    ] {
        let mut bytes = response.as_bytes().to_vec();
        common.put_date(&mut bytes);
        assert_eq!(bytes, response.as_bytes());
    }
}

#[test]
fn decimals_are_written() {
    for number in [0, 1, 9, 10, 99, 100, 1_234_567_890, u64::MAX - 1, u64::MAX] {
        let mut out = Vec::new();
        write_decimal(&mut out, number);
        assert_eq!(out, number.to_string().as_bytes());
    }
}
