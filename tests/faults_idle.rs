//! Many thousand connections that do nothing: what they cost, and whom.

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use stdhttpd::server::descriptors::raise_limit;
use support::{Process, Server, wait_until};

/// So many where 20,000 descriptors may be had, here and in the server, ...
const CONNECTIONS: usize = 19_000;

/// ... and so many where they may not.
const CONNECTIONS_FEWER: usize = 10_000;

/// What else has a descriptor, here and in the server.
const DESCRIPTORS_BESIDE: usize = 1_000;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection that was answered once and is kept.
fn keep(server: SocketAddr, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.write_all(REQUEST).expect("a request");
    let count = stream.read(&mut [0; 2048]).expect("a reply");
    assert!(count > 0, "connection {number} is closed");
    stream
}

/// So many of them. Several threads connect, for on a machine that is busy each
/// step waits for its turn.
fn crowd(servers: &[SocketAddr], connections: usize) -> Vec<TcpStream> {
    const THREADS: usize = 8;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| {
                let numbers = (first..connections).step_by(THREADS);
                let server = servers[first % servers.len()];
                scope.spawn(move || numbers.map(|number| keep(server, number)).collect())
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|kept: Result<Vec<_>, _>| kept.expect("every connection"))
            .collect()
    })
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
fn thousands_of_idle_connections_cost_next_to_nothing() {
    let limit = raise_limit();
    let fits = |count: &usize| (count + DESCRIPTORS_BESIDE) as u64 <= limit;
    let Some(connections) = [CONNECTIONS, CONNECTIONS_FEWER].into_iter().find(fits) else {
        println!("not tried: only {limit} descriptors");
        return;
    };
    // Two addresses, so that a client of one need not use up its ports.
    let server = Server::build()
        .file("index.html", "home")
        .listen(&["127.0.0.1:0", "127.0.0.2:0"])
        .args("--threads 2 --keep-alive 120")
        .start();
    let process = Process::from(&server);
    server.connect().get("/");
    let before_p99 = newcomers_p99(&server);
    let before = process.memory_bytes();

    let kept = crowd(server.addresses(), connections);
    let held = process.memory_bytes();
    let each = held.saturating_sub(before) / connections;
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
        "{connections}: {each} bytes each, {} KiB resident with them; 99th percentile {p99:?}, \
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
