//! Slow clients: each kind is cut at its deadline, and other clients do not
//! notice. The crowds are as large as the machine's descriptors allow.

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use stdhttpd::server::descriptors::raise_limit;
use support::{Client, Process, Server, client::End, connect_from, content};

/// How far behind its deadline a connection may be cut. The aim is 0.25 s; the
/// rest is for a machine that is busy with other tests.
const SLACK: Duration = Duration::from_millis(1_000);

const HEADS: usize = 2_000;
const SILENT: usize = 3_000;
const READERS: usize = 500;
const BODIES: usize = 500;

/// Asserts that `elapsed` is the deadline, and little more.
#[track_caller]
fn assert_at(what: &str, elapsed: Duration, deadline: Duration) {
    println!(
        "{what}: cut {:?} after its deadline",
        elapsed.saturating_sub(deadline)
    );
    assert!(
        elapsed >= deadline,
        "{what}: {elapsed:?}, before {deadline:?}"
    );
    assert!(
        elapsed < deadline + SLACK,
        "{what}: {elapsed:?}, long after {deadline:?}"
    );
}

#[test]
fn each_kind_is_cut_at_its_deadline_with_408_or_silence() {
    let server = Server::with_page("--header-timeout 1 --body-timeout 1.2 --keep-alive 0.8");
    // Dribbled, byte by byte, from a thread each: no byte extends the time.
    let dribble = |start: &'static str, deadline: Duration| {
        let mut client = server.connect();
        let begun = Instant::now();
        client.send(start);
        let mut stream = client.stream().try_clone().expect("a second handle");
        let sender = thread::spawn(move || {
            while stream.write_all(b"a").is_ok() && begun.elapsed() < 4 * deadline {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let reply = client.reply();
        assert_at(start, begun.elapsed(), deadline);
        assert_eq!((reply.status, reply.is_last()), (408, true));
        client.assert_closed();
        drop(client);
        sender.join().expect("no panic");
    };
    dribble(
        "GET / HTTP/1.1\r\nHost: a\r\nLong: ",
        Duration::from_secs(1),
    );
    dribble(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
        Duration::from_millis(1_200),
    );
    let begun = Instant::now();
    let mut silent = server.connect();
    silent.assert_closed();
    assert_at("silent", begun.elapsed(), Duration::from_secs(1));
    let mut idle = server.connect();
    let begun = Instant::now();
    idle.get("/");
    idle.assert_closed();
    assert_at("idle", begun.elapsed(), Duration::from_millis(800));
}

#[test]
fn a_reader_that_stops_is_reset_and_one_too_slow_as_well() {
    let server = Server::build()
        .file("large.bin", content(32 << 20))
        .args("--write-timeout 1 --min-rate 4000000")
        .start();
    let stopped = server.connect();
    let begun = Instant::now();
    stopped
        .stream()
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("a request");
    let reset = stopped.wait_for_reset(begun).expect("a reset");
    assert_at("stopped", reset, Duration::from_secs(1));

    // It reads all the time, and less than it must.
    let mut slow = server.connect();
    slow.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let begun = Instant::now();
    let mut piece = vec![0; 64 << 10];
    let end = loop {
        match slow.stream().read(&mut piece) {
            Ok(0) => break End::Closed,
            Ok(_) => thread::sleep(Duration::from_millis(60)),
            Err(_) => break End::Reset,
        }
        assert!(begun.elapsed() < support::DEADLINE, "never cut");
    };
    assert_eq!(end, End::Reset);
}

/// Bytes that the kernel holds for all its sockets of TCP.
fn kernel_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/net/sockstat").expect("the kernel's figures");
    let line = text.lines().find(|line| line.starts_with("TCP:"));
    let pages = line.and_then(|line| line.rsplit(' ').next());
    pages
        .and_then(|pages| pages.parse::<usize>().ok())
        .expect("a number")
        << 12
}

#[cfg(target_os = "linux")]
#[test]
fn two_hundred_stuck_readers_pin_less_than_a_mebibyte_each() {
    const STUCK: usize = 200;
    let server = Server::build().sparse_file("large.bin", 100 << 20).start();
    let before = kernel_bytes();
    let stuck: Vec<TcpStream> = (0..STUCK)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).expect("a connection");
            stream
                .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                .expect("a request");
            stream
        })
        .collect();
    for stream in &stuck {
        stream.peek(&mut [0]).expect("the first byte");
    }
    // Each has been given all it gets once the server rests.
    let process = Process::from(&server);
    let mut cpu = process.cpu();
    loop {
        thread::sleep(Duration::from_millis(200));
        let now = process.cpu();
        if now == cpu {
            break;
        }
        cpu = now;
    }
    let pinned = kernel_bytes().saturating_sub(before);
    println!("{STUCK} stuck readers pin {} MiB", pinned >> 20);
    // Other tests on this machine have sockets too; each reader by itself
    // would pin more than 3 MiB without the bound.
    assert!(pinned < 200 << 20, "{} MiB", pinned >> 20);
}

/// Sends `start` from many connections that then do no more.
fn crowd(server: &Server, host: u8, count: usize, start: &str) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let mut stream = connect_from(host, server.address()).expect("a connection");
            stream.write_all(start.as_bytes()).expect("taken");
            stream
        })
        .collect()
}

#[test]
fn other_clients_do_not_notice_a_crowd_of_slow_ones() {
    let limit = raise_limit();
    if limit < 8_000 {
        println!("not tried: only {limit} descriptors");
        return;
    }
    let server = Server::build()
        .file("index.html", "home")
        .sparse_file("large.bin", 100 << 20)
        .args("--threads 2 --header-timeout 60 --body-timeout 60 --write-timeout 60")
        .start();
    let mut heads = crowd(&server, 2, HEADS, "GET / HTTP/1.1\r\nHost: a\r\n");
    let silent = crowd(&server, 3, SILENT, "");
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n";
    let mut bodies = crowd(&server, 4, BODIES, body);
    let readers = crowd(
        &server,
        5,
        READERS,
        "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let mut times = Vec::new();
    for round in 0..10 {
        for stream in heads.iter_mut().chain(&mut bodies) {
            stream.write_all(b"a").expect("nobody is cut yet");
        }
        for _ in 0..30 {
            let begun = Instant::now();
            let mut client = Client::connect(server.address());
            assert_eq!(client.get("/").text(), "home", "round {round}");
            times.push(begun.elapsed());
        }
    }
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    println!("beside 6,000 slow clients the 99th percentile is {p99:?}");
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
    drop((heads, silent, bodies, readers));
    support::wait_until("their descriptors to be closed", || {
        Process::from(&server).descriptors() < 60
    });
}
