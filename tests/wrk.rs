//! A second under wrk in both manners: not a measurement, but a claim that
//! nothing fails. Run by `tests/run.sh`.

mod support;

use std::process::Command;

use support::{Server, content, run};

/// Runs wrk for a second; asserts that every answer was a success and no
/// connection failed.
#[track_caller]
fn load(server: &Server, target: &str, args: &[&str]) {
    let url = format!("http://{}{target}", server.address());
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", "64", "--duration", "1s"]);
    let output = run(command.args(args).arg(url));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    let requests = report
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse::<u64>().ok());
    assert!(requests.is_some_and(|count| count > 100), "{report}");
}

#[test]
#[ignore = "needs wrk"]
fn kept_connections_carry_load() {
    let server = Server::build().file("a.txt", content(1_024)).start();
    load(&server, "/a.txt", &[]);
    server.connect().assert_open();
}

#[test]
#[ignore = "needs wrk"]
fn short_connections_carry_load() {
    let server = Server::build().file("a.txt", content(1_024)).start();
    load(&server, "/a.txt", &["--header", "Connection: close"]);
    server.connect().assert_open();
}

#[test]
#[ignore = "needs wrk"]
fn a_short_connection_server_carries_load() {
    let server = Server::build()
        .file("a.txt", content(1_024))
        .args("--keep-alive 0")
        .start();
    load(&server, "/a.txt", &[]);
}

#[test]
#[ignore = "needs wrk"]
fn large_answers_carry_load() {
    let server = Server::build().file("a.bin", content(1 << 20)).start();
    load(&server, "/a.bin", &[]);
    server.connect().assert_open();
}
