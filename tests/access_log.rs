//! The access log: its lines and its rotation.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use rustix::process::Signal;
use serde_json::Value;
use support::{Server, check, content, equal, run, server::Builder, wait_until};

/// A folder for the log, and a server that writes into it.
struct Logged {
    server: Server,
    folder: tempfile::TempDir,
}

impl Logged {
    fn start(args: &str) -> Logged {
        Logged::start_with(args, site())
    }

    fn start_with(args: &str, builder: Builder) -> Logged {
        let folder = tempfile::tempdir().expect("a folder for the log");
        let server = builder
            .args(args)
            .arg("--access-log")
            .arg(folder.path().join("access.log"))
            .start();
        Logged { server, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// The lines, once there are so many.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<String> {
        lines(&self.path(), count)
    }
}

#[track_caller]
fn lines(path: &Path, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(path).unwrap_or_default();
    wait_until("lines of the log", || read().matches('\n').count() >= count);
    let lines: Vec<String> = read().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

fn site() -> Builder {
    Server::build()
        .file("index.html", "<!doctype html><title>a page</title>\n")
        .file("a.txt", content(1_000))
        .file("large.bin", content(4 << 20))
}

/// A line without its time, which is checked to be now.
#[track_caller]
fn timeless(line: &str) -> String {
    let (before, rest) = line.split_once(" [").expect("a time");
    let (time, after) = rest.split_once("] ").expect("the end of a time");
    // As `22/Nov/2026:14:50:00 +0000`; the day as the reply's own Date has it.
    let (day, rest) = time.split_once(':').expect("a day");
    let parts: Vec<&str> = day.split('/').collect();
    let (clock, zone) = rest.split_once(' ').expect("a zone");
    assert_eq!((parts.len(), zone, clock.len()), (3, "+0000", 8), "{time}");
    let imf = format!("{} {} {} {clock} GMT", parts[0], parts[1], parts[2]);
    let when = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        .iter()
        .find_map(|name| support::date::imf_fixdate(&format!("{name}, {imf}")).ok())
        .unwrap_or_else(|| panic!("not a time: {time}"));
    let age = SystemTime::now().duration_since(when).unwrap_or_default();
    assert!(age < support::DEADLINE, "{time}");
    format!("{before} {after}")
}

#[test]
fn combined_lines_are_exact() {
    let logged = Logged::start("");
    let exchanges: &[(&[u8], &str)] = &[
        (
            b"GET /a.txt?q=1 HTTP/1.1\r\nHost: x\r\nReferer: http://ref/p\r\nUser-Agent: agent/1.0 (x; y)\r\n\r\n",
            r#"127.0.0.1 - - "GET /a.txt?q=1 HTTP/1.1" 200 1000 "http://ref/p" "agent/1.0 (x; y)""#,
        ),
        (
            b"HEAD /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            r#"127.0.0.1 - - "HEAD /a.txt HTTP/1.1" 200 0 "-" "-""#,
        ),
        (
            b"GET /a.txt HTTP/1.0\r\nRange: bytes=0-9\r\n\r\n",
            r#"127.0.0.1 - - "GET /a.txt HTTP/1.0" 206 10 "-" "-""#,
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\nConnection: close\r\n\r\n",
            r#"127.0.0.1 - - "GET / HTTP/1.1" 304 0 "-" "-""#,
        ),
        (
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            r#"127.0.0.1 - - "GET /\xFF HTTP/1.1" 400 N "-" "-""#,
        ),
        (
            b"GET /a\"b HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\\c\td\xe9\r\n\r\n",
            r#"127.0.0.1 - - "GET /a\x22b HTTP/1.1" 400 N "-" "a\x22b\x5Cc\x09d\xE9""#,
        ),
        (
            b"GET /none HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\\c\td\xe9\r\nConnection: close\r\n\r\n",
            r#"127.0.0.1 - - "GET /none HTTP/1.1" 404 N "-" "a\x22b\x5Cc\x09d\xE9""#,
        ),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", r#"127.0.0.1 - - "\x16\x03\x01\x00\xA5\x01\x00\x00" 400 N "-" "-""#),
        (
            b"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            r#"127.0.0.1 - - "DELETE / HTTP/1.1" 405 N "-" "-""#,
        ),
    ];
    for (at, (request, _)) in exchanges.iter().enumerate() {
        let mut client = logged.server.connect();
        client.send(request);
        client.shutdown_write();
        client.read_to_any_end();
        // One by one, so that their order is known.
        logged.lines(at + 1);
    }
    let lines = logged.lines(exchanges.len());
    let rows: Vec<_> = exchanges.iter().zip(&lines).collect();
    check(&rows, |((_, wanted), line)| {
        let got = timeless(line);
        let (got, wanted) = match wanted.split_once(" N ") {
            // The size of a page that the server writes itself.
            Some((before, after)) => {
                let size = got
                    .strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after))
                    .unwrap_or_default();
                let is_size = size.trim().parse::<u32>().is_ok_and(|size| size > 0);
                (if is_size { wanted.to_string() } else { got }, wanted)
            }
            None => (got, wanted),
        };
        equal("the line", got.as_str(), *wanted)
    });
}

