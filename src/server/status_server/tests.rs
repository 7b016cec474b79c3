use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::{config::SiteOptions, observe::fixture};

struct Started {
    address: SocketAddr,
    watch: Arc<Watch>,
    _root: tempfile::TempDir,
}

fn start() -> Started {
    let server = StatusServer::open(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = server.address();
    let watch = fixture::watch().0;
    let root = tempfile::tempdir().unwrap();
    let options = SiteOptions {
        root: root.path().into(),
        ..SiteOptions::default()
    };
    let site = Site::open(&options).unwrap();
    server.start(Arc::clone(&watch), site).unwrap();
    Started {
        address,
        watch,
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
    server.watch.draining.store(true, Relaxed);
    let (head, body) = server.get("/healthz");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(body, "draining\n");
    assert!(server.get("/").1.contains("stopping"));
}

#[test]
fn silent_clients_hold_a_thread_for_a_bounded_time() {
    let server = start();
    let started = Instant::now();
    let mut silent: Vec<TcpStream> = (0..2 * THREADS)
        .map(|_| TcpStream::connect(server.address).unwrap())
        .collect();
    silent[0].write_all(b"GET / HTTP/1.1\r\n").unwrap();
    // The answer comes when those before it have had their time, twice over.
    assert!(server.get("/healthz").0.starts_with("HTTP/1.1 200 "));
    assert!(started.elapsed() >= CLIENT_TIME);
}
