use super::*;

#[track_caller]
fn check_seconds(text: &str, milliseconds: Option<u64>) {
    let expected = milliseconds.map(Duration::from_millis);
    assert_eq!(seconds(text).ok(), expected, "{text:?}");
}

#[test]
fn seconds_are_decimal_and_at_most_a_year() {
    check_seconds("75", Some(75_000));
    check_seconds("0", Some(0));
    check_seconds("0.25", Some(250));
    check_seconds(".5", Some(500));
    check_seconds("31536000", Some(31_536_000_000));
    for text in [
        "", ".", "-1", "+1", "1e3", "inf", "NaN", "1.2.3", "1 ", "1s", "31536001",
    ] {
        check_seconds(text, None);
    }
    let vast = "9".repeat(400);
    check_seconds(&vast, None);
}

#[test]
fn a_time_out_is_more_than_zero() {
    for text in ["0", "0.0", "0.0000000001"] {
        assert_eq!(
            positive_seconds(text),
            Err("must be greater than 0".into()),
            "{text:?}"
        );
    }
    assert!(positive_seconds("0.001").is_ok());
}

#[test]
fn whole_numbers_are_checked_against_their_range() {
    let parse = whole_number(1..=1024_u64);
    for (text, number) in [
        ("1", Some(1)),
        ("1024", Some(1024)),
        ("0", None),
        ("1025", None),
        ("", None),
        ("+1", None),
        ("-1", None),
        ("1.0", None),
        ("0x10", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(parse(text).ok(), number, "{text:?}");
    }
}

#[track_caller]
fn check_listen(text: &str, expected: Result<Listen, &str>) {
    match (listen(text), expected) {
        (Ok(listen), Ok(expected)) => assert_eq!(listen, expected, "{text:?}"),
        (Err(reason), Err(part)) => assert!(reason.contains(part), "{text:?}: {reason}"),
        (got, _) => panic!("{text:?} gave {got:?}"),
    }
}

#[test]
fn listen_takes_addresses_and_localhost() {
    let address = |text: &str| Ok(Listen::Address(text.parse().unwrap()));
    check_listen("127.0.0.1:8080", address("127.0.0.1:8080"));
    check_listen("0.0.0.0:80", address("0.0.0.0:80"));
    check_listen(" 0.0.0.0:80", address("0.0.0.0:80"));
    check_listen("[::1]:0", address("[::1]:0"));
    check_listen("localhost:8080", Ok(Listen::Localhost(8080)));
    check_listen("LocalHost:0", Ok(Listen::Localhost(0)));
    check_listen("localhost:", Err("the port must be a number"));
    check_listen("localhost:65536", Err("the port must be a number"));
    check_listen("localhost:+1", Err("the port must be a number"));
    check_listen("8080", Err("use localhost:8080 for loopback"));
    check_listen(
        ":8080",
        Err("0.0.0.0:8080 (IPv4) and [::]:8080 (IPv6) for all interfaces"),
    );
    check_listen("::1:8080", Err("expected ADDR:PORT"));
    check_listen("example.org:80", Err("expected ADDR:PORT"));
    check_listen("127.0.0.1", Err("expected ADDR:PORT"));
    check_listen("127.0.0.1:65536", Err("expected ADDR:PORT"));
    check_listen("", Err("expected ADDR:PORT"));
    check_listen(":", Err("expected ADDR:PORT"));
    check_listen("unix", Err("expected ADDR:PORT"));
}

#[test]
fn listen_takes_unix_sockets_with_a_mode() {
    let unix = |path: &str, mode| {
        let path = path.into();
        Ok(Listen::Unix { path, mode })
    };
    check_listen("unix:/run/s", unix("/run/s", 0o600));
    check_listen("unix:s", unix("s", 0o600));
    check_listen(" unix:s ", unix("s ", 0o600));
    check_listen("unix:/run/s:660", unix("/run/s", 0o660));
    check_listen("unix:/run/s:0777", unix("/run/s", 0o777));
    check_listen("unix:/run/s:0", unix("/run/s", 0));
    check_listen("unix:/run/a:b", unix("/run/a:b", 0o600));
    check_listen("unix:/run/a:80:600", unix("/run/a:80", 0o600));
    check_listen("unix:/run/s:", unix("/run/s:", 0o600));
    check_listen("unix:/run/s:800", Err("must be octal"));
    check_listen("unix:/run/s:1777", Err("must be octal"));
    check_listen("unix:", Err("missing path"));
    check_listen("unix::600", Err("missing path"));
}

#[track_caller]
fn check_field(text: &str, expected: Result<&[(&str, &str)], &str>) {
    match (field_lines(text), expected) {
        (Ok(lines), Ok(expected)) => {
            let lines: Vec<_> = lines
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(lines, expected, "{text:?}");
        }
        (Err(reason), Err(part)) => assert!(reason.contains(part), "{text:?}: {reason}"),
        (got, _) => panic!("{text:?} gave {got:?}"),
    }
}

#[test]
fn valid_fields_are_parsed() {
    check_field("X-A: b", Ok(&[("X-A", "b")]));
    check_field("X-A:b:c", Ok(&[("X-A", "b:c")]));
    check_field("X-A:", Ok(&[("X-A", "")]));
    check_field("X-A: \t b\tc \t", Ok(&[("X-A", "b\tc")]));
    check_field("X-A: caf\u{e9}", Ok(&[("X-A", "caf\u{e9}")]));
    check_field("Server: mine", Ok(&[("Server", "mine")]));
    check_field(
        "cache-control: no-store",
        Ok(&[("cache-control", "no-store")]),
    );
    check_field("A: 1, 2\n\nB: 3\n", Ok(&[("A", "1, 2"), ("B", "3")]));
    check_field("A: 1\r\n\r\nB: 2\r\n", Ok(&[("A", "1"), ("B", "2")]));
}

#[test]
fn malformed_and_computed_fields_are_rejected() {
    check_field("", Err("expected NAME: VALUE"));
    check_field("X-A", Err("expected NAME: VALUE"));
    check_field(": b", Err("'' is not a field name"));
    check_field("X A: b", Err("'X A' is not a field name"));
    check_field("X-A : b", Err("'X-A ' is not a field name"));
    check_field("X-\u{e9}: b", Err("is not a field name"));
    check_field("X-A: b\rC: d", Err("the value of X-A contains a control"));
    check_field("X-A: b\0", Err("the value of X-A contains a control"));
    check_field("X-A: b\u{7f}", Err("the value of X-A contains a control"));
    check_field("X-A: b\u{85}", Err("the value of X-A contains a control"));
    for own in COMPUTED {
        let line = format!("{}: 1", own.to_ascii_lowercase());
        check_field(&line, Err(&format!("{own} is computed for each response")));
    }
}

#[track_caller]
fn check_media_type(text: &str, expected: Option<(&str, &str)>) {
    let parsed = media_type(text).ok();
    let parsed = parsed
        .as_ref()
        .map(|(ext, kind)| (ext.as_str(), kind.as_str()));
    assert_eq!(parsed, expected, "{text:?}");
}

#[test]
fn media_types_by_extension() {
    check_media_type("md=text/markdown", Some(("md", "text/markdown")));
    check_media_type(".MD= text/markdown ", Some(("md", "text/markdown")));
    let with_charset = "text/markdown; charset=utf-8";
    check_media_type(&format!("md={with_charset}"), Some(("md", with_charset)));
    let tabs = "text/markdown\t;\tcharset=utf-8";
    check_media_type(&format!("md={tabs}"), Some(("md", tabs)));
    let quoted = "text/x;a=\"b c\"";
    check_media_type(&format!("x={quoted}"), Some(("x", quoted)));
    for text in [
        "md",
        "md=",
        "=text/markdown",
        "md=text",
        "md=text/",
        "md=/markdown",
        "md=te xt/markdown",
        "md=text/mark down",
        "md=text/markdown;",
        "md=text/markdown;charset",
        "md=text/markdown;charset=",
        "md=text/markdown;=utf-8",
        "md=text/markdown;char set=utf-8",
        "md=text/x;a=\"b",
        "md=text/x;a=\"",
        "md=text/x\r\nA: b",
        "md=text/x;a=\"\r\n\"",
        "md=text/x;a=\"b\r\nC: d\"",
        "md=text/x;a=\"b\"c\"",
        "md=text/x;a=\"b\\c\"",
        "a/b=text/plain",
        "tar.gz=application/gzip",
    ] {
        check_media_type(text, None);
    }
}

#[test]
fn spa_files_are_relative_to_the_root_and_not_hidden() {
    for (text, path) in [
        ("index.html", Some("index.html")),
        ("/app/index.html", Some("app/index.html")),
        ("", None),
        ("/", None),
        ("app/", None),
        ("../secret", None),
        ("app/./x", None),
        ("app//x", None),
        ("a\0b", None),
        (".env", None),
        ("app/.git/x", None),
        ("%2eenv", None),
        (".well-known/app.html", Some(".well-known/app.html")),
        ("%2e%2e/secret", None),
        ("100%.html", None),
    ] {
        assert_eq!(file_beneath_root(text).ok().as_deref(), path, "{text:?}");
    }
}

#[test]
fn charsets_and_users_are_validated() {
    assert_eq!(charset("none"), Ok("none".into()));
    assert_eq!(charset("UTF-8"), Ok("UTF-8".into()));
    assert!(charset("").is_err());
    assert!(charset("utf-8\r\nA: b").is_err());
    assert_eq!(user("www-data"), Ok("www-data".into()));
    for text in ["", "a:b", "a/b", "a\nb"] {
        assert!(user(text).is_err(), "{text:?}");
    }
}
