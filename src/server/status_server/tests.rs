use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::Ordering::Relaxed,
    time::Instant,
};

use super::*;
use crate::{
    config::SiteOptions,
    observe::{fixture, metrics, page},
};

struct Started {
    address: SocketAddr,
    facts: Arc<Facts>,
    _root: tempfile::TempDir,
}

fn start() -> Started {
    let server = StatusServer::open(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = server.listener.endpoint().tcp().unwrap();
    let facts = fixture::facts().0;
    let root = tempfile::tempdir().unwrap();
    let options = SiteOptions {
        root: root.path().into(),
        ..SiteOptions::default()
    };
    let site = Site::open(&options).unwrap();
    server.start(Arc::clone(&facts), site).unwrap();
    Started {
        address,
        facts,
        _root: root,
    }
}

impl Started {
    /// Sends these bytes and reads to the end: head and body.
    fn ask(&self, bytes: &[u8]) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let length = format!("\r\nContent-Length: {}\r\n", body.len());
        assert!(body.is_empty() || head.contains(&length), "{head}");
        (head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
    }
}

#[test]
fn each_path_has_its_answer() {
    let server = start();
    const OK: &str = "200 OK";
    const NOT_FOUND: &str = "404 Not Found";
    const HTML: &str = "text/html; charset=utf-8";
    for (path, line, media_type, text) in [
        ("/", OK, HTML, "Requests per connection"),
        ("/?x=1", OK, HTML, "<!doctype html>"),
        ("/status.css", OK, "text/css; charset=utf-8", ":root"),
        (
            "/status.js",
            OK,
            "text/javascript; charset=utf-8",
            "refresh",
        ),
        ("/status.json", OK, "application/json", "\"accepted\":685"),
        (
            "/metrics",
            OK,
            metrics::MEDIA_TYPE,
            "stdhttpd_requests_total 5454",
        ),
        ("/healthz", OK, "text/plain; charset=utf-8", "serving"),
        ("/nothing", NOT_FOUND, HTML, "404"),
        ("/%2e%2e/etc/passwd", NOT_FOUND, HTML, "404"),
    ] {
        let (head, body) = server.get(path);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {line}\r\n")),
            "{path}: {head}"
        );
        assert!(
            head.contains(&format!("Content-Type: {media_type}\r\n")),
            "{path}"
        );
        assert!(head.ends_with("Connection: close"), "{path}");
        assert!(body.contains(text), "{path}: {body}");
    }
}

#[test]
fn an_invalid_request_is_refused() {
    let server = start();
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    for (bytes, status) in [
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "405",
        ),
        ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "501"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
        (&long, "431"),
    ] {
        let (head, _) = server.ask(bytes.as_bytes());
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{bytes}: {head}"
        );
        let allow = head.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n");
        assert_eq!(allow, matches!(status, "204" | "405"), "{bytes}: {head}");
    }
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = start();
    for before in ["", "\r\n"] {
        let (head, body) = server.ask(format!("{before}HEAD / HTTP/1.1\r\n\r\n").as_bytes());
        assert!(
            head.starts_with("HTTP/1.1 400 ") && body.is_empty(),
            "{head}"
        );
    }
    let (head, body) = server.ask(b"HEAD /status.css HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", page::STYLE.len())),
        "{head}"
    );
    assert_eq!(body, "");
}

#[test]
fn healthz_is_503_while_draining() {
    let server = start();
    server.facts.draining.store(true, Relaxed);
    let (head, body) = server.get("/healthz");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(body, "draining\n");
    assert!(server.get("/").1.contains("stopping"));
}

impl Started {
    /// A client that has sent these bytes and no more.
    fn client(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }
}

const HALF: &[u8] = b"GET /healthz HTTP/1.1\r\n";
const OTHER_HALF: &[u8] = b"Host: x\r\n\r\n";

/// The status of the response that the client gets before the close, if any.
fn final_status(mut client: TcpStream) -> String {
    let mut reply = String::new();
    let _ = client.read_to_string(&mut reply);
    reply.get(9..12).unwrap_or_default().to_owned()
}

#[test]
fn silent_clients_delay_no_other() {
    let server = start();
    // Some have sent a request, and then neither close nor send another.
    let whole = [HALF, OTHER_HALF].concat();
    let kinds: [&[u8]; 4] = [b"", b"", HALF, &whole];
    let held: Vec<TcpStream> = (0..100).map(|at| server.client(kinds[at % 4])).collect();
    let asked = Instant::now();
    assert!(server.get("/healthz").0.starts_with("HTTP/1.1 200 "));
    let took = asked.elapsed();
    // Some milliseconds. Waiting for one of them would take longer.
    assert!(took < CLIENT_TIME_MAX / 2, "{took:?}");
    drop(held);
}

#[test]
fn the_oldest_connections_are_closed_for_new_ones() {
    let server = start();
    let first = server.client(HALF);
    let started = Instant::now();
    let rest: Vec<TcpStream> = (0..STATUS_CONNECTIONS_MAX)
        .map(|_| server.client(HALF))
        .collect();
    assert_eq!(final_status(first), "");
    // It was closed before its time-out.
    assert!(started.elapsed() < CLIENT_TIME_MAX);
    let mut last = server.client(HALF);
    last.write_all(OTHER_HALF).unwrap();
    assert_eq!(final_status(last), "200");
    drop(rest);
}

#[test]
fn a_new_connection_is_kept_for_a_moment_although_others_wait() {
    let server = start();
    let attempt = || {
        let mut first = server.client(HALF);
        let rest: Vec<TcpStream> = (0..2 * STATUS_CONNECTIONS_MAX)
            .map(|_| server.client(HALF))
            .collect();
        // The rest of the request may be in flight that long.
        thread::sleep(CONNECTION_TIME_MIN / 5);
        let _ = first.write_all(OTHER_HALF);
        let status = final_status(first);
        drop(rest);
        status == "200"
    };
    // All this usually takes less than the minimum time.
    assert!((0..5).any(|_| attempt()));
}

#[test]
fn all_connections_are_replaced_after_their_minimum_time() {
    const ROUNDS: usize = 10;
    let server = start();
    let attempt = || {
        let started = Instant::now();
        let crowd: Vec<TcpStream> = (0..ROUNDS * STATUS_CONNECTIONS_MAX)
            .map(|_| server.client(HALF))
            .collect();
        let whole = server.client(&[HALF, OTHER_HALF].concat());
        let status = final_status(whole);
        let took = started.elapsed();
        drop(crowd);
        // Replacing only half at a time would take at least this long.
        status == "200" && took < CONNECTION_TIME_MIN * 2 * ROUNDS as u32
    };
    assert!((0..10).any(|_| attempt()));
}

#[test]
fn a_slow_client_stays_connected_while_no_other_comes() {
    let server = start();
    let attempt = || {
        let clients = [(); STATUS_CONNECTIONS_MAX - 1].map(|()| server.client(HALF));
        // They usually connect within the minimum time.
        thread::sleep(4 * CONNECTION_TIME_MIN);
        let statuses = clients.map(|mut client| {
            let _ = client.write_all(OTHER_HALF);
            final_status(client)
        });
        statuses.iter().all(|status| status == "200")
    };
    assert!((0..5).any(|_| attempt()));
}

#[test]
fn a_client_is_closed_at_its_time_out() {
    let server = start();
    let started = Instant::now();
    for (client, status) in [(server.client(b""), ""), (server.client(HALF), "408")] {
        assert_eq!(final_status(client), status);
        assert!(started.elapsed() >= CLIENT_TIME_MAX);
    }
}
