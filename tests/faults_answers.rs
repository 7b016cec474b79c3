//! Answers that are known before the client has sent all: each is read whole,
//! and the connection ends soon all the same.

mod support;

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use support::{Client, Server};

/// Sends a head and then `bytes` more, as fast as the server takes them.
fn send_all(mut stream: TcpStream, head: &str, bytes: usize) {
    let piece = vec![b'a'; 64 << 10];
    let _ = stream.write_all(head.as_bytes());
    let mut left = bytes;
    while left > 0 {
        match stream.write(&piece[..piece.len().min(left)]) {
            Ok(count) => left -= count,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[test]
fn a_client_still_sending_reads_its_whole_answer() {
    let server = Server::with_page("--threads 2");
    let heads = [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n",
            413,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4000000\r\n",
            413,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n bad: x\r\n\r\n", 400),
    ];
    let mut whole = 0;
    for round in 0..15 {
        for (head, status) in heads {
            for bytes in [1 << 20, 100 << 20] {
                // What is still within the limit has no early answer.
                let bytes = bytes + (1 << 20);
                let mut client = server.connect();
                let begun = Instant::now();
                let stream = client.stream().try_clone().expect("a second handle");
                let sender = thread::spawn(move || send_all(stream, head, bytes));
                let reply = client.reply();
                assert_eq!(reply.status, status, "round {round}: {head:?}");
                assert!(reply.is_last() && !reply.body.is_empty());
                drop(client);
                sender.join().expect("no panic");
                assert!(begun.elapsed() < Duration::from_secs(5));
                whole += 1;
            }
        }
    }
    println!("{whole} of {whole} answers were read whole");
}

#[test]
fn a_client_that_never_stops_sending_is_let_go_after_two_seconds() {
    let server = Server::with_page("");
    let mut client: Client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n bad: x\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    let begun = Instant::now();
    while client.try_send(b"more").is_ok() {
        thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < support::DEADLINE, "it goes on forever");
    }
    println!("let go after {:?}", begun.elapsed());
    assert!(
        begun.elapsed() > Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        begun.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
}
