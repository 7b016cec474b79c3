//! Ten thousand connections that do nothing: what they cost, and whom.

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use support::{Process, Server, connect_from, lift_descriptor_limit, wait_until};

const CONNECTIONS: usize = 10_000;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection that was answered once and is kept.
fn keep(server: SocketAddr, number: usize) -> TcpStream {
    let mut stream = connect_from(2 + (number / 5_000) as u8, server).expect("a connection");
    stream.write_all(REQUEST).expect("a request");
    let count = stream.read(&mut [0; 2048]).expect("a reply");
    assert!(count > 0, "connection {number} is closed");
    stream
}

/// The 99th percentile of the times from connecting to the whole reply.
fn newcomers_p99(server: &Server) -> Duration {
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(server.connect().get("/").status, 200);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() * 99 / 100]
}

#[test]
fn ten_thousand_idle_connections_cost_next_to_nothing() {
    let limit = lift_descriptor_limit();
    if limit < CONNECTIONS as u64 + 1_000 {
        println!("not tried: only {limit} descriptors");
        return;
    }
    let server = Server::with_page("--threads 2 --keep-alive 120");
    let process = Process::from(&server);
    server.connect().get("/");
    let before_p99 = newcomers_p99(&server);
    let before = process.memory_bytes();

    let kept: Vec<_> = (0..CONNECTIONS)
        .map(|number| keep(server.address(), number))
        .collect();
    let held = process.memory_bytes();
    let each = held.saturating_sub(before) / CONNECTIONS;
    let resident = process.resident_bytes();
    let p99 = newcomers_p99(&server);
    drop(kept);
    wait_until("their descriptors to be closed", || {
        process.descriptors() < 100
    });
    server.connect().get("/");
    wait_until("their memory to be given back", || {
        process.memory_bytes() < before + (1 << 20)
    });
    println!(
        "{each} bytes each, {} KiB resident with them; 99th percentile {p99:?}, \
         {before_p99:?} without; own memory {} KiB before, {} KiB after",
        resident >> 10,
        before >> 10,
        process.memory_bytes() >> 10
    );
    assert!(each <= 1024, "{each} bytes of memory each");
    assert!(resident <= 20 << 20, "{resident} bytes in all");
    // The machine may be busy with other tests; the figure is printed.
    assert!(p99 < Duration::from_millis(100), "99th percentile {p99:?}");
}
