use super::*;

const NOON: HttpDate = HttpDate::from_unix_seconds(1_795_359_000);

fn entry<'a>(time: &'a LogTime, line: &'a [u8], version: Option<Version>) -> LogEntry<'a> {
    LogEntry {
        client: Some(IpAddr::from([192, 0, 2, 10])),
        time,
        line,
        version,
        status: Status::Ok,
        referer: None,
        user_agent: None,
        connection: 7,
        number: 2,
    }
}

const DONE: LogOutcome = LogOutcome {
    bytes: 1024,
    microseconds: 83,
    close: None,
};

/// The line is as expected, written at once and in two steps.
fn check(format: LogFormat, entry: &LogEntry, outcome: &LogOutcome, expected: &str) {
    let mut at_once = Vec::new();
    write_line(format, entry, outcome, &mut at_once);
    assert_eq!(String::from_utf8(at_once).unwrap(), expected);
    let mut later = Vec::new();
    PendingLine::new(format, entry).complete(format, outcome, &mut later);
    assert_eq!(String::from_utf8(later).unwrap(), expected);
}

#[test]
fn combined_lines() {
    let time = LogTime::new(NOON);
    let plain = entry(&time, b"GET /a?b=%20", Some(Version::Http11));
    let rows: [(LogEntry, &str); 7] = [
        (
            LogEntry {
                client: None,
                ..plain
            },
            r#"unix: - - [22/Nov/2026:14:50:00 +0000] "GET /a?b=%20 HTTP/1.1" 200 1024 "-" "-""#,
        ),
        (
            plain,
            r#"192.0.2.10 - - [22/Nov/2026:14:50:00 +0000] "GET /a?b=%20 HTTP/1.1" 200 1024 "-" "-""#,
        ),
        (
            LogEntry {
                client: "2001:db8::1".parse().ok(),
                status: Status::NotFound,
                referer: Some(b"http://example.org/"),
                user_agent: Some(b"curl/8.0"),
                ..plain
            },
            r#"2001:db8::1 - - [22/Nov/2026:14:50:00 +0000] "GET /a?b=%20 HTTP/1.1" 404 1024 "http://example.org/" "curl/8.0""#,
        ),
        (
            LogEntry {
                client: "::ffff:192.0.2.1".parse().ok(),
                line: b"GET /",
                version: Some(Version::Http10),
                referer: Some(b""),
                user_agent: Some(b"a\"b\\c\td\x7f\xc3\xa9\n"),
                ..plain
            },
            r#"192.0.2.1 - - [22/Nov/2026:14:50:00 +0000] "GET / HTTP/1.0" 200 1024 "-" "a\x22b\x5Cc\x09d\x7F\xC3\xA9\x0A""#,
        ),
        (
            LogEntry {
                line: b"\x16\x03\x01",
                version: None,
                status: Status::BadRequest,
                ..plain
            },
            r#"192.0.2.10 - - [22/Nov/2026:14:50:00 +0000] "\x16\x03\x01" 400 1024 "-" "-""#,
        ),
        (
            LogEntry {
                line: b"",
                version: None,
                status: Status::RequestTimeout,
                ..plain
            },
            r#"192.0.2.10 - - [22/Nov/2026:14:50:00 +0000] "-" 408 1024 "-" "-""#,
        ),
        (
            LogEntry {
                line: b"",
                version: None,
                status: Status::BadRequest,
                ..plain
            },
            r#"192.0.2.10 - - [22/Nov/2026:14:50:00 +0000] "-" 400 1024 "-" "-""#,
        ),
    ];
    for (entry, expected) in rows {
        check(LogFormat::Combined, &entry, &DONE, &format!("{expected}\n"));
    }
}

#[test]
fn json_lines() {
    let time = LogTime::new(NOON);
    let plain = entry(&time, b"GET /", Some(Version::Http11));
    let head = r#"{"time":"2026-11-22T14:50:00Z","client":"192.0.2.10","connection":7,"request":2"#;
    check(
        LogFormat::Json,
        &plain,
        &DONE,
        &format!(
            "{head}{}\n",
            r#","line":"GET /","version":"HTTP/1.1","status":200,"referer":null,"user_agent":null,"bytes":1024,"microseconds":83,"kept":true,"close":null}"#
        ),
    );
    check(
        LogFormat::Json,
        &LogEntry {
            line: b"\x00\"\\\xff",
            version: None,
            status: Status::BadRequest,
            user_agent: Some(b"\xc3\xa9"),
            ..plain
        },
        &LogOutcome {
            close: Some(CloseReason::BadRequest),
            ..DONE
        },
        &format!(
            "{head}{}\n",
            r#","line":"\u0000\"\\\u00FF","version":null,"status":400,"referer":null,"user_agent":"\u00C3\u00A9","bytes":1024,"microseconds":83,"kept":false,"close":"bad_request"}"#
        ),
    );
}

#[test]
fn whatever_the_request_held_a_line_is_one_printable_line() {
    let all: Vec<u8> = (0..=255).collect();
    let time = LogTime::new(NOON);
    for format in [LogFormat::Combined, LogFormat::Json] {
        let entry = LogEntry {
            referer: Some(&all),
            user_agent: Some(&all),
            ..entry(&time, &all[14..], None)
        };
        let mut out = Vec::new();
        write_line(format, &entry, &DONE, &mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        assert!(
            out.iter().all(|byte| (0x20..0x7f).contains(byte)),
            "{format:?}"
        );
        let text = String::from_utf8(out).unwrap();
        let bare = text.replace(r"\\", "").replace(r#"\""#, "");
        assert_eq!(bare.matches('"').count() % 2, 0, "{format:?}");
    }
}

#[test]
fn long_fields_are_cut_and_a_request_line_is_not() {
    let time = LogTime::new(NOON);
    let (line, field) = (vec![b'l'; 1 << 20], vec![b'f'; 1 << 20]);
    let cut = "f".repeat(FIELD_BYTES_MAX);
    let entry = LogEntry {
        referer: Some(&field),
        user_agent: Some(&field),
        ..entry(&time, &line, Some(Version::Http11))
    };
    for format in [LogFormat::Combined, LogFormat::Json] {
        let mut out = Vec::new();
        write_line(format, &entry, &DONE, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches(&format!("\"{cut}\"")).count(), 2, "{format:?}");
        let lines = text.split(|char| char != 'l').map(str::len);
        assert_eq!(lines.max(), Some(line.len()), "{format:?}");
    }
}

#[test]
fn a_second_is_written_in_both_formats() {
    let time = |seconds| LogTime::new(HttpDate::from_unix_seconds(seconds));
    assert_eq!(&time(0).combined, b"[01/Jan/1970:00:00:00 +0000]");
    assert_eq!(&time(0).iso, b"1970-01-01T00:00:00Z");
    assert_eq!(
        &LogTime::new(NOON).combined,
        b"[22/Nov/2026:14:50:00 +0000]"
    );
    assert_eq!(&time(951_825_599).iso, b"2000-02-29T11:59:59Z");
}
