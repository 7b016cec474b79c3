//! A long run with clients of all kinds, at whose end memory and descriptors
//! are where they began. Ten minutes, or SOAK_SECONDS.

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;
use support::{Client, Process, Server, content, process::close_wait, wait_until};

const SECONDS: u64 = 600;

/// What one client of each kind does with one connection.
fn visit(kind: usize, round: usize, address: std::net::SocketAddr) -> bool {
    const GET_LARGE: &[u8] = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    match kind {
        // Kept alive, with a request that depends on the round.
        0 => {
            let mut client = Client::connect(address);
            let whole = client.get("/").text() == "home";
            let part = client.get_with("/mid.bin", "Range: bytes=10-19\r\n");
            let missing = client.get(&format!("/missing-{round}"));
            whole && part.body.len() == 10 && missing.status == 404
        }
        // A download, whole.
        1 => Client::connect(address).get("/large.bin").body.len() == 8 << 20,
        // A download, left.
        2 => {
            let mut stream = TcpStream::connect(address).expect("the server lives");
            let _ = stream.write_all(GET_LARGE);
            let _ = stream.read(&mut vec![0; 1 + round % 100_000]);
            let linger = round.is_multiple_of(2).then_some(Duration::ZERO);
            SockRef::from(&stream)
                .set_linger(linger)
                .expect("SO_LINGER");
            true
        }
        // Half a head.
        3 => {
            let mut stream = TcpStream::connect(address).expect("the server lives");
            let _ = stream.write_all(&GET_LARGE[..1 + round % (GET_LARGE.len() - 1)]);
            thread::sleep(Duration::from_millis(5));
            true
        }
        // No HTTP.
        _ => {
            let mut client = Client::connect(address);
            let _ = client.try_send(format!("\0{round}\r\n\r\n").as_bytes());
            client.reply().status == 400
        }
    }
}

#[test]
#[ignore = "takes ten minutes, or SOAK_SECONDS"]
fn memory_and_descriptors_end_where_they_began() {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds
        .and_then(|text| text.parse().ok())
        .unwrap_or(SECONDS);
    let server = Server::build()
        .file("index.html", "home")
        .file("mid.bin", content(50_000))
        .file("large.bin", content(8 << 20))
        .args("--threads 2 --header-timeout 2 --keep-alive 2")
        .start();
    let address = server.address();
    let process = Process::from(&server);
    let descriptors = process.descriptors();
    let stop = Arc::new(AtomicBool::new(false));
    let visits = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..5)
        .map(|kind| {
            let (stop, visits) = (Arc::clone(&stop), Arc::clone(&visits));
            thread::spawn(move || {
                let mut round = 0;
                while !stop.load(Relaxed) {
                    assert!(visit(kind, round, address), "kind {kind}, round {round}");
                    round += 1;
                    visits.fetch_add(1, Relaxed);
                    // So that TIME_WAIT does not use up the ports.
                    thread::sleep(Duration::from_millis(2));
                }
            })
        })
        .collect();
    let start = Instant::now();
    let mut begun = None;
    while start.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_millis(100));
        // Once it is warm.
        if begun.is_none() && start.elapsed() > Duration::from_secs(seconds / 10) {
            begun = Some(process.memory_bytes());
        }
    }
    stop.store(true, Relaxed);
    for client in clients {
        client.join().expect("every visit went as it should");
    }
    wait_until("every connection to end", || {
        // The two large files may be kept open.
        process.descriptors() <= descriptors + 2 && close_wait(address) == 0
    });
    let begun = begun.expect("long enough");
    let ended = process.memory_bytes();
    println!(
        "{} visits in {seconds} s: {} KiB after a tenth of them, {} KiB at the end, {} descriptors",
        visits.load(Relaxed),
        begun >> 10,
        ended >> 10,
        process.descriptors()
    );
    assert!(ended < begun + (1 << 20), "{begun} to {ended} bytes");
    assert_eq!(server.connect().get("/").text(), "home");
}