#[test]
fn json_lines_tell_of_the_connection_too() {
    let logged = Logged::start("--log-format json --max-requests 3");
    let mut client = logged.server.connect();
    client.get_with("/a.txt", "User-Agent: a\"b\\c\u{e9}\r\n");
    client.get("/none");
    assert!(client.get("/").is_last());
    client.assert_closed();
    let lines: Vec<Value> = logged
        .lines(3)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["client"], "127.0.0.1", "{line}");
        assert_eq!(line["request"], at + 1, "{line}");
        assert_eq!(line["connection"], lines[0]["connection"], "{line}");
        assert_eq!(line["version"], "HTTP/1.1", "{line}");
        assert_eq!(line["kept"], at < 2, "{line}");
        assert!(line["microseconds"].as_u64() < Some(10_000_000), "{line}");
        assert!(
            line["time"].as_str().is_some_and(|t| t.ends_with('Z')),
            "{line}"
        );
    }
    assert_eq!(lines[0]["line"], "GET /a.txt");
    assert_eq!(
        (&lines[0]["status"], &lines[0]["bytes"]),
        (&200.into(), &1000.into())
    );
    assert_eq!(lines[0]["user_agent"], "a\"b\\c\u{c3}\u{a9}");
    assert_eq!(
        (&lines[1]["status"], &lines[1]["referer"]),
        (&404.into(), &Value::Null)
    );
    assert_eq!(
        (&lines[0]["close"], &lines[2]["close"]),
        (&Value::Null, &"max_requests".into())
    );
}

#[test]
fn a_response_cut_short_is_logged_with_what_was_sent() {
    let logged = Logged::start("--log-format json");
    let mut client = logged.server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_some(1);
    drop(client);
    let line: Value = serde_json::from_str(&logged.lines(1)[0]).expect("an object");
    assert!(line["bytes"].as_u64() < Some(4 << 20), "{line}");
    assert_eq!(
        (&line["kept"], &line["close"]),
        (&false.into(), &"reset".into()),
        "{line}"
    );
}

