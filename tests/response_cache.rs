//! A head that comes again is answered, counted and logged as it was the first
//! time, and the file behind it is as fresh.

mod support;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use support::{Server, check, content, date::imf_fixdate, equal, wait_until};

/// So many requests that a worker has cached the head by then.
const OFTEN: usize = 12;

/// A server with one worker, which gets all requests.
fn server(args: &str) -> Server {
    let builder = Server::build()
        .file("index.html", "<!doctype html><title>a page</title>\n")
        .file("a.txt", content(1_000))
        .file("large.bin", content(300_000));
    // What was written just now is not kept: its next change might not show.
    let server = builder.args("--threads 1").args(args).start();
    wait_until("settled files", || {
        let path = server.root().join("index.html");
        let written = fs::metadata(path).and_then(|found| found.modified());
        written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_millis() > 50))
    });
    server
}

#[test]
fn every_reply_is_the_first_one() {
    let server = server("");
    let etag = server.connect().get("/a.txt").must("etag").to_owned();
    let none_match = format!("If-None-Match: {etag}\r\n");
    let rows = [
        ("GET", "/", ""),
        ("GET", "/a.txt", ""),
        ("GET", "/a.txt?query", "User-Agent: one\r\n"),
        ("GET", "/a.txt", "Accept-Encoding: gzip, br\r\n"),
        ("GET", "/a.txt", "Range: bytes=10-19\r\n"),
        ("GET", "/a.txt", "Range: bytes=10-19,30-\r\n"),
        ("GET", "/a.txt", "Range: bytes=5000-\r\n"),
        ("GET", "/a.txt", &none_match),
        ("HEAD", "/a.txt", ""),
        ("HEAD", "/large.bin", &none_match),
        ("GET", "/large.bin", ""),
        ("GET", "/large.bin", "Range: bytes=-7\r\n"),
        ("GET", "/missing", ""),
        ("OPTIONS", "/a.txt", ""),
        ("DELETE", "/a.txt", ""),
        ("GET", "/a.txt", "Content-Length: 0\r\n"),
    ];
    check(&rows, |(method, target, fields)| {
        let mut client = server.connect();
        let first = timeless(&client.request(method, target, fields));
        for time in 1..=OFTEN {
            let again = timeless(&client.request(method, target, fields));
            equal(&format!("time {time}"), &again, &first)?;
        }
        Ok(())
    });
}

/// All of a reply but its boundary, which is new each time, and its date.
fn timeless(reply: &support::Reply) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let (status, mut fields, mut body) = reply.timeless();
    if let Some((_, value)) = fields
        .iter_mut()
        .find(|(_, value)| value.starts_with("multipart/"))
    {
        value.clear();
        body.retain(|byte| !byte.is_ascii_hexdigit());
    }
    (status, fields, body)
}

#[test]
fn a_known_head_is_answered_with_the_date_of_its_answer() {
    let server = server("");
    let mut client = server.connect();
    let first = client.get("/a.txt").must("date").to_owned();
    for _ in 0..OFTEN {
        client.get("/a.txt");
    }
    let mut dates = vec![first];
    wait_until("three seconds", || {
        let before = SystemTime::now();
        let date = client.get("/a.txt").must("date").to_owned();
        let time = imf_fixdate(&date).expect("a date");
        // It has whole seconds, and its worker read the clock before it waited.
        let second = Duration::from_secs(1);
        assert!(time <= SystemTime::now(), "{date} is to come");
        assert!(time + 2 * second > before, "{date} is past");
        if dates.last() != Some(&date) {
            dates.push(date);
        }
        dates.len() > 3
    });
}

#[test]
fn known_and_unknown_heads_go_down_one_pipeline() {
    let server = server("");
    let mut client = server.connect();
    let known = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    client.send(known.repeat(OFTEN));
    for _ in 0..OFTEN {
        assert_eq!(client.reply().body, content(1_000));
    }
    let other = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    // Cut within a head that is known, twice.
    let (begin, end) = known.split_at(9);
    client.send(format!("{known}{other}{known}{begin}"));
    for expected in [1_000, 37, 1_000] {
        assert_eq!(client.reply().body.len(), expected);
    }
    client.send(format!("{end}{known}{begin}"));
    client.send(end);
    for _ in 0..3 {
        assert_eq!(client.reply().body, content(1_000));
    }
    // A malformed head after a cached one is parsed, not matched.
    client.send(format!("{known}GET /a.txt HTTP/1.1\r\nHost: h\n\r\n"));
    assert_eq!(client.reply().status, 200);
    assert_eq!(client.reply().status, 400);
    client.assert_closed();
}

