//! slowhttptest in its four modes: the service stays available throughout.
//! Needs the program, which Debian has; tests/run.sh installs it.

mod support;

use std::process::{Command, Output};

use support::{Server, content};

/// Runs it for a few seconds and gives what it found.
fn attack(server: &Server, mode: &[&str], path: &str) -> String {
    let url = format!("http://{}{path}", server.address());
    let mut command = Command::new("slowhttptest");
    command
        .args(mode)
        .args(["-c", "500", "-r", "250", "-l", "6", "-p", "2", "-u", &url]);
    let Output { stdout, stderr, .. } = support::run(&mut command);
    without_colours(&(String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr)))
}

/// `text` without its escape sequences: one stands before each YES and NO.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default();
    let rest = pieces.map(|piece| {
        piece
            .split_once(char::is_alphabetic)
            .map_or("", |(_, text)| text)
    });
    [first].into_iter().chain(rest).collect()
}

#[track_caller]
fn assert_available(mode: &[&str], path: &str) {
    let server = Server::build()
        .file("index.html", "home")
        .file("large.bin", content(4 << 20))
        .args("--threads 2")
        .start();
    let report = attack(&server, mode, path);
    let available: Vec<&str> = report
        .lines()
        .filter_map(|line| line.strip_prefix("service available:"))
        .map(str::trim)
        .collect();
    assert!(!available.is_empty(), "{mode:?}:\n{report}");
    assert!(
        available.iter().all(|&word| word == "YES"),
        "{mode:?}:\n{report}"
    );
    assert_eq!(server.connect().get("/").text(), "home");
}

#[test]
#[ignore = "needs slowhttptest"]
fn slow_headers() {
    assert_available(&["-H", "-i", "1"], "/");
}

#[test]
#[ignore = "needs slowhttptest"]
fn slow_bodies() {
    assert_available(&["-B", "-i", "1", "-s", "8192"], "/");
}

#[test]
#[ignore = "needs slowhttptest"]
fn overlapping_ranges() {
    assert_available(&["-R", "-a", "1", "-b", "3000"], "/large.bin");
}

#[test]
#[ignore = "needs slowhttptest"]
fn slow_readers() {
    assert_available(
        &[
            "-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "3",
        ],
        "/large.bin",
    );
}
