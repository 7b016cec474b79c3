use std::{
    io::{Read, Write},
    sync::atomic::Ordering::Relaxed,
};

use super::*;
use crate::{
    config::SiteOptions,
    observe::{fixture, metrics, page},
};

struct Started {
    address: SocketAddr,
    facts: Arc<Facts>,
    site: Arc<Site>,
    _root: tempfile::TempDir,
}

fn start() -> Started {
    let server = StatusServer::open(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = server.address();
    let facts = fixture::facts().0;
    let root = tempfile::tempdir().unwrap();
    let options = SiteOptions {
        root: root.path().into(),
        ..SiteOptions::default()
    };
    let site = Site::open(&options).unwrap();
    server.start(Arc::clone(&facts), Arc::clone(&site)).unwrap();
    Started {
        address,
        facts,
        site,
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
    for (path, line, media_type, text) in [
        (
            "/",
            "200 OK",
            "text/html; charset=utf-8",
            "Requests a connection",
        ),
        (
            "/?x=1",
            "200 OK",
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        ("/status.css", "200 OK", "text/css; charset=utf-8", ":root"),
        (
            "/status.js",
            "200 OK",
            "text/javascript; charset=utf-8",
            "refresh",
        ),
        (
            "/status.json",
            "200 OK",
            "application/json",
            "\"accepted\":685",
        ),
        (
            "/metrics",
            "200 OK",
            metrics::MEDIA_TYPE,
            "stdhttpd_requests_total 5454",
        ),
        ("/healthz", "200 OK", "text/plain; charset=utf-8", "serving"),
        (
            "/nothing",
            "404 Not Found",
            "text/plain; charset=utf-8",
            "404",
        ),
        (
            "/%2e%2e/etc/passwd",
            "404 Not Found",
            "text/plain; charset=utf-8",
            "404",
        ),
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
fn what_is_no_lawful_request_is_refused() {
    let server = start();
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    for (bytes, status) in [
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "405",
        ),
        ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "501"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
        (&long, "431"),
    ] {
        let (head, _) = server.ask(bytes.as_bytes());
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{bytes}: {head}"
        );
        let allow = head.contains("\r\nAllow: GET, HEAD\r\n");
        assert_eq!(allow, status == "405", "{bytes}: {head}");
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
fn health_turns_while_draining() {
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

/// Whether the client was left, and not answered.
fn is_left(mut client: TcpStream) -> bool {
    !matches!(client.read(&mut [0]), Ok(1..))
}

#[test]
fn who_keeps_silent_delays_nobody() {
    let server = start();
    // Some have asked for everything, and then neither close nor ask more.
    let whole = [HALF, OTHER_HALF].concat();
    let kinds: [&[u8]; 4] = [b"", b"", HALF, &whole];
    let held: Vec<TcpStream> = (0..100).map(|at| server.client(kinds[at % 4])).collect();
    let asked = Instant::now();
    assert!(server.get("/healthz").0.starts_with("HTTP/1.1 200 "));
    let took = asked.elapsed();
    // Some milliseconds. A wait for one of them alone would be longer.
    assert!(took < CLIENT_TIME / 2, "{took:?}");
    drop(held);
}

#[test]
fn who_has_kept_it_waiting_longest_makes_room() {
    let server = start();
    // Two of the same age, and so many more that one of them has to go.
    let attempt = || {
        let first = server.client(HALF);
        let mut second = server.client(HALF);
        let rest: Vec<TcpStream> = (1..CONNECTIONS_MAX).map(|_| server.client(b"")).collect();
        assert!(is_left(first));
        let _ = second.write_all(OTHER_HALF);
        let mut reply = String::new();
        let _ = second.read_to_string(&mut reply);
        drop(rest);
        reply.starts_with("HTTP/1.1 200 ")
    };
    // Were it the time that is up, it would be so for the second too. That may
    // happen where all this takes so long, but not again and again.
    assert!((0..5).any(|_| attempt()));
}

#[test]
fn a_client_has_a_moment_for_its_request_though_others_wait() {
    let server = start();
    let attempt = || {
        let mut first = server.client(HALF);
        let rest: Vec<TcpStream> = (0..2 * CONNECTIONS_MAX)
            .map(|_| server.client(b""))
            .collect();
        // As long as a request may be on its way.
        thread::sleep(PLACE_TIME_MIN / 5);
        let _ = first.write_all(OTHER_HALF);
        let mut reply = String::new();
        let _ = first.read_to_string(&mut reply);
        drop(rest);
        reply.starts_with("HTTP/1.1 200 ")
    };
    // All this takes less than the moment, as a rule.
    assert!((0..5).any(|_| attempt()));
}

#[test]
fn a_client_has_its_time_and_no_more() {
    let server = start();
    let started = Instant::now();
    for client in [server.client(b""), server.client(HALF)] {
        assert!(is_left(client));
        assert!(started.elapsed() >= CLIENT_TIME);
    }
}

#[test]
fn answers_made_together_are_of_one_look_and_the_next_of_another() {
    let server = start();
    let mut desk = Desk::new(Arc::clone(&server.facts), Arc::clone(&server.site), None);
    let look = |desk: &mut Desk| {
        let reply = String::from_utf8(desk.reply(desk::Asked::Json, false)).unwrap();
        let (_, uptime) = reply.split_once("\"uptime_seconds\":").unwrap();
        let uptime = uptime.split(',').next().unwrap();
        uptime.parse::<f64>().unwrap()
    };
    let first = look(&mut desk);
    thread::sleep(Duration::from_millis(2));
    assert_eq!(look(&mut desk), first);
    desk.end_turn();
    assert!(look(&mut desk) > first);
}
