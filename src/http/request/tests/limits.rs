//! Limits: each at its boundary, for complete and incomplete heads.

use super::*;

const SMALL: HeadLimits = HeadLimits {
    request_line_bytes_max: 40,
    header_section_bytes_max: 30,
    header_fields_max: 3,
};

fn check(bytes: impl AsRef<[u8]>, expected: Result<bool, RequestError>) {
    let verdict = check_cuts(bytes.as_ref(), &SMALL);
    let seen = match verdict {
        Verdict::Incomplete => Ok(false),
        Verdict::Request(..) => Ok(true),
        Verdict::Refused(error) => Err(error),
    };
    assert_eq!(seen, expected, "{}", bytes.as_ref().escape_ascii());
}

const MALFORMED: RequestError = RequestError::Malformed("");

#[test]
fn the_request_line_is_limited() {
    // The line without its target has 13 bytes.
    let line = |target: usize, version: &str| {
        format!(
            "GET {} {version}",
            format_args!("/{}", "a".repeat(target - 1))
        )
    };
    let rest = "\r\nHost: a\r\n\r\n";
    for version in ["HTTP/1.1", "HTTP/1.0", "HTTP/1.9"] {
        check(line(27, version) + rest, Ok(true));
        check(line(28, version) + rest, Err(RequestError::LineTooLong));
        check(String::from("\r\n") + &line(27, version) + rest, Ok(true));
        check(
            String::from("\r\n") + &line(28, version) + rest,
            Err(RequestError::LineTooLong),
        );
    }
    check(line(27, "HTTP/2.0") + rest, Err(RequestError::Version));
    check(line(28, "HTTP/2.0") + rest, Err(RequestError::LineTooLong));
    check(line(28, "x"), Ok(false));
    check(line(36, ""), Err(RequestError::LineTooLong));
    check(line(36, "").trim_end(), Ok(false));
    check(line(400, "HTTP/1.1"), Err(RequestError::LineTooLong));
    check(line(27, "HTTP/1.1") + "\r", Ok(false));
    check(line(27, "HTTP/1.1") + "\rX", Err(RequestError::LineTooLong));
    check(line(26, "HTTP/1.1") + "\rX", Err(MALFORMED));
    check(line(27, "HTTP/1.1") + "\n", Err(MALFORMED));
    check(line(28, "HTTP/1.1") + "\n", Err(RequestError::LineTooLong));
    // Malformed before and after the limit is passed.
    check(format!("GET /\x01{}", "a".repeat(50)), Err(MALFORMED));
    check(
        format!("GET /{}\x01", "a".repeat(50)),
        Err(RequestError::LineTooLong),
    );
    check(
        format!("GET / {}\r\n", "a".repeat(50)),
        Err(RequestError::LineTooLong),
    );
    check(format!("{} / HTTP/1.1\r\n", "M".repeat(50)), Err(MALFORMED));
}

#[test]
fn the_default_limits_are_exact() {
    let line = |bytes: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "a".repeat(bytes - 14)
        )
    };
    accepted(line(8 << 10), |_| ());
    refused(414, line((8 << 10) + 1));
    refused(414, line(20_000));
    refused(414, format!("GET /{}", "a".repeat(20_000)));
    // Host and the name of X have 13 bytes with their line ends.
    let block = |bytes: usize| with_fields(&format!("X:{}\r\n", "a".repeat(bytes - 13)));
    accepted(block(32 << 10), |_| ());
    refused(431, block((32 << 10) + 1));
    refused(431, block(100_000));
    let count = |fields: usize| with_fields(&"X: a\r\n".repeat(fields - 1));
    accepted(count(100), |_| ());
    refused(431, count(101));
    refused(431, count(2000));
    let later = count(101).replace("HTTP/1.1", "HTTP/1.4");
    refused(431, later);
    accepted(count(100).replace("HTTP/1.1", "HTTP/1.4"), |_| ());
}

#[test]
fn the_header_section_is_limited() {
    for version in ["1.1", "1.6"] {
        let head = |lines: &str| format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}");
        let value = |bytes: usize| format!("X:{}\r\n", "b".repeat(bytes));
        check(head(&(value(17) + "\r\n")), Ok(true));
        check(
            head(&(value(18) + "\r\n")),
            Err(RequestError::FieldsTooLarge),
        );
        check(head(&value(17)), Ok(false));
        check(head(&value(18)), Err(RequestError::FieldsTooLarge));
        check(head(&(value(17) + "Y")), Err(RequestError::FieldsTooLarge));
        check(head(&(value(17) + "\r")), Ok(false));
        check(head(&(value(17) + "\rX")), Err(MALFORMED));
        check(head(&(value(17) + "\n")), Err(MALFORMED));
        check(head(&"b".repeat(100)), Err(RequestError::FieldsTooLarge));
        check(head("X:\r\nX:\r\n\r\n"), Ok(true));
        check(
            head("X:\r\nX:\r\nX:\r\n\r\n"),
            Err(RequestError::TooManyFields),
        );
        check(head("X:\r\nX:\r\nX:\r\n"), Err(RequestError::TooManyFields));
        check(head("X:\r\nX:\r\nX:"), Ok(false));
        // Whichever comes first.
        check(head("X:\x01\r\nX:\r\nX:\r\nX:\r\n"), Err(MALFORMED));
        check(
            head("X:\r\nX:\r\nX:\r\nX:\x01\r\n"),
            Err(RequestError::TooManyFields),
        );
        check(head("X:\r\nX:\r\nX:\x01\r\n"), Err(MALFORMED));
        check(head(&format!("X:\x01{}", "b".repeat(100))), Err(MALFORMED));
        check(
            head(&format!("X:{}\x01", "b".repeat(100))),
            Err(RequestError::FieldsTooLarge),
        );
        // The byte that passes the limit, and the one after it.
        check(head(&format!("X:{}\x01", "b".repeat(19))), Err(MALFORMED));
        check(
            head(&format!("X:{}\x01", "b".repeat(20))),
            Err(RequestError::FieldsTooLarge),
        );
        check(head("X:\n\r\n"), Err(MALFORMED));
        check(
            head(&format!("X:\n{}", value(40))),
            Err(RequestError::FieldsTooLarge),
        );
    }
    // A line that is refused does not wait for its fields.
    check(
        format!("G@T / HTTP/1.1\r\n{}", "b".repeat(100)),
        Err(MALFORMED),
    );
    check(
        format!("GET / HTTP/2.0\r\n{}", "b".repeat(100)),
        Err(RequestError::Version),
    );
}
