//! Clients that mean harm.

mod support;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use socket2::SockRef;
use support::{Process, Server, content, process::close_wait, wait_until};

fn server() -> Server {
    Server::build()
        .file("index.html", "<!doctype html><title>a page</title>\n")
        .file("mid.bin", content(512 << 10))
        .file("large.bin", content(20 << 20))
        .args("--threads 2")
        .start()
}

/// A small generator, seeded: a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

/// Makes the close a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
}

#[test]
fn ten_thousand_large_requests_and_no_reading_cost_nothing() {
    let server = server();
    let process = Process::from(&server);
    server.connect().get("/mid.bin");
    let before = process.memory_bytes();
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let pipelined = "GET /mid.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000);
    stream.set_nonblocking(true).expect("non-blocking");
    let mut sent = 0;
    let begun = Instant::now();
    // As much as the two kernels take.
    while sent < pipelined.len() && begun.elapsed() < Duration::from_secs(1) {
        match stream.write(&pipelined.as_bytes()[sent..]) {
            Ok(count) => sent += count,
            Err(why) if why.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(why) => panic!("{why}"),
        }
    }
    let cpu = process.cpu();
    std::thread::sleep(Duration::from_secs(1));
    let used = process.cpu() - cpu;
    let grown = process.memory_bytes().saturating_sub(before);
    println!(
        "in a second {used:?} of processor time, {} KiB more memory",
        grown >> 10
    );
    assert!(used <= Duration::from_millis(50), "{used:?}");
    assert!(grown < 1 << 20, "{grown} bytes");
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn five_thousand_resets_at_any_point_leave_nothing() {
    let server = server();
    let process = Process::from(&server);
    // With one connection that stays, and room for the one large file, which
    // is kept open from the moment it is old enough.
    let mut kept = server.connect();
    kept.get("/");
    let quiet = process.descriptors() + 1;
    let head = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n";
    let mut random = Random(0x5eed);
    for number in 0..5_000 {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        match number % 4 {
            // Within a head, or before its first byte.
            0 => drop(stream.write_all(&head.as_bytes()[..random.below(head.len())])),
            // Within a response, or before it.
            1 => {
                let _ = stream.write_all(head.as_bytes());
                let mut read = vec![0; random.below(100_000)];
                let _ = stream.read(&mut read);
            }
            // Within an upload.
            2 => {
                let _ = stream.write_all(upload.as_bytes());
                let _ = stream.write_all(&vec![b'a'; random.below(200_000)]);
            }
            // Connect and close.
            _ => {
                drop(stream);
                continue;
            }
        }
        reset(stream);
    }
    let begun = Instant::now();
    wait_until("their descriptors to be closed", || {
        process.descriptors() <= quiet
    });
    let elapsed = begun.elapsed();
    println!("descriptors back after {elapsed:?}");
    assert!(elapsed < Duration::from_millis(1_000), "{elapsed:?}");
    wait_until("none to be left half closed", || {
        close_wait(server.address()) == 0
    });
    assert_eq!(kept.get("/").status, 200);
}

#[test]
fn a_half_closed_client_gets_its_whole_answer_and_then_the_end() {
    let server = server();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.shutdown_write();
    assert!(client.reply().body == content(20 << 20), "another body");
    client.assert_closed();
}

/// Bytes that nearly are a request, or nothing like one.
fn noise(random: &mut Random) -> Vec<u8> {
    const SEEDS: [&str; 4] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        "GET /mid.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2,4-,-9\r\nAccept-Encoding: gzip;q=0\r\n\r\n",
        "HEAD http://a/%2e/x?y HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
    ];
    let mut bytes = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    match random.below(4) {
        0 => {
            bytes = (0..random.below(400))
                .map(|_| random.below(256) as u8)
                .collect()
        }
        1 => bytes.truncate(random.below(bytes.len())),
        _ => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes.insert(at, random.below(256) as u8),
                    _ => drop(bytes.remove(at)),
                }
            }
        }
    }
    bytes
}

/// Sends noise on so many connections; gives how much the server's memory has
/// grown from the first tenth of them on.
fn withstand(connections: usize, seed: u64) -> usize {
    let server = server();
    let process = Process::from(&server);
    let mut random = Random(seed);
    let mut before = 0;
    let mut sink = vec![0; 64 << 10];
    for number in 0..connections {
        if number == connections / 10 {
            before = process.memory_bytes();
        }
        let mut stream = TcpStream::connect(server.address()).expect("the server lives");
        let _ = stream.write_all(&noise(&mut random));
        match random.below(3) {
            0 => {
                let _ = stream.shutdown(Shutdown::Write);
                while matches!(stream.read(&mut sink), Ok(1..)) {}
            }
            1 => reset(stream),
            _ => {}
        }
    }
    wait_until("every connection to end", || {
        close_wait(server.address()) == 0 && process.descriptors() < 40
    });
    assert_eq!(server.connect().get("/").status, 200);
    let log = server.log();
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:?}");
    process.memory_bytes().saturating_sub(before)
}

#[test]
fn ten_thousand_connections_of_noise_leave_nothing() {
    let grown = withstand(10_000, 0x0dd);
    println!("{} KiB more memory", grown >> 10);
    assert!(grown < 1 << 20, "{grown} bytes");
}

#[test]
#[ignore = "takes half a minute"]
fn a_hundred_thousand_connections_of_noise_leave_nothing() {
    let grown = withstand(100_000, 0x1dd);
    println!("{} KiB more memory", grown >> 10);
    assert!(grown < 1 << 20, "{grown} bytes");
}