#[test]
fn what_is_refused_behind_its_head_is_logged_with_its_fields() {
    let logged = Logged::start("--trust-proxy 127.0.0.1 --body-timeout 0.2");
    let fields = "Host: x\r\nX-Forwarded-For: 203.0.113.9\r\nReferer: R\r\nUser-Agent: U\r\n";
    for (at, (framing, status)) in [
        ("Content-Length: 5\r\n\r\nab", 408),
        (
            "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n",
            413,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = logged.server.connect();
        client.send(format!("POST / HTTP/1.1\r\n{fields}{framing}"));
        client.read_to_any_end();
        let line = logged.lines(at + 1).remove(at);
        assert!(line.starts_with("203.0.113.9 - - ["), "{line}");
        let begin = format!("] \"POST / HTTP/1.1\" {status} ");
        assert!(
            line.contains(&begin) && line.ends_with("\"R\" \"U\""),
            "{line}"
        );
    }
}

#[test]
fn the_client_of_a_malformed_request_is_named() {
    let logged = Logged::start("");
    let mut client = logged.server.connect();
    // The empty line before it is no part of it.
    client.send("\r\nGET / HTTP/1.1\r\nUser-Agent: U\r\nreferer: R\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    let line = logged.lines(1).remove(0);
    assert!(line.contains("] \"GET / HTTP/1.1\" 400 "), "{line}");
    assert!(line.ends_with(" \"R\" \"U\""), "{line}");
}

#[test]
fn only_a_trusted_proxy_names_the_client() {
    // With empty elements, which are ignored (RFC 9110 section 5.6.1.2).
    let forwarded = "X-Forwarded-For: 203.0.113.9, 192.0.2.7, , 10.1.1.1,\r\n";
    for (args, client) in [
        ("", "127.0.0.1"),
        ("--trust-proxy 10.0.0.0/8", "127.0.0.1"),
        ("--trust-proxy 127.0.0.0/8", "10.1.1.1"),
        (
            "--trust-proxy 127.0.0.1 --trust-proxy 10.0.0.0/8",
            "192.0.2.7",
        ),
    ] {
        let logged = Logged::start(args);
        let mut proxy = logged.server.connect();
        // A head that was seen often enough is not parsed again.
        for _ in 0..10 {
            proxy.get_with("/a.txt", forwarded);
        }
        for line in logged.lines(10) {
            assert!(
                line.starts_with(&format!("{client} - - [")),
                "{args}: {line}"
            );
        }
    }
}

#[test]
fn every_line_is_written_by_the_end() {
    let mut logged = Logged::start("");
    let mut client = logged.server.connect();
    for _ in 0..200 {
        client.get("/a.txt");
    }
    logged.server.signal(Signal::TERM);
    assert_eq!(logged.server.exit_code(), 0);
    logged.lines(200);
}

#[test]
fn a_hangup_opens_the_file_again_though_the_process_is_confined() {
    let logged = Logged::start("");
    let mut client = logged.server.connect();
    client.get("/?before");
    logged.lines(1);
    let rotated = logged.folder.path().join("access.log.1");
    fs::rename(logged.path(), &rotated).expect("a rename");
    client.get("/?between");
    lines(&rotated, 2);
    logged.server.signal(Signal::HUP);
    wait_until("the new file", || logged.path().exists());
    client.get("/?after");
    assert!(logged.lines(1)[0].contains("/?after"));
    lines(&rotated, 2);
}

#[test]
fn a_hangup_is_obeyed_while_the_server_stops() {
    let mut logged = Logged::start("--threads 1 --shutdown-timeout 60");
    let mut idle = logged.server.connect();
    idle.get("/?before");
    logged.lines(1);
    let mut client = logged.server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_some(1);
    logged.server.signal(Signal::TERM);
    // Once the idle one is closed the server is stopping.
    idle.assert_closed();
    let rotated = logged.folder.path().join("access.log.1");
    fs::rename(logged.path(), &rotated).expect("a rename");
    logged.server.signal(Signal::HUP);
    wait_until("the new file", || logged.path().exists());
    client.reply();
    client.assert_closed();
    assert_eq!(logged.server.exit_code(), 0);
    assert!(logged.lines(1)[0].contains("/large.bin"));
    lines(&rotated, 1);
}

#[test]
fn standard_output_takes_the_lines_too() {
    let server = site().args("--access-log -").start();
    server.connect().get("/a.txt");
    let line = server.next_output();
    assert!(line.contains("\"GET /a.txt HTTP/1.1\" 200 1000 "), "{line}");
}

#[test]
#[ignore = "needs goaccess"]
fn goaccess_reads_ten_thousand_lines_and_rejects_none() {
    const LINES: usize = 10_000;
    let logged = Logged::start("");
    let agents = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "curl/8.5.0",
        "\"quoted\" \\ and \t\u{e9} and an end\"",
        "",
    ];
    let targets = [
        "/",
        "/a.txt",
        "/none",
        "/a.txt?q=%22x%22&y=[1]",
        "/%ff",
        "*",
    ];
    let mut client = logged.server.connect();
    for number in 0..LINES {
        let method = ["GET", "HEAD", "OPTIONS"][number % 3];
        // Only OPTIONS is asked of the server as a whole.
        let target = match targets[number % targets.len()] {
            "*" if method != "OPTIONS" => "/",
            target => target,
        };
        let agent = agents[number % agents.len()];
        client.request(
            method,
            target,
            &format!("User-Agent: {agent}\r\nReferer: http://r/{number}\r\n"),
        );
    }
    logged.lines(LINES);
    let report = logged.folder.path().join("report.json");
    let invalid = logged.folder.path().join("invalid.txt");
    let mut goaccess = Command::new("goaccess");
    goaccess.args([
        "--no-global-config",
        "--log-format=COMBINED",
        "--no-progress",
    ]);
    goaccess.arg(format!("--invalid-requests={}", invalid.display()));
    goaccess.arg("--output").arg(&report).arg(logged.path());
    let output = run(&mut goaccess);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    // Read as text: this goaccess escapes some user agents into no JSON.
    let report = fs::read(&report).expect("a report");
    let report: String = String::from_utf8_lossy(&report)
        .chars()
        .filter(|char| !char.is_whitespace())
        .collect();
    let rejected = fs::read_to_string(&invalid).unwrap_or_default();
    for (what, count) in [("failed_requests", 0), ("valid_requests", LINES)] {
        let found = report.split_once(&format!("\"{what}\":"));
        let digits = found.and_then(|(_, rest)| rest.split([',', '}']).next());
        assert_eq!(
            digits,
            Some(count.to_string().as_str()),
            "{what}; {rejected}"
        );
    }
}
