//! Small requests beside large downloads, on one thread.

mod support;

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use support::{Client, Server, content};

const DOWNLOADS: usize = 16;
const LARGE: u64 = 100 << 20;

/// The least time for which the small file is asked for.
const TIME: Duration = Duration::from_secs(3);

#[test]
fn small_requests_are_not_starved_by_downloads() {
    let server = Server::build()
        .file("small.bin", content(1_024))
        .sparse_file("large.bin", LARGE)
        .args("--threads 1")
        .start();
    let address = server.address();
    let stop = Arc::new(AtomicBool::new(false));
    let received = Arc::new(AtomicU64::new(0));
    let downloads: Vec<_> = (0..DOWNLOADS)
        .map(|_| {
            let (stop, received) = (Arc::clone(&stop), Arc::clone(&received));
            thread::spawn(move || download(address, &stop, &received))
        })
        .collect();
    while received.load(Relaxed) < 16 << 20 {
        thread::yield_now();
    }
    let mut client = server.connect();
    let (mut waits, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < TIME {
        let asked = Instant::now();
        assert_eq!(client.get("/small.bin").body.len(), 1_024);
        waits.push(asked.elapsed());
        thread::sleep(Duration::from_micros(200));
    }
    stop.store(true, Relaxed);
    for download in downloads {
        download.join().expect("no failure");
    }
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100];
    println!(
        "{} requests of 1 KiB beside {DOWNLOADS} downloads of {} MiB, {} MiB/s in all: median \
         {:?}, 99th percentile {p99:?}, longest {:?}",
        waits.len(),
        LARGE >> 20,
        (received.load(Relaxed) >> 20) / TIME.as_secs(),
        waits[waits.len() / 2],
        waits[waits.len() - 1],
    );
    assert!(p99 < Duration::from_millis(50), "{p99:?}");
    assert!(received.load(Relaxed) > LARGE, "the downloads starve");
}

/// Downloads the large file over and over, each time on a new connection.
fn download(address: std::net::SocketAddr, stop: &AtomicBool, received: &AtomicU64) {
    let mut piece = vec![0; 1 << 20];
    while !stop.load(Relaxed) {
        let mut client = Client::connect(address);
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut left = LARGE;
        while left > 0 && !stop.load(Relaxed) {
            let count = client.stream().read(&mut piece).expect("more bytes") as u64;
            assert!(count > 0, "closed too early");
            received.fetch_add(count, Relaxed);
            // The head comes on top of it, and a little is left unread.
            left = left.saturating_sub(count);
        }
    }
}
