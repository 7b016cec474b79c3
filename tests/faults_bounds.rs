//! What the server says at its start that it can cost at the most, and that it
//! stays below with every term filled at once.

mod support;

use std::{io::Write, net::TcpStream};

use stdhttpd::server::descriptors::raise_limit;
use support::{
    Process, Server, connect_from, content, process::receive_queues_are_empty, wait_until,
};

const IDLE: usize = 1_000;
const HALF_HEADS: usize = 600;
const BODIES: usize = 200;
const STUCK: usize = 600;
const LISTED: usize = 50;
const CACHED: usize = 400;

/// Small enough to be kept in memory.
const CACHED_BYTES: usize = 30 << 10;

/// The numbers of a line, in order.
fn numbers(line: &str) -> Vec<usize> {
    line.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[test]
fn with_every_term_filled_it_stays_below_its_bounds() {
    if raise_limit() < 8_000 {
        println!("not tried: too few descriptors");
        return;
    }
    let mut builder = Server::build()
        .file("index.html", "home")
        .file("mid.bin", content(60 << 10))
        .args("--threads 2 --cache-size 8 --max-connections 2500 --header-timeout 60 --listing")
        .args("--body-timeout 60 --write-timeout 60 --keep-alive 60")
        .env("RUST_LOG", "info");
    for number in 0..CACHED {
        builder = builder.file(&format!("cached/{number}"), content(CACHED_BYTES));
    }
    let server = builder.start();
    let line = server.wait_for_log("its bounds", |line| line.contains("resource bounds: "));
    let text = line.split_once("resource bounds: ").expect("found").1;
    let [memory, _, connections, .., descriptors] = numbers(text)[..] else {
        panic!("{text}");
    };
    let connect = |host, request: &[u8]| {
        let mut stream: TcpStream = connect_from(host, server.address()).expect("a connection");
        stream.write_all(request).expect("taken");
        stream
    };
    // What is cached, and more than fits.
    let mut client = server.connect();
    for number in 0..CACHED {
        let reply = client.get(&format!("/cached/{number}"));
        assert_eq!(reply.body.len(), CACHED_BYTES);
    }
    let mut held = Vec::new();
    for number in 0..IDLE {
        let page = connect(2, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(page.peek(&mut [0]).expect("a reply") > 0, "{number}");
        held.push(page);
    }
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nLong: {}", "a".repeat(31_000));
    held.extend((0..HALF_HEADS).map(|_| connect(3, head.as_bytes())));
    let body = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nLong: {}\r\nContent-Length: 9\r\n\r\n",
        "a".repeat(31_000)
    );
    held.extend((0..BODIES).map(|_| connect(4, body.as_bytes())));
    wait_until("all of it to be read", || {
        receive_queues_are_empty(server.address())
    });
    // Stuck behind a response, with requests behind it.
    let many = "GET /mid.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(700);
    for _ in 0..STUCK {
        let stuck = connect(5, many.as_bytes());
        stuck.peek(&mut [0]).expect("a reply");
        held.push(stuck);
    }
    // Stuck in the middle of a listing.
    let many = "GET /cached/ HTTP/1.1\r\nHost: a\r\n\r\n".repeat(700);
    for _ in 0..LISTED {
        let stuck = connect(6, many.as_bytes());
        stuck.peek(&mut [0]).expect("a reply");
        held.push(stuck);
    }
    let process = Process::from(&server);
    let (used, open) = (process.memory_bytes(), process.descriptors());
    println!(
        "{text}: with {} connections {} KiB and {open} in use",
        held.len(),
        used >> 10
    );
    assert_eq!(connections, 2_500);
    assert!(used < memory << 20, "{used} bytes of {memory} MiB");
    assert!(open <= descriptors, "{open} descriptors of {descriptors}");
    assert!(held.len() > 2_000);
}
