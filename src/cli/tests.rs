use std::{
    ffi::OsStr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    time::Duration,
};

use super::{diagnostics::one_line, *};
use crate::config::{AccessLogTarget, Listen, LogFormat};

/// Parses the words of `line` into a configuration.
#[track_caller]
fn config(line: &str) -> Config {
    match parse(words(line)) {
        Ok(Invocation::Serve(config)) => *config,
        other => panic!("{line:?} gave {other:?}"),
    }
}

fn words(line: &str) -> Vec<String> {
    std::iter::once("stdhttpd")
        .chain(line.split_whitespace())
        .map(String::from)
        .collect()
}

#[test]
fn without_options_the_defaults_hold() {
    let (parsed, defaults) = (config(""), Config::default());
    assert_eq!(format!("{parsed:?}"), format!("{defaults:?}"));
}

#[test]
fn each_option_sets_its_field() {
    let parsed = config(
        "site -l 127.0.0.1:0 --listen [::1]:80,localhost:81 -t 3 --reuse-port --keep-alive 0 \
         --header-timeout 1.5 --body-timeout 2 --write-timeout 3 --shutdown-timeout 0 \
         --max-requests 9 --max-connections 10 --max-connections-per-ip 11 --min-rate 12 \
         --listing --spa /app.html --cache-size 13 --max-age 14 --charset none \
         --mime md=text/markdown --mime x=a/b,y=c/d --access-log - --log-format json \
         --trust-proxy 10.0.0.0/8 --status 127.0.0.1:9 --no-sandbox --user nobody",
    );
    let addresses: Vec<_> = ["127.0.0.1:0", "[::1]:80"]
        .map(|address| Listen::Address(address.parse().unwrap()))
        .into_iter()
        .chain([Listen::Localhost(81)])
        .collect();
    assert_eq!(parsed.listen, addresses);
    assert_eq!(parsed.threads.get(), 3);
    assert!(parsed.reuse_port);
    assert_eq!(parsed.timeouts.keep_alive, Duration::ZERO);
    assert_eq!(parsed.timeouts.header, Duration::from_millis(1500));
    assert_eq!(parsed.timeouts.body, Duration::from_secs(2));
    assert_eq!(parsed.timeouts.write, Duration::from_secs(3));
    assert_eq!(parsed.timeouts.shutdown, Duration::ZERO);
    assert_eq!(parsed.limits.requests_max, 9);
    assert_eq!(parsed.limits.connections_max, Some(10));
    assert_eq!(parsed.limits.connections_per_ip_max, 11);
    assert_eq!(parsed.limits.write_bytes_per_second_min, 12);
    assert_eq!(parsed.site.root.to_str(), Some("site"));
    assert!(parsed.site.listing);
    assert_eq!(parsed.site.spa.as_deref(), Some("app.html"));
    assert_eq!(parsed.site.cache_bytes_max, 13 << 20);
    assert_eq!(parsed.site.cache_control, "max-age=14");
    assert_eq!(parsed.site.charset, None);
    let types = [("md", "text/markdown"), ("x", "a/b"), ("y", "c/d")];
    assert_eq!(
        parsed.site.media_types,
        types.map(|(ext, kind)| (ext.into(), kind.into()))
    );
    assert_eq!(parsed.access_log, Some(AccessLogTarget::Stdout));
    assert_eq!(parsed.log_format, LogFormat::Json);
    assert_eq!(parsed.trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(parsed.status, Some("127.0.0.1:9".parse().unwrap()));
    assert!(!parsed.sandbox);
    assert_eq!(parsed.user.as_deref(), Some("nobody"));
}

#[test]
fn headers_keep_their_order() {
    let arguments = ["stdhttpd", "--header", "A: 1, 2", "--header=Server: mine"];
    let Ok(Invocation::Serve(config)) = parse(arguments) else {
        panic!("not understood");
    };
    let expected = [("A", "1, 2"), ("Server", "mine")];
    assert_eq!(config.headers, expected.map(|(n, v)| (n.into(), v.into())));
}

#[track_caller]
fn check_error(arguments: &[&str], line: &str) {
    let arguments = std::iter::once(&"stdhttpd").chain(arguments);
    assert_eq!(parse(arguments).unwrap_err(), line);
}

#[test]
fn a_usage_error_is_one_line_that_names_the_argument() {
    check_error(
        &["--listin"],
        "unexpected argument '--listin' found; a similar argument exists: '--listing'",
    );
    check_error(&["a", "b"], "unexpected argument 'b' found");
    check_error(
        &["--port", "80"],
        "unexpected argument '--port' found; --help lists the options",
    );
    check_error(
        &["-t"],
        "a value is required for '--threads <N>' but none was supplied",
    );
    check_error(
        &["-t", "0"],
        "invalid value '0' for '--threads <N>': expected a whole number from 1 to 1024",
    );
    check_error(
        &["--keep-alive", "-1"],
        "invalid value '-1' for '--keep-alive <SECONDS>': \
         expected seconds, for example 10 or 0.5",
    );
    check_error(
        &["--log-format", "xml"],
        "invalid value 'xml' for '--log-format <FORMAT>' [possible values: combined, json]",
    );
    check_error(
        &["--header", "Date: now"],
        "invalid value 'Date: now' for '--header <NAME: VALUE>': \
         Date is computed for each response",
    );
    check_error(
        &["--header", "A: b\nC: d"],
        "the value of '--header <NAME: VALUE>' contains a line break",
    );
    check_error(
        &["--header", "A: b", "--header", "C: d\nE: f"],
        "the value of '--header <NAME: VALUE>' contains a line break",
    );
    check_error(
        &["--access-log", ""],
        "invalid value '' for '--access-log <FILE|->': expected a file name or -",
    );
    let long = format!("A: {}", "b".repeat(values::ADDED_FIELDS_BYTES_MAX));
    check_error(
        &["--header", &long],
        "the fields of '--header <NAME: VALUE>' take 8197 bytes, more than 8192",
    );
}

#[test]
fn an_error_stays_one_line_whatever_it_quotes() {
    for arguments in [
        ["stdhttpd", "--listen", "a\nb"],
        ["stdhttpd", "--listen", "a\n\nUsage: b"],
        ["stdhttpd", "www", "a\r\n\u{1b}[2Jb"],
    ] {
        let line = one_line(&parse(arguments).unwrap_err());
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

fn raw_words(words: &[&[u8]]) -> Vec<OsString> {
    let words = words.iter().map(|bytes| OsString::from_vec(bytes.to_vec()));
    std::iter::once("stdhttpd".into()).chain(words).collect()
}

#[test]
fn arguments_that_are_not_utf_8_are_named() {
    for (words, expected) in [
        (
            &[b"-t".as_slice(), b"\xff\n"][..],
            r#"invalid value "\xFF\n" for '-t': not UTF-8"#,
        ),
        (
            &[b"r\xff", b"--access-log", b"l\xff", b"--user", b"caf\xe9"],
            r#"invalid value "caf\xE9" for '--user': not UTF-8"#,
        ),
        (
            &[b"--header=a: \xff"],
            r#"invalid argument "--header=a: \xFF": not UTF-8"#,
        ),
        (
            &[b"--listing", b"--header=a: \xff", b"--user=\xff"],
            r#"invalid argument "--header=a: \xFF": not UTF-8"#,
        ),
    ] {
        assert_eq!(parse(raw_words(words)).unwrap_err(), expected);
    }
    // Paths need not be UTF-8.
    let paths = raw_words(&[b"r\xff", b"--access-log", b"l\xff"]);
    assert!(matches!(parse(paths), Ok(Invocation::Serve(_))));
}

#[test]
fn help_version_and_completions_are_printed() {
    for (line, part) in [
        ("--help", "Usage: stdhttpd [OPTIONS] [ROOT]"),
        ("-h -t x", "Usage: stdhttpd"),
        ("--version", concat!("stdhttpd ", env!("CARGO_PKG_VERSION"))),
        ("--completions bash", "_stdhttpd()"),
        ("--completions zsh", "#compdef stdhttpd"),
    ] {
        match parse(words(line)) {
            Ok(Invocation::Print(text)) => assert!(text.contains(part), "{line}: {text}"),
            other => panic!("{line} gave {other:?}"),
        }
    }
}

#[test]
fn every_option_is_an_environment_variable() {
    for arg in command().get_arguments() {
        let name = arg.get_id().as_str();
        let expected = format!("STDHTTPD_{}", name.to_uppercase());
        match (arg.get_env(), name) {
            (None, "completions") => {}
            (env, _) => assert_eq!(env.and_then(|env| env.to_str()), Some(&*expected)),
        }
        assert!(arg.get_help().is_some(), "{name} has no help");
    }
    command().debug_assert();
}

/// Run by the test below in its own process, because the environment is process-wide.
#[test]
#[ignore = "run by environment_variables_are_read_as_options_are"]
fn print_the_configuration_from_the_environment() {
    let typed = std::env::var("TYPED").unwrap_or_default();
    match parse(words(&typed)) {
        Ok(Invocation::Serve(config)) => println!("{config:?}"),
        Ok(Invocation::Print(text)) => println!("{text}"),
        Err(line) => println!("{line}"),
    }
}

#[track_caller]
fn check_environment(variables: &[(&str, &[u8])], parts: &[&str]) {
    let variables = variables.iter();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("cli::tests::print_the_configuration_from_the_environment")
        .envs(variables.map(|(name, value)| (name, OsStr::from_bytes(value))))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn environment_variables_are_read_as_options_are() {
    check_environment(
        &[
            ("STDHTTPD_ROOT", b"site"),
            ("STDHTTPD_LISTEN", b"127.0.0.1:1,localhost:2"),
            ("STDHTTPD_HEADER", b"A: 1, 2\nB: 3\n"),
            ("STDHTTPD_LISTING", b"1"),
            ("STDHTTPD_NO_SANDBOX", b"false"),
            ("STDHTTPD_KEEP_ALIVE", b"0.5"),
            ("STDHTTPD_USER", b""),
        ],
        &[
            "[Address(127.0.0.1:1), Localhost(2)]",
            r#"headers: [("A", "1, 2"), ("B", "3")]"#,
            r#"root: "site""#,
            "listing: true",
            "sandbox: true",
            "keep_alive: 500ms",
            "user: None",
        ],
    );
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, line) in [
        (
            "STDHTTPD_THREADS",
            b"many".as_slice(),
            "invalid value 'many' for '--threads <N>': expected a whole number from 1 to 1024 \
             (from STDHTTPD_THREADS)",
        ),
        (
            "STDHTTPD_LISTING",
            b"perhaps",
            "invalid value 'perhaps' for '--listing': value was not a boolean \
             (from STDHTTPD_LISTING)",
        ),
        (
            "STDHTTPD_LOG_FORMAT",
            b"xml",
            "invalid value 'xml' for '--log-format <FORMAT>' [possible values: combined, json] \
             (from STDHTTPD_LOG_FORMAT)",
        ),
        (
            "STDHTTPD_LISTEN",
            b"127.0.0.1:0,\xff",
            r#"invalid value "127.0.0.1:0,\xFF" for '--listen <ADDR:PORT>': not UTF-8 (from STDHTTPD_LISTEN)"#,
        ),
        (
            "STDHTTPD_HEADER",
            format!("A: {}", "b".repeat(values::ADDED_FIELDS_BYTES_MAX)).as_bytes(),
            "the fields of '--header <NAME: VALUE>' take 8197 bytes, more than 8192 \
             (from STDHTTPD_HEADER)",
        ),
    ] {
        // Together with a path that is not UTF-8, which is valid.
        check_environment(&[(name, value), ("STDHTTPD_ROOT", b"\xff")], &[line]);
    }
    // The command line takes precedence.
    check_environment(
        &[("STDHTTPD_THREADS", b"many"), ("TYPED", b"-t few")],
        &["invalid value 'few' for '--threads <N>': expected a whole number from 1 to 1024\n"],
    );
    check_environment(
        &[("STDHTTPD_USER", b"\xff"), ("TYPED", b"-t 3 --user me")],
        &["threads: 3", r#"user: Some("me")"#],
    );
}
