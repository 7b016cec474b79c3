//! An access log that cannot be written: a reader that sleeps, a full disk.

mod support;

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader},
    os::unix::fs::OpenOptionsExt,
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat},
    process::{Pid, Resource, Rlimit, Signal, prlimit},
};
use serde_json::Value;
use support::{Client, Server, server::Builder, wait_until};

fn site() -> Builder {
    Server::build().file("index.html", "<!doctype html><title>a page</title>\n")
}

/// Some 8 KiB a line: the queue is full after a few hundred.
fn long_fields() -> String {
    format!("User-Agent: {0}\r\nReferer: {0}\r\n", "x".repeat(4_096))
}

fn lost(status: &str) -> u64 {
    let address = status
        .trim_start_matches("status on http://")
        .trim_end_matches('/');
    let mut client = Client::connect(address.parse().expect("an address"));
    let json: Value = serde_json::from_slice(&client.get("/status.json").body).expect("JSON");
    json["log_lines_lost"].as_u64().expect("a count")
}

#[test]
fn a_reader_that_sleeps_stops_nobody_and_what_is_lost_is_counted() {
    const REQUESTS: usize = 1_500;
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    let reader: File = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&pipe)
        .expect("its reading end");
    let mut server = site()
        .args("--status 127.0.0.1:0 --access-log")
        .arg(&pipe)
        .start();
    let status = server.next_output();
    let mut client = server.connect();
    let fields = long_fields();
    for _ in 0..REQUESTS {
        assert_eq!(client.get_with("/", &fields).status, 200);
    }
    wait_until("lines are lost", || lost(&status) > 0);
    server.wait_for_log("the pipe", |line| line.contains("access log"));

    // The reader wakes up: what it gets are whole lines, and none is missing
    // that was not counted.
    rustix::fs::fcntl_setfl(&reader, OFlags::empty()).expect("a blocking pipe");
    let read = std::thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        let whole = |line: &String| line.starts_with("127.0.0.1 - - [") && line.ends_with("x\"");
        lines.inspect(|line| assert!(whole(line), "{line}")).count()
    });
    server.wait_for_log("its end", |line| line.contains("writing resumed"));
    let lost = lost(&status) as usize;
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    assert_eq!(read.join().expect("whole lines") + lost, REQUESTS);
    let said = server.final_log();
    let about = said
        .iter()
        .filter(|line| line.contains("access log"))
        .count();
    assert_eq!(
        about, 2,
        "once that they are lost, once how many: {said:#?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_nobody() {
    let mut server = site().args("--access-log /dev/full").start();
    let mut client = server.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/").status, 200);
    }
    server.wait_for_log("the disk", |line| line.contains("No space left on device"));
    for _ in 0..100 {
        assert_eq!(client.get("/").status, 200);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    let said = server.final_log();
    let about = said.iter().filter(|line| line.contains("No space")).count();
    assert_eq!(about, 1, "{said:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_at_the_limit_on_file_sizes_stops_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut server = site().args("--access-log").arg(&log).start();
    let limit_bytes = |maximum| {
        let limit = Rlimit {
            current: Some(maximum),
            maximum: None,
        };
        let pid = Pid::from_raw(server.pid() as i32);
        prlimit(pid, Resource::Fsize, limit).expect("a process of ours");
    };
    limit_bytes(100);
    let mut client = server.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/").status, 200);
    }
    server.wait_for_log("the limit", |line| line.contains("File too large"));
    assert_eq!(client.get("/").status, 200);
    limit_bytes(1 << 20);
    server.wait_for_log("its end", |line| line.contains("resumed; 0 lines lost"));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    let lines = std::fs::read_to_string(&log).expect("the log");
    assert_eq!(lines.lines().count(), 11);
}

#[test]
#[cfg(target_os = "linux")]
fn lines_unwritten_at_the_end_are_reported_as_lost() {
    let mut server = site().args("--access-log /dev/full").start();
    let mut client = server.connect();
    for _ in 0..5 {
        assert_eq!(client.get("/").status, 200);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    let said = server.final_log();
    let about = said.iter().filter(|line| line.contains("lost"));
    // Whether the trouble was said before, with "more will be lost", is chance.
    let numbers: Vec<_> = about.filter(|line| line.contains("lines lost")).collect();
    assert!(
        matches!(numbers[..], [line] if line.contains(" 5 lines lost")),
        "{said:#?}"
    );
}