#[test]
fn the_last_request_of_a_connection_is_told_so_all_the_same() {
    let server = server("--max-requests 20");
    let mut client = server.connect();
    for number in 1..=20 {
        let reply = client.get("/a.txt");
        assert_eq!(reply.is_last(), number == 20, "{number}");
    }
    client.assert_closed();
    // Known by now, and short because the client wants it so.
    for _ in 0..OFTEN {
        let mut client = server.connect();
        let reply = client.get_with("/a.txt", "Connection: close\r\n");
        assert!(reply.is_last());
        client.assert_closed();
    }
}

#[test]
fn every_request_is_logged_with_what_its_own_head_says() {
    let folder = tempfile::tempdir().expect("a folder for the log");
    let log = folder.path().join("access.log");
    for (args, client_told) in [
        ("", "127.0.0.1"),
        ("--trust-proxy 127.0.0.0/8", "192.0.2.7"),
    ] {
        let _ = fs::remove_file(&log);
        let server = server(&format!("{args} --access-log {}", log.display()));
        let mut client = server.connect();
        let fields = "User-Agent: an agent\r\nX-Forwarded-For: 192.0.2.7\r\nReferer: http://r/\r\n";
        for _ in 0..OFTEN {
            client.get_with("/a.txt?q", fields);
        }
        client.get("/a.txt?q");
        let lines = || fs::read_to_string(&log).unwrap_or_default();
        wait_until("the lines", || lines().matches('\n').count() == OFTEN + 1);
        for (number, line) in lines().lines().enumerate() {
            let (who, rest) = line.split_once(" - - [").expect("a client");
            let (_, said) = rest.split_once("] ").expect("a time");
            let expected = match number < OFTEN {
                true => (client_told, r#""http://r/" "an agent""#),
                false => ("127.0.0.1", r#""-" "-""#),
            };
            let request = r#""GET /a.txt?q HTTP/1.1" 200 1000 "#;
            assert_eq!(
                (who, said),
                (expected.0, &*format!("{request}{}", expected.1))
            );
        }
    }
}

#[test]
fn why_its_connection_closes_is_logged_for_a_known_head() {
    let folder = tempfile::tempdir().expect("a folder for the log");
    let log = folder.path().join("access.log");
    let server = server(&format!("--log-format json --access-log {}", log.display()));
    for _ in 0..OFTEN {
        let mut client = server.connect();
        assert!(client.get_with("/a.txt", "Connection: close\r\n").is_last());
    }
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("the lines", || lines().matches('\n').count() == OFTEN);
    for line in lines().lines() {
        assert!(line.contains(r#""close":"client_asked""#), "{line}");
    }
}

#[test]
fn a_known_head_is_answered_with_what_the_file_is_now() {
    let server = server("");
    let mut client = server.connect();
    let fields = "Accept-Encoding: gzip\r\n";
    for round in 0..5 {
        let text = format!("content {round}");
        server.write("a.txt", &text);
        for _ in 0..OFTEN {
            assert_eq!(client.get_with("/a.txt", fields).text(), text);
        }
        server.write("a.txt.gz", "the variant");
        let reply = client.get_with("/a.txt", fields);
        assert_eq!(reply.field("content-encoding"), Some("gzip"));
        fs::remove_file(server.root().join("a.txt.gz")).expect("removed");
        assert_eq!(client.get_with("/a.txt", fields).text(), text);
    }
    fs::remove_file(server.root().join("a.txt")).expect("removed");
    assert_eq!(client.get_with("/a.txt", fields).status, 404);
}

/// Its answer depends on what is missing, not only on the file it is made from.
#[test]
fn a_page_of_an_application_makes_way_for_a_file() {
    let server = server("--spa index.html");
    let mut client = server.connect();
    let mut ask = || client.request("GET", "/note", "Accept: text/html\r\n");
    for _ in 0..OFTEN {
        assert_eq!(ask().must("content-type"), "text/html; charset=utf-8");
    }
    fs::write(server.root().join("note"), "a note").expect("the file is written");
    assert_eq!(ask().body, b"a note");
}
