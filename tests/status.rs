//! What the server tells about itself: `--status`.

mod support;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use support::{Client, Reply, Server, binary, content, run, wait_until};

/// A server with a status listener, and the address that it announced.
fn watched(args: &str) -> (Server, SocketAddr) {
    let server = Server::build()
        .file("index.html", "<!doctype html><title>a page</title>\n")
        .file("large.bin", content(8 << 20))
        .args("--threads 2 --status 127.0.0.1:0")
        .args(args)
        .start();
    let address = status_address(&server.next_output());
    (server, address)
}

fn status_address(line: &str) -> SocketAddr {
    line.strip_prefix("status on http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("not a `status on http://ADDR:PORT/` line: {line:?}"))
}

/// One answer of the status listener, which closes after each.
#[track_caller]
fn ask(status: SocketAddr, path: &str) -> Reply {
    let mut client = Client::connect(status);
    let reply = client.get(path);
    assert!(reply.is_last(), "{path}: {:?}", reply.fields);
    client.assert_closed();
    reply
}

#[track_caller]
fn json(status: SocketAddr) -> Value {
    let reply = ask(status, "/status.json");
    assert_eq!(reply.must("content-type"), "application/json");
    serde_json::from_slice(&reply.body).expect("JSON")
}

/// A number in the JSON, by its pointer.
#[track_caller]
fn number(status: SocketAddr, pointer: &str) -> u64 {
    let json = json(status);
    json.pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no number at {pointer} in {json}"))
}

#[test]
fn without_the_option_nothing_is_told() {
    let server = Server::with_page("");
    server.connect().get("/");
    assert_eq!(server.more_output(), [""; 0]);
}

#[test]
fn the_log_tells_its_connections_from_those_of_the_site() {
    let server = Server::build()
        .debug()
        .args("--threads 1 --status 127.0.0.1:0")
        .start();
    let mut client = Client::connect(status_address(&server.next_output()));
    let from = format!("accepted from {} by ", client.local_address());
    client.get("/healthz");
    let line = server.wait_for_log("the accept", |line| line.contains(&from));
    assert!(line.ends_with(" by the status listener"), "{line}");
}

#[test]
fn the_size_of_the_cache_is_told() {
    let check = |builder: support::server::Builder| {
        let server = builder.args("--status 127.0.0.1:0").start();
        let status = status_address(&server.next_output());
        assert_eq!(number(status, "/limits/cache_bytes_max"), 3 << 20);
    };
    check(Server::build().args("--cache-size 3"));
    check(Server::build().env("STDHTTPD_CACHE_SIZE", "3"));
}

#[test]
fn the_page_is_a_snapshot_that_needs_no_script_and_no_other_site() {
    let (server, status) = watched("");
    server.connect().get("/?a=<script>");
    wait_until("the story", || number(status, "/closed") == 1);
    let page = ask(status, "/");
    assert_eq!(page.status, 200);
    assert_eq!(page.must("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.must("cache-control"), "no-store");
    let policy = page.must("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = page.text();
    assert!(text.contains("Requests per connection"), "{text}");
    assert!(text.contains("GET /?a=&#60;script&#62;"), "{text}");
    for other in ["http://", "https://", "src=\"//"] {
        let links = text.match_indices(other).count();
        let own = text
            .matches(&format!("{other}{}", server.address()))
            .count();
        assert_eq!(links, own, "{other} in {text}");
    }
    for (path, media_type) in [
        ("/status.css", "text/css; charset=utf-8"),
        ("/status.js", "text/javascript; charset=utf-8"),
    ] {
        assert!(text.contains(&path[1..]), "{path}");
        assert_eq!(ask(status, path).must("content-type"), media_type);
    }
}

#[test]
fn kept_and_short_connections_can_be_told_apart() {
    let (server, status) = watched("");
    let mut kept = server.connect();
    for _ in 0..5 {
        kept.get("/");
    }
    for _ in 0..3 {
        let mut short = server.connect();
        short.get_with("/", "Connection: close\r\n");
        short.assert_closed();
    }
    wait_until("three closes", || number(status, "/closed") == 3);
    // Opened once; each turn of the poll after that found it in memory.
    wait_until("the lookups", || {
        let now = json(status);
        let count = |pointer| now.pointer(pointer).and_then(Value::as_u64);
        (count("/cache_misses"), count("/cache_hits")) == (Some(1), Some(7))
    });
    wait_until("an idle one", || number(status, "/open/idle") == 1);
    let now = json(status);
    for (pointer, wanted) in [
        ("/accepted", 4),
        ("/requests", 8),
        ("/requests_reused", 4),
        ("/closed_by_reason/client_asked", 3),
        ("/closed_by_reason/client_closed", 0),
        ("/responses/200", 8),
        ("/open/count", 1),
        ("/requests_per_connection/1/from", 1),
        ("/requests_per_connection/1/connections", 3),
        ("/log_lines_lost", 0),
    ] {
        let got = now.pointer(pointer).and_then(Value::as_u64);
        assert_eq!(got, Some(wanted), "{pointer} in {now}");
    }
    let cached = now.pointer("/limits/cache_bytes").and_then(Value::as_u64);
    assert!(cached.is_some_and(|bytes| bytes > 0), "{now}");
    let p99 = now.pointer("/latency_microseconds/p99");
    assert!(p99.and_then(Value::as_f64).is_some_and(|us| us > 0.0));
    drop(kept);
    wait_until("all are closed", || number(status, "/open/count") == 0);
    assert_eq!(number(status, "/closed_by_reason/client_closed"), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernel_tells_who_paid_for_the_close_though_the_process_is_confined() {
    let (server, status) = watched("");
    // The server closes first: its side is left in TIME_WAIT.
    for _ in 0..4 {
        let mut short = server.connect();
        short.get_with("/", "Connection: close\r\n");
        short.assert_closed();
    }
    let mut open = server.connect();
    open.get("/");
    // A view may be half a second old.
    wait_until("TIME_WAIT at the server", || {
        let now = json(status);
        let count = now.pointer("/kernel/server/time_wait");
        count.and_then(Value::as_u64) >= Some(4)
    });
    assert_eq!(number(status, "/kernel/server/close_wait"), 0);
    assert_eq!(number(status, "/kernel/server/established"), 1);
    open.assert_open();
}

#[test]
fn a_request_that_is_refused_is_counted_with_its_answer() {
    let (server, status) = watched("");
    let (sent, _) = server.connect().send("GET /\r\n\r\n").read_to_any_end();
    wait_until("the close", || number(status, "/closed") == 1);
    let now = json(status);
    for (pointer, wanted) in [
        ("/requests", 1),
        ("/requests_per_connection/1/connections", 1),
        ("/responses/400", 1),
        ("/closed_by_reason/bad_request", 1),
        ("/bytes_sent", sent.len() as u64),
    ] {
        let got = now.pointer(pointer).and_then(Value::as_u64);
        assert_eq!(got, Some(wanted), "{pointer} in {now}");
    }
}

#[test]
fn a_refused_connection_is_counted() {
    let (server, status) = watched("--max-connections-per-ip 1");
    let mut first = server.connect();
    first.get("/");
    assert_eq!(server.connect().send("GET").read_to_any_end().0, b"");
    wait_until("the refusal", || {
        number(status, "/closed_by_reason/refused") == 1
    });
    first.assert_open();
}

#[test]
fn it_says_what_each_connection_waits_for() {
    let (server, status) = watched("");
    let mut reading = server.connect();
    reading.send("GET / HT");
    // The client does not read, so the response stays unfinished.
    let mut writing = server.connect();
    writing.send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("one reading, one writing", || {
        let now = json(status);
        let open = |state: &str| now.pointer(state).and_then(Value::as_u64);
        (open("/open/reading"), open("/open/writing")) == (Some(1), Some(1))
    });
    drop((reading, writing));
    wait_until("none", || number(status, "/open/count") == 0);
}

#[test]
fn the_page_shows_the_rate_between_two_looks() {
    let (server, status) = watched("");
    let mut client = server.connect();
    wait_until("the column of the newest rate", || {
        client.get("/");
        ask(status, "/").text().contains("<rect x=\"59.1\"")
    });
}

#[test]
fn health_turns_while_draining_and_the_listener_outlives_the_drain() {
    let (mut server, status) = watched("");
    let health = ask(status, "/healthz");
    assert_eq!((health.status, health.text()), (200, "serving\n"));
    assert_eq!(health.must("content-type"), "text/plain; charset=utf-8");
    // A response under way keeps the server for a while.
    let mut writing = server.connect();
    writing.send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    writing.read_some(1);
    server.signal(Signal::TERM);
    wait_until("503", || ask(status, "/healthz").status == 503);
    assert_eq!(ask(status, "/healthz").text(), "draining\n");
    assert_eq!(json(status).pointer("/draining"), Some(&Value::Bool(true)));
    let reply = writing.reply();
    assert_eq!(reply.body.len(), 8 << 20);
    drop(writing);
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_hundred_who_keep_silent_delay_nobody_for_long() {
    let (_server, status) = watched("");
    let _held: Vec<Client> = (0..100)
        .map(|number| {
            let mut client = Client::connect(status);
            if number % 3 == 0 {
                client.send("GET /healthz HT");
            }
            client
        })
        .collect();
    let asked = Instant::now();
    assert_eq!(ask(status, "/healthz").status, 200);
    let took = asked.elapsed();
    println!("answered after {took:?} beside 100 that keep silent");
    // To wait for a single one of them would take two.
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn an_address_in_use_ends_the_start_and_one_beyond_loopback_is_said() {
    let (_server, status) = watched("");
    let output = run(binary()
        .args(["--listen", "127.0.0.1:0", "."])
        .args(["--status", &status.to_string()]));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&status.to_string()), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");

    let exposed = Server::build().args("--status 0.0.0.0:0").start();
    let line = exposed.next_output();
    let port = status_address(&line).port();
    exposed.wait_for_log("the status listener", |line| {
        line == format!("reachable from other machines: 0.0.0.0:{port} (status)")
    });
}

#[test]
#[ignore = "needs promtool"]
fn the_metrics_are_as_prometheus_has_them() {
    let (server, status) = watched("--access-log /dev/null");
    for _ in 0..3 {
        server.connect().get("/");
    }
    wait_until("three closes", || number(status, "/closed") == 3);
    let metrics = ask(status, "/metrics");
    let text = metrics.text();
    assert!(text.contains("\nstdhttpd_requests_total 3\n"), "{text}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = promtool.stdin.take().expect("piped");
    stdin.write_all(&metrics.body).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
