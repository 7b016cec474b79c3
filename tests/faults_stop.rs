//! Stopping under load.

mod support;

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use support::{Client, Server, content};

const LARGE: usize = 8 << 20;
const EACH: usize = 50;

#[test]
fn under_load_it_stops_with_every_response_whole() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::build()
            .file("index.html", "home")
            .file("large.bin", content(LARGE))
            .args("--threads 2 --shutdown-timeout 30")
            .start();
        let mut idle: Vec<Client> = (0..EACH).map(|_| server.connect()).collect();
        for client in &mut idle {
            client.get("/");
        }
        let mut half: Vec<Client> = (0..EACH).map(|_| server.connect()).collect();
        for client in &mut half {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n");
        }
        let mut downloads: Vec<Client> = (0..EACH).map(|_| server.connect()).collect();
        for client in &mut downloads {
            client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            client.read_some(1_000);
        }
        // Half a head is closed alike if it is older than the 100 ms that a
        // stopping server waits for one.
        std::thread::sleep(Duration::from_millis(150));
        let begun = Instant::now();
        server.signal(signal);
        for client in idle.iter_mut().chain(&mut half) {
            client.assert_closed();
        }
        let released = begun.elapsed();
        let expected = content(LARGE);
        for client in &mut downloads {
            assert!(client.reply().body == expected, "another body");
        }
        // They stay open on this side: the server does not wait for it.
        let last = Instant::now();
        assert_eq!(server.exit_code(), 0);
        println!(
            "{signal:?}: idle ones and half heads released after {released:?}, exit {:?} after \
             the last response",
            last.elapsed()
        );
        // The aims are 20 ms and 0.3 s, on a machine that does nothing else.
        assert!(released < Duration::from_millis(500), "{released:?}");
        assert!(
            last.elapsed() < Duration::from_millis(1_000),
            "{:?}",
            last.elapsed()
        );
    }
}

#[test]
fn a_second_signal_ends_it_within_a_second() {
    let mut server = Server::build()
        .file("large.bin", content(LARGE))
        .args("--shutdown-timeout 60")
        .start();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    server.signal(Signal::TERM);
    support::wait_until("the listener to close", || {
        TcpStream::connect(server.address()).is_err()
    });
    let begun = Instant::now();
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), 128 + 2);
    println!("ended after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(1_000));
}
